import { describe, expect, test } from "vitest";
import { ntpFromWall, ntpMiddle, parseRtcp, type RtcpPacket, roundTripMs, writeRtcp } from "../../../../src/wire/rtcp/index.ts";
import { seeded } from "./random.ts";

const report = {
  ssrc: 0xfedcba98,
  fractionLost: 12,
  cumulativeLost: -3,
  highestSequence: 0x0001fffe,
  jitter: 33,
  lastSr: 0x80000000,
  delaySinceLastSr: 65536,
};

const everyKind: RtcpPacket[] = [
  {
    kind: "sr",
    ssrc: 0x80000001,
    ntp: { seconds: 0xe0000000, fraction: 0x80000000 },
    rtpTimestamp: 160,
    packetCount: 1,
    octetCount: 160,
    reports: [report, report],
  },
  { kind: "rr", ssrc: 1, reports: [{ ...report, cumulativeLost: 0x7fffff }] },
  {
    kind: "sdes",
    chunks: [
      { ssrc: 1, items: [{ type: 1, text: "a@b" }] },
      {
        ssrc: 2,
        items: [
          { type: 1, text: "übung" },
          { type: 6, text: "" },
        ],
      },
      { ssrc: 3, items: [] },
    ],
  },
  {
    kind: "transport-cc",
    ssrc: 1,
    mediaSsrc: 2,
    baseSequence: 65_530,
    referenceTime: -3,
    feedbackCount: 7,
    deltas: [0, 255, 256, null, -1, ...new Array<number>(9000).fill(4), null, null, 32_767, -32_768],
  },
  { kind: "app", ssrc: 1, subtype: 31, name: "TEST", data: Buffer.from([1, 2, 3, 4]) },
  { kind: "nack", ssrc: 1, mediaSsrc: 2, lost: [65530, 65535, 10, 11, 27, 28] },
  { kind: "pli", ssrc: 1, mediaSsrc: 2 },
  {
    kind: "fir",
    ssrc: 1,
    mediaSsrc: 0,
    entries: [
      { ssrc: 2, sequence: 255 },
      { ssrc: 3, sequence: 0 },
    ],
  },
  { kind: "tmmbr", ssrc: 1, mediaSsrc: 0, entries: [{ ssrc: 2, bitrate: 131071 * 2 ** 10, overhead: 511 }] },
  { kind: "tmmbn", ssrc: 1, mediaSsrc: 0, entries: [] },
  { kind: "remb", ssrc: 1, bitrate: 2_000_000, ssrcs: [2, 0xffffffff] },
  { kind: "feedback", packetType: 205, format: 16, ssrc: 1, mediaSsrc: 2, fci: Buffer.from([1, 2, 3, 4]) },
  { kind: "feedback", packetType: 206, format: 15, ssrc: 1, mediaSsrc: 2, fci: Buffer.from("OTHER..!") },
  { kind: "other", packetType: 207, count: 3, body: Buffer.from([0, 0, 0, 1]) },
  { kind: "bye", ssrcs: [1, 2], reason: "gone home" },
  { kind: "bye", ssrcs: [] },
];

