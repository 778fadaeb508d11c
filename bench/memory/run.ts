/**
 * Memory of the whole gateway process: per call in a conference, per idle TLS connection, and after each thousand of many short calls; each against its
 * bar. Ends with 1 when one is missed.
 *
 *   node bench/memory/run.ts [--conference 100] [--connections 1000] [--calls 10000] [--rate 40]
 */
import { readFileSync } from "node:fs";
import { connect, type TLSSocket } from "node:tls";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { openSipEndpoint } from "../../src/io/sip/endpoint.ts";
import { startCrosspoint } from "../../test/support/crosspoint.ts";
import { placeCall } from "../support/caller.ts";
import { residentOf } from "../support/statistics.ts";

const { values } = parseArgs({
  options: {
    conference: { type: "string", default: "100" },
    connections: { type: "string", default: "1000" },
    calls: { type: "string", default: "10000" },
    rate: { type: "string", default: "40" },
  },
});
const gateway = await startCrosspoint({
  port: 15_700,
  mediaPort: 36_000,
  set: [
    "media.ports=36000-39999",
    "limits.cpuPercent=0",
    "limits.eventLoopMs=0",
    "logging.level=error",
    `limits.callsPerSecondPerSource=0`,
  ],
});
const resident = () => residentOf(readFileSync(`/proc/${gatewayPid()}/statm`, "utf8"));
/** The launcher may have started the pinned Node.js as its child: the gateway is the last of the chain. */
function gatewayPid(): number {
  let pid = gateway.process.pid!;
  for (;;) {
    const child = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ")[0];
    if (child === undefined || child === "") return pid;
    pid = Number(child);
  }
}
const endpoint = await openSipEndpoint({ host: "127.0.0.1", port: 0, onInvite: (session, now) => session.reject(now, 486) });
const kb = (bytes: number) => `${Math.round(bytes / 1000)} kB`;
const mb = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`;

/** Bytes a call in a conference and an idle TLS connection may weigh. */
const CALL_BAR = 200_000;
const CONNECTION_BAR = 60_000;
/**
 * Memory is flat when each call that is over leaves less than this: a tenth of what a live one weighs. The collector's own ups and downs are some
 * 20 MB either way, which over the thousands of calls compared is a few kB a call.
 */
const LEFT_BAR = 12_000;
/** Until then heaps and their collectors find their size. */
const WARM_UP = 0.3;
let missed = 0;

function row(what: string, how: string, result: string, pass?: boolean): void {
  if (pass === false) missed++;
  console.log(`| ${what} | ${how} | ${result} | ${pass === undefined ? "" : pass ? "pass" : "FAIL"} |`);
}

/** Slope of the least-squares line through the samples: bytes a call. */
function slope(samples: readonly { calls: number; bytes: number }[]): number {
  const mean = (pick: (sample: { calls: number; bytes: number }) => number) =>
    samples.reduce((sum, sample) => sum + pick(sample), 0) / samples.length;
  const [x, y] = [mean((s) => s.calls), mean((s) => s.bytes)];
  const over = samples.reduce((sum, s) => sum + (s.calls - x) * (s.bytes - y), 0);
  return over / samples.reduce((sum, s) => sum + (s.calls - x) ** 2, 0);
}

async function burst(count: number, holdMs: number, everyMs: number): Promise<number> {
  const running: Promise<unknown>[] = [];
  let failed = 0;
  for (let index = 0; index < count; index++) {
    running.push(placeCall(endpoint, `sip:1000@${gateway.sip}`, holdMs).catch(() => failed++));
    await delay(everyMs);
  }
  await Promise.all(running);
  return failed;
}

console.log(`${new Date().toISOString().slice(0, 10)}, Node.js ${process.version}\n`);
console.log("| what | how many | result | bar |\n|---|---|---|---|");
await burst(100, 500, 20); // everything loaded and compiled
await delay(3000);

const calls = Number(values.conference);
const before = resident();
const held = Array.from({ length: calls }, async (_, index) => {
  await delay(index * 25);
  return placeCall(endpoint, `sip:1000@${gateway.sip}`, 6000 + (calls - index) * 25);
});
await delay(calls * 25 + 4000);
const during = resident();
await Promise.all(held);
const perCall = (during - before) / calls;
row("in one conference", `${calls} calls`, `${kb(perCall)} a call`, perCall < CALL_BAR);

await delay(2000);
const connections = Number(values.connections);
const idle: TLSSocket[] = [];
const [host, port] = gateway.tls.split(":");
const empty = resident();
for (let index = 0; index < connections; index++) {
  await new Promise<void>((resolve, reject) => {
    const socket = connect({ host: host!, port: Number(port), rejectUnauthorized: false }, resolve);
    socket.once("error", reject);
    idle.push(socket);
  });
}
await delay(2000);
const perConnection = (resident() - empty) / connections;
row("idle TLS connections", `${connections}`, `${kb(perConnection)} a connection`, perConnection < CONNECTION_BAR);
for (const socket of idle) socket.destroy();
await delay(1000);

const total = Number(values.calls);
let failed = 0;
const samples: { calls: number; bytes: number }[] = [];
for (let done = 0; done < total; done += 1000) {
  failed += await burst(Math.min(1000, total - done), 200, 1000 / Number(values.rate));
  await delay(500);
  samples.push({ calls: done + 1000, bytes: resident() });
  row(`after ${done + 1000} short calls`, `failed ${failed}`, `${mb(resident())} resident`);
}
const settled = samples.filter(({ calls }) => calls > total * WARM_UP);
if (settled.length > 2) {
  const left = slope(settled);
  const [low, high] = [Math.min(...settled.map((s) => s.bytes)), Math.max(...settled.map((s) => s.bytes))];
  row(
    `from call ${settled[0]!.calls} to ${total}`,
    `${mb(low)} to ${mb(high)}`,
    `${(left / 1000).toFixed(1)} kB left a call`,
    left < LEFT_BAR && failed === 0,
  );
}
await endpoint.close();
await gateway.stop();
process.exit(missed === 0 ? 0 : 1);
