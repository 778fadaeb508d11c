import type { AudioCapability } from "../../wire/h245/index.ts";
import { isGeneric, numberOf, OID, parametersOf, unsignedMin } from "./generic.ts";

/** Audio codecs that calls use, by RTP encoding name. */
export type AudioCodec = "PCMU" | "PCMA" | "G722" | "G729" | "GSM" | "G723" | "G7221" | "opus";

/** A codec with the most that one packet may carry. */
export interface AudioFormat {
  readonly codec: AudioCodec;
  /** Most milliseconds of audio in a packet. */
  readonly maxPtime: number;
  /** Of G.722.1, which is another codec at each rate: 24000 or 32000. */
  readonly bitrate?: number;
  /** Where the codec has no payload type of its own. */
  readonly payloadType?: number;
}

interface Codec {
  /** RTP payload type, RFC 3551 table 4; undefined where it is agreed call by call. */
  readonly payloadType: number | undefined;
  /** Milliseconds of one unit in which H.245 counts packets (H.225.0 annex B: G.711 and G.722 count milliseconds). */
  readonly unit: number;
  compose(units: number, bitrate: number | undefined): AudioCapability;
  /** Units, or undefined when the capability is another codec's. */
  read(capability: AudioCapability): number | undefined;
}

const CODECS: Readonly<Record<AudioCodec, Codec>> = {
  PCMU: { payloadType: 0, unit: 1, compose: (g711Ulaw64k) => ({ g711Ulaw64k }), read: (c) => c.g711Ulaw64k },
  PCMA: { payloadType: 8, unit: 1, compose: (g711Alaw64k) => ({ g711Alaw64k }), read: (c) => c.g711Alaw64k },
  G722: { payloadType: 9, unit: 1, compose: (n) => ({ "g722-64k": n }), read: (c) => c["g722-64k"] },
  G729: {
    payloadType: 18,
    unit: 10,
    compose: (g729) => ({ g729 }),
    read: (c) => c.g729 ?? c.g729AnnexA ?? c.g729wAnnexB ?? c.g729AnnexAwAnnexB,
  },
  GSM: {
    payloadType: 3,
    unit: 20,
    compose: (n) => ({ gsmFullRate: { audioUnitSize: Math.min(256, n * 33), comfortNoise: false, scrambled: false } }),
    read: (c) => (c.gsmFullRate === undefined ? undefined : Math.max(1, Math.floor(c.gsmFullRate.audioUnitSize / 33))),
  },
  G723: {
    payloadType: 4,
    unit: 30,
    compose: (n) => ({ g7231: { "maxAl-sduAudioFrames": n, silenceSuppression: false } }),
    read: (c) => c.g7231?.["maxAl-sduAudioFrames"],
  },
  // G.722.1 annex A: frames a packet in parameter 1, the rate in maxBitRate.
  G7221: {
    payloadType: undefined,
    unit: 20,
    compose: (frames, bitrate = 32_000) => ({
      genericAudioCapability: {
        capabilityIdentifier: { standard: OID.g7221 },
        maxBitRate: bitrate / 100,
        collapsing: [unsignedMin(1, frames)],
      },
    }),
    read: (c) => generic(c, OID.g7221),
  },
  opus: {
    payloadType: undefined,
    unit: 20,
    compose: (frames) => ({
      genericAudioCapability: {
        capabilityIdentifier: { standard: OID.opus },
        maxBitRate: 640,
        collapsing: [unsignedMin(1, frames)],
      },
    }),
    read: (c) => generic(c, OID.opus),
  },
};

function generic({ genericAudioCapability: capability }: AudioCapability, oid: string): number | undefined {
  return isGeneric(capability, oid) ? Math.max(1, numberOf(parametersOf(capability), 1) ?? 1) : undefined;
}

/** Static RTP payload type of a codec; undefined for those that have none. */
export function payloadTypeOf(codec: AudioCodec): number | undefined {
  return CODECS[codec].payloadType;
}

/** Whether both are the same codec in the same RTP form. */
export function sameAudio(a: AudioFormat, b: AudioFormat): boolean {
  return a.codec === b.codec && (a.codec !== "G7221" || (a.bitrate ?? 32_000) === (b.bitrate ?? 32_000));
}

export function composeAudio({ codec, maxPtime, bitrate }: AudioFormat): AudioCapability {
  const { unit, compose } = CODECS[codec];
  return compose(Math.max(1, Math.floor(maxPtime / unit)), bitrate);
}

/** The codec of a capability or channel, undefined when we have no name for it. */
export function readAudio(capability: AudioCapability | undefined): AudioFormat | undefined {
  if (capability === undefined) return undefined;
  for (const [codec, { unit, read }] of Object.entries(CODECS) as [AudioCodec, Codec][]) {
    const units = read(capability);
    if (units === undefined) continue;
    const bitrate = codec === "G7221" ? (capability.genericAudioCapability?.maxBitRate ?? 320) * 100 : undefined;
    return { codec, maxPtime: units * unit, ...(bitrate === undefined ? {} : { bitrate }) };
  }
  return undefined;
}
