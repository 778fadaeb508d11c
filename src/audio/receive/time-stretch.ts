import { samplesIn } from "../format.ts";
import { findPitch } from "./pitch.ts";

/** Lags removed or put in, milliseconds: one pitch period of a voice. */
const MIN_LAG_MS = 4;
const MAX_LAG_MS = 12;
const WINDOW_MS = 8;
/** Quiet has no periods: any length can go. */
const MIN_QUIET_MS = 1;
/** Sound must repeat this well for a period to come or go unheard ... */
const MIN_CORRELATION = 0.8;
/** ... or be this quiet (RMS). */
const QUIET_RMS = 60;

/** Samples of sound that {@link shorten} and {@link lengthen} need to have before them, of quiet half of it. */
export function stretchNeeds(rate: number): number {
  return samplesIn(rate, 2 * MAX_LAG_MS + WINDOW_MS);
}

/** Whether the first `length` samples are so quiet that nobody hears some of them missing. */
export function isQuiet(pcm: Int16Array, length: number): boolean {
  let energy = 0;
  for (let i = 0; i < length; i++) energy += pcm[i] * pcm[i];
  return energy < QUIET_RMS * QUIET_RMS * length;
}

/** Finds the lag, `most` samples or less, at which the first part of `pcm` repeats; 0 when it cannot be changed unheard. `force` takes the best there is. */
function repeatLag(pcm: Int16Array, length: number, rate: number, most: number, force: boolean): number {
  const window = samplesIn(rate, WINDOW_MS);
  const minLag = samplesIn(rate, MIN_LAG_MS);
  const maxLag = Math.min(most, samplesIn(rate, MAX_LAG_MS));
  if (maxLag >= samplesIn(rate, MIN_QUIET_MS) && length >= 2 * maxLag && isQuiet(pcm, length)) return maxLag;
  if (maxLag < minLag || length < Math.max(2 * maxLag, maxLag + window)) return 0;
  const match = findPitch(pcm, maxLag + window, window, minLag, maxLag, Math.max(2, rate / 4000));
  return match.correlation >= MIN_CORRELATION || force ? match.lag : 0;
}

/**
 * Takes one pitch period, of `most` samples or less, out of the first `length` samples of `pcm`, in place, by cross-fading from a period into the next.
 * Returns the samples removed; 0 when the sound does not allow it.
 */
export function shorten(pcm: Int16Array, length: number, rate: number, most: number, force = false): number {
  const lag = repeatLag(pcm, length, rate, most, force);
  if (lag === 0) return 0;
  for (let i = 0; i < lag; i++) {
    const w = (i + 1) / (lag + 1);
    pcm[i] = pcm[i] * (1 - w) + pcm[i + lag] * w;
  }
  pcm.copyWithin(lag, 2 * lag, length);
  return lag;
}

/**
 * Puts one pitch period more into the first `length` samples of `pcm`, in place; `pcm` has room for a `maxStretch` more. Returns the samples
 * added; 0 when the sound does not allow it.
 */
export function lengthen(pcm: Int16Array, length: number, rate: number): number {
  const lag = repeatLag(pcm, length, rate, maxStretch(rate), false);
  if (lag === 0 || length + lag > pcm.length) return 0;
  // first period, then a second that fades from what follows the first back into its start, then on from the end of the first
  pcm.copyWithin(2 * lag, lag, length);
  for (let i = 0; i < lag; i++) {
    const w = (i + 1) / (lag + 1);
    pcm[lag + i] = pcm[2 * lag + i] * (1 - w) + pcm[i] * w;
  }
  return lag;
}

/** The most samples that {@link lengthen} adds. */
export function maxStretch(rate: number): number {
  return samplesIn(rate, MAX_LAG_MS);
}
