/**
 * Strangers' requests on their way to an application: a few at a time, sources in turn. The application works on one thread; however many come at once, a
 * trunk's request waits there for a few of them at most.
 */
import type { Millis } from "../base/clock.ts";
import { sourceOf } from "../base/ip-address.ts";
import type { ServerTransaction } from "../sip/layer-api.ts";

/** A request that the application has for longer waits for something itself, and holds up nobody, ms. */
const BUSY: Millis = 40;
/** Requests that wait, of all sources and of one. */
const MAX_WAITING = 500;
const MAX_OF_SOURCE = 100;
/** A request that has waited so long is refused, ms: its sender's timers are at their end soon (RFC 3261 section 17.1.1.2). */
const LONGEST_WAIT: Millis = 4_000;

interface Waiting {
  readonly transaction: ServerTransaction;
  readonly since: Millis;
}

export interface StrangerQueueOptions {
  /** Requests that the application may have and have said nothing to. */
  readonly inHand: number;
  /** Hands a request to the application. */
  readonly hand: (transaction: ServerTransaction, now: Millis) => void;
  /** One that there is no room for, or that has waited too long. */
  readonly refuse: (transaction: ServerTransaction, now: Millis) => void;
}

export class StrangerQueue {
  readonly #options: StrangerQueueOptions;
  /** By source, in the order of their turns. */
  readonly #waiting = new Map<string, Waiting[]>();
  /** What the application has in hand, since when; the oldest first. */
  readonly #inHand = new Map<ServerTransaction, Millis>();
  #size = 0;

  constructor(options: StrangerQueueOptions) {
    this.#options = options;
  }

  /** Requests that wait. */
  get size(): number {
    return this.#size;
  }

  add(transaction: ServerTransaction, now: Millis): void {
    const source = sourceOf(transaction.source.address);
    const own = this.#waiting.get(source) ?? [];
    if (this.#size >= MAX_WAITING || own.length >= MAX_OF_SOURCE) {
      this.#options.refuse(transaction, now);
      return;
    }
    own.push({ transaction, since: now });
    this.#waiting.set(source, own);
    this.#size++;
    this.run(now);
  }

  /** The application has answered, or will not be asked any more. */
  answered(transaction: ServerTransaction, now: Millis): void {
    if (this.#inHand.delete(transaction)) this.run(now);
  }

  /** When {@link run} is to be called; undefined while nothing waits. */
  nextTimeout(): Millis | undefined {
    const [oldest] = this.#inHand.values();
    return this.#size === 0 || oldest === undefined ? undefined : oldest + BUSY;
  }

  /** Hands over what may go now. */
  run(now: Millis): void {
    for (const [transaction, since] of this.#inHand) {
      if (now - since < BUSY) break;
      this.#inHand.delete(transaction);
    }
    while (this.#inHand.size < this.#options.inHand && this.#size > 0) {
      const { transaction, since } = this.#take();
      // cancelled meanwhile
      if (transaction.answered) continue;
      if (now - since > LONGEST_WAIT) {
        this.#options.refuse(transaction, now);
        continue;
      }
      this.#inHand.set(transaction, now);
      this.#options.hand(transaction, now);
      // refused without the application
      if (transaction.answered) this.#inHand.delete(transaction);
    }
  }

  #take(): Waiting {
    const [source, own] = this.#waiting.entries().next().value!;
    const first = own.shift()!;
    this.#size--;
    this.#waiting.delete(source);
    if (own.length > 0) this.#waiting.set(source, own);
    return first;
  }
}
