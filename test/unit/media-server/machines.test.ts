// The media side's machines, on fake time.
import { describe, expect, it } from "vitest";
import { FakeClock } from "../../support/standing-clock.ts";
import { FrameRing, frameLink } from "../../../src/media-server/media/frame-ring.ts";
import { DigitsOut } from "../../../src/media-server/media/digits-out.ts";
import { Pacer } from "../../../src/media-server/media/pacer.ts";
import { Packetizer } from "../../../src/media-server/media/packetizer.ts";
import { Reception } from "../../../src/media-server/media/reception.ts";
import { RtpLeg } from "../../../src/media-server/media/rtp-leg.ts";
import type { LegConfig } from "../../../src/media-server/messages.ts";
import { createEncoder, loadOpus } from "../../../src/audio/codecs.ts";
import { concat, frames, tone, tonesIn } from "../../support/spectrum.ts";

await loadOpus();

describe("pacing", () => {
  it("keeps the grid although each tick is late", () => {
    const pacer = new Pacer(0);
    let now = 0;
    for (let i = 0; i < 1000; i++) {
      now += pacer.wait(now) + 3;
      pacer.begin(now);
    }
    expect(now).toBeLessThan(1000 * 20 + 25);
    expect(pacer.late).toBe(0);
  });

  it("makes up for a stall without a burst, and lets a long one go", () => {
    const pacer = new Pacer(0);
    let now = 110;
    const begun: number[] = [];
    while (begun.length < 10) {
      const wait = pacer.wait(now);
      now += wait;
      expect(pacer.begin(now)).toBe(0);
      begun.push(now);
    }
    for (let i = 1; i < begun.length; i++) expect(begun[i]! - begun[i - 1]!).toBeGreaterThanOrEqual(8);
    // Ten ticks by 220 ms: caught up.
    expect(begun.at(-1)).toBeLessThanOrEqual(220);
    expect(pacer.begin(now + 2000)).toBeGreaterThan(90);
    expect(pacer.lateness).toBeLessThan(20);
  });

  it("says how late it is, before a tick and of the tick", () => {
    const pacer = new Pacer(0);
    expect([0, 20, 55].map((now) => pacer.overdue(now))).toEqual([0, 0, 35]);
    pacer.begin(55);
    expect([pacer.lateness, pacer.overdue(55), pacer.overdue(70)]).toEqual([35, 15, 30]);
  });
});

describe("reception", () => {
  it("counts loss and jitter as RFC 3550 does", () => {
    const reception = new Reception();
    // One in ten is lost; arrivals alternate by 10 ms.
    for (let i = 0; i < 1000; i++) {
      if (i % 10 === 5) continue;
      reception.packets++;
      reception.packet(7, (65_000 + i) & 0xffff, i * 160, 8000, i * 20 + (i % 2) * 10);
    }
    expect(reception.lost).toBe(100);
    expect(reception.lossRate).toBeCloseTo(10, 1);
    expect(reception.jitterMs(8000)).toBeGreaterThan(5);
    expect(reception.jitterMs(8000)).toBeLessThan(15);
    const report = reception.report(20_000)!;
    expect(report.highestSequence).toBe(65_999);
    expect(report.fractionLost).toBe(25);
    expect(reception.report(21_000)!.fractionLost).toBe(0);
  });

  it("takes a new SSRC as a new stream and keeps the total", () => {
    const reception = new Reception();
    for (const seq of [1, 2, 5]) reception.packet(1, seq, seq * 160, 8000, seq * 20);
    for (const seq of [9000, 9001]) reception.packet(2, seq, seq * 160, 8000, seq * 20);
    expect(reception.lost).toBe(2);
    expect(reception.ssrc).toBe(2);
  });
});

