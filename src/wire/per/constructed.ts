import { Reader, Writer } from "./bits.ts";
import { located, PerError } from "./error.ts";
import * as n from "./numbers.ts";
import type { Flat, Infer, Type } from "./type.ts";

/** A component that may be absent. */
export interface Optional<T> {
  readonly optional: Type<T>;
  readonly fallback?: T;
}

/** Component OPTIONAL. */
export function optional<T>(type: Type<T>): Optional<T> {
  return { optional: type };
}

/** Component DEFAULT `fallback`: absent on the wire when equal (X.691 19.5; compared by JSON), absent in the value when absent on the wire. */
export function withDefault<T>(type: Type<T>, fallback: T): Optional<T> {
  return { optional: type, fallback };
}

type Component = Type<unknown> | Optional<unknown>;
type Components = Readonly<Record<string, Component>>;
type ValueOf<C> = C extends Optional<infer T> ? T : Infer<C>;
type RequiredKeys<F> = { [K in keyof F]: F[K] extends Optional<unknown> ? never : K }[keyof F];
type OptionalKeys<F> = { [K in keyof F]: F[K] extends Optional<unknown> ? K : never }[keyof F];

/** Extension additions as they came and this schema does not explain them. */
export interface Additions {
  /** How many additions the sender's version of the type has: the length of its bitmap. */
  readonly count: number;
  /** Contents of the open type by position in the bitmap, from 0. */
  readonly unknown: Readonly<Record<number, Uint8Array>>;
}

/** A SEQUENCE's value. Extension additions are optional here whatever they are in the schema: an older sender does not have them. */
export type SequenceValue<F, E> = Flat<
  { readonly [K in RequiredKeys<F>]: ValueOf<F[K]> } & { readonly [K in OptionalKeys<F>]?: ValueOf<F[K]> } & {
    readonly [K in keyof E]?: ValueOf<E[K]>;
  } & { readonly $more?: Additions }
>;

interface Field {
  readonly name: string;
  readonly type: Type<unknown>;
  readonly optional: boolean;
  readonly fallback: string | undefined;
}

function fields(components: Components): Field[] {
  return Object.entries(components).map(([name, c]) =>
    "optional" in c
      ? { name, type: c.optional, optional: true, fallback: c.fallback === undefined ? undefined : JSON.stringify(c.fallback) }
      : { name, type: c, optional: false, fallback: undefined },
  );
}

type Values = Record<string, unknown>;

/** X.691 11.2: `content` as an open type: the octets of its complete encoding behind a length. */
export function writeOpen<T>(w: Writer, type: Type<T>, value: T): void {
  if (!w.aligned) {
    const inner = new Writer(false, 64);
    type.encode(inner, value);
    n.writeOctets(w, inner.finish());
    return;
  }
  // Written in place behind a length of one octet, which is mended when the contents turn out longer.
  w.align();
  const at = w.pos;
  w.bits(0, 8);
  type.encode(w, value);
  w.align();
  let count = (w.pos - at) / 8 - 1;
  if (count === 0) {
    w.bits(0, 8); // 11.1.3: an empty encoding is one zero octet
    count = 1;
  }
  const octet = at / 8;
  if (count < 128) w.patch(octet, count);
  else if (count < 16384) {
    w.shift(octet + 1, octet + 2, count);
    w.patch(octet, 0x80 | (count >>> 8));
    w.patch(octet + 1, count & 0xff);
  } else {
    const whole = w.rewind(at).subarray(1);
    n.writeOctets(w, whole);
  }
}

/** Reads an open type's contents as `type`; octets behind what `type` needs are skipped. */
export function readOpen<T>(r: Reader, type: Type<T>): T {
  const length = n.readShortLength(r);
  if (length < 0 || !r.aligned) {
    const octets = length >= 0 ? r.octets(length) : n.joined([r.octets((-1 - length) * 16384), n.readOctets(r)]);
    return type.decode(r.inner(octets));
  }
  r.need(length * 8);
  const outer = r.end;
  const end = r.pos + length * 8;
  r.end = end;
  const value = type.decode(r);
  r.end = outer;
  r.pos = end;
  return value;
}

