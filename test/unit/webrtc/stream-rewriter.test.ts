import { describe, expect, it } from "vitest";
import { isRtcp, OutgoingStream } from "../../../src/webrtc/stream-rewriter.ts";
import { mutate, random } from "../../support/mutate.ts";

const OUT = 0x11223344;
const SOURCE = 0xcafe0001;
const BROWSER = 0x0b0b0b0b;

function rtp(sequence: number, timestamp: number, ssrc = SOURCE): Buffer {
  const packet = Buffer.alloc(32);
  packet.writeUInt16BE(0x806f, 0);
  packet.writeUInt16BE(sequence & 0xffff, 2);
  packet.writeUInt32BE(timestamp >>> 0, 4);
  packet.writeUInt32BE(ssrc, 8);
  return packet;
}

const read = (packet: Buffer) => ({ sequence: packet.readUInt16BE(2), timestamp: packet.readUInt32BE(4), ssrc: packet.readUInt32BE(8) });

function rtcp(type: number, count: number, ...words: number[]): Buffer {
  const packet = Buffer.alloc(4 + 4 * words.length);
  packet.writeUInt8(0x80 | count, 0);
  packet.writeUInt8(type, 1);
  packet.writeUInt16BE(words.length, 2);
  for (const [index, word] of words.entries()) packet.writeUInt32BE(word >>> 0, 4 + 4 * index);
  return packet;
}

const word = (packet: Buffer, index: number) => packet.readUInt32BE(4 * index);

