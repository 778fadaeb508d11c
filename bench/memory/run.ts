/**
 * Memory of the whole gateway process: per call in a conference, per idle TLS connection, and after each thousand of many short calls.
 *
 *   node bench/memory/run.ts [--conference 100] [--connections 1000] [--calls 10000]
 */
import { readFileSync } from "node:fs";
import { connect, type TLSSocket } from "node:tls";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { openSipEndpoint } from "../../src/io/sip-endpoint.ts";
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
console.log(`| in one conference | ${calls} calls | ${kb((during - before) / calls)} a call |`);

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
console.log(`| idle TLS connections | ${connections} | ${kb((resident() - empty) / connections)} a connection |`);
for (const socket of idle) socket.destroy();
await delay(1000);

const total = Number(values.calls);
let failed = 0;
for (let done = 0; done < total; done += 1000) {
  failed += await burst(Math.min(1000, total - done), 200, 1000 / Number(values.rate));
  await delay(500);
  console.log(`| after ${done + 1000} short calls | failed ${failed} | ${mb(resident())} resident |`);
}
await endpoint.close();
await gateway.stop();
process.exit(0);
