/** New calls of callers whom no trunk's address or certificate vouches for: so many a second, before anything is kept of them. */
import type { Millis } from "../base/clock.ts";
import { RateLimiter } from "../base/rate-limit.ts";
import { TokenBucket } from "../base/token-bucket.ts";
import type { StrangerCallLimits } from "../security/access.ts";

/** Seconds after which a caller that was refused may try again. */
export const RETRY_AFTER = 2;

export class StrangerCalls {
  readonly #perSource: RateLimiter;
  readonly #all: TokenBucket;
  /** Refusals that are answered: as many again. Beyond that there is no answer, so that nobody is flooded in another's name. */
  readonly #answers: RateLimiter;
  readonly #allAnswers: TokenBucket;

  constructor({ perSource, all }: StrangerCallLimits) {
    this.#perSource = new RateLimiter({ perSecond: perSource, burst: 2 * perSource });
    this.#answers = new RateLimiter({ perSecond: perSource, burst: 2 * perSource });
    this.#all = new TokenBucket(all, 2 * all);
    this.#allAnswers = new TokenBucket(all, 2 * all);
  }

  /** Counts a call; false for one that gets no answer, or when its caller may try again. */
  admits(source: string, now: Millis): boolean | { readonly retryAfter: number } {
    if (this.#perSource.take(source, now) && this.#all.take(now)) return true;
    return this.#answers.take(source, now) && this.#allAnswers.take(now) ? { retryAfter: RETRY_AFTER } : false;
  }
}
