import type { Millis } from "../../base/clock.ts";

export const TICK_MS = 20;
/** A thread this far behind lets the missed time go: what it would send is too old to be of use. */
const GIVE_UP_MS = 100;
/** Ticks are never nearer than this: those missed are made up so that receivers get a quick succession and not a burst. */
const CATCH_UP_MS = 8;

/**
 * Decides when the next 20 ms are due: by deadline, so that lateness does not add up. No timers here; the owner asks how long to wait.
 */
export class Pacer {
  #due: Millis;
  #last: Millis;
  /** Ticks that began more than a tick late. */
  late = 0;
  /** Ticks that were let go. */
  skipped = 0;
  /** How late the tick was that began last, milliseconds. */
  lateness = 0;

  constructor(now: Millis) {
    this.#due = now + TICK_MS;
    this.#last = now;
  }

  /** Milliseconds until the next tick should begin; 0 is now. */
  wait(now: Millis): number {
    return Math.max(0, this.#due - now, CATCH_UP_MS - (now - this.#last));
  }

  /** When the next tick is due. */
  get due(): Millis {
    return this.#due;
  }

  /** After a pause in which no ticks were wanted: the next is the first on the same grid that is not over yet. */
  resume(now: Millis): void {
    const behind = now - this.#due;
    if (behind > 0) this.#due += Math.ceil(behind / TICK_MS) * TICK_MS;
    this.#last = Math.max(this.#last, this.#due - TICK_MS);
  }

  /** How overdue the next tick is, milliseconds. */
  overdue(now: Millis): number {
    return Math.max(0, now - this.#due);
  }

  /** A tick begins. Returns how many ticks of time were given up before it (0 as a rule). */
  begin(now: Millis): number {
    let lost = 0;
    const behind = now - this.#due;
    if (behind > TICK_MS) this.late++;
    if (behind > GIVE_UP_MS) {
      lost = Math.floor(behind / TICK_MS);
      this.#due += lost * TICK_MS;
      this.skipped += lost;
    }
    this.lateness = this.overdue(now);
    this.#due += TICK_MS;
    this.#last = now;
    return lost;
  }
}
