import { clamp16, frameSamples, type SampleRate } from "../format.ts";
import { Resampler } from "../resampler.ts";
import { Limiter } from "./limiter.ts";

/** Share of a frame over which a member is faded in: 5 ms, so that the start of a word is not lost. Out is a whole frame. */
const FADE_IN = 0.25;
/** A boost goes no further than to this peak. */
const FULL = 31_600;

function peakOf(pcm: Int16Array): number {
  let peak = 1;
  for (let i = 0; i < pcm.length; i++) if (pcm[i] > peak || -pcm[i] > peak) peak = Math.abs(pcm[i]);
  return peak;
}

/**
 * What it takes to put one member into a mix and out of its own: resamplers both ways, its sound as it was added (to subtract again), a limiter and an
 * output of its own. Members that only listen have none.
 */
export class MixSide {
  readonly mixRate: SampleRate;
  readonly limiter = new Limiter();
  readonly fromMix: Resampler | undefined;
  /** The member's own mix at the mix's rate, and at its own. */
  readonly mix: Int16Array;
  readonly out: Int16Array;
  /** Its sound in this tick at the mix's rate, as added to the sum. */
  contribution: Int16Array;
  readonly #toMix: Resampler | undefined;
  readonly #scratch: Int16Array;

  constructor(rate: SampleRate, mixRate: SampleRate) {
    this.mixRate = mixRate;
    this.mix = new Int16Array(frameSamples(mixRate));
    this.#scratch = new Int16Array(frameSamples(mixRate));
    this.contribution = this.#scratch;
    if (rate === mixRate) {
      this.out = this.mix;
    } else {
      this.out = new Int16Array(frameSamples(rate));
      this.#toMix = new Resampler(rate, mixRate);
      this.fromMix = new Resampler(mixRate, rate);
    }
  }

  /** Starts a new stretch of being heard. */
  begin(): void {
    this.#toMix?.reset();
  }

  /** Adds `input` to `sum` with a gain that goes from one to the other over the frame, within 5 ms where the member comes in, and remembers what it added. */
  addTo(sum: Int32Array, input: Int16Array, gains: { readonly from: number; readonly to: number }, fadeFrom: number, fadeTo: number): void {
    const n = sum.length;
    let pcm = input;
    if (this.#toMix) {
      pcm = this.#scratch;
      this.#toMix.process(input, pcm);
    }
    if (gains.from === 1 && gains.to === 1 && fadeFrom === 1 && fadeTo === 1) {
      for (let i = 0; i < n; i++) sum[i] += pcm[i];
      this.contribution = pcm;
      return;
    }
    const scratch = this.#scratch;
    const most = gains.from > 1 || gains.to > 1 ? FULL / peakOf(pcm) : Number.POSITIVE_INFINITY;
    const ramp = fadeTo > fadeFrom ? Math.round(n * FADE_IN) : n;
    let g = fadeFrom * Math.min(gains.from, Math.max(1, most));
    const step = (fadeTo * Math.min(gains.to, Math.max(1, most)) - g) / ramp;
    for (let i = 0; i < n; i++) {
      if (i < ramp) g += step;
      const v = clamp16(pcm[i] * g);
      scratch[i] = v;
      sum[i] += v;
    }
    this.contribution = scratch;
  }

  /** The member's own mix: all but itself. Returns 20 ms at the member's rate. */
  subtractFrom(sum: Int32Array): Int16Array {
    this.limiter.process(sum, this.contribution, this.mix);
    this.fromMix?.process(this.mix, this.out);
    return this.out;
  }
}
