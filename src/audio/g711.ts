import type { AudioDecoder, AudioEncoder } from "./codec.ts";

/** Which of G.711's two laws. */
export type G711Law = "PCMU" | "PCMA";

/** Segment end points of the 13-bit A-law magnitude (ITU-T G.711 table 1a). */
function alawToLinear(code: number): number {
  const a = code ^ 0x55;
  const segment = (a >> 4) & 7;
  let magnitude = ((a & 15) << 4) + 8;
  if (segment > 0) magnitude = (magnitude + 0x100) << (segment - 1);
  return a & 0x80 ? magnitude : -magnitude;
}

/** ITU-T G.711 table 2a, scaled to 16 bits: bias 132, eight segments of 16 steps. */
function ulawToLinear(code: number): number {
  const u = ~code & 0xff;
  const magnitude = ((((u & 15) << 3) + 132) << ((u >> 4) & 7)) - 132;
  return u & 0x80 ? -magnitude : magnitude;
}

function linearToUlaw(sample: number): number {
  const sign = sample < 0 ? 0x80 : 0;
  const biased = Math.min(sample < 0 ? -sample : sample, 32635) + 132;
  const segment = 24 - Math.clz32(biased); // the highest bit of a biased magnitude is bit 7 to 14
  return ~(sign | (segment << 4) | ((biased >> (segment + 3)) & 15)) & 0xff;
}

function linearToAlaw(sample: number): number {
  const sign = sample < 0 ? 0 : 0x80;
  const magnitude = sample < 0 ? ~sample : sample; // one's complement: -1 and 0 are the two innermost steps
  const top = 31 - Math.clz32(magnitude | 0x80);
  const segment = magnitude < 256 ? 0 : top - 7;
  const step = segment === 0 ? magnitude >> 4 : (magnitude >> (segment + 3)) & 15;
  return (sign | (segment << 4) | step) ^ 0x55;
}

function decodeTable(law: (code: number) => number): Int16Array {
  return Int16Array.from({ length: 256 }, (_, code) => law(code));
}

// Indexed by the sample as an unsigned 16-bit number, so that no clamp is needed.
function encodeTable(law: (sample: number) => number): Uint8Array {
  // Not by Uint8Array.from({ length }): every thread makes these at start, and that takes fifty times as long.
  const table = new Uint8Array(65536);
  for (let i = 0; i < table.length; i++) table[i] = law((i << 16) >> 16);
  return table;
}

/** 256 linear values by code. */
export const ulawDecodeTable = decodeTable(ulawToLinear);
export const alawDecodeTable = decodeTable(alawToLinear);
/** 65,536 codes, indexed by `sample & 0xffff`. */
export const ulawEncodeTable = encodeTable(linearToUlaw);
export const alawEncodeTable = encodeTable(linearToAlaw);

/** G.711 at 64 kbit/s, 8 kHz. Stateless: one encoder may serve any number of streams. */
export class G711Encoder implements AudioEncoder {
  readonly codec: G711Law;
  readonly sampleRate = 8000;
  readonly clockRate = 8000;
  readonly channels = 1;
  readonly hasMemory = false;
  readonly #table: Uint8Array;

  constructor(law: G711Law) {
    this.codec = law;
    this.#table = law === "PCMU" ? ulawEncodeTable : alawEncodeTable;
  }

  encode(pcm: Int16Array, out: Uint8Array): number {
    const n = pcm.length;
    if (out.length < n) throw new RangeError(`G.711: ${n} samples into ${out.length} bytes`);
    const table = this.#table;
    for (let i = 0; i < n; i++) out[i] = table[pcm[i] & 0xffff];
    return n;
  }

  reset(): void {}
  close(): void {}
}

/** G.711's decoder. Stateless; it leaves concealment to plc.ts. */
export class G711Decoder implements AudioDecoder {
  readonly codec: G711Law;
  readonly sampleRate = 8000;
  readonly clockRate = 8000;
  readonly #table: Int16Array;

  constructor(law: G711Law) {
    this.codec = law;
    this.#table = law === "PCMU" ? ulawDecodeTable : alawDecodeTable;
  }

  decode(payload: Uint8Array, out: Int16Array): number {
    const n = payload.length;
    if (n === 0 || n > out.length) return -1;
    const table = this.#table;
    for (let i = 0; i < n; i++) out[i] = table[payload[i]];
    return n;
  }

  samplesOf(payload: Uint8Array): number {
    return payload.length > 0 && payload.length <= 960 ? payload.length : -1;
  }

  conceal(): boolean {
    return false;
  }

  reset(): void {}
  close(): void {}
}
