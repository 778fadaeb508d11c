/**
 * `npm run fuzz -- [--inputs N | --minutes N] [--pumped N] [--seed S] [--only READER] [--block N]`: damaged inputs and pumped strings for every reader of a
 * stranger's text. Exit code 1 on a finding, with the command that makes it again.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { runCampaign } from "./supervise.ts";

const { values } = parseArgs({
  options: {
    inputs: { type: "string", default: "1000000" },
    minutes: { type: "string" },
    pumped: { type: "string", default: "40" },
    seed: { type: "string", default: "1" },
    only: { type: "string" },
    block: { type: "string" },
  },
});

function number(name: "inputs" | "minutes" | "pumped" | "seed" | "block"): number {
  const value = Number(values[name]);
  if (!Number.isFinite(value) || value < 0) {
    console.error(`--${name} ${values[name]} is no number`);
    process.exit(2);
  }
  return value;
}

const seed = number("seed");
const report = await runCampaign({
  seed,
  inputs: number("inputs"),
  minutes: values.minutes === undefined ? undefined : number("minutes"),
  pumped: number("pumped"),
  only: values.only,
  block: values.block === undefined ? undefined : number("block"),
  table: join(import.meta.dirname, "readers.ts"),
});

const count = (n: number): string => Math.round(n).toLocaleString("en");
for (const { reader, kind, message, input, block } of report.findings) {
  console.error(`\n${reader}: ${kind}: ${message}\n  input ${input}`);
  console.error(
    `  npm run fuzz -- --seed ${seed} --only ${reader}${block === undefined ? ` --pumped ${values.pumped}` : ` --block ${block}`}`,
  );
}
const rate = report.seconds > 0 ? `, ${count(report.inputs / report.seconds)} a second` : "";
console.log(
  `seed ${seed}: ${report.readers} readers, ${count(report.inputs)} damaged inputs${rate}, ${count(report.pumped)} pumped strings with at most ` +
    `${count(report.steps)} steps a byte, heap ${count(report.heapGrowth / 1024)} KiB more, ${report.findings.length} findings`,
);
process.exit(report.findings.length === 0 ? 0 : 1);
