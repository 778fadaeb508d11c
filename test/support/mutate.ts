/** Seeded damage for fuzz tests: the same seed gives the same damage on every machine. */

/** A generator of 0 ≤ n < 1 (mulberry32). */
export function random(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = a;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** How many damaged inputs a fuzz test takes: 10,000, or MUTATIONS of them by hand. */
export const MUTATIONS = Number(process.env["MUTATIONS"] ?? 10_000);
/** A fuzz test's time, milliseconds. */
export const FUZZ_TIMEOUT = Math.max(40_000, MUTATIONS);

const favourites = Buffer.from('\r\n \t;:,<>"\\@=?/%[]\0\xff*09aZ', "latin1");

/** A damaged copy: bytes changed, removed, doubled, moved; the end cut off. */
export function mutate(data: Buffer, next: () => number): Buffer {
  let out = Buffer.from(data);
  const times = 1 + Math.floor(next() * 6);
  for (let i = 0; i < times && out.length > 0; i++) {
    const at = Math.floor(next() * out.length);
    const length = Math.min(out.length - at, 1 + Math.floor(next() * 12));
    switch (Math.floor(next() * 6)) {
      case 0:
        out[at] = favourites[Math.floor(next() * favourites.length)]!;
        break;
      case 1:
        out[at] = Math.floor(next() * 256);
        break;
      case 2:
        out = Buffer.concat([out.subarray(0, at), out.subarray(at + length)]);
        break;
      case 3:
        out = Buffer.concat([out.subarray(0, at + length), out.subarray(at)]);
        break;
      case 4:
        out = Buffer.concat([out.subarray(0, at), Buffer.from(favourites.subarray(0, length)), out.subarray(at)]);
        break;
      default:
        if (next() < 0.3) out = Buffer.from(out.subarray(0, at));
    }
  }
  return out;
}
