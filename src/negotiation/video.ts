import type { SdpAttribute, SdpBandwidth, SdpCrypto, SdpDirection, SdpFormat, SdpMedia, SdpSession } from "../wire/sdp/index.ts";
import { type RemoteMedia, remoteMedia } from "./agreement.ts";
import { emptyMedia, type LocalMedia } from "./answer.ts";
import { capabilityOf, type FormatParameters, parseParameters, sameName } from "./capability.ts";
import { answerDirection, directionOf } from "./direction.ts";
import { decodesH264, h264Of, h264ProfileOf, lowerLevel } from "./h264.ts";

/** What a picture's line is for: `a=content` (RFC 4796), or its place. */
export type PictureRole = "camera" | "screen" | "further";

/** What we can and wish of a picture. */
export interface VideoWish {
  /** In our order. */
  readonly codecs: readonly VideoCodecName[];
  /** `profile-level-id` of what we take and send at most: what is relayed must suit everybody (RFC 6184 section 8.1). */
  readonly profileLevelId: string;
  /** Bits per second we take. */
  readonly maxBitrate: number;
  readonly direction?: SdpDirection;
  /** The far end goes from one codec to another within a line, as browsers do: it may have all that both sides have, not only the best. */
  readonly anyCodec?: boolean;
}

/** Codecs that are relayed. */
export type VideoCodecName = "H264" | "VP8";

/** One codec both sides have. */
export interface AgreedVideoCodec {
  readonly name: VideoCodecName;
  /** What we send to the far end, and what the far end sends: they may differ (RFC 3264 section 5.1). */
  readonly sendPayloadType: number;
  readonly receivePayloadType: number;
  /** H.264: what the far end's decoder takes, RFC 6184 section 8.1; hexadecimal `profile-level-id`. Absent: nothing is known, anything is sent. */
  readonly profileLevelId?: string;
  /** H.264: further `profile-level-id`s that the far end has offered, which we have left out of our answer: it decodes them as well. */
  readonly decodes?: readonly string[];
  /** H.264: 1 where the far end takes fragments (FU-A) and aggregates (STAP-A); 0 where single NAL units only. */
  readonly packetizationMode?: 0 | 1;
  /** H.264: the far end's `sprop-parameter-sets` as in its fmtp, where given: some send their parameter sets nowhere else (RFC 6184 section 8.1). */
  readonly parameterSets?: string;
  /** Retransmissions in a stream of their own (RFC 4588), by payload type. */
  readonly rtx?: { readonly sendPayloadType: number; readonly receivePayloadType: number };
}

/** What the far end understands of RTCP (RFC 4585, RFC 5104, draft-alvestrand-rmcat-remb). */
export interface AgreedFeedback {
  readonly nack: boolean;
  readonly pli: boolean;
  readonly fir: boolean;
  readonly tmmbr: boolean;
  readonly remb: boolean;
}

export interface VideoAgreement {
  readonly kind: "agreed";
  readonly codecs: readonly AgreedVideoCodec[];
  readonly feedback: AgreedFeedback;
  readonly direction: SdpDirection;
  /** Undefined while the peer's address is unspecified. */
  readonly remote?: RemoteMedia;
  /** Bits per second the peer takes; null where it does not say. */
  readonly maxBitrate: number | null;
}

/** A line that stays without picture, and why, for the log and the roster. Never the end of a call. */
export interface NoPicture {
  readonly kind: "none";
  readonly reason: string;
}

function noPicture(reason: string): NoPicture {
  return { kind: "none", reason };
}

/**
 * What a video line is for: `slides` is a screen, `alt` a further picture; of lines without a word the first is the camera and the second, where a floor
 * (BFCP) names its label, a screen. Null for one that fits nowhere.
 */
export function pictureRole(session: SdpSession, index: number): PictureRole | null {
  const media = session.media[index]!;
  if (media.kind !== "video") return null;
  const { content } = media;
  if (content === "slides") return "screen";
  if (content === "alt") return "further";
  if (content === "main" || content === "speaker") return "camera";
  const floors = session.media.flatMap(floorLabels);
  const hasFloor = (other: SdpMedia) => other.label !== undefined && floors.includes(other.label);
  if (hasFloor(media)) return "screen";
  const first = session.media.find((other) => other.kind === "video" && other.content === undefined && !hasFloor(other));
  return first === media ? "camera" : null;
}

