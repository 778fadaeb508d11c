import { showTrunks } from "./check-explain.ts";
import { type LoadOptions, loadConfig, showMistake } from "../app/config/load.ts";

/** `crosspoint check`. With `explain`, each trunk's keys in force too: what its kind makes of them. */
export function check(
  options: LoadOptions,
  { json = false, explain = false }: { readonly json?: boolean; readonly explain?: boolean },
): number {
  const { config, mistakes, warnings, trunks = [] } = loadConfig(options);
  const file = options.file ?? "the demo configuration";
  if (json) {
    const document = { ok: config !== null, file: options.file ?? null, mistakes, warnings, ...(explain ? { trunks } : {}) };
    process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
  } else {
    for (const warning of warnings) process.stdout.write(`warning: ${showMistake(warning)}\n`);
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
