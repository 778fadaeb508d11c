import type { SampleRate } from "../../../audio/format.ts";

/** Sound to be played, at one leg's rate. */
export interface Source {
  /** Writes the next 20 ms into `out` (all of it: what is missing at the end is silence). Returns the samples that are sound; 0 is the end. */
  read(out: Int16Array): number;
  /** Rate of the samples as they are stored, Hz. */
  readonly nativeRate: number;
  /** Samples read from the store so far, in blocks as FreeSWITCH counts them. */
  readonly samplesIn: number;
}

/** FreeSWITCH reads files in blocks of so many samples, and what it tells of a playback counts blocks (switch_ivr_play_say.c). */
export const BLOCK = 16384;

/** Silence of a length, or without end. */
export class SilenceSource implements Source {
  readonly nativeRate: SampleRate;
  #left: number;
  samplesIn = 0;
  constructor(rate: SampleRate, ms: number) {
    this.nativeRate = rate;
    this.#left = ms < 0 ? Number.POSITIVE_INFINITY : Math.round((ms * rate) / 1000);
  }
  read(out: Int16Array): number {
    out.fill(0);
    const n = Math.min(out.length, this.#left);
    this.#left -= n;
    this.samplesIn += n;
    return n;
  }
}

/** PCM in memory, at the rate it is played at; `loop` begins again, `offset` starts later. */
export class PcmSource implements Source {
  readonly nativeRate: number;
  readonly #pcm: Int16Array;
  readonly #rate: SampleRate;
  readonly #loop: boolean;
  #at: number;
  readonly #start: number;
  #played = 0;

  /** `pcm` is at `rate`; `nativeRate` is the file's, `seek` in the file's samples. */
  constructor(pcm: Int16Array, rate: SampleRate, nativeRate: number, options: { seek?: number; loop?: boolean } = {}) {
    this.#pcm = pcm;
    this.#rate = rate;
    this.nativeRate = nativeRate;
    this.#loop = options.loop ?? false;
    this.#start = this.#at = Math.min(pcm.length, Math.round(((options.seek ?? 0) * rate) / nativeRate));
  }

  get samplesIn(): number {
    const ratio = this.nativeRate / this.#rate;
    const available = Math.round((this.#pcm.length - this.#start) * ratio);
    const blocks = Math.max(1, Math.ceil((this.#played * ratio) / BLOCK));
    return this.#loop ? Math.round(this.#played * ratio) : Math.min(available, blocks * BLOCK);
  }

  read(out: Int16Array): number {
    let filled = 0;
    while (filled < out.length) {
      if (this.#at >= this.#pcm.length) {
        if (!this.#loop || this.#pcm.length === 0) break;
        this.#at = 0;
      }
      const n = Math.min(out.length - filled, this.#pcm.length - this.#at);
      out.set(this.#pcm.subarray(this.#at, this.#at + n), filled);
      this.#at += n;
      filled += n;
    }
    if (filled < out.length) out.fill(0, filled);
    this.#played += filled;
    return filled;
  }
}

/** Music that goes on whether anybody listens or not: everybody hears the same place of it, as from a local_stream. */
export class MusicSource implements Source {
  readonly nativeRate: SampleRate;
  readonly #pcm: Int16Array;
  readonly #position: () => number;
  #at = -1;
  samplesIn = 0;
  /** `position` gives the stream's age in ms. */
  constructor(pcm: Int16Array, rate: SampleRate, position: () => number) {
    this.#pcm = pcm;
    this.nativeRate = rate;
    this.#position = position;
  }
  read(out: Int16Array): number {
    const { length } = this.#pcm;
    if (length === 0) return 0;
    if (this.#at < 0) this.#at = Math.floor((this.#position() * this.nativeRate) / 1000) % length;
    for (let i = 0; i < out.length; i++) {
      out[i] = this.#pcm[this.#at]!;
      if (++this.#at === length) this.#at = 0;
    }
    this.samplesIn += out.length;
    return out.length;
  }
}

/** Several sounds one after the other. */
export class SequenceSource implements Source {
  readonly #parts: Source[];
  #done = 0;
  constructor(parts: readonly Source[]) {
    this.#parts = [...parts];
  }
  get nativeRate(): number {
    return this.#parts[0]?.nativeRate ?? 8000;
  }
  get samplesIn(): number {
    return this.#done + (this.#parts[0]?.samplesIn ?? 0);
  }
  read(out: Int16Array): number {
    for (let part = this.#parts[0]; part !== undefined; part = this.#parts[0]) {
      const n = part.read(out);
      if (n > 0) return n;
      if (this.#parts.length === 1) return 0;
      this.#done += part.samplesIn;
      this.#parts.shift();
    }
    return 0;
  }
}
