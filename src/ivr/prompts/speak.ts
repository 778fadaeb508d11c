import type { Language } from "../language.ts";
import type { NumberPrompt } from "./manifest.ts";

const LARGEST = 999_999;

/**
 * How a number from 0 to 999,999 is said, piece by piece: "two hundred" "forty" "two" in English, "zwei" "hundert" "zweiundvierzig" in German.
 * Throws RangeError outside of that.
 */
export function speakNumber(number: number, language: Language): NumberPrompt[] {
  if (!Number.isInteger(number) || number < 0 || number > LARGEST) throw new RangeError(`${number} cannot be said`);
  for (const unit of [1000, 100] as const) {
    if (number < unit) continue;
    const [count, rest] = [Math.floor(number / unit), number % unit];
    // German says just "hundert", "tausend" for one of them.
    const before = count === 1 && language === "de" ? [] : speakNumber(count, language);
    return [...before, `number-${unit}`, ...(rest > 0 ? speakNumber(rest, language) : [])];
  }
  if (language === "de" || number <= 20 || number % 10 === 0) return [`number-${number}`];
  return [`number-${number - (number % 10)}`, `number-${number % 10}`];
}
