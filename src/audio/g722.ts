import type { AudioDecoder, AudioEncoder } from "./codec.ts";
import { clamp16 } from "./format.ts";
import { G722Band } from "./g722-band.ts";

// Tables of ITU-T G.722 (section 6.2), by the names they have there.
/** Decision levels of the 60-level quantizer of the lower band (Q6); ends with what no magnitude reaches. */
// biome-ignore format: a table
const q6 = Int32Array.of(
  0, 35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714,
  786, 858, 940, 1023, 1121, 1219, 1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919,
);
/** Output of the lower band's 6-bit inverse quantizer (QQ6 with its sign), by code. */
// biome-ignore format: a table
const qm6 = Int32Array.of(
  -136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232, -9360, -8576, -7856,
  -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776, -2400, -2032, -1688, -1360, -1040, -728,
  24808, 21904, 19008, 16704, 14984, 13512, 12280, 11192, 10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456,
  4944, 4464, 4008, 3576, 3168, 2776, 2400, 2032, 1688, 1360, 1040, 728, 432, 136, -432, -136,
);
/** The same for the 4 bits the predictor adapts by (QQ4). */
const qm4 = Int32Array.of(0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584, 1200, 0);
/** Scale weight by those 4 bits (WL of RIL). */
const wl4 = Int32Array.of(-60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60);
/** The upper band's inverse quantizer and scale weight by its 2 bits (QQ2, WH). */
const qm2 = Int32Array.of(-7408, -1616, 7408, 1616);
const wh2 = Int32Array.of(798, -214, 798, -214);

// The quadrature mirror filter: 24 symmetric coefficients (ITU-T G.722 table 11), split in the two halves of every other sample. Written out, since a
// table with a loop takes twice as long.
/** Samples at even places. */
function filterFirst(line: Int32Array, at: number): number {
  return (
    (((Math.imul(line[at], 3) + Math.imul(line[at + 2], -11) + Math.imul(line[at + 4], 12)) | 0) +
      ((Math.imul(line[at + 6], 32) + Math.imul(line[at + 8], -210) + Math.imul(line[at + 10], 951)) | 0) +
      ((Math.imul(line[at + 12], 3876) + Math.imul(line[at + 14], -805) + Math.imul(line[at + 16], 362)) | 0) +
      ((Math.imul(line[at + 18], -156) + Math.imul(line[at + 20], 53) + Math.imul(line[at + 22], -11)) | 0)) |
    0
  );
}

/** Samples at odd places, the same coefficients backwards. */
function filterSecond(line: Int32Array, at: number): number {
  return (
    (((Math.imul(line[at + 1], -11) + Math.imul(line[at + 3], 53) + Math.imul(line[at + 5], -156)) | 0) +
      ((Math.imul(line[at + 7], 362) + Math.imul(line[at + 9], -805) + Math.imul(line[at + 11], 3876)) | 0) +
      ((Math.imul(line[at + 13], 951) + Math.imul(line[at + 15], -210) + Math.imul(line[at + 17], 32)) | 0) +
      ((Math.imul(line[at + 19], 12) + Math.imul(line[at + 21], -11) + Math.imul(line[at + 23], 3)) | 0)) |
    0
  );
}

/** The lower band's code for a difference of either sign, by interval 1 to 30 (ILN, ILP). */
function lowCode(interval: number, negative: boolean): number {
  if (!negative) return 62 - interval;
  return interval < 3 ? 64 - interval : 34 - interval;
}

/** Interval of `magnitude` among the decision levels scaled by `det`: 1 to 30. */
function lowInterval(magnitude: number, det: number): number {
  let low = 1;
  let high = 30;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (magnitude < Math.imul(q6[middle], det) >> 12) high = middle;
    else low = middle + 1;
  }
  return low;
}

function saturate(v: number): number {
  if (v > 32767) return 32767;
  if (v < -32768) return -32768;
  return v;
}

/** The 15-bit range that the decoder's two bands are held in. */
function saturate15(v: number): number {
  if (v > 16383) return 16383;
  if (v < -16384) return -16384;
  return v;
}

/** G.722 at 64 kbit/s (mode 1): 16 kHz PCM to a byte for every two samples. */
export class G722Encoder implements AudioEncoder {
  readonly codec = "G722";
  readonly sampleRate = 16000;
  readonly clockRate = 8000;
  readonly channels = 1;
  readonly hasMemory = true;
  readonly #low = new G722Band("low");
  readonly #high = new G722Band("high");
  #line = new Int32Array(22 + 320);

