import type { AudioDecoder, AudioEncoder } from "./codec.ts";
import type { SampleRate } from "./format.ts";

/** L16 of RFC 3551 section 4.5.11: 16-bit samples in network byte order, mono. */
export class L16Encoder implements AudioEncoder {
  readonly codec = "L16";
  readonly sampleRate: SampleRate;
  readonly clockRate: number;
  readonly channels = 1;
  readonly hasMemory = false;

  constructor(rate: SampleRate = 16000) {
    this.sampleRate = rate;
    this.clockRate = rate;
  }

  encode(pcm: Int16Array, out: Uint8Array): number {
    if (out.length < pcm.length * 2) throw new RangeError(`L16: ${pcm.length} samples into ${out.length} bytes`);
    for (let i = 0; i < pcm.length; i++) {
      out[2 * i] = pcm[i] >> 8;
      out[2 * i + 1] = pcm[i];
    }
    return pcm.length * 2;
  }

  reset(): void {}
  close(): void {}
}

/** Decoder of L16, mono. */
export class L16Decoder implements AudioDecoder {
  readonly codec = "L16";
  readonly sampleRate: SampleRate;
  readonly clockRate: number;

  constructor(rate: SampleRate = 16000) {
    this.sampleRate = rate;
    this.clockRate = rate;
  }

  decode(payload: Uint8Array, out: Int16Array): number {
    const n = this.samplesOf(payload);
    if (n < 0 || n > out.length) return -1;
    for (let i = 0; i < n; i++) out[i] = (payload[2 * i] << 8) | payload[2 * i + 1];
    return n;
  }

  samplesOf(payload: Uint8Array): number {
    return payload.length > 0 && payload.length % 2 === 0 ? payload.length / 2 : -1;
  }

  conceal(): boolean {
    return false;
  }

  reset(): void {}
  close(): void {}
}
