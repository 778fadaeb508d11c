/** Which packet indices of one source were seen, over the last `WINDOW` ones (RFC 3711 section 3.3.2: at least 64). */

const WINDOW = 1024;
const WORDS = WINDOW / 32;

export class ReplayWindow {
  /** Highest index accepted, -1 before the first. */
  highest = -1;
  // A ring of bits by index modulo WINDOW; words between the old and the new highest are cleared when it moves.
  readonly #seen = new Uint32Array(WORDS);

  /** Whether the index was not accepted before and is not too old to know. Changes nothing. */
  isFresh(index: number): boolean {
    if (index > this.highest) return true;
    if (index <= this.highest - (WINDOW - 32)) return false;
    return (this.#seen[Math.floor(index / 32) % WORDS]! & (1 << (index & 31))) === 0;
  }

  /** Remembers an authenticated, fresh index. */
  accept(index: number): void {
    const word = Math.floor(index / 32);
    if (index > this.highest) {
      // Before the first index every word is still clear.
      const before = this.highest < 0 ? word : Math.floor(this.highest / 32);
      const steps = Math.min(word - before, WORDS);
      for (let i = 0; i < steps; i++) this.#seen[(word - i) % WORDS] = 0;
      this.highest = index;
    }
    this.#seen[word % WORDS]! |= 1 << (index & 31);
  }
}
