import type { AudioFormat, CameraFormat, LineMedia, LineName, LocalCapabilities, LocalMedia, VideoFormat } from "../../h323/index.ts";
import { payloadTypeOf } from "../../h323/index.ts";
import { capabilityOf, type MediaCapability } from "../../negotiation/index.ts";
import { parseSdp, type SdpDirection, type SdpMedia, type SdpSession } from "../../wire/sdp/index.ts";
import { readVideo, videoParameters } from "./h264-description.ts";

/** Ways in which a far end can be asked to send keys: RTP, and H.245's two. Q.931 keypad needs no asking. */
export const DIGIT_WAYS = ["rfc4733", "alphanumeric", "signal"] as const;
export type DigitWay = (typeof DIGIT_WAYS)[number];

/** One line of our description. */
export interface DescribedLine {
  /** What H.245 calls it; undefined for what cannot be said there, or was rejected. */
  readonly name: LineName | undefined;
  /** As it is repeated where it is rejected. */
  readonly media: SdpMedia;
}

/** What a session description says that H.245 can say too. */
export interface Described {
  readonly media: LocalMedia;
  readonly capabilities: LocalCapabilities;
  /** Of the audio. */
  readonly direction: SdpDirection;
  readonly lines: readonly DescribedLine[];
}

/** Codecs that a description and H.245 both have a name for, by RTP encoding name in upper case, with their RTP clock. */
const CODECS: Readonly<Record<string, readonly [AudioFormat["codec"], number]>> = {
  G722: ["G722", 8000],
  PCMU: ["PCMU", 8000],
  PCMA: ["PCMA", 8000],
  G729: ["G729", 8000],
  GSM: ["GSM", 8000],
  G723: ["G723", 8000],
  G7221: ["G7221", 16_000],
  OPUS: ["opus", 48_000],
};

/** Reads our media server's description for H.245; undefined when no audio in it can be said there. `digits` are the ways of keys to ask for. */
export function readDescription(text: string, digits: readonly DigitWay[] = DIGIT_WAYS): Described | undefined {
  const session = parseSdp(text);
  const names = namesOf(session.media);
  const lines = session.media.map((media, i) => ({ name: names[i], media }));
  const find = (name: LineName) => lines.find((line) => line.name === name)?.media;
  const audio = find("audio");
  const main = audio && addressOf(session, audio);
  if (audio === undefined || main === undefined) return undefined;
  const formats = readAudio(audio);
  if (formats.length === 0) return undefined;
  const events = audio.formats.find((f) => f.codec?.toLowerCase() === "telephone-event" && f.clockRate === 8000);
  const pictures = (["video", "content", "camera"] as const).flatMap((name) => {
    const media = find(name);
    const at = media && addressOf(session, media);
    return at === undefined ? [] : [[name, at] as const];
  });
  const [video, content] = [readVideo(find("video")), readVideo(find("content"))];
  const camera = find("camera")?.formats.find(isH224)?.payloadType;
  return {
    media: { ...main, ...Object.fromEntries(pictures) },
    capabilities: {
      audio: formats,
      // H.245 has room for dynamic payload types only.
      telephoneEvent: events !== undefined && events.payloadType >= 96 && digits.includes("rfc4733") ? events.payloadType : undefined,
      userInput: digits.filter((way) => way !== "rfc4733"),
      ...(video.length > 0 ? { video } : {}),
      ...(content.length > 0 ? { content } : {}),
      ...(camera === undefined ? {} : { camera }),
    },
    direction: audio.direction ?? session.direction ?? "sendrecv",
    lines,
  };
}

/** Which line is what: the first audio, the first picture without or with the role of slides (RFC 4796), the first H.224. */
function namesOf(media: readonly SdpMedia[]): (LineName | undefined)[] {
  const taken = new Set<LineName>();
  return media.map((line) => {
    const name = line.port === 0 ? undefined : nameOf(line);
    if (name === undefined || taken.has(name)) return undefined;
    taken.add(name);
    return name;
  });
}

function nameOf(line: SdpMedia): LineName | undefined {
  if (line.kind === "audio") return "audio";
  if (line.kind === "video" && readVideo(line).length > 0) return line.content === "slides" ? "content" : "video";
  return line.formats.some(isH224) ? "camera" : undefined;
}

const isH224 = ({ codec }: { readonly codec?: string }) => codec?.toUpperCase() === "H224";

function addressOf(session: SdpSession, media: SdpMedia): LineMedia | undefined {
  const host = media.connection?.address ?? session.connection?.address;
  if (host === undefined) return undefined;
  return { rtp: { host, port: media.port }, rtcp: { host, port: media.rtcp?.port ?? media.port + 1 } };
}

function readAudio(audio: SdpMedia): AudioFormat[] {
  const maxPtime = audio.ptime ?? 20;
  return audio.formats.flatMap((format): AudioFormat[] => {
    const capability = capabilityOf(format);
    const [codec, clockRate] = CODECS[capability?.codec.toUpperCase() ?? ""] ?? [];
    if (capability === undefined || codec === undefined || capability.clockRate !== clockRate) return [];
    const payloadType = payloadTypeOf(codec) === undefined ? { payloadType: format.payloadType } : {};
    return [{ codec, maxPtime, ...bitrateOf(codec, capability), ...payloadType }];
  });
}

function bitrateOf(codec: AudioFormat["codec"], { parameters }: MediaCapability): { bitrate?: number } {
  return codec === "G7221" ? { bitrate: Number(parameters["bitrate"] ?? 32_000) } : {};
}

