import { type Code, clearBytes, copyBytes, FunctionBuilder, i32, i64, type Local, v128, when, whileLoop } from "./assembler.ts";
import { swapBytes } from "./ghash.ts";

/**
 * GHASH of long texts, sixteen blocks side by side: vector k holds byte k of each, so that a product with a constant is a sum of look-ups of half bytes in
 * tables of sixteen entries, which vector instructions do without touching memory: in constant time, like the other kernel.
 *
 * Horner's rule goes over groups of sixteen blocks with H^16; in the end the lanes differ by powers of H and are folded with H^8 and H^4 into four blocks,
 * which the other kernel finishes. The text is padded with zeros in front, which changes nothing.
 */

/** Offsets in the memory's last page. */
const TABLES = 0;
const TABLE_BYTES = 512;
const STATE = 3 * TABLE_BYTES;
const NIBBLES = STATE + 256;
const PRODUCT = NIBBLES + 512;
const OUT = PRODUCT + 512;
const TEXT = OUT + 64;

/** Where, from `page` on, tables are to be put and the four blocks are found; groups of sixteen blocks that fit. */
export const LANES = { tables: TABLES, tableBytes: 3 * TABLE_BYTES, out: OUT, maxGroups: Math.floor((65_536 - TEXT) / 256) } as const;

const LOW_NIBBLES = new Array<number>(16).fill(0x0f);

/** Products of a half byte beyond x^128 with x^7 + x^2 + x + 1: the byte at its own place and the next. */
function overflow(high: boolean, byte: 0 | 1): Code {
  const entries = Array.from({ length: 16 }, (_, nibble) => {
    let sum = 0;
    for (let bit = 0; bit < 4; bit++) if ((nibble >> (3 - bit)) & 1) sum ^= 0xe100 >> (high ? bit : bit + 4);
    return byte === 0 ? sum >> 8 : sum & 0xff;
  });
  return v128.const(entries);
}

/** `ghashLanes(page, aad, aadLength, text, textLength, groups)`; `relaxed` chooses the instruction. */
export function ghashLanes(relaxed: boolean): FunctionBuilder {
  const f = new FunctionBuilder("ghashLanes", 6);
  const [page, aad, aadLength, text, textLength, groups] = f.parameters as [Local, Local, Local, Local, Local, Local];
  const lookUp = relaxed ? v128.lookUpRelaxed : v128.lookUp;
  const value = f.local("v128");
  const high = f.local("v128");
  const low = f.local("v128");
  const entries = f.local("v128");
  const four = () => Array.from({ length: 4 }, () => f.local("v128"));
  const sums = four();
  /** Upper and lower halves of four neighbouring bytes. */
  const window = [four(), four()] as const;
  const i = f.let("i32", i32.const(0));
  const table = f.let("i32", page.get);

  // Padding, associated data, text, lengths.
  const padded = (length: Local) => i32.and(i32.add(length.get, i32.const(15)), i32.const(-16));
  const at = (offset: number) => i32.add(page.get, i32.const(offset));
  const lengths = f.let("i32", i32.add(at(TEXT - 16), i32.shl(groups.get, i32.const(8))));
  const textAt = f.let("i32", i32.sub(lengths.get, padded(textLength)));
  f.emit(clearBytes(at(TEXT), i32.shl(groups.get, i32.const(8))));
  f.emit(copyBytes(textAt.get, text.get, textLength.get));
  f.emit(copyBytes(i32.sub(textAt.get, padded(aadLength)), aad.get, aadLength.get));
  const bits = (bytes: Local) => i64.shl(i64.fromU32(bytes.get), i64.const(3n));
  f.emit(i64.store(lengths.get, swapBytes(f, bits(aadLength))));
  f.emit(i64.store(lengths.get, swapBytes(f, bits(textLength)), 8));

  const splitNibbles = (from: Code) => [
    ...value.set(from),
    ...high.set(v128.and(v128.shrU16(value.get, 4), v128.const(LOW_NIBBLES))),
    ...low.set(v128.and(value.get, v128.const(LOW_NIBBLES))),
  ];

  const multiply = f.capture(() => {
    for (let k = 0; k < 16; k++) {
      f.emit(splitNibbles(v128.load(page.get, STATE + 16 * k)));
      f.emit(v128.store(page.get, high.get, NIBBLES + 32 * k), v128.store(page.get, low.get, NIBBLES + 32 * k + 16));
    }
    // Four places at a time: each table is loaded once for the four, and each byte's halves, kept in a window that moves with the table's number.
    for (let base = 0; base < 32; base += 4) {
      const begun = [false, false, false, false];
      for (let j = 15; j >= 0; j--) {
        const wanted = [0, 1, 2, 3].filter((r) => base + r - j >= 0 && base + r - j <= 15);
        if (wanted.length === 0) continue;
        for (const half of [0, 1] as const) {
          f.emit(entries.set(v128.load(table.get, 32 * j + 16 * half)));
          for (const r of wanted) {
            const k = base + r - j;
            const nibbles = window[half][k & 3]!;
            const isNew = r === 3 || k === 15 || !wanted.includes(r + 1) || j === 15;
            if (isNew) f.emit(nibbles.set(v128.load(page.get, NIBBLES + 32 * k + 16 * half)));
            const term = lookUp(entries.get, nibbles.get);
            f.emit(sums[r]!.set(begun[r] ? v128.xor(sums[r]!.get, term) : term));
            begun[r] = true;
          }
        }
      }
      for (let r = 0; r < 4; r++) if (begun[r]) f.emit(v128.store(page.get, sums[r]!.get, PRODUCT + 16 * (base + r)));
    }
    for (let place = 30; place >= 16; place--) {
      f.emit(splitNibbles(v128.load(page.get, PRODUCT + 16 * place)));
      for (const byte of [0, 1] as const) {
        const to = PRODUCT + 16 * (place - 16 + byte);
        const more = v128.xor(lookUp(overflow(true, byte), high.get), lookUp(overflow(false, byte), low.get));
        f.emit(v128.store(page.get, v128.xor(v128.load(page.get, to), more), to));
      }
    }
  });

  // Rows are blocks before, bytes' places after: four rounds of interleaving each vector with the one eight further.
  const from = f.local("i32");
  const rows = Array.from({ length: 32 }, () => f.local("v128"));
  const takeGroup = f.capture(() => {
    f.emit(from.set(i32.add(at(TEXT), i32.shl(i.get, i32.const(8)))));
    let [before, after] = [rows.slice(0, 16), rows.slice(16)];
    for (const [row, local] of before.entries()) f.emit(local.set(v128.load(from.get, 16 * row)));
    for (let round = 0; round < 4; round++) {
      for (let pair = 0; pair < 8; pair++) {
        for (const half of [0, 1]) {
          const lanes = Array.from({ length: 16 }, (_, lane) => 8 * half + (lane >> 1) + (lane % 2 === 0 ? 0 : 16));
          f.emit(after[2 * pair + half]!.set(v128.shuffle(before[pair]!.get, before[pair + 8]!.get, lanes)));
        }
      }
      [before, after] = [after, before];
    }
    for (const [k, local] of before.entries())
      f.emit(v128.store(page.get, v128.xor(v128.load(page.get, PRODUCT + 16 * k), local.get), STATE + 16 * k));
  });

  /** The upper half of the lanes in use, moved down, is the addend. */
  const fold = (lanes: number) => {
    const down = Array.from({ length: 16 }, (_, lane) => (lane < lanes ? lane + lanes : lane));
    return Array.from({ length: 16 }, (_, k) => {
      const state = v128.load(page.get, STATE + 16 * k);
      return v128.store(page.get, v128.xor(v128.load(page.get, PRODUCT + 16 * k), v128.shuffle(state, state, down)), STATE + 16 * k);
    }).flat();
  };

  // The first product is of nothing.
  f.emit(clearBytes(at(PRODUCT), i32.const(256)));
  const isAfter = (groupsLater: number) => i32.eqz(i32.xor(i.get, i32.add(groups.get, i32.const(groupsLater))));
  f.emit(
    whileLoop(
      i32.ltU(i.get, i32.add(groups.get, i32.const(2))),
      when(i32.geU(i.get, groups.get), table.set(i32.add(table.get, i32.const(TABLE_BYTES)))),
      when(i.get, multiply),
      when(i32.ltU(i.get, groups.get), takeGroup),
      when(isAfter(0), fold(8)),
      when(isAfter(1), fold(4)),
      i.set(i32.add(i.get, i32.const(1))),
    ),
  );
  for (let block = 0; block < 4; block++)
    for (let k = 0; k < 16; k++) f.emit(i32.store8(page.get, i32.load8(page.get, STATE + 16 * k + block), OUT + 16 * block + k));
  return f;
}