/** Labels of the streams that a line's floors are for: `a=floorid:1 mstrm:12` (RFC 8856 section 5.5). */
export function floorLabels({ attributes }: SdpMedia): string[] {
  return attributes.flatMap(({ name, value = "" }) => {
    if (name !== "floorid") return [];
    const lower = value.toLowerCase();
    const at = ["mstrm:", "m-stream:"].map((mark) => [lower.indexOf(mark), mark.length] as const).find(([found]) => found >= 0);
    if (at === undefined) return [];
    return value
      .slice(at[0] + at[1])
      .split(/\s+/)
      .filter((label) => label !== "");
  });
}

/** What line `index` of an offer and our wish have in common. */
export function negotiateVideo(offer: SdpSession, index: number, wish: VideoWish): VideoAgreement | NoPicture {
  const media = offer.media[index]!;
  const codecs = offeredCodecs(media, wish);
  return agreeVideo(offer, index, codecs, directionOf(offer, media), wish.direction);
}

function agreeVideo(
  session: SdpSession,
  index: number,
  codecs: readonly AgreedVideoCodec[],
  theirs: SdpDirection,
  ours: SdpDirection | undefined,
): VideoAgreement | NoPicture {
  const media = session.media[index]!;
  if (codecs.length === 0) return noPicture(`no video codec in common, ${codecNames(media)} offered`);
  const remote = remoteMedia(session, media);
  if (remote && "kind" in remote) return noPicture(remote.text);
  return {
    kind: "agreed",
    codecs,
    feedback: feedbackOf(media, codecs),
    direction: answerDirection(theirs, ours),
    ...(remote && { remote }),
    maxBitrate: bitrateOf(media.bandwidths) ?? null,
  };
}

/**
 * H.264 formats we can relay, best first: those of which the wished profile's decoders are capable (constrained baseline, unless configured otherwise), others
 * where there are none: what is sent must suit everybody. Fragments (mode 1) before single units; mode 2 (interleaved) never.
 * VP8 of a room that has H.264 too is not used: other rooms have H.264.
 */
function offeredCodecs(media: SdpMedia, wish: VideoWish): AgreedVideoCodec[] {
  const found = media.formats.flatMap((format): (AgreedVideoCodec & { readonly rank: number })[] => {
    const capability = capabilityOf(format);
    const name = wish.codecs.find((codec) => capability && sameName(codec, capability.codec));
    if (!capability || !name || capability.clockRate !== 90_000) return [];
    const { payloadType } = format;
    const codec = { name, sendPayloadType: payloadType, receivePayloadType: payloadType, ...rtxOf(media, media, payloadType) };
    const base = 100 * wish.codecs.indexOf(name);
    if (name !== "H264") return [{ ...codec, rank: base }];
    const h264 = h264Of(capability.parameters);
    if (!h264 || h264.packetizationMode > 1) return [];
    const [offered, wished] = [h264ProfileOf(h264.profileLevelId), h264ProfileOf(wish.profileLevelId)];
    const apart = offered === wished ? 0 : decodesH264(wished, offered) ? 10 : 20;
    const rank = base + apart + (h264.packetizationMode === 1 ? 0 : 1);
    return [
      {
        ...codec,
        profileLevelId: h264.profileLevelId,
        packetizationMode: h264.packetizationMode as 0 | 1,
        ...spropOf(capability.parameters),
        rank,
      },
    ];
  });
  const sorted = found.sort((a, b) => a.rank - b.rank);
  const [best] = sorted;
  // one codec for a room's line: what comes need never be guessed, and a switch never changes the decoder
  const same = sorted.filter(({ name }) => wish.anyCodec || name === best?.name);
  const wished = h264ProfileOf(wish.profileLevelId);
  const suits = ({ profileLevelId }: AgreedVideoCodec) =>
    profileLevelId === undefined || decodesH264(wished, h264ProfileOf(profileLevelId));
  const taken = same.some(suits) ? same.filter(suits) : same;
  const decodes = same.filter((one) => !taken.includes(one)).flatMap(({ profileLevelId }) => profileLevelId ?? []);
  return taken.map(({ rank, ...codec }, at) => (at === 0 && decodes.length > 0 ? { ...codec, decodes } : codec));
}

function spropOf(parameters: FormatParameters): { parameterSets?: string } {
  const sets = parameters["sprop-parameter-sets"];
  return sets === undefined ? {} : { parameterSets: sets };
}

