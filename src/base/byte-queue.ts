/**
 * The bytes of a stream that wait for the rest of their frame. Appending copies each byte a constant number of times on average,
 * so that a peer that sends a frame byte by byte costs no more than one that sends it whole; `Buffer.concat` for each chunk would
 * copy all that waits each time.
 */
export class ByteQueue {
  #store: Buffer = Buffer.alloc(0);
  #start = 0;
  #end = 0;
  #chunk: Buffer | undefined;

  /** Bytes that wait. */
  get length(): number {
    return this.#chunk?.length ?? this.#end - this.#start;
  }

  /** Appends received bytes and returns all that wait. What is returned is never overwritten; give what is left of it to `keep`. */
  push(bytes: Uint8Array): Buffer {
    const length = this.#end - this.#start;
    if (length === 0) {
      this.#chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
      return this.#chunk;
    }
    if (this.#store.length - this.#end < bytes.length) {
      const store = Buffer.allocUnsafeSlow(Math.max(256, 2 * (length + bytes.length)));
      this.#store.copy(store, 0, this.#start, this.#end);
      this.#store = store;
      this.#start = 0;
      this.#end = length;
    }
    this.#store.set(bytes, this.#end);
    this.#end += bytes.length;
    return this.#store.subarray(this.#start, this.#end);
  }

  /** Keeps the last `count` bytes of what `push` returned; the others have been read. */
  keep(count: number): void {
    if (this.#chunk !== undefined) {
      // A copy: a small rest must not keep a large chunk alive, and the chunk is the caller's.
      this.#store = Buffer.from(this.#chunk.subarray(this.#chunk.length - count));
      this.#start = 0;
      this.#end = count;
      this.#chunk = undefined;
      return;
    }
    this.#start = this.#end - count;
    if (count * 8 < this.#store.length) {
      this.#store = Buffer.from(this.#store.subarray(this.#start, this.#end));
      this.#start = 0;
      this.#end = count;
    }
  }
}
