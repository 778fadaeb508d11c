import type {
  SdpAttribute,
  SdpConnection,
  SdpCrypto,
  SdpDirection,
  SdpFormat,
  SdpMedia,
  SdpOrigin,
  SdpSession,
} from "../wire/sdp/index.ts";
import { type AgreedCodec, type AudioAgreement, agree, commonCodecs, packetTime, remoteMedia } from "./agreement.ts";
import { formatParameters, type MediaCapability, readCapabilities } from "./capability.ts";
import { answerDirection, directionOf } from "./direction.ts";
import type { Refusal } from "./refusal.ts";

/** What we can and wish. */
export interface AudioWish {
  /** In our order, telephone-event and CN among them. */
  readonly capabilities: readonly MediaCapability[];
  /** Whose order decides which codec is sent: the offerer's (RFC 3264 section 6.1), or ours. */
  readonly prefer?: "offer" | "ours";
  /** What we wish to do with the stream; sendrecv by default, others for hold. */
  readonly direction?: SdpDirection;
}

/** What line `index` of an offer and our wish have in common. */
export function negotiateAudio(offer: SdpSession, index: number, wish: AudioWish): AudioAgreement | Refusal {
  const media = offer.media[index]!;
  const remote = remoteMedia(offer, media);
  if (remote && "kind" in remote) return remote;
  const common = commonCodecs(readCapabilities(media), wish.capabilities);
  if (wish.prefer === "ours") common.sort((a, b) => wish.capabilities.indexOf(a.ours) - wish.capabilities.indexOf(b.ours));
  // The answer repeats the offer's payload types, so both directions use the same.
  const codecs = common.map(({ ours, theirs }) => ({
    capability: ours,
    sendPayloadType: theirs.payloadType,
    receivePayloadType: theirs.payloadType,
    remoteParameters: theirs.capability.parameters,
  }));
  return agree(codecs, { ptime: packetTime(media), direction: answerDirection(directionOf(offer, media), wish.direction), remote });
}

/** Our end of a line. */
export interface LocalMedia {
  readonly connection: SdpConnection;
  readonly port: number;
  /** Where RTCP comes in, when it is not the next port. */
  readonly rtcpPort?: number;
  /** We can take RTP and RTCP on one port. */
  readonly rtcpMux?: boolean;
  /** Our keys: one for an answer, one for each suite in an offer. */
  readonly crypto?: readonly SdpCrypto[];
}

/** Our answer to an offered audio line, its formats under the offer's payload types. */
export function composeAudioAnswer(offered: SdpMedia, agreement: AudioAgreement, local: LocalMedia): SdpMedia {
  const { codecs, telephoneEvents, comfortNoise } = agreement;
  const formats = [...codecs, ...(comfortNoise ? [comfortNoise] : []), ...telephoneEvents].map(formatOf);
  const rtcpMux = offered.rtcpMux && local.rtcpMux === true;
  return {
    ...emptyMedia("audio", offered.protocol, formats),
    connection: local.connection,
    port: local.port,
    crypto: local.crypto ?? [],
    ptime: agreement.ptime,
    ...(!rtcpMux && local.rtcpPort !== undefined && { rtcp: { port: local.rtcpPort } }),
    rtcpMux,
    direction: agreement.direction,
    ...(offered.mid !== undefined && { mid: offered.mid }),
  };
}

/** The format of an agreed codec as we announce it. */
export function formatOf({ capability, receivePayloadType }: Pick<AgreedCodec, "capability" | "receivePayloadType">): SdpFormat {
  const { codec, clockRate, channels, parameters } = capability;
  const fmtp = formatParameters(parameters);
  return {
    payloadType: receivePayloadType,
    codec,
    clockRate,
    ...(channels > 1 && { channels }),
    ...(fmtp !== undefined && { fmtp }),
    feedback: [],
  };
}

/** A line with nothing but its formats. */
export function emptyMedia(kind: string, protocol: string, formats: readonly SdpFormat[]): SdpMedia {
  return {
    kind,
    port: 0,
    protocol,
    formats,
    formatTokens: formats.map(({ payloadType }) => String(payloadType)),
    bandwidths: [],
    fingerprints: [],
    attributes: [],
    crypto: [],
    rtcpMux: false,
    feedback: [],
    ssrcs: [],
  };
}

/** The answer to a line we do not take: port 0, everything else the offer's head (RFC 3264 section 6). */
export function rejectLine(offered: SdpMedia): SdpMedia {
  return {
    ...emptyMedia(
      offered.kind,
      offered.protocol,
      offered.formats.map(({ payloadType }) => ({ payloadType, feedback: [] })),
    ),
    formatTokens: offered.formatTokens,
    ...(offered.mid !== undefined && { mid: offered.mid }),
  };
}

/**
 * The whole answer: as many lines as the offer, in its order, those without an answer of their own rejected. BUNDLE and ICE are not taken
 * up, so nothing of them is repeated.
 */
export function composeAnswer(offer: SdpSession, answers: ReadonlyMap<number, SdpMedia>, origin: SdpOrigin): SdpSession {
  const media = offer.media.map((line, index) => answers.get(index) ?? rejectLine(line));
  const connection = media.find(({ port }) => port !== 0)?.connection;
  return emptySession(origin, media, connection);
}

/** A description with nothing but its lines. The session's connection stands for lines that have none. */
export function emptySession(origin: SdpOrigin, media: readonly SdpMedia[], connection?: SdpConnection): SdpSession {
  const attributes: SdpAttribute[] = [];
  const fallback = connection ?? { ipVersion: origin.ipVersion, address: origin.address };
  return { origin, name: "-", timing: "0 0", otherLines: [], connection: fallback, bandwidths: [], fingerprints: [], attributes, media };
}
