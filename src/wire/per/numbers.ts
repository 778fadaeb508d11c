import type { Reader, Writer } from "./bits.ts";
import { PerError } from "./error.ts";

/** Bits that numbers 0 to `range` - 1 need. */
export function bitsFor(range: number): number {
  return range <= 1 ? 0 : range <= 0x80000000 ? 32 - Math.clz32(range - 1) : Math.ceil(Math.log2(range));
}

function octetsFor(value: number): number {
  let n = 1;
  for (let v = value; v >= 256; v = Math.floor(v / 256)) n++;
  return n;
}

/** X.691 11.5: a whole number `lb` to `ub`. */
export function writeConstrained(w: Writer, value: number, lb: number, ub: number): void {
  const range = ub - lb + 1;
  const offset = value - lb;
  if (!w.aligned || range <= 255)
    w.bits(offset, bitsFor(range)); // 11.5.6, 11.5.7.1: bit-field of the least size
  else if (range === 256) {
    w.align(); // 11.5.7.2: one octet
    w.bits(offset, 8);
  } else if (range <= 65536) {
    w.align(); // 11.5.7.3: two octets
    w.bits(offset, 16);
  } else {
    // 11.5.7.4, 13.2.6 a): indefinite length; the number of octets is itself constrained
    const n = octetsFor(offset);
    writeConstrained(w, n, 1, octetsFor(range - 1));
    w.align();
    w.bits(offset, n * 8);
  }
}

export function readConstrained(r: Reader, lb: number, ub: number): number {
  const range = ub - lb + 1;
  let value: number;
  if (!r.aligned || range <= 255) value = r.bits(bitsFor(range));
  else if (range === 256) {
    r.align();
    value = r.bits(8);
  } else if (range <= 65536) {
    r.align();
    value = r.bits(16);
  } else {
    const n = readConstrained(r, 1, octetsFor(range - 1));
    r.align();
    value = r.bits(n * 8);
  }
  if (value >= range) r.fail(`number ${lb + value} is above ${ub}`);
  return lb + value;
}

/** Octets of one fragment's unit: 16K (X.691 11.9.3.8). */
const UNIT = 16384;

/** X.691 11.9.3.5 to 11.9.3.8: a length without upper bound, in fragments of 16K to 64K items. `items(from, count)` writes them. */
export function writeItems(w: Writer, count: number, items: (from: number, count: number) => void): void {
  let from = 0;
  for (;;) {
    const left = count - from;
    w.align();
    if (left < 128)
      w.bits(left, 8); // 11.9.3.6
    else if (left < UNIT)
      w.bits(0x8000 | left, 16); // 11.9.3.7
    else {
      const units = Math.min(4, Math.floor(left / UNIT)); // 11.9.3.8
      w.bits(0xc0 | units, 8);
      items(from, units * UNIT);
      from += units * UNIT;
      continue;
    }
    items(from, left);
    return;
  }
}

/** Reads what writeItems writes; `items(count)` is called once a fragment. */
export function readItems(r: Reader, items: (count: number) => void): void {
  for (;;) {
    const length = readShortLength(r);
    items(length >= 0 ? length : (-1 - length) * UNIT);
    if (length >= 0) return;
  }
}

/** A length as read when it fits one fragment, or -1 - units when a fragment of `units` comes first (the reader stands behind it). */
export function readShortLength(r: Reader): number {
  r.align();
  const first = r.bits(8);
  if (first < 0x80) return first;
  if (first < 0xc0) return ((first & 0x3f) << 8) | r.bits(8);
  const units = first & 0x3f;
  if (units < 1 || units > 4) r.fail(`fragment of ${units} units of 16K`);
  return -1 - units;
}

/** Octets behind an unconstrained length (open types, OCTET STRING, ...), fragments joined. */
export function readOctets(r: Reader): Uint8Array {
  const length = readShortLength(r);
  if (length >= 0) return r.octets(length);
  const parts = [r.octets((-1 - length) * UNIT)];
  readItems(r, (count) => parts.push(r.octets(count)));
  return joined(parts);
}

