import type { SampleRate } from "../../../audio/format.ts";
import type { Source } from "./source.ts";

/** One element of a tone script: frequencies for a time, then silence. Times in ms. */
interface Tone {
  readonly onMs: number;
  readonly offMs: number;
  readonly frequencies: readonly number[];
  /** Peak amplitude of each frequency, 0 to 1. */
  readonly amplitude: number;
}

const MAX_TONES = 200;
const MAX_MS = 3_600_000;

/**
 * Reads FreeSWITCH's tone scripts (TGML, libteletone): `%(on,off,f1,f2,…)`, `v=dB` (default -7), `L=n` repeats, `loops=n` (-1 is for ever) and the keys
 * `0-9*#A-D`, after `d=` and `w=` for their length and pause. Undefined when there is nothing to play.
 */
export function parseTones(script: string): { tones: Tone[]; loops: number } | undefined {
  const tones: Tone[] = [];
  let volume = -7;
  let [keyOn, keyOff] = [250, 50];
  let loops = 1;
  for (const piece of script.split(";").map((p) => p.trim())) {
    const setting = /^([a-zA-Z]+)=(-?[\d.]+)$/.exec(piece);
    if (setting) {
      const [, name, value] = setting;
      const number = Number(value);
      if (name === "v") volume = Math.max(-63, Math.min(0, number));
      else if (name === "d") keyOn = number;
      else if (name === "w") keyOff = number;
      else if (/^(loops|L|l)$/.test(name ?? "")) loops = Math.trunc(number);
      continue;
    }
    for (const part of toneParts(piece)) {
      if (tones.length >= MAX_TONES) break;
      const amplitude = 10 ** (volume / 20);
      if (part.length === 1) {
        tones.push({ onMs: keyOn, offMs: keyOff, frequencies: keyFrequencies(part), amplitude });
        continue;
      }
      const [on = 0, off = 0, ...frequencies] = part
        .slice(2)
        .split(",")
        .map((n) => Number(n.trim()));
      if ([on, off, ...frequencies].some((n) => !Number.isFinite(n) || n < 0)) continue;
      tones.push({
        onMs: Math.min(on, MAX_MS),
        offMs: Math.min(off, MAX_MS),
        frequencies: frequencies.filter((f) => f > 0).slice(0, 8),
        amplitude,
      });
    }
  }
  return tones.some((tone) => tone.onMs + tone.offMs > 0)
    ? { tones, loops: loops < 0 ? Number.POSITIVE_INFINITY : Math.max(1, loops) }
    : undefined;
}

const KEYS = "0123456789*#ABCD";

/** The keys of a script, one character each, and its tones as `%(on,off,...` without the bracket that closes them. */
function* toneParts(piece: string): Generator<string> {
  for (let i = 0; i < piece.length; i++) {
    if (piece.startsWith("%(", i)) {
      const close = piece.indexOf(")", i);
      if (close < 0) return;
      yield piece.slice(i, close);
      i = close;
    } else if (KEYS.includes(piece[i]!)) yield piece[i]!;
  }
}

const rows = [697, 770, 852, 941];
const cols = [1209, 1336, 1477, 1633];

/** The two frequencies of a key (ITU-T Q.23). */
function keyFrequencies(key: string): number[] {
  const at = "123A456B789C*0#D".indexOf(key.toUpperCase());
  return at === -1 ? [] : [rows[at >> 2]!, cols[at & 3]!];
}

/** Plays a tone script. */
export class ToneSource implements Source {
  readonly nativeRate: SampleRate;
  readonly #tones: readonly Tone[];
  #loops: number;
  #index = 0;
  /** Samples into the present tone. */
  #at = 0;
  samplesIn = 0;

  constructor(script: { tones: readonly Tone[]; loops: number }, rate: SampleRate) {
    this.nativeRate = rate;
    this.#tones = script.tones;
    this.#loops = script.loops;
  }

  read(out: Int16Array): number {
    let filled = 0;
    while (filled < out.length && this.#loops > 0) {
      const tone = this.#tones[this.#index]!;
      const on = Math.round((tone.onMs * this.nativeRate) / 1000);
      const length = on + Math.round((tone.offMs * this.nativeRate) / 1000);
      const n = Math.min(out.length - filled, length - this.#at);
      this.#render(tone, on, out, filled, n);
      filled += n;
      this.#at += n;
      if (this.#at >= length) this.#next();
    }
    if (filled < out.length) out.fill(0, filled);
    this.samplesIn += filled;
    return filled;
  }

  #next(): void {
    this.#at = 0;
    if (++this.#index < this.#tones.length) return;
    this.#index = 0;
    this.#loops--;
  }

  #render(tone: Tone, on: number, out: Int16Array, from: number, n: number): void {
    const step = (2 * Math.PI) / this.nativeRate;
    // The sum of all stays below full scale.
    const peak = (32000 * tone.amplitude) / Math.max(1, tone.frequencies.length * tone.amplitude > 1 ? tone.frequencies.length : 1);
    for (let i = 0; i < n; i++) {
      const t = this.#at + i;
      let v = 0;
      if (t < on) for (const frequency of tone.frequencies) v += Math.sin(t * step * frequency);
      out[from + i] = Math.max(-32767, Math.min(32767, Math.round(v * peak)));
    }
  }
}
