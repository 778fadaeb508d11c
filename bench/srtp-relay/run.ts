import { execFileSync, spawnSync } from "node:child_process";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { appendFileSync } from "node:fs";
import { cpus } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { SrtpReceiver, srtpFailureName } from "../../src/srtp/index.ts";
import { buildRtp } from "../../src/wire/rtp/index.ts";
import { startOurs } from "./ours.ts";
import { cpuNanoseconds, type Relay, type RelayTask } from "./relay.ts";
import { startReference } from "./rtpengine.ts";

const { values } = parseArgs({
  options: {
    suite: { type: "string", default: "AEAD_AES_256_GCM" },
    flows: { type: "string", default: "200" },
    rate: { type: "string", default: "10000" },
    seconds: { type: "string", default: "8" },
    rounds: { type: "string", default: "3" },
    write: { type: "boolean", default: false },
  },
});
const flowCount = Number(values.flows);
const rate = Number(values.rate);
const PAYLOAD = Buffer.alloc(160, 0xd5);
const TICK_MS = 2;

/** A sample is enough: checking every packet would make the load the bottleneck. */
const CHECK_EVERY = 50;

class Load {
  received = 0;
  checked = 0;
  readonly sink: Socket;
  readonly sources: Socket[] = [];
  #receivers = new Map<number, SrtpReceiver>();
  #scratch = Buffer.alloc(2048);
  #sequence = 0;

  constructor() {
    this.sink = createSocket({ type: "udp4", recvBufferSize: 4 << 20 });
    this.sink.on("message", (packet) => {
      if (++this.received % CHECK_EVERY === 0) this.#check(packet);
    });
  }

  async open(): Promise<void> {
    this.sink.bind(0, "127.0.0.1");
    await once(this.sink, "listening");
    for (let i = 0; i < flowCount; i++) {
      const source = createSocket({ type: "udp4", lookup: (host, _, callback) => callback(null, host, 4) });
      const listening = once(source, "listening");
      source.bind(0, "127.0.0.1");
      await listening;
      this.sources.push(source);
    }
  }

  /** Sends at the rate for a time, in bursts of 2 ms; the CPU time the relay took and the packets that arrived. */
  async run(relay: Relay, seconds: number): Promise<{ sent: number; received: number; cpu: number }> {
    this.#receivers = new Map(relay.flows.map(({ keying }, i) => [ssrcOf(i), new SrtpReceiver(keying)]));
    const before = { received: this.received, cpu: cpuNanoseconds(relay.pid) };
    const start = performance.now();
    let sent = 0;
    while (performance.now() - start < seconds * 1000) {
      const due = Math.floor(((performance.now() - start) / 1000) * rate);
      for (; sent < due; sent++) this.#send(relay, sent % flowCount);
      await sleep(TICK_MS);
    }
    // What is still under way belongs to this run.
    for (let seen = -1; seen !== this.received; await sleep(300)) seen = this.received;
    return { sent, received: this.received - before.received, cpu: cpuNanoseconds(relay.pid) - before.cpu };
  }

  #send(relay: Relay, flow: number): void {
    if (flow === 0) this.#sequence++;
    const fields = { payloadType: 0, sequenceNumber: this.#sequence & 0xffff, timestamp: this.#sequence * 160, ssrc: ssrcOf(flow) };
    this.sources[flow]!.send(buildRtp(fields, PAYLOAD), relay.flows[flow]!.port, "127.0.0.1");
  }

  #check(packet: Buffer): void {
    const receiver = this.#receivers.get(packet.readUInt32BE(8));
    const length = receiver?.unprotectRtp(packet, this.#scratch) ?? -1;
    if (length !== 172 || !this.#scratch.subarray(12, 172).equals(PAYLOAD))
      throw new Error(`wrong packet: ${srtpFailureName(length) ?? length}`);
    this.checked++;
  }

  close(): void {
    for (const socket of [this.sink, ...this.sources]) socket.close();
  }
}

function ssrcOf(flow: number): number {
  return 0x10000 + flow;
}

async function measure(start: (task: RelayTask) => Promise<Relay>): Promise<{ name: string; micros: number; lost: number }> {
  const load = new Load();
  await load.open();
  const sourcePorts = load.sources.map((source) => source.address().port);
  const relay = await start({ suite: values.suite, flows: flowCount, sinkPort: load.sink.address().port, sourcePorts });
  try {
    execFileSync("taskset", ["-acp", "0", String(relay.pid)]);
    await load.run(relay, 2);
    const { sent, received, cpu } = await load.run(relay, Number(values.seconds));
    if (load.checked === 0) throw new Error(`nothing came out of ${relay.name}`);
    return { name: relay.name, micros: cpu / received / 1000, lost: sent - received };
  } finally {
    await relay.stop();
    load.close();
  }
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)]!;
}

execFileSync("taskset", ["-acp", "1", String(process.pid)]);
const starts = [startOurs];
if (spawnSync("rtpengine", ["--version"]).error) console.log("rtpengine is not installed: ours alone");
else starts.push(startReference);

const results = new Map<string, { micros: number[]; lost: number }>();
for (let round = 0; round < Number(values.rounds); round++) {
  for (const start of starts) {
    const { name, micros, lost } = await measure(start);
    const entry = results.get(name) ?? { micros: [], lost: 0 };
    results.set(name, { micros: [...entry.micros, micros], lost: entry.lost + lost });
    console.log(`round ${round + 1} ${name}: ${micros.toFixed(2)} us a packet, ${lost} lost`);
  }
}

const reference = results.get("rtpengine");
const rows = [...results].map(([name, { micros, lost }]) => {
  const ratio = reference ? (median(micros) / median(reference.micros)).toFixed(2) : "-";
  return `| ${name} | ${median(micros).toFixed(2)} | ${micros.map((m) => m.toFixed(1)).join(", ")} | ${ratio} | ${lost} |`;
});
const table = [
  `## ${new Date().toISOString().slice(0, 10)}: ${values.suite}, ${values.flows} flows, ${values.rate} packets/s of 172 bytes`,
  "",
  `\`node bench/srtp-relay/run.ts ${process.argv.slice(2).join(" ")}\`, Node.js ${process.versions.node}, ${cpus().length} x ${cpus()[0]!.model.trim()}`,
  "",
  "| relay | µs CPU a packet (median) | rounds | times rtpengine | lost |",
  "|---|---|---|---|---|",
  ...rows,
  "",
].join("\n");
console.log(`\n${table}`);
if (values.write) appendFileSync(new URL("../results/srtp-relay.md", import.meta.url), `\n${table}`);
