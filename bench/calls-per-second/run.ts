/**
 * Calls a second that stay clean (no retransmission, no failure), SIPp's built-in UAC holding each call 1 s, application drachtio-srf `createUAS`:
 * the embedded SIP engine, and a drachtio-server beside it where its addresses are given.
 *
 *   node bench/calls-per-second/run.ts [--seconds 8] [--rates 200,400,...]
 *   DRACHTIO_ADDRESS=127.0.0.1:9022 DRACHTIO_SECRET=... DRACHTIO_SIP=127.0.0.1:5060 node bench/calls-per-second/run.ts
 */
import { execFile, fork } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { startSipEngine } from "../../src/sip-engine/index.ts";

interface Step {
  readonly rate: number;
  readonly calls: number;
  readonly failed: number;
  readonly retransmissions: number;
}

interface Target {
  readonly name: string;
  readonly admin: { readonly host: string; readonly port: number; readonly secret: string };
  readonly sip: string;
  stop(): Promise<void>;
}

const { values } = parseArgs({
  options: { seconds: { type: "string", default: "8" }, rates: { type: "string", default: "200,400,600,800,1000,1200,1500,2000" } },
});
const seconds = Number(values.seconds);
const rates = values.rates.split(",").map(Number);

async function embedded(): Promise<Target> {
  const secret = "bench";
  const engine = await startSipEngine({
    drachtio: { host: "127.0.0.1", port: 0, secret },
    listeners: [{ transport: "udp", host: "127.0.0.1", port: 15_900 }],
  });
  return {
    name: "crosspoint",
    admin: { host: "127.0.0.1", port: engine.drachtioPort, secret },
    sip: "127.0.0.1:15900",
    stop: () => engine.stop(),
  };
}

function external(): Target | undefined {
  const address = process.env["DRACHTIO_ADDRESS"];
  if (address === undefined) return undefined;
  const [host = "127.0.0.1", port = "9022"] = address.split(":");
  return {
    name: "drachtio-server",
    admin: { host, port: Number(port), secret: process.env["DRACHTIO_SECRET"] ?? "cymru" },
    sip: process.env["DRACHTIO_SIP"] ?? "127.0.0.1:5060",
    stop: async () => {},
  };
}

/** One run of SIPp; figures from the last line of its statistics. */
async function sipp(sip: string, rate: number): Promise<Step> {
  const folder = mkdtempSync(join(tmpdir(), "crosspoint-bench-"));
  const file = join(folder, "stats.csv");
  const calls = rate * seconds;
  const args = [
    "-sn",
    "uac",
    sip,
    "-i",
    "127.0.0.1",
    "-p",
    "15950",
    "-r",
    String(rate),
    "-m",
    String(calls),
    "-d",
    "1000",
    "-l",
    String(rate * 10),
  ];
  try {
    await promisify(execFile)("sipp", [...args, "-trace_stat", "-stf", file, "-fd", "1", "-nostdin", "-timeout", `${seconds + 60}`], {
      cwd: folder,
    }).catch(() => {});
    const [header, ...rows] = readFileSync(file, "utf8").trim().split("\n");
    const names = header!.split(";");
    const last = rows.at(-1)!.split(";");
    const read = (name: string) => Number(last[names.indexOf(name)]);
    return { rate, calls, failed: calls - read("SuccessfulCall(C)"), retransmissions: read("Retransmissions(C)") };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measure(target: Target): Promise<{ best: number; steps: Step[] }> {
  const app = fork(join(import.meta.dirname, "app.ts"), [target.admin.host, String(target.admin.port), target.admin.secret], {
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  await new Promise((resolve) => app.once("message", resolve));
  const steps: Step[] = [];
  let best = 0;
  for (const rate of rates) {
    const step = await sipp(target.sip, rate);
    steps.push(step);
    if (step.failed === 0 && step.retransmissions === 0) best = rate;
    else if (step.failed > step.calls / 20) break;
  }
  app.kill();
  await target.stop();
  return { best, steps };
}

console.log(
  `${new Date().toISOString().slice(0, 10)}, ${cpus().length} cores, Node.js ${process.version}, ${seconds} s a rate, hold 1 s\n`,
);
console.log("| engine | calls/s | calls | failed | retransmissions |\n|---|---|---|---|---|");
const results: { name: string; best: number }[] = [];
for (const make of [external, embedded]) {
  const target = await make();
  if (target === undefined) continue;
  const { best, steps } = await measure(target);
  for (const step of steps) console.log(`| ${target.name} | ${step.rate} | ${step.calls} | ${step.failed} | ${step.retransmissions} |`);
  results.push({ name: target.name, best });
}
console.log(`\n${results.map(({ name, best }) => `${name}: clean to ${best}/s`).join("; ")}`);
if (results.length === 2) console.log(`ratio crosspoint / drachtio-server: ${(results[1]!.best / results[0]!.best).toFixed(2)}`);
process.exit(0);
