import { RATE } from "./sound.ts";

/**
 * The music on hold and the signal tones, synthesised note by note: a calm progression of eight bars with electric piano, pad and bass. Original work, CC0.
 */

const TEMPO = 64;
const BEAT = 60 / TEMPO;
const BARS = 8;
const LENGTH = Math.round(BARS * 4 * BEAT * RATE);

/** Frequency of a MIDI note. */
function hertz(note: number): number {
  return 440 * 2 ** ((note - 69) / 12);
}

/** Adds a voice at a time in seconds; what rings past the end comes in at the start, so that the loop has no seam. */
function add(buffer: Float64Array, at: number, seconds: number, voice: (t: number) => number): void {
  const start = Math.round(at * RATE);
  const n = Math.round(seconds * RATE);
  for (let i = 0; i < n; i++) buffer[(start + i) % buffer.length] += voice(i / RATE);
}

/** Electric piano: a sine whose phase is bent by another that dies away faster. */
function piano(buffer: Float64Array, note: number, at: number, level: number, seconds = 3): void {
  const f = hertz(note);
  const w = 2 * Math.PI * f;
  add(buffer, at, seconds, (t) => {
    const attack = Math.min(1, t / 0.006);
    const release = Math.min(1, (seconds - t) / 0.2);
    const bend = 1.1 * Math.exp(-5 * t) * Math.sin(w * t) + 0.18 * Math.exp(-14 * t) * Math.sin(7 * w * t);
    return level * attack * release * Math.exp(-1.5 * t) * Math.sin(w * t + bend);
  });
}

/** Pad: two slightly detuned voices with soft harmonics, swelling in and out. */
function pad(buffer: Float64Array, note: number, at: number, seconds: number, level: number): void {
  const f = hertz(note);
  add(buffer, at, seconds + 1.2, (t) => {
    const swell = Math.min(1, t / 1.1) * Math.min(1, (seconds + 1.2 - t) / 1.2);
    let v = 0;
    for (const detune of [0.9985, 1.0015]) for (let k = 1; k <= 4; k++) v += Math.sin(2 * Math.PI * f * detune * k * t + k) / (k * k * 1.6);
    return level * swell * v;
  });
}

function bass(buffer: Float64Array, note: number, at: number, seconds: number, level: number): void {
  const w = 2 * Math.PI * hertz(note);
  add(
    buffer,
    at,
    seconds,
    (t) =>
      level *
      Math.min(1, t / 0.02) *
      Math.min(1, (seconds - t) / 0.1) *
      Math.exp(-0.6 * t) *
      (Math.sin(w * t) + 0.25 * Math.sin(2 * w * t)),
  );
}

// D major: Dmaj9, Bm7, Gmaj7, A sus, F#m7, Bm7, Em9, A.
// biome-ignore format: a score
const bars: { root: number; chord: number[]; tune: [beat: number, note: number][] }[] = [
  { root: 38, chord: [62, 66, 69, 73], tune: [[0, 78], [1.5, 76], [2, 74]] },
  { root: 35, chord: [62, 66, 69, 71], tune: [[0.5, 73], [1.5, 74], [2.5, 69]] },
  { root: 43, chord: [62, 66, 67, 71], tune: [[0, 71], [1, 74], [2, 78], [3, 76]] },
  { root: 33, chord: [62, 64, 69, 74], tune: [[0, 76], [2.5, 74]] },
  { root: 42, chord: [61, 64, 66, 69], tune: [[0.5, 73], [1.5, 76], [2.5, 81]] },
  { root: 35, chord: [62, 66, 69, 71], tune: [[0, 78], [1.5, 74], [3, 73]] },
  { root: 40, chord: [62, 64, 67, 71], tune: [[0.5, 71], [1.5, 74], [2.5, 76], [3.5, 78]] },
  { root: 33, chord: [61, 64, 67, 69], tune: [[0, 76], [2, 73]] },
];
const arpeggio = [0, 2, 1, 3, 2, 1, 3, 2];

/** One pass of the loop, 30 s. */
export function music(): Int16Array {
  const buffer = new Float64Array(LENGTH);
  bars.forEach(({ root, chord, tune }, i) => {
    const at = i * 4 * BEAT;
    for (const note of chord) pad(buffer, note, at, 4 * BEAT, 0.035);
    bass(buffer, root, at, 2.4 * BEAT, 0.22);
    bass(buffer, root + (i % 2 ? 7 : 12), at + 2.5 * BEAT, 1.4 * BEAT, 0.13);
    arpeggio.forEach((k, step) => {
      piano(buffer, chord[k], at + step * 0.5 * BEAT, step % 4 === 0 ? 0.1 : 0.075, 2);
    });
    for (const [beat, note] of tune) piano(buffer, note, at + beat * BEAT, 0.15);
  });
  return toPcm(buffer, -23);
}

/** Notes one after the other, as bells. */
export function chime(notes: readonly number[], spacing: number): Int16Array {
  const buffer = new Float64Array(Math.round((notes.length * spacing + 0.35) * RATE));
  notes.forEach((note, i) => {
    const w = 2 * Math.PI * hertz(note);
    const seconds = 0.34;
    add(
      buffer,
      i * spacing,
      seconds,
      (t) => Math.min(1, t / 0.004) * Math.min(1, (seconds - t) / 0.05) * Math.exp(-9 * t) * (Math.sin(w * t) + 0.2 * Math.sin(2 * w * t)),
    );
  });
  return toPcm(buffer, -22);
}

/** Scales to a mean level, dBFS. */
function toPcm(buffer: Float64Array, db: number): Int16Array {
  const rms = Math.sqrt(buffer.reduce((sum, v) => sum + v * v, 0) / buffer.length);
  const gain = (32768 * 10 ** (db / 20)) / rms;
  return Int16Array.from(buffer, (v) => Math.max(-32767, Math.min(32767, v * gain)));
}
