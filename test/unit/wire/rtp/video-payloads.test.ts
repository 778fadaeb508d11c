import { describe, expect, test } from "vitest";
import {
  buildRtp,
  eachNalUnit,
  H264Content,
  inspectH264,
  parseRtp,
  parseSps,
  RTX_OVERHEAD,
  unwrapRtx,
  Vp8Descriptor,
  wrapRtx,
} from "../../../../src/wire/rtp/index.ts";
import { mutate, random } from "../../../support/mutate.ts";

const hex = (text: string) => Buffer.from(text, "hex");
const inspect = (payload: Buffer) => inspectH264(payload, 0, payload.length);
const { Idr, Sps, Pps, FirstSlice, Slice, Fragment, FragmentStart, FragmentEnd, Aggregate } = H264Content;

/** Sequence parameter sets that x264 made. */
const SETS = {
  baseline720: hex("6742c01fd9005005bb0110000003001000000303c0f1832480"),
  high1080: hex("67640028acd940780227e5c044000003000400000300f03c60c658"),
  mainCif: hex("674d400deca0b04b6022000003000200000300781e28532c"),
  high444: hex("67f4001e919b281407b60220000003002000000781e2c5b2c0"),
  interlaced576: hex("6764001eacd940b424d8088000000300800000190f8a14cb"),
};

describe("H.264 payloads, RFC 6184", () => {
  test("single NAL units", () => {
    expect(inspect(hex("6588"))).toBe(Slice | Idr | FirstSlice);
    expect(inspect(hex("6548"))).toBe(Slice | Idr);
    expect(inspect(hex("4188"))).toBe(Slice | FirstSlice);
    expect(inspect(SETS.baseline720)).toBe(Sps);
    expect(inspect(hex("68ce"))).toBe(Pps);
    expect(inspect(hex("0600"))).toBe(0);
  });

  test("fragments: the first tells what it is of", () => {
    expect(inspect(hex("7c8588"))).toBe(Fragment | FragmentStart | Slice | Idr | FirstSlice);
    expect(inspect(hex("7c0588"))).toBe(Fragment | Slice | Idr);
    expect(inspect(hex("7c4588"))).toBe(Fragment | FragmentEnd | Slice | Idr);
  });

  test("aggregates: all that is inside", () => {
    const payload = hex("780003674200000268ce00026588");
    expect(inspect(payload)).toBe(Aggregate | Sps | Pps | Slice | Idr | FirstSlice);
    const units: string[] = [];
    eachNalUnit(payload, 0, payload.length, (from, to) => units.push(payload.toString("hex", from, to)));
    expect(units).toEqual(["674200", "68ce", "6588"]);
  });

  test("what is malformed or interleaved is refused", () => {
    for (const payload of ["", "00", "7c", "7c85", "7c9c88", "78", "780000", "78000567", "7800", "79000000026588", "1a00", "1d00"])
      expect(inspect(hex(payload)), payload).toBe(-1);
  });

  test.each([
    ["baseline720", 1280, 720, 66, 31],
    ["high1080", 1920, 1080, 100, 40],
    ["mainCif", 352, 288, 77, 13],
    ["high444", 640, 480, 244, 30],
    ["interlaced576", 720, 576, 100, 30],
  ] as const)("a sequence parameter set tells the picture's size: %s", (name, width, height, profile, level) => {
    expect(parseSps(SETS[name])).toMatchObject({ width, height, profile, level });
  });

  test("10,000 mutations are read or refused, never thrown over", () => {
    const next = random(6184);
    const seeds = [...Object.values(SETS), hex("780003674200000268ce00026588"), hex("7c8588")];
    for (let i = 0; i < 10_000; i++) {
      const payload = mutate(seeds[i % seeds.length]!, next);
      const content = inspect(payload);
      eachNalUnit(payload, 0, payload.length, (from, to) => {
        expect(content).toBeGreaterThanOrEqual(0);
        expect(from).toBeLessThan(to);
        expect(to).toBeLessThanOrEqual(payload.length);
      });
      const picture = parseSps(payload);
      if (picture) expect(picture.width * picture.height).toBeGreaterThan(0);
    }
  });
});

