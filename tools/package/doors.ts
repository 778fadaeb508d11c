/** What the package exports: one file of src/exports each. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

export const root = join(import.meta.dirname, "../..");

interface Manifest {
  readonly exports: Readonly<Record<string, string>>;
  readonly bin: Readonly<Record<string, string>>;
  readonly [key: string]: unknown;
}

export function readManifest(): Manifest {
  return JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Manifest;
}

/** Names of the files in src/exports that `exports` leads to. */
export function doorNames({ exports } = readManifest()): string[] {
  const names = Object.values(exports).flatMap((target) => /^\.\/src\/exports\/([a-z0-9-]{1,40})\.ts$/.exec(target)?.[1] ?? []);
  return [...new Set(names)].sort();
}
