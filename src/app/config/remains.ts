import type { z } from "zod";
import type { Path } from "./source.ts";

/** Rounds of taking away: what has gone may leave its section without a key that it needs. */
const ROUNDS = 6;

/** What of a configuration is right as far as its own values go, and what was taken away for that. */
export interface Remains<T> {
  readonly data: T;
  readonly gone: readonly Path[];
}

/**
 * Takes away what a schema does not like until it likes the rest, so that mistakes between keys can be told together with those in them. Items of lists keep
 * their places: where one cannot stay, its list goes. Null where nothing sensible is left.
 */
export function remains<T>(tree: unknown, schema: z.ZodType<T>): Remains<T> | null {
  const left = structuredClone(tree);
  const gone: Path[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const parsed = schema.safeParse(left);
    if (parsed.success) return { data: parsed.data, gone };
    for (const issue of parsed.error.issues) {
      const path = issue.path as Path;
      const places = issue.code === "unrecognized_keys" ? issue.keys.map((key) => [...path, key]) : [path];
      for (const place of places) gone.push(takeAway(left, place));
    }
  }
  return null;
}

/** Deletes the nearest key at or above a path; returns where that was. */
function takeAway(tree: unknown, path: Path): Path {
  for (let length = path.length; length > 0; length--) {
    const last = path[length - 1];
    const holder = path
      .slice(0, length - 1)
      .reduce<unknown>((at, step) => (at as Record<string | number, unknown> | undefined)?.[step], tree);
    if (typeof last !== "string" || typeof holder !== "object" || holder === null || !(last in holder)) continue;
    delete (holder as Record<string, unknown>)[last];
    return path.slice(0, length);
  }
  return [];
}

/** Whether one of two paths leads to the other. */
export function related(one: Path, other: Path): boolean {
  return one.slice(0, other.length).every((step, i) => other[i] === step) || other.slice(0, one.length).every((step, i) => one[i] === step);
}
