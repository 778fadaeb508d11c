/** Saturates to 16 bits, as the recommendation's ADD and SUB do. */
function sat(v: number): number {
  return Math.max(-32768, Math.min(32767, v));
}

/** Logarithm to linear: ITU-T G.722 table 15 (ILB). */
const ilb = Int32Array.of(
  2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834,
  2896, 2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
); // biome-ignore format: a table

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
  /** Zero section: differences d1..d6 and their coefficients b1..b6, at index 1 to 6. */
  readonly #d = new Int32Array(7);
  readonly #b = new Int32Array(7);

  constructor(band: "low" | "high") {
    this.#firstDet = band === "low" ? 32 : 8;
    this.#maxScale = band === "low" ? 18432 : 22528;
    this.#shift = band === "low" ? 8 : 10;
    this.det = this.#firstDet;
  }

  /** LOGSCL and SCALEL (or H): adapts the step by the weight of the code just sent. */
  adaptScale(weight: number): void {
    const scale = Math.max(0, Math.min(this.#maxScale, ((this.#scale * 127) >> 7) + weight));
    this.#scale = scale;
    const down = this.#shift - (scale >> 11);
    const linear = ilb[(scale >> 6) & 31];
    this.det = (down < 0 ? linear << -down : linear >> down) << 2;
  }

  /** BLOCK4: takes the quantized difference, adapts poles and zeros, and predicts the next sample. */
  predict(diff: number): void {
    const d = this.#d;
    const b = this.#b;
    const reconstructed = sat(this.s + diff);
    const partial = sat(this.#sz + diff);
    const sign = partial >> 31;
    const sameAs1 = sign === this.#p1 >> 31;
    const sameAs2 = sign === this.#p2 >> 31;

    // UPPOL2, with its limit of 0.75
    let a2 = sat(this.#a1 << 2);
    a2 = (Math.min(sameAs1 ? -a2 : a2, 32767) >> 7) + (sameAs2 ? 128 : -128) + ((this.#a2 * 32512) >> 15);
    a2 = Math.max(-12288, Math.min(12288, a2));
    // UPPOL1, with the limit that keeps the pair stable
    let a1 = sat((sameAs1 ? 192 : -192) + ((this.#a1 * 32640) >> 15));
    const limit = sat(15360 - a2);
    a1 = Math.max(-limit, Math.min(limit, a1));

    // UPZERO, DELAYA and FILTEZ in one pass from the oldest difference down
    const step = diff === 0 ? 0 : 128;
    const diffSign = diff >> 31;
    let sz = 0;
    for (let i = 6; i > 0; i--) {
      const bi = sat((d[i] >> 31 === diffSign ? step : -step) + ((b[i] * 32640) >> 15));
      b[i] = bi;
      const previous = i === 1 ? diff : d[i - 1];
      d[i] = previous;
      sz += (bi * sat(previous << 1)) >> 15;
    }
    sz = sat(sz);

    // FILTEP over the two newest reconstructions
    const sp = sat(((a1 * sat(reconstructed << 1)) >> 15) + ((a2 * sat(this.#r1 << 1)) >> 15));
    this.#r1 = reconstructed;
    this.#p2 = this.#p1;
    this.#p1 = partial;
    this.#a1 = a1;
    this.#a2 = a2;
    this.#sz = sz;
    this.s = sat(sp + sz);
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
    this.#d.set(other.#d);
    this.#b.set(other.#b);
  }

  /** The recommendation's RS: all zero, the step at its least. */
  reset(): void {
    this.s = this.#scale = this.#sz = this.#a1 = this.#a2 = this.#p1 = this.#p2 = this.#r1 = 0;
    this.det = this.#firstDet;
    this.#d.fill(0);
    this.#b.fill(0);
  }
}
