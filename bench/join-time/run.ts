/**
 * INVITE to 200 and INVITE to the first sample of the first prompt, at 5 calls/s: the gateway on its embedded engines, and the same
 * application on drachtio-server and FreeSWITCH where their addresses are given.
 *
 *   node bench/join-time/run.ts [--seconds 20]
 *   DRACHTIO_ADDRESS=127.0.0.1:9022 DRACHTIO_SECRET=... DRACHTIO_SIP=127.0.0.1:5060 FREESWITCH_ADDRESS=127.0.0.1:8021 FREESWITCH_PASSWORD=... node bench/join-time/run.ts
 */
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { openSipEndpoint } from "../../src/io/sip-endpoint.ts";
import { startCrosspoint } from "../../test/support/crosspoint.ts";
import { type CallTimes, placeCall } from "../support/caller.ts";
import { quantile } from "../support/statistics.ts";

const { values } = parseArgs({ options: { seconds: { type: "string", default: "20" } } });
const calls = Number(values.seconds) * 5;

interface Row {
  readonly name: string;
  readonly answered: number[];
  readonly sound: number[];
  readonly failed: number;
}

async function measure(name: string, real: boolean): Promise<Row> {
  const saved = { drachtio: process.env["DRACHTIO_ADDRESS"], freeswitch: process.env["FREESWITCH_ADDRESS"] };
  if (!real) {
    delete process.env["DRACHTIO_ADDRESS"];
    delete process.env["FREESWITCH_ADDRESS"];
  }
  const gateway = await startCrosspoint({ port: 15_800, mediaPort: 35_000 + (real ? 500 : 0) });
  const target = real ? (process.env["DRACHTIO_SIP"] ?? "127.0.0.1:5060") : gateway.sip;
  const endpoint = await openSipEndpoint({ host: "127.0.0.1", port: 0, onInvite: (session, now) => session.reject(now, 486) });
  const one = () => placeCall(endpoint, `sip:2000@${target}`, 1500);
  await one();
  await one();
  const running: Promise<CallTimes | undefined>[] = [];
  for (let index = 0; index < calls; index++) {
    running.push(one().catch(() => undefined));
    await delay(200);
  }
  const times = (await Promise.all(running)).filter((time) => time !== undefined);
  await endpoint.close();
  await gateway.stop();
  if (saved.drachtio !== undefined) process.env["DRACHTIO_ADDRESS"] = saved.drachtio;
  if (saved.freeswitch !== undefined) process.env["FREESWITCH_ADDRESS"] = saved.freeswitch;
  return {
    name,
    answered: times.map((time) => time.answered),
    sound: times.flatMap((time) => (time.firstSound === undefined ? [] : [time.firstSound])),
    failed: calls - times.length,
  };
}

const rows: Row[] = [];
if (process.env["DRACHTIO_ADDRESS"] !== undefined && process.env["FREESWITCH_ADDRESS"] !== undefined)
  rows.push(await measure("drachtio-server and FreeSWITCH", true));
rows.push(await measure("embedded engines", false));
console.log(`${new Date().toISOString().slice(0, 10)}, ${calls} calls at 5/s, Node.js ${process.version}\n`);
console.log(
  "| engines | failed | INVITE to 200, p50 / p95 ms | INVITE to first prompt sample, p50 / p95 ms | without sound |\n|---|---|---|---|---|",
);
const both = (list: number[]) => `${quantile(list, 0.5).toFixed(1)} / ${quantile(list, 0.95).toFixed(1)}`;
for (const row of rows)
  console.log(`| ${row.name} | ${row.failed} | ${both(row.answered)} | ${both(row.sound)} | ${row.answered.length - row.sound.length} |`);
if (rows.length === 2) {
  const ratio = (pick: (row: Row) => number[]) => (quantile(pick(rows[1]!), 0.95) / quantile(pick(rows[0]!), 0.95)).toFixed(2);
  console.log(`\nratio of p95, embedded / real: answer ${ratio((row) => row.answered)}, first sample ${ratio((row) => row.sound)}`);
}
process.exit(0);
