import type { Millis } from "../../base/clock.ts";
import { TICK_MS } from "./pacer.ts";

/** A packet is never held longer than it takes to keep the pace; what is over goes back by so much a packet, ms. */
const BACK_MS = 0.5;
/** A tick's own raggedness, which is nothing to catch up with. */
const RAGGED_MS = 1;
/** A timer may be early by so much. */
const EARLY_MS = 0.5;

function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b);
}

/**
 * When packets of another length than the tick leave: each a packet's length after the one before. Packets of 30 ms are complete after 40, 60, 100 and 120 ms of
 * ticks, and leave after 40, 70, 100 and 130; two of 10 ms are complete at once, and leave 10 ms apart.
 */
export class PacketPacing {
  readonly #ptime: number;
  /** Longest that a packet is held for it: what its end may lie before a tick. */
  readonly #most: number;
  #last: Millis = Number.NEGATIVE_INFINITY;

  constructor(ptime: number) {
    this.#ptime = ptime;
    this.#most = TICK_MS - divisor(ptime, TICK_MS);
  }

  /** When the packet leaves that became complete in a tick due at `ready`. */
  next(ready: Millis): Millis {
    let due = Math.max(ready, this.#last + this.#ptime);
    const over = due - ready - this.#most - RAGGED_MS;
    // The tick has moved to an earlier phase, or the clock's owner let time go.
    if (over > TICK_MS) due = ready;
    else if (over > 0) due -= Math.min(over, BACK_MS);
    this.#last = due;
    return due;
  }
}

/** Who has packets that wait for their time. */
export interface DelayedSender {
  /** When the first leaves; infinity for none. */
  readonly sendAt: Millis;
  sendDue(now: Millis): void;
}

/** Deadlines between the ticks. */
export class DelayedSends {
  readonly #waiting = new Set<DelayedSender>();

  add(sender: DelayedSender): void {
    this.#waiting.add(sender);
  }

  /** Milliseconds until the first packet leaves, `most` at most. */
  wait(now: Millis, most: number): number {
    let least = most;
    for (const { sendAt } of this.#waiting) least = Math.min(least, sendAt - now);
    return Math.max(0, least);
  }

  run(now: Millis): void {
    for (const sender of this.#waiting) {
      if (sender.sendAt <= now + EARLY_MS) sender.sendDue(now + EARLY_MS);
      if (sender.sendAt === Number.POSITIVE_INFINITY) this.#waiting.delete(sender);
    }
  }
}
