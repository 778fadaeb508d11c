import type { ExplainedTrunk, TrunkKey } from "../app/config/trunk-origins.ts";

const ORIGINS: Readonly<Record<TrunkKey["origin"], string>> = { configuration: "set", kind: "kind", default: "default" };

/** The trunks of `crosspoint check --explain` as text: each key in force, where it comes from, and why its kind has it so. */
export function showTrunks(trunks: readonly ExplainedTrunk[]): string {
  return trunks.map(showTrunk).join("\n");
}

function showTrunk({ name, kind, purpose, keys }: ExplainedTrunk): string {
  const title = kind === null ? `trunk ${name}, of no kind` : `trunk ${name}, ${kind}: ${purpose}`;
  const [wide, wider] = [
    Math.max(...keys.map(({ path }) => path.length)),
    Math.max(...keys.map(({ value }) => Math.min(value.length, 60))),
  ];
  const lines = keys.map(({ path, value, origin, why }) =>
    `  ${path.padEnd(wide)}  ${value.padEnd(wider)}  ${ORIGINS[origin].padEnd(7)}${why === null ? "" : `  ${why}`}`.trimEnd(),
  );
  return `${title}\n${lines.join("\n")}\n`;
}
