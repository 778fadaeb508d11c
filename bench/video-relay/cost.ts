import { execFileSync, fork } from "node:child_process";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { SrtpReceiver, srtpFailureName } from "../../src/srtp/index.ts";
import { buildRtp, isRtcp } from "../../src/wire/rtp/index.ts";
import { keyingOf } from "../srtp-relay/ours.ts";
import { cpuNanoseconds, type Relay, type RelayTask } from "../srtp-relay/relay.ts";
import { quantile } from "../support/statistics.ts";

export const SUITE = "AEAD_AES_256_GCM";
/** Whole RTP packets. */
export const PACKET_BYTES = 1100;
/** 2 Mbit/s of them. */
export const PACKETS_PER_SECOND = 2_000_000 / 8 / PACKET_BYTES;
const PAYLOAD = PACKET_BYTES - 12;
const TICK_MS = 2;
const CHECK_EVERY = 50;

/** Our relay in a process of its own. */
export async function startOurs(task: RelayTask): Promise<Relay> {
  const worker = fork(new URL("./ours-worker.ts", import.meta.url), [JSON.stringify(task)]);
  const [flows] = (await once(worker, "message")) as [{ port: number; crypto: string }[]];
  return {
    name: "crosspoint",
    pid: worker.pid!,
    flows: flows.map(({ port, crypto }) => ({ port, keying: keyingOf(crypto) })),
    async stop() {
      worker.disconnect();
      await once(worker, "exit");
    },
  };
}

/** Measured of one relay at one load. */
export interface Cost {
  readonly name: string;
  /** CPU a packet, microseconds. */
  readonly micros: number;
  readonly sent: number;
  readonly lost: number;
  /** Milliseconds from sending to arrival. */
  readonly delays: { readonly p50: number; readonly p95: number; readonly p99: number };
}

class Load {
  received = 0;
  checked = 0;
  delays: number[] = [];
  readonly sink: Socket = createSocket({ type: "udp4", recvBufferSize: 8 << 20 });
  readonly sources: Socket[] = [];
  readonly #flows: number;
  #receivers: SrtpReceiver[] = [];
  readonly #scratch = Buffer.alloc(2048);
  readonly #payload = Buffer.alloc(PAYLOAD, 0x55);
  #sequence = 0;
  #sources = new Map<number, number>();

  constructor(flows: number) {
    this.#flows = flows;
    this.sink.on("message", (packet) => {
      if (!isRtcp(packet) && ++this.received % CHECK_EVERY === 0) this.#check(packet);
    });
  }

  async open(): Promise<void> {
    this.sink.bind(0, "127.0.0.1");
    await once(this.sink, "listening");
    for (let i = 0; i < this.#flows; i++) {
      const source = createSocket({ type: "udp4", lookup: (_, __, callback) => callback(null, "127.0.0.1", 4) });
      const listening = once(source, "listening");
      source.bind(0, "127.0.0.1");
      await listening;
      this.sources.push(source);
    }
  }

  /** Begins each flow with a key frame, which our relay waits for. */
  begin(relay: Relay): void {
    this.#receivers = relay.flows.map(({ keying }) => new SrtpReceiver(keying));
    for (let flow = 0; flow < this.#flows; flow++) this.#send(relay, flow, 0x65);
  }

  async run(relay: Relay, seconds: number): Promise<{ sent: number; received: number; cpu: number }> {
    const before = { received: this.received, cpu: cpuNanoseconds(relay.pid) };
    const rate = PACKETS_PER_SECOND * this.#flows;
    const start = performance.now();
    this.delays = [];
    let sent = 0;
    while (performance.now() - start < seconds * 1000) {
      const due = Math.floor(((performance.now() - start) / 1000) * rate);
      for (; sent < due; sent++) this.#send(relay, sent % this.#flows, 0x41);
      await sleep(TICK_MS);
    }
    for (let seen = -1; seen !== this.received; await sleep(300)) seen = this.received;
    return { sent, received: this.received - before.received, cpu: cpuNanoseconds(relay.pid) - before.cpu };
  }

  #send(relay: Relay, flow: number, nal: number): void {
    if (flow === 0) this.#sequence++;
    this.#payload[0] = nal;
    this.#payload[1] = 0x88;
    this.#payload.writeUInt32BE(flow, 4);
    this.#payload.writeDoubleBE(performance.now(), 8);
    const fields = { payloadType: 0, sequenceNumber: this.#sequence & 0xffff, timestamp: this.#sequence * 3000, ssrc: 0x10000 + flow };
    this.sources[flow]!.send(buildRtp(fields, this.#payload), relay.flows[flow]!.port, "127.0.0.1");
  }

  #check(packet: Buffer): void {
    const now = performance.now();
    const ssrc = packet.readUInt32BE(8);
    const known = this.#sources.get(ssrc);
    for (let flow = known ?? 0; flow < this.#flows; flow++) {
      const length = this.#receivers[flow]!.unprotectRtp(packet, this.#scratch);
      if (length < 0 && known === undefined) continue;
      this.#sources.set(ssrc, flow);
      if (length !== PACKET_BYTES || this.#scratch.readUInt32BE(16) !== flow || this.#scratch[1000] !== 0x55)
        throw new Error(`wrong packet: ${srtpFailureName(length) ?? length}`);
      this.delays.push(now - this.#scratch.readDoubleBE(20));
      this.checked++;
      return;
    }
    throw new Error("a packet of no flow's key");
  }

  close(): void {
    for (const socket of [this.sink, ...this.sources]) socket.close();
  }
}

/** Runs one relay under the load. */
export async function measureCost(start: (task: RelayTask) => Promise<Relay>, flows: number, seconds: number): Promise<Cost> {
  const load = new Load(flows);
  await load.open();
  const sourcePorts = load.sources.map((source) => source.address().port);
  const relay = await start({ suite: SUITE, flows, sinkPort: load.sink.address().port, sourcePorts });
  try {
    execFileSync("taskset", ["-acp", "0", String(relay.pid)]);
    load.begin(relay);
    await load.run(relay, 2);
    const { sent, received, cpu } = await load.run(relay, seconds);
    if (load.checked === 0) throw new Error(`nothing came out of ${relay.name}`);
    const { delays } = load;
    return {
      name: relay.name,
      micros: cpu / received / 1000,
      sent,
      lost: sent - received,
      delays: { p50: quantile(delays, 0.5), p95: quantile(delays, 0.95), p99: quantile(delays, 0.99) },
    };
  } finally {
    await relay.stop();
    load.close();
  }
}
