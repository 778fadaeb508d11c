/** Comfort noise (RFC 3389): a payload of one level byte and optional reflection coefficients. */

/** At most so many coefficients are used; more add nothing to hear. */
const MAX_ORDER = 10;

/**
 * Makes the noise a CN payload describes, at any rate. Until a payload has come the level is silence. The level glides over 20 ms so that updates make no
 * clicks.
 */
export class ComfortNoise {
  #target = 0;
  #amplitude = 0;
  #order = 0;
  readonly #k = new Float64Array(MAX_ORDER);
  readonly #state = new Float64Array(MAX_ORDER + 1);
  #seed = 0x2545f491;

  /** Takes a CN payload. An empty one changes nothing. */
  update(payload: Uint8Array): void {
    if (payload.length === 0) return;
    const order = Math.min(payload.length - 1, MAX_ORDER);
    let residual = 1;
    for (let i = 0; i < order; i++) {
      // Section 3.2: 127 is zero, a step is 258/32768; held off 1 so that the filter stays stable.
      const k = Math.max(-0.98, Math.min(0.98, ((payload[i + 1] - 127) * 258) / 32768));
      this.#k[i] = k;
      residual *= 1 - k * k;
    }
    if (order !== this.#order) this.#state.fill(0);
    this.#order = order;
    this.setLevel(-(payload[0] & 0x7f), residual);
  }

  /** Sets white noise of a level in dBov; `residual` is the share of the power that the filter does not add. */
  setLevel(db: number, residual = 1): void {
    // Uniform noise of amplitude a has an RMS of a / sqrt(3).
    this.#target = 32768 * 10 ** (db / 20) * Math.sqrt(3 * residual);
    if (residual === 1) this.#order = 0;
  }

  /** Writes `length` samples of noise into `out` from `offset` on. */
  generate(out: Int16Array, offset = 0, length = out.length - offset): void {
    const step = (this.#target - this.#amplitude) / Math.max(1, length);
    let amplitude = this.#amplitude;
    for (let i = 0; i < length; i++) {
      amplitude += step;
      const v = this.#filter(amplitude * this.#random());
      out[offset + i] = Math.max(-32768, Math.min(32767, v));
    }
    this.#amplitude = this.#target;
  }

  /** All-pole lattice by reflection coefficients. */
  #filter(excitation: number): number {
    const k = this.#k;
    const g = this.#state;
    let f = excitation;
    for (let i = this.#order - 1; i >= 0; i--) {
      f -= k[i] * g[i];
      g[i + 1] = g[i] + k[i] * f;
    }
    g[0] = f;
    return f;
  }

  #random(): number {
    let s = this.#seed;
    s ^= s << 13;
    s ^= s >>> 17;
    s ^= s << 5;
    this.#seed = s;
    return s / 2147483648;
  }
}
