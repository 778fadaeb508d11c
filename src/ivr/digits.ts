import { inspect } from "node:util";

/** Digits that may be a PIN: they show themselves to nobody but `reveal`, so that no log, trace or JSON ever has them. */
export class Digits {
  readonly #digits: string;
  constructor(digits: string) {
    this.#digits = digits;
  }
  /** For the comparison with a hash, and nothing else. */
  reveal(): string {
    return this.#digits;
  }
  toString(): string {
    return "[digits]";
  }
  toJSON(): string {
    return "[digits]";
  }
  [inspect.custom](): string {
    return "[digits]";
  }
}