/** The contents of an open type as octets: an extension addition or alternative that a schema names and does not model. */
export const contents: Type<Uint8Array> = {
  encode: (w, value) => w.octets(value),
  decode: (r) => r.octets((r.end - r.pos) >>> 3),
};

/** An open type whose contents are known to be `type` (TYPE-IDENTIFIER.&Type). */
export function openType<T>(type: Type<T>): Type<T> {
  return { encode: (w, value) => writeOpen(w, type, value), decode: (r) => readOpen(r, type) };
}

class Sequence implements Type<Values> {
  readonly #root: readonly Field[];
  readonly #optional: readonly Field[];
  readonly #extra: readonly Field[] | undefined;
  constructor(root: Components, extra: Components | undefined) {
    this.#root = fields(root);
    this.#optional = this.#root.filter((f) => f.optional);
    this.#extra = extra === undefined ? undefined : fields(extra);
  }

  encode(w: Writer, value: Values): void {
    const extra = this.#extra;
    const more = value["$more"] as Additions | undefined;
    const extended = extra !== undefined && (more !== undefined || extra.some((f) => value[f.name] !== undefined));
    if (extra !== undefined) w.bit(extended); // 19.1
    for (const f of this.#optional) w.bit(this.#present(f, value)); // 19.2
    for (const f of this.#root) {
      if (f.optional ? !this.#present(f, value) : false) continue;
      const component = value[f.name];
      if (component === undefined) throw new PerError("missing").within(f.name);
      try {
        f.type.encode(w, component);
      } catch (error) {
        throw located(error, f.name);
      }
    }
    if (extended) this.#encodeExtra(w, value, extra, more);
  }

  #present(f: Field, value: Values): boolean {
    const component = value[f.name];
    return component !== undefined && (f.fallback === undefined || JSON.stringify(component) !== f.fallback);
  }

  #encodeExtra(w: Writer, value: Values, extra: readonly Field[], more: Additions | undefined): void {
    const count = more?.count ?? extra.length;
    n.writeSmallLength(w, count); // 19.7, 19.8
    for (let i = 0; i < count; i++)
      w.bit((extra[i] !== undefined && value[extra[i]!.name] !== undefined) || more?.unknown[i] !== undefined);
    for (let i = 0; i < count; i++) {
      const f = extra[i];
      if (f !== undefined && value[f.name] !== undefined) {
        try {
          writeOpen(w, f.type, value[f.name]); // 19.9
        } catch (error) {
          throw located(error, f.name);
        }
      } else if (more?.unknown[i] !== undefined) n.writeOctets(w, more.unknown[i]!);
    }
  }

  decode(r: Reader): Values {
    r.enter();
    const extra = this.#extra;
    const extended = extra !== undefined && r.bit();
    const out: Values = {};
    let absent = 0;
    const optional = this.#optional;
    // Presence bits are few (34 at most in H.323); a bit mask in a number holds 53.
    if (optional.length > 0) absent = r.bits(optional.length);
    let mask = 2 ** (optional.length - 1);
    for (const f of this.#root) {
      if (f.optional) {
        const present = absent >= mask;
        if (present) absent -= mask;
        mask /= 2;
        if (!present) continue;
      }
      try {
        out[f.name] = f.type.decode(r);
      } catch (error) {
        throw located(error, f.name, r.pos);
      }
    }
    if (extended) this.#decodeExtra(r, out, extra);
    r.leave();
    return out;
  }

