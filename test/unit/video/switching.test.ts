import { describe, expect, test } from "vitest";
import { TestRelay } from "./helpers.ts";

describe("switching", () => {
  test("a picture begins with parameter sets and a key frame, asked for at once", () => {
    const relay = new TestRelay();
    const [a, b] = [relay.participant("a"), relay.participant("b")];
    a.picture("delta");
    expect(b.take()).toEqual([]);
    relay.advance(20);
    expect(a.takeRtcp("pli")).toHaveLength(1);
    a.picture("key");
    const [sps, pps, idr] = b.take();
    expect([sps, pps, idr].map((packet) => packet!.payload[0])).toEqual([0x67, 0x68, 0x65]);
    expect(relay.shown).toEqual([{ meetingId: "m", lineId: "b", participantId: "a", stream: "camera" }]);
  });

  test("nobody sees himself, the others see who speaks", () => {
    const relay = new TestRelay();
    const [a, b, c] = [relay.participant("a"), relay.participant("b"), relay.participant("c")];
    relay.engine.speaker("m", "b", relay.now);
    for (const endpoint of [a, b, c]) endpoint.picture("key");
    for (const endpoint of [a, b, c]) endpoint.picture("delta");
    const seen = (packets: ReturnType<typeof a.take>) =>
      new Set(packets.filter(({ payload }) => payload.length > 50).map(({ payload }) => payload[50]));
    expect(seen(a.take())).toEqual(new Set([b.port & 0xff]));
    expect(seen(c.take())).toEqual(new Set([b.port & 0xff]));
    expect(seen(b.take())).toEqual(new Set([a.port & 0xff]));
  });

  test("numbers and times go on over a switch, which waits for the key frame", () => {
    const relay = new TestRelay();
    const [a, b, c] = [relay.participant("a"), relay.participant("b"), relay.participant("c")];
    a.picture("key");
    for (let i = 0; i < 5; i++) {
      relay.advance(33);
      a.picture("delta");
      b.picture("delta");
    }
    relay.engine.speaker("m", "b", relay.now);
    for (let i = 0; i < 5; i++) {
      relay.advance(33);
      a.picture("delta");
      b.picture("delta");
    }
    expect(b.takeRtcp("pli")).toHaveLength(1);
    relay.advance(33);
    b.picture("key");
    a.picture("delta");
    b.picture("delta");
    const packets = c.take();
    for (const [i, packet] of packets.entries()) {
      expect(packet.ssrc).toBe(packets[0]!.ssrc);
      if (i === 0) continue;
      expect((packet.sequenceNumber - packets[i - 1]!.sequenceNumber) & 0xffff).toBe(1);
      expect((packet.timestamp - packets[i - 1]!.timestamp) >>> 0).toBeLessThan(90 * 100);
    }
    const senders = packets.filter(({ payload }) => payload.length > 50).map(({ payload }) => payload[50]);
    expect(senders).toEqual([...new Array(11).fill(a.port & 0xff), ...new Array(2).fill(b.port & 0xff)]);
  });
});
