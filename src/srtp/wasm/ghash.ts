import { type Code, FunctionBuilder, i32, i64, type Local, when, whileLoop, xorAll } from "./assembler.ts";

/**
 * GHASH (NIST SP 800-38D section 6.4) in constant time: carry-less products from integer multiplications whose operands have three zero bits
 * between each two bits, so that carries die out in the gaps. No table depends on a key, and no branch or address on data.
 *
 * A block is a pair of 64-bit words read big-endian, so that the coefficient of x^0 is the highest bit of the first word.
 */

const GAPS = [0x1111111111111111n, 0x2222222222222222n, 0x4444444444444444n, 0x8888888888888888n] as const;

/** A word as four, each with every fourth of its bits. */
type Spread = readonly [Local, Local, Local, Local];

/**
 * `ghash(h0, h1, h2, h3, aad, aadLength, text, textLength, scratch, result, bare)`: the hash key as four big-endian words, both texts by
 * address, 16 bytes of scratch, and where the 16 bytes of hash go. Texts are padded with zeros as SP 800-38D section 7.1 says; with
 * `bare` 1 no block of lengths follows them.
 */
export function ghash(): FunctionBuilder {
  const f = new FunctionBuilder("ghash", 11);
  const [h0, h1, h2, h3, aad, aadLength, text, textLength, scratch, result, bare] = f.parameters as Local[];
  const joined = (high: Local, low: Local) => i64.or(i64.shl(i64.fromU32(high.get), i64.const(32n)), i64.fromU32(low.get));
  const keyHigh = f.let("i64", joined(h0!, h1!));
  const keyLow = f.let("i64", joined(h2!, h3!));
  const keyHighReversed = f.let("i64", reverseBits(f, keyHigh.get));
  const keyLowReversed = f.let("i64", reverseBits(f, keyLow.get));
  const key = {
    high: spread(f, keyHigh.get),
    low: spread(f, keyLow.get),
    sum: spread(f, i64.xor(keyHigh.get, keyLow.get)),
    highReversed: spread(f, keyHighReversed.get),
    lowReversed: spread(f, keyLowReversed.get),
    sumReversed: spread(f, i64.xor(keyHighReversed.get, keyLowReversed.get)),
  };
  const high = f.let("i64", i64.const(0n));
  const low = f.let("i64", i64.const(0n));
  const at = f.local("i32");
  const left = f.local("i32");
  const round = f.let("i32", i32.const(0));
  const i = f.local("i32");

  // One loop over blocks of associated data, text and lengths in turn, so that the multiplication is emitted once.
  const isRound = (number: number) => i32.eqz(i32.xor(round.get, i32.const(number)));
  const bitLength = (bytes: Local) => i64.shl(i64.fromU32(bytes.get), i64.const(3n));
  const takeLengths = f.capture(() => {
    f.emit(i64.store(scratch!.get, swapBytes(f, bitLength(aadLength!))));
    f.emit(i64.store(scratch!.get, swapBytes(f, bitLength(textLength!)), 8));
    f.emit(at.set(scratch!.get), left.set(i32.const(16)));
  });
  const takePadded = f.capture(() => {
    f.emit(i64.store(scratch!.get, i64.const(0n)), i64.store(scratch!.get, i64.const(0n), 8), i.set(i32.const(0)));
    const copy = i32.store8(i32.add(scratch!.get, i.get), i32.load8(i32.add(at.get, i.get)));
    f.emit(whileLoop(i32.ltU(i.get, left.get), copy, i.set(i32.add(i.get, i32.const(1)))));
    f.emit(at.set(scratch!.get), left.set(i32.const(16)));
  });
  const hashBlock = f.capture(() => {
    f.emit(high.set(i64.xor(high.get, swapBytes(f, i64.load(at.get)))));
    f.emit(low.set(i64.xor(low.get, swapBytes(f, i64.load(at.get, 8)))));
    emitMultiply(f, high, low, key);
    f.emit(at.set(i32.add(at.get, i32.const(16))), left.set(i32.sub(left.get, i32.const(16))));
  });
  f.emit(
    whileLoop(
      i32.ltU(round.get, i32.sub(i32.const(3), bare!.get)),
      when(isRound(0), at.set(aad!.get), left.set(aadLength!.get)),
      when(isRound(1), at.set(text!.get), left.set(textLength!.get)),
      when(isRound(2), takeLengths),
      whileLoop(left.get, when(i32.ltU(left.get, i32.const(16)), takePadded), hashBlock),
      round.set(i32.add(round.get, i32.const(1))),
    ),
  );
  f.emit(i64.store(result!.get, swapBytes(f, high.get)));
  f.emit(i64.store(result!.get, swapBytes(f, low.get), 8));
  return f;
}

