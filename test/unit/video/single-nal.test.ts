import { describe, expect, test } from "vitest";
import { LONGEST_UNIT } from "../../../src/video/send/single-nal.ts";
import type { RtpPacket } from "../../../src/wire/rtp/index.ts";
import { type Endpoint, h264, PPS, SPS, TestRelay } from "./helpers.ts";

/** A sender of mode 1 and a receiver of mode 0. */
function pair(): { relay: TestRelay; a: Endpoint; b: Endpoint } {
  const relay = new TestRelay();
  const a = relay.participant("a");
  const b = relay.endpoint("b", { codecs: [h264({ packetizationMode: 0 })] });
  relay.engine.join("m", 90, "b");
  relay.engine.arrange(90, [{ lineId: "b", brings: "camera", shows: { kind: "speaker", rank: 0 } }], relay.now);
  return { relay, a, b };
}

function aggregate(...units: readonly Buffer[]): Buffer {
  return Buffer.concat([Buffer.from([0x78]), ...units.flatMap((unit) => [Buffer.from([unit.length >> 8, unit.length]), unit])]);
}

/** A NAL unit in fragments of `size`. */
function fragments(unit: Buffer, size: number): Buffer[] {
  const parts: Buffer[] = [];
  for (let at = 1; at < unit.length; at += size) {
    const bits = (at === 1 ? 0x80 : 0) | (at + size >= unit.length ? 0x40 : 0) | (unit[0]! & 0x1f);
    parts.push(Buffer.concat([Buffer.from([(unit[0]! & 0xe0) | 28, bits]), unit.subarray(at, at + size)]));
  }
  return parts;
}

function unit(header: number, size: number, seed = 3): Buffer {
  const bytes = Buffer.alloc(size, seed);
  bytes[0] = header;
  bytes[1] = 0x88;
  return bytes;
}

function consecutive(packets: readonly RtpPacket[]): void {
  for (const [i, packet] of packets.slice(1).entries()) expect((packet.sequenceNumber - packets[i]!.sequenceNumber) & 0xffff).toBe(1);
}

describe("from packetization mode 1 to 0", () => {
  test("aggregates are split and fragments put together, markers where pictures end", () => {
    const { a, b } = pair();
    const idr = unit(0x65, 3000);
    a.payload(aggregate(SPS, PPS, unit(0x06, 20)));
    const parts = fragments(idr, 1000);
    for (const [i, part] of parts.entries()) a.payload(part, i === parts.length - 1);
    const packets = b.take();
    // The sets before the switch are sent anew, what else was aggregated with them is not needed.
    expect(packets.map(({ payload }) => payload[0]! & 0x1f)).toEqual([7, 8, 5]);
    expect(Buffer.compare(packets[2]!.payload, idr)).toBe(0);
    expect(packets.map(({ marker }) => marker)).toEqual([false, false, true]);
    a.timestamp += 3000;
    a.payload(aggregate(unit(0x41, 30), unit(0x41, 40)), true);
    const next = b.take();
    expect(next.map(({ payload, marker }) => [payload.length, marker])).toEqual([
      [30, false],
      [40, true],
    ]);
    consecutive([...packets, ...next]);
  });

  test("a unit too long for a datagram stays in fragments", () => {
    const { a, b } = pair();
    const idr = unit(0x65, LONGEST_UNIT + 3000);
    const parts = fragments(idr, 1100);
    for (const [i, part] of parts.entries()) a.payload(part, i === parts.length - 1);
    const packets = b.take().filter(({ payload }) => (payload[0]! & 0x1f) === 28);
    const joined = Buffer.concat([idr.subarray(0, 1), ...packets.map(({ payload }) => payload.subarray(2))]);
    expect(Buffer.compare(joined, idr)).toBe(0);
    expect(packets.map(({ payload }) => payload[1]! & 0xc0).filter((bits) => bits !== 0)).toEqual([0x80, 0x40]);
    expect(packets.at(-1)!.marker).toBe(true);
    consecutive(packets);
  });

  test("reordered fragments wait for each other", () => {
    const { a, b } = pair();
    a.picture("key");
    b.take();
    a.timestamp += 3000;
    const slice = unit(0x41, 2500);
    const [one, two, three] = fragments(slice, 1000);
    const first = a.sequence;
    a.payload(three!, true, { sequence: first + 2 });
    a.payload(one!, false, { sequence: first });
    a.payload(two!, false, { sequence: first + 1 });
    const packets = b.take();
    expect(packets).toHaveLength(1);
    expect(Buffer.compare(packets[0]!.payload, slice)).toBe(0);
  });

  test("a lost fragment costs its unit only, and leaves a gap that tells", () => {
    const { relay, a, b } = pair();
    a.picture("key");
    const before = b.take().at(-1)!;
    a.timestamp += 3000;
    const [one, , three] = fragments(unit(0x41, 2500), 1000);
    a.payload(one!);
    a.sequence++;
    a.payload(three!, true);
    a.picture("delta");
    expect(b.take()).toEqual([]);
    relay.advance(200);
    const packets = b.take();
    expect(packets).toHaveLength(1);
    expect((packets[0]!.sequenceNumber - before.sequenceNumber) & 0xffff).toBe(2);
  });

  test("parameter sets are sent again before a key frame that lacks them", () => {
    const { a, b } = pair();
    a.picture("key");
    a.picture("bare");
    expect(b.take().map(({ payload }) => payload[0]! & 0x1f)).toEqual([7, 8, 5, 7, 8, 5]);
  });

  test("who says mode 0 and sends fragments gets fragments", () => {
    const { a, b } = pair();
    for (const part of fragments(unit(0x65, 2000), 1000)) b.payload(part);
    for (const part of fragments(unit(0x65, 2000), 1000)) a.payload(part);
    expect(b.take().map(({ payload }) => payload[0]! & 0x1f)).toEqual([28, 28]);
  });
});
