import { describe, expect, it } from "vitest";
import { createDecoder, createEncoder } from "../../../src/audio/codecs.ts";
import { TelephoneEventReceiver } from "../../../src/audio/dtmf/event-receiver.ts";
import { TelephoneEventSender } from "../../../src/audio/dtmf/event-sender.ts";
import { columnFrequencies, type DtmfEvent, frequenciesOf, rowFrequencies } from "../../../src/audio/dtmf/keys.ts";
import { readdirSync, readFileSync } from "node:fs";
import { readWav } from "../../../src/audio/wav.ts";
import { ToneDetector } from "../../../src/audio/dtmf/tone-detector.ts";
import { ToneGenerator } from "../../support/tone-generator.ts";
import type { SampleRate } from "../../../src/audio/format.ts";
import { parseTelephoneEvent } from "../../../src/wire/rtp/index.ts";
import { concat, frames, rmsDb, seededNoise, sum, tone } from "../../support/spectrum.ts";
import { speechLike } from "../../support/speech.ts";

interface Sent {
  at: number;
  timestamp: number;
  marker: boolean;
  payload: Uint8Array;
}

function press(keys: string, durationMs = 100, from = 4294967000): Sent[] {
  const sender = new TelephoneEventSender();
  sender.enqueue(keys, durationMs);
  const out: Sent[] = [];
  for (let i = 0; i < 3000 && (sender.active || sender.pending > 0); i++) {
    const packet = sender.tick((from + i * 160) >>> 0);
    if (packet) out.push({ at: i * 20, ...packet });
  }
  return out;
}

function receive(packets: Sent[], receiver = new TelephoneEventReceiver()): DtmfEvent[] {
  const events: DtmfEvent[] = [];
  for (const packet of packets) {
    for (let due = receiver.nextTimeout(); due !== undefined && due <= packet.at; due = receiver.nextTimeout())
      events.push(...receiver.handleTimeout(due));
    events.push(...receiver.put(packet, packet.at));
  }
  const due = receiver.nextTimeout();
  if (due !== undefined) events.push(...receiver.handleTimeout(due));
  return events;
}

const typed = (events: DtmfEvent[], type: DtmfEvent["type"] = "end") =>
  events
    .filter((e) => e.type === type)
    .map((e) => e.key)
    .join("");

