import { describe, expect, it } from "vitest";
import type { SampleRate } from "../../../src/audio/format.ts";
import { Resampler } from "../../../src/audio/resampler.ts";
import { frames, rmsDb, tone, toneLevel } from "../../support/spectrum.ts";

/** Runs PCM through in 20 ms frames and drops the first 40 ms, where the filter fills. */
function run(from: SampleRate, to: SampleRate, pcm: Int16Array): Int16Array {
  const resampler = new Resampler(from, to);
  const out = new Int16Array((pcm.length * to) / from);
  let at = 0;
  for (const frame of frames(pcm, from)) at += resampler.process(frame, out.subarray(at));
  expect(at).toBe(out.length);
  return out.subarray(to / 25);
}

const pairs: [SampleRate, SampleRate][] = [
  [8000, 16000],
  [8000, 48000],
  [16000, 48000],
  [16000, 8000],
  [48000, 8000],
  [48000, 16000],
];

describe.each(pairs)("resampling %i to %i Hz", (from, to) => {
  const nyquist = Math.min(from, to) / 2;

  it("passes the voice band level to within 0.5 dB", () => {
    for (const share of [0.05, 0.25, 0.5, 0.75]) {
      const frequency = share * nyquist;
      expect(toneLevel(run(from, to, tone(frequency, from, 400, -12)), to, frequency)).toBeCloseTo(-12, 0);
    }
  });

  it("keeps images and aliases 55 dB down", () => {
    if (to > from) {
      // The image of a tone near the old Nyquist frequency is its mirror above it.
      const out = run(from, to, tone(0.8 * nyquist, from, 400, -6));
      expect(toneLevel(out, to, 1.2 * nyquist)).toBeLessThan(-6 - 55);
    } else {
      // A tone above the new Nyquist frequency must vanish, not fold.
      for (const share of [1.1, 1.3, 1.7]) expect(rmsDb(run(from, to, tone(share * nyquist, from, 400, -6)))).toBeLessThan(-6 - 55);
    }
  });
});

describe("Resampler", () => {
  it("joins frames of any size without a seam", () => {
    const pcm = tone(440, 48000, 200);
    const whole = new Int16Array(pcm.length / 6);
    new Resampler(48000, 8000).process(pcm, whole);
    const pieces = new Int16Array(pcm.length / 6);
    const resampler = new Resampler(48000, 8000);
    for (let at = 0, size = 6; at < pcm.length; size = (size * 5) % 282) {
      const piece = pcm.subarray(at, Math.min(at + size, pcm.length));
      resampler.process(piece, pieces.subarray(at / 6));
      at += piece.length;
    }
    expect(pieces).toEqual(whole);
  });

  it("refuses a length that is not a multiple of the ratio", () => {
    expect(() => new Resampler(48000, 8000).process(new Int16Array(7), new Int16Array(2))).toThrow(RangeError);
  });

  it("clamps instead of wrapping on a full-scale square wave", () => {
    const square = Int16Array.from({ length: 1600 }, (_, i) => (i % 20 < 10 ? 32767 : -32768));
    const out = run(8000, 16000, square);
    // Gibbs' overshoot would wrap to the other sign; with the clamp no neighbour differs by nearly the whole range.
    for (let i = 1; i < out.length; i++) expect(Math.abs(out[i] - out[i - 1])).toBeLessThan(60000);
  });
});