describe("rings between threads", () => {
  it("carry frames in order, tell when there is none, and never block", () => {
    const { toRoom } = frameLink(8000);
    const [writer, reader] = [new FrameRing(toRoom, 8000), new FrameRing(toRoom, 8000)];
    const out = new Int16Array(160);
    expect(reader.read(out)).toBe(false);
    for (let i = 1; i < 500; i++) {
      expect(writer.write(new Int16Array(160).fill(i))).toBe(true);
      expect(reader.read(out)).toBe(true);
      expect(out[0]).toBe(i);
      expect(out[159]).toBe(i);
    }
  });

  it("lose the oldest when the reader is slow, and stay near the writer", () => {
    const { toRoom } = frameLink(8000);
    const [writer, reader] = [new FrameRing(toRoom, 8000), new FrameRing(toRoom, 8000)];
    const accepted = Array.from({ length: 10 }, (_, i) => writer.write(new Int16Array(160).fill(i))).filter(Boolean).length;
    expect(accepted).toBe(4);
    const out = new Int16Array(160);
    expect(reader.read(out)).toBe(true);
    expect(out[0]).toBe(3);
    expect(reader.read(out)).toBe(false);
  });
});

it("packets of 10, 30 and 60 ms hold every byte of the frames, in order", () => {
  for (const ptime of [10, 30, 40, 60]) {
    const packetizer = new Packetizer(ptime);
    const bytes: number[] = [];
    for (let i = 0; i < 30; i++) {
      packetizer.push(new Uint8Array(160).fill(i));
      for (let chunk = packetizer.next(); chunk; chunk = packetizer.next()) {
        expect(chunk.length).toBe(ptime * 8);
        bytes.push(...chunk);
      }
    }
    expect(bytes.every((byte, i) => byte === Math.floor(i / 160))).toBe(true);
    expect(bytes.length).toBeGreaterThanOrEqual(30 * 160 - ptime * 8);
  }
});

