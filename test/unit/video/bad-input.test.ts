import { describe, expect, test } from "vitest";
import { writeRtcp } from "../../../src/wire/rtcp/index.ts";
import { buildRtp } from "../../../src/wire/rtp/index.ts";
import { random } from "../../support/mutate.ts";
import { h264, PPS, SPS, TestRelay } from "./helpers.ts";

const types = (packets: readonly { payload: Uint8Array }[]) => packets.map(({ payload }) => payload[0]! & 0x1f);

describe("missing parameter sets", () => {
  test("sets sent once are sent again before a key frame that comes without them", () => {
    const relay = new TestRelay();
    const [a, b] = [relay.participant("a"), relay.participant("b")];
    a.picture("key");
    expect(types(b.take())).toEqual([7, 8, 5]);
    a.picture("delta");
    a.picture("bare");
    a.picture("delta");
    const packets = b.take();
    expect(types(packets)).toEqual([1, 7, 8, 5, 1]);
    for (const [i, packet] of packets.slice(1).entries()) expect((packet.sequenceNumber - packets[i]!.sequenceNumber) & 0xffff).toBe(1);
    expect(new Set(packets.slice(1, 4).map(({ timestamp }) => timestamp)).size).toBe(1);
  });

  test("who switches to a sender later gets the sets it sent long ago", () => {
    const relay = new TestRelay();
    const a = relay.participant("a");
    a.picture("key");
    const b = relay.participant("b");
    a.picture("bare");
    expect(types(b.take())).toEqual([7, 8, 5]);
  });

  test("sets that stand in SDP only are sent before the first key frame", () => {
    const relay = new TestRelay();
    const parameterSets = `${SPS.toString("base64")},${PPS.toString("base64")}`;
    const [a, b] = [relay.participant("a", { codecs: [h264({ parameterSets })] }), relay.participant("b")];
    a.picture("bare");
    const packets = b.take();
    expect(types(packets)).toEqual([7, 8, 5]);
    expect(Buffer.compare(packets[0]!.payload, SPS)).toBe(0);
  });

  test("without any the key frame is forwarded: the receiver may know them from before", () => {
    const relay = new TestRelay();
    const [a, b] = [relay.participant("a"), relay.participant("b")];
    a.picture("bare");
    expect(types(b.take())).toEqual([5]);
  });
});

describe("fragments lost or reordered", () => {
  const fragment = (bits: number, size = 50) => Buffer.concat([Buffer.from([0x7c, bits]), Buffer.alloc(size, 0x88)]);

  test("a key frame whose first fragment is lost is not switched to, the next one is", () => {
    const relay = new TestRelay();
    const [a, b] = [relay.participant("a"), relay.participant("b")];
    a.payload(SPS);
    a.payload(PPS);
    a.sequence++;
    a.payload(fragment(0x05));
    a.payload(fragment(0x45), true);
    expect(b.take()).toEqual([]);
    a.timestamp += 3000;
    a.payload(fragment(0x85));
    a.payload(fragment(0x45), true);
    expect(types(b.take())).toEqual([7, 8, 28, 28]);
  });

  test("fragments that overtake the first of a key frame follow it, with their places kept", () => {
    const relay = new TestRelay();
    const [a, b] = [relay.participant("a"), relay.participant("b")];
    a.picture("delta");
    const first = a.sequence;
    a.timestamp += 3000;
    a.payload(fragment(0x05), false, { sequence: first + 1 });
    a.payload(fragment(0x85), false, { sequence: first });
    a.payload(fragment(0x45), true, { sequence: first + 2 });
    const packets = b.take();
    expect(packets.map(({ payload }) => payload[1])).toEqual([0x85, 0x05, 0x45]);
    expect(packets.map(({ sequenceNumber }) => (sequenceNumber - packets[0]!.sequenceNumber) & 0xffff)).toEqual([0, 1, 2]);
  });

  test("what is lost leaves its gap, what comes late fills it", () => {
    const relay = new TestRelay();
    const [a, b] = [relay.participant("a"), relay.participant("b")];
    a.picture("key");
    const [first] = b.take();
    const held = a.sequence++;
    a.payload(fragment(0x05));
    a.payload(fragment(0x85), false, { sequence: held });
    const late = b.take().map(({ sequenceNumber }) => (sequenceNumber - first!.sequenceNumber) & 0xffff);
    expect(late).toEqual([4, 3]);
  });

  test("a packet that comes twice is sent once", () => {
    const relay = new TestRelay();
    const [a, b] = [relay.participant("a"), relay.participant("b")];
    a.picture("key");
    b.take();
    const again = a.sequence;
    a.picture("delta");
    a.payload(Buffer.from([0x41, 0x88]), true, { sequence: again });
    expect(b.take()).toHaveLength(1);
  });
});