/** (high, low) = (high, low) * key modulo x^128 + x^7 + x^2 + x + 1, by Karatsuba's three products of 64 by 64 bits. */
function emitMultiply(f: FunctionBuilder, high: Local, low: Local, key: Readonly<Record<string, Spread>>): void {
  const highReversed = f.let("i64", reverseBits(f, high.get));
  const lowReversed = f.let("i64", reverseBits(f, low.get));
  // The upper half of a product is the lower half of the product of the reversed words, reversed, one bit lower.
  const lower = (x: Code, y: Spread) => f.let("i64", product(f, spread(f, x), y));
  const upper = (x: Code, y: Spread) => f.let("i64", i64.shrU(reverseBits(f, product(f, spread(f, x), y)), i64.const(1n)));
  const lowLower = lower(low.get, key["low"]!);
  const lowUpper = upper(lowReversed.get, key["lowReversed"]!);
  const highLower = lower(high.get, key["high"]!);
  const highUpper = upper(highReversed.get, key["highReversed"]!);
  const midLower = lower(i64.xor(high.get, low.get), key["sum"]!);
  const midUpper = upper(i64.xor(highReversed.get, lowReversed.get), key["sumReversed"]!);
  const w0 = lowLower;
  const w1 = f.let("i64", xorAll(i64, lowUpper.get, midLower.get, lowLower.get, highLower.get));
  const w2 = f.let("i64", xorAll(i64, highLower.get, midUpper.get, lowUpper.get, highUpper.get));
  const w3 = highUpper;
  // 255 bits of product, moved to the top of 256.
  const carried = (word: Local, below: Local) => i64.or(i64.shl(word.get, i64.const(1n)), i64.shrU(below.get, i64.const(63n)));
  f.emit(w3.set(carried(w3, w2)), w2.set(carried(w2, w1)), w1.set(carried(w1, w0)), w0.set(i64.shl(w0.get, i64.const(1n))));
  // x^128 = x^7 + x^2 + x + 1: each of the two lower words folds into the word two above, with what is shifted out into the one above.
  for (const [word, above, twoAbove] of [
    [w0, w1, w2],
    [w1, w2, w3],
  ] as const) {
    const right = (bits: bigint) => i64.shrU(word.get, i64.const(bits));
    const left = (bits: bigint) => i64.shl(word.get, i64.const(bits));
    f.emit(twoAbove.set(xorAll(i64, twoAbove.get, word.get, right(1n), right(2n), right(7n))));
    f.emit(above.set(xorAll(i64, above.get, left(63n), left(62n), left(57n))));
  }
  f.emit(high.set(w3.get), low.set(w2.get));
}

function spread(f: FunctionBuilder, word: Code): Spread {
  const value = f.let("i64", word);
  return GAPS.map((mask) => f.let("i64", i64.and(value.get, i64.const(mask)))) as unknown as Spread;
}

/** Lower 64 bits of the carry-less product: sums of at most 16 ones stay within a gap, and the topmost overflows out of the word. */
function product(f: FunctionBuilder, x: Spread, y: Spread): Code {
  const parts = GAPS.map((mask, k) => {
    const terms = x.map((part, i) => i64.mul(part.get, y[(k - i + 4) % 4]!.get));
    return f.let("i64", i64.and(xorAll(i64, ...terms), i64.const(mask)));
  });
  return xorAll(i64, ...parts.map((part) => part.get));
}

/** Swaps neighbours of `width` bits: both halves of each pair, by mask. */
function swapNeighbours(f: FunctionBuilder, word: Code, width: bigint, mask: bigint): Local {
  const value = f.let("i64", word);
  const up = i64.shl(i64.and(value.get, i64.const(mask)), i64.const(width));
  const down = i64.and(i64.shrU(value.get, i64.const(width)), i64.const(mask));
  return f.let("i64", i64.or(up, down));
}

function reverseBits(f: FunctionBuilder, word: Code): Code {
  let value = word;
  for (const [width, mask] of [
    [1n, 0x5555555555555555n],
    [2n, 0x3333333333333333n],
    [4n, 0x0f0f0f0f0f0f0f0fn],
    [8n, 0x00ff00ff00ff00ffn],
    [16n, 0x0000ffff0000ffffn],
  ] as const) {
    value = swapNeighbours(f, value, width, mask).get;
  }
  return i64.or(i64.shl(value, i64.const(32n)), i64.shrU(value, i64.const(32n)));
}

/** Little-endian memory order to big-endian and back. */
export function swapBytes(f: FunctionBuilder, word: Code): Code {
  const pairs = swapNeighbours(f, word, 8n, 0x00ff00ff00ff00ffn).get;
  const quads = swapNeighbours(f, pairs, 16n, 0x0000ffff0000ffffn).get;
  return i64.or(i64.shl(quads, i64.const(32n)), i64.shrU(quads, i64.const(32n)));
}
