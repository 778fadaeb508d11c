import type { Millis } from "../base/clock.ts";
import type { Trunk } from "./model.ts";

/** A bucket of tokens that fills at `rate` a second up to `rate` (at least one). */
class Bucket {
  #tokens: number;
  #at: Millis;
  constructor(rate: number, now: Millis) {
    this.#tokens = Math.max(1, rate);
    this.#at = now;
  }
  take(rate: number, now: Millis): boolean {
    this.#tokens = Math.min(Math.max(1, rate), this.#tokens + ((now - this.#at) / 1000) * rate);
    this.#at = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}

/** New calls a second from one address. Bounded: the sources seen longest ago are forgotten first. */
export class SourceLimit {
  readonly #buckets = new Map<string, Bucket>();
  readonly #maxSources: number;
  constructor(maxSources = 20_000) {
    this.#maxSources = maxSources;
  }
  /** False when this call is one too many; `rate` 0 allows all. */
  allow(address: string, rate: number, now: Millis): boolean {
    if (rate <= 0) return true;
    const bucket = this.#buckets.get(address) ?? new Bucket(rate, now);
    this.#buckets.delete(address);
    this.#buckets.set(address, bucket);
    if (this.#buckets.size > this.#maxSources) this.#buckets.delete(this.#buckets.keys().next().value!);
    return bucket.take(rate, now);
  }
}

/** Calls of each trunk: how many there are, and whether one more may come. */
export class TrunkLimits {
  readonly #calls = new Map<string, number>();
  readonly #buckets = new Map<string, Bucket>();

  /** Counts a new call, or says why not. Whoever gets null calls `release` when the call is over. */
  admit(trunk: Trunk, now: Millis): null | { readonly reason: string; readonly retryAfterSeconds: number } {
    const calls = this.calls(trunk.name);
    if (trunk.maxCalls > 0 && calls >= trunk.maxCalls) {
      return { reason: `trunk ${trunk.name} has its ${trunk.maxCalls} calls`, retryAfterSeconds: 10 };
    }
    if (trunk.maxCallsPerSecond > 0) {
      let bucket = this.#buckets.get(trunk.name);
      if (!bucket) this.#buckets.set(trunk.name, (bucket = new Bucket(trunk.maxCallsPerSecond, now)));
      if (!bucket.take(trunk.maxCallsPerSecond, now)) {
        return { reason: `trunk ${trunk.name} brings more than ${trunk.maxCallsPerSecond} calls a second`, retryAfterSeconds: 2 };
      }
    }
    this.#calls.set(trunk.name, calls + 1);
    return null;
  }

  /** Counts a call that we made ourselves through this trunk. */
  occupy(trunkName: string): void {
    this.#calls.set(trunkName, this.calls(trunkName) + 1);
  }

  release(trunkName: string): void {
    const calls = this.calls(trunkName) - 1;
    if (calls > 0) this.#calls.set(trunkName, calls);
    else this.#calls.delete(trunkName);
  }

  calls(trunkName: string): number {
    return this.#calls.get(trunkName) ?? 0;
  }
}
