/** Pitch search shared by concealment and time-stretch. */

/** A lag and how well the signal repeats at it. */
export interface PitchMatch {
  /** Samples. */
  lag: number;
  /** Normalized correlation, -1 to 1; 0 when there is no energy. */
  correlation: number;
}

/**
 * The lag between `minLag` and `maxLag` at which `window` samples ending before `end` best match those `lag` earlier. Searches every `step`-th lag on
 * every `step`-th sample, then around the best one exactly. `pcm` must reach back `window + maxLag` samples from `end`.
 */
export function findPitch(pcm: Int16Array, end: number, window: number, minLag: number, maxLag: number, step: number): PitchMatch {
  const best: PitchMatch = { lag: maxLag, correlation: -1 };
  for (let lag = minLag; lag <= maxLag; lag += step) consider(best, pcm, end, window, lag, step);
  if (step > 1) {
    const middle = best.lag;
    best.correlation = -1;
    for (let lag = Math.max(minLag, middle - step + 1); lag <= Math.min(maxLag, middle + step - 1); lag++)
      consider(best, pcm, end, window, lag, 1);
  }
  return best;
}

function consider(best: PitchMatch, pcm: Int16Array, end: number, window: number, lag: number, step: number): void {
  let cross = 0;
  let energy = 0;
  let own = 0;
  for (let i = end - window; i < end; i += step) {
    const a = pcm[i];
    const b = pcm[i - lag];
    cross += a * b;
    energy += b * b;
    own += a * a;
  }
  const correlation = energy > 0 && own > 0 ? cross / Math.sqrt(energy * own) : 0;
  if (correlation > best.correlation) {
    best.correlation = correlation;
    best.lag = lag;
  }
}
