/**
 * As much of a WebAssembly assembler as the kernels beside this file need: instructions as functions that return bytes, operands first,
 * so that a program reads like the expression it is. Encodings: WebAssembly core specification, chapter 5.
 */

/** Bytes of code. */
export type Code = readonly number[];

export type ValueType = "i32" | "i64" | "v128";

const TYPE_BYTE: Readonly<Record<ValueType, number>> = { i32: 0x7f, i64: 0x7e, v128: 0x7b };
const NO_RESULT = 0x40;

/** Unsigned LEB128. */
function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  return [...bytes, rest];
}

/** Signed LEB128 of a number given as any of the representations of its low `bits` bits. */
function signed(value: bigint, bits: number): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asIntN(bits, value);
  for (;;) {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    if ((rest === 0n && (low & 0x40) === 0) || (rest === -1n && (low & 0x40) !== 0)) return [...bytes, low];
    bytes.push(low | 0x80);
  }
}

function binary(opcode: number): (a: Code, b: Code) => Code {
  return (a, b) => [...a, ...b, opcode];
}

/** Loads and stores take a constant offset; alignment is a hint and given as none. */
function load(opcode: number): (address: Code, offset?: number) => Code {
  return (address, offset = 0) => [...address, opcode, 0, ...unsigned(offset)];
}

function store(opcode: number): (address: Code, value: Code, offset?: number) => Code {
  return (address, value, offset = 0) => [...address, ...value, opcode, 0, ...unsigned(offset)];
}

export const i32 = {
  const: (value: number): Code => [0x41, ...signed(BigInt(value), 32)],
  load: load(0x28),
  load8: load(0x2d),
  store: store(0x36),
  store8: store(0x3a),
  eqz: (a: Code): Code => [...a, 0x45],
  ltU: binary(0x49),
  gtU: binary(0x4b),
  geU: binary(0x4f),
  add: binary(0x6a),
  sub: binary(0x6b),
  and: binary(0x71),
  or: binary(0x72),
  xor: binary(0x73),
  shl: binary(0x74),
  shrU: binary(0x76),
  rotl: binary(0x77),
};

export const i64 = {
  const: (value: bigint): Code => [0x42, ...signed(value, 64)],
  load: load(0x29),
  store: store(0x37),
  fromU32: (a: Code): Code => [...a, 0xad],
  mul: binary(0x7e),
  and: binary(0x83),
  or: binary(0x84),
  xor: binary(0x85),
  shl: binary(0x86),
  shrU: binary(0x88),
};

/** An instruction of the vector page. */
function vector(opcode: number): number[] {
  return [0xfd, ...unsigned(opcode)];
}

/** Sixteen bytes at once. Lanes are numbered from the lowest address. */
export const v128 = {
  load: (address: Code, offset = 0): Code => [...address, ...vector(0), 0, ...unsigned(offset)],
  store: (address: Code, value: Code, offset = 0): Code => [...address, ...value, ...vector(0x0b), 0, ...unsigned(offset)],
  const: (bytes: readonly number[]): Code => [...vector(0x0c), ...bytes],
  and: (a: Code, b: Code): Code => [...a, ...b, ...vector(0x4e)],
  xor: (a: Code, b: Code): Code => [...a, ...b, ...vector(0x51)],
  /** Each 16-bit lane to the right. */
  shrU16: (a: Code, bits: number): Code => [...a, ...i32.const(bits), ...vector(0x8d)],
  /** The bytes of both, b's counted from 16, in this order. */
  shuffle: (a: Code, b: Code, lanes: readonly number[]): Code => [...a, ...b, ...vector(0x0d), ...lanes],
  /** For each lane of `indices`, 0 to 15, that lane of `table`. */
  lookUp: (table: Code, indices: Code): Code => [...table, ...indices, ...vector(0x0e)],
  /** The same of the relaxed extension, one instruction of the processor where the other is three. */
  lookUpRelaxed: (table: Code, indices: Code): Code => [...table, ...indices, ...vector(0x100)],
};

