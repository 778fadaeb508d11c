/** Times here are ms since 1970: certificates go by the wall clock, across restarts. */

/** Validity of a certificate. */
export interface Validity {
  readonly from: number;
  readonly to: number;
}

export type RenewalInput =
  /** The certificate in use is this one, and it is what is configured. */
  | { readonly type: "certificate"; readonly validity: Validity }
  /** There is none, or one for something else. */
  | { readonly type: "none" }
  /** It was asked for a new one, and there is none. */
  | { readonly type: "failed" }
  /** Somebody wants it tried now, whatever has failed before. */
  | { readonly type: "retry" };

/** The first try after one that failed is so much later; each further one twice as much. CAs count failures by the hour. */
const FIRST_RETRY: number = 300_000;
const LAST_RETRY: number = 12 * 3_600_000;
/** A certificate is renewed when this much of its lifetime has gone. */
const SHARE = 2 / 3;

/** When a certificate is asked for: at two thirds of its lifetime, at once where there is none, later after each failure. */
export class Renewal {
  readonly #spread: () => number;
  #validity: Validity | null = null;
  #failures = 0;
  #notBefore: number = 0;

  /** `spread` is a number from 0 to 1, anew each time: retries of many gateways after one outage of their CA do not come at one moment. */
  constructor(spread: () => number = Math.random) {
    this.#spread = spread;
  }

  handle(input: RenewalInput, now: number): void {
    switch (input.type) {
      case "certificate":
        this.#validity = input.validity;
        this.#failures = 0;
        this.#notBefore = 0;
        return;
      case "none":
        this.#validity = null;
        return;
      case "failed":
        this.#notBefore = now + Math.min(FIRST_RETRY * 2 ** this.#failures, LAST_RETRY) * (1 + this.#spread() / 5);
        this.#failures++;
        return;
      case "retry":
        this.#notBefore = 0;
    }
  }

  /** Failures since the last certificate. */
  get failures(): number {
    return this.#failures;
  }

  /** When to ask for the next one. */
  nextTimeout(): number {
    return Math.max(this.#validity === null ? 0 : dueOf(this.#validity), this.#notBefore);
  }
}

/** When two thirds of a lifetime have gone. */
export function dueOf({ from, to }: Validity): number {
  return from + (to - from) * SHARE;
}
