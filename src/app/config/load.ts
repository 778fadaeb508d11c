import { acmeCertificateFile, acmeFolder } from "../../security/acme/folder.ts";
import { readFileSync } from "node:fs";
import { dirname, isAbsolute, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { unreadable } from "../../security/files.ts";
import type { Trunk } from "../../trunks/model.ts";
import type { MeetingDefinition } from "../../gateway/options.ts";
import { crossCheck } from "./checks.ts";
import type { Config } from "./config.ts";
import type { Addresses } from "./shut-out.ts";
import { explain } from "./mistakes.ts";
import { related, remains } from "./remains.ts";
import { withKinds } from "./trunk-kinds.ts";
import { type ExplainedTrunk, explainTrunks } from "./trunk-origins.ts";
import { configSchema, type RawConfig } from "./schema.ts";
import { applySetting, ConfigSource, type Mistake, type Path, parseSetting } from "./source.ts";

/** The configuration that ships, used where no file is given. */
const demoFile = fileURLToPath(new URL("./demo.yaml", import.meta.url));
/** The project's own folder: where the demo's relative paths start. */
export const projectRoot = fileURLToPath(new URL("../../..", import.meta.url));

export interface LoadOptions {
  /** Configuration file; the demo configuration where absent. */
  readonly file?: string | undefined;
  /** `key=value`, as of `--set`, applied after the file. */
  readonly settings?: readonly string[] | undefined;
  /** `--listen`. */
  readonly listen?: string | undefined;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Addresses of the names that trunks and gatekeepers are called by, where they have been looked up. */
  readonly addresses?: Addresses | undefined;
}

/** What came of reading a configuration. `config` is there exactly when there are no mistakes. */
export interface LoadResult {
  readonly config: Config | null;
  /** Where there are mistakes, what stands beside them, for looking at and not for running; absent where nothing can be read. */
  readonly rest?: Config;
  readonly mistakes: readonly Mistake[];
  /** Things that work but may not be meant. */
  readonly warnings: readonly Mistake[];
  /** Each trunk's keys in force and where they come from; absent where there are mistakes. */
  readonly trunks?: readonly ExplainedTrunk[];
}

/** `crosspoint.yaml:12:5: meetings[2].guestPin: expected ...`, the form editors understand. */
export function showMistake({ file, line, column, path, message }: Mistake): string {
  return [line === null ? file : `${file}:${line}:${column}`, path, message].filter((part) => part !== "").join(": ");
}

/** Reads, merges and checks a configuration. Never throws for what stands in it: every mistake is reported, all together. */
export function loadConfig(options: LoadOptions = {}): LoadResult {
  const env = options.env ?? process.env;
  const cwd = options.cwd ?? process.cwd();
  const demo = options.file === undefined;
  const path = demo ? demoFile : resolve(cwd, options.file!);
  const shown = demo ? "demo.yaml" : options.file!;
  let source: ConfigSource;
  try {
    source = new ConfigSource(shown, readFileSync(path, "utf8"));
  } catch (error) {
    return { config: null, mistakes: [{ file: shown, line: null, column: null, path: "", message: unreadable(error) }], warnings: [] };
  }
  if (source.mistakes.length > 0) return { config: null, mistakes: source.mistakes, warnings: [] };
  if (typeof source.tree !== "object" || source.tree === null || Array.isArray(source.tree)) {
    return { config: null, mistakes: [source.mistake([], "expected a section with keys such as listen, sip, meetings")], warnings: [] };
  }

  const overlay = new Overlay(source.tree as Record<string, unknown>, source);
  if (env["CROSSPOINT_DATA"]) overlay.set("environment", ["data"], env["CROSSPOINT_DATA"]);
  if (env["CROSSPOINT_ADMIN_TOKEN"]) overlay.set("environment", ["admin", "token"], env["CROSSPOINT_ADMIN_TOKEN"]);
  if (options.listen !== undefined) overlay.set("--listen", ["listen"], options.listen);
  for (const setting of options.settings ?? []) overlay.parse(setting);

  const fileBase = demo ? projectRoot : dirname(path);
  const said = resolveReferences(overlay, fileBase, env);
  const tree = withKinds(said);
  const settled = (data: RawConfig): Config =>
    settle(data, (at, value) => (isAbsolute(value) ? value : resolve(overlay.origin(at) === null ? fileBase : cwd, value)), {
      file: options.file ?? null,
      demo,
    });
  const parsed = configSchema.safeParse(tree, { reportInput: true });
  const mistakes = [...overlay.mistakes];
  if (!parsed.success) {
    mistakes.push(...explain(parsed.error.issues, configSchema, (at, message, key) => overlay.mistake(at, message, key)));
    const rest = remains(tree, configSchema);
    const beside = rest && settled(rest.data);
    if (rest && beside) {
      const between = crossCheck(beside, (at, message) => ({ at, made: overlay.mistake(at, message) }));
      mistakes.push(...between.mistakes.filter(({ at }) => !rest.gone.some((path) => related(path, at))).map(({ made }) => made));
    }
    return { config: null, ...(beside ? { rest: beside } : {}), mistakes: inOrder(mistakes), warnings: [] };
  }
  const config = settled(parsed.data);
  const checked = crossCheck(config, (at, message) => overlay.mistake(at, message), options.addresses);
  mistakes.push(...checked.mistakes);
  const wrong = mistakes.length > 0;
  return {
    config: wrong ? null : config,
    ...(wrong ? { rest: config } : {}),
    mistakes: inOrder(mistakes),
    warnings: inOrder(checked.warnings),
    ...(wrong ? {} : { trunks: explainTrunks((said as { readonly trunks?: unknown }).trunks, parsed.data.trunks) }),
  };
}

/** By line; what has none comes first. */
function inOrder(mistakes: readonly Mistake[]): Mistake[] {
  return mistakes.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0));
}

