/** Bytes of a millisecond of G.711, and of G.722. */
const BYTES_PER_MS = 8;

/** Makes packets of another length than 20 ms out of frames of 20 ms, for codecs whose bytes can be cut anywhere (G.711, G.722). */
export class Packetizer {
  readonly ptime: number;
  readonly #bytes: Uint8Array;
  readonly #out: Uint8Array;
  #filled = 0;

  constructor(ptime: number) {
    this.ptime = ptime;
    this.#out = new Uint8Array(ptime === 20 ? 0 : ptime * BYTES_PER_MS);
    this.#bytes = new Uint8Array(ptime === 20 ? 0 : (ptime + 20) * BYTES_PER_MS);
  }

  push(payload: Uint8Array): void {
    const room = this.#bytes.length - this.#filled;
    const fits = payload.length > room ? payload.subarray(0, room) : payload;
    this.#bytes.set(fits, this.#filled);
    this.#filled += fits.length;
  }

  /** A whole packet's payload, valid until the next call; undefined for none yet. */
  next(): Uint8Array | undefined {
    const size = this.#out.length;
    if (size === 0 || this.#filled < size) return undefined;
    this.#out.set(this.#bytes.subarray(0, size));
    this.#bytes.copyWithin(0, size, this.#filled);
    this.#filled -= size;
    return this.#out;
  }
}
