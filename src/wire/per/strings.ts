import type { Reader, Writer } from "./bits.ts";
import { PerError } from "./error.ts";
import * as n from "./numbers.ts";
import type { Type } from "./type.ts";

/** SIZE(count). */
export function size(count: number): n.Size;
/** SIZE(lb..ub), or SIZE(lb..ub, ...) when `extensible`. */
export function size(lb: number, ub: number, extensible?: boolean): n.Size;
export function size(lb: number, ub = lb, extensible = false): n.Size {
  return { lb, ub, extensible };
}

/** A BIT STRING's value: `length` bits, the first in the most significant bit of `bytes[0]`; unused bits are zero. */
export interface Bits {
  readonly bytes: Uint8Array;
  readonly length: number;
}

function writeBits(w: Writer, value: Bits, from: number, count: number): void {
  const whole = count >>> 3;
  const first = from >>> 3; // fragments are multiples of 16K, so `from` is at an octet
  w.octets(value.bytes.subarray(first, first + whole));
  const rest = count & 7;
  if (rest > 0) w.bits(value.bytes[first + whole]! >>> (8 - rest), rest);
}

function readBits(r: Reader, count: number): Uint8Array {
  const whole = r.octets(count >>> 3);
  const rest = count & 7;
  return rest === 0 ? whole : n.joined([whole, Uint8Array.of(r.bits(rest) << (8 - rest))]);
}

/** BIT STRING, X.691 16. */
export function bitString(constraint: n.Size = n.ANY_SIZE): Type<Bits> {
  return {
    encode: (w, value) => {
      if (value.bytes.length * 8 < value.length) throw new PerError(`${value.length} bits in ${value.bytes.length} octets`);
      const s = n.writeSizeBit(w, constraint, value.length); // 16.6
      if (!n.isShort(s)) return n.writeItems(w, value.length, (from, count) => writeBits(w, value, from, count)); // 16.11
      if (s.lb !== s.ub) n.writeConstrained(w, value.length, s.lb, s.ub);
      if (value.length > 0 && (s.lb !== s.ub || s.ub > 16)) w.align(); // 16.9: up to 16 bits of fixed size are not aligned
      writeBits(w, value, 0, value.length);
    },
    decode: (r) => {
      const s = n.readSizeBit(r, constraint);
      if (!n.isShort(s)) {
        const parts: Uint8Array[] = [];
        let length = 0;
        n.readItems(r, (count) => {
          parts.push(readBits(r, count));
          length += count;
        });
        return { bytes: parts.length === 1 ? parts[0]! : n.joined(parts), length };
      }
      const length = s.lb === s.ub ? s.ub : n.readConstrained(r, s.lb, s.ub);
      if (length > 0 && (s.lb !== s.ub || s.ub > 16)) r.align();
      return { bytes: readBits(r, length), length };
    },
  };
}

/** OCTET STRING, X.691 17. */
export function octetString(constraint: n.Size = n.ANY_SIZE): Type<Uint8Array> {
  return {
    encode: (w, value) => {
      const s = n.writeSizeBit(w, constraint, value.length); // 17.3
      if (!n.isShort(s)) return n.writeOctets(w, value); // 17.8
      if (s.lb !== s.ub) n.writeConstrained(w, value.length, s.lb, s.ub);
      if (value.length > 0 && (s.lb !== s.ub || s.ub > 2)) w.align(); // 17.6: up to two octets of fixed size are not aligned
      w.octets(value);
    },
    decode: (r) => {
      const s = n.readSizeBit(r, constraint);
      if (!n.isShort(s)) return n.readOctets(r);
      const length = s.lb === s.ub ? s.ub : n.readConstrained(r, s.lb, s.ub);
      if (length > 0 && (s.lb !== s.ub || s.ub > 2)) r.align();
      return r.octets(length);
    },
  };
}

/** How one character set is packed: X.691 30.5.2 to 30.5.4. */
interface Packing {
  readonly bits: number;
  /** Characters by index, or null where a character is its own code. */
  readonly characters: readonly number[] | null;
  readonly index: ReadonlyMap<number, number> | null;
  readonly greatest: number;
  readonly allowed: ReadonlySet<number> | null;
}

function packing(alphabet: string | null, codes: number, aligned: boolean): Packing {
  const characters = alphabet === null ? null : [...new Set([...alphabet].map((c) => c.charCodeAt(0)))].sort((a, b) => a - b);
  const count = characters === null ? codes : characters.length;
  let bits = n.bitsFor(count);
  if (aligned) bits = bits <= 1 ? bits : 2 ** Math.ceil(Math.log2(bits)); // 30.5.2
  const greatest = characters === null ? codes - 1 : (characters[characters.length - 1] ?? 0);
  const own = characters === null || greatest < 2 ** bits; // 30.5.4 a)
  return {
    bits,
    characters: own ? null : characters,
    index: own ? null : new Map(characters!.map((c, i) => [c, i])),
    greatest,
    allowed: characters === null ? null : new Set(characters),
  };
}

