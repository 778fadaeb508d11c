import type { Millis } from "../base/clock.ts";

/** A token bucket for each key, for addresses mostly. Bounded: a flood of addresses cannot fill the memory. */
export class RateLimiter {
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #maxKeys: number;
  readonly #buckets = new Map<string, { level: number; at: Millis }>();

  /** `burst` may be taken at once, `perSecond` refills. */
  constructor(options: { readonly perSecond: number; readonly burst: number; readonly maxKeys?: number }) {
    this.#perSecond = options.perSecond;
    this.#burst = options.burst;
    this.#maxKeys = options.maxKeys ?? 10_000;
  }

  /** Takes one; false when there is none left. */
  take(key: string, now: Millis): boolean {
    const level = this.level(key, now);
    // What has come in by halves stays: who never stops asking would else get nothing at all.
    this.#put(key, level >= 1 ? level - 1 : level, now);
    return level >= 1;
  }

  /** How many may be taken now. */
  level(key: string, now: Millis): number {
    const bucket = this.#buckets.get(key);
    return bucket ? Math.min(this.#burst, bucket.level + ((now - bucket.at) / 1000) * this.#perSecond) : this.#burst;
  }

  #put(key: string, level: number, at: Millis): void {
    // Re-inserted at the end: the map's order is the order of use, and the longest unused goes first.
    this.#buckets.delete(key);
    this.#buckets.set(key, { level, at });
    if (this.#buckets.size > this.#maxKeys) this.#buckets.delete(this.#buckets.keys().next().value!);
  }
}
