/** The campaign's thread: reads; the main thread watches that it comes on. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { parentPort, workerData } from "node:worker_threads";
import type { Finding } from "./campaign.ts";
import type { CampaignOptions, CampaignReport } from "./supervise.ts";

const { options, progress, current } = workerData as { options: CampaignOptions; progress: Int32Array; current: Uint8Array };

// The work meter counts in functions that are compiled after it was loaded.
const { measureWork, stopCounting } = await import("./work.ts");
const { BLOCK, runBlock, runPumped } = await import("./campaign.ts");
const { readers: all } = (await import(options.table)) as typeof import("./readers.ts");

const readers = all.filter(({ name }) => options.only === undefined || name === options.only);
if (readers.length === 0) throw new RangeError(`no reader ${options.only}: ${all.map(({ name }) => name).join(", ")}`);

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;
const heap = (): number => {
  collect();
  return process.memoryUsage().heapUsed;
};

const findings: Finding[] = [];
let which = 0;
const before = (input: Buffer): void => {
  const shown = Math.min(input.length, current.length);
  current.set(input.subarray(0, shown));
  progress[2] = which;
  progress[3] = shown;
  Atomics.add(progress, 0, 1);
};

let steps = 0;
const failed = new Set<string>();
for (const [index, reader] of readers.entries()) {
  which = index;
  const { finding, most } = runPumped(reader, options.seed, options.block === undefined ? options.pumped : 0, measureWork, before);
  steps = Math.max(steps, most);
  if (finding) {
    findings.push(finding);
    failed.add(reader.name);
  }
}
const pumped = Atomics.load(progress, 0);
stopCounting();

const started = performance.now();
const ends = started + (options.minutes ?? 0) * 60_000;
let inputs = 0;
let early = 0;
const going = () => (options.minutes === undefined ? inputs < options.inputs : performance.now() < ends);
for (let block = options.block ?? 0; going() && failed.size < readers.length; block++) {
  for (const [index, reader] of readers.entries()) {
    if (failed.has(reader.name)) continue;
    if (!going()) break;
    which = index;
    progress[1] = block;
    const finding = runBlock(reader, options.seed, block, before);
    inputs += BLOCK;
    if (finding) {
      findings.push(finding);
      failed.add(reader.name);
    }
  }
  // Compiled code and caches have come by now; what grows afterwards is a leak.
  if (block === 20) early = heap();
  if (options.block !== undefined) break;
}
const heapGrowth = early === 0 ? 0 : heap() - early;
const report: CampaignReport = {
  readers: readers.length,
  inputs,
  pumped,
  seconds: (performance.now() - started) / 1000,
  steps,
  heapGrowth,
  findings,
};
parentPort!.postMessage(report);
