import type { CallEvent } from "../../h323/index.ts";

type Digits = Extract<CallEvent, { type: "digits" }>;

/** Ways of one key follow each other at once; the same key pressed again takes longer to come another way. */
const TOGETHER_MS = 1_000;
/** Keys remembered. */
const MOST = 64;

/**
 * Keys of a far end that tells each in two ways, as `signal` and as `alphanumeric` (H.245 6.2.14) say: each counts
 * once.
 */
export class UserInput {
  /** Keys that one way has brought, and another may bring yet. */
  readonly #single: { readonly digit: string; readonly via: Digits["via"]; readonly at: number }[] = [];

  /** The keys that are not known already; `now` in milliseconds of any clock. */
  fresh({ digits, via }: Pick<Digits, "digits" | "via">, now: number): string[] {
    return [...digits.toUpperCase()].filter((digit) => {
      while (this.#single[0] !== undefined && now - this.#single[0].at > TOGETHER_MS) this.#single.shift();
      const twin = this.#single.findIndex((key) => key.digit === digit && key.via !== via);
      if (twin >= 0) {
        this.#single.splice(twin, 1);
        return false;
      }
      this.#single.push({ digit, via, at: now });
      if (this.#single.length > MOST) this.#single.shift();
      return true;
    });
  }
}