describe("two legs", () => {
  const config = (payloadType: number, received: number, dtmf: [number, number]): LegConfig => ({
    codecs: [{ name: "PCMU", sendPayloadType: payloadType, receivePayloadType: received, ptime: 20 }],
    remote: { address: "127.0.0.1", port: 1, rtcpPort: 2 },
    rtcpMux: false,
    direction: "sendrecv",
    dtmf: { sendPayloadType: dtmf[0], receivePayloadType: dtmf[1], rate: 8000 },
  });

  function pair(loss: (n: number) => boolean = () => false) {
    const clock = new FakeClock();
    const digits: string[] = [];
    const notices: string[] = [];
    const leg = () =>
      new RtpLeg(clock, {
        digit: (digit, ms) => digits.push(`${digit}:${Math.round(ms)}`),
        stranger: () => notices.push("stranger"),
        notice: (kind) => notices.push(kind),
      });
    const [a, b] = [leg(), leg()];
    // Asymmetric payload types: each sends with the number the other gave it.
    a.configure(config(0, 8, [101, 96]), clock.now());
    b.configure({ ...config(8, 0, [96, 101]) }, clock.now());
    const payload = new Uint8Array(160).fill(0x55);
    let n = 0;
    const step = (say = true) => {
      clock.advance(20);
      const now = clock.now();
      for (const [from, to] of [
        [a, b],
        [b, a],
      ] as const) {
        const packet = from.digitPacket(now) ?? (say ? from.packet(payload, 20, now) : undefined);
        if (packet && !loss(n++)) to.receive(Buffer.from(packet), "127.0.0.1", 1, now);
        const rtcp = from.rtcp(now);
        clock.advance(0);
        if (rtcp) to.receiveRtcp(Buffer.from(rtcp.data), "127.0.0.1", 1, true, now);
      }
    };
    return { clock, a, b, digits, notices, step };
  }

  it("hear each other with asymmetric payload types", () => {
    const { a, b, step, clock } = pair();
    for (let i = 0; i < 50; i++) step();
    const out = new Int16Array(160);
    expect(a.pull(clock.now(), out)).toBe(true);
    expect(out.some((v) => v !== 0)).toBe(true);
    expect(b.stats().counters["in_media_packet_count"]).toBe(50);
    expect(b.stats().counters["out_packet_count"]).toBe(50);
  });

  it("know each other's loss and the round trip from RTCP", () => {
    const { a, step, clock } = pair((n) => n % 20 === 0);
    for (let i = 0; i < 1500; i++) {
      step();
      if (i % 50 === 0) clock.advance(0);
    }
    const { counters, roundTripMs } = a.stats();
    expect(counters["out_remote_lost"]).toBeGreaterThan(50);
    // All is handed over in the same millisecond.
    expect(roundTripMs).toBeGreaterThanOrEqual(0);
    expect(roundTripMs).toBeLessThan(1);
    expect(counters["rtcp_packet_count"]).toBeGreaterThan(100);
  });

  it("tell every digit once, although packets are lost", () => {
    const { a, digits, step } = pair((n) => n % 7 === 3);
    a.sendDigits("1w2#", 120);
    const out = new Int16Array(160);
    for (let i = 0; i < 120; i++) {
      step();
      a.pull(i, out);
    }
    expect(digits.map((d) => d.split(":")[0])).toEqual(["1", "2", "#"]);
  });

  it("send nothing, RTCP neither, before they are released, and hear all the same; a later description does not hold them again", () => {
    const { clock, a } = pair();
    const held = { ...config(8, 0, [96, 101]), held: true };
    const leg = new RtpLeg(clock, { digit: () => {}, stranger: () => {}, notice: () => {} });
    leg.configure(held, clock.now());
    const packet = a.packet(new Uint8Array(160).fill(0x55), 20, clock.now())!;
    leg.receive(Buffer.from(packet), "127.0.0.1", 1, clock.now());
    clock.advance(20_000);
    expect([leg.target, leg.rtcp(clock.now()), leg.goodbye(clock.now()), leg.reception.packets]).toEqual([
      undefined,
      undefined,
      undefined,
      1,
    ]);
    leg.release();
    expect(leg.target).toBeDefined();
    leg.configure(held, clock.now());
    expect(leg.target).toBeDefined();
  });

  it("begin a new source with a new key once the sequence number has wrapped, not before (RFC 3711 section 3.3.1)", () => {
    const clock = new FakeClock();
    const legs = [0, 1].map(() => new RtpLeg(clock, { digit: () => {}, stranger: () => {}, notice: () => {} }));
    const [us, them] = legs as [RtpLeg, RtpLeg];
    const key = (byte: number) => ({ suite: "AEAD_AES_256_GCM", masterKey: Buffer.alloc(32, byte), masterSalt: Buffer.alloc(12, byte) });
    const agree = (byte: number) => {
      for (const [leg, mine, theirs] of [
        [us, byte, 99],
        [them, 99, byte],
      ] as const)
        leg.configure({ ...config(0, 0, [101, 101]), srtp: { send: key(mine), receive: key(theirs) } }, clock.now());
    };
    const payload = new Uint8Array(160);
    const say = (packets: number, heard = true) => {
      for (let i = 0; i < packets; i++) {
        const packet = us.packet(payload, 20, clock.now())!;
        if (heard) them.receive(Buffer.from(packet), "127.0.0.1", 1, clock.now());
      }
    };
    agree(1);
    const first = us.ssrc;
    say(10);
    agree(2);
    expect(us.ssrc).toBe(first);
    // past the wrap; the far end need not hear each of them to know
    say(40_000, false);
    say(100);
    say(30_000, false);
    say(100);
    expect(them.authFailures).toBe(0);
    agree(3);
    expect(us.ssrc).not.toBe(first);
    say(100);
    expect(them.authFailures).toBe(0);
    expect(them.reception.ssrc).toBe(us.ssrc);
    expect(us.rtcp(clock.now() + 10_000)).toBeDefined();
  });

  it("count garbage and unknown payload types, and take nothing of strangers", () => {
    const { a, notices, step, clock } = pair();
    step();
    for (let i = 0; i < 100; i++) {
      a.receive(Buffer.from([0x80, 77, 0, i, 0, 0, 0, 0, 0, 0, 0, 1, 9]), "127.0.0.1", 1, clock.now());
      a.receive(Buffer.from([0x80, 8, 0, i, 0, 0, 0, 0, 0, 0, 0, 9, 9]), "192.0.2.66", 7, clock.now());
      a.receive(Buffer.from([1, 2, 3]), "127.0.0.1", 1, clock.now());
    }
    expect(a.reception.invalid).toBe(100);
    expect(a.reception.strangers).toBe(100);
    expect(notices).toEqual(Array.from({ length: 100 }, () => "stranger"));
    expect(a.target).toEqual({ address: "127.0.0.1", port: 1 });
  });

  it("are kept alive by the far end's packets and reports, not by a stranger's", () => {
    const { a, b, step, clock } = pair();
    step();
    const report = () => Buffer.from(b.rtcp(clock.now())!.data);
    clock.advance(10_000);
    const last = a.lastPacketAt;
    const stale = report();
    a.receiveRtcp(Buffer.from(stale), "203.0.113.9", 2, true, clock.now());
    a.receiveRtcp(Buffer.from(stale), "127.0.0.1", 4711, true, clock.now());
    expect(a.lastPacketAt).toBe(last);
    a.receiveRtcp(stale, "127.0.0.1", 2, true, clock.now());
    expect(a.lastPacketAt).toBe(clock.now());
  });

  it("take no digits of a stranger, also while the far end says nothing", () => {
    const { a, b, digits, clock } = pair();
    b.sendDigits("7", 100);
    for (let i = 0; i < 20; i++) {
      clock.advance(20);
      const packet = b.digitPacket(clock.now());
      if (packet) a.receive(Buffer.from(packet), "203.0.113.9", 1, clock.now());
      a.pull(clock.now(), new Int16Array(160));
    }
    expect(digits).toEqual([]);
    expect(a.target).toMatchObject({ address: "127.0.0.1", port: 1 });
  });
});

