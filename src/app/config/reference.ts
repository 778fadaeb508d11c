/** Writes docs/operate/configuration.md's tables of keys from the schema: `node src/app/config/reference.ts`. A test keeps the two alike. */
import { readFileSync, writeFileSync } from "node:fs";
import { z } from "zod";
import { configSchema } from "./schema.ts";

/** A key as JSON Schema says it. */
interface Key {
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Record<string, Key>;
  readonly items?: Key;
  readonly anyOf?: readonly Key[];
  readonly type?: string | readonly string[];
  readonly required?: readonly string[];
  /** What the schema's `meta` adds. */
  readonly expects?: string;
  readonly shown?: string;
}

const begin = "<!-- keys: made by src/app/config/reference.ts -->";
const end = "<!-- end of keys -->";

/** The keys as Markdown tables, one for each section. */
function renderKeys(): string {
  const root = z.toJSONSchema(configSchema, { unrepresentable: "any", io: "output" }) as Key;
  const sections: string[] = [];
  const top: string[] = [];
  for (const [name, key] of Object.entries(root.properties ?? {})) {
    const inner = insideOf(key);
    if (!inner) top.push(row(name, key, root));
    else sections.push(`### ${name}\n\n${key.description ?? inner.description ?? ""}\n\n${table(rows("", inner))}`);
  }
  return `### At the top\n\n${table(top)}\n\n${sections.join("\n\n")}`;
}

/** The keys of a section, of a list's entries, or of what may stand instead of `off`. */
function insideOf(key: Key): Key | null {
  if (key.properties) return key;
  if (key.items?.properties) return key.items;
  return key.anyOf?.find((each) => each.properties) ?? null;
}

function rows(prefix: string, section: Key): string[] {
  return Object.entries(section.properties ?? {}).flatMap(([name, key]) => {
    const inner = insideOf(key);
    const own = row(`${prefix}${name}`, key, section);
    return inner ? [own, ...rows(`${prefix}${name}.`, inner)] : [own];
  });
}

const table = (lines: readonly string[]): string => ["| key | takes | default | |", "|---|---|---|---|", ...lines].join("\n");

function row(name: string, key: Key, parent: Key): string {
  const cells = [`\`${name}\``, takes(key), byDefault(name, key, parent), key.description ?? ""];
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

function takes(key: Key): string {
  if (key.expects) return key.expects;
  if (key.items) return key.items.properties ? "a list of sections" : `a list: ${takes(key.items)}`;
  const other = key.anyOf?.find((each) => each.type !== "null");
  if (other) return takes(other);
  return key.properties ? "a section" : typeof key.type === "string" ? key.type : "";
}

function byDefault(name: string, key: Key, parent: Key): string {
  if (key.shown !== undefined) return key.shown;
  const own = name.split(".").at(-1)!;
  if (key.default === null) return "none";
  if (key.default === undefined) return key.properties || !parent.required?.includes(own) ? "" : "**needed**";
  return Array.isArray(key.default) && key.default.length === 0
    ? "none"
    : `\`${Array.isArray(key.default) ? key.default.join(", ") : String(key.default)}\``;
}

/** The document with its tables made anew. */
export function updated(document: string): string {
  const [before, rest] = document.split(begin);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined) throw new Error(`docs/operate/configuration.md has lost its marks ${begin} and ${end}`);
  return `${before}${begin}\n\n${renderKeys()}\n\n${end}${after}`;
}

if (import.meta.main) {
  const file = new URL("../../../docs/operate/configuration.md", import.meta.url);
  writeFileSync(file, updated(readFileSync(file, "utf8")));
}
