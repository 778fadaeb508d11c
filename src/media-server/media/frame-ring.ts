import type { MemberLink } from "../messages.ts";

/** Frames a ring holds: with one in the air, two of slack for threads whose ticks drift apart. */
const SLOTS = 4;
const HEADER_INTS = 2;

/** A ring's memory for frames of 20 ms at `rate`. */
function ringMemory(rate: number): SharedArrayBuffer {
  return new SharedArrayBuffer(HEADER_INTS * 4 + SLOTS * (rate / 50) * 2);
}

/** A pair of rings between two threads. */
export function frameLink(rate: number): MemberLink {
  return { toRoom: ringMemory(rate), fromRoom: ringMemory(rate), rate };
}

/**
 * PCM frames of 20 ms from one thread to another: one writer, one reader, no locks. A slow reader loses the oldest frames, an early one is told that there is
 * none; neither ever waits.
 */
export class FrameRing {
  readonly #counters: Int32Array;
  readonly #samples: Int16Array;
  readonly #frame: number;

  constructor(memory: SharedArrayBuffer, rate: number) {
    this.#frame = rate / 50;
    this.#counters = new Int32Array(memory, 0, HEADER_INTS);
    this.#samples = new Int16Array(memory, HEADER_INTS * 4, SLOTS * this.#frame);
  }

  /** Writes a frame; false when the ring was full and the frame was dropped. */
  write(pcm: Int16Array): boolean {
    const written = Atomics.load(this.#counters, 0);
    const read = Atomics.load(this.#counters, 1);
    if (((written - read) | 0) >= SLOTS) return false;
    this.#samples.set(pcm.subarray(0, this.#frame), (written & (SLOTS - 1)) * this.#frame);
    Atomics.store(this.#counters, 0, (written + 1) | 0);
    return true;
  }

  /** Reads a frame into `out`; false when there is none. More than two waiting is drift: the oldest go. */
  read(out: Int16Array): boolean {
    const written = Atomics.load(this.#counters, 0);
    let read = Atomics.load(this.#counters, 1);
    const waiting = (written - read) | 0;
    if (waiting <= 0) return false;
    if (waiting > 2) read = (written - 1) | 0;
    const at = (read & (SLOTS - 1)) * this.#frame;
    out.set(this.#samples.subarray(at, at + this.#frame));
    Atomics.store(this.#counters, 1, (read + 1) | 0);
    return true;
  }
}
