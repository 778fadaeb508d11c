import type { Millis } from "../../base/clock.ts";

/** Half a second at 2 Mbit/s, which is longer than any round trip worth a retransmission. */
const CAPACITY = 160 * 1024;
/** Packets remembered at most; a power of two. */
const SLOTS = 512;
/** One packet is not sent again sooner than this. */
const SPACING_MS = 20;

/** The last packets sent, to be sent again to who misses them. */
export class PacketHistory {
  readonly #bytes = Buffer.allocUnsafeSlow(CAPACITY);
  readonly #sequences = new Float64Array(SLOTS).fill(-1);
  readonly #starts = new Float64Array(SLOTS);
  readonly #lengths = new Int32Array(SLOTS);
  readonly #repeatedAt = new Float64Array(SLOTS);
  /** Bytes ever written: a packet is there as long as fewer than the capacity were written since. */
  #written = 0;

  /** Keeps a copy. `sequence` counts with cycles. */
  put(packet: Uint8Array, sequence: number): void {
    const { length } = packet;
    let at = this.#written % CAPACITY;
    if (at + length > CAPACITY) {
      this.#written += CAPACITY - at;
      at = 0;
    }
    this.#bytes.set(packet, at);
    const slot = sequence & (SLOTS - 1);
    this.#sequences[slot] = sequence;
    this.#starts[slot] = this.#written;
    this.#lengths[slot] = length;
    this.#repeatedAt[slot] = Number.NEGATIVE_INFINITY;
    this.#written += length;
  }

  /** The packet to send again, a view; undefined when it is not there, or was repeated a moment ago. `sequence` has 16 bits. */
  repeat(sequence: number, now: Millis): Buffer | undefined {
    const slot = sequence & (SLOTS - 1);
    const known = this.#sequences[slot]!;
    const start = this.#starts[slot]!;
    if (known < 0 || (known & 0xffff) !== sequence || this.#written - start > CAPACITY) return undefined;
    if (now - this.#repeatedAt[slot]! < SPACING_MS) return undefined;
    this.#repeatedAt[slot] = now;
    const at = start % CAPACITY;
    return this.#bytes.subarray(at, at + this.#lengths[slot]!);
  }
}
