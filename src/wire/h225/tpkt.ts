import { ParseError } from "../../base/errors.ts";

/** Most octets a frame may have, header and all: what two octets of length can say. */
export const TPKT_MAX = 65535;

/** Puts a payload into a TPKT frame (RFC 1006 section 6, version 3, reserved, length with header). */
export function tpkt(payload: Uint8Array): Uint8Array {
  const length = payload.length + 4;
  if (length > TPKT_MAX) throw new RangeError(`${payload.length} octets do not fit a TPKT`);
  const frame = new Uint8Array(length);
  frame[0] = 3;
  frame[2] = length >>> 8;
  frame[3] = length & 0xff;
  frame.set(payload, 4);
  return frame;
}

/** Cuts a TCP stream into TPKT payloads. Keeps at most one frame that is not complete. */
export class TpktReader {
  readonly #limit: number;
  #chunks: Uint8Array[] = [];
  #have = 0;
  #offset = 0;

  /** `limit` is the longest frame accepted, in octets with header. */
  constructor(limit = TPKT_MAX) {
    this.#limit = limit;
  }

  /** Octets kept until their frame is complete. */
  get pending(): number {
    return this.#have;
  }

  /** Takes back what is kept of a frame that is not complete: for another reader of the same stream. */
  rest(): Uint8Array {
    const rest = Buffer.concat(this.#chunks, this.#have);
    this.#chunks = [];
    this.#have = 0;
    return rest;
  }

  /**
   * Payloads completed by `chunk`. Frames of no payload (keep-alives of some vendors) are left out. Throws ParseError when the
   * stream is not TPKT or a frame is too long: it cannot be resynchronised, close it.
   */
  push(chunk: Uint8Array): Uint8Array[] {
    if (chunk.length > 0) {
      this.#chunks.push(chunk);
      this.#have += chunk.length;
    }
    const out: Uint8Array[] = [];
    while (this.#have >= 4) {
      const head = this.#peek(4);
      const length = (head[2]! << 8) | head[3]!;
      if (head[0] !== 3) throw new ParseError(`TPKT version ${head[0]}`, this.#offset);
      if (length < 4) throw new ParseError(`TPKT length ${length}`, this.#offset + 2);
      if (length > this.#limit) throw new ParseError(`TPKT of ${length} octets, at most ${this.#limit} are taken`, this.#offset + 2);
      if (this.#have < length) break;
      const frame = this.#peek(length);
      this.#drop(length);
      if (length > 4) out.push(frame.subarray(4));
    }
    return out;
  }

  #peek(count: number): Uint8Array {
    const first = this.#chunks[0]!;
    if (first.length >= count) return first.subarray(0, count);
    const whole = Buffer.concat(this.#chunks, this.#have);
    this.#chunks = [whole];
    return whole.subarray(0, count);
  }

  #drop(count: number): void {
    this.#offset += count;
    this.#have -= count;
    const first = this.#chunks[0]!;
    if (first.length === count) this.#chunks.shift();
    else this.#chunks[0] = first.subarray(count);
  }
}