/** Copies bytes within the memory. */
export function copyBytes(to: Code, from: Code, length: Code): Code {
  return [...to, ...from, ...length, 0xfc, 0x0a, 0, 0];
}

/** Sets bytes of the memory to zero. */
export function clearBytes(at: Code, length: Code): Code {
  return [...at, ...i32.const(0), ...length, 0xfc, 0x0b, 0];
}

/** XOR of several. */
export function xorAll(type: { readonly xor: (a: Code, b: Code) => Code }, ...terms: readonly Code[]): Code {
  return terms.reduce((sum, term) => type.xor(sum, term));
}

/** A local variable or parameter. */
export interface Local {
  readonly get: Code;
  set(value: Code): Code;
}

/** `while (condition) body` */
export function whileLoop(condition: Code, ...body: readonly Code[]): Code {
  // block { loop { br_if out (condition == 0); body; br again } }
  return [0x02, NO_RESULT, 0x03, NO_RESULT, ...i32.eqz(condition), 0x0d, 1, ...body.flat(), 0x0c, 0, 0x0b, 0x0b];
}

/** `if (condition) body` */
export function when(condition: Code, ...body: readonly Code[]): Code {
  return [...condition, 0x04, NO_RESULT, ...body.flat(), 0x0b];
}

/** A function without result; parameters are i32. Locals are declared as they are asked for. */
export class FunctionBuilder {
  readonly name: string;
  readonly parameters: readonly Local[];
  readonly #types: ValueType[] = [];
  readonly #code: number[] = [];

  constructor(name: string, parameterCount: number) {
    this.name = name;
    this.parameters = Array.from({ length: parameterCount }, (_, i) => localAt(i));
  }

  local(type: ValueType): Local {
    this.#types.push(type);
    return localAt(this.parameters.length + this.#types.length - 1);
  }

  /** A new local that holds a value from here on. */
  let(type: ValueType, value: Code): Local {
    const local = this.local(type);
    this.emit(local.set(value));
    return local;
  }

  emit(...code: readonly Code[]): void {
    for (const part of code) for (const byte of part) this.#code.push(byte);
  }

  /** Runs `write` and returns what it emitted instead of emitting it: the body of a loop. */
  capture(write: () => void): Code {
    const start = this.#code.length;
    write();
    return this.#code.splice(start);
  }

  body(): number[] {
    const locals = this.#types.flatMap((type) => [1, TYPE_BYTE[type]]);
    return sized([...unsigned(this.#types.length), ...locals, ...this.#code, 0x0b]);
  }
}

function localAt(index: number): Local {
  return { get: [0x20, ...unsigned(index)], set: (value) => [...value, 0x21, ...unsigned(index)] };
}

function sized(bytes: number[]): number[] {
  return [...unsigned(bytes.length), ...bytes];
}

function section(id: number, entries: readonly number[][]): number[] {
  return [id, ...sized([...unsigned(entries.length), ...entries.flat()])];
}

/** A module of these functions, each exported by its name, and a memory of so many 64 KiB pages exported as `memory`. */
export function assemble(functions: readonly FunctionBuilder[], pages: number): Uint8Array<ArrayBuffer> {
  const name = (text: string) => sized([...new TextEncoder().encode(text)]);
  const types = functions.map(({ parameters }) => [0x60, ...sized(parameters.map(() => TYPE_BYTE.i32)), 0]);
  const exports = functions.map((builder, i) => [...name(builder.name), 0, ...unsigned(i)]);
  return new Uint8Array([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, types),
    ...section(
      3,
      functions.map((_, i) => unsigned(i)),
    ),
    ...section(5, [[0x01, ...unsigned(pages), ...unsigned(pages)]]),
    ...section(7, [[...name("memory"), 2, 0], ...exports]),
    ...section(
      10,
      functions.map((builder) => builder.body()),
    ),
  ]);
}
