/** PCM sample rates the media path works at, in hertz. */
export type SampleRate = 8000 | 16000 | 48000;

/** The media path's frame: every tick is this long. */
export const FRAME_MS = 20;

/** The longest packet any codec here may carry, in milliseconds (RFC 7587 section 4.2: Opus packets end at 120 ms). */
export const MAX_PACKET_MS = 120;

/** Samples of one channel in `ms` milliseconds at `rate`. */
export function samplesIn(rate: number, ms: number): number {
  return Math.round((rate * ms) / 1000);
}

/** Samples of one channel in a 20 ms frame at `rate`: 160, 320 or 960. */
export function frameSamples(rate: SampleRate): number {
  return rate / 50;
}

/** The value clamped to 16 bits and rounded toward zero, so that arithmetic never wraps. */
export function clamp16(value: number): number {
  return value > 32767 ? 32767 : value < -32768 ? -32768 : value | 0;
}

/** Level of a stretch of PCM in dBFS (0 is a full-scale square wave); -96 for silence. `length` defaults to all of it. */
export function levelDb(pcm: Int16Array, length = pcm.length): number {
  if (length === 0) return -96;
  let sum = 0;
  for (let i = 0; i < length; i++) sum += pcm[i] * pcm[i];
  return Math.max(-96, 10 * Math.log10(sum / length / (32768 * 32768) + 1e-12));
}