it("pauses in a dial string pass in time", () => {
  const digits = new DigitsOut(8000);
  digits.add("1W2", 60);
  const sent: number[] = [];
  for (let i = 0; i < 100; i++) {
    const event = digits.tick(i * 160);
    if (event?.marker) sent.push(i * 20);
  }
  expect(sent).toHaveLength(2);
  expect(sent[1]! - sent[0]!).toBeGreaterThanOrEqual(1000);
  expect(digits.busy).toBe(false);
});

describe("a far end that sends another codec than it is sent (H.245: a channel each way)", () => {
  it.each(["PCMU", "opus"] as const)("is heard at its own speed: G.722 where it is sent %s", (sent) => {
    const clock = new FakeClock();
    const leg = new RtpLeg(clock, { digit: () => {}, stranger: () => {}, notice: () => {} });
    leg.configure(
      {
        codecs: [
          { name: sent, sendPayloadType: sent === "PCMU" ? 0 : 96, receivePayloadType: sent === "PCMU" ? 0 : 96, ptime: 20 },
          { name: "G722", sendPayloadType: 9, receivePayloadType: 9, ptime: 20 },
        ],
        remote: { address: "127.0.0.1", port: 1, rtcpPort: 2 },
        rtcpMux: false,
        direction: "sendrecv",
      },
      clock.now(),
    );
    const encoder = createEncoder("G722");
    const heard: Int16Array[] = [];
    frames(tone(700, 16_000, 2000), 16_000).forEach((pcm, i) => {
      const packet = Buffer.alloc(12 + 160);
      packet[0] = 0x80;
      packet[1] = 9;
      packet.writeUInt16BE(i, 2);
      packet.writeUInt32BE(i * 160, 4);
      encoder.encode(pcm, packet.subarray(12));
      leg.receive(packet, "127.0.0.1", 1, clock.now());
      const out = new Int16Array(leg.rate / 50);
      if (leg.pull(clock.now(), out)) heard.push(out);
      clock.advance(20);
    });
    expect(heard.length).toBeGreaterThan(80);
    expect(tonesIn(concat(heard.slice(20, 80)), leg.rate, [350, 700, 1400])).toEqual([700]);
    leg.playout.close();
  });
});
