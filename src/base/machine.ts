/**
 * The contract of the protocol machines: SIP layer, H.225.0 and H.245, RAS, join dialogue, floor control, registration, presence of a page.
 *
 * A machine has no socket, no timer and no clock. Whoever runs it keeps this order, as quinn and str0m have it:
 *
 * 1. Tell it what has happened: `handle(input, now)`, or a method of its own that says the same (`machine.answer(now)`). It changes its
 *    state and does nothing else: nothing is sent, nobody is called back, and it may be told more before step 2.
 * 2. `drain()` until there is nothing more, and do what each output asks for, in order. What is done may tell the machine something at once;
 *    that is step 1 again, and its outputs come after those that are being done.
 * 3. `nextTimeout()`: arm one timer for that time. It may be earlier or later than before, so it is asked for after every drain.
 * 4. When the time has come, `handle(TIMEOUT, now)`, and go on with 2. A timeout that comes too early changes nothing; one that comes late is
 *    made up for at once, timer by timer, in the order they were due.
 *
 * `now` never runs back. A machine that is over gives no time any more and takes inputs without effect. `MachineDriver` does 2 to 4. What is run
 * for every packet of media (jitter buffer, playout, telephone events) returns what follows at once instead: a queue for each packet would cost more
 * than it explains.
 */
import type { Millis } from "./clock.ts";

/** The time that `nextTimeout` named has come. */
export interface Timeout {
  readonly type: "timeout";
}
export const TIMEOUT: Timeout = { type: "timeout" };

export interface Machine<Output, Input = never> {
  handle(input: Input | Timeout, now: Millis): void;
  /** What is to be done, in order, since the last call; empty where there is nothing. */
  drain(): Output[];
  /** When `TIMEOUT` is to be handled; undefined while nothing is waited for. */
  nextTimeout(): Millis | undefined;
}

/** The earliest of some times; undefined where there is none. */
export function earliest(...times: readonly (Millis | undefined)[]): Millis | undefined {
  let first: Millis | undefined;
  for (const time of times) if (time !== undefined && (first === undefined || time < first)) first = time;
  return first;
}

/** Timers of one machine by name; at most one of each runs. */
export class Timers<Name extends string> {
  readonly #at = new Map<Name, Millis>();

  /** Starts a timer, anew where it runs. */
  set(name: Name, at: Millis): void {
    this.#at.set(name, at);
  }
  clear(...names: readonly Name[]): void {
    for (const name of names) this.#at.delete(name);
  }
  clearAll(): void {
    this.#at.clear();
  }
  running(name: Name): boolean {
    return this.#at.has(name);
  }
  /** When the earliest ends; undefined where none runs. */
  next(): Millis | undefined {
    return this.#earliest()?.[1];
  }
  /** Takes the earliest timer that has ended by `now`; undefined where none has. Of two that end at once, the one that was started first. */
  takeEnded(now: Millis): Name | undefined {
    const first = this.#earliest();
    if (first === undefined || first[1] > now) return undefined;
    this.#at.delete(first[0]);
    return first[0];
  }
  /** Takes all timers that have ended by `now`, earliest first. */
  expire(now: Millis): Name[] {
    const ended = [...this.#at].filter(([, at]) => at <= now).sort((a, b) => a[1] - b[1]);
    for (const [name] of ended) this.#at.delete(name);
    return ended.map(([name]) => name);
  }

  #earliest(): [Name, Millis] | undefined {
    let first: [Name, Millis] | undefined;
    for (const entry of this.#at) if (first === undefined || entry[1] < first[1]) first = entry;
    return first;
  }
}
