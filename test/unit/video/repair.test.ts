import { describe, expect, test } from "vitest";
import { findSuite, generateKeying, SrtpReceiver, SrtpSender } from "../../../src/srtp/index.ts";
import { writeRtcp } from "../../../src/wire/rtcp/index.ts";
import { buildRtp, parseRtp, wrapRtx } from "../../../src/wire/rtp/index.ts";
import { type Endpoint, h264, TestRelay } from "./helpers.ts";

const repairing = { nack: true, pli: true, fir: false, tmmbr: false, remb: false };
const rtx = { sendPayloadType: 98, receivePayloadType: 99 };

function nack(endpoint: Endpoint, lost: readonly number[]): void {
  endpoint.datagram(writeRtcp([{ kind: "nack", ssrc: 1, mediaSsrc: endpoint.line.viewer.ssrc, lost }]), endpoint.port + 1, true);
}

describe("what a sender's packets lack", () => {
  test("is asked for after a moment's patience, again after a round trip, and given up", () => {
    const relay = new TestRelay();
    const a = relay.participant("a", { feedback: repairing });
    a.picture("key");
    const missing = a.sequence++;
    a.picture("delta");
    expect(a.takeRtcp("nack")).toEqual([]);
    relay.advance(20);
    expect(a.takeRtcp("nack")).toMatchObject([{ mediaSsrc: a.ssrc, lost: [missing] }]);
    relay.advance(2000);
    const asked = a.takeRtcp("nack").length;
    expect(asked).toBeGreaterThan(2);
    expect(asked).toBeLessThanOrEqual(7);
    relay.advance(2000);
    expect(a.takeRtcp("nack")).toEqual([]);
  });

  test("is not asked for when it only was overtaken, nor where the far end knows no NACK", () => {
    const relay = new TestRelay();
    const [a, b] = [relay.participant("a", { feedback: repairing }), relay.participant("b")];
    for (const endpoint of [a, b]) {
      endpoint.picture("key");
      const late = endpoint.sequence++;
      endpoint.picture("delta");
      if (endpoint === a) endpoint.payload(Buffer.from([0x41, 0x88]), true, { sequence: late });
    }
    relay.advance(500);
    expect([...a.takeRtcp("nack"), ...b.takeRtcp("nack")]).toEqual([]);
  });

  test("comes back in a retransmission stream, is forwarded in its place, and counts as lost on the way", () => {
    const relay = new TestRelay();
    const a = relay.participant("a", { feedback: repairing, codecs: [h264({ rtx })] });
    const b = relay.participant("b");
    a.picture("key");
    const missing = a.sequence++;
    a.picture("delta");
    const before = b.take();
    const original = buildRtp(
      { payloadType: 96, ssrc: a.ssrc, timestamp: a.timestamp >>> 0, sequenceNumber: missing },
      Buffer.from([0x41, 0x88, 7]),
    );
    const out = Buffer.alloc(100);
    a.datagram(out.subarray(0, wrapRtx(original, original.length, out, { ssrc: 777, payloadType: 99, sequence: 1 })));
    const [repaired] = b.take();
    expect([...repaired!.payload]).toEqual([0x41, 0x88, 7]);
    expect((before.at(-1)!.sequenceNumber - repaired!.sequenceNumber) & 0xffff).toBe(1);
    relay.advance(20);
    expect(a.takeRtcp("nack")).toEqual([]);
    expect(a.line.stats(relay.now).lossPercent).toBe(0);
  });
});

