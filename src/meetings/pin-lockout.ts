import type { Millis } from "../base/clock.ts";

/** The contract's figures: more than 20 wrong PINs in 10 minutes close a meeting to PIN entry for 10 minutes. */
export const LOCKOUT = { wrongPins: 20, windowMs: 600_000, closedMs: 600_000 } as const;

interface Entry {
  /** Times of the wrong PINs within the window, oldest first; at most `wrongPins` + 1. */
  wrong: Millis[];
  closedUntil: Millis;
}

/**
 * Counts wrong PINs a meeting and closes it to PIN entry. Pure on the given `now`. Bounded: a meeting keeps at most 21 times, and meetings
 * whose window has passed are forgotten.
 */
export class PinLockout {
  readonly #entries = new Map<string, Entry>();
  readonly #limits: { readonly wrongPins: number; readonly windowMs: number; readonly closedMs: number };
  #nextSweep: Millis = 0;

  constructor(limits: { readonly wrongPins: number; readonly windowMs: number; readonly closedMs: number } = LOCKOUT) {
    this.#limits = limits;
  }

  /** Counts a wrong PIN. True when this one has closed the meeting. */
  wrong(meetingId: string, now: Millis): boolean {
    this.#sweep(now);
    let entry = this.#entries.get(meetingId);
    if (!entry) this.#entries.set(meetingId, (entry = { wrong: [], closedUntil: Number.NEGATIVE_INFINITY }));
    if (entry.closedUntil > now) return false;
    entry.wrong = entry.wrong.filter((at) => at > now - this.#limits.windowMs);
    entry.wrong.push(now);
    if (entry.wrong.length <= this.#limits.wrongPins) return false;
    entry.wrong = [];
    entry.closedUntil = now + this.#limits.closedMs;
    return true;
  }

  /** While true the meeting is to be treated as one that does not exist, and no PIN is to be compared. */
  closed(meetingId: string, now: Millis): boolean {
    return (this.#entries.get(meetingId)?.closedUntil ?? Number.NEGATIVE_INFINITY) > now;
  }

  /** Opens a meeting again at once: its PINs were changed. */
  clear(meetingId: string): void {
    this.#entries.delete(meetingId);
  }

  /** Meetings remembered now; for tests and diagnostics. */
  get size(): number {
    return this.#entries.size;
  }

  #sweep(now: Millis): void {
    if (now < this.#nextSweep) return;
    this.#nextSweep = now + this.#limits.windowMs;
    for (const [id, entry] of this.#entries) {
      const last = entry.wrong.at(-1) ?? Number.NEGATIVE_INFINITY;
      if (last <= now - this.#limits.windowMs && entry.closedUntil <= now) this.#entries.delete(id);
    }
  }
}
