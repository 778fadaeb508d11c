import { bestLag } from "./fourier.ts";
import type { Speech } from "./speech.ts";
import { SPEECH_RATE } from "./speech.ts";
import { stoi } from "./stoi.ts";
import type { Heard } from "./room.ts";

/** How well speech came through. */
export interface Verdict {
  /** Short-time objective intelligibility, each sentence aligned for itself. */
  readonly stoi: number;
  /** The same with one alignment for all of it: what stretching of time costs shows here. */
  readonly stoiWhole: number;
  /** Mean signal-to-noise ratio of the 20 ms frames with speech, each held within -10 and 35 dB. */
  readonly segmentalSnr: number;
  /** Mouth to ear of stretches of 200 ms, ms. */
  readonly delays: readonly number[];
}

const FRAME = SPEECH_RATE / 50;
const PIECE = SPEECH_RATE / 5;
const MS = SPEECH_RATE / 1000;
/** A sentence is looked for so far around the place of all. */
const AROUND = 400 * MS;
/** Quarter of a sample: what a resampler may shift by. */
const FINE = 8;

function energy(pcm: Float64Array): number {
  return pcm.reduce((sum, v) => sum + v * v, 0);
}

/** `length` samples from `at` on, which need not be whole. */
function cut(pcm: Float64Array, at: number, length: number): Float64Array {
  const whole = Math.floor(at);
  const part = at - whole;
  if (part === 0) return Float64Array.from({ length }, (_, i) => pcm[whole + i] ?? 0);
  const taps = Float64Array.from({ length: 32 }, (_, k) => {
    const t = k - 15 - part;
    return (Math.sin(Math.PI * t) / (Math.PI * t)) * (0.5 + 0.5 * Math.cos((Math.PI * t) / 17));
  });
  return Float64Array.from({ length }, (_, i) => {
    let sum = 0;
    for (let k = 0; k < 32; k++) sum += taps[k]! * (pcm[whole + i + k - 15] ?? 0);
    return sum;
  });
}

/** SNR by frame, after the best common gain. */
function segments(said: Float64Array, heard: Float64Array, loudest: number): number[] {
  let [xy, yy] = [0, 1e-9];
  for (let i = 0; i < said.length; i++) {
    xy += said[i]! * heard[i]!;
    yy += heard[i]! ** 2;
  }
  const gain = xy / yy;
  const out: number[] = [];
  for (let at = 0; at + FRAME <= said.length; at += FRAME) {
    let [signal, noise] = [0, 1e-9];
    for (let i = at; i < at + FRAME; i++) {
      signal += said[i]! ** 2;
      noise += (said[i]! - gain * heard[i]!) ** 2;
    }
    if (10 * Math.log10(signal / FRAME + 1e-9) > loudest - 30) out.push(Math.max(-10, Math.min(35, 10 * Math.log10(signal / noise))));
  }
  return out;
}

const mean = (values: readonly number[]): number => values.reduce((sum, v) => sum + v, 0) / values.length;

/** Compares the sentences that begin after `skip` seconds with what was heard of them. */
export function judge(speech: Speech, heard: Heard, skip: number): Verdict {
  const all = Float64Array.from(speech.pcm);
  const { pcm } = heard;
  const sentences = speech.sentences.filter(({ from }) => from >= skip * SPEECH_RATE);
  const [start, end] = [sentences[0]!.from, sentences.at(-1)!.to];
  const said = all.subarray(start, end);
  const { lag } = bestLag(said, pcm, start - 2 * SPEECH_RATE, start + 2 * SPEECH_RATE);
  let loudest = Number.NEGATIVE_INFINITY;
  for (let at = 0; at + FRAME <= said.length; at += FRAME)
    loudest = Math.max(loudest, 10 * Math.log10(energy(said.subarray(at, at + FRAME)) / FRAME));
  const aligned = new Float64Array(said.length);
  const snr: number[] = [];
  const delays: number[] = [];
  for (const { from, to } of sentences) {
    const sentence = all.subarray(from, to);
    const place = lag + from - start;
    const own = bestLag(sentence, pcm, place - AROUND, place + AROUND).lag;
    aligned.set(cut(pcm, own, to - from), from - start);
    let best: number[] = [];
    for (let fine = -FINE; fine <= FINE; fine++) {
      const tried = segments(sentence, cut(pcm, own + fine / FINE, to - from), loudest);
      if (best.length === 0 || mean(tried) > mean(best)) best = tried;
    }
    snr.push(...best);
    for (let at = from; at + PIECE <= to; at += PIECE) {
      const piece = all.subarray(at, at + PIECE);
      if (10 * Math.log10(energy(piece) / PIECE + 1e-9) < loudest - 20) continue;
      const near = own + at - from;
      const match = bestLag(piece, pcm, near - 60 * MS, near + 60 * MS);
      if (match.correlation < 0.7) continue;
      // The last of them is what a receiver without any buffer would have waited for.
      let worst = Number.NEGATIVE_INFINITY;
      for (let i = 0; i < PIECE; i += FRAME) {
        const ear = heard.earAt(match.lag + i);
        if (ear !== undefined) worst = Math.max(worst, ear - (at + i) / MS);
      }
      if (Number.isFinite(worst)) delays.push(worst);
    }
  }
  return {
    stoi: stoi(said, aligned, SPEECH_RATE),
    stoiWhole: stoi(said, cut(pcm, lag, said.length), SPEECH_RATE),
    segmentalSnr: mean(snr),
    delays,
  };
}