  #decodeExtra(r: Reader, out: Values, extra: readonly Field[]): void {
    const count = n.readSmallLength(r);
    r.need(count);
    const present: boolean[] = [];
    for (let i = 0; i < count; i++) present.push(r.bit());
    const unknown: Record<number, Uint8Array> = {};
    let strange = count !== extra.length;
    for (let i = 0; i < count; i++) {
      if (!present[i]) continue;
      const f = extra[i];
      if (f === undefined) {
        unknown[i] = n.readOctets(r);
        strange = true;
        continue;
      }
      try {
        out[f.name] = readOpen(r, f.type);
      } catch (error) {
        throw located(error, f.name, r.pos);
      }
    }
    // A bitmap with no addition at all is also kept: X.691 forbids to send it, some senders do.
    if (strange || !present.includes(true)) out["$more"] = { count, unknown } satisfies Additions;
  }
}

/**
 * SEQUENCE. `root` in the order of the module; `extra` (perhaps empty) when the type has an extension marker: the additions in order.
 * An addition group `[[ ]]` is an addition whose type is a `sequence`. Components of a second root follow those of the first. X.691 19.
 */
export function sequence<F extends Components, E extends Components = Record<never, never>>(root: F, extra?: E): Type<SequenceValue<F, E>> {
  return new Sequence(root, extra) as unknown as Type<SequenceValue<F, E>>;
}