describe("key frame requests", () => {
  test("ignored ones are repeated at growing distances, by all means there are, without storm", () => {
    const relay = new TestRelay();
    const a = relay.participant("a", { feedback: { nack: false, pli: true, fir: true, tmmbr: false, remb: false } });
    relay.participant("b");
    const asked: number[] = [];
    for (let at = 0; at < 30_000; at += 100) {
      a.picture("delta");
      relay.advance(100);
      if (a.takeRtcp("pli").length > 0) asked.push(at);
    }
    expect(asked.length).toBeGreaterThanOrEqual(5);
    expect(asked.length).toBeLessThanOrEqual(8);
    expect(asked.at(-1)! - asked.at(-2)!).toBeGreaterThanOrEqual(7900);
    expect(a.events.filter(([name]) => name === "keyframe").length).toBeGreaterThan(1);
  });

  test("the old picture goes on while they are ignored; in the end the new one is shown as it is", () => {
    const relay = new TestRelay();
    const [a, b, c] = [relay.participant("a"), relay.participant("b"), relay.participant("c")];
    a.picture("key");
    relay.engine.speaker("m", "b", relay.now);
    const seen = () =>
      c
        .take()
        .map(({ payload }) => payload[50])
        .filter((from) => from !== undefined);
    seen();
    const run = (ms: number) => {
      for (let at = 0; at < ms; at += 100) {
        relay.advance(100);
        a.picture("delta");
        b.picture("delta");
      }
    };
    run(9000);
    expect(new Set(seen())).toEqual(new Set([a.port & 0xff]));
    run(2000);
    expect(seen().at(-1)).toBe(b.port & 0xff);
  });

  test("many receivers' are merged into one, a moment later into the next", () => {
    const relay = new TestRelay();
    const a = relay.participant("a");
    const others = ["b", "c", "d", "e"].map((id) => relay.participant(id));
    a.picture("key");
    relay.advance(1000);
    a.takeRtcp();
    for (let round = 0; round < 10; round++) {
      for (const other of others)
        other.datagram(writeRtcp([{ kind: "pli", ssrc: other.ssrc, mediaSsrc: other.line.viewer.ssrc }]), other.port + 1, true);
      relay.advance(20);
    }
    expect(a.takeRtcp("pli")).toHaveLength(1);
    a.picture("key");
    others[0]!.datagram(
      writeRtcp([{ kind: "fir", ssrc: 1, mediaSsrc: 0, entries: [{ ssrc: others[0]!.line.viewer.ssrc, sequence: 1 }] }]),
      others[0]!.port + 1,
      true,
    );
    relay.advance(600);
    expect(a.takeRtcp("pli").length).toBeGreaterThanOrEqual(1);
  });

  test("a sender without RTCP feedback is asked by signalling, once a second at most", () => {
    const relay = new TestRelay();
    const a = relay.participant("a", { feedback: { nack: false, pli: false, fir: false, tmmbr: false, remb: false } });
    relay.participant("b");
    for (let i = 0; i < 20; i++) {
      a.picture("delta");
      relay.advance(50);
    }
    expect(a.events).toEqual([["keyframe"]]);
    expect(a.takeRtcp("pli")).toEqual([]);
  });
});