describe("telephone events, RFC 4733", () => {
  it("are sent with one timestamp a press, a marker on the first, growing durations, and the end three times", () => {
    const packets = press("5", 100, 8000);
    const events = packets.map((p) => parseTelephoneEvent(p.payload));
    expect(packets.map((p) => p.timestamp)).toEqual(Array(7).fill(8000));
    expect(packets.map((p) => p.marker)).toEqual([true, false, false, false, false, false, false]);
    expect(events.map((e) => e?.duration)).toEqual([160, 320, 480, 640, 800, 800, 800]);
    expect(events.map((e) => e?.end)).toEqual([false, false, false, false, true, true, true]);
    expect(events.every((e) => e?.event === 5)).toBe(true);
  });

  it("are never shorter than 50 ms, and pause between keys", () => {
    const packets = press("11", 10);
    const starts = packets.filter((p) => p.marker).map((p) => p.at);
    expect(parseTelephoneEvent(packets[4].payload)?.duration).toBe(400);
    expect(starts).toHaveLength(2);
    const end = packets.findLast((p) => p.at < starts[1]) as Sent;
    expect(starts[1] - end.at).toBeGreaterThanOrEqual(40);
  });

  it("come out as they went in, equal keys in a row and over a wrap of the timestamp too", () => {
    const events = receive(press("1123*#aD0", 80));
    expect(typed(events)).toBe("1123*#AD0");
    expect(typed(events, "start")).toBe("1123*#AD0");
    expect(events.filter((e) => e.type === "end").every((e) => e.durationMs === 80)).toBe(true);
  });

  it("survive loss of any packets but all of a press", () => {
    const noise = seededNoise(3);
    for (let round = 0; round < 200; round++) {
      const packets = press("90210", 100);
      const kept = packets.filter((p, i) => noise() > 0 || packets.slice(0, i).every((q) => q.timestamp !== p.timestamp));
      expect(typed(receive(kept))).toBe("90210");
    }
  });

  it("end by themselves when every end packet is lost", () => {
    const packets = press("7").slice(0, 4);
    const receiver = new TelephoneEventReceiver();
    expect(packets.flatMap((p) => [...receiver.put(p, p.at)])).toEqual([{ type: "start", key: "7" }]);
    expect(receiver.nextTimeout()).toBe(60 + 150);
    expect(receiver.handleTimeout(209)).toEqual([]);
    expect(receiver.handleTimeout(210)).toEqual([{ type: "end", key: "7", durationMs: 80 }]);
    expect(receiver.nextTimeout()).toBeUndefined();
  });

  it("ignore repeated and reordered packets", () => {
    const packets = press("42");
    const shuffled = packets.flatMap((p, i) => (i % 2 === 0 && packets[i + 1] ? [packets[i + 1], p, p] : []));
    expect(typed(receive(shuffled.map((p, i) => ({ ...p, at: i * 10 }))))).toBe("42");
  });

  it("are one press when longer than 16 bits of duration, in segments", () => {
    const packets = press("3", 8000).concat();
    const long = new TelephoneEventSender(48000);
    long.enqueue("3", 3000);
    const segmented: Sent[] = [];
    for (let i = 0; i === 0 || long.active; i++) {
      const packet = long.tick(i * 960);
      if (packet) segmented.push({ at: i * 20, ...packet });
    }
    expect(new Set(segmented.map((p) => p.timestamp)).size).toBe(3);
    expect(receive(segmented, new TelephoneEventReceiver(48000))).toEqual([
      { type: "start", key: "3" },
      { type: "end", key: "3", durationMs: 3000 },
    ]);
    expect(receive(packets)).toEqual([
      { type: "start", key: "3" },
      { type: "end", key: "3", durationMs: 8000 },
    ]);
  });

  it("are one press from a sender that lets the timestamp run", () => {
    const packets = press("8", 200, 0).map((p, i) => ({ ...p, timestamp: i * 160 }));
    expect(typed(receive(packets), "start")).toBe("8");
  });

  it("take 10,000 random payloads", () => {
    const noise = seededNoise(5);
    const receiver = new TelephoneEventReceiver();
    const random = (n: number) => Math.floor(((noise() + 1) / 2) * n);
    let [starts, ends] = [0, 0];
    for (let i = 0; i < 10_000; i++) {
      const payload = Uint8Array.from({ length: random(6) }, () => random(256));
      const events = [
        ...receiver.handleTimeout(i * 40),
        ...receiver.put({ timestamp: random(3) ? i * 320 : random(2 ** 32), marker: random(2) === 1, payload }, i * 40),
      ];
      starts += events.filter((e) => e.type === "start").length;
      ends += events.filter((e) => e.type === "end").length;
    }
    expect(starts).toBeGreaterThan(100);
    expect(starts - ends === 0 || starts - ends === 1).toBe(true);
  });
});

function generate(keys: string, rate: SampleRate, on: number, off: number): Int16Array {
  const generator = new ToneGenerator(rate);
  generator.enqueue(keys, on, off);
  const parts: Int16Array[] = [];
  while (generator.active) {
    const frame = new Int16Array(rate / 50);
    generator.fill(frame);
    parts.push(frame);
  }
  return concat(parts);
}

function detect(pcm: Int16Array, rate: SampleRate = 8000, offset = 0): DtmfEvent[] {
  const detector = new ToneDetector(rate);
  const padded = concat([new Int16Array(offset), pcm, new Int16Array(rate / 10)]);
  return frames(padded, rate).flatMap((frame) => [...detector.process(frame)]);
}

/** A key's two tones with their own levels and frequency error. */
function dual(key: string, ms: number, low = -12, high = -12, error = 1): Int16Array {
  const [f1, f2] = frequenciesOf(key) as readonly [number, number];
  return sum(tone(f1 * error, 8000, ms, low), tone(f2 * error, 8000, ms, high));
}

const all = "1234567890*#ABCD";

