/**
 * Bounds what UDP sources that have not shown to be where they say they are can have us send (RFC 9000 section 8.1 does so for QUIC): an address is sent no
 * more than three times what came from it, and a few first responses a second that are longer, so that a small request is answered at once. Beyond those a longer
 * response is owed: it goes out as its request is repeated, as any caller over UDP does until it is answered (RFC 3261 section 17.1). A place is
 * valid once something has come from it that only who reads our answers can know: an ACK or PRACK with our To tag, a response with our branch, an answer to
 * our challenge. Repetitions to a valid place are bounded by rate.
 */
import type { Millis } from "../base/clock.ts";
import { sourceOf } from "../base/ip-address.ts";
import { RateLimiter } from "../base/rate-limit.ts";
import type { ResponseBounds } from "../sip/layer-api.ts";

type Place = { readonly address: string; readonly port: number };

interface Entry {
  received: number;
  sent: number;
  since: Millis;
}

/** Bytes sent to an address, in total, for each byte received from it, beyond which nothing is repeated. */
const FACTOR = 3;
/** What is left for the BYE that ends a call which nobody acknowledges. */
const BYE_BYTES = 500;
/** What an address has sent and was sent is forgotten after so long, ms: longer than any transaction lives. */
const WINDOW = 64_000;
/** An address stays valid for so long after the last proof, ms. */
const VALID = 24 * 3_600_000;
const MAX_PLACES = 50_000;
/** Repetitions a second to a valid address, and how many at once. */
const REPETITIONS = { perSecond: 50, burst: 200 };

/** First responses a second to one IPv4 address or IPv6 /64 that is not valid which are longer than the factor allows, and how many at once: to a tiny request. */
const LONGER = { perSecond: 1, burst: 5 };

export class AddressValidation implements ResponseBounds {
  /** All by address and port: what one port has sent earns nothing for another. */
  readonly #entries = new Map<string, Entry>();
  readonly #valid = new Map<string, Millis>();
  readonly #longer = new RateLimiter(LONGER);
  readonly #repetitions = new RateLimiter(REPETITIONS);

  received(from: Place, bytes: number, now: Millis): void {
    if (!this.isValid(from, now)) this.#entry(from, now).received += bytes;
  }

  answeredAt(from: Place, to: Place, bytes: number, now: Millis): void {
    if (from.port === to.port || this.isValid(from, now)) return;
    this.#entry(from, now).received -= bytes;
    this.received(to, bytes, now);
  }

  sent(to: Place, bytes: number, now: Millis): void {
    if (!this.isValid(to, now)) this.#entry(to, now).sent += bytes;
  }

  mayRepeat(to: Place, bytes: number, now: Millis): boolean {
    if (this.isValid(to, now)) return this.#repetitions.take(to.address, now);
    const { received, sent } = this.#entry(to, now);
    return sent + bytes + BYE_BYTES <= FACTOR * received;
  }

  /** Whether an address may be sent the BYE of a call that it has not acknowledged. */
  mayBeSentBye(to: Place, now: Millis): boolean {
    if (this.isValid(to, now)) return true;
    const { received, sent } = this.#entry(to, now);
    return sent + BYE_BYTES <= FACTOR * received;
  }

  mayAnswer(to: Place, bytes: number, now: Millis): boolean {
    return this.leavesRoom(to, bytes, now) || this.#longer.take(sourceOf(to.address), now);
  }

  leavesRoom(to: Place, bytes: number, now: Millis): boolean {
    if (this.isValid(to, now)) return true;
    const { received, sent } = this.#entry(to, now);
    return sent + bytes <= FACTOR * received;
  }

  prove(place: Place, now: Millis): void {
    const key = keyOf(place);
    this.#entries.delete(key);
    this.#valid.delete(key);
    this.#valid.set(key, now);
    if (this.#valid.size > MAX_PLACES) this.#valid.delete(this.#valid.keys().next().value!);
  }

  isValid(place: Place, now: Millis): boolean {
    const since = this.#valid.get(keyOf(place));
    return since !== undefined && now - since < VALID;
  }

  #entry(place: Place, now: Millis): Entry {
    const key = keyOf(place);
    let entry = this.#entries.get(key);
    if (entry !== undefined && now - entry.since < WINDOW) return entry;
    this.#entries.delete(key);
    entry = { received: 0, sent: 0, since: now };
    this.#entries.set(key, entry);
    if (this.#entries.size > MAX_PLACES) this.#entries.delete(this.#entries.keys().next().value!);
    return entry;
  }
}

function keyOf({ address, port }: Place): string {
  return `${address}|${port}`;
}
