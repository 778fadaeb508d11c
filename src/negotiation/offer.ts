import type { SdpDirection, SdpMedia, SdpSession } from "../wire/sdp/index.ts";
import { type AgreedCodec, type AudioAgreement, agree, packetTime, remoteMedia } from "./agreement.ts";
import { emptyMedia, formatOf, type LocalMedia } from "./answer.ts";
import { capabilityOf, type MediaCapability, readCapabilities, sameCodec, sameName, staticPayloadType } from "./capability.ts";
import { answerDirection, directionOf } from "./direction.ts";
import { type Refusal, refusal } from "./refusal.ts";

/** What an audio line of ours says. */
export interface AudioOfferOptions {
  readonly capabilities: readonly MediaCapability[];
  readonly local: LocalMedia;
  /** Default RTP/SAVP with keys, RTP/AVP without; RTP/AVP with keys is best-effort SRTP (RFC 8643). */
  readonly protocol?: string;
  readonly direction?: SdpDirection;
  readonly ptime?: number;
  /** The agreement in force: its codecs keep their payload types and come first (RFC 3264 section 8.3.2). */
  readonly established?: AudioAgreement;
}

/** Payload types peers have come to expect for DTMF. */
const FIRST_EVENT_TYPE = 101;
const FIRST_DYNAMIC_TYPE = 96;

/** Our offer of one audio line. Throws RangeError when the dynamic payload types do not suffice. */
export function composeAudioOffer(options: AudioOfferOptions): SdpMedia {
  const { local, established, direction, ptime } = options;
  const crypto = local.crypto ?? [];
  const kept = established ? [...established.codecs, ...established.telephoneEvents, ...optional(established.comfortNoise)] : [];
  const capabilities = [...options.capabilities].sort((a, b) => keptRank(a, kept) - keptRank(b, kept));
  const taken = new Set(kept.map(({ receivePayloadType }) => receivePayloadType));
  const formats = capabilities.map((capability) => {
    const old = kept.find((codec) => sameCodec(codec.capability, capability));
    return formatOf({ capability, receivePayloadType: old?.receivePayloadType ?? assignType(capability, taken) });
  });
  return {
    ...emptyMedia("audio", options.protocol ?? (crypto.length > 0 ? "RTP/SAVP" : "RTP/AVP"), formats),
    connection: local.connection,
    port: local.port,
    crypto,
    ptime: ptime ?? established?.ptime ?? 20,
    ...(local.rtcpPort !== undefined && { rtcp: { port: local.rtcpPort } }),
    rtcpMux: local.rtcpMux === true,
    direction: direction ?? "sendrecv",
  };
}

/** Codecs in force first, as they were ordered; others behind, in their own order. */
function keptRank(capability: MediaCapability, kept: readonly AgreedCodec[]): number {
  const index = kept.findIndex((codec) => sameCodec(codec.capability, capability));
  return index < 0 ? kept.length : index;
}

function assignType({ codec, clockRate, channels }: MediaCapability, taken: Set<number>): number {
  const fixed = staticPayloadType(codec, clockRate, channels);
  if (fixed !== undefined) return fixed;
  const event = sameName(codec, "telephone-event");
  for (let type = event ? FIRST_EVENT_TYPE : FIRST_DYNAMIC_TYPE; type <= 127; type++) {
    // 101 to 103 are left to DTMF at its three clock rates.
    if (taken.has(type) || (!event && type >= FIRST_EVENT_TYPE && type < FIRST_EVENT_TYPE + 3)) continue;
    taken.add(type);
    return type;
  }
  throw new RangeError("no dynamic payload type is left");
}

/**
 * What the answer to our offer makes of line `index`. The answer's payload types are what we send with; ours are what comes, whatever
 * numbers the answer chose. A dynamic type that the answer does not map again means what our offer mapped it to.
 */
export function readAudioAnswer(
  ourOffer: SdpSession,
  index: number,
  answer: SdpSession,
  capabilities: readonly MediaCapability[],
): AudioAgreement | Refusal {
  const offered = ourOffer.media[index]!;
  const answered = answer.media[index];
  if (answered?.kind !== "audio" || answered.port === 0) {
    return refusal("audio-rejected", "The answer rejects the audio line", 304);
  }
  const remote = remoteMedia(answer, answered);
  if (remote && "kind" in remote) return remote;
  const ours = readCapabilities(offered);
  const codecs = answered.formats.flatMap((format): AgreedCodec[] => {
    const meaning = capabilityOf(format) ?? ours.find(({ payloadType }) => payloadType === format.payloadType)?.capability;
    const match = meaning && ours.find(({ capability }) => sameCodec(capability, meaning));
    const capability = match && capabilities.find((candidate) => sameCodec(candidate, match.capability));
    if (!capability) return [];
    return [
      {
        capability,
        sendPayloadType: format.payloadType,
        receivePayloadType: match.payloadType,
        remoteParameters: meaning.parameters,
      },
    ];
  });
  const direction = answerDirection(directionOf(answer, answered), directionOf(ourOffer, offered));
  return agree(codecs, { ptime: packetTime(answered), direction, remote });
}

function optional<T>(value: T | undefined): T[] {
  return value === undefined ? [] : [value];
}
