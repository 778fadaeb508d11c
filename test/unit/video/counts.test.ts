import { expect, test } from "vitest";
import { findSuite, generateKeying, SrtpSender } from "../../../src/srtp/index.ts";
import { addCounts, noCounts, takeCounts } from "../../../src/video/index.ts";
import { writeRtcp } from "../../../src/wire/rtcp/index.ts";
import { buildRtp } from "../../../src/wire/rtp/index.ts";
import { type Endpoint, TestRelay } from "./helpers.ts";

const repairing = { nack: true, pli: true, fir: false, tmmbr: false, remb: false };

function tell(endpoint: Endpoint, packet: Parameters<typeof writeRtcp>[0][number]): void {
  endpoint.datagram(writeRtcp([packet]), endpoint.port + 1, true);
}

test("what passes, what is lost and what is asked for is counted for all lines together", () => {
  const relay = new TestRelay();
  const { counts } = relay;
  const [a, b] = [relay.participant("a", { feedback: repairing }), relay.participant("b", { feedback: repairing })];
  a.picture("key");
  a.picture("delta");
  const sent = b.take();
  expect(counts).toMatchObject({ packetsIn: 4, packetsOut: sent.length, keyFrames: 1, switches: 1, forcedSwitches: 0, nackedIn: 0 });
  expect(counts.octetsOut).toBe(sent.reduce((sum, { bytes }) => sum + bytes.length, 0));
  // two are lost on the way; one comes when it is asked for
  const missing = a.sequence;
  a.sequence += 2;
  a.picture("delta");
  relay.advance(20);
  expect(counts.nackedIn).toBe(2);
  a.payload(Buffer.from([0x41, 0x88]), false, { sequence: missing });
  expect(counts.repairedIn).toBe(1);
  relay.advance(2000);
  // a report was due before it came
  expect(counts.lostIn).toBe(2);
  // what one asks for that is sent
  const ssrc = b.line.viewer.ssrc;
  tell(b, { kind: "nack", ssrc: 1, mediaSsrc: ssrc, lost: [sent.at(-1)!.sequenceNumber] });
  tell(b, { kind: "pli", ssrc: 1, mediaSsrc: ssrc });
  expect(counts).toMatchObject({ nackedOut: 1, repairedOut: 1, keyFramesWanted: 1 });
  expect(counts.keyFramesAsked).toBeGreaterThan(0);
  expect(counts.freezes).toBe(1);
});

test("a far end's report counts once, and no more than was sent, whatever it says", () => {
  const relay = new TestRelay();
  const { counts } = relay;
  const [a, b] = [relay.participant("a"), relay.participant("b")];
  a.picture("key");
  for (let i = 0; i < 47; i++) a.picture("delta");
  const report = (cumulativeLost: number) =>
    tell(b, {
      kind: "rr",
      ssrc: 1,
      reports: [
        {
          ssrc: b.line.viewer.ssrc,
          fractionLost: 0,
          cumulativeLost,
          highestSequence: 0,
          jitter: 0,
          lastSr: 0,
          delaySinceLastSr: 0,
        },
      ],
    });
  report(5);
  report(5);
  report(3);
  expect(counts.lostOut).toBe(5);
  report(7);
  expect(counts.lostOut).toBe(7);
  report(5_000_000);
  expect(counts.lostOut).toBe(b.line.viewer.packets);
});

test("what is dropped is counted by its reason", () => {
  const relay = new TestRelay();
  const { counts } = relay;
  const suite = findSuite("AEAD_AES_256_GCM")!;
  const srtp = { local: generateKeying(suite), remote: generateKeying(suite) };
  const a = relay.participant("a", { srtp });
  a.picture("delta");
  const sender = new SrtpSender(srtp.remote);
  const out = Buffer.alloc(200);
  const plain = buildRtp({ payloadType: 96, ssrc: 3, timestamp: 0, sequenceNumber: 1 }, Buffer.from([0x65, 0x88]));
  const genuine = out.subarray(0, sender.protectRtp(plain, out));
  a.datagram(genuine);
  a.datagram(genuine);
  a.payloadType = 50;
  a.picture("delta");
  const b = relay.participant("b");
  b.picture("key");
  b.datagram(plain, 9999);
  expect(counts).toMatchObject({ unauthenticated: 1, replayed: 1, unexpected: 1, strangers: 1, packetsIn: 4, overRate: 0, cuts: 0 });
  const c = relay.participant("c", { receiveBitrate: 100_000 });
  for (let i = 0; i < 100; i++) {
    relay.advance(20);
    c.picture("delta", 1400);
  }
  expect(counts.cuts).toBe(1);
  expect(counts.overRate).toBeGreaterThan(20);
  for (let i = 0; i < 150; i++) tell(b, { kind: "pli", ssrc: 1, mediaSsrc: b.line.viewer.ssrc });
  expect(counts.rtcpOverRate).toBe(50);
});

test("a picture that began without a key frame is counted apart", () => {
  const relay = new TestRelay();
  const [a] = [relay.participant("a"), relay.participant("b")];
  for (let i = 0; i < 120; i++) {
    relay.advance(100);
    a.picture("delta");
  }
  expect(relay.counts).toMatchObject({ switches: 0, forcedSwitches: 1, keyFrames: 0 });
});

test("counts are told as what came since", () => {
  const [counts, all] = [noCounts(), noCounts()];
  for (const packets of [3, 4]) {
    counts.packetsIn += packets;
    addCounts(all, takeCounts(counts));
  }
  expect([counts.packetsIn, all.packetsIn]).toEqual([0, 7]);
});
