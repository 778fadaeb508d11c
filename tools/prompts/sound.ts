import { levelDb } from "../../src/audio/format.ts";

/** Rate of all recordings, Hz. */
export const RATE = 16000;

const SPEECH_DB = -20;
const CEILING = 29000; // -1 dBFS
/** Sound this far below the loudest 20 ms is silence. */
const SILENCE_BELOW_DB = 40;

function levels(pcm: Int16Array): number[] {
  const frame = RATE / 50;
  return Array.from({ length: Math.ceil(pcm.length / frame) }, (_, i) => levelDb(pcm.subarray(i * frame, (i + 1) * frame)));
}

/** Cuts silence off both ends, leaving `before` and `after` milliseconds, with the edges faded. */
export function trim(pcm: Int16Array, before: number, after: number): Int16Array {
  const level = levels(pcm);
  const gate = Math.max(...level) - SILENCE_BELOW_DB;
  const first = level.findIndex((db) => db > gate);
  const last = level.findLastIndex((db) => db > gate);
  const start = Math.max(0, first * 320 - (before * RATE) / 1000);
  const end = Math.min(pcm.length, (last + 1) * 320 + (after * RATE) / 1000);
  const out = pcm.slice(start, end);
  const edge = Math.min(RATE / 200, out.length >> 1);
  for (let i = 0; i < edge; i++) {
    out[i] *= i / edge;
    out[out.length - 1 - i] *= i / edge;
  }
  return out;
}

/** Brings speech to its level: the mean power of what is not pause. Peaks that would clip are rounded off. */
export function normalise(pcm: Int16Array, target = SPEECH_DB): Int16Array {
  const level = levels(pcm);
  const gate = Math.max(...level) - 25;
  const active = level.filter((db) => db > gate).map((db) => 10 ** (db / 10));
  const mean = 10 * Math.log10(active.reduce((a, b) => a + b, 0) / active.length);
  const gain = 10 ** ((target - mean) / 20);
  return pcm.map((v) => {
    const x = (v * gain) / CEILING;
    const size = Math.abs(x);
    return Math.sign(x) * CEILING * (size < 0.7 ? size : 0.7 + 0.3 * Math.tanh((size - 0.7) / 0.3));
  });
}
