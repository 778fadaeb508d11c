import { type LoadOptions, loadConfig, showMistake } from "../app/config/load.ts";

/** `crosspoint check`. */
export function check(options: LoadOptions, json: boolean): number {
  const { config, mistakes, warnings } = loadConfig(options);
  const file = options.file ?? "the demo configuration";
  if (json) {
    process.stdout.write(`${JSON.stringify({ ok: config !== null, file: options.file ?? null, mistakes, warnings }, null, 2)}\n`);
  } else {
    for (const warning of warnings) process.stdout.write(`warning: ${showMistake(warning)}\n`);
    for (const mistake of mistakes) process.stderr.write(`${showMistake(mistake)}\n`);
    const many = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`;
    if (config)
      process.stdout.write(
        `${file} is good: ${many(config.meetings.length, "meeting")}, ${many(config.trunks.length, "trunk")}, ${many(warnings.length, "warning")}\n`,
      );
    else process.stderr.write(`${file} has ${many(mistakes.length, "mistake")}\n`);
  }
  return config ? 0 : 1;
}
