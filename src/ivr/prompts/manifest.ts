import { promptTexts } from "./texts.ts";

/**
 * Every recording there is, by identifier: `<root>/<language>/<id>.wav`; tones and music have no language: `<root>/common/<id>.wav`. What a spoken prompt
 * says stands in texts.ts. All are 16 kHz and mono, speech at -20 dBFS in µ-law, music in 16 bits.
 */
export type SpokenPrompt = keyof typeof promptTexts;
export const SPOKEN_PROMPTS = Object.keys(promptTexts) as readonly SpokenPrompt[];

/** Numbers in one piece: in both languages 0 to 20, the tens, hundred and thousand; in German all to 99, since there the ones come first. */
export type NumberPrompt = `number-${number}`;

/** Numbers recorded in English; German has them too. */
const english = [...Array(21).keys(), 30, 40, 50, 60, 70, 80, 90, 100, 1000];
const german = [...Array(100).keys(), 100, 1000];

/** The numbers recorded in a language. */
export function recordedNumbers(language: string): readonly number[] {
  return language === "de" ? german : english;
}

export const NUMBER_PROMPTS: readonly NumberPrompt[] = german.map((n) => `number-${n}` as const);

/** No language in these. */
export const COMMON_PROMPTS = [
  "tone-join", // two short rising notes
  "tone-leave", // two short falling notes
  "tone-record", // one short note
  "music", // 30 s, loops without a seam
] as const;

export type CommonPrompt = (typeof COMMON_PROMPTS)[number];
export type PromptId = SpokenPrompt | NumberPrompt | CommonPrompt;

/** Languages there are recordings in. */
export const PROMPT_LANGUAGES = ["en", "de"] as const;

const common: ReadonlySet<string> = new Set(COMMON_PROMPTS);

/** File of a prompt below the prompts' root, for example `de/enter-pin.wav`. */
export function promptFile(id: PromptId, language: string): string {
  return `${common.has(id) ? "common" : language}/${id}.wav`;
}

/** Every file there is, below the prompts' root. */
export function allPromptFiles(): string[] {
  const spoken = PROMPT_LANGUAGES.flatMap((language) => [
    ...SPOKEN_PROMPTS.map((id) => promptFile(id, language)),
    ...recordedNumbers(language).map((n) => promptFile(`number-${n}`, language)),
  ]);
  return [...spoken, ...COMMON_PROMPTS.map((id) => promptFile(id, "common"))];
}
