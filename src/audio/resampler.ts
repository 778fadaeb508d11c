import { clamp16, type SampleRate } from "./format.ts";

/** Length of the window in samples of the lower rate. With a Kaiser window of beta 6 the stop band lies near -63 dB. */
const TAPS_PER_PHASE = 40;
const KAISER_BETA = 6;
/** Cut-off (-6 dB) as a share of the lower rate's Nyquist frequency: flat to 0.82 (3.3 of 4 kHz), closed just above 1. */
const CUTOFF = 0.92;

/** Modified Bessel function of the first kind, order zero. */
function bessel0(x: number): number {
  let sum = 1;
  let term = 1;
  for (let k = 1; term > 1e-12 * sum; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

/** Linear-phase low pass of `length` taps at `factor` times the low rate, unity gain at zero hertz. */
function lowPass(length: number, factor: number): Float64Array {
  const taps = new Float64Array(length);
  const middle = (length - 1) / 2;
  let sum = 0;
  for (let i = 0; i < length; i++) {
    const t = i - middle;
    const x = (Math.PI * t * CUTOFF) / factor;
    const window = bessel0(KAISER_BETA * Math.sqrt(Math.max(0, 1 - (t / (middle + 1)) ** 2))) / bessel0(KAISER_BETA);
    taps[i] = (x === 0 ? 1 : Math.sin(x) / x) * window;
    sum += taps[i];
  }
  return taps.map((tap) => tap / sum);
}

const bank = new Map<string, Float64Array>();

/** Filters by ratio, computed once for the process. Interpolators are stored phase by phase, newest input last. */
function filterFor(up: number, down: number): Float64Array {
  const key = `${up}/${down}`;
  let taps = bank.get(key);
  if (!taps) {
    if (up > 1) {
      const prototype = lowPass(TAPS_PER_PHASE * up, up);
      taps = new Float64Array(prototype.length);
      for (let phase = 0; phase < up; phase++) {
        for (let k = 0; k < TAPS_PER_PHASE; k++) {
          taps[phase * TAPS_PER_PHASE + (TAPS_PER_PHASE - 1 - k)] = prototype[k * up + phase] * up;
        }
      }
    } else {
      taps = Float64Array.from(lowPass(TAPS_PER_PHASE * down, down));
    }
    bank.set(key, taps);
  }
  return taps;
}

/**
 * Streaming polyphase resampler between 8, 16 and 48 kHz (one rate is always a multiple of the other). Keeps its history between calls, so frames of any
 * length that is a multiple of the ratio join without a seam. Delay: 20 samples of the lower rate.
 */
export class Resampler {
  readonly from: SampleRate;
  readonly to: SampleRate;
  readonly #up: number;
  readonly #down: number;
  readonly #taps: Float64Array;
  readonly #history: number;
  #line: Float64Array;

  constructor(from: SampleRate, to: SampleRate) {
    this.from = from;
    this.to = to;
    this.#up = to > from ? to / from : 1;
    this.#down = from > to ? from / to : 1;
    this.#taps = filterFor(this.#up, this.#down);
    this.#history = this.#taps.length / this.#up - 1;
    this.#line = new Float64Array(this.#history + from / 50);
  }

  /** Samples that `inputSamples` become. */
  outputLength(inputSamples: number): number {
    return (inputSamples * this.#up) / this.#down;
  }

  /**
   * Resamples the first `length` samples of `input` into `out` and returns the samples written. `length` is a multiple of the ratio when going down
   * (any 20 ms frame is); otherwise RangeError.
   */
  process(input: Int16Array, out: Int16Array, length = input.length): number {
    const written = this.outputLength(length);
    if (!Number.isInteger(written) || written > out.length) {
      throw new RangeError(`resampler ${this.from} to ${this.to}: ${length} samples into ${out.length}`);
    }
    if (this.from === this.to) {
      for (let i = 0; i < length; i++) out[i] = input[i];
      return length;
    }
    const history = this.#history;
    if (this.#line.length < history + length) {
      const longer = new Float64Array(history + length);
      longer.set(this.#line.subarray(0, history));
      this.#line = longer;
    }
    const line = this.#line;
    for (let i = 0; i < length; i++) line[history + i] = input[i];
    if (this.#up > 1) this.#interpolate(line, out, length);
    else this.#decimate(line, out, written);
    line.copyWithin(0, length, length + history);
    return written;
  }

  #interpolate(line: Float64Array, out: Int16Array, length: number): void {
    const taps = this.#taps;
    const up = this.#up;
    let o = 0;
    for (let i = 0; i < length; i++) {
      for (let phase = 0; phase < up; phase++) {
        const base = phase * TAPS_PER_PHASE;
        let a = 0;
        let b = 0;
        for (let k = 0; k < TAPS_PER_PHASE; k += 2) {
          a += taps[base + k] * line[i + k];
          b += taps[base + k + 1] * line[i + k + 1];
        }
        out[o++] = clamp16(Math.round(a + b));
      }
    }
  }

  #decimate(line: Float64Array, out: Int16Array, written: number): void {
    const taps = this.#taps;
    const down = this.#down;
    const count = taps.length;
    const half = count / 2;
    for (let o = 0; o < written; o++) {
      const start = o * down + down - 1; // the newest sample of this output's window closes a group of `down`
      const end = start + count - 1;
      let sum = 0;
      // Linear phase: the taps are symmetric, one product serves two samples.
      for (let k = 0; k < half; k++) sum += taps[k] * (line[start + k] + line[end - k]);
      out[o] = clamp16(Math.round(sum));
    }
  }

  /** Takes over another's past (same rates): the sound goes on without a seam when a listener changes mixes. */
  follow(other: Resampler): void {
    this.#line.set(other.#line.subarray(0, this.#history));
  }

  /** Forgets the past. */
  reset(): void {
    this.#line.fill(0);
  }
}
