import { beforeAll, describe, expect, it } from "vitest";
import { createDecoder, createEncoder, loadOpus } from "../../../src/audio/codecs.ts";
import type { SampleRate } from "../../../src/audio/format.ts";
import { OpusDecoder, OpusEncoder, opusPacketMicros } from "../../../src/audio/opus.ts";
import { concat, rmsDb, seededNoise, tone, toneLevel } from "../../support/spectrum.ts";

beforeAll(loadOpus);

async function pair(rate: SampleRate, options: ConstructorParameters<typeof OpusEncoder>[0] = {}, decodeRate = rate) {
  const encoder = new OpusEncoder({ ...options, sampleRate: rate });
  const decoder = new OpusDecoder(decodeRate);
  await Promise.all([encoder.ready, decoder.ready]);
  return { encoder, decoder };
}

function cut(pcm: Int16Array, samples: number): Int16Array[] {
  return Array.from({ length: Math.floor(pcm.length / samples) }, (_, i) => pcm.subarray(i * samples, (i + 1) * samples));
}

describe("Opus", () => {
  it.each([
    [8000, 20],
    [16000, 10],
    [16000, 40],
    [48000, 20],
    [48000, 60],
  ] as const)("carries a tone at %i Hz in packets of %i ms", async (rate, ms) => {
    const { encoder, decoder } = await pair(rate);
    const bytes = new Uint8Array(1500);
    const out = new Int16Array((rate * 120) / 1000);
    const heard: Int16Array[] = [];
    for (const frame of cut(tone(600, rate, 600, -12), (rate * ms) / 1000)) {
      const payload = bytes.subarray(0, encoder.encode(frame, bytes));
      expect(opusPacketMicros(payload)).toBe(ms * 1000);
      expect(decoder.samplesOf(payload)).toBe(frame.length);
      expect(decoder.decode(payload, out)).toBe(frame.length);
      heard.push(out.slice(0, frame.length));
    }
    expect(Math.abs(toneLevel(concat(heard.slice(2)), rate, 600) + 12)).toBeLessThan(2);
    encoder.close();
    decoder.close();
  });

  it("decodes at another rate than it was encoded at", async () => {
    const { encoder, decoder } = await pair(48000, {}, 8000);
    const bytes = new Uint8Array(1500);
    const out = new Int16Array(960);
    const heard = cut(tone(600, 48000, 400), 960).map((frame) => {
      expect(decoder.decode(bytes.subarray(0, encoder.encode(frame, bytes)), out)).toBe(160);
      return out.slice(0, 160);
    });
    expect(toneLevel(concat(heard.slice(4)), 8000, 600)).toBeGreaterThan(-14);
  });

  it("conceals a lost packet, and restores it better from the next one's FEC", async () => {
    const { encoder, decoder } = await pair(16000, { fec: true, lossPercent: 20 });
    const plain = new OpusDecoder(16000);
    await plain.ready;
    // A sweep, so that concealment by repetition cannot guess what comes.
    const pcm = Int16Array.from({ length: 16000 }, (_, i) => 9000 * Math.sin((2 * Math.PI * (200 + i / 20) * i) / 16000));
    const bytes = new Uint8Array(1500);
    const packets = cut(pcm, 320).map((frame) => bytes.slice(0, encoder.encode(frame, bytes)));
    const out = new Int16Array(1920);
    for (const packet of packets.slice(0, 30)) {
      decoder.decode(packet, out);
      plain.decode(packet, out);
    }
    const reference = new OpusDecoder(16000);
    await reference.ready;
    const real = packets.slice(0, 31).map((packet) => out.slice(0, reference.decode(packet, out)))[30];
    const fec = new Int16Array(320);
    const plc = new Int16Array(320);
    expect(decoder.conceal(320, fec, packets[31])).toBe(true);
    expect(plain.conceal(320, plc)).toBe(true);
    const error = (guess: Int16Array) => rmsDb(real.map((v, i) => (v - guess[i]) / 2));
    expect(rmsDb(plc)).toBeGreaterThan(-40);
    expect(error(fec)).toBeLessThan(error(plc) - 3);
  });

  it("sends next to nothing in silence with DTX", async () => {
    const { encoder } = await pair(16000, { dtx: true });
    const bytes = new Uint8Array(1500);
    const sizes = Array.from({ length: 100 }, () => encoder.encode(new Int16Array(320), bytes));
    expect(sizes.slice(50).filter((n) => n === 0).length).toBeGreaterThan(40);
  });

  it("answers malformed packets with -1 and goes on", async () => {
    const { encoder, decoder } = await pair(16000);
    const out = new Int16Array(1920);
    expect(decoder.samplesOf(Uint8Array.of(3))).toBe(-1);
    expect(decoder.samplesOf(Uint8Array.of(0xfb, 63))).toBe(-1); // 63 frames are more than 120 ms
    expect(decoder.decode(new Uint8Array(0), out)).toBe(-1);
    const noise = seededNoise(11);
    for (let i = 0; i < 500; i++) {
      const payload = Uint8Array.from({ length: 1 + ((i * 7) % 120) }, () => (noise() + 1) * 128);
      const n = decoder.decode(payload, out);
      expect(n === -1 || (n > 0 && n <= 1920)).toBe(true);
    }
    const bytes = new Uint8Array(1500);
    expect(decoder.decode(bytes.subarray(0, encoder.encode(new Int16Array(320), bytes)), out)).toBe(320);
  });

  it("is silent, not broken, before the module is loaded and after close", () => {
    const encoder = createEncoder("opus");
    const decoder = createDecoder("opus");
    const out = new Int16Array(5760).fill(1);
    expect(encoder.encode(new Int16Array(960), new Uint8Array(1500))).toBe(0);
    expect(decoder.decode(Uint8Array.of(0x78), out)).toBe(960); // a 20 ms frame of nothing
    expect(out[0]).toBe(0);
    encoder.close();
    decoder.close();
    encoder.close();
  });
});