export function writeOctets(w: Writer, bytes: Uint8Array): void {
  writeItems(w, bytes.length, (from, count) => w.octets(from === 0 && count === bytes.length ? bytes : bytes.subarray(from, from + count)));
}

export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, p) => sum + p.length, 0));
  let at = 0;
  for (const p of parts) {
    out.set(p, at);
    at += p.length;
  }
  return out;
}

/** X.691 11.6: a small non-negative whole number, most often below 64 (extension indexes). */
export function writeSmall(w: Writer, value: number): void {
  if (value < 64)
    w.bits(value, 7); // 11.6.1: a zero bit, then six bits
  else {
    w.bit(true); // 11.6.2
    writeSemiConstrained(w, value, 0);
  }
}

export function readSmall(r: Reader): number {
  return r.bit() ? Number(readSemiConstrained(r, 0)) : r.bits(6);
}

/** X.691 11.9.3.4: a small length, from 1 (extension bitmaps). */
export function writeSmallLength(w: Writer, length: number): void {
  if (length <= 64) w.bits(length - 1, 7);
  else {
    w.bit(true);
    writeItems(w, length, () => {});
  }
}

export function readSmallLength(r: Reader): number {
  if (!r.bit()) return r.bits(6) + 1;
  const length = readShortLength(r);
  if (length < 1) r.fail("extension bitmap of 16K and more");
  return length;
}

function magnitude(value: number | bigint): Uint8Array {
  let hex = value.toString(16);
  if (hex.length % 2 === 1) hex = `0${hex}`;
  return Uint8Array.from(Buffer.from(hex, "hex"));
}

/** X.691 11.7: `lb` or more, as the least octets that hold the offset. */
export function writeSemiConstrained(w: Writer, value: number | bigint, lb: number): void {
  writeOctets(w, magnitude(typeof value === "bigint" ? value - BigInt(lb) : value - lb));
}

function narrowed(value: bigint): number | bigint {
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}

function hexOf(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex")}`);
}

export function readSemiConstrained(r: Reader, lb: number): number | bigint {
  const octets = readOctets(r);
  if (octets.length === 0) r.fail("number of no octets");
  return narrowed(hexOf(octets) + BigInt(lb));
}

/** X.691 11.8: any whole number, as the least octets of two's complement. */
export function writeUnconstrained(w: Writer, value: number | bigint): void {
  const v = BigInt(value);
  let bytes = 1;
  while (v < -(1n << BigInt(bytes * 8 - 1)) || v >= 1n << BigInt(bytes * 8 - 1)) bytes++;
  const hex = BigInt.asUintN(bytes * 8, v)
    .toString(16)
    .padStart(bytes * 2, "0");
  writeOctets(w, Uint8Array.from(Buffer.from(hex, "hex")));
}

export function readUnconstrained(r: Reader): number | bigint {
  const octets = readOctets(r);
  if (octets.length === 0) r.fail("number of no octets");
  return narrowed(BigInt.asIntN(octets.length * 8, hexOf(octets)));
}

/** A SIZE constraint: least and most items; `ub` undefined for no upper bound; `extensible` for `SIZE(lb..ub, ...)`. */
export interface Size {
  readonly lb: number;
  readonly ub?: number;
  readonly extensible?: boolean;
}

export const ANY_SIZE: Size = { lb: 0 };

/** True when the length itself is a constrained whole number (X.691 11.9.4.1: upper bound below 64K). */
export function isShort(size: Size): size is Size & { ub: number } {
  return size.ub !== undefined && size.ub < 65536;
}

/** Writes the extension bit of a SIZE constraint where it has one; returns the constraint that then holds for `count` items. */
export function writeSizeBit(w: Writer, size: Size, count: number): Size {
  const inside = count >= size.lb && (size.ub === undefined || count <= size.ub);
  if (size.extensible) {
    w.bit(!inside);
    return inside ? size : ANY_SIZE;
  }
  if (!inside) throw new PerError(`${count} items, allowed are ${size.lb} to ${size.ub ?? "any"}`);
  return size;
}

export function readSizeBit(r: Reader, size: Size): Size {
  return size.extensible && r.bit() ? ANY_SIZE : size;
}
