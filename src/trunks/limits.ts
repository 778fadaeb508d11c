import type { Millis } from "../base/clock.ts";
import { sourceOf } from "../base/ip-address.ts";
import { TokenBucket } from "../base/token-bucket.ts";
import { RateLimiter } from "../base/rate-limit.ts";
import type { Trunk } from "./model.ts";

/** New calls a second of one source of callers whom no trunk recognises, where nothing else is configured. */
export const STRANGER_CALLS_PER_SECOND = 20;

/** New calls a second from one source, an IPv4 address or IPv6 /64, which has as many at once, and one at least. */
export class SourceLimit {
  readonly #maxSources: number;
  #limiter: RateLimiter | undefined;
  #rate = 0;
  constructor(maxSources = 20_000) {
    this.#maxSources = maxSources;
  }
  /** False when this call is one too many; `rate` 0 allows all, another than before counts anew. */
  allow(address: string, rate: number, now: Millis, burst = rate): boolean {
    if (rate <= 0) return true;
    if (this.#limiter === undefined || rate !== this.#rate) {
      this.#limiter = new RateLimiter({ perSecond: rate, burst: Math.max(1, burst), maxKeys: this.#maxSources });
      this.#rate = rate;
    }
    return this.#limiter.take(sourceOf(address), now);
  }
}

/** Calls of each trunk: how many there are, and whether one more may come. */
export class TrunkLimits {
  readonly #calls = new Map<string, number>();
  readonly #buckets = new Map<string, { readonly rate: number; readonly bucket: TokenBucket }>();

  /** Counts a new call, or says why not. Whoever gets null calls `release` when the call is over. `replaced`: so many of the trunk's calls end by it. */
  admit(trunk: Trunk, now: Millis, replaced = 0): null | { readonly reason: string; readonly retryAfterSeconds: number } {
    const calls = this.calls(trunk.name);
    if (trunk.maxCalls > 0 && calls - replaced >= trunk.maxCalls) {
      return { reason: `trunk ${trunk.name} has its ${trunk.maxCalls} calls`, retryAfterSeconds: 10 };
    }
    const rate = trunk.maxCallsPerSecond;
    if (rate > 0) {
      let known = this.#buckets.get(trunk.name);
      if (known?.rate !== rate) this.#buckets.set(trunk.name, (known = { rate, bucket: new TokenBucket(rate, Math.max(1, rate)) }));
      if (!known.bucket.take(now)) return { reason: `trunk ${trunk.name} brings more than ${rate} calls a second`, retryAfterSeconds: 2 };
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