describe("floods", () => {
  test("a sender at ten times its rate is cut, the others go on, and he is let in again", () => {
    const relay = new TestRelay();
    const a = relay.participant("a", { receiveBitrate: 500_000 });
    const [b, c] = [relay.participant("b"), relay.participant("c")];
    relay.engine.speaker("m", "a", relay.now);
    const second = (kilobits: number) => {
      for (let i = 0; i < 50; i++) {
        relay.advance(20);
        for (let sent = 0; sent < kilobits / 50; sent += 8) a.picture(sent === 0 && i % 25 === 0 ? "key" : "delta", 1000);
        if (i % 25 === 0) b.picture("key");
        else b.picture("delta");
      }
    };
    second(400);
    expect(relay.shown.findLast(({ lineId }) => lineId === "c")?.participantId).toBe("a");
    for (let i = 0; i < 4; i++) second(5000);
    expect(relay.shown.findLast(({ lineId }) => lineId === "c")?.participantId).toBe("b");
    const before = c.take().length;
    second(5000);
    // b's 50 pictures and their parameter sets, nothing of a's hundreds.
    expect(c.take().length).toBeLessThan(60);
    expect(before).toBeGreaterThan(0);
    for (let i = 0; i < 4; i++) second(400);
    expect(relay.shown.findLast(({ lineId }) => lineId === "c")?.participantId).toBe("a");
  });

  test("an RTCP storm costs a bounded number of answers", () => {
    const relay = new TestRelay();
    const [a, b] = [
      relay.participant("a"),
      relay.participant("b", { feedback: { nack: true, pli: true, fir: true, tmmbr: true, remb: true } }),
    ];
    a.picture("key");
    for (let i = 0; i < 20; i++) a.picture("delta", 1000);
    const [first] = b.take();
    b.takeRtcp();
    a.takeRtcp();
    const lost = Array.from({ length: 20 }, (_, i) => (first!.sequenceNumber + i) & 0xffff);
    const { ssrc } = b.line.viewer;
    const storm = writeRtcp([
      { kind: "nack", ssrc: 1, mediaSsrc: ssrc, lost },
      { kind: "pli", ssrc: 1, mediaSsrc: ssrc },
      { kind: "tmmbr", ssrc: 1, mediaSsrc: 0, entries: [{ ssrc, bitrate: 1_000_000, overhead: 40 }] },
    ]);
    for (let i = 0; i < 10_000; i++) {
      b.datagram(storm, b.port + 1, true);
      if (i % 200 === 199) relay.advance(20);
    }
    expect(b.take().length).toBeLessThan(300);
    expect(b.takeRtcp("tmmbn").length).toBeLessThan(250);
    expect(a.takeRtcp("pli").length).toBeLessThanOrEqual(3);
  });

  test("10,000 damaged datagrams change nothing for the others", () => {
    const relay = new TestRelay();
    const [a, b] = [relay.participant("a"), relay.participant("b")];
    const next = random(4);
    a.picture("key");
    const seeds = [
      buildRtp({ payloadType: 96, ssrc: a.ssrc, timestamp: 1, sequenceNumber: a.sequence }, SPS),
      writeRtcp([
        { kind: "remb", ssrc: 1, bitrate: 100_000, ssrcs: [1] },
        { kind: "nack", ssrc: 1, mediaSsrc: 2, lost: [1, 2, 3] },
      ]),
    ];
    for (let i = 0; i < 10_000; i++) {
      const bytes = Buffer.from(seeds[i % 2]!);
      for (let n = 0; n < 3; n++) bytes[Math.floor(next() * bytes.length)] = Math.floor(next() * 256);
      a.datagram(bytes.subarray(0, Math.floor(next() * bytes.length)), a.port, i % 4 === 1);
      a.datagram(bytes, a.port, i % 4 === 1);
      if (i % 100 === 0) relay.advance(20);
    }
    relay.advance(1000);
    for (let i = 0; i < 5; i++) a.picture("key");
    b.take();
    a.picture("delta");
    expect(b.take()).toHaveLength(1);
  });

  test("a stranger cannot take a plain line over, nor ask on its behalf", () => {
    const relay = new TestRelay();
    const [a, b] = [relay.participant("a"), relay.participant("b")];
    a.picture("key");
    b.picture("key");
    const before = b.take().length;
    for (let i = 0; i < 10; i++) {
      const fields = { payloadType: 96, ssrc: a.ssrc, timestamp: 5, sequenceNumber: a.sequence + i };
      a.datagram(buildRtp(fields, Buffer.from([0x41, 0x88])), 6666);
    }
    expect(before).toBe(3);
    expect(b.take()).toEqual([]);
    relay.advance(1000);
    a.picture("delta");
    expect(b.take()).toHaveLength(1);
  });
});
