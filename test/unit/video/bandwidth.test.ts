import { describe, expect, test } from "vitest";
import { BitrateNotices, commonBitrate, LossEstimate } from "../../../src/video/send/bandwidth.ts";
import { writeRtcp } from "../../../src/wire/rtcp/index.ts";
import { type Endpoint, TestRelay } from "./helpers.ts";

const none = { nack: false, pli: true, fir: false, tmmbr: false, remb: false };

/** Pictures at ten a second of about 80 kbit/s. */
function run(relay: TestRelay, senders: readonly Endpoint[], ms: number): void {
  for (let at = 0; at < ms; at += 100) {
    relay.advance(100);
    for (const sender of senders) sender.picture(at === 0 ? "key" : "delta", 1000);
  }
}

function tell(endpoint: Endpoint, bitrate: number): void {
  const ssrcs = [endpoint.line.viewer.ssrc];
  endpoint.datagram(writeRtcp([{ kind: "remb", ssrc: 1, bitrate, ssrcs }]), endpoint.port + 1, true);
}

describe("what a sender is told", () => {
  test("by REMB: the least of what its receivers take, and repeated", () => {
    const relay = new TestRelay();
    const a = relay.participant("a", { feedback: { ...none, remb: true }, receiveBitrate: 3_000_000 });
    relay.participant("b", { maxBitrate: 1_500_000 });
    const c = relay.participant("c", { maxBitrate: 2_000_000 });
    run(relay, [a], 2000);
    expect(a.takeRtcp("remb").at(-1)).toMatchObject({ bitrate: 1_500_000, ssrcs: [a.ssrc] });
    tell(c, 700_000);
    run(relay, [a], 2000);
    const told = a.takeRtcp("remb");
    expect(told.length).toBeGreaterThanOrEqual(2);
    expect(told.at(-1)).toMatchObject({ bitrate: 700_000 });
  });

  test("by TMMBR, when it changes, until it is confirmed, and lifted again", () => {
    const relay = new TestRelay();
    const a = relay.participant("a", { feedback: { ...none, tmmbr: true }, receiveBitrate: 2_000_000 });
    const b = relay.participant("b");
    run(relay, [a], 2000);
    expect(a.takeRtcp("tmmbr")).toEqual([]);
    b.line.limit(400_000);
    run(relay, [a], 2000);
    expect(a.takeRtcp("tmmbr")).toMatchObject([400_000, 400_000].map((bitrate) => ({ entries: [{ ssrc: a.ssrc, bitrate }] })));
    const entries = [{ ssrc: a.line.viewer.ssrc, bitrate: 400_000, overhead: 40 }];
    a.datagram(writeRtcp([{ kind: "tmmbn", ssrc: a.ssrc, mediaSsrc: 0, entries }]), a.port + 1, true);
    run(relay, [a], 5000);
    expect(a.takeRtcp("tmmbr")).toEqual([]);
    b.line.limit(null);
    run(relay, [a], 10_000);
    // Never confirmed: said four times and not again.
    expect(a.takeRtcp("tmmbr")).toMatchObject([1, 2, 3, 4].map(() => ({ entries: [{ bitrate: 2_000_000 }] })));
  });

  test("by signalling, seldom, where it has neither", () => {
    const relay = new TestRelay();
    const [a, b] = [relay.participant("a"), relay.participant("b")];
    b.line.limit(500_000);
    run(relay, [a], 1000);
    for (let i = 0; i < 10; i++) {
      b.line.limit(500_000 + i * 1000);
      run(relay, [a], 300);
    }
    expect(a.events).toEqual([["bitrate", 500_000]]);
  });

  test("a receiver's TMMBR is confirmed and obeyed", () => {
    const relay = new TestRelay();
    const a = relay.participant("a", { feedback: { ...none, remb: true } });
    const b = relay.participant("b", { feedback: { ...none, tmmbr: true } });
    const { ssrc } = b.line.viewer;
    const entries = [{ ssrc, bitrate: 256_000, overhead: 40 }];
    b.datagram(writeRtcp([{ kind: "tmmbr", ssrc: 9, mediaSsrc: 0, entries }]), b.port + 1, true);
    expect(b.takeRtcp("tmmbn")).toMatchObject([{ entries: [{ ssrc: 9, bitrate: 256_000 }] }]);
    run(relay, [a], 2000);
    expect(a.takeRtcp("remb").at(-1)).toMatchObject({ bitrate: 256_000 });
  });

  test("loss a receiver reports lowers it", () => {
    const relay = new TestRelay();
    const a = relay.participant("a", { feedback: { ...none, remb: true } });
    const b = relay.participant("b");
    run(relay, [a], 2000);
    const { ssrc } = b.line.viewer;
    for (const highestSequence of [1000, 1100]) {
      const block = { ssrc, fractionLost: 128, cumulativeLost: 1, highestSequence, jitter: 0, lastSr: 0, delaySinceLastSr: 0 };
      b.datagram(writeRtcp([{ kind: "rr", ssrc: 1, reports: [block] }]), b.port + 1, true);
    }
    run(relay, [a], 1000);
    const told = a.takeRtcp("remb").at(-1);
    expect(told).toMatchObject({ bitrate: 128_000 });
  });
});

