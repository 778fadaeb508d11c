/**
 * Whether a regular expression can backtrack super-linearly: on some text its steps grow faster than the text's length. Told by `recheck`,
 * which decides most expressions by their automata and searches an attack for the others. Verdicts are kept while the process runs.
 */
import { createRequire } from "node:module";

// The platform's program where npm has brought one (2 s for all of src/), else the same compiled to JavaScript (25 s). Never Java.
process.env["RECHECK_BACKEND"] ??= hasProgram() ? "native" : "pure";
const { checkSync } = await import("recheck");

function hasProgram(): boolean {
  const platform = ({ darwin: "macos", linux: "linux", win32: "windows" } as Partial<Record<string, string>>)[process.platform];
  try {
    createRequire(import.meta.url).resolve(`recheck-${platform}-${process.arch}/package.json`);
    return true;
  } catch {
    return false;
  }
}

export interface Verdict {
  /** `linear`; else what it costs, and a text that makes it so where one is known. */
  readonly linear: boolean;
  readonly why: string;
  /** Exponent of the steps' growth; infinite where it is exponential or unknown. */
  readonly degree: number;
}

const verdicts = new Map<string, Verdict>();

/** The verdict on a pattern. What cannot be decided within half a minute is not linear. */
export function checkRegExp(source: string, flags: string): Verdict {
  const key = `${flags}/${source}`;
  let verdict = verdicts.get(key);
  if (verdict === undefined) {
    verdict = decide(source, flags);
    verdicts.set(key, verdict);
  }
  return verdict;
}

function decide(source: string, flags: string): Verdict {
  const result = checkSync(source, flags, { timeout: 30_000 });
  if (result.status === "safe") return { linear: true, why: "linear", degree: 1 };
  if (result.status === "unknown") return { linear: false, why: `undecided (${result.error.kind})`, degree: Number.POSITIVE_INFINITY };
  const { complexity, attack } = result;
  const degree = complexity.type === "polynomial" ? complexity.degree : Number.POSITIVE_INFINITY;
  return { linear: false, why: `${complexity.summary}, for example on ${attack.pattern.slice(0, 120)}`, degree };
}
