/**
 * Makes every recording under src/ivr/prompts anew: `node tools/prompts/make.ts [LANGUAGE...]`. Needs SVOX Pico's `pico2wave` (Debian, non-free:
 * libttspico-utils), or with PROMPT_VOICE=espeak-ng that program. Not part of building or testing: the recordings are committed.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Resampler } from "../../src/audio/resampler.ts";
import { readWav, writeUlawWav, writeWav } from "../../src/audio/wav.ts";
import { PROMPT_LANGUAGES, promptFile, recordedNumbers, SPOKEN_PROMPTS } from "../../src/ivr/prompts/manifest.ts";
import { promptTexts } from "../../src/ivr/prompts/texts.ts";
import { chime, music } from "./music.ts";
import { spelledNumber } from "./numbers.ts";
import { normalise, RATE, trim } from "./sound.ts";

type Language = (typeof PROMPT_LANGUAGES)[number];

const root = join(import.meta.dirname, "../../src/ivr/prompts");
const scratch = mkdtempSync(join(tmpdir(), "prompts-"));
const espeak = process.env.PROMPT_VOICE === "espeak-ng";
const picoVoice: Record<Language, string> = { en: "en-US", de: "de-DE" };
const espeakVoice: Record<Language, string> = { en: "en-us", de: "de" };

/** SVOX Pico's English voice spells what stands in capitals, where people say a word. */
const spoken = (text: string, language: Language) => (language === "en" ? text.replaceAll("PIN", "pin") : text);

function speak(text: string, language: Language): Int16Array {
  const file = join(scratch, "speech.wav");
  if (espeak) execFileSync("espeak-ng", ["-v", espeakVoice[language], "-s", "150", "-w", file, text]);
  else execFileSync("pico2wave", ["-l", picoVoice[language], "-w", file, `<speed level="104">${text}</speed>`]);
  const sound = readWav(readFileSync(file));
  if (sound.sampleRate === RATE) return sound.pcm;
  if (sound.sampleRate !== 22050) throw new Error(`${sound.sampleRate} Hz from the voice`);
  // espeak-ng speaks at 22.05 kHz: to 48 kHz by lines between samples, then down with a proper filter.
  const up = Int16Array.from({ length: Math.floor((sound.pcm.length * 48000) / 22050 / 3) * 3 }, (_, i) => {
    const at = (i * 22050) / 48000;
    const k = Math.floor(at);
    const next = sound.pcm[Math.min(k + 1, sound.pcm.length - 1)];
    return sound.pcm[k] + (next - sound.pcm[k]) * (at - k);
  });
  const down = new Int16Array(up.length / 3);
  new Resampler(48000, 16000).process(up, down);
  return down;
}

/** Speech is stored in µ-law, to keep the repository small; music in 16 bits. */
function write(file: string, pcm: Int16Array, store = writeUlawWav): number {
  const bytes = store(RATE, pcm);
  writeFileSync(join(root, file), bytes);
  return bytes.length;
}

let total = 0;
let count = 0;
try {
  const languages = PROMPT_LANGUAGES.filter((language) => process.argv.length < 3 || process.argv.includes(language));
  for (const language of languages) {
    mkdirSync(join(root, language), { recursive: true });
    for (const id of SPOKEN_PROMPTS)
      total += write(promptFile(id, language), normalise(trim(speak(spoken(promptTexts[id][language], language), language), 40, 100)));
    for (const n of recordedNumbers(language))
      total += write(promptFile(`number-${n}`, language), normalise(trim(speak(spelledNumber(n, language), language), 15, 40)));
    count += SPOKEN_PROMPTS.length + recordedNumbers(language).length;
  }
  if (process.argv.length < 3 || process.argv.includes("common")) {
    mkdirSync(join(root, "common"), { recursive: true });
    total += write("common/tone-join.wav", chime([76, 81], 0.13));
    total += write("common/tone-leave.wav", chime([81, 76], 0.13));
    total += write("common/tone-record.wav", chime([79], 0.1));
    total += write("common/music.wav", music(), writeWav);
    count += 4;
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
process.stdout.write(`${count} recordings, ${(total / 1e6).toFixed(1)} MB\n`);
