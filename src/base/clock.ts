/** Milliseconds on a monotonic scale; the zero is arbitrary. Branded so that wall time never slips in. */
export type Millis = number & { readonly __unit?: "monotonic-ms" };

/** The only way a driver learns the time; machines get `now` as an argument instead. */
export interface Clock {
  /** Monotonic milliseconds, with fractions. Never jumps when the wall clock is set. */
  now(): Millis;
  /** Wall time in milliseconds since 1970, for records, logs and NTP stamps only. */
  wall(): number;
}

/** The process's clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
};

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
