/**
 * Rooms of 10 with PCMU: CPU and memory a participant, bad frames, mouth to ear; the embedded media server beside FreeSWITCH and Asterisk's ConfBridge in one run.
 * `node bench/conference/run.ts [--participants 100,200,300] [--seconds 10] [--servers embedded,freeswitch,asterisk] [--write]`
 * Each server has a core to itself, the generator another.
 */
import { appendFileSync } from "node:fs";
import { cpus, setPriority } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { quantile } from "../support/statistics.ts";
import { Load } from "./load.ts";
import { asterisk, type Candidate, cpuSeconds, embedded, freeswitch, pin, residentBytes } from "./servers.ts";

const { values } = parseArgs({
  options: {
    participants: { type: "string", default: "100,200,300" },
    seconds: { type: "string", default: "10" },
    servers: { type: "string", default: "embedded,freeswitch,asterisk" },
    write: { type: "boolean", default: false },
  },
});
const steps = values.participants.split(",").map(Number);
const seconds = Number(values.seconds);
const makers: Record<string, () => Promise<Candidate | undefined> | Candidate | undefined> = { embedded, freeswitch, asterisk };

interface Row {
  readonly server: string;
  readonly participants: number;
  readonly cores: number;
  readonly perParticipant: number;
  readonly badPercent: number;
  readonly p50: number;
  readonly p95: number;
  readonly kilobytes: number;
  readonly lateTicks: number;
}
const rows: Row[] = [];
if (cpus().length > 1) pin(process.pid, 1);

/** The generator goes before others, where that is allowed: what is late is to be the server's doing. Servers start as everybody does. */
function priority(nice: number): void {
  try {
    setPriority(nice);
  } catch {
    // as it is
  }
}

for (const name of values.servers.split(",")) {
  priority(0);
  const server = await makers[name]?.();
  if (!server) {
    console.log(`${name}: not there, left out`);
    continue;
  }
  if (cpus().length > 1) pin(server.pid, 0);
  priority(-15);
  const load = new Load();
  const before = residentBytes(server.pid);
  try {
    for (const participants of steps) {
      await load.grow(server.sip, participants);
      // The first seconds compile code and fill buffers.
      await load.measure(4);
      const cpu = cpuSeconds(server.pid);
      const result = await load.measure(seconds);
      const cores = (cpuSeconds(server.pid) - cpu) / seconds;
      const row: Row = {
        server: server.name,
        participants,
        cores,
        perParticipant: (100 * cores) / participants,
        badPercent: result.badPercent,
        p50: quantile(result.delays, 0.5),
        p95: quantile(result.delays, 0.95),
        kilobytes: (residentBytes(server.pid) - before) / participants / 1024,
        lateTicks: result.lateTicks,
      };
      rows.push(row);
      console.log(format(row));
      if (result.badPercent > 5) break;
    }
  } catch (error) {
    console.log(`${server.name}: ${String(error)}`);
  }
  await load.close();
  await server.stop();
}

function format(row: Row): string {
  return `| ${row.server} | ${row.participants} | ${(100 * row.cores).toFixed(1)} | ${row.perParticipant.toFixed(3)} | ${row.badPercent.toFixed(3)} | ${row.p50.toFixed(1)} | ${row.p95.toFixed(1)} | ${row.kilobytes.toFixed(0)} | ${row.lateTicks} |`;
}

const head =
  "| server | participants | CPU, % of a core | % of a core each | bad frames, % | mouth to ear p50, ms | p95, ms | memory each, kB | generator's late ticks |\n|---|---|---|---|---|---|---|---|---|";
console.log(`\n${head}\n${rows.map(format).join("\n")}`);
if (values.write) {
  const command = `node bench/conference/run.ts ${process.argv.slice(2).join(" ")}`;
  const title = `\n## ${new Date().toISOString().slice(0, 10)}: rooms of 10, PCMU, two talking in turn\n\n\`${command}\`, Node.js ${process.versions.node}, ${cpus().length} x ${cpus()[0]?.model}\n\n`;
  appendFileSync(join(import.meta.dirname, "../results/conference.md"), `${title}${head}\n${rows.map(format).join("\n")}\n`);
}
process.exit(0);