/** The file's tree with what environment and command line put over it; knows for every path who said so. */
class Overlay {
  readonly tree: Record<string, unknown>;
  readonly mistakes: Mistake[] = [];
  readonly #source: ConfigSource;
  readonly #origins: { origin: string; path: Path }[] = [];

  constructor(tree: Record<string, unknown>, source: ConfigSource) {
    this.tree = tree;
    this.#source = source;
  }

  set(origin: string, path: Path, value: unknown): void {
    const wrong = applySetting(this.tree, path, value);
    this.#origins.push({ origin, path });
    if (wrong) this.mistakes.push(this.mistake(path, wrong));
  }

  parse(setting: string): void {
    const parsed = parseSetting(setting);
    if (typeof parsed === "string") this.mistakes.push({ file: "--set", line: null, column: null, path: "", message: parsed });
    else this.set("--set", parsed.path, parsed.value);
  }

  /** Who set the value at a path, or null for the file. */
  origin(path: Path): string | null {
    return this.#origins.findLast((known) => known.path.every((step, i) => path[i] === step))?.origin ?? null;
  }

  mistake(path: Path, message: string, key?: string): Mistake {
    const made = this.#source.mistake(path, message, key);
    const origin = this.origin(key === undefined ? path : [...path, key]);
    return origin === null ? made : { ...made, file: origin, line: null, column: null };
  }
}

/** Replaces every `{env: NAME}` and `{file: path}` by what it names. */
function resolveReferences(overlay: Overlay, base: string, env: Readonly<Record<string, string | undefined>>): unknown {
  const walk = (value: unknown, path: Path): unknown => {
    if (Array.isArray(value)) return value.map((item, i) => walk(item, [...path, i]));
    if (typeof value !== "object" || value === null) return value;
    const entries = Object.entries(value);
    const [kind, name] = entries.length === 1 ? entries[0]! : [null, null];
    if (kind === "env" && typeof name === "string") {
      const found = env[name];
      if (found) return found;
      overlay.mistakes.push(overlay.mistake(path, `the environment variable ${name} is not set`));
      return undefined;
    }
    if (kind === "file" && typeof name === "string") {
      try {
        return readFileSync(resolve(base, name), "utf8").trim();
      } catch (error) {
        overlay.mistakes.push(overlay.mistake(path, `${name}: ${unreadable(error)}`));
        return undefined;
      }
    }
    return Object.fromEntries(entries.map(([key, item]) => [key, walk(item, [...path, key])]));
  };
  return walk(overlay.tree, []);
}

