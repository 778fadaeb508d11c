import { type SampleRate, samplesIn } from "../../src/audio/format.ts";
import { frequenciesOf, keysOf } from "../../src/audio/dtmf/keys.ts";

/** Peak levels, dBFS: the high tone 2 dB over the low one, as telephones send it. */
const LOW = 32767 * 10 ** (-12 / 20);
const HIGH = 32767 * 10 ** (-10 / 20);
/** Faded in and out over this, so that the edges do not click. */
const EDGE_MS = 2;

/** DTMF as sound, for peers without telephone-event, key after key. */
export class ToneGenerator {
  readonly #rate: SampleRate;
  readonly #keys: { frequencies: readonly [number, number]; on: number; off: number }[] = [];
  #at = 0;

  constructor(rate: SampleRate) {
    this.#rate = rate;
  }

  /** Queues keys; what is no key is left out. At least 50 ms on and 50 ms off. */
  enqueue(digits: string, durationMs = 100, gapMs = 100): number {
    const keys = keysOf(digits);
    for (const key of keys) {
      const frequencies = frequenciesOf(key) as readonly [number, number];
      this.#keys.push({
        frequencies,
        on: samplesIn(this.#rate, Math.max(50, durationMs)),
        off: samplesIn(this.#rate, Math.max(50, gapMs)),
      });
    }
    return keys.length;
  }

  /** Whether there is sound to come. */
  get active(): boolean {
    return this.#keys.length > 0;
  }

  /** Fills `out`; false when there was nothing to play and `out` is untouched. */
  fill(out: Int16Array): boolean {
    if (this.#keys.length === 0) return false;
    for (let i = 0; i < out.length; i++) out[i] = this.#next();
    return true;
  }

  #next(): number {
    const key = this.#keys[0];
    if (!key) return 0;
    const t = this.#at++;
    if (this.#at >= key.on + key.off) {
      this.#keys.shift();
      this.#at = 0;
    }
    if (t >= key.on) return 0;
    const edge = samplesIn(this.#rate, EDGE_MS);
    const gain = Math.min(1, (t + 1) / edge, (key.on - t) / edge);
    const w = (2 * Math.PI * t) / this.#rate;
    return gain * (LOW * Math.sin(w * key.frequencies[0]) + HIGH * Math.sin(w * key.frequencies[1]));
  }
}
