import type { TransportFeedback } from "./types.ts";

/**
 * Transport-wide congestion control feedback, draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1:
 *
 *     base sequence number(16)  packet status count(16)
 *     reference time(24)        feedback packet count(8)
 *     packet chunks (16 each):  0 symbol(2) run length(13)   or   1 0 14 symbols of one bit   or   1 1 7 symbols of two bits
 *     receive deltas:           8 bits unsigned for symbol 1, 16 bits signed for symbol 2, in 250 us; symbol 0 is not received
 *
 * padded to a word.
 */

const SMALL = 1;
const LARGE = 2;

/** Reads what follows the two SSRCs; undefined when chunks or deltas are missing, or a reserved symbol is used. */
export function parseTransportFeedback(ssrc: number, mediaSsrc: number, fci: Uint8Array): TransportFeedback | undefined {
  if (fci.length < 8) return undefined;
  const count = word(fci, 2);
  const symbols: number[] = [];
  let at = 8;
  while (symbols.length < count) {
    if (at + 2 > fci.length) return undefined;
    const chunk = word(fci, at);
    at += 2;
    if (chunk >> 15 === 0) {
      const run = Math.min(chunk & 0x1fff, count - symbols.length);
      if (run === 0) return undefined;
      for (let i = 0; i < run; i++) symbols.push(chunk >> 13);
    } else {
      const two = ((chunk >> 14) & 1) === 1;
      const [bits, mask, number] = two ? [2, 3, 7] : [1, 1, 14];
      for (let i = 1; i <= number && symbols.length < count; i++) symbols.push((chunk >> (14 - i * bits)) & mask);
    }
  }
  const deltas: (number | null)[] = [];
  for (const symbol of symbols) {
    if (symbol > LARGE || at + symbol > fci.length) return undefined;
    if (symbol === 0) deltas.push(null);
    else if (symbol === SMALL) deltas.push(fci[at]!);
    else deltas.push((word(fci, at) << 16) >> 16);
    at += symbol;
  }
  const referenceTime = ((fci[4]! << 24) | (fci[5]! << 16) | (fci[6]! << 8)) >> 8;
  return { kind: "transport-cc", ssrc, mediaSsrc, baseSequence: word(fci, 0), referenceTime, feedbackCount: fci[7]!, deltas };
}

/** Writes what follows the two SSRCs. Throws RangeError for a delta that does not fit, or more than 65,535 of them. */
export function writeTransportFeedback(packet: TransportFeedback): Buffer {
  const { deltas } = packet;
  if (deltas.length > 0xffff) throw new RangeError(`${deltas.length} packets do not fit one feedback message`);
  const symbols = deltas.map((delta) => (delta === null ? 0 : delta >= 0 && delta <= 255 ? SMALL : LARGE));
  const chunks: number[] = [];
  for (let at = 0; at < symbols.length; ) {
    let run = 1;
    while (at + run < symbols.length && symbols[at + run] === symbols[at] && run < 0x1fff) run++;
    if (run >= 7 || at + run === symbols.length) {
      chunks.push((symbols[at]! << 13) | run);
      at += run;
    } else {
      let chunk = 0xc000;
      for (let i = 0; i < 7; i++) chunk |= (symbols[at + i] ?? 0) << (12 - 2 * i);
      chunks.push(chunk);
      at += 7;
    }
  }
  const length = 8 + 2 * chunks.length + symbols.reduce<number>((sum, symbol) => sum + symbol, 0);
  const out = Buffer.alloc((length + 3) & ~3);
  out.writeUInt16BE(packet.baseSequence & 0xffff, 0);
  out.writeUInt16BE(deltas.length, 2);
  out.writeInt32BE(packet.referenceTime << 8, 4);
  out[7] = packet.feedbackCount;
  let at = 8;
  for (const chunk of chunks) at = out.writeUInt16BE(chunk, at);
  for (const [i, delta] of deltas.entries()) {
    if (symbols[i] === SMALL) at = out.writeUInt8(delta!, at);
    else if (symbols[i] === LARGE) at = out.writeInt16BE(delta!, at);
  }
  return out;
}

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}
