/** Saturates to 16 bits, as the recommendation's ADD and SUB do. */
function sat(v: number): number {
  if (v > 32767) return 32767;
  if (v < -32768) return -32768;
  return v;
}

/** `v` held within plus and minus `limit`. */
function clip(v: number, limit: number): number {
  if (v > limit) return limit;
  if (v < -limit) return -limit;
  return v;
}

/** UPZERO for one coefficient: leak, and a step toward the sign that the old and the new difference share. */
function adapt(b: number, d: number, diffSign: number, step: number): number {
  return sat(((d >> 31 === diffSign ? step : -step) + (Math.imul(b, 32640) >> 15)) | 0);
}

/** A coefficient times a doubled sample, in 15 bits. */
function weigh(coefficient: number, sample: number): number {
  return Math.imul(coefficient, sat(sample << 1)) >> 15;
}

/** Logarithm to linear: ITU-T G.722 table 15 (ILB). */
// biome-ignore format: a table
const ilb = Int32Array.of(
  2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834,
  2896, 2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
);

/**
 * The adaptive part of one sub-band of G.722 (ITU-T G.722 sections 3.5 and 3.6, bit-exact as in 6.2): the quantizer's scale factor, and the predictor with
 * two poles and six zeros. Encoder and decoder run the same one, so that they stay in step without side information.
 */
export class G722Band {
  /** The predicted signal s. */
  s = 0;
  /** The quantizer's step, DETL or DETH. */
  det: number;

  readonly #firstDet: number;
  readonly #maxScale: number;
  readonly #shift: number;
  #scale = 0; // NBL or NBH
  #sz = 0;
  #a1 = 0;
  #a2 = 0;
  #p1 = 0;
  #p2 = 0;
  #r1 = 0;
  /** Zero section: the last six differences, then their six coefficients. */
  readonly #zeros = new Int32Array(12);

  constructor(band: "low" | "high") {
    this.#firstDet = band === "low" ? 32 : 8;
    this.#maxScale = band === "low" ? 18432 : 22528;
    this.#shift = band === "low" ? 8 : 10;
    this.det = this.#firstDet;
  }

  /** LOGSCL and SCALEL (or H): adapts the step by the weight of the code just sent. */
  adaptScale(weight: number): void {
    let scale = ((Math.imul(this.#scale, 127) >> 7) + weight) | 0;
    if (scale < 0) scale = 0;
    if (scale > this.#maxScale) scale = this.#maxScale;
    this.#scale = scale;
    const down = this.#shift - (scale >> 11);
    const linear = ilb[(scale >> 6) & 31];
    this.det = (down < 0 ? linear << -down : linear >> down) << 2;
  }

  /** BLOCK4: takes the quantized difference, adapts poles and zeros, and predicts the next sample. */
  predict(diff: number): void {
    const reconstructed = sat((this.s + diff) | 0);
    const partial = sat((this.#sz + diff) | 0);
    const sign = partial >> 31;
    const sameAs1 = sign === this.#p1 >> 31;
    const sameAs2 = sign === this.#p2 >> 31;

    // UPPOL2, with its limit of 0.75
    const doubled = sat(this.#a1 << 2);
    const a2 = clip((((sameAs1 ? sat(-doubled) : doubled) >> 7) + (sameAs2 ? 128 : -128) + (Math.imul(this.#a2, 32512) >> 15)) | 0, 12288);
    // UPPOL1, with the limit that keeps the pair stable
    const a1 = clip(sat(((sameAs1 ? 192 : -192) + (Math.imul(this.#a1, 32640) >> 15)) | 0), sat(15360 - a2));

    // UPZERO, DELAYA and FILTEZ, from the oldest difference down; written out, since this is where the time goes
    const step = diff === 0 ? 0 : 128;
    const diffSign = diff >> 31;
    const zeros = this.#zeros;
    const d1 = zeros[0] | 0;
    const d2 = zeros[1] | 0;
    const d3 = zeros[2] | 0;
    const d4 = zeros[3] | 0;
    const d5 = zeros[4] | 0;
    const d6 = zeros[5] | 0;
    const b1 = adapt(zeros[6] | 0, d1, diffSign, step);
    const b2 = adapt(zeros[7] | 0, d2, diffSign, step);
    const b3 = adapt(zeros[8] | 0, d3, diffSign, step);
    const b4 = adapt(zeros[9] | 0, d4, diffSign, step);
    const b5 = adapt(zeros[10] | 0, d5, diffSign, step);
    const b6 = adapt(zeros[11] | 0, d6, diffSign, step);
    zeros[0] = diff;
    zeros[1] = d1;
    zeros[2] = d2;
    zeros[3] = d3;
    zeros[4] = d4;
    zeros[5] = d5;
    zeros[6] = b1;
    zeros[7] = b2;
    zeros[8] = b3;
    zeros[9] = b4;
    zeros[10] = b5;
    zeros[11] = b6;
    const sz = sat((weigh(b1, diff) + weigh(b2, d1) + weigh(b3, d2) + weigh(b4, d3) + weigh(b5, d4) + weigh(b6, d5)) | 0);

    // FILTEP over the two newest reconstructions
    const sp = sat((weigh(a1, reconstructed) + weigh(a2, this.#r1)) | 0);
    this.#r1 = reconstructed;
    this.#p2 = this.#p1;
    this.#p1 = partial;
    this.#a1 = a1;
    this.#a2 = a2;
    this.#sz = sz;
    this.s = sat((sp + sz) | 0);
  }

  /** Takes over another's state. */
  adopt(other: G722Band): void {
    this.s = other.s;
    this.det = other.det;
    this.#scale = other.#scale;
    this.#sz = other.#sz;
    this.#a1 = other.#a1;
    this.#a2 = other.#a2;
    this.#p1 = other.#p1;
    this.#p2 = other.#p2;
    this.#r1 = other.#r1;
    this.#zeros.set(other.#zeros);
  }

  /** The recommendation's RS: all zero, the step at its least. */
  reset(): void {
    this.s = this.#scale = this.#sz = this.#a1 = this.#a2 = this.#p1 = this.#p2 = this.#r1 = 0;
    this.det = this.#firstDet;
    this.#zeros.fill(0);
  }
}
