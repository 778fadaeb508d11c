import { describe, expect, test } from "vitest";
import {
  buildRtp,
  digitOfEvent,
  eventOfDigit,
  isRtcp,
  packHeaderExtensions,
  parseHeaderExtensions,
  parseRtp,
  parseTelephoneEvent,
  rtpHeaderLength,
  sequenceDistance,
  timestampDistance,
  writeTelephoneEvent,
} from "../../../../src/wire/rtp/index.ts";
import { seeded } from "./random.ts";

const fields = { payloadType: 96, sequenceNumber: 65535, timestamp: 0xfffffff0, ssrc: 0xdeadbeef, marker: true };

describe("RTP packets", () => {
  test("come back as they were written", () => {
    const extension = packHeaderExtensions([{ id: 1, data: Buffer.from([0x80]) }]);
    const bytes = buildRtp({ ...fields, csrcs: [1, 0xffffffff], extension }, Buffer.from("payload"), 5);
    const packet = parseRtp(bytes)!;
    expect(packet).toMatchObject({ ...fields, csrcs: [1, 0xffffffff], extensionProfile: 0xbede, paddingLength: 5 });
    expect(Buffer.from(packet.payload).toString()).toBe("payload");
    expect(parseHeaderExtensions(packet.extensionProfile, packet.extension!)).toEqual([{ id: 1, data: Buffer.from([0x80]) }]);
    expect(packet.headerLength).toBe(12 + 8 + 8);
  });

  test("only the first bytes count when a length is given", () => {
    const bytes = Buffer.concat([buildRtp(fields, Buffer.alloc(10)), Buffer.alloc(100)]);
    expect(parseRtp(bytes, 22)!.payloadLength).toBe(10);
  });

  test("are refused when their header does not fit (RFC 3550 appendix A.1)", () => {
    const good = buildRtp({ ...fields, csrcs: [1, 2], extension: { profile: 1, data: Buffer.alloc(4) } }, Buffer.alloc(0));
    for (let length = 0; length < good.length; length++) {
      expect(parseRtp(good, length)).toBeUndefined();
      expect(rtpHeaderLength(good, length)).toBe(-1);
    }
    expect(rtpHeaderLength(good, good.length)).toBe(28);
    const version1 = Buffer.from(good);
    version1[0] = 0x40;
    expect(parseRtp(version1)).toBeUndefined();
  });

  test("are refused when padding is none or longer than the packet", () => {
    for (const [count, valid] of [
      [0, false],
      [1, true],
      [8, true],
      [9, false],
    ] as const) {
      const bytes = buildRtp(fields, Buffer.alloc(8));
      bytes[0]! |= 0x20;
      bytes[19] = count;
      expect(parseRtp(bytes) !== undefined).toBe(valid);
    }
    const empty = buildRtp(fields, Buffer.alloc(0));
    empty[0]! |= 0x20;
    expect(parseRtp(empty)).toBeUndefined();
  });

  test("are told from RTCP on one port (RFC 5761 section 4)", () => {
    expect(isRtcp(Buffer.from([0x80, 200, 0, 0]))).toBe(true);
    expect(isRtcp(buildRtp(fields, Buffer.alloc(1)))).toBe(false);
    expect(isRtcp(Buffer.from([0x80]))).toBe(false);
  });

  test("distances go round the circle", () => {
    expect(sequenceDistance(65535, 0)).toBe(1);
    expect(sequenceDistance(0, 65535)).toBe(-1);
    expect(timestampDistance(0xffffff00, 0x100)).toBe(0x200);
    expect(timestampDistance(0x100, 0xffffff00)).toBe(-0x200);
  });

  test("10,000 mutations are read or refused, never thrown over", () => {
    const random = seeded(1);
    const seed = buildRtp(
      { ...fields, csrcs: [1], extension: packHeaderExtensions([{ id: 3, data: Buffer.alloc(5) }]) },
      Buffer.alloc(20),
      3,
    );
    let read = 0;
    for (let i = 0; i < 10_000; i++) {
      const bytes = Buffer.from(seed.subarray(0, random(seed.length + 1)));
      for (let n = random(4); n >= 0 && bytes.length > 0; n--) bytes[random(bytes.length)] = random(256);
      const packet = parseRtp(bytes);
      if (!packet) continue;
      read++;
      expect(packet.headerLength + packet.payloadLength + packet.paddingLength).toBe(bytes.length);
      if (packet.extension) parseHeaderExtensions(packet.extensionProfile, packet.extension);
    }
    expect(read).toBeGreaterThan(100);
  });
});

describe("header extensions, RFC 8285", () => {
  test("the two-byte form is taken where the one-byte form cannot say it", () => {
    const elements = [
      { id: 20, data: Buffer.alloc(0) },
      { id: 1, data: Buffer.alloc(17, 7) },
    ];
    const packed = packHeaderExtensions(elements);
    expect(packed.profile).toBe(0x1000);
    expect(packed.data.length % 4).toBe(0);
    expect(parseHeaderExtensions(packed.profile, packed.data)).toEqual(
      elements.map(({ id, data }) => ({ id, data: new Uint8Array(data) })),
    );
  });
  test("padding between elements is skipped, id 15 ends the reading, an overrun is refused", () => {
    expect(parseHeaderExtensions(0xbede, Buffer.from([0, 0x10, 9, 0, 0xf0, 1, 2, 3]))).toEqual([{ id: 1, data: Buffer.from([9]) }]);
    expect(parseHeaderExtensions(0xbede, Buffer.from([0x13, 1, 2, 3]))).toBeUndefined();
    expect(parseHeaderExtensions(0x1000, Buffer.from([1, 3, 1, 2]))).toBeUndefined();
    expect(parseHeaderExtensions(0x1000, Buffer.from([1]))).toBeUndefined();
    expect(parseHeaderExtensions(0x1234, Buffer.alloc(4))).toBeUndefined();
  });
});

describe("telephone-event, RFC 4733", () => {
  test("comes back as it was written", () => {
    const bytes = Buffer.alloc(6);
    writeTelephoneEvent(bytes, { event: 11, end: true, volume: 10, duration: 70_000 }, 2);
    expect(bytes).toEqual(Buffer.from([0, 0, 11, 0x8a, 0xff, 0xff]));
    expect(parseTelephoneEvent(bytes.subarray(2))).toEqual({ event: 11, end: true, volume: 10, duration: 65535 });
    expect(parseTelephoneEvent(bytes.subarray(3))).toBeUndefined();
  });
  test("keys and codes", () => {
    for (const key of "0123456789*#ABCD") expect(digitOfEvent(eventOfDigit(key)!)).toBe(key);
    expect(eventOfDigit("d")).toBe(15);
    expect(eventOfDigit("")).toBeUndefined();
    expect(eventOfDigit("E")).toBeUndefined();
    expect(digitOfEvent(16)).toBeUndefined();
  });
});
