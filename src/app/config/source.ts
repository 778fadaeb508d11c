import { isMap, isScalar, isSeq, LineCounter, type Node, type Pair, parseDocument, parse as parseYaml } from "yaml";

/** A step of a key's path: a key of a mapping or an index of a list. */
export type Path = readonly (string | number)[];

/** Something wrong with the configuration: where, and what was expected. */
export interface Mistake {
  /** File's name as given, `--set`, or `environment`. */
  readonly file: string;
  /** From 1; null where there is no text to point at. */
  readonly line: number | null;
  readonly column: number | null;
  /** The key's path, for example `meetings[2].guestPin`; empty for the whole file. */
  readonly path: string;
  readonly message: string;
}

/** `["meetings", 2, "guestPin"]` as people write it. */
export function showPath(path: Path): string {
  return path.map((step, i) => (typeof step === "number" ? `[${step}]` : i === 0 ? step : `.${step}`)).join("");
}

/** Where in a text a value or key stands. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** A YAML text as a plain tree that remembers where everything stood. */
export class ConfigSource {
  readonly file: string;
  readonly tree: unknown;
  readonly mistakes: readonly Mistake[];
  readonly #root: Node | null;
  readonly #lines = new LineCounter();

  constructor(file: string, text: string) {
    this.file = file;
    const document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false, version: "1.2", uniqueKeys: true });
    this.#root = document.contents as Node | null;
    this.mistakes = [...document.errors, ...document.warnings].map((error) => {
      const { line, col } = this.#lines.linePos(error.pos[0]);
      return { file, line, column: col, path: "", message: error.message.replace(/\s+/g, " ") };
    });
    this.tree = this.mistakes.length > 0 ? {} : (plain(this.#root) ?? {});
  }

  /** Position of the value at a path, or of its nearest parent that is there; with `key`, of that key in the mapping at the path. */
  position(path: Path, key?: string): Position | null {
    let node: Node | null = this.#root;
    let offset = node?.range?.[0] ?? null;
    const steps = key === undefined ? path : [...path, key];
    for (const [i, step] of steps.entries()) {
      const found: { node: Node | null; offset: number | null } | null = child(node, step, key !== undefined && i === steps.length - 1);
      if (!found) break;
      node = found.node;
      offset = found.offset ?? offset;
    }
    if (offset === null) return null;
    const { line, col } = this.#lines.linePos(offset);
    return { line, column: col };
  }

  mistake(path: Path, message: string, key?: string): Mistake {
    const at = this.position(path, key);
    return {
      file: this.file,
      line: at?.line ?? null,
      column: at?.column ?? null,
      path: showPath(key === undefined ? path : [...path, key]),
      message,
    };
  }
}

function child(node: Node | null, step: string | number, wantKey: boolean): { node: Node | null; offset: number | null } | null {
  if (isMap(node)) {
    const pair = (node.items as Pair<Node, Node | null>[]).find((item) => keyText(item.key) === String(step));
    if (!pair) return null;
    const keyOffset = pair.key.range?.[0] ?? null;
    return { node: pair.value, offset: wantKey ? keyOffset : (pair.value?.range?.[0] ?? keyOffset) };
  }
  if (isSeq(node) && typeof step === "number") {
    const item = node.items[step] as Node | undefined;
    return item ? { node: item, offset: item.range?.[0] ?? null } : null;
  }
  return null;
}

function keyText(key: unknown): string {
  return isScalar(key) ? (typeof key.source === "string" && typeof key.value === "number" ? key.source : String(key.value)) : String(key);
}

/** Numbers whose digits say more than their value (`0042`, `+15550100`, `1e3`) stay text: they are numbers to dial, or PINs. */
function plain(node: unknown): unknown {
  if (isMap(node)) {
    const entries = (node.items as Pair<Node, Node | null>[]).map((pair) => [keyText(pair.key), plain(pair.value)] as const);
    return Object.fromEntries(entries);
  }
  if (isSeq(node)) return node.items.map(plain);
  if (!isScalar(node)) return node === null ? null : undefined;
  if (typeof node.value === "number" && node.source !== undefined && String(node.value) !== node.source) return node.source;
  return node.value;
}

/** A `key=value` of the command line; the value is YAML, so that `[a, b]`, `off` and `8080` mean what they mean in the file. */
export function parseSetting(setting: string): { path: Path; value: unknown } | string {
  const at = setting.indexOf("=");
  const key = setting.slice(0, at).trim();
  if (at <= 0 || !/^[A-Za-z]\w*(\.\w+|\[\d+\])*$/.test(key)) return `expected key=value, for example web.port=18080, not "${setting}"`;
  const path = [...key.matchAll(/\[(\d+)\]|(\w+)/g)].map((m) => (m[1] !== undefined ? Number(m[1]) : (m[2] as string)));
  try {
    const value = new ConfigSource("--set", setting.slice(at + 1)).tree;
    const empty = parseYaml(setting.slice(at + 1)) === null;
    return { path, value: empty ? null : value };
  } catch (error) {
    return `${key}: ${(error as Error).message.split("\n")[0]}`;
  }
}

/** Sets one key in a tree, making the mappings on its way. Returns what is wrong, or null. */
export function applySetting(tree: Record<string, unknown>, path: Path, value: unknown): string | null {
  let at: Record<string | number, unknown> = tree;
  for (const [i, step] of path.slice(0, -1).entries()) {
    const next = (at[step] ??= typeof path[i + 1] === "number" ? [] : {});
    if (typeof next !== "object" || next === null) return `${showPath(path.slice(0, i + 1))} is not a section`;
    at = next as Record<string | number, unknown>;
  }
  at[path.at(-1)!] = value;
  return null;
}