describe("a stream towards a browser", () => {
  it("has the SSRC the browser was told of, counters as they came", () => {
    const stream = new OutgoingStream(OUT, 48_000);
    for (const [sequence, timestamp] of [
      [65_534, 4_294_967_000],
      [65_535, 664],
      [0, 1_624],
    ] as const) {
      const packet = rtp(sequence, timestamp);
      expect(stream.rtp(packet, 0)).toBe(true);
      expect(read(packet)).toEqual({ sequence, timestamp, ssrc: OUT });
    }
  });

  it("goes on where it was when the sender begins anew", () => {
    const stream = new OutgoingStream(OUT, 48_000);
    stream.rtp(rtp(1_000, 96_000), 0);
    const packet = rtp(7, 555, 0xbeef0002);
    stream.rtp(packet, 40);
    expect(read(packet)).toEqual({ sequence: 1_001, timestamp: 96_000 + 1_920, ssrc: OUT });
    const next = rtp(8, 555 + 960, 0xbeef0002);
    stream.rtp(next, 60);
    expect(read(next)).toEqual({ sequence: 1_002, timestamp: 96_000 + 2_880, ssrc: OUT });
  });

  it("repeats packets in a stream of its own, under the numbers that the browser misses", () => {
    const stream = new OutgoingStream(OUT, 90_000);
    stream.repeatAs(0x55667788, [103]);
    const repetition = (number: number, length = 32) => {
      const packet = rtp(4_000, 96_000, 0xbeef0003).subarray(0, length);
      packet[1] = 103;
      if (length > 13) packet.writeUInt16BE(number, 12);
      return packet;
    };
    // of nothing that was ever sent
    expect(stream.rtp(repetition(1_000), 0)).toBe(false);
    stream.rtp(rtp(1_000, 96_000), 0);
    stream.rtp(rtp(7, 96_000, 0xbeef0002), 40);
    const numbers = [7, 8].map((number) => {
      const packet = repetition(number);
      expect(stream.rtp(packet, 50)).toBe(true);
      expect(packet.readUInt32BE(8)).toBe(0x55667788);
      return [packet.readUInt16BE(12), packet.readUInt16BE(2)];
    });
    expect(numbers).toEqual([
      [1_001, 0],
      [1_002, 1],
    ]);
    expect(stream.rtp(repetition(0, 13), 60)).toBe(false);
    // the stream itself goes on as if nothing had been
    const next = rtp(8, 96_000, 0xbeef0002);
    stream.rtp(next, 60);
    expect(read(next)).toMatchObject({ sequence: 1_002, ssrc: OUT });
  });

  it("closes a leap of the same sender's counters, but leaves loss and reordering as they are", () => {
    const stream = new OutgoingStream(OUT, 90_000);
    stream.rtp(rtp(100, 0), 0);
    const lost = rtp(150, 3_000);
    stream.rtp(lost, 33);
    expect(read(lost).sequence).toBe(150);
    const late = rtp(120, 1_000);
    stream.rtp(late, 34);
    expect(read(late).sequence).toBe(120);
    const leapt = rtp(40_000, 9_999_999);
    stream.rtp(leapt, 66);
    expect(read(leapt).sequence).toBe(151);
  });

  it("tells sender reports in the browser's terms", () => {
    const stream = new OutgoingStream(OUT, 48_000);
    stream.rtp(rtp(1, 1_000), 0);
    stream.rtp(rtp(9_000, 500_000, 0xbeef0002), 20);
    const offset = 1_000 + 960 - 500_000;
    const report = Buffer.concat([
      rtcp(200, 1, 0xbeef0002, 1, 2, 500_000, 4, 5, BROWSER, 0, 0, 0, 0, 0),
      rtcp(202, 1, 0xbeef0002, 0x01016100),
    ]);
    expect(stream.rtcpOut(report)).toBe(true);
    expect(word(report, 1)).toBe(OUT);
    expect(word(report, 4)).toBe((500_000 + offset) >>> 0);
    expect(word(report, 7)).toBe(BROWSER);
    expect(word(report, 14)).toBe(OUT);
  });

  it("tells the browser's feedback in the sender's terms", () => {
    const stream = new OutgoingStream(OUT, 90_000);
    stream.rtp(rtp(100, 0, SOURCE), 0);
    stream.rtp(rtp(5_000, 0, 0xbeef0002), 33);
    const nack = rtcp(205, 1, BROWSER, OUT, (101 << 16) | 0x8000);
    expect(stream.rtcpBack(nack)).toBe(true);
    expect([word(nack, 1), word(nack, 2), nack.readUInt16BE(12), nack.readUInt16BE(14)]).toEqual([BROWSER, 0xbeef0002, 5_000, 0x8000]);
    const pli = rtcp(206, 1, BROWSER, OUT);
    stream.rtcpBack(pli);
    expect(word(pli, 2)).toBe(0xbeef0002);
    const fir = rtcp(206, 4, BROWSER, 0, OUT, 7 << 24);
    stream.rtcpBack(fir);
    expect(word(fir, 3)).toBe(0xbeef0002);
    const remb = rtcp(206, 15, BROWSER, 0, 0x52454d42, (2 << 24) | 1, OUT, 99);
    stream.rtcpBack(remb);
    expect([word(remb, 5), word(remb, 6)]).toEqual([0xbeef0002, 99]);
    const receiver = rtcp(201, 1, BROWSER, OUT, 0, 0x0001_0065, 0, 0, 0);
    stream.rtcpBack(receiver);
    expect([word(receiver, 2), receiver.readUInt16BE(16), receiver.readUInt16BE(18)]).toEqual([0xbeef0002, 1, 5_000]);
  });

  it("takes nothing that is no RTP or RTCP", () => {
    const stream = new OutgoingStream(OUT, 48_000);
    expect(stream.rtp(Buffer.alloc(11, 0x80), 0)).toBe(false);
    expect(stream.rtp(Buffer.alloc(40, 0x00), 0)).toBe(false);
    expect(stream.rtcpBack(Buffer.from("81ce00ff0000000000000000", "hex"))).toBe(false);
    expect(stream.rtcpOut(Buffer.from("81c80000", "hex"))).toBe(false);
  });

  it("survives whatever comes", () => {
    const stream = new OutgoingStream(OUT, 48_000);
    stream.rtp(rtp(1, 1), 0);
    const whole = Buffer.concat([
      rtcp(200, 1, SOURCE, 1, 2, 3, 4, 5, BROWSER, 0, 0, 0, 0, 0),
      rtcp(202, 2, SOURCE, 0x01026161, 0, BROWSER, 0),
      rtcp(205, 1, BROWSER, OUT, 1),
      rtcp(206, 15, BROWSER, 0, 0x52454d42, 0x02000001, OUT, 99),
    ]);
    let taken = 0;
    const next = random(4);
    for (let i = 0; i < 10_000; i++) {
      const packet = mutate(whole, next);
      const { length } = packet;
      if (stream.rtcpBack(packet)) taken++;
      if (stream.rtcpOut(packet)) taken++;
      expect(packet.length).toBe(length);
    }
    expect(taken).toBeGreaterThan(100);
  });

  it("tells RTCP from RTP", () => {
    expect(isRtcp(rtcp(201, 0, 1))).toBe(true);
    expect(isRtcp(rtcp(207, 0, 1))).toBe(true);
    expect(isRtcp(rtp(1, 1))).toBe(false);
  });
});
