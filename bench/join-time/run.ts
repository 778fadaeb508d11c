/**
 * INVITE to 200 and INVITE to the first sample of the first prompt, at 5 calls/s: the gateway on its embedded engines, and the same
 * application on drachtio-server and FreeSWITCH where the environment names these programs.
 *
 *   node bench/join-time/run.ts [--seconds 20]
 *   DRACHTIO=/path/to/drachtio FREESWITCH=/path/to/freeswitch node bench/join-time/run.ts
 */
import { execFileSync } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { openSipEndpoint } from "../../src/io/sip/endpoint.ts";
import { startCrosspoint } from "../../test/support/crosspoint.ts";
import { type CallTimes, placeCall } from "../support/caller.ts";
import { quantile } from "../support/statistics.ts";

const { values } = parseArgs({ options: { seconds: { type: "string", default: "20" }, row: { type: "boolean", default: false } } });
const calls = Number(values.seconds) * 5;

interface Row {
  readonly answered: readonly number[];
  readonly sound: readonly number[];
  readonly failed: number;
}

async function measure(): Promise<Row> {
  const gateway = await startCrosspoint({ port: 18_900, mediaPort: 35_000 });
  const endpoint = await openSipEndpoint({ host: "127.0.0.1", port: 0, onInvite: (session, now) => session.reject(now, 486) });
  const one = (): Promise<CallTimes | undefined> => placeCall(endpoint, `sip:2000@${gateway.sip}`, 1500).catch(() => undefined);
  // The first calls load and compile.
  for (let index = 0; index < 5; index++) await one();
  const running: Promise<CallTimes | undefined>[] = [];
  for (let index = 0; index < calls; index++) {
    running.push(one());
    await delay(200);
  }
  const times = (await Promise.all(running)).filter((time) => time !== undefined);
  await endpoint.close();
  await gateway.stop();
  return {
    answered: times.map((time) => time.answered),
    sound: times.flatMap((time) => (time.firstSound === undefined ? [] : [time.firstSound])),
    failed: calls - times.length,
  };
}

/** Which engines are used is settled when a process starts: each row is a process of its own. */
function rowOf(env: NodeJS.ProcessEnv): Row {
  const output = execFileSync(process.execPath, [import.meta.filename, "--row", "--seconds", values.seconds], {
    env,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  return JSON.parse(output.trim().split("\n").at(-1)!) as Row;
}

if (values.row) {
  console.log(JSON.stringify(await measure()));
  process.exit(0);
}

const { DRACHTIO, FREESWITCH, ...bare } = process.env;
const rows: { name: string; row: Row }[] = [];
if (DRACHTIO !== undefined && FREESWITCH !== undefined) rows.push({ name: "drachtio-server and FreeSWITCH", row: rowOf(process.env) });
rows.push({ name: "embedded engines", row: rowOf(bare) });
console.log(`${new Date().toISOString().slice(0, 10)}, ${calls} calls at 5/s, Node.js ${process.version}\n`);
console.log(
  "| engines | failed | INVITE to 200, p50 / p95 ms | INVITE to first prompt sample, p50 / p95 ms | without sound |\n|---|---|---|---|---|",
);
const both = (list: readonly number[]) => `${quantile(list, 0.5).toFixed(1)} / ${quantile(list, 0.95).toFixed(1)}`;
for (const { name, row } of rows)
  console.log(`| ${name} | ${row.failed} | ${both(row.answered)} | ${both(row.sound)} | ${row.answered.length - row.sound.length} |`);
if (rows.length === 2) {
  const ratio = (pick: (row: Row) => readonly number[]) =>
    (quantile(pick(rows[1]!.row), 0.95) / quantile(pick(rows[0]!.row), 0.95)).toFixed(2);
  console.log(`\nratio of p95, embedded / real: answer ${ratio((row) => row.answered)}, first sample ${ratio((row) => row.sound)}`);
}
