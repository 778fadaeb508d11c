/** Longer than any number or PIN: complete without `#`. */
const MAX_DIGITS = 32;
const MAX_TYPED_AHEAD = 64;

/** What is being typed: digits up to `#`, `*` begins anew. Also what was typed too early, while an answer was awaited. */
export class Entry {
  #digits = "";
  #ahead = "";

  get empty(): boolean {
    return this.#digits === "";
  }

  clear(): void {
    this.#digits = "";
  }

  /** True when the entry is complete. */
  type(key: string): boolean {
    if (key === "#") return true;
    if (key === "*") this.#digits = "";
    else if (/^[0-9]$/.test(key)) this.#digits += key;
    return this.#digits.length >= MAX_DIGITS;
  }

  take(): string {
    const digits = this.#digits;
    this.#digits = "";
    return digits;
  }

  typeAhead(key: string): void {
    if (this.#ahead.length < MAX_TYPED_AHEAD && /^[0-9*#]$/.test(key)) this.#ahead += key;
  }

  takeTypedAhead(): string {
    const ahead = this.#ahead;
    this.#ahead = "";
    return ahead;
  }
}
