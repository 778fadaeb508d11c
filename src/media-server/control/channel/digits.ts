/** Waits for a digit: takes it (true), or leaves it to those below (false). */
export type DigitListener = (digit: string) => boolean;

/**
 * A channel's received digits. They queue until something asks; whoever runs on top is asked first (switch_channel.c, dtmf_queue).
 */
export class DigitQueue {
  static readonly limit = 100;
  #queued = "";
  readonly #listeners: DigitListener[] = [];

  /** Digits that nobody has taken yet. */
  get queued(): string {
    return this.#queued;
  }

  /** A digit came. */
  push(digit: string): void {
    for (let i = this.#listeners.length - 1; i >= 0; i--) if (this.#listeners[i]?.(digit)) return;
    if (this.#queued.length < DigitQueue.limit) this.#queued += digit;
  }

  /** Offers what is queued, then every new digit, to `listener` until the returned function is called. */
  listen(listener: DigitListener): () => void {
    this.#listeners.push(listener);
    const waiting = this.#queued;
    this.#queued = "";
    for (const digit of waiting) this.push(digit);
    return () => {
      const at = this.#listeners.indexOf(listener);
      if (at !== -1) this.#listeners.splice(at, 1);
    };
  }

  /** Forgets what is queued. Returns how many there were. */
  flush(): number {
    const count = this.#queued.length;
    this.#queued = "";
    return count;
  }
}
