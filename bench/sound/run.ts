/**
 * Speech through a conference: STOI, segmental SNR and mouth to ear, the embedded media server beside Asterisk's ConfBridge and FreeSWITCH in one run, by codec
 * and network. `node bench/sound/run.ts [--seconds 30] [--rounds 2] [--servers ...] [--codecs ...] [--networks ...] [--write]`
 */
import { spawnSync } from "node:child_process";
import { appendFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { loadOpus } from "../../src/audio/codecs.ts";
import { Resampler } from "../../src/audio/resampler.ts";
import { openSipEndpoint } from "../../src/io/index.ts";
import { pin } from "../conference/servers.ts";
import { quantile } from "../support/statistics.ts";
import { judge, type Verdict } from "./judge.ts";
import { NETWORKS, trace } from "./networks.ts";
import { CODECS, encode, Room } from "./room.ts";
import { asterisk, type Candidate, embedded, freeswitch } from "./servers.ts";
import { type Speech, speech, SPEECH_RATE } from "./speech.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "30" },
    rounds: { type: "string", default: "2" },
    /** Seconds of speech before the figures begin: jitter buffers have settled, code is compiled. */
    skip: { type: "string", default: "4" },
    servers: { type: "string", default: "embedded,asterisk,freeswitch" },
    codecs: { type: "string", default: Object.keys(CODECS).join(",") },
    networks: { type: "string", default: Object.keys(NETWORKS).join(",") },
    write: { type: "boolean", default: false },
  },
});
const seconds = Number(values.seconds);
const rounds = Number(values.rounds);
const skip = Number(values.skip);
const codecs = values.codecs.split(",");
const networks = values.networks.split(",");
const makers: Record<string, () => Promise<Candidate | undefined>> = { embedded, asterisk, freeswitch };
await loadOpus();

/** What a narrow codec can carry of it: the reference that the codec is judged by. */
function narrowed({ pcm, sentences }: Speech): Speech {
  const low = new Int16Array(pcm.length / 2);
  new Resampler(SPEECH_RATE, 8000).process(pcm.subarray(0, 2 * low.length), low);
  const padded = new Int16Array(low.length + 40);
  padded.set(low);
  const back = new Int16Array(2 * padded.length);
  new Resampler(8000, SPEECH_RATE).process(padded, back);
  // Both filters together are 80 samples late.
  return { pcm: back.slice(80), sentences };
}

const verdicts = new Map<string, Verdict[]>();
const key = (server: string, codec: string, network: string) => `${server}|${codec}|${network}`;
if (cpus().length > 1) pin(process.pid, 1);
realtime(process.pid, 10);

/** A process's threads go before all others of the machine, where that is allowed: on a busy one the figures would be the scheduler's. */
function realtime(pid: number, priority: number): void {
  const { status } = spawnSync("chrt", ["-a", "-r", "-p", String(priority), String(pid)], { stdio: "ignore" });
  if (status !== 0) console.log(`chrt is not allowed or not there: process ${pid} takes its turn with the others`);
}

async function measure(server: Candidate, round: number): Promise<number> {
  const sip = await openSipEndpoint({
    host: "127.0.0.1",
    port: 0,
    transports: ["udp"],
    onInvite: (session, now) => session.reject(now, 486),
  });
  const plain = speech(seconds, round * 5);
  const rooms: { room: Room; codec: string; network: string; said: Speech }[] = [];
  for (const codecName of codecs) {
    const codec = CODECS[codecName]!;
    const said = codec.rate === 8000 ? narrowed(plain) : plain;
    const payloads = await encode(codec, said);
    const [quiet] = await encode(codec, { pcm: new Int16Array(SPEECH_RATE / 50), sentences: [] });
    for (const [k, network] of networks.entries()) {
      const room = new Room(codec, payloads, quiet!, trace(network, payloads.length, 101 * round + k + 1), 1000 + 2 * rooms.length);
      await room.open(sip, `sip:conf-${codecName}-${round}${k}@${server.sip}`);
      rooms.push({ room, codec: codecName, network, said });
    }
  }
  const ticks = Math.floor(plain.pcm.length / (SPEECH_RATE / 50));
  // A second of warm-up: what a conference does when somebody comes is over.
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const began = performance.now();
  for (const { room } of rooms) room.begin(began);
  let late = 0;
  for (let tick = 0; tick < ticks; ) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    const now = performance.now();
    for (; tick < ticks && began + (tick + 1) * 20 <= now; tick++) {
      if (now - (began + (tick + 1) * 20) > 5) late++;
      for (const { room } of rooms) room.tick(tick);
    }
    for (const { room } of rooms) room.fly(now);
  }
  await new Promise((resolve) => setTimeout(resolve, 500));
  for (const { room } of rooms) room.close(sip.now());
  for (const { room, codec, network, said } of rooms) {
    const verdict = judge(said, await room.heard(), skip);
    const at = key(server.name, codec, network);
    verdicts.set(at, [...(verdicts.get(at) ?? []), verdict]);
  }
  await new Promise((resolve) => setTimeout(resolve, 500));
  await sip.close();
  for (const { room } of rooms) room.closeSockets();
  return late;
}

const names: string[] = [];
for (const name of values.servers.split(",")) {
  const server = await makers[name]?.();
  if (!server) {
    console.log(`${name}: not there, left out`);
    continue;
  }
  names.push(server.name);
  if (cpus().length > 1) pin(server.pid, 0);
  realtime(server.pid, 5);
  for (let round = 0; round < rounds; round++) {
    const late = await measure(server, round);
    console.log(`${server.name}, round ${round + 1}: ${late} late ticks of the generator`);
  }
  await server.stop();
}

const mean = (list: readonly number[]) => list.reduce((sum, v) => sum + v, 0) / list.length;
const head = `| codec | network | ${names.map((name) => `${name}: STOI (whole), SNR dB, p50 / p95 ms`).join(" | ")} |\n|---|---|${"---|".repeat(names.length)}`;
const lines: string[] = [];
for (const codec of codecs)
  for (const network of networks) {
    const cells = names.map((name) => {
      const list = verdicts.get(key(name, codec, network)) ?? [];
      const delays = list.flatMap((v) => v.delays);
      const figures = [mean(list.map((v) => v.stoi)), mean(list.map((v) => v.stoiWhole))].map((v) => v.toFixed(3));
      return `${figures[0]} (${figures[1]}), ${mean(list.map((v) => v.segmentalSnr)).toFixed(1)}, ${quantile(delays, 0.5).toFixed(0)} / ${quantile(delays, 0.95).toFixed(0)}`;
    });
    lines.push(`| ${codec} | ${network} | ${cells.join(" | ")} |`);
  }
console.log(`\n${head}\n${lines.join("\n")}`);
if (values.write) {
  const command = `node bench/sound/run.ts ${process.argv.slice(2).join(" ")}`;
  const title = `\n## ${new Date().toISOString().slice(0, 16).replace("T", " ")}\n\n\`${command}\`, Node.js ${process.versions.node}, ${cpus().length} x ${cpus()[0]?.model}\n\n`;
  appendFileSync(join(import.meta.dirname, "../results/sound.md"), `${title}${head}\n${lines.join("\n")}\n`);
}
process.exit(0);
