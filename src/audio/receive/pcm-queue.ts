/** Decoded sound that waits to be played, at the front of one buffer so that it can be worked on in place. */
export class PcmQueue {
  readonly samples: Int16Array;
  #length = 0;

  constructor(capacity: number) {
    this.samples = new Int16Array(capacity);
  }

  get length(): number {
    return this.#length;
  }

  /** Room left. */
  get room(): number {
    return this.samples.length - this.#length;
  }

  /** Appends the first `length` samples of `pcm`, as many as there is room for, and returns where they begin. */
  push(pcm: Int16Array, length: number): number {
    const at = this.#length;
    const n = Math.min(length, this.room);
    this.samples.set(pcm.subarray(0, n), at);
    this.#length += n;
    return at;
  }

  /** Moves the first `out.length` samples into `out`; silence for what is missing. */
  take(out: Int16Array): void {
    const n = Math.min(out.length, this.#length);
    out.set(this.samples.subarray(0, n));
    if (n < out.length) out.fill(0, n);
    this.samples.copyWithin(0, n, this.#length);
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
