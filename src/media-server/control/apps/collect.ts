import { atoi } from "../channel/variables.ts";

/** What `play_and_get_digits` and `read` were told, as words. */
export interface CollectOptions {
  readonly min?: string | undefined;
  readonly max?: string | undefined;
  readonly timeout?: string | undefined;
  readonly terminators: string;
  readonly digitTimeout?: string | undefined;
}

/** Gathers digits until there are enough, a terminator came, or time ran out (switch_ivr_read, switch_ivr_collect_digits_count). */
export class DigitCollector {
  readonly min: number;
  readonly max: number;
  readonly #timeout: number;
  readonly #digitTimeout: number;
  readonly #terminators: string;
  digits = "";
  terminator: string | undefined;
  timedOut = false;
  interrupted = false;
  #wake: (() => void) | undefined;

  constructor(options: CollectOptions) {
    this.min = Math.max(0, atoi(options.min));
    this.max = Math.min(128, Math.max(this.min, atoi(options.max)));
    this.#timeout = atoi(options.timeout);
    this.#digitTimeout = atoi(options.digitTimeout) || this.#timeout;
    this.#terminators = options.terminators.replace(/^=/, "");
  }

  /** Something was pressed. */
  get started(): boolean {
    return this.digits !== "" || this.terminator !== undefined;
  }

  get complete(): boolean {
    return this.terminator !== undefined || this.digits.length >= this.max;
  }

  get enough(): boolean {
    return this.digits.length >= this.min;
  }

  /** A digit; true when it was taken. */
  push(digit: string): boolean {
    if (this.complete) return false;
    if (/^any$/i.test(this.#terminators) || this.#terminators.includes(digit)) this.terminator = digit;
    else this.digits += digit;
    this.#wake?.();
    return true;
  }

  /** Waits for the rest: `timeout` for the first digit, `digitTimeout` between digits. */
  async collect(onBreak: (fn: () => void) => void): Promise<void> {
    onBreak(() => {
      this.interrupted = true;
      this.#wake?.();
    });
    while (!this.complete && !this.interrupted) {
      const limit = this.started ? this.#digitTimeout : this.#timeout;
      const woken = await this.#wait(limit);
      if (!woken) {
        this.timedOut = true;
        return;
      }
    }
  }

  #wait(ms: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => finish(false), ms);
      const finish = (woken: boolean) => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve(woken);
      };
      this.#wake = () => finish(true);
    });
  }
}

/** Whether a client's pattern finds itself in the digits (unanchored, as PCRE there). A pattern that is none matches nothing; "" matches all. */
export function matchesAll(pattern: string, digits: string): boolean {
  if (pattern === "") return true;
  try {
    return new RegExp(pattern).test(digits);
  } catch {
    return false;
  }
}
