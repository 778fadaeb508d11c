/**
 * H.264 payloads, RFC 6184: a payload begins with an octet F(1) NRI(2) type(5).
 *
 *     type 1-23   one NAL unit (section 5.6)
 *     type 24     STAP-A: several, each after its 16-bit length (section 5.7.1)
 *     type 28     FU-A: a part of one; a second octet S(1) E(1) R(1) type(5) (section 5.8)
 *
 * STAP-B, MTAP and FU-B belong to the interleaved mode (2), which nobody offers.
 */

/** NAL unit types, ISO/IEC 14496-10 table 7-1, and RFC 6184's own. */
export const NalType = { Slice: 1, Idr: 5, Sei: 6, Sps: 7, Pps: 8, Delimiter: 9, StapA: 24, FuA: 28 } as const;

/** What a payload holds, as bits. */
export const H264Content = {
  /** A slice of an IDR picture: decoding can begin with it. */
  Idr: 1,
  Sps: 2,
  Pps: 4,
  /** A picture's first slice begins here (first_mb_in_slice is 0). */
  FirstSlice: 8,
  /** A slice of any kind, or a part of one. */
  Slice: 16,
  /** FU-A, and its S and E bits. */
  Fragment: 32,
  FragmentStart: 64,
  FragmentEnd: 128,
  /** STAP-A. */
  Aggregate: 256,
} as const;

/** What the payload in bytes [from, to) holds: a sum of {@link H264Content}; -1 when it is malformed or of the interleaved mode. */
export function inspectH264(bytes: Uint8Array, from: number, to: number): number {
  if (to - from < 1) return -1;
  const type = bytes[from]! & 0x1f;
  if (type >= 1 && type <= 23) return contentOf(type, bytes, from + 1, to);
  if (type === NalType.FuA) {
    if (to - from < 3) return -1;
    const head = bytes[from + 1]!;
    const inner = head & 0x1f;
    if (inner === 0 || inner > 23) return -1;
    const start = (head & 0x80) !== 0;
    let content: number = H264Content.Fragment;
    if (start) content |= H264Content.FragmentStart | contentOf(inner, bytes, from + 2, to);
    else content |= contentOf(inner, bytes, to, to);
    if ((head & 0x40) !== 0) content |= H264Content.FragmentEnd;
    return content;
  }
  if (type !== NalType.StapA) return -1;
  let content: number = H264Content.Aggregate;
  let at = from + 1;
  if (at >= to) return -1;
  while (at < to) {
    if (at + 3 > to) return -1;
    const end = at + 2 + ((bytes[at]! << 8) | bytes[at + 1]!);
    if (end > to || end === at + 2) return -1;
    const inner = bytes[at + 2]! & 0x1f;
    if (inner === 0 || inner > 23) return -1;
    content |= contentOf(inner, bytes, at + 3, end);
    at = end;
  }
  return content;
}

/** ue(v) of 0 is a single set bit: a slice header that begins with it is of the picture's first macroblock. */
function contentOf(type: number, bytes: Uint8Array, at: number, end: number): number {
  if (type === NalType.Sps) return H264Content.Sps;
  if (type === NalType.Pps) return H264Content.Pps;
  if (type < NalType.Slice || type > NalType.Idr) return 0;
  const first = at < end && (bytes[at]! & 0x80) !== 0 && type !== 3 && type !== 4 ? H264Content.FirstSlice : 0;
  return H264Content.Slice | first | (type === NalType.Idr ? H264Content.Idr : 0);
}

/** Calls `take` with each NAL unit of a single NAL unit payload or STAP-A in [from, to), by its place. Nothing for FU-A or what is malformed. */
export function eachNalUnit(bytes: Uint8Array, from: number, to: number, take: (from: number, to: number) => void): void {
  if (inspectH264(bytes, from, to) < 0) return;
  const type = bytes[from]! & 0x1f;
  if (type === NalType.FuA) return;
  if (type !== NalType.StapA) {
    take(from, to);
    return;
  }
  for (let at = from + 1; at < to; ) {
    const end = at + 2 + ((bytes[at]! << 8) | bytes[at + 1]!);
    take(at + 2, end);
    at = end;
  }
}

/** What a sequence parameter set says of the picture. */
export interface SequenceParameters {
  readonly profile: number;
  /** constraint_set flags, the octet between profile and level. */
  readonly constraints: number;
  readonly level: number;
  /** Luma samples after cropping. */
  readonly width: number;
  readonly height: number;
}