function rtxOf(ours: SdpMedia, theirs: SdpMedia, payloadType: number, sent = payloadType): Pick<AgreedVideoCodec, "rtx"> {
  const find = (media: SdpMedia, apt: number) =>
    media.formats.find((f) => sameName(f.codec ?? "", "rtx") && parseParameters(f.fmtp)["apt"] === String(apt))?.payloadType;
  const [receivePayloadType, sendPayloadType] = [find(ours, payloadType), find(theirs, sent)];
  return receivePayloadType === undefined || sendPayloadType === undefined ? {} : { rtx: { receivePayloadType, sendPayloadType } };
}

function codecNames(media: SdpMedia): string {
  const names = media.formats.map((format) => capabilityOf(format)?.codec).filter((name) => name !== undefined);
  return [...new Set(names)].slice(0, 8).join(", ").slice(0, 100) || "nothing known";
}

/** Feedback a line names, for all formats or the ones agreed. */
function feedbackOf(media: SdpMedia, codecs: readonly AgreedVideoCodec[]): AgreedFeedback {
  const types = new Set(codecs.map(({ sendPayloadType }) => sendPayloadType));
  const said = [...media.feedback, ...media.formats.filter((f) => types.has(f.payloadType)).flatMap((f) => f.feedback)].map((f) =>
    f.trim().toLowerCase().replace(/\s+/g, " "),
  );
  const has = (what: string) => said.some((one) => one === what || one.startsWith(`${what} `));
  return {
    nack: said.includes("nack"),
    pli: has("nack pli"),
    fir: has("ccm fir"),
    tmmbr: has("ccm tmmbr"),
    remb: said.includes("goog-remb"),
  };
}

/** b=TIAS before b=AS, whose kilobits count headers too (RFC 3890); bits per second. */
export function bitrateOf(bandwidths: readonly SdpBandwidth[]): number | undefined {
  const tias = bandwidths.find(({ type }) => type === "TIAS")?.value;
  if (tias !== undefined) return tias;
  const as = bandwidths.find(({ type }) => type === "AS")?.value;
  return as === undefined ? undefined : as * 1000;
}

function bandwidths(bitsPerSecond: number): SdpBandwidth[] {
  return [
    { type: "AS", value: Math.ceil(bitsPerSecond / 1000) },
    { type: "TIAS", value: bitsPerSecond },
  ];
}

/** Our answer to an offered video line. */
export function composeVideoAnswer(offered: SdpMedia, agreement: VideoAgreement, local: LocalMedia, wish: VideoWish): SdpMedia {
  const formats = agreement.codecs.flatMap((codec): SdpFormat[] => {
    const theirs = offered.formats.find(({ payloadType }) => payloadType === codec.receivePayloadType)!;
    const format = { ...theirs, ...fmtpOf(codec, parseParameters(theirs.fmtp), wish), feedback: feedbackLines(agreement.feedback) };
    const { rtx } = codec;
    return rtx ? [format, rtxFormat(rtx.receivePayloadType, codec.receivePayloadType)] : [format];
  });
  return videoLine(offered.protocol, formats, local, {
    bandwidths: bandwidths(wish.maxBitrate),
    rtcpMux: offered.rtcpMux && local.rtcpMux === true,
    direction: agreement.direction,
    ...(offered.content !== undefined && { content: offered.content }),
    ...(offered.label !== undefined && { label: offered.label }),
    ...(offered.mid !== undefined && { mid: offered.mid }),
  });
}

/** RFC 6184 section 8.2.2: profile and mode as offered, the level no higher than either side's, or our own where they may differ. */
function fmtpOf(codec: AgreedVideoCodec, theirs: FormatParameters, wish: VideoWish): Pick<SdpFormat, "fmtp"> {
  if (codec.name !== "H264" || codec.profileLevelId === undefined) return {};
  const asymmetric = theirs["level-asymmetry-allowed"] === "1";
  const level = lowerLevel(codec.profileLevelId, wish.profileLevelId);
  return {
    fmtp: [
      `profile-level-id=${asymmetric ? codec.profileLevelId.slice(0, 4) + wish.profileLevelId.slice(4) : level}`,
      `packetization-mode=${codec.packetizationMode ?? 0}`,
      ...(asymmetric ? ["level-asymmetry-allowed=1"] : []),
    ].join(";"),
  };
}

