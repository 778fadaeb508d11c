import type { z } from "zod";
import type { Mistake, Path } from "./source.ts";
import { showPath } from "./source.ts";

/** Turns what the schema found into words with a place. `locate` makes the mistake for a path, and for an unknown key in it. */
export function explain(
  issues: readonly z.core.$ZodIssue[],
  schema: z.ZodType,
  locate: (path: Path, message: string, key?: string) => Mistake,
): Mistake[] {
  return issues.flatMap((issue) => {
    const path = issue.path as Path;
    if (issue.code === "unrecognized_keys") {
      const known = keysAt(schema, path);
      return issue.keys.map((key) => locate(path, unknownKey(key, known, path), key));
    }
    return [locate(path, message(issue))];
  });
}

function message(issue: z.core.$ZodIssue): string {
  if (issue.code === "invalid_value") return `expected one of ${issue.values.join(", ")}${seen(issue.input, issue.path as Path)}`;
  if (issue.code === "invalid_type" && issue.message.startsWith("Invalid input")) {
    if (issue.input === undefined) return "is missing";
    const words: Record<string, string> = { object: "a section with keys", array: "a list" };
    return `expected ${words[issue.expected] ?? issue.expected}${seen(issue.input, issue.path as Path)}`;
  }
  if (issue.code === "invalid_type" && issue.input === undefined) return `is missing: ${issue.message}`;
  return `${issue.message}${seen(issue.input, issue.path as Path)}`;
}

/** Keys whose values are never repeated. */
const secretKeys = /pin$|token|secret|password|key$/i;

/** What was found, when it is short, plain and no secret. */
function seen(input: unknown, path: Path): string {
  if (path.some((step) => typeof step === "string" && secretKeys.test(step))) return "";
  if (typeof input === "boolean") return `, not ${input}`;
  if (typeof input === "string" && /^[A-Za-z][A-Za-z_ -]{0,15}$/.test(input)) return `, not "${input}"`;
  if (Array.isArray(input)) return ", not a list";
  if (typeof input === "object" && input !== null) return ", not a section";
  return "";
}

function unknownKey(key: string, known: readonly string[], path: Path): string {
  const nearest = closest(key, known);
  const where = path.length === 0 ? "the configuration" : showPath(path);
  return nearest ? `unknown key; did you mean "${nearest}"?` : `unknown key; ${where} has ${known.join(", ")}`;
}

/** The word nearest to a mistyped one, if any is near. */
function closest(word: string, among: readonly string[]): string | null {
  const ranked = among.map((candidate) => ({ candidate, distance: editDistance(word.toLowerCase(), candidate.toLowerCase()) }));
  const best = ranked.sort((a, b) => a.distance - b.distance)[0];
  return best && best.distance <= Math.max(1, Math.floor(word.length / 3)) ? best.candidate : null;
}

/** Optimal string alignment distance: insertions, deletions, changes, and neighbours swapped count one each. */
function editDistance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, i) => i)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = rows[i - 1]![j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped =
        i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? rows[i - 2]![j - 2]! + 1 : Number.POSITIVE_INFINITY;
      row.push(Math.min(rows[i - 1]![j]! + 1, row[j - 1]! + 1, change, swapped));
    }
    rows.push(row);
  }
  return rows[a.length]![b.length]!;
}

interface SchemaInside {
  readonly type: string;
  readonly shape?: Record<string, z.ZodType>;
  readonly element?: z.ZodType;
  readonly innerType?: z.ZodType;
  readonly in?: z.ZodType;
  readonly out?: z.ZodType;
}

/** The keys that the schema knows at a path. */
function keysAt(schema: z.ZodType, path: Path): string[] {
  const inside = unwrap(schema);
  if (path.length === 0) return Object.keys(inside.shape ?? {});
  const next = typeof path[0] === "number" ? inside.element : inside.shape?.[path[0] as string];
  return next ? keysAt(next, path.slice(1)) : [];
}

function unwrap(schema: z.ZodType): SchemaInside {
  const inside = schema.def as unknown as SchemaInside;
  if (inside.innerType) return unwrap(inside.innerType);
  if (inside.type === "pipe" && inside.out) return unwrap(inside.out.def.type === "transform" ? inside.in! : inside.out);
  return inside;
}
