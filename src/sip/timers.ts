/** Timers of RFC 3261 (table 4), RFC 6026 and RFC 3262, and the queue that holds them. */
import type { Millis } from "../base/clock.ts";

/** The base values everything else follows from, in milliseconds (RFC 3261 section 17.1.1.1). */
export interface TimerBase {
  /** Round-trip time estimate. */
  readonly t1: number;
  /** Longest interval between retransmissions. */
  readonly t2: number;
  /** Longest time a message stays in the network. */
  readonly t4: number;
  /** INVITE answered with nothing for so long: we send 100 ourselves (section 17.2.1); 0 sends it at once. */
  readonly trying: number;
}
export const standardTimers: TimerBase = { t1: 500, t2: 4000, t4: 5000, trying: 200 };

/** Names of the timers, one line of purpose each. */
export type TimerName =
  /** INVITE client: retransmit the request over UDP. */
  | "A"
  /** INVITE client: no response at all. */
  | "B"
  /** INVITE client: absorb retransmitted failure responses. */
  | "D"
  /** Other client: retransmit the request over UDP. */
  | "E"
  /** Other client: no final response. */
  | "F"
  /** INVITE server: retransmit a failure response until ACK. */
  | "G"
  /** INVITE server: no ACK for a failure response. */
  | "H"
  /** INVITE server: absorb retransmitted ACK. */
  | "I"
  /** Other server: absorb retransmitted requests. */
  | "J"
  /** Other client: absorb retransmitted responses. */
  | "K"
  /** INVITE server, RFC 6026: absorb retransmitted INVITE after 2xx; no ACK for the 2xx when it ends. */
  | "L"
  /** INVITE client, RFC 6026: collect further 2xx. */
  | "M"
  /** INVITE server: say 100 Trying. */
  | "trying"
  /** INVITE server: retransmit the 2xx until ACK (section 13.3.1.4). */
  | "2xx"
  /** INVITE client: cancelled and still no final response (section 9.1). */
  | "cancel"
  /** Client: nothing has come yet; is anybody there? */
  | "probe"
  /** Client call: no response, and there is another server to try (RFC 3263 section 4.3). */
  | "silence"
  /** Reliable provisional response: retransmit until PRACK (RFC 3262 section 3). */
  | "1xx";

/** Who is called when a timer fires. */
export interface TimerOwner {
  onTimer(name: string, now: Millis): void;
}

/** One armed timer. */
export interface Timer {
  readonly due: Millis;
  readonly name: string;
  /** Undefined once cancelled or fired. */
  owner: TimerOwner | undefined;
}

/** A binary heap of timers. Cancelling marks the entry; it leaves the heap when its time comes. */
export class TimerQueue {
  #heap: Timer[] = [];
  #live = 0;

  /** Number of armed timers. */
  get size(): number {
    return this.#live;
  }

  /** Arms a timer for `due`. */
  add(owner: TimerOwner, name: string, due: Millis): Timer {
    const timer: Timer = { due, name, owner };
    const heap = this.#heap;
    let i = heap.length;
    heap.push(timer);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (heap[parent]!.due <= due) break;
      heap[i] = heap[parent]!;
      i = parent;
    }
    heap[i] = timer;
    this.#live++;
    return timer;
  }

  /** Disarms a timer; harmless when it has fired. */
  cancel(timer: Timer | undefined): void {
    if (timer?.owner === undefined) return;
    timer.owner = undefined;
    this.#live--;
    // Mostly dead entries (short-lived calls, 32 s timers): sweep before they cost more memory than the live ones.
    if (this.#heap.length > 1024 && this.#heap.length > this.#live * 4) this.#sweep();
  }

  /** When the next timer is due; undefined when none is armed. */
  next(): Millis | undefined {
    while (this.#heap.length > 0 && this.#heap[0]!.owner === undefined) this.#pop();
    return this.#heap[0]?.due;
  }

  /** Fires everything due by `now`, in order. */
  run(now: Millis): void {
    for (let due = this.next(); due !== undefined && due <= now; due = this.next()) {
      const timer = this.#pop();
      const owner = timer.owner!;
      timer.owner = undefined;
      this.#live--;
      owner.onTimer(timer.name, now);
    }
  }

  #sweep(): void {
    const live = this.#heap.filter((t) => t.owner !== undefined).sort((a, b) => a.due - b.due);
    this.#heap = live;
  }

  #pop(): Timer {
    const heap = this.#heap;
    const top = heap[0]!;
    const last = heap.pop()!;
    const n = heap.length;
    if (n === 0) return top;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= n) break;
      if (child + 1 < n && heap[child + 1]!.due < heap[child]!.due) child++;
      if (heap[child]!.due >= last.due) break;
      heap[i] = heap[child]!;
      i = child;
    }
    heap[i] = last;
    return top;
  }
}