describe("VP8 payload descriptor, RFC 7741", () => {
  const keyFrame = "b05a009d012a4001f000";
  const read = (payload: Buffer) => {
    const descriptor = new Vp8Descriptor();
    return descriptor.read(payload, 0, payload.length) ? descriptor : undefined;
  };

  test("a key frame of 320x240 behind the shortest descriptor", () => {
    expect(read(hex(`10${keyFrame}`))).toMatchObject({ length: 1, start: true, keyFrame: true, pictureId: -1, width: 320, height: 240 });
  });

  test("all fields, long picture id", () => {
    const payload = hex(`90f0923405e0${keyFrame}`);
    expect(read(payload)).toMatchObject({
      length: 6,
      keyFrame: true,
      pictureId: 0x1234,
      longPictureId: true,
      tl0PicIdx: 5,
      temporalLayer: 3,
    });
  });

  test("a later partition and an inter frame are no key frames", () => {
    expect(read(hex(`11${keyFrame}`))).toMatchObject({ start: false, keyFrame: false });
    expect(read(hex(`10b1${keyFrame}`))).toMatchObject({ start: true, keyFrame: false });
  });

  test("counters are written over", () => {
    const long = hex(`90f0923405e0${keyFrame}`);
    read(long)!.rewrite(long, 0, 0x8001, 0x107);
    expect(read(long)).toMatchObject({ pictureId: 1, tl0PicIdx: 7, longPictureId: true });
    const short = hex(`908012${keyFrame}`);
    read(short)!.rewrite(short, 0, 0x85, 0);
    expect(read(short)).toMatchObject({ pictureId: 5, longPictureId: false, tl0PicIdx: -1, keyFrame: true });
  });

  test("10,000 mutations stay within the payload", () => {
    const next = random(7741);
    const descriptor = new Vp8Descriptor();
    for (let i = 0; i < 10_000; i++) {
      const payload = mutate(hex(`90f0923405e0${keyFrame}`), next);
      if (!descriptor.read(payload, 0, payload.length)) continue;
      expect(descriptor.length).toBeLessThan(payload.length);
      const length = payload.length;
      descriptor.rewrite(payload, 0, 0x7fff, 0xff);
      expect(payload.length).toBe(length);
    }
  });
});

describe("retransmissions, RFC 4588", () => {
  const extension = { profile: 0xbede, data: hex("10aa0000") };
  const original = buildRtp(
    { payloadType: 96, ssrc: 0x11223344, timestamp: 777, sequenceNumber: 0xfffe, marker: true, extension, csrcs: [9] },
    hex("658899"),
  );

  test("wrapped and unwrapped, the packet is what it was", () => {
    const out = Buffer.alloc(200);
    const length = wrapRtx(original, original.length, out, { ssrc: 5, payloadType: 97, sequence: 3 });
    expect(length).toBe(original.length + RTX_OVERHEAD);
    expect(parseRtp(out, length)).toMatchObject({ ssrc: 5, payloadType: 97, sequenceNumber: 3, timestamp: 777, marker: true });
    expect(unwrapRtx(out, length, 0x11223344, 96)).toBe(true);
    expect(out.subarray(RTX_OVERHEAD, length)).toEqual(original);
  });

  test("a probe without an original is none", () => {
    const probe = buildRtp({ payloadType: 97, ssrc: 5, timestamp: 0, sequenceNumber: 1 }, Buffer.alloc(0), 200);
    expect(unwrapRtx(probe, probe.length, 1, 96)).toBe(false);
    const short = buildRtp({ payloadType: 97, ssrc: 5, timestamp: 0, sequenceNumber: 1 }, hex("01"));
    expect(unwrapRtx(short, short.length, 1, 96)).toBe(false);
    expect(wrapRtx(original, original.length, Buffer.alloc(10), { ssrc: 5, payloadType: 97, sequence: 3 })).toBe(-1);
  });
});