/** SEQUENCE OF and SET OF, X.691 20 and 22. Elements keep the order they came in. */
class SequenceOf<T> implements Type<readonly T[]> {
  readonly #type: Type<T>;
  readonly #size: n.Size;
  constructor(type: Type<T>, constraint: n.Size) {
    this.#type = type;
    this.#size = constraint;
  }
  encode(w: Writer, value: readonly T[]): void {
    const s = n.writeSizeBit(w, this.#size, value.length); // 20.4
    const write = (from: number, count: number) => {
      for (let i = from; i < from + count; i++) {
        try {
          this.#type.encode(w, value[i]!);
        } catch (error) {
          throw located(error, `[${i}]`);
        }
      }
    };
    if (n.isShort(s)) {
      if (s.lb !== s.ub) n.writeConstrained(w, value.length, s.lb, s.ub); // 20.5: a fixed number has no length
      write(0, value.length);
    } else n.writeItems(w, value.length, write); // 20.6
  }
  decode(r: Reader): readonly T[] {
    r.enter();
    const s = n.readSizeBit(r, this.#size);
    const out: T[] = [];
    const read = (count: number) => {
      r.elements(count);
      for (let i = 0; i < count; i++) {
        try {
          out.push(this.#type.decode(r));
        } catch (error) {
          throw located(error, `[${out.length}]`, r.pos);
        }
      }
    };
    if (n.isShort(s)) read(s.lb === s.ub ? s.ub : n.readConstrained(r, s.lb, s.ub));
    else n.readItems(r, read);
    r.leave();
    return out;
  }
}

export function sequenceOf<T>(type: Type<T>, constraint: n.Size = n.ANY_SIZE): Type<readonly T[]> {
  return new SequenceOf(type, constraint);
}

/** An alternative that this version of the schema does not know. */
export interface UnknownAlternative {
  /** Position among the extension's alternatives, from 0. */
  readonly index: number;
  /** Contents of its open type. */
  readonly bytes: Uint8Array;
}

/** A CHOICE's value: an object of which exactly one property is set, `{ setup: {...} }`; `$unknown` for an alternative of a later version. */
export type ChoiceValue<F, E> = Flat<
  { readonly [K in keyof F]?: Infer<F[K]> } & { readonly [K in keyof E]?: Infer<E[K]> } & { readonly $unknown?: UnknownAlternative }
>;

type Alternatives = Readonly<Record<string, Type<unknown>>>;

class Choice implements Type<Values> {
  readonly #names: readonly string[];
  readonly #types: readonly Type<unknown>[];
  readonly #index: ReadonlyMap<string, number>;
  readonly #root: number;
  readonly #extensible: boolean;
  constructor(root: Alternatives, extra: Alternatives | undefined) {
    this.#names = [...Object.keys(root), ...Object.keys(extra ?? {})];
    this.#types = [...Object.values(root), ...Object.values(extra ?? {})];
    this.#index = new Map(this.#names.map((name, i) => [name, i]));
    this.#root = Object.keys(root).length;
    this.#extensible = extra !== undefined;
  }
  encode(w: Writer, value: Values): void {
    let name: string | undefined;
    for (const key of Object.keys(value)) {
      if (value[key] === undefined) continue;
      if (name !== undefined) throw new PerError(`two alternatives: ${name} and ${key}`);
      name = key;
    }
    if (name === "$unknown" && this.#extensible) {
      const { index, bytes } = value[name] as UnknownAlternative;
      w.bit(true);
      n.writeSmall(w, index);
      n.writeOctets(w, bytes);
      return;
    }
    const index = name === undefined ? undefined : this.#index.get(name);
    if (name === undefined || index === undefined) throw new PerError(`no alternative ${name ?? "set"}`);
    try {
      if (this.#extensible) w.bit(index >= this.#root); // 23.5
      if (index < this.#root) {
        n.writeConstrained(w, index, 0, this.#root - 1); // 23.6, 23.7
        this.#types[index]!.encode(w, value[name]);
      } else {
        n.writeSmall(w, index - this.#root); // 23.8
        writeOpen(w, this.#types[index]!, value[name]);
      }
    } catch (error) {
      throw located(error, name);
    }
  }
  decode(r: Reader): Values {
    r.enter();
    let value: Values;
    if (this.#extensible && r.bit()) {
      const at = n.readSmall(r);
      const index = this.#root + at;
      const name = this.#names[index];
      if (name === undefined) value = { $unknown: { index: at, bytes: n.readOctets(r) } satisfies UnknownAlternative };
      else value = { [name]: this.#alternative(r, index, true) };
    } else {
      const index = n.readConstrained(r, 0, this.#root - 1);
      value = { [this.#names[index]!]: this.#alternative(r, index, false) };
    }
    r.leave();
    return value;
  }
  #alternative(r: Reader, index: number, open: boolean): unknown {
    try {
      return open ? readOpen(r, this.#types[index]!) : this.#types[index]!.decode(r);
    } catch (error) {
      throw located(error, this.#names[index]!, r.pos);
    }
  }
}

/** CHOICE. Alternatives in the order of their tags (with AUTOMATIC TAGS that of the module); `extra` when it has an extension marker. X.691 23. */
export function choice<F extends Alternatives, E extends Alternatives = Record<never, never>>(root: F, extra?: E): Type<ChoiceValue<F, E>> {
  return new Choice(root, extra) as unknown as Type<ChoiceValue<F, E>>;
}

/** A type that refers to itself or to one defined later; `T` has to be written out. */
export function lazy<T>(type: () => Type<T>): Type<T> {
  let known: Type<T> | undefined;
  return {
    encode: (w, value) => (known ??= type()).encode(w, value),
    decode: (r) => (known ??= type()).decode(r),
  };
}

/** How to encode and decode. */
export interface Options {
  /** Aligned variant, H.323's; true when absent. */
  readonly aligned?: boolean;
  readonly depth?: number;
  readonly elements?: number;
}

/** The complete encoding of `value` (X.691 11.1). Throws PerError. */
export function encode<T>(type: Type<T>, value: T, options: Options = {}): Uint8Array {
  const w = new Writer(options.aligned ?? true);
  try {
    type.encode(w, value);
  } catch (error) {
    throw error instanceof PerError ? error : new PerError(error instanceof Error ? error.message : String(error));
  }
  return w.finish();
}

/** Decodes a complete encoding; what follows the value in `bytes` is ignored (pad bits, and octets some senders append). Throws PerError. */
export function decode<T>(type: Type<T>, bytes: Uint8Array, options: Options = {}): T {
  const r = new Reader(bytes, options.aligned ?? true, { depth: options.depth ?? 48, elements: options.elements ?? 20_000 });
  try {
    return type.decode(r);
  } catch (error) {
    throw error instanceof PerError ? error : new PerError(error instanceof Error ? error.message : String(error), r.pos);
  }
}
