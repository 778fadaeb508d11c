// Automatic gain of members: what a listener hears of talkers at different levels, of noise, of tones.
import { describe, expect, it } from "vitest";
import { ToneDetector } from "../../../src/audio/dtmf/tone-detector.ts";
import { MixRoom } from "../../../src/audio/mix/room.ts";
import { readPrompt } from "../../support/speech.ts";
import { concat, rmsDb, seededNoise, snrDb, sum, tone, toneLevel } from "../../support/spectrum.ts";

const RATE = 16000;
const FRAME = RATE / 50;

function scaled(pcm: Int16Array, db: number): Int16Array {
  return pcm.map((v) => Math.max(-32768, Math.min(32767, Math.round(v * 10 ** (db / 20)))));
}

function noise(ms: number, db: number, seed: number): Int16Array {
  const next = seededNoise(seed);
  return Int16Array.from({ length: (RATE * ms) / 1000 }, () => next() * 32768 * Math.sqrt(3) * 10 ** (db / 20));
}

/** What a listener hears of one member. */
function heard(pcm: Int16Array, autoLevel = true): Int16Array {
  const room = new MixRoom({ autoLevel });
  const talker = room.add({ rate: RATE });
  const listener = room.add({ rate: RATE });
  const out: Int16Array[] = [];
  for (let at = 0; at + FRAME <= pcm.length; at += FRAME) {
    talker.input.set(pcm.subarray(at, at + FRAME));
    talker.submit();
    room.tick();
    out.push(listener.output.slice());
  }
  return concat(out);
}

const part = (pcm: Int16Array, from: number, to: number) => pcm.subarray(from * RATE, to * RATE);
/** Two texts twice, with pauses: about 20 s, at -26 dB as telephones send it. */
const said = ((): Int16Array => {
  const pause = new Int16Array(RATE / 2);
  const texts = ["en/help-guest", "en/encrypted-refused"].map(readPrompt);
  const all = concat([...texts, pause, ...texts].flatMap((text) => [text, pause]));
  return scaled(all, -26 - rmsDb(all));
})();
const END = Math.floor(said.length / RATE);

describe("automatic gain", () => {
  it("brings talkers 18 dB under and 10 dB over the usual level within 3 dB of each other, and within 6 s", () => {
    const levels = [-18, -9, 0, 10].map((db) => {
      const out = heard(scaled(said, db));
      return [rmsDb(part(out, 6, 12)), rmsDb(part(out, END - 8, END))] as const;
    });
    for (const k of [0, 1]) {
      const at = levels.map((level) => level[k]!);
      expect(Math.max(...at) - Math.min(...at)).toBeLessThan(3);
    }
  });

  it("does not pump: once it knows a talker its gain changes by less than 3 dB a second, and not within words", () => {
    const quiet = scaled(said, -18);
    const out = heard(quiet);
    const gains: number[] = [];
    for (let at = 8 * RATE; at + FRAME <= quiet.length; at += FRAME) {
      const [before, after] = [rmsDb(quiet.subarray(at, at + FRAME)), rmsDb(out.subarray(at, at + FRAME))];
      // frames of speech, not those where a boost is on its way in or out of a pause
      if (before > -46) gains.push(after - before);
    }
    expect(Math.max(...gains) - Math.min(...gains)).toBeLessThan(4);
    const sudden = gains.slice(1).map((gain, i) => Math.abs(gain - gains[i]!));
    expect(sudden.filter((change) => change > 1).length).toBeLessThan(gains.length / 100);
  });

  it("leaves speech of the usual level as it is, but for its level", () => {
    const out = heard(said);
    const tail = part(out, END - 6, END);
    const same = part(said, END - 6, END);
    const gain = rmsDb(tail) - rmsDb(same);
    expect(Math.abs(gain)).toBeLessThan(3);
    expect(snrDb(same, scaled(tail, -gain))).toBeGreaterThan(30);
  });

  it("raises no noise between words, and none where nobody speaks", () => {
    const line = noise((said.length / RATE) * 1000, -62, 5);
    const quiet = sum(scaled(said, -15), line);
    const out = heard(quiet);
    // of each half second of pause the last 300 ms
    let pauses = 0;
    for (let at = 8 * RATE; at + RATE / 2 <= said.length; at += FRAME) {
      if (said.subarray(at - RATE / 5, at + RATE / 4).some((v) => v !== 0)) continue;
      expect(rmsDb(out.subarray(at, at + FRAME))).toBeLessThan(-60);
      pauses++;
    }
    expect(pauses).toBeGreaterThan(10);
    const alone = noise(12_000, -40, 6);
    expect(rmsDb(part(heard(alone), 6, 12))).toBeLessThan(-39);
  });

  it("changes no tone, and keys sent as tones are the keys they were", () => {
    for (const db of [-30, -6]) {
      const steady = tone(440, RATE, 10_000, db);
      expect(toneLevel(part(heard(steady), 8, 10), RATE, 440)).toBeCloseTo(toneLevel(part(steady, 8, 10), RATE, 440), 0);
    }
    // after speech that is boosted by all there is
    const key = sum(tone(697, RATE, 80, -20), tone(1336, RATE, 80, -20));
    const gap = new Int16Array(RATE / 10);
    const out = heard(concat([scaled(said, -18), ...Array.from({ length: 20 }, () => [key, gap]).flat()]));
    const detector = new ToneDetector(RATE);
    const keys: string[] = [];
    for (let at = 0; at + FRAME <= out.length; at += FRAME)
      for (const event of detector.process(out.subarray(at, at + FRAME))) if (event.type === "end") keys.push(event.key);
    expect(keys.join("")).toBe("2".repeat(20));
    expect(Math.max(...out.subarray(said.length))).toBeLessThanOrEqual(31_600);
  });

  it("does nothing when it is off", () => {
    expect(rmsDb(part(heard(scaled(said, -18), false), 6, 12))).toBeCloseTo(rmsDb(part(scaled(said, -18), 6, 12)), 0);
  });
});