describe("RTCP", () => {
  test("every kind comes back as it was written, alone and in one datagram", () => {
    for (const packet of everyKind) {
      const bytes = writeRtcp([packet]);
      expect(bytes.length % 4).toBe(0);
      expect(bytes.readUInt16BE(2)).toBe(bytes.length / 4 - 1);
      expect(parseRtcp(bytes)).toEqual([packet]);
    }
    expect(parseRtcp(writeRtcp(everyKind))).toEqual(everyKind);
  });

  test("a known sender report is read (RFC 3550 section 6.4.1)", () => {
    const bytes = Buffer.from("81c80007 00000001 e3000000 80000000 000000a0 00000002 00000140".replace(/ /g, ""), "hex");
    // One report is promised, none is there.
    expect(parseRtcp(bytes)).toBeUndefined();
    bytes[0] = 0x80;
    bytes[3] = 6;
    expect(parseRtcp(bytes)).toMatchObject([{ kind: "sr", ssrc: 1, rtpTimestamp: 160, packetCount: 2, octetCount: 320, reports: [] }]);
  });

  test("a NACK packs neighbours into one entry", () => {
    expect(
      writeRtcp([{ kind: "nack", ssrc: 1, mediaSsrc: 2, lost: [100, 101, 116, 117] }])
        .subarray(12)
        .toString("hex"),
    ).toBe("006480010075" + "0000");
  });

  test("transport-wide feedback is read in all three kinds of chunk", () => {
    // Five by run length, fourteen of one bit, one of two bits.
    const fci = "00010014 00000207 2005 aaaa e000 0102030405 01020304050607 ffff".replaceAll(" ", "");
    const deltas = [1, 2, 3, 4, 5, 1, null, 2, null, 3, null, 4, null, 5, null, 6, null, 7, null, -1];
    expect(parseRtcp(Buffer.from("8fcd0009" + "00000001" + "00000002" + fci, "hex"))).toEqual([
      { kind: "transport-cc", ssrc: 1, mediaSsrc: 2, baseSequence: 1, referenceTime: 2, feedbackCount: 7, deltas },
    ]);
  });

  test("bit rates are rounded down to what the field can say", () => {
    const [packet] = parseRtcp(writeRtcp([{ kind: "remb", ssrc: 1, bitrate: 1_000_003, ssrcs: [] }]))!;
    expect(packet).toMatchObject({ bitrate: 1_000_000 });
  });

  test("padding is allowed in the last packet only, and not counted", () => {
    const padded = Buffer.concat([writeRtcp([{ kind: "pli", ssrc: 1, mediaSsrc: 2 }]), Buffer.from([0, 0, 0, 4])]);
    padded[0]! |= 0x20;
    padded[3] = 3;
    expect(parseRtcp(padded)).toEqual([{ kind: "pli", ssrc: 1, mediaSsrc: 2 }]);
    expect(parseRtcp(Buffer.concat([padded, writeRtcp([{ kind: "bye", ssrcs: [1] }])]))).toBeUndefined();
    padded[padded.length - 1] = 5;
    expect(parseRtcp(padded)).toBeUndefined();
  });

  test("texts longer than an item holds are cut between characters", () => {
    const [packet] = parseRtcp(writeRtcp([{ kind: "bye", ssrcs: [], reason: "ü".repeat(200) }]))!;
    expect(packet).toEqual({ kind: "bye", ssrcs: [], reason: "ü".repeat(127) });
  });

  test("10,000 mutations are read or refused, never thrown over", () => {
    const random = seeded(2);
    let read = 0;
    for (let i = 0; i < 10_000; i++) {
      const bytes = Buffer.from(writeRtcp([everyKind[random(everyKind.length)]!, everyKind[random(everyKind.length)]!]));
      for (let n = random(4); n > 0; n--) bytes[random(bytes.length)] = random(256);
      const packets = parseRtcp(random(5) === 0 ? bytes.subarray(0, random(bytes.length)) : bytes);
      if (packets) read++;
    }
    expect(read).toBeGreaterThan(1000);
  });
});

describe("round trip, RFC 3550 section 6.4.1", () => {
  test("the standard's example: 6.125 s", () => {
    const sent = { seconds: 0xb44db705, fraction: 0x20000000 };
    expect(ntpMiddle(sent)).toBe(0xb7052000);
    expect(roundTripMs(0xb7108000, 0xb7052000, 0x00054000)).toBe(6125);
  });
  test("is unknown before a report came, and when figures contradict the clock", () => {
    expect(roundTripMs(1000, 0, 0)).toBeUndefined();
    expect(roundTripMs(1000, 900, 200)).toBeUndefined();
  });
  test("wall time becomes NTP time", () => {
    expect(ntpFromWall(0)).toEqual({ seconds: 2_208_988_800, fraction: 0 });
    expect(ntpFromWall(1500)).toEqual({ seconds: 2_208_988_801, fraction: 0x80000000 });
  });
});
