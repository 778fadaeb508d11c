import { execFileSync, spawnSync } from "node:child_process";
import { appendFileSync } from "node:fs";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { startReference } from "../srtp-relay/rtpengine.ts";
import { quantile } from "../support/statistics.ts";
import { type Cost, measureCost, PACKET_BYTES, SUITE, startOurs } from "./cost.ts";
import { measureRooms } from "./rooms.ts";
import { measureSwitches } from "./switch.ts";

const { values } = parseArgs({
  options: {
    only: { type: "string", default: "cost,delay,switch,rooms" },
    flows: { type: "string", default: "40" },
    seconds: { type: "string", default: "8" },
    rounds: { type: "string", default: "3" },
    write: { type: "boolean", default: false },
  },
});
const only = new Set(values.only.split(","));
const seconds = Number(values.seconds);
const lines: string[] = [];

execFileSync("taskset", ["-acp", "1", String(process.pid)]);

if (only.has("cost") || only.has("delay")) {
  const starts = [startOurs];
  if (spawnSync("rtpengine", ["--version"]).error) console.log("rtpengine is not installed: ours alone");
  else starts.push(startReference);
  const results = new Map<string, Cost[]>();
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const start of starts) {
      const cost = await measureCost(start, Number(values.flows), seconds);
      results.set(cost.name, [...(results.get(cost.name) ?? []), cost]);
      const { p50, p95 } = cost.delays;
      console.log(
        `${cost.name}: ${cost.micros.toFixed(2)} us a packet, ${cost.lost} of ${cost.sent} lost, delay ${p50.toFixed(2)} / ${p95.toFixed(2)} ms`,
      );
    }
  }
  const median = (costs: readonly Cost[], of: (cost: Cost) => number) => quantile(costs.map(of), 0.5);
  const reference = results.get("rtpengine");
  lines.push(`### ${SUITE}, ${values.flows} flows of 2 Mbit/s, ${PACKET_BYTES}-byte packets`, "");
  lines.push(
    "| relay | µs CPU a packet (median) | rounds | times rtpengine | lost | delay p50 / p95 / p99, ms |",
    "|---|---|---|---|---|---|",
  );
  for (const [name, costs] of results) {
    const micros = median(costs, (cost) => cost.micros);
    const ratio = reference ? (micros / median(reference, (cost) => cost.micros)).toFixed(2) : "-";
    const rounds = costs.map((cost) => cost.micros.toFixed(1)).join(", ");
    const lost = costs.reduce((sum, cost) => sum + cost.lost, 0);
    const delays = (["p50", "p95", "p99"] as const).map((of) => median(costs, (cost) => cost.delays[of]).toFixed(2)).join(" / ");
    lines.push(`| ${name} | ${micros.toFixed(2)} | ${rounds} | ${ratio} | ${lost} | ${delays} |`);
  }
  lines.push("");
}

if (only.has("switch")) {
  const times = await measureSwitches(40);
  const [p50, p95, worst] = [0.5, 0.95, 1].map((share) => quantile(times, share).toFixed(0));
  lines.push("### From `speaker()` to the end of the new speaker's first key frame", "");
  lines.push(
    "| switches | p50 ms | p95 ms | longest ms |",
    "|---|---|---|---|",
    `| ${times.length} of 40 | ${p50} | ${p95} | ${worst} |`,
    "",
  );
  console.log(`switch: ${p50} / ${p95} / ${worst} ms, ${times.length} of 40`);
}

if (only.has("rooms")) {
  lines.push("### One meeting, every room sends 30 packets a second and sees the speaker, plain RTP", "");
  lines.push("| rooms | packets in | packets out | µs CPU a packet | share of a core |", "|---|---|---|---|---|");
  for (const count of [10, 25, 50, 100]) {
    const { packetsIn, packetsOut, micros, core } = await measureRooms(count, seconds);
    lines.push(`| ${count} | ${packetsIn} | ${packetsOut} | ${micros.toFixed(2)} | ${(100 * core).toFixed(1)} % |`);
    console.log(`${count} rooms: ${micros.toFixed(2)} us a packet, ${packetsIn} in, ${packetsOut} out`);
  }
  lines.push("");
}

const head = [
  `## ${new Date().toISOString().slice(0, 10)}`,
  "",
  `\`node bench/video-relay/run.ts ${process.argv.slice(2).join(" ")}\`, Node.js ${process.versions.node}, ${cpus().length} x ${cpus()[0]!.model.trim()}`,
  "",
];
const table = [...head, ...lines].join("\n");
console.log(`\n${table}`);
if (values.write) appendFileSync(new URL("../results/video-relay.md", import.meta.url), `\n${table}`);
