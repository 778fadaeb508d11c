import { describe, expect, it } from "vitest";
import { createDecoder, createEncoder } from "../../../src/audio/codecs.ts";
import { alawDecodeTable, alawEncodeTable, ulawDecodeTable, ulawEncodeTable } from "../../../src/audio/g711.ts";
import { snrDb, tone } from "../../support/spectrum.ts";

describe("G.711", () => {
  it("decodes the decision values of ITU-T G.711's tables", () => {
    // Table 2a (µ-law), positive input values, character signals in the order of the table, values scaled from 14 to 16 bits.
    expect([0x80, 0x8f, 0x9f, 0xaf, 0xbf, 0xcf, 0xdf, 0xef, 0xff].map((c) => ulawDecodeTable[c])).toEqual([
      8031 * 4,
      4191 * 4,
      2079 * 4,
      1023 * 4,
      495 * 4,
      231 * 4,
      99 * 4,
      33 * 4,
      0,
    ]);
    expect([0x00, 0x7f].map((c) => ulawDecodeTable[c])).toEqual([-8031 * 4, 0]);
    // Table 1a (A-law), after inversion of the even bits, values scaled from 13 to 16 bits.
    expect([0xff ^ 0x55, 0xf0 ^ 0x55, 0x80 ^ 0x55, 0x00 ^ 0x55].map((c) => alawDecodeTable[c])).toEqual([4032 * 8, 2112 * 8, 8, -8]);
  });

  it("encodes every decoded value to its own code again", () => {
    for (let code = 0; code < 256; code++) {
      expect(alawEncodeTable[alawDecodeTable[code] & 0xffff]).toBe(code);
      // µ-law has two zeros; the negative one encodes as the positive one.
      expect(ulawEncodeTable[ulawDecodeTable[code] & 0xffff]).toBe(code === 0x7f ? 0xff : code);
    }
  });

  it("is monotonic over all 65,536 samples", () => {
    for (const [encode, decode] of [
      [ulawEncodeTable, ulawDecodeTable],
      [alawEncodeTable, alawDecodeTable],
    ] as const) {
      let last = -40000;
      let falls = 0;
      for (let sample = -32768; sample < 32768; sample++) {
        const value = decode[encode[sample & 0xffff]];
        if (value < last) falls++;
        last = value;
      }
      expect(falls).toBe(0);
    }
  });

  it.each(["PCMU", "PCMA"] as const)("%s keeps a tone with the 37 dB the law promises", (law) => {
    const encoder = createEncoder(law);
    const decoder = createDecoder(law);
    const pcm = tone(1004, 8000, 200, -10);
    const bytes = new Uint8Array(pcm.length);
    const back = new Int16Array(pcm.length);
    expect(encoder.encode(pcm, bytes)).toBe(pcm.length);
    expect(decoder.decode(bytes, back)).toBe(pcm.length);
    expect(snrDb(pcm, back)).toBeGreaterThan(36);
  });

  it("refuses an empty payload and one too long for the buffer", () => {
    const decoder = createDecoder("PCMU");
    expect(decoder.decode(new Uint8Array(0), new Int16Array(160))).toBe(-1);
    expect(decoder.decode(new Uint8Array(161), new Int16Array(160))).toBe(-1);
  });
});

describe("L16", () => {
  it("is network byte order", () => {
    const bytes = new Uint8Array(4);
    expect(createEncoder("L16").encode(Int16Array.of(0x1234, -2), bytes)).toBe(4);
    expect([...bytes]).toEqual([0x12, 0x34, 0xff, 0xfe]);
    const out = new Int16Array(2);
    expect(createDecoder("L16").decode(bytes, out)).toBe(2);
    expect([...out]).toEqual([0x1234, -2]);
    expect(createDecoder("L16").decode(bytes.subarray(0, 3), out)).toBe(-1);
  });
});