/** The tables of H^16, H^8 and H^4, as the program wants them, of a hash key of four big-endian words. */
export function laneTables(h: readonly [number, number, number, number]): Uint8Array {
  const out = new Uint8Array(3 * TABLE_BYTES);
  let power: Element = h;
  const powers: Element[] = [];
  for (let squared = 0; squared < 4; squared++) {
    power = product(power, power);
    if (squared > 0) powers.unshift(power);
  }
  for (const [number, constant] of powers.entries()) {
    // The constant times x^0 to x^7: an entry is a sum of those its bits name, the highest bit being x^0.
    const shifted: Element[] = [constant];
    while (shifted.length < 8) shifted.push(timesX(shifted.at(-1)!));
    for (let nibble = 1; nibble < 16; nibble++) {
      for (const half of [0, 4]) {
        const entry = [0, 0, 0, 0];
        for (let bit = 0; bit < 4; bit++)
          if ((nibble >> (3 - bit)) & 1) for (let word = 0; word < 4; word++) entry[word]! ^= shifted[half + bit]![word]!;
        for (let j = 0; j < 16; j++) out[number * TABLE_BYTES + 32 * j + 4 * half + nibble] = entry[j >> 2]! >>> (24 - 8 * (j & 3));
      }
    }
  }
  return out;
}

/** 128 bits, big-endian words; the highest bit of the first is x^0. */
type Element = readonly [number, number, number, number];

function timesX([a, b, c, d]: Element): Element {
  const carry = d & 1 ? 0xe1000000 : 0;
  return [(a >>> 1) ^ carry, (b >>> 1) | (a << 31), (c >>> 1) | (b << 31), (d >>> 1) | (c << 31)];
}

function product(a: Element, b: Element): Element {
  let sum: Element = [0, 0, 0, 0];
  let term = b;
  for (let bit = 0; bit < 128; bit++) {
    // A mask, not a branch: the key decides nothing about time here either.
    const mask = -((a[bit >> 5]! >>> (31 - (bit & 31))) & 1);
    sum = [sum[0] ^ (term[0] & mask), sum[1] ^ (term[1] & mask), sum[2] ^ (term[2] & mask), sum[3] ^ (term[3] & mask)];
    term = timesX(term);
  }
  return sum;
}
