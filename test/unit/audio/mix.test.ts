import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createDecoder, createEncoder, loadOpus } from "../../../src/audio/codecs.ts";
import type { SampleRate } from "../../../src/audio/format.ts";
import { EncoderPool } from "../../../src/audio/mix/encoder-pool.ts";
import type { MixMember } from "../../../src/audio/mix/member.ts";
import { type MixEvent, MixRoom } from "../../../src/audio/mix/room.ts";
import { readWav } from "../../../src/audio/wav.ts";
import { readPrompt, speechLike } from "../../support/speech.ts";
import { concat, rmsDb, seededNoise, snrDb, tone, toneLevel, tonesIn } from "../../support/spectrum.ts";

/** A room whose members each play a sound of their own; keeps what each hears and what happens. */
class Party {
  readonly room: MixRoom;
  readonly events: MixEvent[] = [];
  readonly #sounds = new Map<MixMember, { pcm: Int16Array; at: number }>();
  readonly #heard = new Map<MixMember, Int16Array[]>();
  constructor(room = new MixRoom()) {
    this.room = room;
  }
  join(rate: SampleRate, pcm?: Int16Array, options: { muted?: boolean; deaf?: boolean; background?: boolean } = {}): MixMember {
    const member = this.room.add({ rate, ...options });
    if (pcm) this.play(member, pcm);
    return member;
  }
  play(member: MixMember, pcm: Int16Array): void {
    this.#sounds.set(member, { pcm, at: 0 });
  }
  run(ms: number): MixEvent[] {
    const before = this.events.length;
    this.#heard.clear();
    for (let t = 0; t < ms; t += 20) {
      for (const member of this.room.members) {
        const sound = this.#sounds.get(member);
        if (!sound) continue;
        const end = sound.at + member.input.length;
        if (end > sound.pcm.length) continue;
        member.input.set(sound.pcm.subarray(sound.at, end));
        sound.at = end;
        member.submit();
      }
      this.events.push(...this.room.tick());
      for (const member of this.room.members) {
        const list = this.#heard.get(member) ?? [];
        list.push(member.output.slice());
        this.#heard.set(member, list);
      }
    }
    return this.events.slice(before);
  }
  /** What a member heard in the last run, less its first 100 ms. */
  heard(member: MixMember): Int16Array {
    return concat((this.#heard.get(member) ?? []).slice(5));
  }
  tones(member: MixMember, candidates: number[]): number[] {
    return tonesIn(this.heard(member), member.rate, candidates);
  }
}

const frequencies = [420, 610, 830, 1130];

describe("MixRoom", () => {
  it("gives each member every other's sound and not its own, at any mixture of rates", () => {
    const party = new Party();
    const rates: SampleRate[] = [8000, 16000, 48000, 8000];
    const members = rates.map((rate, i) => party.join(rate, tone(frequencies[i], rate, 1000, -20)));
    const listener = party.join(8000);
    expect(party.room.rate).toBe(48000);
    party.run(600);
    members.forEach((member, i) => {
      expect(party.tones(member, frequencies)).toEqual(frequencies.filter((_, k) => k !== i));
    });
    expect(party.tones(listener, frequencies)).toEqual(frequencies);
  });

  it("stays at 8 kHz while all members are narrow-band, and follows the best that joins and leaves", () => {
    const party = new Party();
    const a = party.join(8000, tone(420, 8000, 3000, -20));
    const b = party.join(8000);
    expect(party.room.rate).toBe(8000);
    party.run(200);
    const c = party.join(16000, tone(610, 16000, 3000, -20));
    party.run(400);
    expect(party.room.rate).toBe(16000);
    expect(party.tones(b, frequencies)).toEqual([420, 610]);
    expect(party.tones(c, frequencies)).toEqual([420]);
    party.room.remove(c);
    party.run(400);
    expect(party.room.rate).toBe(8000);
    expect(party.tones(b, frequencies)).toEqual([420]);
    expect(party.tones(a, frequencies)).toEqual([]);
  });

  it("mutes, deafens and plays background without voice activity", () => {
    const party = new Party();
    const a = party.join(8000, tone(420, 8000, 2000, -20));
    const b = party.join(8000, tone(610, 8000, 2000, -20), { deaf: true });
    const quiet = party.join(8000, tone(830, 8000, 2000, -59), { background: true });
    const recorder = party.join(8000, undefined, { muted: true });
    party.run(400);
    expect(toneLevel(party.heard(recorder), 8000, 830)).toBeGreaterThan(-62);
    expect(party.tones(recorder, frequencies)).toEqual([420, 610]);
    expect(rmsDb(party.heard(b))).toBeLessThan(-100);
    a.muted = true;
    quiet.muted = true;
    const events = party.run(400);
    expect(events).toContainEqual({ type: "talking-stop", member: a });
    expect(party.tones(recorder, frequencies)).toEqual([610]);
    b.deaf = false;
    a.muted = false;
    party.run(400);
    expect(party.tones(b, frequencies)).toEqual([420]);
  });

  it("plays an overlay to one member alone, over a quieter mix", () => {
    const party = new Party();
    party.join(8000, tone(420, 8000, 2000, -12));
    const [b, c] = [party.join(8000), party.join(8000)];
    party.run(200);
    const prompt = tone(1130, 8000, 20, -12);
    b.overlay(prompt);
    party.room.tick();
    expect(b.sharesOutput).toBe(false);
    expect(c.sharesOutput).toBe(true);
    expect(rmsDb(b.output)).toBeGreaterThan(-20);
    party.room.tick();
    expect(b.output).toBe(c.output);
  });

  it("tells talking and stopping with hysteresis, and gives the floor to whoever speaks longer than a cough", () => {
    const party = new Party();
    const a = party.join(8000, tone(420, 8000, 2000, -20));
    const b = party.join(8000);
    expect(party.run(100)).toEqual([]);
    const start = party.run(100);
    expect(start.map((e) => e.type)).toEqual(["talking-start", "floor"]);
    expect(party.room.floor).toBe(a);
    // A cough, louder than a but short.
    party.play(b, tone(610, 8000, 100, -6));
    party.run(200);
    expect(party.room.floor).toBe(a);
    // Louder for long: takes over.
    party.play(b, tone(610, 8000, 2500, -6));
    expect(party.run(1000)).toContainEqual({ type: "floor", member: b });
    // a ends within b's speech; b keeps the floor in the silence after.
    expect(party.run(1500)).toContainEqual({ type: "talking-stop", member: a });
    expect(party.run(2000)).toEqual([{ type: "talking-stop", member: b }]);
    expect(party.room.floor).toBe(b);
    party.room.remove(b);
    expect(party.run(20)).toEqual([{ type: "floor", member: undefined }]);
  });

  it("keeps line noise out of the mix, and lets speech above it in", () => {
    const party = new Party();
    const noise = seededNoise(1);
    const hiss = Int16Array.from({ length: 8000 * 4 }, () => noise() * 150); // about -52 dBFS
    const a = party.join(8000, hiss);
    const b = party.join(8000);
    party.run(3500);
    party.run(400);
    expect(rmsDb(party.heard(b))).toBeLessThan(-90);
    party.play(a, tone(420, 8000, 1000, -30));
    party.run(400);
    expect(party.tones(b, frequencies)).toEqual([420]);
  });

  it("passes speech whole, quiet ends of words too", () => {
    const recording = readWav(readFileSync(join(import.meta.dirname, "../../../src/ivr/prompts/de/enter-host-pin-or-hash.wav"))).pcm;
    const party = new Party();
    const hiss = seededNoise(12);
    const spoken = recording.map((v) => v / 4 + hiss() * 20);
    party.join(16000, spoken);
    const listener = party.join(16000);
    party.run((spoken.length / 16) | 0);
    expect(snrDb(spoken.subarray(1600), party.heard(listener))).toBeGreaterThan(25);
  });

  it("never wraps when everybody shouts", () => {
    const party = new Party();
    const members = Array.from({ length: 6 }, () => party.join(8000, tone(420, 8000, 2000, 0)));
    party.run(600);
    const heard = party.heard(members[0]);
    for (let i = 1; i < heard.length; i++) expect(Math.abs(heard[i] - heard[i - 1])).toBeLessThan(15000);
    expect(Math.max(...heard)).toBeLessThanOrEqual(31600);
    expect(toneLevel(heard, 8000, 420)).toBeGreaterThan(-2);
  });

  it("mixes only the loudest when more speak than the room allows", () => {
    const party = new Party(new MixRoom({ maxSpeakers: 2 }));
    for (const [i, f] of frequencies.entries()) party.join(8000, tone(f, 8000, 2000, -12 - 8 * i));
    const listener = party.join(8000);
    party.run(600);
    party.run(400);
    expect(tonesIn(party.heard(listener), 8000, frequencies, -50)).toEqual([420, 610]);
    expect(party.room.speakerCount).toBe(2);
  });
});

describe("EncoderPool", () => {
  it("encodes a common mix once for all its listeners and a speaker's for itself", () => {
    const party = new Party();
    let made = 0;
    const pool = new EncoderPool(party.room, () => {
      made++;
      return createEncoder("PCMU");
    });
    const speaker = party.join(8000, tone(420, 8000, 1000, -20));
    const listeners = Array.from({ length: 50 }, () => party.join(8000));
    const streams = [speaker, ...listeners].map((m) => pool.stream(m, "PCMU"));
    party.run(60);
    const payloads = streams.map((s) => s.encode());
    expect(new Set(payloads.map((p) => p.buffer)).size).toBe(2);
    expect(made).toBe(2);
    expect(payloads[0].every((byte) => byte === 0xff)).toBe(true);
    expect(payloads[1]).toEqual(payloads[50]);
    expect(payloads[1].some((byte) => byte !== 0xff)).toBe(true);
    pool.close();
    expect(pool.size).toBe(0);
  });

  it("gives a member that stops speaking no other encoder in the middle of somebody's speech (G.722)", () => {
    const party = new Party();
    const pool = new EncoderPool(party.room, () => createEncoder("G722"));
    party.join(16000, readPrompt("en/help-host").subarray(0, 96_000));
    const member = party.join(16000, readPrompt("en/help-guest").subarray(0, 24_000));
    const listener = party.join(16000);
    const [stream, shared] = [pool.stream(member, "G722"), pool.stream(listener, "G722")];
    const decoder = createDecoder("G722");
    const reference = { encoder: createEncoder("G722"), decoder: createDecoder("G722"), bytes: new Uint8Array(160) };
    const [heard, wanted]: Int16Array[][] = [[], []];
    for (let t = 0; t < 6000; t += 20) {
      party.run(20);
      shared.encode();
      const [pcm, best] = [new Int16Array(320), new Int16Array(320)];
      decoder.decode(stream.encode(), pcm);
      reference.encoder.encode(member.output, reference.bytes);
      reference.decoder.decode(reference.bytes, best);
      if (t < 1500) continue;
      heard!.push(pcm);
      wanted!.push(best);
    }
    expect(member.sharesOutput).toBe(true);
    // nowhere worse than from one encoder all the time
    const pieces = Array.from({ length: Math.floor(heard!.length / 5) }, (_, k) =>
      [wanted!, heard!].map((list) => concat(list.slice(k * 5, k * 5 + 5))),
    ).filter(([best]) => rmsDb(best!) > -32);
    expect(pieces.length).toBeGreaterThan(20);
    expect(Math.min(...pieces.map(([best, pcm]) => snrDb(best!, pcm!)))).toBeGreaterThan(18);
    // and in the next silence it is the listeners' again
    for (let t = 0; t < 1000; t += 20) {
      party.run(20);
      shared.encode();
      stream.encode();
    }
    expect(stream.encode().buffer).toBe(shared.encode().buffer);
  });

  it("goes on when a member speaks again (Opus)", async () => {
    await loadOpus();
    const party = new Party();
    const pool = new EncoderPool(party.room, () => createEncoder("opus"));
    party.join(48000, speechLike(48000, 3000, 3));
    const member = party.join(48000);
    const stream = pool.stream(member, "opus");
    const sizes: number[] = [];
    for (let t = 0; t < 3000; t += 20) {
      if (t % 1000 === 0) party.play(member, speechLike(48000, 300, 5));
      party.run(20);
      sizes.push(stream.encode().length);
      await Promise.resolve();
    }
    expect(sizes.filter((size) => size > 0).length).toBeGreaterThan(140);
    expect(member.sharesOutput).toBe(true);
  });
});
