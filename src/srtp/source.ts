import { ReplayWindow } from "./replay.ts";

/** Sources one context keeps state for. A peer that authenticates more is misusing its key or ours is misread. */
export const MAX_SOURCES = 256;

/** What a context remembers of one SSRC. Indices are 48-bit: rollover counter * 2^16 + sequence number. */
export class SourceState {
  readonly rtp = new ReplayWindow();
  readonly rtcp = new ReplayWindow();
  /** Next SRTCP index to send. */
  nextRtcpIndex = 0;

  /** The 48-bit index a sequence number most probably means, -1 if that lies before the stream's beginning (RFC 3711 section 3.3.1, appendix A). */
  estimateIndex(sequence: number): number {
    const highest = this.rtp.highest;
    if (highest < 0) return sequence;
    const distance = ((sequence - (highest & 0xffff)) << 16) >> 16;
    const index = highest + distance;
    return index < 0 ? -1 : index;
  }
}

/** Rollover counter of an index. */
export function rolloverOf(index: number): number {
  return Math.floor(index / 65536);
}

/** States by SSRC. The last one is at hand without a look-up: a stream has one source nearly always. */
export class SourceTable {
  readonly #states = new Map<number, SourceState>();
  #lastSsrc = -1;
  #last: SourceState | undefined;

  find(ssrc: number): SourceState | undefined {
    if (ssrc === this.#lastSsrc) return this.#last;
    const state = this.#states.get(ssrc);
    if (state) {
      this.#lastSsrc = ssrc;
      this.#last = state;
    }
    return state;
  }

  /** Keeps a new source's state; false when there are too many. */
  add(ssrc: number, state: SourceState): boolean {
    if (this.#states.size >= MAX_SOURCES) return false;
    this.#states.set(ssrc, state);
    return true;
  }

  get size(): number {
    return this.#states.size;
  }
}