describe("in-band DTMF", () => {
  it.each([8000, 16000, 48000] as const)("finds every key it generates at %i Hz", (rate) => {
    const events = detect(generate(`${all}55`, rate, 70, 70), rate);
    expect(typed(events)).toBe(`${all}55`);
    expect(typed(events, "start")).toBe(`${all}55`);
  });

  /** Sound as it is heard through a codec. */
  function through(codec: "PCMU" | "PCMA" | "G722", pcm: Int16Array): Int16Array {
    const encoder = createEncoder(codec);
    const decoder = createDecoder(codec);
    const out = new Int16Array(encoder.sampleRate / 50);
    const bytes = new Uint8Array(320);
    return concat(
      frames(pcm, encoder.sampleRate).map((frame) => {
        decoder.decode(bytes.subarray(0, encoder.encode(frame, bytes)), out);
        return out.slice();
      }),
    );
  }

  it.each(["PCMU", "PCMA", "G722"] as const)("finds them through %s", (codec) => {
    const { sampleRate } = createEncoder(codec);
    expect(typed(detect(through(codec, generate(all, sampleRate, 60, 60)), sampleRate))).toBe(all);
  });

  it("finds 40 ms at any alignment and rejects 20 ms", () => {
    for (let offset = 0; offset < 160; offset += 7) {
      expect(typed(detect(dual("6", 40), 8000, offset))).toBe("6");
      expect(detect(dual("6", 20), 8000, offset)).toEqual([]);
    }
  });

  it("measures the press to 20 ms", () => {
    const [end] = detect(dual("9", 300)).filter((e) => e.type === "end");
    expect(end.type === "end" && Math.abs(end.durationMs - 300)).toBeLessThanOrEqual(20);
  });

  it("accepts 1.5 % off frequency, 6 dB of twist either way, -30 dBFS, and noise 15 dB below; refuses 12 dB of twist and one tone alone", () => {
    for (const key of all) {
      for (const error of [0.985, 1.015]) expect(typed(detect(dual(key, 100, -12, -12, error)))).toBe(key);
      expect(typed(detect(dual(key, 100, -12, -18)))).toBe(key);
      expect(typed(detect(dual(key, 100, -18, -12)))).toBe(key);
      expect(typed(detect(dual(key, 100, -33, -33)))).toBe(key);
      expect(detect(dual(key, 100, -8, -20))).toEqual([]);
    }
    for (const f of [...rowFrequencies, ...columnFrequencies]) expect(detect(tone(f, 8000, 200, -10))).toEqual([]);
    const noise = seededNoise(2);
    const noisy = sum(
      dual("2", 100, -12, -12),
      Int16Array.from({ length: 800 }, () => noise() * 2400),
    );
    expect(typed(detect(noisy))).toBe("2");
  });

  /** Levels of both tones together at their peak, dBFS; which tone is 6 dB louder; how long. */
  const grid = [...all].flatMap((key) =>
    [-6, -13, -20, -27].flatMap((level) => [-6, 0, 6].flatMap((twist) => [45, 70, 100].map((ms) => ({ key, level, twist, ms })))),
  );

  it.each(["PCM", "PCMU", "PCMA", "G722"] as const)(
    "finds 576 of 576: -6 to -27 dBFS, twist of 6 dB either way, 45 to 100 ms, by %s",
    (by) => {
      expect(grid).toHaveLength(576);
      const missed = grid.filter(({ key, level, twist, ms }, index) => {
        const [low, high] = [level - 6 + Math.min(0, -twist), level - 6 + Math.min(0, twist)];
        const rate = by === "G722" ? 16_000 : 8000;
        const [f1, f2] = frequenciesOf(key) as readonly [number, number];
        const pressed = concat([
          new Int16Array((index * 37) % 160),
          sum(tone(f1, rate, ms, low), tone(f2, rate, ms, high)),
          new Int16Array(rate / 5),
        ]);
        const whole = pressed.subarray(0, pressed.length - (pressed.length % (rate / 50)));
        return typed(detect(by === "PCM" ? whole : through(by, whole), rate)) !== key;
      });
      expect(missed).toEqual([]);
    },
  );

  it("hears no key in any of the prompts, spoken loud or low, quickly or slowly", () => {
    const root = new URL("../../../src/ivr/prompts/", import.meta.url);
    const spoken = ["en", "de"].flatMap((language) =>
      readdirSync(new URL(`${language}/`, root))
        .filter((name) => name.endsWith(".wav"))
        .map((name) => readWav(readFileSync(new URL(`${language}/${name}`, root)))),
    );
    const heard: string[] = [];
    let seconds = 0;
    for (const gain of [1, 0.1])
      for (const speed of [1, 0.9, 1.12])
        for (const { pcm, sampleRate } of spoken) {
          const step = (sampleRate / 8000) * speed;
          const said = Int16Array.from({ length: Math.floor(pcm.length / step) }, (_, i) => pcm[Math.floor(i * step)]! * gain);
          seconds += said.length / 8000;
          heard.push(typed(detect(said), "start"));
        }
    expect(heard.join("")).toBe("");
    expect(seconds).toBeGreaterThan(28 * 60);
  });

  it("rejects a tone with speech's harmonics", () => {
    const rich = sum(dual("5", 100, -14, -14), tone(1540, 8000, 100, -20), tone(2672, 8000, 100, -20));
    expect(detect(rich)).toEqual([]);
  });

  it("hears no key in five minutes of speech-like sound", () => {
    const speech = speechLike(8000, 300_000, 77);
    expect(rmsDb(speech)).toBeGreaterThan(-30);
    expect(detect(speech)).toEqual([]);
  });
});
