import type { Millis } from "../../base/clock.ts";

/** A packet may be overtaken for so long before it counts as lost. */
const REORDERING_MS = 10;
/** Distance of two requests for one packet when the round trip is not known, and the least. */
const RETRY_MS = 60;
const LEAST_RETRY_MS = 30;
/** After so many requests, or so long, a packet is given up: its picture's time is over. */
const MAX_TRIES = 8;
const GIVE_UP_MS = 600;
/** A gap so long is no loss that retransmission repairs. */
const MAX_GAP = 200;
/** Sequence numbers asked for at once. */
const MAX_ASKED = 100;

interface Missing {
  readonly since: Millis;
  askedAt: Millis;
  tries: number;
}

/** Which packets of a stream are missing, and when to ask for them again (RFC 4585 section 6.2.1). */
export class NackList {
  readonly #missing = new Map<number, Missing>();
  /** When {@link due} has something to say; infinity for nothing missing. */
  dueAt: Millis = Number.POSITIVE_INFINITY;

  /** A packet came; `before` is the highest sequence number until then, -1 for none. Numbers count with cycles. Returns whether it had been asked for. */
  take(sequence: number, before: number, now: Millis): boolean {
    if (sequence <= before) {
      const asked = (this.#missing.get(sequence)?.tries ?? 0) > 0;
      this.#missing.delete(sequence);
      return asked;
    }
    if (before < 0 || sequence === before + 1) return false;
    if (sequence - before > MAX_GAP) {
      this.clear();
      return false;
    }
    for (let lost = before + 1; lost < sequence; lost++)
      this.#missing.set(lost, { since: now, askedAt: Number.NEGATIVE_INFINITY, tries: 0 });
    this.dueAt = Math.min(this.dueAt, now + REORDERING_MS);
    return false;
  }

  /** Sequence numbers to ask for now, in order. `roundTripMs` negative where not known. */
  due(now: Millis, roundTripMs: number): number[] {
    const retry = roundTripMs < 0 ? RETRY_MS : Math.max(LEAST_RETRY_MS, roundTripMs * 1.25);
    const asked: number[] = [];
    let next: Millis = Number.POSITIVE_INFINITY;
    for (const [sequence, missing] of this.#missing) {
      if (missing.tries >= MAX_TRIES || now - missing.since > GIVE_UP_MS) {
        this.#missing.delete(sequence);
        continue;
      }
      const at = missing.tries === 0 ? missing.since + REORDERING_MS : missing.askedAt + retry;
      if (at <= now && asked.length < MAX_ASKED) {
        asked.push(sequence & 0xffff);
        missing.askedAt = now;
        missing.tries++;
        next = Math.min(next, now + retry);
      } else next = Math.min(next, at);
    }
    this.dueAt = next;
    return asked;
  }

  clear(): void {
    this.#missing.clear();
    this.dueAt = Number.POSITIVE_INFINITY;
  }
}