/** How a line of ours is offered. */
export interface VideoOfferOptions {
  readonly role: PictureRole;
  readonly wish: VideoWish;
  readonly local: LocalMedia;
  readonly protocol: string;
  /** RFC 4574; what a floor refers to. */
  readonly label?: string;
}

const CONTENT: Readonly<Record<PictureRole, string>> = { camera: "main", screen: "slides", further: "alt" };
const EVERY_FEEDBACK: AgreedFeedback = { nack: true, pli: true, fir: true, tmmbr: true, remb: false };

/** Our offer of a video line: H.264 in both packetization modes, RTCP feedback under AVP as room systems do it. */
export function composeVideoOffer({ role, wish, local, protocol, label }: VideoOfferOptions): SdpMedia {
  const format = (payloadType: number, mode: number): SdpFormat => ({
    payloadType,
    codec: "H264",
    clockRate: 90_000,
    fmtp: `profile-level-id=${wish.profileLevelId};packetization-mode=${mode};level-asymmetry-allowed=1`,
    feedback: [],
  });
  return videoLine(protocol, [format(97, 1), format(98, 0)], local, {
    bandwidths: bandwidths(wish.maxBitrate),
    rtcpMux: local.rtcpMux === true,
    direction: wish.direction ?? "sendrecv",
    content: CONTENT[role],
    // for every format at once: an offer must fit into a datagram
    feedback: feedbackLines(EVERY_FEEDBACK),
    ...(label !== undefined && { label }),
  });
}

/** What the answer to our offer makes of line `index`. */
export function readVideoAnswer(ours: SdpMedia, answer: SdpSession, index: number, wish: VideoWish): VideoAgreement | NoPicture {
  const answered = answer.media[index];
  if (answered?.kind !== "video" || answered.port === 0) return noPicture("the far end takes no picture");
  const codecs = answered.formats.flatMap((format): AgreedVideoCodec[] => {
    const meaning = capabilityOf(format) ?? ownMeaning(ours, format);
    const name = wish.codecs.find((codec) => meaning && sameName(codec, meaning.codec));
    if (!meaning || !name) return [];
    const h264 = name === "H264" ? h264Of(meaning.parameters) : undefined;
    const match = ours.formats.find((mine) => {
      const own = capabilityOf(mine);
      if (!own || !sameName(own.codec, name)) return false;
      return name !== "H264" || h264Of(own.parameters)?.packetizationMode === h264?.packetizationMode;
    });
    if (!match || (name === "H264" && !h264)) return [];
    return [
      {
        name,
        sendPayloadType: format.payloadType,
        receivePayloadType: match.payloadType,
        ...(h264 && {
          profileLevelId: h264.profileLevelId,
          packetizationMode: h264.packetizationMode as 0 | 1,
          ...spropOf(meaning.parameters),
        }),
        ...rtxOf(ours, answered, match.payloadType, format.payloadType),
      },
    ];
  });
  return agreeVideo(answer, index, codecs, directionOf(answer, answered), ours.direction);
}

function ownMeaning(ours: SdpMedia, { payloadType }: SdpFormat) {
  const own = ours.formats.find((format) => format.payloadType === payloadType);
  return own && capabilityOf(own);
}

function feedbackLines({ nack, pli, fir, tmmbr, remb }: AgreedFeedback): string[] {
  return [
    ...(nack ? ["nack"] : []),
    ...(pli ? ["nack pli"] : []),
    ...(fir ? ["ccm fir"] : []),
    ...(tmmbr ? ["ccm tmmbr"] : []),
    ...(remb ? ["goog-remb"] : []),
  ];
}

function rtxFormat(payloadType: number, apt: number): SdpFormat {
  return { payloadType, codec: "rtx", clockRate: 90_000, fmtp: `apt=${apt}`, feedback: [] };
}

function videoLine(protocol: string, formats: readonly SdpFormat[], local: LocalMedia, rest: Partial<SdpMedia>): SdpMedia {
  const crypto: readonly SdpCrypto[] = local.crypto ?? [];
  const attributes: readonly SdpAttribute[] = [];
  return {
    ...emptyMedia("video", protocol, formats),
    connection: local.connection,
    port: local.port,
    crypto,
    attributes,
    ...(local.rtcpPort !== undefined && local.rtcpPort !== local.port + 1 && { rtcp: { port: local.rtcpPort } }),
    ...rest,
  };
}
