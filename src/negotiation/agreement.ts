import type { SdpConnection, SdpDirection, SdpMedia, SdpSession } from "../wire/sdp/index.ts";
import { type FormatParameters, type MediaCapability, sameCodec, sameName } from "./capability.ts";
import { isUnspecified } from "./direction.ts";
import { type Refusal, refusal } from "./refusal.ts";

/** A codec both sides have. Its payload type may differ by direction (RFC 3264 section 5.1). */
export interface AgreedCodec {
  /** Ours, as configured: canonical name, our parameters. */
  readonly capability: MediaCapability;
  /** Put into what we send. */
  readonly sendPayloadType: number;
  /** Comes in what the peer sends. */
  readonly receivePayloadType: number;
  /** What the peer asked of what we send (fmtp is declared by the receiver). */
  readonly remoteParameters: FormatParameters;
}

/** Where the peer wants its packets. */
export interface RemoteMedia {
  readonly ipVersion: 4 | 6;
  readonly address: string;
  readonly port: number;
  readonly rtcpAddress: string;
  readonly rtcpPort: number;
  readonly rtcpMux: boolean;
}

/** What two sides agreed on for one audio line. */
export interface AudioAgreement {
  readonly kind: "agreed";
  /** At least one; the first is what we send, any may come. */
  readonly codecs: readonly AgreedCodec[];
  /** DTMF, at most one for each clock rate. */
  readonly telephoneEvents: readonly AgreedCodec[];
  readonly comfortNoise?: AgreedCodec;
  /** Milliseconds of audio in a packet we send. */
  readonly ptime: number;
  /** What we do. */
  readonly direction: SdpDirection;
  /** Undefined while the peer's address is unspecified (held by 0.0.0.0). */
  readonly remote?: RemoteMedia;
}

const DEFAULT_PTIME = 20;
const MAX_PTIME = 120;

/** One format of the peer's line with what we and it call it. */
export interface FormatPair {
  readonly payloadType: number;
  readonly capability: MediaCapability;
}

/** Codecs of `theirs` that are among `ours`, in the order of `theirs`; each of ours once. */
export function commonCodecs(
  theirs: readonly FormatPair[],
  ours: readonly MediaCapability[],
): { readonly ours: MediaCapability; readonly theirs: FormatPair }[] {
  const taken = new Set<MediaCapability>();
  return theirs.flatMap((format) => {
    const match = ours.find((capability) => sameCodec(capability, format.capability) && !taken.has(capability));
    if (!match) return [];
    taken.add(match);
    return [{ ours: match, theirs: format }];
  });
}

/** Sorts agreed formats into audio, DTMF and comfort noise; refuses when there is no audio among them. */
export function agree(
  codecs: readonly AgreedCodec[],
  rest: { readonly ptime: number; readonly direction: SdpDirection; readonly remote: RemoteMedia | undefined },
): AudioAgreement | Refusal {
  const isEvent = ({ capability }: AgreedCodec) => sameName(capability.codec, "telephone-event");
  const isNoise = ({ capability }: AgreedCodec) => sameName(capability.codec, "CN");
  const audio = codecs.filter((codec) => !isEvent(codec) && !isNoise(codec));
  if (audio.length === 0) return refusal("no-common-codec", "No audio codec in common", 304);
  const noise = codecs.find(isNoise);
  return {
    kind: "agreed",
    codecs: audio,
    telephoneEvents: codecs.filter(isEvent),
    ...(noise && { comfortNoise: noise }),
    ptime: rest.ptime,
    direction: rest.direction,
    ...(rest.remote && { remote: rest.remote }),
  };
}

/** The DTMF format to send with a codec: the one of its clock rate, else any (some peers offer 8000 only beside opus). */
export function telephoneEventFor(agreement: AudioAgreement, codec: AgreedCodec): AgreedCodec | undefined {
  const { telephoneEvents } = agreement;
  return telephoneEvents.find(({ capability }) => capability.clockRate === codec.capability.clockRate) ?? telephoneEvents[0];
}

/** Packet length the peer asks for, kept within its maxptime, a multiple of 10 ms, 20 when it says nothing. */
export function packetTime({ ptime = DEFAULT_PTIME, maxptime = MAX_PTIME }: Pick<SdpMedia, "ptime" | "maxptime">): number {
  const wished = Math.round(Math.min(ptime, maxptime, MAX_PTIME) / 10) * 10;
  return Math.max(10, wished > maxptime ? wished - 10 : wished);
}

/**
 * Where the peer wants RTP and RTCP: the line's connection, else the session's; RTCP on the next port unless a=rtcp says otherwise.
 * Undefined for an unspecified address; refused without any connection or for a multicast one.
 */
export function remoteMedia(session: SdpSession, media: SdpMedia): RemoteMedia | undefined | Refusal {
  const connection = media.connection ?? session.connection;
  if (!connection) return refusal("bad-media-address", "The audio line has no connection address");
  if (isMulticast(connection)) return refusal("bad-media-address", "A multicast media address is not acceptable");
  if (isUnspecified(connection.address)) return undefined;
  const { ipVersion, address } = connection;
  return {
    ipVersion,
    address,
    port: media.port,
    rtcpAddress: media.rtcp?.connection?.address ?? address,
    rtcpPort: media.rtcpMux ? media.port : (media.rtcp?.port ?? Math.min(media.port + 1, 65_535)),
    rtcpMux: media.rtcpMux,
  };
}

function isMulticast({ ipVersion, address }: SdpConnection): boolean {
  return ipVersion === 4 ? /^(22[4-9]|23\d)\./.test(address) : /^ff/i.test(address);
}
