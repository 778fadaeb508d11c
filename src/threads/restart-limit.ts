/** A thread that dies more often than this within {@link WINDOW_MS} is not started again. */
const MOST = 5;
const WINDOW_MS = 60_000;

/** Decides whether a thread that died is started again. */
export class RestartLimit {
  #deaths: readonly number[] = [];

  /** A death at `now` (milliseconds of a monotonic clock); whether the thread may be started again. */
  died(now: number): boolean {
    this.#deaths = [...this.#deaths.filter((at) => now - at < WINDOW_MS), now];
    return this.#deaths.length <= MOST;
  }
}