  encode(pcm: Int16Array, out: Uint8Array): number {
    const pairs = pcm.length >> 1;
    if (pcm.length & 1 || out.length < pairs) throw new RangeError(`G.722: ${pcm.length} samples into ${out.length} bytes`);
    if (this.#line.length < 22 + pcm.length) this.#line = growLine(this.#line, 22, pcm.length);
    const line = this.#line;
    line.set(pcm, 22);
    for (let k = 0; k < pairs; k++) {
      const odd = filterFirst(line, 2 * k);
      const even = filterSecond(line, 2 * k);
      out[k] = this.#encodePair((even + odd) >> 14, (even - odd) >> 14);
    }
    line.copyWithin(0, pcm.length, pcm.length + 22);
    return pairs;
  }

  #encodePair(xl: number, xh: number): number {
    const low = this.#low;
    const el = saturate((xl - low.s) | 0);
    const lowBits = lowCode(lowInterval(el >= 0 ? el : -(el + 1), low.det), el < 0);
    const ril = lowBits >> 2;
    const dl = Math.imul(low.det, qm4[ril]) >> 15;
    low.adaptScale(wl4[ril]);
    low.predict(dl);

    const high = this.#high;
    const eh = saturate((xh - high.s) | 0);
    const outer = (eh >= 0 ? eh : -(eh + 1)) >= Math.imul(564, high.det) >> 12;
    const highBits = eh < 0 ? (outer ? 0 : 1) : outer ? 2 : 3;
    const dh = Math.imul(high.det, qm2[highBits]) >> 15;
    high.adaptScale(wh2[highBits]);
    high.predict(dh);
    return (highBits << 6) | lowBits;
  }

  adopt(other: AudioEncoder): void {
    if (!(other instanceof G722Encoder)) return;
    this.#low.adopt(other.#low);
    this.#high.adopt(other.#high);
    this.#line.set(other.#line.subarray(0, 22));
  }

  reset(): void {
    this.#low.reset();
    this.#high.reset();
    this.#line.fill(0);
  }

  close(): void {}
}

/** Decoder of G.722 at 64 kbit/s; leaves concealment to receive/concealer.ts, which works on what it gave. */
export class G722Decoder implements AudioDecoder {
  readonly codec = "G722";
  readonly sampleRate = 16000;
  readonly clockRate = 8000;
  readonly #low = new G722Band("low");
  readonly #high = new G722Band("high");
  #line = new Int32Array(22 + 320);

  decode(payload: Uint8Array, out: Int16Array): number {
    const samples = this.samplesOf(payload);
    if (samples < 0 || samples > out.length) return -1;
    if (this.#line.length < 22 + samples) this.#line = growLine(this.#line, 22, samples);
    const line = this.#line;
    const low = this.#low;
    const high = this.#high;
    for (let k = 0; k < payload.length; k++) {
      const lowBits = payload[k] & 63;
      const highBits = payload[k] >> 6;
      const rl = saturate15((low.s + (Math.imul(low.det, qm6[lowBits]) >> 15)) | 0);
      const dl = Math.imul(low.det, qm4[lowBits >> 2]) >> 15;
      low.adaptScale(wl4[lowBits >> 2]);
      low.predict(dl);

      const dh = Math.imul(high.det, qm2[highBits]) >> 15;
      const rh = saturate15((high.s + dh) | 0);
      high.adaptScale(wh2[highBits]);
      high.predict(dh);

      line[22 + 2 * k] = rl + rh;
      line[23 + 2 * k] = rl - rh;
      out[2 * k] = clamp16(filterSecond(line, 2 * k) >> 11);
      out[2 * k + 1] = clamp16(filterFirst(line, 2 * k) >> 11);
    }
    line.copyWithin(0, samples, samples + 22);
    return samples;
  }

  samplesOf(payload: Uint8Array): number {
    return payload.length > 0 && payload.length <= 960 ? payload.length * 2 : -1;
  }

  conceal(): boolean {
    return false;
  }

  reset(): void {
    this.#low.reset();
    this.#high.reset();
    this.#line.fill(0);
  }

  close(): void {}
}

function growLine(line: Int32Array, history: number, samples: number): Int32Array<ArrayBuffer> {
  const longer = new Int32Array(history + samples);
  longer.set(line.subarray(0, history));
  return longer;
}
