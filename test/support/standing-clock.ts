import type { Clock, Millis } from "../../src/base/clock.ts";

/** A clock that stands still until told, for tests of machines and drivers. */
export class FakeClock implements Clock {
  #now = 0;
  #wallStart: number;
  constructor(wallStart = Date.UTC(2026, 0, 1)) {
    this.#wallStart = wallStart;
  }
  now(): Millis {
    return this.#now;
  }
  wall(): number {
    return this.#wallStart + this.#now;
  }
  /** Moves time forward by `ms`. Throws RangeError on a negative step: monotonic time does not go back. */
  advance(ms: number): void {
    if (ms < 0) throw new RangeError(`monotonic time cannot go back by ${-ms} ms`);
    this.#now += ms;
  }
}
