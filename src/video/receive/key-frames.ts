import type { Millis } from "../../base/clock.ts";

/** Two requests to one sender are so far apart at least: whoever needs a picture meanwhile gets it from the next. */
const SPACING_MS = 500;
/** A request that brings nothing is repeated after this, then after twice as long, ... */
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 8000;

/** Asks one sender for key frames on behalf of all who watch it: merged, spaced, repeated at growing distances while nothing comes. */
export class KeyFrameRequester {
  readonly #send: (attempt: number, now: Millis) => void;
  #wanted = false;
  #attempts = 0;
  #lastAt: Millis = Number.NEGATIVE_INFINITY;
  #nextAt: Millis = Number.POSITIVE_INFINITY;

  /** `send` gets the number of the attempt, 1 for the first since a key frame came. */
  constructor(send: (attempt: number, now: Millis) => void) {
    this.#send = send;
  }

  /** Somebody cannot go on without a key frame. */
  ask(now: Millis): void {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#attempts = 0;
    this.#nextAt = Math.max(now, this.#lastAt + SPACING_MS);
    this.tick(now);
  }

  /** One has come. */
  satisfied(): void {
    this.#wanted = false;
    this.#nextAt = Number.POSITIVE_INFINITY;
  }

  /** The sender started anew, and with it the count of what was asked. */
  reset(): void {
    this.satisfied();
    this.#lastAt = Number.NEGATIVE_INFINITY;
  }

  tick(now: Millis): void {
    if (now < this.#nextAt) return;
    this.#attempts++;
    this.#lastAt = now;
    this.#nextAt = now + Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** (this.#attempts - 1));
    this.#send(this.#attempts, now);
  }
}
