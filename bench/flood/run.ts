/**
 * A recognised trunk's calls, quiet and beside floods of strangers, on a whole gateway with the limits that it has where nothing is configured.
 *
 *   node bench/flood/run.ts [--seconds 4] [--rounds 3] [--only NAME,...] [--rate 2000]
 *
 * Quiet and flooded stretches take turns; `ratio` is p95 of the flooded ones / p95 of the quiet ones.
 */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs, promisify } from "node:util";
import { openSipEndpoint } from "../../src/io/sip/endpoint.ts";
import { startCrosspoint } from "../../test/support/crosspoint.ts";
import { quantile, residentOf } from "../support/statistics.ts";
import { type Calls, placeCalls } from "../../test/support/trunk-calls.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "4" },
    rounds: { type: "string", default: "3" },
    only: { type: "string", default: "" },
    rate: { type: "string", default: "2000" },
  },
});
const seconds = Number(values.seconds);
const RATE = Number(values.rate);
const ROUNDS = Number(values.rounds);
const PORT = 18_700;
const ONE = ["127.0.0.66"];
const MANY = Array.from({ length: 20 }, (_, n) => `127.0.1.${n + 1}`);

const run = promisify(execFile);
const flooder = (file: string, ...args: (string | number)[]) =>
  run("node", [join(import.meta.dirname, "../../test/support", file), ...args.map(String)]).then(({ stdout }) => stdout.trim());
const sip = (method: string, rate: number, from: readonly string[]) => flooder("flooder.mjs", method, PORT, seconds + 1, rate, ...from);
const tcp = (kind: string, port: number, rate: number, from: readonly string[]) =>
  flooder("connection-flooder.mjs", kind, port, seconds + 1, rate, ...from);

const FLOODS: Readonly<Record<string, () => Promise<string>>> = {
  none: async () => "",
  "INVITE 240 at once": async () => {
    const all = await Promise.all(
      Array.from({ length: seconds }, (_, n) =>
        delay(n * 1000).then(() => flooder("flooder.mjs", "INVITE+SDP=1000", PORT, 0.06, 4000, ...MANY)),
      ),
    );
    return all.at(-1)!;
  },
  "INVITE 100/s": () => sip("INVITE", 100, ONE),
  "INVITE of the meeting without offer": () => sip("INVITE=1000", RATE, MANY),
  "INVITE of the meeting with offer": () => sip("INVITE+SDP=1000", RATE, MANY),
  "INVITE of the meeting with offer, one address": () => sip("INVITE+SDP=1000", RATE, ONE),
  "INVITE of unknown numbers": () => sip("INVITE+SDP", RATE, MANY),
  REGISTER: () => sip("REGISTER", RATE, MANY),
  OPTIONS: () => sip("OPTIONS", RATE, MANY),
  malformed: () => sip("malformed", RATE, MANY),
  "TCP connections": () => tcp("close", PORT, 500, MANY),
  "TCP connections with an INVITE each": () => tcp("sip", PORT, 500, MANY),
  "TLS port, connections that say nothing": () => tcp("open", PORT + 1, 500, MANY),
  "H.323 connections": () => tcp("h323", PORT + 3, 500, MANY),
  HTTP: () => tcp("http", PORT + 2, 500, MANY),
};

const wanted = values.only === "" ? Object.keys(FLOODS) : values.only.split(",");
const gateway = await startCrosspoint({
  port: PORT,
  mediaPort: 35_000,
  defaultLimits: true,
  config: `unknownCallers: { trust: unverified }
trunks: [{ name: carrier, identity: { networks: [127.0.0.50/32] }, trust: verified }]
meetings: [{ id: 1000, name: Open }]
`,
});
const endpoint = await openSipEndpoint({
  host: "127.0.0.50",
  port: 0,
  transports: ["udp"],
  onInvite: (session, now) => session.reject(now, 486),
});
const uri = `sip:1000@${gateway.sip}`;
const resident = () => Math.round(residentOf(readFileSync(`/proc/${gateway.process.pid}/statm`, "utf8")) / 1e6);
try {
  // the first calls load and compile
  await placeCalls(endpoint, uri, 4, 10);
  console.log(
    `${new Date().toISOString().slice(0, 16).replace("T", " ")}, ${cpus().length} cores, load ${loadavg()[0]!.toFixed(1)}, Node.js ${process.version}, ${seconds} s each, ${ROUNDS} rounds, ${5 * seconds * ROUNDS} calls at 5/s\n`,
  );
  console.log(
    "| flood | quiet p50 / p95 ms | flooded p50 / p95 ms | ratio | failed | resident MB | answers |\n|---|---|---|---|---|---|---|",
  );
  for (const name of wanted) {
    const quiet: Calls[] = [];
    const flooded: Calls[] = [];
    let answers = "";
    for (let round = 0; round < ROUNDS; round++) {
      quiet.push(await placeCalls(endpoint, uri, seconds));
      const flooding = FLOODS[name]!();
      await delay(500);
      flooded.push(await placeCalls(endpoint, uri, seconds));
      answers = await flooding;
      await delay(1000);
    }
    const times = (all: readonly Calls[]) => all.flatMap(({ answered }) => answered);
    const both = (all: readonly Calls[]) => `${quantile(times(all), 0.5).toFixed(1)} / ${quantile(times(all), 0.95).toFixed(1)}`;
    const ratio = quantile(times(flooded), 0.95) / quantile(times(quiet), 0.95);
    const failed = [...quiet, ...flooded].flatMap((calls) => calls.failed);
    console.log(
      `| ${name} | ${both(quiet)} | ${both(flooded)} | ${ratio.toFixed(2)} | ${failed.length} ${[...new Set(failed)].join("; ")} | ${resident()} | ${answers.replaceAll(/["{}]/g, " ").trim()} |`,
    );
  }
} finally {
  await endpoint.close();
  await gateway.stop();
}
process.exit(0);
