/**
 * Memory of H.323 calls: of the stack alone (a process that answers; heap and resident after a collection), a call held and after each thousand of many
 * short ones; and of the whole gateway a call in a conference, by the difference between so many and three times as many, with how long its callers wait for
 * Connect at 5 a second.
 *
 *   node bench/h323/memory.ts [--held 1000] [--calls 10000] [--conference 60] [--only stack|gateway]
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { startCrosspoint } from "../../test/support/crosspoint.ts";
import { quantile, residentOf } from "../support/statistics.ts";
import { answering, openEndpoint, placeCall } from "./stack.ts";

const { values } = parseArgs({
  options: {
    held: { type: "string", default: "1000" },
    calls: { type: "string", default: "10000" },
    conference: { type: "string", default: "60" },
    only: { type: "string" },
  },
});
interface Memory {
  readonly rss: number;
  readonly heap: number;
  readonly calls: number;
}
const HOST = "127.0.0.1";
const kb = (bytes: number) => `${(bytes / 1000).toFixed(0)} kB`;
const mb = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`;

const endpoint = await openEndpoint(HOST, 0, {}, answering(HOST));
let failed = 0;
/** How often calls failed of what. */
const reasons = new Map<string, number>();
function failure(error: unknown): void {
  failed++;
  const reason = error instanceof Error ? error.message : String(error);
  reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
}

/** `count` calls at once, held until the promise is done; resolves when all are over. */
function calls(
  peer: { host: string; port: number },
  alias: string,
  count: number,
  hold: Promise<unknown>,
  everyMs: number,
): Promise<unknown> {
  return Promise.all(
    Array.from({ length: count }, async (_, index) => {
      await delay(index * everyMs);
      await placeCall(endpoint, peer, alias, hold).catch(failure);
    }),
  );
}

async function ask(child: ChildProcess): Promise<Memory> {
  const answer = once(child, "message");
  child.send("memory");
  const [memory] = (await answer) as [Memory];
  return memory;
}

async function stack(): Promise<void> {
  const child = fork(join(import.meta.dirname, "callee.ts"), [HOST, "29731"], { execArgv: ["--expose-gc"] });
  await once(child, "message");
  const peer = { host: HOST, port: 29_731 };
  await calls(peer, "2000", 200, Promise.resolve(), 5);
  await delay(3000);
  const before = await ask(child);
  const held = Number(values.held);
  const release = Promise.withResolvers<void>();
  const all = calls(peer, "2000", held, release.promise, 3);
  for (let tries = 0; tries < 100 && (await ask(child)).calls < held; tries++) await delay(200);
  await delay(2000);
  const during = await ask(child);
  release.resolve();
  await all;
  const per = (what: "rss" | "heap") => kb((during[what] - before[what]) / during.calls);
  console.log(`| stack | ${during.calls} calls held | ${per("heap")} heap, ${per("rss")} resident a call |`);
  const total = Number(values.calls);
  for (let done = 0; done < total; done += 1000) {
    await calls(peer, "2000", 1000, Promise.resolve(), 4);
    await delay(2500);
    const { heap, rss, calls: open } = await ask(child);
    console.log(
      `| stack | after ${done + 1000} short calls | ${(heap / 1e6).toFixed(1)} MB heap, ${mb(rss)} resident, ${open} open, ${failed} failed |`,
    );
  }
  child.kill();
}

async function gateway(): Promise<void> {
  const crosspoint = await startCrosspoint({
    port: 15_760,
    mediaPort: 36_000,
    // The callers send no media, and stay longer than such are left.
    set: ["media.ports=36000-39999", "media.timeoutSeconds=300", "logging.level=error", "limits.callsPerSecondPerSource=0"],
  });
  let pid = crosspoint.process.pid!;
  // The launcher may have started the pinned Node.js as its child: the gateway is the last of the chain.
  for (;;) {
    const child = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ")[0];
    if (child === undefined || child === "") break;
    pid = Number(child);
  }
  const resident = () => residentOf(readFileSync(`/proc/${pid}/statm`, "utf8"));
  const peer = { host: HOST, port: 15_763 };
  /** What the gateway weighs once `count` calls are up and it has settled: the mean of ten seconds. */
  const standing = async (count: number) => {
    await delay(count * 25 + 4000);
    const samples: number[] = [];
    for (let n = 0; n < 20; n++) {
      samples.push(resident());
      await delay(500);
    }
    const bytes = samples.reduce((sum, sample) => sum + sample, 0) / samples.length;
    return { bytes, calls: (await crosspoint.participants("1000")).length };
  };
  // Everything loaded and compiled, by few calls at a time: the memory of those that are over would serve those that are counted.
  await Promise.all(
    Array.from({ length: 100 }, async (_, index) => {
      await delay(index * 20);
      await placeCall(endpoint, peer, "1000", 500).catch(failure);
    }),
  );
  await delay(3000);
  // Between two conferences, not before and after one: an empty gateway still gives back what its start and the calls before it have taken.
  const count = Number(values.conference);
  const release = Promise.withResolvers<void>();
  const some = calls(peer, "1000", count, release.promise, 25);
  const few = await standing(count);
  const all = Promise.all([some, calls(peer, "1000", 2 * count, release.promise, 25)]);
  const many = await standing(3 * count);
  const perCall = kb((many.bytes - few.bytes) / (many.calls - few.calls));
  console.log(
    `| gateway | ${few.calls} and ${many.calls} calls in one conference | ${mb(few.bytes)} and ${mb(many.bytes)} resident, ${perCall} a call |`,
  );
  release.resolve();
  await all;
  const waits: number[] = [];
  await Promise.all(
    Array.from({ length: 100 }, async (_, index) => {
      await delay(index * 200);
      waits.push((await placeCall(endpoint, peer, "1000", 500)).connect);
    }),
  );
  console.log(
    `| gateway | 100 calls at 5 a second | Setup to Connect p50 ${quantile(waits, 0.5).toFixed(0)} ms, p95 ${quantile(waits, 0.95).toFixed(0)} ms |`,
  );
  for (let done = 0; done < Number(values.calls); done += 1000) {
    await calls(peer, "1000", 1000, delay(200), 20);
    await delay(1500);
    console.log(`| gateway | after ${done + 1000} short calls | ${mb(resident())} resident, ${failed} failed |`);
  }
  // The other side of the failures, as far back as records are shown.
  const ends = new Map<string, number>();
  for (const { outcome, reason, cause } of await crosspoint.records())
    if (outcome !== "completed")
      ends.set(`${outcome}, cause ${cause}: ${reason}`, (ends.get(`${outcome}, cause ${cause}: ${reason}`) ?? 0) + 1);
  for (const [end, count] of ends) console.log(`\n${count} recorded: ${end}`);
  await crosspoint.stop();
}

console.log(`${new Date().toISOString().slice(0, 10)}, Node.js ${process.version}\n`);
console.log("| of | what | result |\n|---|---|---|");
if (values.only !== "gateway") await stack();
if (values.only !== "stack") await gateway();
for (const [reason, count] of reasons) console.log(`\n${count} failed: ${reason}`);
await endpoint.close();
process.exit(0);
