import type { Millis } from "./clock.ts";
import { TokenBucket } from "./token-bucket.ts";

/** A token bucket for each key, for addresses mostly. Bounded: a flood of addresses cannot fill the memory. */
export class RateLimiter {
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #maxKeys: number;
  readonly #buckets = new Map<string, TokenBucket>();

  /** `burst` may be taken at once, `perSecond` refills. */
  constructor(options: { readonly perSecond: number; readonly burst: number; readonly maxKeys?: number }) {
    this.#perSecond = options.perSecond;
    this.#burst = options.burst;
    this.#maxKeys = options.maxKeys ?? 10_000;
  }

  /** Takes one; false when there is none left. */
  take(key: string, now: Millis): boolean {
    const bucket = this.#buckets.get(key) ?? new TokenBucket(this.#perSecond, this.#burst);
    // Re-inserted at the end: the map's order is the order of use, and the longest unused goes first.
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    if (this.#buckets.size > this.#maxKeys) this.#buckets.delete(this.#buckets.keys().next().value!);
    return bucket.take(now);
  }

  /** How many may be taken now. */
  level(key: string, now: Millis): number {
    return this.#buckets.get(key)?.level(now) ?? this.#burst;
  }
}
