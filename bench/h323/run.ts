/**
 * Calls a second of H.323 signalling on one core, slow start and fast start: our stack as callee, our stack passing calls on (both legs its own), and GnuGk
 * routing call signalling and H.245, in one run. The server has core 0, the load (caller, and callee behind the server) core 1. Beside the rate stands the
 * server's own processor time a call, which a busy machine does not change.
 *
 *   GNUGK=/path/to/gnugk node bench/h323/run.ts [--seconds 8] [--width 16]
 */
import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { quantile } from "../support/statistics.ts";
import type { LoadOptions, Shift, ShiftResult } from "./load.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "8" },
    width: { type: "string", default: "16" },
    rounds: { type: "string", default: "3" },
  },
});
const HOST = "127.0.0.1";
const ANSWER = 29_720;

interface Server {
  readonly name: string;
  readonly pid: number;
  readonly peer: { readonly host: string; readonly port: number };
  readonly gatekeeper?: { readonly host: string; readonly port: number };
  stop(): Promise<void>;
}

/** Runs one of our files on a core. */
function onCore(core: number, file: string, ...args: string[]): ChildProcess {
  const child = fork(join(import.meta.dirname, file), args, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  spawn("taskset", ["-a", "-p", "-c", String(core), String(child.pid)], { stdio: "ignore" });
  return child;
}

async function ours(name: string, ...args: string[]): Promise<Server> {
  const child = onCore(0, "callee.ts", HOST, "29721", ...args);
  await once(child, "message");
  return { name, pid: child.pid!, peer: { host: HOST, port: 29_721 }, stop: () => stopped(child) };
}

async function gnugk(): Promise<Server | undefined> {
  const program = process.env["GNUGK"];
  if (program === undefined) return undefined;
  const folder = mkdtempSync(join(tmpdir(), "crosspoint-gnugk-"));
  const [ras, signalling, status] = [29_719, 29_722, 29_723];
  writeFileSync(
    join(folder, "gatekeeper.ini"),
    `[Gatekeeper::Main]\nName=bench\nHome=${HOST}\nBind=${HOST}\nNetworkInterfaces=${HOST}/32\nUnicastRasPort=${ras}\nStatusPort=${status}\nUseMulticastListener=0\nUseBroadcastListener=0\nTotalBandwidth=-1\nEnableIPv6=0\n[GkStatus::Auth]\nrule=allow\n[RoutedMode]\nGKRouted=1\nH245Routed=1\nCallSignalPort=${signalling}\nAcceptUnregisteredCalls=1\nEnableH46018=0\nEnableH46023=0\n[RasSrv::ARQFeatures]\nCallUnregisteredEndpoints=1\n`,
  );
  const child = spawn("taskset", ["-c", "0", program, "-c", join(folder, "gatekeeper.ini")], { cwd: folder, stdio: "ignore" });
  for (let tries = 0; ; tries++) {
    const socket = connect(status, HOST);
    const up = await Promise.race([once(socket, "connect").then(() => true), once(socket, "error").then(() => false)]).catch(() => false);
    socket.destroy();
    if (up) break;
    if (tries > 100 || child.exitCode !== null) throw new Error("gnugk did not start");
    await delay(100);
  }
  return {
    name: "GnuGk, routed",
    pid: child.pid!,
    peer: { host: HOST, port: signalling },
    gatekeeper: { host: HOST, port: ras },
    stop: async () => {
      await stopped(child);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function stopped(child: ChildProcess): Promise<void> {
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), 3000);
  await exited;
  clearTimeout(timer);
}

/** Seconds of processor a process has used, all threads. */
function processorSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

async function shift(load: ChildProcess, what: Shift): Promise<ShiftResult> {
  const answer = once(load, "message");
  load.send(what);
  const [result] = (await answer) as [ShiftResult];
  return result;
}

const rates = new Map<string, number>();
const costs = new Map<string, number>();

async function measure(server: Server, fastStart: boolean): Promise<void> {
  const options: LoadOptions = {
    peer: server.peer,
    style: { fastStart, tunnelling: true },
    answerPort: ANSWER,
    ...(server.gatekeeper ? { gatekeeper: server.gatekeeper } : {}),
  };
  const load = onCore(1, "load.ts", JSON.stringify(options));
  await once(load, "message");
  // Everything compiled and warm before it counts.
  await shift(load, { seconds: 4, width: Number(values.width) });
  const rounds: { rate: number; cost: number; result: ShiftResult }[] = [];
  for (let round = 0; round < Number(values.rounds); round++) {
    const before = processorSeconds(server.pid);
    const result = await shift(load, { seconds: Number(values.seconds), width: Number(values.width) });
    rounds.push({ rate: result.calls / result.seconds, cost: ((processorSeconds(server.pid) - before) * 1e6) / result.calls, result });
  }
  const [{ rate, cost }] = [...rounds].sort((a, b) => b.rate - a.rate) as [(typeof rounds)[0]];
  const failed = rounds.reduce((sum, r) => sum + r.result.failed, 0);
  // Then at leisure: how long a caller waits for Connect.
  const calm = await shift(load, { seconds: 20, rate: 5 });
  const style = fastStart ? "fast start" : "slow start";
  rates.set(`${server.name} ${style}`, rate);
  costs.set(`${server.name} ${style}`, cost);
  const [p50, p95] = [quantile(calm.connect, 0.5), quantile(calm.connect, 0.95)].map((ms) => ms.toFixed(1));
  console.log(
    `| ${server.name} | ${style} | ${rate.toFixed(0)} | ${cost.toFixed(0)} | ${(1e6 / cost).toFixed(0)} | ${failed + calm.failed} | ${p50} | ${p95} |`,
  );
  for (const error of new Set(rounds.flatMap((r) => r.result.errors))) console.error(error);
  await stopped(load);
}

const load1 = loadavg()[0]!.toFixed(1);
console.log(`${new Date().toISOString().slice(0, 10)}, ${cpus().length} cores (load ${load1}), Node.js ${process.version}\n`);
console.log(
  "| server | set up by | calls/s | processor µs a call | calls a processor second | failed | p50 ms | p95 ms to Connect at 5/s |",
);
console.log("|---|---|---|---|---|---|---|---|");
const makers = [() => ours("crosspoint, callee"), () => ours("crosspoint, passing on", HOST, String(ANSWER)), gnugk];
const servers: string[] = [];
for (const make of makers)
  for (const fastStart of [false, true]) {
    const server = await make();
    if (server === undefined) continue;
    servers.push(server.name);
    await measure(server, fastStart);
    await server.stop();
  }
if (servers.includes("GnuGk, routed"))
  for (const name of new Set(servers.filter((s) => s.startsWith("crosspoint"))))
    for (const style of ["slow start", "fast start"]) {
      const ratio = (figures: Map<string, number>) => figures.get(`${name} ${style}`)! / figures.get(`GnuGk, routed ${style}`)!;
      console.log(
        `\n${name} to GnuGk, ${style}: ${ratio(rates).toFixed(2)} of its calls/s, ${(1 / ratio(costs)).toFixed(2)} of its calls a processor second`,
      );
    }
process.exit(0);
