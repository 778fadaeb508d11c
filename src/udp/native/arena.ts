import type { Koffi } from "./koffi.ts";

/** Longest datagram there is, and a little for a tag. */
export const DATAGRAM = 65_536;
const PADDED = DATAGRAM + 64;
/** For {@link Arena.take}: what is sent is put together here. */
const SPARE = 128 * 1024;

/** Small things that C reads and writes, by their place. */
export const AT = {
  /** sockaddr_in or sockaddr_in6 of who sent, or who is bound. */
  from: 0,
  /** The same of who is sent to. */
  to: 32,
  /** socklen_t, and other ints on their way. */
  int: 64,
  nonce: 80,
  key: 128,
  text: 192,
  /** One epoll_event, then those that are ready. */
  event: 256,
  events: 512,
} as const;
export const MAX_EVENTS = 128;

/** Where a datagram is received, and two places for what cannot be worked on where it is. */
const RECEIVED = 4096;
const STAGED = RECEIVED + PADDED;
const MADE = STAGED + PADDED;
const TAKEN = MADE + PADDED;
const SIZE = TAKEN + SPARE;

/**
 * The only memory whose address C is given. One block, made once for a thread and held as long as the thread lives; blocks of this size lie outside the
 * collected heap and never move. That a call stays within it is decided here: an address is given out for bytes whose bounds were checked, or for a place
 * above with the room its name says.
 */
export class Arena {
  readonly #base: number;
  readonly #buffer: ArrayBuffer;
  /** All of it. */
  readonly bytes: Buffer;
  readonly words: Int32Array;
  readonly received: number;
  readonly #views: Buffer[] = [];
  #taken = TAKEN;

  /** Throws where addresses are none that numbers hold. */
  constructor(koffi: Koffi) {
    this.#buffer = new ArrayBuffer(SIZE);
    this.bytes = Buffer.from(this.#buffer);
    this.words = new Int32Array(this.#buffer);
    this.#base = Number(koffi.address(this.bytes));
    if (!Number.isSafeInteger(this.#base) || this.#base <= 0) throw new Error("memory beyond what numbers hold");
    this.received = this.#base + RECEIVED;
  }

  /** The address of one of the small things. */
  at(place: number): number {
    return this.#base + place;
  }

  /** A piece for somebody to keep; ordinary memory when there is no more. */
  take(size: number): Buffer {
    if (!(size >= 0) || this.#taken + size > SIZE) return Buffer.alloc(size);
    const piece = this.bytes.subarray(this.#taken, this.#taken + size);
    this.#taken += (size + 63) & ~63;
    return piece;
  }

  /** The address of the first `length` bytes, 0 unless they lie in here. */
  locate(bytes: Uint8Array, length: number): number {
    if (bytes.buffer !== this.#buffer || !(length >= 0 && length <= bytes.length)) return 0;
    return this.#base + bytes.byteOffset;
  }

  /** Their address as {@link locate} gives it, else that of a copy, 0 when there are not so many, or more than a datagram. */
  locateOrStage(bytes: Uint8Array, length: number): number {
    const found = this.locate(bytes, length);
    if (found !== 0) return found;
    if (!(length >= 0 && length <= bytes.length && length <= PADDED)) return 0;
    this.bytes.set(length === bytes.length ? bytes : bytes.subarray(0, length), STAGED);
    return this.#base + STAGED;
  }

  /** The address of a place for a datagram to be made in; a copy of its head stands there. */
  begin(head: Uint8Array, length: number): number {
    for (let i = 0; i < length; i++) this.bytes[MADE + i] = head[i]!;
    return this.#base + MADE;
  }

  /** Copies what was made there to `out`. */
  finish(out: Uint8Array, length: number): void {
    out.set(this.bytes.subarray(MADE, MADE + length));
  }

  /** What was received, as so many bytes: a view by length is made once. */
  datagram(length: number): Buffer {
    return (this.#views[length] ??= this.bytes.subarray(RECEIVED, RECEIVED + length));
  }
}
