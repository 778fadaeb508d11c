import type { Millis } from "./clock.ts";

/** So many a second, and so many at once. */
export class TokenBucket {
  readonly #perMs: number;
  readonly #most: number;
  #tokens: number;
  #at: Millis = Number.NEGATIVE_INFINITY;

  /** `perSecond` is more than 0. */
  constructor(perSecond: number, burst: number) {
    this.#perMs = perSecond / 1000;
    this.#most = this.#tokens = burst;
  }

  /** How many may be had now. */
  level(now: Millis): number {
    return Math.min(this.#most, this.#tokens + (now - this.#at) * this.#perMs);
  }

  /** Whether one more, or `count`, may be had. What has come in by halves stays where they may not: who never stops asking gets what is due. */
  take(now: Millis, count = 1): boolean {
    this.#tokens = this.level(now);
    this.#at = now;
    if (this.#tokens < count) return false;
    this.#tokens -= count;
    return true;
  }
}
