import type { SampleRate } from "../format.ts";
import { Resampler } from "../resampler.ts";
import { columnFrequencies, type DtmfEvent, type DtmfKey, keyAt, rowFrequencies } from "./keys.ts";

/** Windows of 20 ms every 10 ms at 8 kHz. */
const WINDOW = 160;
const HOP = 80;
/** Each tone is at least this loud, dBFS; Q.24 asks for -25 dBm0. */
const MIN_LEVEL_DB = -46;
const MIN_POWER = (32768 * 10 ** (MIN_LEVEL_DB / 20)) ** 2 / 2;
/** The two tones differ by at most 8 dB either way. */
const MAX_TWIST = 10 ** 0.8;
/** The strongest of a group stands 8 dB over the others of its group. */
const GROUP_MARGIN = 10 ** 0.8;
/** The two tones make up this share of all the power in the window. Speech never does for long: its power lies in many harmonics. */
const MIN_PURITY = 0.7;
/** The mean over the windows of a start: only the first and last may be filled in part. */
const MIN_MEAN_PURITY = 0.82;
/** A tone's second harmonic is at least 13 dB below it. */
const MAX_HARMONIC = 0.05;
/** A row's harmonic this close to the column cannot be told from it in 20 ms, and is not judged. */
const RESOLUTION_HZ = 120;
/** Windows that must agree for a start: a tone of 40 ms always fills three by 70 % or more, one of 20 ms never. */
const HITS = 3;
/** Windows without the tone that end it. */
const MISSES = 3;

/** 2 cos(w) for Goertzel's recursion. */
function coefficient(frequency: number): number {
  return 2 * Math.cos((2 * Math.PI * frequency) / 8000);
}

const rows = rowFrequencies.map(coefficient);
const columns = columnFrequencies.map(coefficient);
const rowHarmonics = rowFrequencies.map((f) => coefficient(2 * f));
const columnHarmonics = columnFrequencies.map((f) => coefficient(2 * f));
const NOTHING: readonly DtmfEvent[] = [];

/**
 * Finds DTMF keys in audio (ITU-T Q.24), by Goertzel's algorithm at the eight frequencies and tests that speech fails: purity, twist, second harmonic,
 * duration. Reports a key once 40 ms of it were heard. For peers that negotiated no telephone-event.
 */
export class ToneDetector {
  readonly #resampler: Resampler | undefined;
  readonly #narrow: Int16Array | undefined;
  readonly #window = new Int16Array(WINDOW);
  #filled = 0;
  #candidate: DtmfKey | undefined;
  #hits = 0;
  #active: DtmfKey | undefined;
  #misses = 0;
  #purity = 0;
  #puritySum = 0;
  #hops = 0;

  constructor(rate: SampleRate) {
    if (rate !== 8000) {
      this.#resampler = new Resampler(rate, 8000);
      this.#narrow = new Int16Array(160);
    }
  }

  /** Takes a frame (20 ms or less) and returns the keys that began or ended. */
  process(pcm: Int16Array): readonly DtmfEvent[] {
    let input = pcm;
    if (this.#resampler && this.#narrow) input = this.#narrow.subarray(0, this.#resampler.process(pcm, this.#narrow));
    let events: DtmfEvent[] | undefined;
    for (let at = 0; at < input.length; ) {
      const n = Math.min(WINDOW - this.#filled, input.length - at);
      this.#window.set(input.subarray(at, at + n), this.#filled);
      this.#filled += n;
      at += n;
      if (this.#filled < WINDOW) break;
      const event = this.#judge(this.#classify());
      if (event) (events ??= []).push(event);
      this.#window.copyWithin(0, HOP);
      this.#filled = WINDOW - HOP;
    }
    return events ?? NOTHING;
  }

  #judge(key: DtmfKey | undefined): DtmfEvent | undefined {
    if (this.#active !== undefined) return this.#follow(this.#active, key);
    this.#hits = key !== undefined && key === this.#candidate ? this.#hits + 1 : key === undefined ? 0 : 1;
    this.#candidate = key;
    this.#puritySum = this.#hits > 1 ? this.#puritySum + this.#purity : this.#purity;
    if (key === undefined || this.#hits < HITS || this.#puritySum < MIN_MEAN_PURITY * this.#hits) return undefined;
    this.#active = key;
    this.#misses = 0;
    this.#hops = this.#hits;
    return { type: "start", key };
  }

  #follow(active: DtmfKey, key: DtmfKey | undefined): DtmfEvent | undefined {
    this.#hops++;
    this.#misses = key === active ? 0 : this.#misses + 1;
    if (this.#misses < MISSES) return undefined;
    this.#active = undefined;
    this.#candidate = key;
    this.#hits = key === undefined ? 0 : 1;
    return { type: "end", key: active, durationMs: (this.#hops - this.#misses + 1) * 10 };
  }

  /** The key in the window, if it is one. */
  #classify(): DtmfKey | undefined {
    const window = this.#window;
    let energy = 0;
    for (let i = 0; i < WINDOW; i++) energy += window[i] * window[i];
    const total = energy / WINDOW;
    if (total < 2 * MIN_POWER) return undefined;
    const row = strongest(window, rows);
    const column = strongest(window, columns);
    if (row < 0 || column < 0) return undefined;
    const low = powerNear(window, rowFrequencies[row]);
    const high = powerNear(window, columnFrequencies[column]);
    if (low < MIN_POWER || high < MIN_POWER || low > high * MAX_TWIST || high > low * MAX_TWIST) return undefined;
    this.#purity = (low + high) / total;
    if (this.#purity < MIN_PURITY) return undefined;
    if (power(window, columnHarmonics[column]) > high * MAX_HARMONIC) return undefined;
    const apart = Math.abs(2 * rowFrequencies[row] - columnFrequencies[column]) > RESOLUTION_HZ;
    if (apart && power(window, rowHarmonics[row]) > low * MAX_HARMONIC) return undefined;
    return keyAt(row, column);
  }
}

/** Index of the frequency that stands out of its group, -1 when none does. */
function strongest(window: Int16Array, group: readonly number[]): number {
  let best = 0;
  let bestIndex = -1;
  let second = 0;
  for (let i = 0; i < group.length; i++) {
    const p = power(window, group[i]);
    if (p > best) {
      second = best;
      best = p;
      bestIndex = i;
    } else if (p > second) second = p;
  }
  return best > second * GROUP_MARGIN ? bestIndex : -1;
}

/** Power of the sine at or near a frequency: telephones are off by up to 1.5 %. */
function powerNear(window: Int16Array, frequency: number): number {
  return Math.max(
    power(window, coefficient(frequency)),
    power(window, coefficient(frequency * 0.988)),
    power(window, coefficient(frequency * 1.012)),
  );
}

/** Power of the sine at a frequency: half the square of its amplitude. */
function power(window: Int16Array, coefficient: number): number {
  let a = 0;
  let b = 0;
  for (let i = 0; i < WINDOW; i++) {
    const c = window[i] + coefficient * a - b;
    b = a;
    a = c;
  }
  return (2 * (a * a + b * b - coefficient * a * b)) / (WINDOW * WINDOW);
}
