import type { Language } from "./language.ts";
import type { PromptId } from "./prompts/manifest.ts";

/** How a number from 0 to 99 is said, piece by piece: "forty two", "zweiund vierzig". Throws RangeError outside of that. */
export function sayNumber(number: number, language: Language): PromptId[] {
  if (!Number.isInteger(number) || number < 0 || number > 99) throw new RangeError(`${number} cannot be said`);
  if (number <= 20) return [`number-${number}` as PromptId];
  const ones = number % 10;
  const tens = `number-${number - ones}` as PromptId;
  if (ones === 0) return [tens];
  return language === "de" ? [`number-${ones}-and` as PromptId, tens] : [tens, `number-${ones}` as PromptId];
}

/** How many others are in the meeting. */
export function sayOthers(others: number, language: Language): PromptId[] {
  if (others <= 0) return ["alone"];
  if (others === 1) return ["one-other"];
  if (others > 99) return ["many-others"];
  return ["others-before", ...sayNumber(others, language), "others-after"];
}
