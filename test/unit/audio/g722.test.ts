import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { createDecoder, createEncoder } from "../../../src/audio/codecs.ts";
import { frames, seededNoise, snrDb, tone, toneLevel } from "../../support/spectrum.ts";

/** The delay of both quadrature mirror filters together, samples at 16 kHz. */
const DELAY = 22;

function roundTrip(pcm: Int16Array): { bytes: Uint8Array; back: Int16Array } {
  const encoder = createEncoder("G722");
  const decoder = createDecoder("G722");
  const bytes = new Uint8Array(pcm.length / 2);
  const back = new Int16Array(pcm.length);
  frames(pcm, 16000).forEach((frame, i) => {
    expect(encoder.encode(frame, bytes.subarray(i * 160))).toBe(160);
    expect(decoder.decode(bytes.subarray(i * 160, (i + 1) * 160), back.subarray(i * 320))).toBe(320);
  });
  return { bytes, back };
}

describe("G.722", () => {
  it("gives the very bits of an independent implementation", () => {
    // Swept tone from silence to full scale with noise; both sums were made with FFmpeg 5.1's encoder and decoder, which pass ITU-T's test sequences.
    const noise = seededNoise(722);
    const pcm = Int16Array.from({ length: 64000 }, (_, i) => Math.sin((i * i) / 9000) * (i / 64000) * 31000 + noise() * 1000);
    const { bytes, back } = roundTrip(pcm);
    expect(createHash("sha256").update(bytes).digest("hex").slice(0, 16)).toBe("a1561025435e12c5");
    expect(createHash("sha256").update(back).digest("hex").slice(0, 16)).toBe("bec5ff73e3cf35f1");
  });

  it.each([
    [300, 25],
    [1000, 25],
    [3000, 18],
    [6000, 10],
  ])("keeps a tone of %i Hz at its level, with %i dB to the noise", (frequency, snr) => {
    const pcm = tone(frequency, 16000, 400, -12);
    const { back } = roundTrip(pcm);
    expect(Math.abs(toneLevel(back.subarray(1600), 16000, frequency) + 12)).toBeLessThan(1);
    expect(snrDb(pcm.subarray(1600), back.subarray(1600), DELAY)).toBeGreaterThan(snr);
  });

  it("continues another encoder's stream after adopting it", () => {
    const pcm = frames(tone(700, 16000, 200), 16000);
    const [shared, own] = [createEncoder("G722"), createEncoder("G722")];
    const [expected, actual] = [new Uint8Array(160), new Uint8Array(160)];
    for (const frame of pcm.slice(0, 5)) shared.encode(frame, expected);
    own.adopt?.(shared);
    shared.encode(pcm[5], expected);
    own.encode(pcm[5], actual);
    expect(actual).toEqual(expected);
  });

  it("stays within 16 bits on random payloads", () => {
    const noise = seededNoise(3);
    const decoder = createDecoder("G722");
    const out = new Int16Array(320);
    for (let i = 0; i < 200; i++) {
      const payload = Uint8Array.from({ length: 160 }, () => (noise() + 1) * 127.5);
      expect(decoder.decode(payload, out)).toBe(320);
    }
    expect(decoder.decode(new Uint8Array(0), out)).toBe(-1);
  });
});