/** Schema's output to the shapes the rest of the project uses, with absolute paths. */
function settle(raw: RawConfig, at: (path: Path, value: string) => string, about: { file: string | null; demo: boolean }): Config {
  const own = raw.certificates;
  const development = own.development === null ? null : at(["certificates", "development"], own.development);
  const certificateFile = (key: "cert" | "key", byDefault: string) => {
    const value = own[key];
    if (value !== null) return at(["certificates", key], value);
    if (own.acme !== undefined) return acmeCertificateFile(acmeFolder(at(["data"], raw.data)));
    return development === null ? null : resolve(development, byDefault);
  };
  const ca = own.ca.map((file, i) => at(["certificates", "ca", i], file));
  return {
    ...raw,
    ...about,
    data: at(["data"], raw.data),
    sfu: raw.sfu.includes("/") ? at(["sfu"], raw.sfu) : raw.sfu,
    certificates: {
      ...own,
      development,
      cert: certificateFile("cert", "server.crt"),
      key: certificateFile("key", "server.key"),
      ca: ca.length === 0 && development !== null ? [resolve(development, "ca.crt")] : ca,
      crl: own.crl.map((file, i) => at(["certificates", "crl", i], file)),
      clientCertificate: pairAt(own.clientCertificate, ["certificates", "clientCertificate"], at),
      acme: own.acme && { ...own.acme, ...(own.acme.ca === undefined ? {} : { ca: at(["certificates", "acme", "ca"], own.acme.ca) }) },
    },
    trunks: raw.trunks.map((trunk, i): Trunk => {
      const { ca: file, crl, module } = trunk.identity;
      const within = (key: string, ...more: Path): Path => ["trunks", i, "identity", key, ...more];
      const identity = {
        ...trunk.identity,
        ca: file === undefined ? undefined : at(within("ca"), file),
        crl: crl?.map((list, j) => at(within("crl", j), list)),
        module: module === undefined ? undefined : at(within("module"), module),
      };
      const clientCertificate = pairAt(trunk.clientCertificate, ["trunks", i, "clientCertificate"], at);
      // calls to a carrier at which we are registered go to its registrar, unless somebody says otherwise
      const target = trunk.target ?? trunk.register?.registrars[0] ?? null;
      return withoutAbsent({ ...trunk, clientCertificate, target, identity: withoutAbsent(identity) }) as Trunk;
    }),
    numbers: raw.numbers.map((entry) => ({
      ...entry,
      tenant: entry.tenant ?? raw.trunks.find(({ name }) => name === entry.trunk)?.tenant ?? null,
    })),
    unknownCallers:
      raw.unknownCallers &&
      (withoutAbsent({ name: "unknown", identity: {}, target: null, legacyCiphers: false, ...raw.unknownCallers }) as Trunk),
    meetings: raw.meetings.map(
      (meeting): MeetingDefinition => ({ ...meeting, name: meeting.name ?? meeting.id, language: meeting.language ?? raw.language }),
    ),
  };
}

/** A certificate and its key with absolute paths. */
function pairAt<T extends { readonly certificate: string; readonly key: string }>(
  pair: T | undefined,
  path: Path,
  at: (path: Path, value: string) => string,
): T | undefined {
  return pair && { ...pair, certificate: at([...path, "certificate"], pair.certificate), key: at([...path, "key"], pair.key) };
}

function withoutAbsent<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as T;
}
