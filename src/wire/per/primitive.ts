import type { Reader, Writer } from "./bits.ts";
import { PerError } from "./error.ts";
import * as n from "./numbers.ts";
import type { Type } from "./type.ts";

/** X.691 12: BOOLEAN, one bit. */
export const boolean: Type<boolean> = {
  encode: (w, value) => w.bit(value),
  decode: (r) => r.bit(),
};

/** X.691 18: NULL, no bits. Its value is `true`, so that an alternative that is there tests as true. */
export const nul: Type<true> = {
  encode: () => {},
  decode: () => true,
};

class ConstrainedInteger implements Type<number> {
  readonly lb: number;
  readonly ub: number;
  readonly extensible: boolean;
  constructor(lb: number, ub: number, extensible: boolean) {
    this.lb = lb;
    this.ub = ub;
    this.extensible = extensible;
  }
  encode(w: Writer, value: number): void {
    const inside = value >= this.lb && value <= this.ub;
    if (!Number.isInteger(value)) throw new PerError(`${value} is not a whole number`);
    if (this.extensible) {
      w.bit(!inside); // 13.1
      if (!inside) {
        n.writeUnconstrained(w, value);
        return;
      }
    } else if (!inside) throw new PerError(`${value} is not within ${this.lb} to ${this.ub}`);
    n.writeConstrained(w, value, this.lb, this.ub); // 13.2.2
  }
  decode(r: Reader): number {
    if (this.extensible && r.bit()) {
      const value = n.readUnconstrained(r);
      return typeof value === "number" ? value : r.fail("number beyond 53 bits");
    }
    return n.readConstrained(r, this.lb, this.ub);
  }
}

/** INTEGER (lb..ub), with `extensible` INTEGER (lb..ub, ...). Both bounds are safe integers. X.691 13. */
export function integer(lb: number, ub: number, extensible = false): Type<number> {
  return new ConstrainedInteger(lb, ub, extensible);
}

/** INTEGER (lb..MAX), X.691 13.2.3. Values beyond 53 bits are bigint. */
export function integerFrom(lb: number): Type<number | bigint> {
  return {
    encode: (w, value) => {
      if (value < lb) throw new PerError(`${value} is below ${lb}`);
      n.writeSemiConstrained(w, value, lb);
    },
    decode: (r) => n.readSemiConstrained(r, lb),
  };
}

/** INTEGER without bounds, X.691 13.2.4. Values beyond 53 bits are bigint. */
export const anyInteger: Type<number | bigint> = {
  encode: (w, value) => n.writeUnconstrained(w, value),
  decode: (r) => n.readUnconstrained(r),
};

/** An enumeration value that this version of the schema does not know: `#` and its extension index. */
export type UnknownEnum = `#${number}`;

class Enumerated<T extends string> implements Type<T | UnknownEnum> {
  readonly #root: readonly T[];
  readonly #extra: readonly T[] | undefined;
  readonly #index: Map<string, number>;
  constructor(root: readonly T[], extra: readonly T[] | undefined) {
    this.#root = root;
    this.#extra = extra;
    this.#index = new Map([...root, ...(extra ?? [])].map((name, i) => [name, i]));
  }
  encode(w: Writer, value: T | UnknownEnum): void {
    let index = this.#index.get(value);
    if (index === undefined && value.startsWith("#")) index = this.#root.length + Number(value.slice(1));
    if (index === undefined || !Number.isInteger(index)) throw new PerError(`${value} is not in the enumeration`);
    const root = this.#root.length;
    if (this.#extra !== undefined)
      w.bit(index >= root); // 14.3
    else if (index >= root) throw new PerError(`${value} is not in the enumeration`);
    if (index < root)
      n.writeConstrained(w, index, 0, root - 1); // 14.2
    else n.writeSmall(w, index - root);
  }
  decode(r: Reader): T | UnknownEnum {
    if (this.#extra === undefined || !r.bit()) return this.#root[n.readConstrained(r, 0, this.#root.length - 1)]!;
    const index = n.readSmall(r);
    return this.#extra[index] ?? `#${index}`;
  }
}

/** ENUMERATED: `root` in the order of its numbers; `extra` (perhaps empty) when it has an extension marker. X.691 14. */
export function enumerated<const T extends string>(root: readonly T[], extra?: readonly T[]): Type<T | UnknownEnum> {
  return new Enumerated(root, extra);
}

const encodedOids = new Map<string, Uint8Array>();

function oidOctets(value: string): Uint8Array {
  const known = encodedOids.get(value);
  if (known !== undefined) return known;
  const arcs = value.split(".").map(Number);
  const [first, second] = arcs;
  if (
    first === undefined ||
    second === undefined ||
    arcs.some((a) => !Number.isSafeInteger(a) || a < 0) ||
    first > 2 ||
    (first < 2 && second > 39)
  )
    throw new PerError(`"${value}" is not an object identifier`);
  const out: number[] = [];
  for (const arc of [first * 40 + second, ...arcs.slice(2)]) {
    const groups = [arc % 128];
    for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128)) groups.unshift((rest % 128) | 0x80);
    out.push(...groups);
  }
  const octets = Uint8Array.from(out);
  if (encodedOids.size < 500) encodedOids.set(value, octets);
  return octets;
}

function oidText(r: Reader, octets: Uint8Array): string {
  if (octets.length === 0 || octets[octets.length - 1]! >= 0x80) r.fail("object identifier cut short");
  let text = "";
  let arc = 0;
  let fresh = true;
  for (const octet of octets) {
    if (fresh && octet === 0x80) r.fail("object identifier with padded arc");
    arc = arc * 128 + (octet & 0x7f);
    if (!Number.isSafeInteger(arc)) r.fail("object identifier with an arc beyond 53 bits");
    fresh = octet < 0x80;
    if (!fresh) continue;
    if (text === "") {
      const top = Math.min(2, Math.floor(arc / 40));
      text = `${top}.${arc - top * 40}`;
    } else text += `.${arc}`;
    arc = 0;
  }
  return text;
}

/** OBJECT IDENTIFIER in dotted form, for example `0.0.8.2250.0.7`. X.691 24: length and contents octets of BER. */
export const oid: Type<string> = {
  encode: (w, value) => n.writeOctets(w, oidOctets(value)),
  decode: (r) => oidText(r, n.readOctets(r)),
};
