import { namesToResolve } from "../app/config/shut-out.ts";
import { addressesOf } from "./resolve.ts";
import { showTrunks } from "./check-explain.ts";
import { type LoadOptions, loadConfig, showMistake } from "../app/config/load.ts";

interface CheckOptions {
  readonly json?: boolean;
  /** Each trunk's keys in force too: what its kind makes of them. */
  readonly explain?: boolean;
  /** Names of trunks and gatekeepers are looked up, and their addresses compared with `allow` and `deny`. */
  readonly resolve?: boolean;
}

/** `crosspoint check`. */
export async function check(options: LoadOptions, { json = false, explain = false, resolve = false }: CheckOptions): Promise<number> {
  const first = loadConfig(options);
  const names = first.config === null ? [] : namesToResolve(first.config);
  const addresses = resolve ? await addressesOf(names) : new Map<string, string[]>();
  const { config, mistakes, warnings, trunks = [] } = addresses.size === 0 ? first : loadConfig({ ...options, addresses });
  const notResolved = names.filter((name) => (addresses.get(name) ?? []).length === 0);
  const file = options.file ?? "the demo configuration";
  if (json) {
    const document = { ok: config !== null, file: options.file ?? null, mistakes, warnings, notResolved, ...(explain ? { trunks } : {}) };
    process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
  } else {
    for (const warning of warnings) process.stdout.write(`warning: ${showMistake(warning)}\n`);
    if (notResolved.length > 0)
      process.stdout.write(
        `note: allow and deny are not compared with the addresses of ${notResolved.join(", ")}: ${resolve ? "not found" : "check --resolve looks them up"}\n`,
      );
    for (const mistake of mistakes) process.stderr.write(`${showMistake(mistake)}\n`);
    const many = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`;
    if (explain && trunks.length > 0) process.stdout.write(`${showTrunks(trunks)}\n`);
    if (config)
      process.stdout.write(
        `${file} is good: ${many(config.meetings.length, "meeting")}, ${many(config.trunks.length, "trunk")}, ${many(warnings.length, "warning")}\n`,
      );
    else process.stderr.write(`${file} has ${many(mistakes.length, "mistake")}\n`);
  }
  return config ? 0 : 1;
}
