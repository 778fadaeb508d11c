/** Damaged inputs and pumped strings for a table of readers. Deterministic: a seed and an input's number make the same input again. */
import { ProtocolError } from "../../src/base/errors.ts";
import { mutate, random } from "../support/mutate.ts";
import type { Reader } from "./reader.ts";

/** A reader is opened anew for each so many inputs, so that a finding is reproduced from the beginning of its block. */
export const BLOCK = 256;

/** Something a reader did that it must not. */
export interface Finding {
  readonly reader: string;
  readonly kind: "exception" | "work" | "hang" | "heap";
  readonly message: string;
  /** The input, in hex, at most 400 bytes of it. */
  readonly input: string;
  /** Number of the block among the reader's, for `--only READER --block N`. */
  readonly block?: number;
}

function hash(name: string): number {
  let value = 0;
  for (const c of name) value = (Math.imul(value, 31) + c.charCodeAt(0)) | 0;
  return value;
}

const shown = (input: Buffer): string => `${input.subarray(0, 400).toString("hex")}${input.length > 400 ? "..." : ""}`;

/** What the reader throws that is no ParseError, as text; undefined when all is well. */
function tried(read: (data: Buffer) => void, input: Buffer): string | undefined {
  try {
    read(input);
  } catch (error) {
    if (!(error instanceof ProtocolError)) return error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
  return undefined;
}

/** One block of damaged inputs. `before` is called ahead of each input, with the input. */
export function runBlock(
  reader: Reader,
  seed: number,
  block: number,
  before: (input: Buffer) => void = () => undefined,
): Finding | undefined {
  const next = random(seed ^ hash(reader.name) ^ Math.imul(block + 1, 0x9e3779b1));
  const read = reader.open();
  for (let i = 0; i < BLOCK; i++) {
    const input = mutate(reader.seeds[Math.floor(next() * reader.seeds.length)]!, next);
    before(input);
    const message = tried(read, Buffer.from(input));
    if (message !== undefined) return { reader: reader.name, kind: "exception", message, input: shown(input), block };
  }
  return undefined;
}

const PUMPS = [
  ...[
    " ",
    "\t",
    "\r\n",
    "\n",
    "\r",
    "\0",
    "\xff",
    "a",
    "0",
    "-",
    ".",
    ",",
    ";",
    ":",
    "=",
    "<",
    ">",
    '"',
    "\\",
    "(",
    "[",
    "{",
    "@",
    "%",
    "&",
    "#",
    "*",
  ],
  ...[
    " \t",
    "\r\n ",
    "\r\n\t",
    ";a",
    ";a=b",
    ", a",
    ";=",
    "%20",
    "**",
    "##",
    "a=",
    "<a",
    '"\\',
    '" "',
    "\\\\",
    "[[",
    ";boundary=",
    "CN=",
    "a:b",
    "1.",
    "/a",
    " = ",
  ],
];

/**
 * Pumped strings: a seed with a piece repeated, `length` bytes in all, at one of its places; what follows the place is kept, dropped, or spoilt.
 * The piece is one that grammars care about, or one of the seed itself.
 */
export function* pumped(reader: Reader, seed: number, length: number): Generator<Buffer> {
  const next = random(seed ^ hash(reader.name));
  const any = (below: number): number => Math.floor(next() * below);
  for (;;) {
    const sample = reader.seeds[any(reader.seeds.length)]!;
    const at = any(sample.length + 1);
    const own = next() < 0.3;
    const piece = own ? sample.subarray(at, at + 1 + any(12)) : Buffer.from(PUMPS[any(PUMPS.length)]!, "latin1");
    if (piece.length === 0) continue;
    const middle = Buffer.alloc(length, piece);
    const tail = [sample.subarray(at), Buffer.alloc(0), Buffer.from("\x01!")][any(3)]!;
    yield Buffer.concat([sample.subarray(0, at), middle, tail]);
  }
}

/** Steps a byte of input may cost at most, and steps that any input may cost. The dearest reader of ours takes about a fifth of it. */
export const STEPS_PER_BYTE = 250;
export const STEPS_ALWAYS = 200_000;

/**
 * Pumped strings under a limit of work: steps, not time, so that the verdict is the same on a slow machine. A quadratic reader takes 200 million for 20,000
 * bytes, the limit is 5. `measure` is `measureWork`, which is to be loaded before the readers.
 */
export function runPumped(
  reader: Reader,
  seed: number,
  count: number,
  measure: (run: () => void) => number,
  before: (input: Buffer) => void = () => undefined,
  length = 20_000,
): { readonly finding: Finding | undefined; readonly most: number } {
  const inputs = pumped(reader, seed, length);
  let most = 0;
  for (let i = 0; i < count; i++) {
    const input = inputs.next().value as Buffer;
    const read = reader.open();
    let message: string | undefined;
    before(input);
    const copy = Buffer.from(input);
    const work = measure(() => {
      message = tried(read, copy);
    });
    most = Math.max(most, work / input.length);
    if (message !== undefined) return { finding: { reader: reader.name, kind: "exception", message, input: shown(input) }, most };
    if (work > STEPS_ALWAYS + STEPS_PER_BYTE * input.length) {
      const told = `${work.toLocaleString("en")} steps for ${input.length.toLocaleString("en")} bytes`;
      return { finding: { reader: reader.name, kind: "work", message: told, input: shown(input) }, most };
    }
  }
  return { finding: undefined, most };
}
