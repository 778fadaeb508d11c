import { describe, expect, it } from "vitest";
import { readWav, WAV_HEADER_BYTES, WavWriter, wavHeader, writeUlawWav, writeWav } from "../../../src/audio/wav.ts";
import { ParseError } from "../../../src/base/errors.ts";
import { seededNoise, snrDb, tone } from "../../support/spectrum.ts";

describe("WAV", () => {
  it.each([8000, 16000, 48000])("reads back what it wrote at %i Hz", (rate) => {
    const pcm = tone(440, rate, 50);
    expect(readWav(writeWav(rate, pcm))).toEqual({ sampleRate: rate, channels: 1, pcm });
  });

  it("reads back µ-law to within its own noise", () => {
    const pcm = tone(440, 16000, 51).subarray(0, 815);
    const { sampleRate, pcm: back } = readWav(writeUlawWav(16000, pcm));
    expect(sampleRate).toBe(16000);
    expect(back).toHaveLength(815);
    expect(snrDb(pcm, back)).toBeGreaterThan(35);
  });

  it("mixes stereo down and skips chunks it does not know", () => {
    const file = writeWav(8000, Int16Array.of(100, 300, -100, -300), 2);
    const list = Uint8Array.from([...Buffer.from("LIST"), 3, 0, 0, 0, 1, 2, 3, 0]); // odd size, padded
    const padded = new Uint8Array([...file.subarray(0, 36), ...list, ...file.subarray(36)]);
    expect(readWav(padded)).toEqual({ sampleRate: 8000, channels: 2, pcm: Int16Array.of(200, -200) });
  });

  it("opens a recording that was never finished", () => {
    const writer = new WavWriter(16000);
    const file = new Uint8Array([...writer.start(), ...writer.add(Int16Array.of(1, 2, 3))]);
    expect([...readWav(file).pcm]).toEqual([1, 2, 3]);
    expect(writer.duration).toBeCloseTo(3 / 16);
    file.set(writer.finish());
    expect(file.subarray(0, WAV_HEADER_BYTES)).toEqual(wavHeader(16000, 1, 6));
  });

  it("answers garbage with ParseError only", () => {
    const file = writeWav(8000, tone(440, 8000, 5));
    const noise = seededNoise(7);
    const random = (n: number) => Math.floor(((noise() + 1) / 2) * n);
    for (let i = 0; i < 10_000; i++) {
      const broken = file.slice(0, random(10) === 0 ? random(file.length) : file.length);
      for (let k = random(4); k >= 0 && broken.length > 0; k--) broken[random(Math.min(broken.length, 60))] = random(256);
      try {
        readWav(broken);
      } catch (error) {
        expect(error).toBeInstanceOf(ParseError);
      }
    }
  });
});