/** Profiles whose parameter sets carry chroma format and scaling lists (section 7.3.2.1.1). */
const HIGH_PROFILES = new Set([100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135]);
/** More pixels than level 6.2 allows along a side: a damaged parameter set. */
const MAX_SIDE = 16_384;

/** Reads a sequence parameter set (with its NAL header octet), ISO/IEC 14496-10 section 7.3.2.1.1; undefined when it cannot be one. */
export function parseSps(nal: Uint8Array): SequenceParameters | undefined {
  if (nal.length < 5 || (nal[0]! & 0x1f) !== NalType.Sps) return undefined;
  const bits = new BitReader(withoutEmulation(nal));
  const profile = bits.u(8);
  const constraints = bits.u(8);
  const level = bits.u(8);
  bits.ue();
  let chroma = 1;
  if (HIGH_PROFILES.has(profile)) {
    chroma = bits.ue();
    if (chroma === 3) bits.u(1);
    bits.ue();
    bits.ue();
    bits.u(1);
    if (bits.u(1) === 1) {
      for (let i = 0; i < (chroma === 3 ? 12 : 8); i++) if (bits.u(1) === 1) skipScalingList(bits, i < 6 ? 16 : 64);
    }
  }
  bits.ue();
  const orderType = bits.ue();
  if (orderType === 0) bits.ue();
  else if (orderType === 1) {
    bits.u(1);
    bits.ue();
    bits.ue();
    const cycle = bits.ue();
    if (cycle > 255) return undefined;
    for (let i = 0; i < cycle; i++) bits.ue();
  }
  bits.ue();
  bits.u(1);
  const widthUnits = bits.ue() + 1;
  const heightUnits = bits.ue() + 1;
  const frames = bits.u(1);
  if (frames === 0) bits.u(1);
  bits.u(1);
  let [left, right, top, bottom] = [0, 0, 0, 0];
  if (bits.u(1) === 1) [left, right, top, bottom] = [bits.ue(), bits.ue(), bits.ue(), bits.ue()];
  if (bits.failed) return undefined;
  // Cropping counts chroma samples, of frame pairs where fields are possible (equations 7-19 to 7-22).
  const cropX = chroma === 1 || chroma === 2 ? 2 : 1;
  const cropY = (chroma === 1 ? 2 : 1) * (2 - frames);
  const width = widthUnits * 16 - cropX * (left + right);
  const height = heightUnits * 16 * (2 - frames) - cropY * (top + bottom);
  if (width <= 0 || height <= 0 || width > MAX_SIDE || height > MAX_SIDE) return undefined;
  return { profile, constraints, level, width, height };
}

function skipScalingList(bits: BitReader, size: number): void {
  let last = 8;
  let next = 8;
  for (let i = 0; i < size; i++) {
    if (next !== 0) next = (last + bits.se() + 256) & 0xff;
    if (next !== 0) last = next;
  }
}

/** The payload behind the header octet, without the 3 of each 0 0 3 (section 7.4.1). */
function withoutEmulation(nal: Uint8Array): Uint8Array {
  const out = new Uint8Array(nal.length);
  let length = 0;
  let zeros = 0;
  for (let i = 1; i < nal.length; i++) {
    const byte = nal[i]!;
    if (zeros >= 2 && byte === 3) {
      zeros = 0;
      continue;
    }
    zeros = byte === 0 ? zeros + 1 : 0;
    out[length++] = byte;
  }
  return out.subarray(0, length);
}

/** Bits from the most significant; past the end they are zero and `failed` is set. */
class BitReader {
  readonly #bytes: Uint8Array;
  #at = 0;
  failed = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  u(count: number): number {
    let value = 0;
    for (let i = 0; i < count; i++) {
      const byte = this.#bytes[this.#at >> 3];
      if (byte === undefined) this.failed = true;
      value = (value << 1) | (((byte ?? 0) >> (7 - (this.#at & 7))) & 1);
      this.#at++;
    }
    return value >>> 0;
  }

  /** Exp-Golomb, section 9.1. */
  ue(): number {
    let zeros = 0;
    while (!this.failed && this.u(1) === 0) {
      if (++zeros > 31) {
        this.failed = true;
        return 0;
      }
    }
    return zeros === 0 ? 0 : 2 ** zeros - 1 + this.u(zeros);
  }

  se(): number {
    const code = this.ue();
    return code % 2 === 1 ? (code + 1) / 2 : -code / 2;
  }
}