describe("what a receiver misses", () => {
  test("is sent again as it was, not twice at once, and not for ever", () => {
    const relay = new TestRelay();
    const [a, b] = [relay.participant("a"), relay.participant("b", { feedback: repairing })];
    a.picture("key");
    a.picture("delta");
    const sent = b.take();
    const wanted = sent[3]!;
    nack(b, [wanted.sequenceNumber]);
    nack(b, [wanted.sequenceNumber]);
    const again = b.take();
    expect(again).toHaveLength(1);
    expect(Buffer.compare(again[0]!.bytes, wanted.bytes)).toBe(0);
    for (let i = 0; i < 300; i++) a.picture("delta", 1000);
    b.take();
    relay.advance(100);
    nack(b, [wanted.sequenceNumber]);
    expect(b.take()).toEqual([]);
  });

  test("under SRTP it is the same datagram: a sequence number is protected once", () => {
    const relay = new TestRelay();
    const suite = findSuite("AEAD_AES_256_GCM")!;
    const srtp = { local: generateKeying(suite), remote: generateKeying(suite) };
    const a = relay.participant("a");
    const b = relay.endpoint("b", { feedback: repairing, srtp });
    relay.engine.join("m", 50, "b");
    relay.engine.arrange(50, [{ lineId: "b", brings: null, shows: { kind: "speaker", rank: 0 } }], relay.now);
    a.picture("key");
    const [first] = b.datagrams.splice(0);
    const sender = new SrtpSender(srtp.remote);
    const request = Buffer.alloc(200);
    const plain = writeRtcp([{ kind: "nack", ssrc: 1, mediaSsrc: b.line.viewer.ssrc, lost: [first!.readUInt16BE(2)] }]);
    b.datagram(request.subarray(0, sender.protectRtcp(plain, request)), b.port + 1, true);
    expect(Buffer.compare(b.datagrams[0]!, first!)).toBe(0);
    expect(new SrtpReceiver(srtp.local).unprotectRtp(Buffer.from(first!), Buffer.alloc(2000))).toBeGreaterThan(12);
  });

  test("where agreed it goes in a stream of its own", () => {
    const relay = new TestRelay();
    const [a, b] = [relay.participant("a"), relay.participant("b", { feedback: repairing, codecs: [h264({ rtx })] })];
    a.picture("key");
    const wanted = b.take()[2]!;
    nack(b, [wanted.sequenceNumber]);
    const [again] = b.take();
    expect(again!.payloadType).toBe(98);
    expect(again!.ssrc).not.toBe(wanted.ssrc);
    expect(again!.timestamp).toBe(wanted.timestamp);
    expect((again!.payload[0]! << 8) | again!.payload[1]!).toBe(wanted.sequenceNumber);
    expect(Buffer.compare(again!.payload.subarray(2), wanted.payload)).toBe(0);
  });

  test("nothing is kept for who asks for nothing", () => {
    const relay = new TestRelay();
    const [a, b] = [relay.participant("a"), relay.participant("b")];
    a.picture("key");
    const [first] = b.take();
    nack(b, [first!.sequenceNumber]);
    expect(b.take()).toEqual([]);
  });
});

describe("reports", () => {
  test("a sender report's time is the sender's own clock, moved to ours", () => {
    const relay = new TestRelay();
    const [a, b] = [relay.participant("a"), relay.participant("b")];
    a.picture("key");
    const first = b.take()[0]!;
    const ntp = { seconds: 1, fraction: 0 };
    const sr = { kind: "sr", ssrc: a.ssrc, ntp, rtpTimestamp: a.timestamp + 900, packetCount: 1, octetCount: 1, reports: [] } as const;
    a.datagram(writeRtcp([sr]), a.port + 1, true);
    b.takeRtcp();
    relay.advance(1600);
    const reports = b.takeRtcp("sr") as { rtpTimestamp: number; packetCount: number; octetCount: number }[];
    expect(reports.length).toBeGreaterThan(0);
    for (const report of reports) {
      const since = (report.rtpTimestamp - first.timestamp) >>> 0;
      expect(since).toBeGreaterThan(900);
      expect(since).toBeLessThanOrEqual(900 + 1600 * 90);
      expect(report.packetCount).toBe(3);
    }
  });

  test("loss is reported to the sender, its report is referred to, and our name goes along", () => {
    const relay = new TestRelay();
    const a = relay.participant("a");
    a.picture("key");
    a.sequence += 3;
    a.picture("delta");
    const ntp = { seconds: 0x1111_2222, fraction: 0x3333_4444 };
    a.datagram(
      writeRtcp([{ kind: "sr", ssrc: a.ssrc, ntp, rtpTimestamp: 1, packetCount: 1, octetCount: 1, reports: [] }]),
      a.port + 1,
      true,
    );
    a.takeRtcp();
    relay.advance(1600);
    const packets = a.takeRtcp();
    const blocks = packets.flatMap((packet) => (packet.kind === "rr" ? packet.reports : []));
    expect(blocks[0]).toMatchObject({ ssrc: a.ssrc, cumulativeLost: 3, fractionLost: Math.floor((3 * 256) / 7), lastSr: 0x22223333 });
    expect(packets.some((packet) => packet.kind === "sdes" && packet.chunks[0]!.items[0]!.text.length > 0)).toBe(true);
  });

  test("who leaves says goodbye", () => {
    const relay = new TestRelay();
    const [a, b] = [relay.participant("a"), relay.participant("b")];
    a.picture("key");
    b.takeRtcp();
    relay.engine.close("b", relay.now);
    expect(b.takeRtcp("bye")).toEqual([{ kind: "bye", ssrcs: [parseRtp(b.datagrams.find((bytes) => bytes[1] === 96)!)!.ssrc] }]);
  });
});