/** What we know of the far end's audio. */
export interface FarAudio {
  readonly rtp: { readonly host: string; readonly port: number };
  readonly rtcp: { readonly host: string; readonly port: number } | undefined;
  /** What we send to it. */
  readonly transmit: AudioFormat;
  /** What it sends, where that is another codec. */
  readonly receive: AudioFormat | undefined;
  /** Payload type on which it takes RFC 4733 events, and sends them. */
  readonly telephoneEvent: number | undefined;
  readonly direction: SdpDirection;
}

/** What we know of one of its other lines. Without channels it is inactive. */
export interface FarLine {
  readonly name: Exclude<LineName, "audio">;
  /** Where it receives, once it does. */
  readonly rtp: FarAudio["rtp"] | undefined;
  readonly rtcp: FarAudio["rtcp"];
  /** What it can take, or is sent. */
  readonly format: VideoFormat | CameraFormat;
  /** Payload type of both directions. */
  readonly payloadType: number;
  readonly sends: boolean;
  readonly takes: boolean;
}

/** The other lines of the description in the order of ours: a line of the far end's, or one that it has not. */
export type FarSection = FarLine | { readonly rejected: SdpMedia };

/** The discard port: a line that is there, with nowhere to send to. */
const NOWHERE = 9;

/**
 * The far end as a session description, as if it had spoken SDP. `version` rises with every change; `others` are the lines beside the audio, by their place
 * in our description.
 */
export function describeFarEnd(far: FarAudio, version: number, others: ReadonlyMap<number, FarSection> = new Map()): string {
  const { host } = far.rtp;
  const ip = host.includes(":") ? "IP6" : "IP4";
  const sections = new Map(
    [...others].map(([index, section]) => [index, "rejected" in section ? rejected(section.rejected) : line(section)]),
  );
  const free = [...Array.from({ length: sections.size + 1 }).keys()].find((index) => !sections.has(index)) ?? 0;
  sections.set(free, audio(far));
  const ordered = [...sections].sort(([a], [b]) => a - b).flatMap(([, lines]) => lines);
  return ["v=0", `o=h323 1 ${version} IN ${ip} ${host}`, "s=-", `c=IN ${ip} ${host}`, "t=0 0", ...ordered, ""].join("\r\n");
}

function audio({ rtp, rtcp, transmit, receive, telephoneEvent: events, direction }: FarAudio): string[] {
  const names: (readonly [number, string])[] = [];
  const parameters: string[] = [];
  for (const format of [transmit, ...(receive === undefined ? [] : [receive])]) {
    const payloadType = payloadTypeOf(format.codec) ?? format.payloadType ?? 96;
    if (names.some(([pt]) => pt === payloadType)) continue;
    const [, clock] = CODECS[format.codec.toUpperCase()]!;
    names.push([payloadType, `${format.codec}/${clock}${format.codec === "opus" ? "/2" : ""}`]);
    if (format.codec === "G7221") parameters.push(`a=fmtp:${payloadType} bitrate=${format.bitrate ?? 32_000}`);
  }
  // RFC 4733 section 2.1: events run at the clock of the audio they stand in for.
  if (events !== undefined) names.push([events, `telephone-event/${transmit.codec === "opus" ? 48_000 : 8000}`]);
  return [
    `m=audio ${rtp.port} RTP/AVP ${names.map(([pt]) => pt).join(" ")}`,
    ...names.map(([pt, name]) => `a=rtpmap:${pt} ${name}`),
    ...parameters,
    ...(events === undefined ? [] : [`a=fmtp:${events} 0-16`]),
    ...controlPort(rtp, rtcp),
    `a=ptime:${Math.min(20, transmit.maxPtime)}`,
    `a=${direction}`,
  ];
}

/** Odd ports and NAT: only said where it is not the next port. */
function controlPort(rtp: FarAudio["rtp"], rtcp: FarAudio["rtcp"]): string[] {
  return rtcp !== undefined && rtcp.port !== rtp.port + 1 ? [`a=rtcp:${rtcp.port}`] : [];
}

function line({ name, rtp, rtcp, format, payloadType, sends, takes }: FarLine): string[] {
  const picture = format.codec === "H264";
  const direction = sends ? (takes ? "sendrecv" : "sendonly") : takes ? "recvonly" : "inactive";
  return [
    `m=${picture ? "video" : "application"} ${rtp?.port ?? NOWHERE} RTP/AVP ${payloadType}`,
    ...(rtp === undefined ? [] : [`c=IN ${rtp.host.includes(":") ? "IP6" : "IP4"} ${rtp.host}`]),
    ...(picture && format.maxBitrate > 0 ? [`b=TIAS:${format.maxBitrate}`] : []),
    `a=rtpmap:${payloadType} ${picture ? "H264/90000" : "H224/4800"}`,
    ...(picture ? [`a=fmtp:${payloadType} ${videoParameters(format)}`] : []),
    ...(rtp === undefined ? [] : controlPort(rtp, rtcp)),
    ...(name === "content" ? ["a=content:slides"] : []),
    `a=${direction}`,
  ];
}

/** RFC 3264 section 6: a line that is not taken keeps its place. */
function rejected({ kind, protocol, formatTokens }: SdpMedia): string[] {
  return [`m=${kind} 0 ${protocol} ${formatTokens.join(" ") || "0"}`];
}
