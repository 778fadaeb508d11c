import { expect, test } from "vitest";
import { writeRtcp } from "../../../src/wire/rtcp/index.ts";
import { sequenceDistance, writeUint32 } from "../../../src/wire/rtp/index.ts";
import { random } from "../../support/mutate.ts";
import { type Endpoint, TestRelay } from "./helpers.ts";

const repairing = { nack: true, pli: true, fir: false, tmmbr: false, remb: false };
const ONE_WAY_MS = 20;

/** Far ends behind a network that loses, delays and reorders, seeded; both answer NACKs and ask by them. */
class Network {
  readonly relay = new TestRelay();
  readonly a = this.relay.participant("a", { feedback: repairing });
  readonly b = this.relay.participant("b", { feedback: repairing });
  /** Pictures' numbers that b has whole, in the order of their packets' sequence numbers. */
  readonly #received = new Map<number, number>();
  readonly #next = random(2026);
  readonly #loss: number;
  readonly #sent = new Map<number, Buffer>();
  #first = -1;
  #highest = -1;
  #queue: { at: number; run: () => void }[] = [];
  #picture = 0;

  constructor(loss: number) {
    this.#loss = loss;
  }

  /** Calls `arrive` after the way's time, or never. */
  #travel(arrive: () => void): void {
    if (this.#next() < this.#loss) return;
    this.#queue.push({ at: this.relay.now + ONE_WAY_MS + this.#next() * 8, run: arrive });
  }

  /** Five packets of a picture from a. */
  send(key: boolean): void {
    const { a } = this;
    a.timestamp += 3000;
    this.#picture++;
    for (let i = 0; i < 5; i++) {
      const payload = Buffer.alloc(200, 1);
      payload[0] = key && i === 0 ? 0x65 : 0x41;
      payload[1] = i === 0 ? 0x88 : 0x08;
      writeUint32(payload, 4, this.#picture);
      const sequence = a.sequence++ & 0xffff;
      const packet = Buffer.alloc(12 + payload.length);
      packet[0] = 0x80;
      packet[1] = 96 | (i === 4 ? 0x80 : 0);
      packet.writeUInt16BE(sequence, 2);
      writeUint32(packet, 4, a.timestamp >>> 0);
      writeUint32(packet, 8, a.ssrc);
      payload.copy(packet, 12);
      this.#sent.set(sequence, packet);
      this.#travel(() => a.datagram(packet));
    }
  }

  step(): void {
    const { a, b, relay } = this;
    relay.advance(5);
    const due = this.#queue.filter(({ at }) => at <= relay.now).sort((x, y) => x.at - y.at);
    this.#queue = this.#queue.filter(({ at }) => at > relay.now);
    for (const { run } of due) run();
    for (const request of a.takeRtcp("nack"))
      if (request.kind === "nack")
        for (const lost of request.lost) {
          const packet = this.#sent.get(lost);
          if (packet) this.#travel(() => a.datagram(packet));
        }
    for (const packet of b.take()) this.#travel(() => this.#receive(packet.sequenceNumber, packet.payload));
    if (relay.now % 40 < 5) this.#ask(b);
  }

  #receive(sequence: number, payload: Uint8Array): void {
    if (this.#first < 0) this.#first = this.#highest = sequence;
    this.#highest += Math.max(0, sequenceDistance(this.#highest & 0xffff, sequence));
    this.#received.set(sequence, Buffer.from(payload).readUInt32BE(4));
  }

  /** b asks for what it misses, as a receiver does. */
  #ask(b: Endpoint): void {
    const lost = this.missing();
    if (lost.length === 0) return;
    const request = writeRtcp([{ kind: "nack", ssrc: 1, mediaSsrc: b.line.viewer.ssrc, lost }]);
    this.#travel(() => b.datagram(request, b.port + 1, true));
  }

  missing(): number[] {
    if (this.#first < 0) return [];
    const count = this.#highest - this.#first + 1;
    return Array.from({ length: count }, (_, i) => (this.#first + i) & 0xffff).filter((sequence) => !this.#received.has(sequence));
  }

  get received(): number {
    return this.#received.size;
  }
}

test.each([0.02, 0.1])("a share of %f lost each way is repaired on both, by NACKs alone", (loss) => {
  const network = new Network(loss);
  for (let frame = 0; frame < 300; frame++) {
    network.send(frame % 30 === 0);
    for (let i = 0; i < 7; i++) network.step();
  }
  for (let i = 0; i < 60; i++) network.step();
  expect(network.received).toBeGreaterThan(270 * 5);
  expect(network.missing()).toEqual([]);
  const { lossPercent } = network.a.line.stats(network.relay.now);
  expect(lossPercent).toBeLessThan(1);
});
