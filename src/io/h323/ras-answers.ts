/**
 * Bounds the answers to RAS datagrams, which anybody may send in another's name: an address and port are sent no more than three times what came from them, and
 * beyond that a few messages a second for all of a source, so that an endpoint with short requests is served.
 */
import type { Millis } from "../../base/clock.ts";
import { sourceOf } from "../../base/ip-address.ts";
import { RateLimiter } from "../../base/rate-limit.ts";

/** Bytes in answers for each byte received. */
const FACTOR = 3;
/** Bytes are counted over so long, ms. */
const WINDOW = 10_000;
const MAX_PLACES = 20_000;
/** Answers a second to one IPv4 address or IPv6 /64 that are longer, and how many at once. */
const LONGER = { perSecond: 2, burst: 10 };

export class RasAnswers {
  /** By address and port. */
  readonly #counts = new Map<string, { left: number; readonly since: Millis }>();
  readonly #longer = new RateLimiter(LONGER);

  /** So many bytes came from there. */
  received(host: string, port: number, bytes: number, now: Millis): void {
    const key = `${host}|${port}`;
    const known = this.#counts.get(key);
    if (known !== undefined && now - known.since < WINDOW) {
      known.left += FACTOR * bytes;
      return;
    }
    this.#counts.delete(key);
    this.#counts.set(key, { left: FACTOR * bytes, since: now });
    if (this.#counts.size > MAX_PLACES) this.#counts.delete(this.#counts.keys().next().value!);
  }

  /** Whether an answer of so many bytes is sent; counts it. */
  admits(host: string, port: number, bytes: number, now: Millis): boolean {
    const count = this.#counts.get(`${host}|${port}`);
    if (count !== undefined && bytes <= count.left) {
      count.left -= bytes;
      return true;
    }
    return this.#longer.take(sourceOf(host), now);
  }
}
