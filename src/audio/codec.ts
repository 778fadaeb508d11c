import type { SampleRate } from "./format.ts";

/** Encoding names as they stand in SDP (RFC 3551, RFC 7587, RFC 3389); compared without regard to case there, canonical here. */
export type CodecName = "PCMU" | "PCMA" | "G722" | "opus" | "L16" | "CN";

/**
 * Turns PCM into one RTP payload. One encoder serves one stream: it may carry state from frame to frame.
 * The caller owns both buffers; nothing is kept of them after the call.
 */
export interface AudioEncoder {
  readonly codec: CodecName;
  /** Rate of the PCM that `encode` takes, Hz. */
  readonly sampleRate: SampleRate;
  /** RTP clock, Hz. G.722's is 8000 although its audio is 16000 (RFC 3551 section 4.5.2). */
  readonly clockRate: number;
  /** Channels `encode` takes, interleaved. The media path is mono throughout. */
  readonly channels: 1 | 2;
  /** Whether a payload depends on what was encoded before: another encoder cannot go on in the middle of a stream. */
  readonly hasMemory: boolean;
  /**
   * Encodes the whole of `pcm` (one ptime) into `out` and returns the bytes written. 0 means: send nothing for this frame (DTX).
   * Throws RangeError when `out` is too small or `pcm` is a length the codec has no frame for: both are the caller's mistakes.
   */
  encode(pcm: Int16Array, out: Uint8Array): number;
  /** Takes over the state of another encoder of the same kind: the stream goes on without a seam when a listener changes mixes. */
  adopt?(other: AudioEncoder): void;
  /** Forgets the past, as at the start of a stream. */
  reset(): void;
  /** Frees memory outside the JavaScript heap. The encoder is not used again. */
  close(): void;
}

/** Turns RTP payloads into PCM; carries state, one per stream. Garbage in a payload gives noise or {@link conceal}ment, never an exception. */
export interface AudioDecoder {
  readonly codec: CodecName;
  /** Rate of the PCM that `decode` gives, Hz. */
  readonly sampleRate: SampleRate;
  /** RTP clock, Hz. */
  readonly clockRate: number;
  /**
   * Decodes one payload to mono into `out` (room for 120 ms) and returns the samples written; -1 when the payload is not one of this codec's,
   * the state then is as before.
   */
  decode(payload: Uint8Array, out: Int16Array): number;
  /** Samples (of `sampleRate`) that `decode` would give for this payload, without decoding; -1 when it is malformed. */
  samplesOf(payload: Uint8Array): number;
  /**
   * The codec's own concealment: writes `samples` in place of a lost packet into `out` and returns true; false when the codec has none
   * and the caller conceals by pitch (plc.ts). `next` is the packet after the lost one when it is at hand: in-band FEC is read from it.
   */
  conceal(samples: number, out: Int16Array, next?: Uint8Array): boolean;
  /** Whether the payload carries what its predecessor said, too (in-band FEC). */
  carriesFec?(payload: Uint8Array): boolean;
  reset(): void;
  close(): void;
}

/** What is fixed about a codec. */
export interface CodecInfo {
  readonly name: CodecName;
  /** RTP clock, Hz. */
  readonly clockRate: number;
  /** PCM rate by default, Hz. */
  readonly sampleRate: SampleRate;
  /** The channels that stand in its rtpmap; opus always says 2 (RFC 7587 section 7). */
  readonly rtpmapChannels: 1 | 2;
  /** Static payload type of RFC 3551 table 4, where it has one. */
  readonly payloadType?: number;
  /** Payload bytes of 20 ms, or a good guess for a variable rate; for choosing buffers. */
  readonly bytesPer20ms: number;
}

/** The codecs of this room, best audio first. */
export const codecInfo: Readonly<Record<CodecName, CodecInfo>> = {
  opus: { name: "opus", clockRate: 48000, sampleRate: 48000, rtpmapChannels: 2, bytesPer20ms: 80 },
  G722: { name: "G722", clockRate: 8000, sampleRate: 16000, rtpmapChannels: 1, payloadType: 9, bytesPer20ms: 160 },
  PCMU: { name: "PCMU", clockRate: 8000, sampleRate: 8000, rtpmapChannels: 1, payloadType: 0, bytesPer20ms: 160 },
  PCMA: { name: "PCMA", clockRate: 8000, sampleRate: 8000, rtpmapChannels: 1, payloadType: 8, bytesPer20ms: 160 },
  L16: { name: "L16", clockRate: 16000, sampleRate: 16000, rtpmapChannels: 1, bytesPer20ms: 640 },
  CN: { name: "CN", clockRate: 8000, sampleRate: 8000, rtpmapChannels: 1, payloadType: 13, bytesPer20ms: 1 },
};

/** The codec an rtpmap names, whatever its case; undefined for those this room has none for. */
export function findCodec(encodingName: string): CodecInfo | undefined {
  const lower = encodingName.toLowerCase();
  return Object.values(codecInfo).find((info) => info.name.toLowerCase() === lower);
}
