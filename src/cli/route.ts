import { type LoadOptions, loadConfig, showMistake } from "../app/config/load.ts";
import { maskDialled } from "../base/pin-mask.ts";
import { type Route, routeIn, routeOut } from "./route-steps.ts";

/** `crosspoint route`. Exit code 1 where the number leads nowhere, or the configuration has mistakes; 2 for a trunk that there is not. */
export async function route(
  written: string,
  load: LoadOptions,
  options: { readonly trunk?: string; readonly json?: boolean },
): Promise<number> {
  const { config, mistakes } = loadConfig(load);
  if (!config) {
    for (const mistake of mistakes) process.stderr.write(`${showMistake(mistake)}\n`);
    return 1;
  }
  const trunk = options.trunk === undefined ? null : config.trunks.find(({ name }) => name === options.trunk);
  if (trunk === undefined) {
    process.stderr.write(`there is no trunk ${options.trunk}: ${config.trunks.map(({ name }) => name).join(", ") || "there are none"}\n`);
    return 2;
  }
  // telephone numbers are written with spaces; elsewhere a space may stand before a PIN
  const number = /^[+0]/.test(written) ? written.replaceAll(" ", "") : written;
  const ways = { in: await routeIn(config, number, trunk), out: routeOut(config, number, trunk) };
  if (options.json)
    process.stdout.write(`${JSON.stringify({ number: maskDialled(number), trunk: options.trunk ?? null, ...ways }, null, 2)}\n`);
  else process.stdout.write(`${show(`when a caller dials ${maskDialled(number)}`, ways.in)}\n${show("when we call it", ways.out)}`);
  return ways.in.leads || ways.out.leads ? 0 : 1;
}

const show = (title: string, { steps }: Route): string => `${title}\n${steps.map((step, i) => `  ${i + 1}. ${step}\n`).join("")}`;
