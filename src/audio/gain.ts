import { clamp16 } from "./format.ts";

/** The factor of a gain in decibels. */
export function gainOf(db: number): number {
  return 10 ** (db / 20);
}

/** A gain that moves without clicks: a change is spread over the frame it is first applied to. */
export class Gain {
  #current = 1;
  #target = 1;

  /** Sets the gain in decibels; 0 leaves the sound as it is. */
  setDb(db: number): void {
    this.#target = gainOf(db);
  }

  /** Applies to `length` samples in place, clamped. */
  apply(pcm: Int16Array, length = pcm.length): void {
    if (this.#current === 1 && this.#target === 1) return;
    const step = (this.#target - this.#current) / length;
    let gain = this.#current;
    for (let i = 0; i < length; i++) {
      gain += step;
      pcm[i] = clamp16(pcm[i] * gain);
    }
    this.#current = this.#target;
  }
}
