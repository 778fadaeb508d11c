import { describe, expect, it } from "vitest";
import { ComfortNoise } from "../../../src/audio/comfort-noise.ts";
import { describeNoise } from "../../support/comfort-noise.ts";
import { powerSpectrum, rmsDb, seededNoise } from "../../support/spectrum.ts";

function generated(noise: ComfortNoise, samples = 16000): Int16Array {
  const out = new Int16Array(samples);
  noise.generate(new Int16Array(160));
  for (let at = 0; at < samples; at += 160) noise.generate(out, at, 160);
  return out;
}

/** Noise with most of its power low, as a fan's. */
function fan(samples: number): Int16Array {
  const noise = seededNoise(4);
  let state = 0;
  return Int16Array.from({ length: samples }, () => (state = 0.9 * state + 200 * noise()));
}

describe("comfort noise", () => {
  it.each([30, 45, 60])("of level %i has that level", (level) => {
    const noise = new ComfortNoise();
    noise.update(Uint8Array.of(level));
    expect(Math.abs(rmsDb(generated(noise)) + level)).toBeLessThan(0.7);
  });

  it("keeps level and colour of the noise it was described by", () => {
    const real = fan(16000);
    const payload = describeNoise(real.subarray(0, 4000), 8);
    expect(payload).toHaveLength(9);
    const noise = new ComfortNoise();
    noise.update(payload);
    const copy = generated(noise);
    expect(Math.abs(rmsDb(copy) - rmsDb(real))).toBeLessThan(1.5);
    const [a, b] = [powerSpectrum(real, 8), powerSpectrum(copy, 8)];
    for (let i = 0; i < 8; i++) expect(Math.abs(a[i] - b[i])).toBeLessThan(3);
  });

  it("is silent before a payload and stable on any payload", () => {
    const noise = new ComfortNoise();
    expect(rmsDb(generated(noise, 1600))).toBeLessThan(-100);
    noise.update(new Uint8Array(0));
    const random = seededNoise(8);
    for (let i = 0; i < 300; i++) {
      noise.update(Uint8Array.from({ length: 1 + (i % 14) }, () => (random() + 1) * 127.9));
      expect(generated(noise, 160)).toHaveLength(160);
    }
    noise.update(Uint8Array.of(50));
    expect(Math.abs(rmsDb(generated(noise)) + 50)).toBeLessThan(1);
  });
});