/** A known-multiplier character string, X.691 30.5. */
class CharacterString implements Type<string> {
  readonly #size: n.Size;
  readonly #aligned: Packing;
  readonly #unaligned: Packing;
  readonly #plain: readonly [Packing, Packing];
  constructor(constraint: n.Size, alphabet: string | null, base: string | null, codes: number) {
    this.#size = constraint;
    this.#aligned = packing(alphabet ?? base, codes, true);
    this.#unaligned = packing(alphabet ?? base, codes, false);
    this.#plain = [packing(base, codes, true), packing(base, codes, false)]; // 30.4: outside the extension root no alphabet is effective
  }
  #pack(aligned: boolean, s: n.Size): Packing {
    if (s !== this.#size && this.#size.extensible) return aligned ? this.#plain[0] : this.#plain[1];
    return aligned ? this.#aligned : this.#unaligned;
  }
  encode(w: Writer, value: string): void {
    const s = n.writeSizeBit(w, this.#size, value.length);
    const p = this.#pack(w.aligned, s);
    const write = (from: number, count: number) => {
      for (let i = from; i < from + count; i++) {
        const code = value.charCodeAt(i);
        const index = p.index === null ? code : p.index.get(code);
        if (index === undefined || code > p.greatest || (p.allowed !== null && !p.allowed.has(code)))
          throw new PerError(`character ${JSON.stringify(value[i])} is not allowed`);
        w.bits(index, p.bits);
      }
    };
    if (!n.isShort(s)) {
      n.writeItems(w, value.length, write);
      return;
    }
    if (s.lb !== s.ub) n.writeConstrained(w, value.length, s.lb, s.ub);
    if (value.length > 0 && this.#alignedField(s, p)) w.align();
    write(0, value.length);
  }
  decode(r: Reader): string {
    const s = n.readSizeBit(r, this.#size);
    const p = this.#pack(r.aligned, s);
    let text = "";
    const read = (count: number) => {
      r.need(count * p.bits);
      for (let i = 0; i < count; i++) {
        const index = r.bits(p.bits);
        const code = p.characters === null ? index : p.characters[index];
        if (code === undefined || code > p.greatest || (p.allowed !== null && !p.allowed.has(code)))
          r.fail(`character ${index} is not allowed`);
        text += String.fromCharCode(code);
      }
    };
    if (!n.isShort(s)) {
      n.readItems(r, read);
      return text;
    }
    const length = s.lb === s.ub ? s.ub : n.readConstrained(r, s.lb, s.ub);
    if (length > 0 && this.#alignedField(s, p)) r.align();
    read(length);
    return text;
  }
  /** 30.5.6, 30.5.7: at most 16 bits of fixed length, or less than 16 of variable length, are not aligned. */
  #alignedField(s: n.Size & { ub: number }, p: Packing): boolean {
    return s.lb === s.ub ? s.ub * p.bits > 16 : s.ub * p.bits >= 16;
  }
}

const PRINTABLE = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?";
const VISIBLE = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).join("");

/** IA5String, with the characters of FROM(...) in `alphabet` if it has such a constraint. */
export const ia5String = (constraint: n.Size = n.ANY_SIZE, alphabet: string | null = null): Type<string> =>
  new CharacterString(constraint, alphabet, null, 128);
/** NumericString: digits and space. */
export const numericString = (constraint: n.Size = n.ANY_SIZE): Type<string> => new CharacterString(constraint, null, " 0123456789", 128);
export const visibleString = (constraint: n.Size = n.ANY_SIZE, alphabet: string | null = null): Type<string> =>
  new CharacterString(constraint, alphabet, VISIBLE, 128);
export const printableString = (constraint: n.Size = n.ANY_SIZE): Type<string> => new CharacterString(constraint, null, PRINTABLE, 128);
/** BMPString: UTF-16 code units; a pair of surrogates counts as two. */
export const bmpString = (constraint: n.Size = n.ANY_SIZE): Type<string> => new CharacterString(constraint, null, null, 65536);

/** GeneralString: not of known multiplier, so octets behind a length (X.691 30.6). Octets are taken for Latin-1. */
export const generalString: Type<string> = {
  encode: (w, value) => {
    const bytes = Buffer.from(value, "latin1");
    if (bytes.toString("latin1") !== value) throw new PerError("GeneralString with characters beyond Latin-1");
    n.writeOctets(w, bytes);
  },
  decode: (r) => Buffer.from(n.readOctets(r)).toString("latin1"),
};
