import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readWav } from "../../src/audio/wav.ts";
import { seededNoise } from "./spectrum.ts";

/**
 * Speech-like sound, deterministic: a gliding voice source with formants that move every 60 to 200 ms, unvoiced stretches and pauses. Its harmonics sweep
 * through every DTMF frequency.
 */
export function speechLike(sampleRate: number, ms: number, seed = 1, level = 6000): Int16Array {
  const noise = seededNoise(seed);
  const random = (low: number, high: number) => low + ((noise() + 1) / 2) * (high - low);
  const out = new Int16Array(Math.round((sampleRate * ms) / 1000));
  const formants = [new Resonator(sampleRate), new Resonator(sampleRate), new Resonator(sampleRate)];
  let phase = 0;
  for (let at = 0; at < out.length; ) {
    const length = Math.round(random(0.06, 0.2) * sampleRate);
    const kind = random(0, 1);
    const [from, to] = [random(80, 260), random(80, 260)];
    formants[0].tune(random(250, 900), random(50, 120));
    formants[1].tune(random(900, 2300), random(60, 150));
    formants[2].tune(random(2300, 3300), random(100, 200));
    for (let i = 0; i < length && at < out.length; i++, at++) {
      phase += (from + ((to - from) * i) / length) / sampleRate;
      let source = 0;
      if (kind > 0.35) {
        source = phase >= 1 ? 1 : -0.01;
        if (phase >= 1) phase -= 1;
      } else if (kind > 0.15) source = noise() * 0.12;
      let v = 0;
      for (const [k, formant] of formants.entries()) v += formant.filter(source) / (k + 1);
      const edge = Math.min(1, i / (0.01 * sampleRate), (length - i) / (0.01 * sampleRate));
      out[at] = Math.max(-32768, Math.min(32767, v * level * edge));
    }
  }
  return out;
}

class Resonator {
  readonly #rate: number;
  #a = 0;
  #b = 0;
  #gain = 0;
  #y1 = 0;
  #y2 = 0;
  constructor(rate: number) {
    this.#rate = rate;
  }
  tune(frequency: number, bandwidth: number): void {
    const r = Math.exp((-Math.PI * bandwidth) / this.#rate);
    this.#a = 2 * r * Math.cos((2 * Math.PI * frequency) / this.#rate);
    this.#b = -r * r;
    this.#gain = 1;
  }
  filter(x: number): number {
    const y = this.#gain * x + this.#a * this.#y1 + this.#b * this.#y2;
    this.#y2 = this.#y1;
    this.#y1 = y;
    return y;
  }
}

/** One of the prompts, by language and name: 16 kHz. */
export function readPrompt(name: string): Int16Array {
  return readWav(readFileSync(join(import.meta.dirname, `../../src/ivr/prompts/${name}.wav`))).pcm;
}
