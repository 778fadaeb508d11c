import { samplesIn } from "../format.ts";
import { findPitch } from "./pitch.ts";

// Times in milliseconds, after ITU-T G.711 Appendix I.
const MIN_PITCH_MS = 5;
const MAX_PITCH_MS = 15;
const MATCH_MS = 20;
/** Pitch periods used: one in the first 10 ms of an erasure, one more every 10 ms up to three, so that it does not buzz. */
const PERIOD_STEP_MS = 10;
const MAX_PERIODS = 3;
/** Full level for 10 ms, then a fifth less every 10 ms. */
const HOLD_MS = 10;
const FADE_MS = 50;
/** The join back: a quarter period, and 4 ms more for every 10 ms lost, up to 10 ms. */
const JOIN_MORE_PER_MS = 0.4;
const MAX_JOIN_MS = 10;

/**
 * Packet loss concealment for codecs that have none of their own: repeats the last pitch periods with smooth joins, fades to silence in 60 ms, and blends back
 * into the first good sound. Adds no delay. Every frame played must pass through, good or not, in order.
 */
export class Concealer {
  readonly #rate: number;
  /** What was played last; as long as matching the longest pitch needs, and three periods. */
  readonly #history: Int16Array;
  /** Periods repeated in this erasure, then the overlap into them. */
  readonly #period: Int16Array;
  /** What was played before the erasure; the history itself goes on with what is made up. Made at the first loss. */
  #before: Int16Array | undefined;
  #periodLength = 0;
  #periods = 0;
  #pitch = 0;
  #phase = 0;
  #lostSamples = 0;

  constructor(rate: number) {
    this.#rate = rate;
    this.#history = new Int16Array(samplesIn(rate, Math.max(MATCH_MS + MAX_PITCH_MS, (MAX_PERIODS + 1) * MAX_PITCH_MS)));
    this.#period = new Int16Array(samplesIn(rate, MAX_PERIODS * MAX_PITCH_MS));
  }

  /** Whether the last frame was concealed. */
  get concealing(): boolean {
    return this.#lostSamples > 0;
  }

  /** Takes the next good sound, `length` samples of `pcm` from `offset`; its start is blended when it follows an erasure. */
  good(pcm: Int16Array, offset: number, length: number): void {
    if (this.#lostSamples > 0) this.#joinBack(pcm, offset, length);
    this.#lostSamples = 0;
    this.#remember(pcm, offset, length);
  }

  /** Writes `length` samples in place of lost ones. */
  conceal(out: Int16Array, offset: number, length: number): void {
    this.#synthesize(out, offset, length, this.#lostSamples);
    this.#lostSamples += length;
    this.#remember(out, offset, length);
  }

  #synthesize(out: Int16Array, offset: number, length: number, lostBefore: number): void {
    const rate = this.#rate;
    if (lostBefore === 0) this.#findPeriod();
    const hold = samplesIn(rate, HOLD_MS);
    const fade = samplesIn(rate, FADE_MS);
    const widen = samplesIn(rate, PERIOD_STEP_MS);
    for (let i = 0; i < length; i++) {
      const lost = lostBefore + i;
      const gain = lost < hold ? 1 : Math.max(0, 1 - (lost - hold) / fade);
      out[offset + i] = this.#period[this.#phase] * gain;
      if (++this.#phase < this.#periodLength) continue;
      this.#phase = 0;
      if (this.#periods < MAX_PERIODS && lost >= widen * this.#periods) this.#usePeriods(this.#periods + 1);
    }
  }

  #findPeriod(): void {
    const rate = this.#rate;
    const step = rate <= 8000 ? 2 : rate / 4000; // decimate to 4 kHz for the coarse search, as the appendix does
    const { lag } = findPitch(
      this.#history,
      this.#history.length,
      samplesIn(rate, MATCH_MS),
      samplesIn(rate, MIN_PITCH_MS),
      samplesIn(rate, MAX_PITCH_MS),
      step,
    );
    this.#pitch = lag;
    this.#before ??= new Int16Array(this.#history.length);
    this.#before.set(this.#history);
    this.#phase = 0;
    this.#usePeriods(1);
  }

  /** Lays out the last `count` periods, their end blended into what came before them, so that going round makes no edge. */
  #usePeriods(count: number): void {
    const source = this.#before ?? this.#history;
    const pitch = this.#pitch;
    const length = count * pitch;
    const start = source.length - length;
    const period = this.#period;
    for (let i = 0; i < length; i++) period[i] = source[start + i];
    const overlap = Math.min(pitch >> 2, start);
    for (let i = 0; i < overlap; i++) {
      const w = (i + 1) / (overlap + 1);
      const at = length - overlap + i;
      period[at] = period[at] * (1 - w) + source[start - overlap + i] * w;
    }
    this.#periods = count;
    this.#periodLength = length;
  }

  #joinBack(pcm: Int16Array, offset: number, length: number): void {
    const lostMs = (this.#lostSamples * 1000) / this.#rate;
    const more = Math.min(MAX_JOIN_MS, lostMs * JOIN_MORE_PER_MS);
    const join = Math.min(length, (this.#pitch >> 2) + samplesIn(this.#rate, more));
    const tail = new Int16Array(join);
    this.#synthesize(tail, 0, join, this.#lostSamples);
    for (let i = 0; i < join; i++) {
      const w = (i + 1) / (join + 1);
      pcm[offset + i] = tail[i] * (1 - w) + pcm[offset + i] * w;
    }
  }

  #remember(pcm: Int16Array, offset: number, length: number): void {
    const history = this.#history;
    if (length >= history.length) {
      history.set(pcm.subarray(offset + length - history.length, offset + length));
      return;
    }
    history.copyWithin(0, length);
    history.set(pcm.subarray(offset, offset + length), history.length - length);
  }

  /** Forgets the past. */
  reset(): void {
    this.#history.fill(0);
    this.#lostSamples = 0;
  }
}