describe("what many receivers take together", () => {
  const infinite = Number.POSITIVE_INFINITY;
  test("limits bind all, estimates of a few as well", () => {
    expect(
      commonBitrate([
        { limit: 900_000, estimate: infinite },
        { limit: infinite, estimate: 500_000 },
      ]),
    ).toBe(500_000);
    expect(
      commonBitrate([
        { limit: 300_000, estimate: infinite },
        { limit: infinite, estimate: 500_000 },
      ]),
    ).toBe(300_000);
    expect(commonBitrate([])).toBe(infinite);
  });

  test("of many, the weakest ones' estimates do not decide", () => {
    const good = Array.from({ length: 9 }, () => ({ limit: infinite, estimate: 2_000_000 }));
    expect(commonBitrate([...good, { limit: infinite, estimate: 80_000 }])).toBe(2_000_000);
    expect(commonBitrate([...good, { limit: 80_000, estimate: infinite }])).toBe(80_000);
  });

  test("nobody is asked for less than a picture needs", () => {
    expect(commonBitrate([{ limit: 1000, estimate: 10 }])).toBe(64_000);
  });

  test("an estimate falls with loss and grows again without", () => {
    const estimate = new LossEstimate();
    const packets = 100;
    expect(estimate.bitrate(0)).toBe(infinite);
    estimate.update({ loss: 0.2, packets: 19 }, 1_000_000, 0);
    expect(estimate.bitrate(0)).toBe(infinite);
    estimate.update({ loss: 0.2, packets }, 1_000_000, 0);
    expect(estimate.bitrate(0)).toBe(900_000);
    estimate.update({ loss: 0.05, packets }, 900_000, 1000);
    expect(estimate.bitrate(1000)).toBe(900_000);
    estimate.update({ loss: 0, packets }, 900_000, 2000);
    expect(estimate.bitrate(2000)).toBeCloseTo(972_000);
    for (let at = 3000; at < 60_000; at += 1000) estimate.update({ loss: 0.9, packets }, 10_000, at);
    expect(estimate.bitrate(60_000)).toBe(128_000);
    expect(estimate.bitrate(100_000)).toBe(infinite);
  });

  test("less is told sooner than more", () => {
    const notices = new BitrateNotices(1_000_000, 500, 0.1);
    expect(notices.tell(950_000, 0)).toBe(false);
    expect(notices.tell(500_000, 0)).toBe(true);
    expect(notices.tell(900_000, 1000)).toBe(false);
    expect(notices.tell(300_000, 1000)).toBe(true);
    expect(notices.tell(900_000, 3100)).toBe(true);
  });
});
