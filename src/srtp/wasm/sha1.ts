import { type Code, FunctionBuilder, i32, type Local, whileLoop, xorAll } from "./assembler.ts";

/** SHA-1 (FIPS 180-4 sections 5.1.1 and 6.1.2) and HMAC over it (RFC 2104), from states that have taken the padded keys already. */

const BLOCK = 64;

/** Constants of FIPS 180-4 section 4.2.1. */
const K = [0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6] as const;

/**
 * `hmacSha1(i0..i4, o0..o4, message, length, result)`: the chaining values after the inner and the outer key block, the message by address
 * (at least 80 bytes behind it are overwritten with padding), and where the 20 bytes go (64 bytes from there on are overwritten).
 */
export function hmacSha1(): FunctionBuilder {
  const f = new FunctionBuilder("hmacSha1", 13);
  const inner = f.parameters.slice(0, 5);
  const outer = f.parameters.slice(5, 10);
  const [message, length, result] = f.parameters.slice(10) as [Local, Local, Local];
  const state = Array.from({ length: 5 }, () => f.local("i32"));
  const at = f.local("i32");
  const end = f.local("i32");
  const pass = f.let("i32", i32.const(0));
  const load = (values: readonly Local[]) => values.flatMap((value, i) => state[i]!.set(value.get));
  // Both passes run through one compression: first the message, then the inner hash.
  f.emit(load(inner), at.set(message.get), end.set(i32.add(message.get, length.get)));
  const onePass = f.capture(() => {
    emitPadding(f, at, end);
    f.emit(
      whileLoop(
        i32.ltU(at.get, end.get),
        f.capture(() => emitCompression(f, state, at)),
        at.set(i32.add(at.get, i32.const(BLOCK))),
      ),
    );
    f.emit(...state.map((word, i) => i32.store(result.get, swapBytes(word.get), 4 * i)));
    f.emit(load(outer), at.set(result.get), end.set(i32.add(result.get, i32.const(20))));
    f.emit(pass.set(i32.add(pass.get, i32.const(1))));
  });
  f.emit(whileLoop(i32.ltU(pass.get, i32.const(2)), onePass));
  return f;
}

/** `sha1Block(block, state)`: one block by address into five chaining values by address, in the machine's byte order. */
export function sha1Block(): FunctionBuilder {
  const f = new FunctionBuilder("sha1Block", 2);
  const [block, address] = f.parameters as [Local, Local];
  const state = Array.from({ length: 5 }, (_, i) => f.let("i32", i32.load(address.get, 4 * i)));
  emitCompression(f, state, block);
  f.emit(...state.map((word, i) => i32.store(address.get, word.get, 4 * i)));
  return f;
}

/** Appends 0x80, zeros and the bit length, the key block counted in, behind [at, end), and moves `end` to a block's border. */
function emitPadding(f: FunctionBuilder, at: Local, end: Local): void {
  const bits = f.let("i32", i32.shl(i32.add(i32.sub(end.get, at.get), i32.const(BLOCK)), i32.const(3)));
  const border = f.let("i32", i32.and(i32.add(i32.sub(end.get, at.get), i32.const(9 + BLOCK - 1)), i32.const(-BLOCK)));
  f.emit(border.set(i32.add(border.get, at.get)));
  f.emit(i32.store8(end.get, i32.const(0x80)), end.set(i32.add(end.get, i32.const(1))));
  f.emit(whileLoop(i32.ltU(end.get, border.get), i32.store8(end.get, i32.const(0)), end.set(i32.add(end.get, i32.const(1)))));
  f.emit(i32.store(i32.sub(end.get, i32.const(4)), swapBytes(bits.get)));
}

/** One block at `at` into the state, the 80 rounds unrolled, the message schedule in 16 locals used in turn. */
function emitCompression(f: FunctionBuilder, state: readonly Local[], at: Local): void {
  const schedule = Array.from({ length: 16 }, (_, i) => f.let("i32", swapBytes(i32.load(at.get, 4 * i))));
  let [a, b, c, d, e] = state.map((word) => f.let("i32", word.get)) as [Local, Local, Local, Local, Local];
  for (let t = 0; t < 80; t++) {
    const w = schedule[t % 16]!;
    if (t >= 16) {
      const sum = xorAll(i32, schedule[(t - 3) % 16]!.get, schedule[(t - 8) % 16]!.get, schedule[(t - 14) % 16]!.get, w.get);
      f.emit(w.set(i32.rotl(sum, i32.const(1))));
    }
    const stage = Math.floor(t / 20);
    const mixed = i32.add(i32.add(i32.rotl(a.get, i32.const(5)), choose(stage, b.get, c.get, d.get)), i32.add(w.get, i32.const(K[stage]!)));
    f.emit(e.set(i32.add(e.get, mixed)), b.set(i32.rotl(b.get, i32.const(30))));
    [a, b, c, d, e] = [e, a, b, c, d];
  }
  for (const [i, word] of [a, b, c, d, e].entries()) f.emit(state[i]!.set(i32.add(state[i]!.get, word.get)));
}

/** The functions Ch, Parity, Maj, Parity of FIPS 180-4 section 4.1.1, in forms with fewer operations. */
function choose(stage: number, b: Code, c: Code, d: Code): Code {
  if (stage === 0) return i32.xor(d, i32.and(b, i32.xor(c, d)));
  if (stage === 2) return i32.or(i32.and(b, c), i32.and(d, i32.or(b, c)));
  return xorAll(i32, b, c, d);
}

/** Of a word that is cheap to evaluate twice. */
function swapBytes(word: Code): Code {
  const mask = i32.const(0x00ff00ff);
  return i32.or(i32.rotl(i32.and(word, mask), i32.const(24)), i32.and(i32.rotl(word, i32.const(8)), mask));
}
