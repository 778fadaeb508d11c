import { PerError } from "./error.ts";

/** How deep constructed types may nest, and how many elements of SEQUENCE OF one message may have in all. */
export interface Limits {
  readonly depth: number;
  readonly elements: number;
}

export const DEFAULT_LIMITS: Limits = { depth: 48, elements: 20_000 };

/** Reads bit-fields, most significant bit first. Positions are in bits from the start of `data`. */
export class Reader {
  readonly data: Uint8Array;
  /** ALIGNED variant of PER. */
  readonly aligned: boolean;
  pos: number;
  /** First bit that may not be read. */
  end: number;
  #depth: number;
  #elements: number;

  constructor(data: Uint8Array, aligned: boolean, limits: Limits = DEFAULT_LIMITS) {
    // A Buffer's slice() is a view; values must not share memory with the input.
    this.data = Buffer.isBuffer(data) ? new Uint8Array(data.buffer, data.byteOffset, data.length) : data;
    this.aligned = aligned;
    this.pos = 0;
    this.end = data.length * 8;
    this.#depth = limits.depth;
    this.#elements = limits.elements;
  }

  fail(detail: string): never {
    throw new PerError(detail, this.pos);
  }

  need(bits: number): void {
    if (this.pos + bits > this.end) this.fail(`truncated: ${bits} bits wanted, ${Math.max(0, this.end - this.pos)} left`);
  }

  bit(): boolean {
    const pos = this.pos;
    if (pos >= this.end) this.fail("truncated: 1 bit wanted, 0 left");
    this.pos = pos + 1;
    return (this.data[pos >>> 3]! & (0x80 >>> (pos & 7))) !== 0;
  }

  /** The next `count` bits as an unsigned number, `count` from 0 to 53. */
  bits(count: number): number {
    this.need(count);
    let value = 0;
    let left = count;
    while (left > 0) {
      const offset = this.pos & 7;
      const take = Math.min(8 - offset, left);
      const chunk = (this.data[this.pos >>> 3]! >>> (8 - offset - take)) & ((1 << take) - 1);
      value = value * (1 << take) + chunk;
      this.pos += take;
      left -= take;
    }
    return value;
  }

  /** Skips to the next octet boundary, in the ALIGNED variant only. Pad bits may be anything (receivers ignore them). */
  align(): void {
    if (this.aligned) this.pos = (this.pos + 7) & ~7;
  }

  /** A copy of the next `count` octets, wherever they start. */
  octets(count: number): Uint8Array {
    this.need(count * 8);
    const start = this.pos;
    this.pos = start + count * 8;
    const first = start >>> 3;
    const shift = start & 7;
    if (shift === 0) return this.data.slice(first, first + count);
    const out = new Uint8Array(count);
    for (let i = 0; i < count; i++) out[i] = (this.data[first + i]! << shift) | (this.data[first + i + 1]! >>> (8 - shift));
    return out;
  }

  /** Enters a constructed type; refuses nesting deeper than the limit. */
  enter(): void {
    if (--this.#depth < 0) this.fail("nested too deeply");
  }
  leave(): void {
    this.#depth++;
  }

  /** Accounts for `count` elements of a SEQUENCE OF, so that elements of no bits cannot make a huge value. */
  elements(count: number): void {
    this.#elements -= count;
    if (this.#elements < 0) this.fail("too many elements");
  }

  /** A reader of other octets (an open type's) that shares this one's budgets. */
  inner(data: Uint8Array): Reader {
    return new Reader(data, this.aligned, { depth: this.#depth, elements: this.#elements });
  }
}

/** Writes bit-fields, most significant bit first, into a buffer that grows. */
export class Writer {
  readonly aligned: boolean;
  #data: Uint8Array;
  /** Bits written. */
  pos = 0;

  constructor(aligned: boolean, size = 512) {
    this.aligned = aligned;
    this.#data = new Uint8Array(size);
  }

  #room(bits: number): void {
    const bytes = ((this.pos + bits + 7) >>> 3) + 1;
    if (bytes <= this.#data.length) return;
    const grown = new Uint8Array(Math.max(bytes, this.#data.length * 2));
    grown.set(this.#data);
    this.#data = grown;
  }

  bit(value: boolean): void {
    this.#room(1);
    if (value) this.#data[this.pos >>> 3]! |= 0x80 >>> (this.pos & 7);
    this.pos++;
  }

  /** Appends the low `count` bits of `value`, `count` from 0 to 53. */
  bits(value: number, count: number): void {
    this.#room(count);
    const data = this.#data;
    let left = count;
    while (left > 0) {
      const offset = this.pos & 7;
      const take = Math.min(8 - offset, left);
      const shift = left - take;
      const chunk = (shift < 31 && value <= 0xffffffff ? value >>> shift : Math.floor(value / 2 ** shift)) & ((1 << take) - 1);
      data[this.pos >>> 3]! |= chunk << (8 - offset - take);
      this.pos += take;
      left -= take;
    }
  }

  /** Pads with zero bits to an octet boundary, in the ALIGNED variant only. */
  align(): void {
    if (this.aligned) this.pos = (this.pos + 7) & ~7;
    this.#room(0);
  }

  octets(bytes: Uint8Array): void {
    this.#room(bytes.length * 8);
    const shift = this.pos & 7;
    const first = this.pos >>> 3;
    if (shift === 0) this.#data.set(bytes, first);
    else
      for (let i = 0; i < bytes.length; i++) {
        this.#data[first + i]! |= bytes[i]! >>> shift;
        this.#data[first + i + 1] = (bytes[i]! << (8 - shift)) & 0xff;
      }
    this.pos += bytes.length * 8;
  }

  /** Moves `count` octets from octet `from` to octet `to` (open types whose length turns out to need two octets). */
  shift(from: number, to: number, count: number): void {
    this.#room((to - from) * 8);
    this.#data.copyWithin(to, from, from + count);
    this.pos += (to - from) * 8;
  }

  /** Overwrites the octet at index `at`. */
  patch(at: number, octet: number): void {
    this.#data[at] = octet;
  }

  /** Takes back everything written from bit `pos` on. */
  rewind(pos: number): Uint8Array {
    const first = pos >>> 3;
    const last = (this.pos + 7) >>> 3;
    const taken = this.#data.slice(first, last);
    this.#data.fill(0, first, last + 1);
    this.pos = pos;
    return taken;
  }

  /** What has been written, padded with zero bits to a whole octet; one zero octet when nothing was (X.691 11.1.3). */
  finish(): Uint8Array {
    return this.#data.slice(0, Math.max(1, (this.pos + 7) >>> 3));
  }
}
