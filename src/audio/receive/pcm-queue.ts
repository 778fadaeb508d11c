/** Decoded sound that waits to be played, at the front of one buffer so that it can be worked on in place. */
export class PcmQueue {
  readonly #capacity: number;
  #samples: Int16Array;
  #length = 0;

  /** `capacity` samples at most; memory for `usual` to begin with, since most streams never need more. */
  constructor(capacity: number, usual = capacity) {
    this.#capacity = capacity;
    this.#samples = new Int16Array(Math.min(usual, capacity));
  }

  /** The buffer; another one after a {@link push} or a {@link reserve}. */
  get samples(): Int16Array {
    return this.#samples;
  }

  get length(): number {
    return this.#length;
  }

  /** Room left. */
  get room(): number {
    return this.#capacity - this.#length;
  }

  /** Appends the first `length` samples of `pcm`, as many as there is room for, and returns where they begin. */
  push(pcm: Int16Array, length: number): number {
    const at = this.#length;
    const n = Math.min(length, this.room);
    this.reserve(n);
    this.#samples.set(pcm.subarray(0, n), at);
    this.#length += n;
    return at;
  }

  /** Makes the buffer hold `more` samples behind those that are there; up to the capacity. */
  reserve(more: number): void {
    const needed = Math.min(this.#capacity, this.#length + more);
    if (needed <= this.#samples.length) return;
    const larger = new Int16Array(Math.min(this.#capacity, Math.max(needed, 2 * this.#samples.length)));
    larger.set(this.#samples.subarray(0, this.#length));
    this.#samples = larger;
  }

  /** Moves the first `out.length` samples into `out`; silence for what is missing. */
  take(out: Int16Array): void {
    const n = Math.min(out.length, this.#length);
    out.set(this.#samples.subarray(0, n));
    if (n < out.length) out.fill(0, n);
    this.#samples.copyWithin(0, n, this.#length);
    this.#length -= n;
  }

  /** After samples were taken out of or put into `samples` in place. */
  changeLength(by: number): void {
    this.#length += by;
  }

  clear(): void {
    this.#length = 0;
  }
}
