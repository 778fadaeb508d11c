import type { Millis } from "../base/clock.ts";

/** The contract's figures: more than 20 wrong PINs in 10 minutes close a meeting to PIN entry for 10 minutes. */
export const LOCKOUT: LockoutLimits = { wrongPins: 20, windowMs: 600_000, closedMs: 600_000 };
/** Verified callers remembered per meeting; there are as many as trunks, and addresses of verified browsers. */
const MAX_VERIFIED = 1_000;

export interface LockoutLimits {
  /** Of one meeting by everybody, and of one meeting by one verified caller. */
  readonly wrongPins: number;
  readonly windowMs: Millis;
  readonly closedMs: Millis;
}

/**
 * Who a verified caller is: its trunk, which is what was verified. The name in From is the caller's word, and would give whoever changes it at each guess a
 * count of its own.
 */
export type VerifiedCaller = string;

/** An attempt that counts already. */
export interface Reservation {
  /** The result of the comparison. A right PIN gives the attempt back. True when this wrong one has closed the meeting to strangers. */
  settle(right: boolean, now: Millis): boolean;
}

interface Attempt {
  readonly at: Millis;
  wrong: boolean;
}

/** Attempts within the window, those that are being compared with them. Keeps at most `wrongPins` + 1. */
class Counter {
  readonly #limits: LockoutLimits;
  #attempts: Attempt[] = [];
  #closedUntil: Millis = Number.NEGATIVE_INFINITY;

  constructor(limits: LockoutLimits) {
    this.#limits = limits;
  }

  closed(now: Millis): boolean {
    return this.#closedUntil > now;
  }

  /** No attempt is left: closed, or as many are being compared as would close it. */
  spent(now: Millis): boolean {
    this.#prune(now);
    return this.closed(now) || this.#attempts.length > this.#limits.wrongPins;
  }

  take(now: Millis): Attempt {
    const attempt = { at: now, wrong: false };
    if (!this.spent(now)) this.#attempts.push(attempt);
    return attempt;
  }

  /** True when this wrong attempt has closed the counter. */
  settle(attempt: Attempt, right: boolean, now: Millis): boolean {
    const index = this.#attempts.indexOf(attempt);
    if (index < 0) return false;
    if (right) {
      this.#attempts.splice(index, 1);
      return false;
    }
    attempt.wrong = true;
    this.#prune(now);
    if (this.#attempts.filter(({ wrong }) => wrong).length <= this.#limits.wrongPins) return false;
    this.#attempts = [];
    this.#closedUntil = now + this.#limits.closedMs;
    return true;
  }

  idle(now: Millis): boolean {
    this.#prune(now);
    return this.#attempts.length === 0 && !this.closed(now);
  }

  #prune(now: Millis): void {
    this.#attempts = this.#attempts.filter(({ at }) => at > now - this.#limits.windowMs);
  }
}

interface Entry {
  readonly all: Counter;
  readonly verified: Map<VerifiedCaller, Counter>;
}

/**
 * Counts PIN attempts per meeting and closes the meeting to PIN entry. An attempt counts before its PIN is compared, so that no number of attempts at
 * once gets past the limit. Strangers share one count; a verified caller has a count of its own and passes what strangers closed. Pure on the given
 * `now`. Bounded: 21 attempts a counter, 1,000 verified callers a meeting, and what is idle is forgotten.
 */
export class PinLockout {
  readonly #entries = new Map<string, Entry>();
  readonly #limits: LockoutLimits;
  #nextSweep: Millis = 0;

  constructor(limits: LockoutLimits = LOCKOUT) {
    this.#limits = limits;
  }

  /** Counts an attempt of a verified caller, or of a stranger (null). Null: none is left, and the PIN is not to be compared. */
  reserve(meetingId: string, caller: VerifiedCaller | null, now: Millis): Reservation | null {
    this.#sweep(now);
    let entry = this.#entries.get(meetingId);
    if (!entry) {
      entry = { all: new Counter(this.#limits), verified: new Map() };
      this.#entries.set(meetingId, entry);
    }
    const { all } = entry;
    const own = caller === null ? all : this.#ofVerified(entry, caller);
    if (own.spent(now)) return null;
    const taken = [...new Set([all, own])].map((counter) => ({ counter, attempt: counter.take(now) }));
    return {
      settle: (right, at) => {
        const closed = taken.map(({ counter, attempt }) => counter.settle(attempt, right, at));
        return closed[0] === true;
      },
    };
  }

  /** While true, the meeting is to look to this caller as one that does not exist, and no PIN is to be compared. */
  closed(meetingId: string, caller: VerifiedCaller | null, now: Millis): boolean {
    const entry = this.#entries.get(meetingId);
    const counter = caller === null ? entry?.all : entry?.verified.get(caller);
    return counter?.closed(now) === true;
  }

  /** Opens a meeting again at once: its PINs were changed. */
  clear(meetingId: string): void {
    this.#entries.delete(meetingId);
  }

  /** Meetings remembered now; for tests and diagnostics. */
  get size(): number {
    return this.#entries.size;
  }

  #ofVerified({ verified }: Entry, caller: VerifiedCaller): Counter {
    const counter = verified.get(caller) ?? new Counter(this.#limits);
    // the order of the map is the order of use
    verified.delete(caller);
    verified.set(caller, counter);
    if (verified.size > MAX_VERIFIED) verified.delete(verified.keys().next().value!);
    return counter;
  }

  #sweep(now: Millis): void {
    if (now < this.#nextSweep) return;
    this.#nextSweep = now + this.#limits.windowMs;
    for (const [id, { all, verified }] of this.#entries) {
      for (const [caller, counter] of verified) if (counter.idle(now)) verified.delete(caller);
      if (all.idle(now) && verified.size === 0) this.#entries.delete(id);
    }
  }
}
