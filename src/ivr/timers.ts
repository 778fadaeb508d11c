import type { Millis } from "../base/clock.ts";

/** The dialogue's timers, each with its purpose. */
const TIMERS = {
  entry: "a number or PIN must be complete by then, all tries together",
  firstDigit: "nothing was typed since the prompt ended: say it again",
  interDigit: "no further digit: what was typed is all",
  patience: "the lobby, or the wait for the host, has lasted long enough",
  name: "the longest a name may be",
  ending: "the last words have not ended by then: hang up all the same",
} as const;

export type TimerName = keyof typeof TIMERS;

/** Named deadlines; the driver asks for the next one. */
export class Timers {
  readonly #deadlines = new Map<TimerName, Millis>();
  set(name: TimerName, at: Millis): void {
    this.#deadlines.set(name, at);
  }
  clear(...names: TimerName[]): void {
    for (const name of names) this.#deadlines.delete(name);
  }
  clearAll(): void {
    this.#deadlines.clear();
  }
  next(): Millis | null {
    let next: Millis | null = null;
    for (const at of this.#deadlines.values()) if (next === null || at < next) next = at;
    return next;
  }
  /** Takes out the timer that is due longest. */
  takeDue(now: Millis): TimerName | undefined {
    let due: TimerName | undefined;
    let dueAt = Number.POSITIVE_INFINITY;
    for (const [name, at] of this.#deadlines) if (at <= now && at < dueAt) [due, dueAt] = [name, at];
    if (due !== undefined) this.#deadlines.delete(due);
    return due;
  }
}
