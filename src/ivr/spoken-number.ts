import type { Language } from "./language.ts";
import type { PromptId } from "./prompts/manifest.ts";
import { speakNumber } from "./prompts/speak.ts";

/** How many others are in the meeting. */
export function sayOthers(others: number, language: Language): PromptId[] {
  if (others <= 0) return ["alone"];
  if (others === 1) return ["one-other"];
  if (others > 99) return ["many-others"];
  return ["others-before", ...speakNumber(others, language), "others-after"];
}
