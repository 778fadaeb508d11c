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

/** The CN payload that describes background noise: its level, and with `order` its colour. `pcm` should be 20 ms or more. */
export function describeNoise(pcm: Int16Array, order = 0): Uint8Array {
  const n = pcm.length;
  const lags = Math.min(order, MAX_ORDER);
  const r = new Float64Array(lags + 1);
  for (let lag = 0; lag <= lags; lag++) for (let i = lag; i < n; i++) r[lag] += pcm[i] * pcm[i - lag];
  const payload = new Uint8Array(1 + lags);
  const rms = Math.sqrt(r[0] / Math.max(1, n)) / 32768;
  payload[0] = Math.max(0, Math.min(127, Math.round(-20 * Math.log10(rms + 1e-7))));
  reflections(r).forEach((k, i) => {
    payload[1 + i] = Math.max(0, Math.min(254, Math.round((k * 32768) / 258) + 127));
  });
  return payload;
}

/** Levinson-Durbin: reflection coefficients from autocorrelation, with the sign of an all-pole lattice. */
function reflections(r: Float64Array): number[] {
  const out: number[] = [];
  let error = r[0] * 1.0001 + 1e-9;
  let a: number[] = [];
  for (let i = 1; i < r.length; i++) {
    let sum = r[i];
    for (let j = 0; j < a.length; j++) sum += a[j] * r[i - 1 - j];
    const k = -sum / error;
    a = [...a.map((value, j) => value + k * a[a.length - 1 - j]), k];
    error *= 1 - k * k;
    out.push(k);
  }
  return out;
}
