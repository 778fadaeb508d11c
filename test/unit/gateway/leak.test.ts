// The whole gateway on its embedded engines: of short calls that are over, nothing may be left, in tables or in memory.
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { queryObjects } from "node:v8";
import pino from "pino";
import { afterAll, beforeAll, expect, it } from "vitest";
import { placeCall } from "../../../bench/support/caller.ts";
import { loadConfig } from "../../../src/app/config/load.ts";
import { Call } from "../../../src/gateway/call/call.ts";
import { type Running, startCrosspoint } from "../../../src/app/start.ts";
import { FsmrfSession } from "../../../src/media-client/session.ts";
import { openSipEndpoint, type SipEndpoint } from "../../../src/io/sip/endpoint.ts";

const CALLS = 100;
const AT_ONCE = 20;

const load = createRequire(import.meta.url);
type Class = abstract new (...args: never[]) => object;
/** Of these there are one or two a call; what they hold on to is the rest of it. */
const perCall: Readonly<Record<string, Class>> = {
  Call,
  FsmrfSession,
  Endpoint: load("drachtio-fsmrf/lib/endpoint.js") as Class,
  Dialog: load("drachtio-srf/lib/dialog.js") as Class,
};

const folder = mkdtempSync(join(tmpdir(), "crosspoint-leak-"));
let gateway: Running | undefined;
let endpoint: SipEndpoint | undefined;

async function freePort(): Promise<number> {
  const socket = createSocket("udp4").bind(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = socket.address();
  socket.close();
  return port;
}

beforeAll(async () => {
  const file = join(folder, "crosspoint.yaml");
  writeFileSync(
    file,
    `listen: 127.0.0.1
sip: { udp: ${await freePort()}, tcp: off, tls: off }
h323: { signalling: off, ras: off }
web: { port: off }
media: { ports: 23000-23199, workers: 1 }
data: ${join(folder, "data")}
limits: { cpuPercent: 0, eventLoopMs: 0, callsPerSecondPerSource: 0 }
unknownCallers: { srtp: none }
meetings: [{ id: open, name: Open, aliases: ["1000"] }]
`,
  );
  const { config, mistakes } = loadConfig({ file, env: {} });
  expect(mistakes).toEqual([]);
  gateway = await startCrosspoint(config!, pino({ level: "silent" }));
  endpoint = await openSipEndpoint({ host: "127.0.0.1", port: 0, onInvite: (session, now) => session.reject(now, 486) });
});
afterAll(async () => {
  await endpoint?.close();
  await gateway?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** How many are reachable. Collects everything first, which is what it costs. */
const count = (made: Class): number => queryObjects(made, { format: "count" });

it(`${CALLS} calls are over and leave nothing`, { timeout: 60_000 }, async () => {
  const uri = `sip:1000@127.0.0.1:${gateway!.sip["udp"]}`;
  for (let placed = 0; placed < CALLS; placed += AT_ONCE) {
    const running = Array.from({ length: AT_ONCE }, () => placeCall(endpoint!, uri, placed === 0 ? 2000 : 150));
    if (placed === 0) {
      // The count counts: while calls are up there are some. The gateway is in this process, and stands still while it is counted.
      await expect.poll(() => count(Call), { interval: 500, timeout: 30_000 }).toBeGreaterThan(0);
    }
    await Promise.all(running);
  }
  for (const [name, made] of Object.entries(perCall))
    await expect.poll(() => `${count(made)} ${name}`, { interval: 200, timeout: 15_000 }).toBe(`0 ${name}`);
});
