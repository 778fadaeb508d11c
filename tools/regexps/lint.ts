/**
 * Part of `npm run lint`: no regular expression in src/ backtracks super-linearly. A stranger's datagram is up to 64 KiB; an expression that is
 * quadratic on it stops the thread for seconds. What else reads text as expressions do (indexOf, loops, split at one character) is linear.
 */
import { globSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { checkRegExp } from "./check.ts";
import { findRegExps } from "./find.ts";

/** Expressions that may stand although they are not linear, or cannot be seen here: file, expression as written, and why. */
const ALLOWED: readonly { readonly file: string; readonly text: string; readonly why: string }[] = [
  {
    file: "src/media-server/control/event-socket/esl-session.ts",
    text: 'new RegExp(pattern[1] ?? "", pattern[2])',
    why: "an event filter is a pattern that the application itself sends, behind the event socket's password",
  },
  {
    file: "src/media-server/control/apps/collect.ts",
    text: "new RegExp(pattern)",
    why: "the pattern is the application's; what it is tried on are the digits of one call, at most as many as the application asked for",
  },
  {
    file: "src/app/config/values.ts",
    text: 'new RegExp("^\\\\d{3,16}$|" + pinHashPattern.source)',
    why: "two linear expressions side by side, over the operator's own configuration",
  },
];

export interface RegExpFault {
  readonly file: string;
  readonly line: number;
  readonly text: string;
  readonly why: string;
}

/** What is wrong with the expressions of these texts, by path. An entry of the list that nothing matches is a fault too. */
export function regExpFaults(texts: ReadonlyMap<string, string>, allowed = ALLOWED): RegExpFault[] {
  const faults: RegExpFault[] = [];
  const unused = new Set(allowed);
  for (const [file, text] of texts) {
    for (const { line, text: written, pattern } of findRegExps(file, text)) {
      const exception = allowed.find((entry) => entry.file === file && entry.text === written);
      if (exception) unused.delete(exception);
      if (exception?.why.trim()) continue;
      if (exception) faults.push({ file, line, text: written, why: "allowed without a reason" });
      else if (pattern === undefined) faults.push({ file, line, text: written, why: "put together at run time" });
      else {
        const verdict = checkRegExp(pattern.source, pattern.flags);
        if (!verdict.linear) faults.push({ file, line, text: written, why: verdict.why });
      }
    }
  }
  for (const { file, text } of unused) if (texts.has(file)) faults.push({ file, line: 0, text, why: "allowed, but not there" });
  return faults;
}

if (process.argv[1] === import.meta.filename) {
  const root = join(import.meta.dirname, "../..");
  const files = globSync(join(root, "src/**/*.{ts,js,mjs}")).sort();
  const faults = regExpFaults(new Map(files.map((file) => [relative(root, file), readFileSync(file, "utf8")])));
  for (const { file, line, text, why } of faults) console.error(`${file}:${line}: ${text}\n  ${why}`);
  console.log(`regular expressions: ${files.length} files, ${faults.length === 0 ? "all linear" : `${faults.length} faults`}`);
  process.exitCode = faults.length === 0 ? 0 : 1;
}
