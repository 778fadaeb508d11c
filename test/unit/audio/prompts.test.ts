import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ToneDetector } from "../../../src/audio/dtmf/tone-detector.ts";
import { readWav } from "../../../src/audio/wav.ts";
import { allPromptFiles } from "../../../src/ivr/prompts/manifest.ts";
import { frames, rmsDb } from "../../support/spectrum.ts";

const root = join(import.meta.dirname, "../../../src/ivr/prompts");
const files = allPromptFiles();
const sounds = new Map(files.filter((file) => existsSync(join(root, file))).map((file) => [file, readWav(readFileSync(join(root, file)))]));

describe("recordings", () => {
  it("are all there, and no others", () => {
    const found = ["en", "de", "common"].flatMap((folder) => readdirSync(join(root, folder)).map((name) => `${folder}/${name}`));
    expect(found.sort()).toEqual([...files].sort());
  });

  it("are 16 kHz mono, of speech's level, and small", () => {
    for (const [file, sound] of sounds) {
      expect([file, sound.sampleRate, sound.channels]).toEqual([file, 16000, 1]);
      expect(Math.abs(rmsDb(sound.pcm) + 22), file).toBeLessThan(4.5);
    }
    const bytes = files.reduce((sum, file) => sum + statSync(join(root, file)).size, 0);
    expect(bytes).toBeLessThan(8e6);
  });

  it("begin within 300 ms and do not end in long silence", () => {
    for (const [file, { pcm }] of sounds) {
      const first = pcm.findIndex((v) => Math.abs(v) > 1000);
      const last = pcm.findLastIndex((v) => Math.abs(v) > 1000);
      expect(first, file).toBeLessThan(4800);
      expect(pcm.length - last, file).toBeLessThan(8000);
    }
  });

  it("hold no sound that is taken for a key", () => {
    for (const [file, { pcm }] of sounds) {
      const detector = new ToneDetector(16000);
      expect(
        frames(pcm, 16000).flatMap((frame) => [...detector.process(frame)]),
        file,
      ).toEqual([]);
    }
  });

  it("loop the music without a seam", () => {
    const music = sounds.get("common/music.wav")?.pcm as Int16Array;
    const largest = music.slice(1).reduce((most, v, i) => Math.max(most, Math.abs(v - music[i])), 0);
    expect(Math.abs(music[0] - music[music.length - 1])).toBeLessThanOrEqual(largest);
    expect(music.length / 16000).toBeGreaterThanOrEqual(25);
  });
});
