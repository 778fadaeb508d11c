/** The loudest sample let through: -0.3 dBFS, so that a following codec's overshoot does not wrap. */
const CEILING = 31600;
/** Share of the way back to unity gained each frame: about 150 ms. */
const RELEASE = 0.12;

/**
 * Turns a 32-bit sum into 16 bits without wrapping: a frame that would go over is turned down as a whole, and the gain comes back slowly. The gain moves
 * linearly within a frame; what still sticks out at the very start of a sudden peak is clamped.
 */
export class Limiter {
  #gain = 1;

  /** The gain at the end of the last frame, 0 to 1. */
  get gain(): number {
    return this.#gain;
  }

  /** Starts from another limiter's gain: a listener that changes mixes hears no jump. */
  follow(other: Limiter): void {
    this.#gain = other.#gain;
  }

  /** Writes `sum` (less `minus`, sample by sample, when given) into `out`, limited. All have `out.length` samples. */
  process(sum: Int32Array, minus: Int16Array | undefined, out: Int16Array): void {
    const n = out.length;
    let low = 0;
    let high = 0;
    if (minus) {
      for (let i = 0; i < n; i++) {
        const v = sum[i] - minus[i];
        if (v > high) high = v;
        else if (v < low) low = v;
        out[i] = v;
      }
    } else {
      for (let i = 0; i < n; i++) {
        const v = sum[i];
        if (v > high) high = v;
        else if (v < low) low = v;
        out[i] = v;
      }
    }
    const peak = Math.max(high, -low);
    if (this.#gain === 1 && peak <= CEILING) return;
    this.#reduce(sum, minus, out, peak);
  }

  #reduce(sum: Int32Array, minus: Int16Array | undefined, out: Int16Array, peak: number): void {
    const n = out.length;
    const safe = peak > CEILING ? CEILING / peak : 1;
    let target = Math.min(safe, this.#gain + (1 - this.#gain) * RELEASE);
    if (target > 0.999) target = 1;
    // Down within the first eighth of the frame, up over all of it.
    const ramp = target < this.#gain ? n >> 3 : n;
    const step = (target - this.#gain) / ramp;
    let gain = this.#gain;
    for (let i = 0; i < n; i++) {
      if (i < ramp) gain += step;
      const v = (minus ? sum[i] - minus[i] : sum[i]) * gain;
      out[i] = Math.max(-CEILING, Math.min(CEILING, v));
    }
    this.#gain = target;
  }
}
