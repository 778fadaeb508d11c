import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readWav } from "../../src/audio/wav.ts";

/** Rate of the reference, Hz: that of the prompts. */
export const SPEECH_RATE = 16_000;
/** Prompts strung together, English and German; the pauses between and the level are ours. */
const SENTENCES = [
  "en/technical-problem",
  "de/host-wait",
  "en/encrypted-refused",
  "de/enter-pin",
  "en/say-name",
  "de/lobby-wait",
  "en/host-timeout",
  "de/meeting-locked",
  "en/enter-pin",
  "de/number-unknown",
  "en/lobby-timeout",
  "de/encrypted-refused",
];
const PAUSE_MS = 450;
/** Level of active speech, dB of full scale: ITU-T P.56's usual -26. */
const LEVEL_DB = -26;

/** What is said, and where its sentences lie. */
export interface Speech {
  readonly pcm: Int16Array;
  readonly sentences: readonly { readonly from: number; readonly to: number }[];
}

/** Speech of at least `seconds`, beginning with the sentence number `first`: whole sentences, each brought to one level, with silence between. */
export function speech(seconds: number, first = 0): Speech {
  const pcm: number[] = [];
  const sentences: { from: number; to: number }[] = [];
  for (let k = first; pcm.length < seconds * SPEECH_RATE; k++) {
    const file = join(import.meta.dirname, `../../src/ivr/prompts/${SENTENCES[k % SENTENCES.length]}.wav`);
    const sound = trimmed(readWav(readFileSync(file)).pcm);
    const gain = 10 ** ((LEVEL_DB - activeLevel(sound)) / 20);
    const from = pcm.length;
    for (const v of sound) pcm.push(Math.max(-32768, Math.min(32767, Math.round(v * gain))));
    sentences.push({ from, to: pcm.length });
    for (let i = 0; i < (PAUSE_MS * SPEECH_RATE) / 1000; i++) pcm.push(0);
  }
  return { pcm: Int16Array.from(pcm), sentences };
}

const FRAME = SPEECH_RATE / 50;

function frameLevels(pcm: Int16Array): number[] {
  return Array.from({ length: Math.floor(pcm.length / FRAME) }, (_, k) => {
    let sum = 1;
    for (let i = 0; i < FRAME; i++) sum += pcm[k * FRAME + i]! ** 2;
    return 10 * Math.log10(sum / FRAME / 32768 ** 2);
  });
}

/** Mean level of the frames within 30 dB of the loudest. */
function activeLevel(pcm: Int16Array): number {
  const levels = frameLevels(pcm);
  const loudest = Math.max(...levels);
  const active = levels.filter((level) => level > loudest - 30);
  return 10 * Math.log10(active.reduce((sum, level) => sum + 10 ** (level / 10), 0) / active.length);
}

/** Without the quiet at both ends. */
function trimmed(pcm: Int16Array): Int16Array {
  const levels = frameLevels(pcm);
  const loudest = Math.max(...levels);
  const first = levels.findIndex((level) => level > loudest - 40);
  const last = levels.findLastIndex((level) => level > loudest - 40);
  return pcm.subarray(Math.max(0, first - 1) * FRAME, (last + 2) * FRAME);
}
