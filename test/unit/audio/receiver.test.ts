import { describe, expect, it } from "vitest";
import type { AudioDecoder } from "../../../src/audio/codec.ts";
import { createDecoder, createEncoder, loadOpus } from "../../../src/audio/codecs.ts";
import type { SampleRate } from "../../../src/audio/format.ts";
import { OpusDecoder, OpusEncoder } from "../../../src/audio/opus.ts";
import { AudioReceiver, type FrameKind, type ReceiverOptions } from "../../../src/audio/receive/receiver.ts";
import type { AudioPacket } from "../../../src/audio/receive/timeline.ts";
import { concat, rmsDb, seededNoise, tone, toneLevel } from "../../support/spectrum.ts";

interface Flight {
  at: number;
  packet: AudioPacket;
}

/** A sender of one codec: cuts PCM into packets that leave every `ptime`. `clock` above 1 is a sender that runs fast. */
function send(
  pcm: Int16Array,
  options: { codec?: "PCMU" | "G722"; ptime?: number; ssrc?: number; seq?: number; timestamp?: number; from?: number; clock?: number } = {},
): Flight[] {
  const { codec = "PCMU", ptime = 20, ssrc = 1, seq = 65500, timestamp = 4294960000, from = 0, clock = 1 } = options;
  const encoder = createEncoder(codec);
  const samples = (encoder.sampleRate * ptime) / 1000;
  const ticks = (8000 * ptime) / 1000;
  return Array.from({ length: Math.floor(pcm.length / samples) }, (_, i) => {
    const bytes = new Uint8Array(1000);
    const n = encoder.encode(pcm.subarray(i * samples, (i + 1) * samples), bytes);
    return {
      at: from + (i * ptime) / clock,
      packet: {
        ssrc,
        sequenceNumber: (seq + i) & 0xffff,
        timestamp: (timestamp + i * ticks) >>> 0,
        marker: i === 0,
        payloadType: codec === "PCMU" ? 0 : 9,
        payload: bytes.slice(0, n),
      },
    };
  });
}

function receiver(options: Partial<ReceiverOptions> = {}): AudioReceiver {
  const decoders = new Map<number, AudioDecoder>([
    [0, createDecoder("PCMU")],
    [9, createDecoder("G722")],
  ]);
  return new AudioReceiver({ rate: 8000, clockRate: 8000, decoders, comfortNoise: 13, ...options });
}

/** Delivers flights by their arrival and pulls every 20 ms from 7 ms on. */
function run(rx: AudioReceiver, flights: Flight[], ms: number): { pcm: Int16Array; kinds: FrameKind[] } {
  const queue = [...flights].sort((a, b) => a.at - b.at);
  const heard: Int16Array[] = [];
  const kinds: FrameKind[] = [];
  for (let t = 7; t < ms; t += 20) {
    while (queue.length > 0 && queue[0].at <= t) {
      const { at, packet } = queue.shift() as Flight;
      rx.put(packet, at);
    }
    const out = new Int16Array(rx.rate / 50);
    kinds.push(rx.pull(t, out));
    heard.push(out);
  }
  return { pcm: concat(heard), kinds };
}

/** The largest step between neighbouring samples: a click shows as a step far over the tone's own. */
function roughness(pcm: Int16Array): number {
  let most = 0;
  for (let i = 1; i < pcm.length; i++) most = Math.max(most, Math.abs(pcm[i] - pcm[i - 1]));
  return most;
}

/** Random delay of up to `ms`, now and then of more, by seed. */
function jittered(flights: Flight[], ms: number, seed: number, base = 30): Flight[] {
  const noise = seededNoise(seed);
  return flights.map(({ at, packet }) => ({ at: at + base + ((noise() + 1) / 2) * ms, packet }));
}

const second = tone(400, 8000, 1000, -12);
const long = tone(400, 8000, 8000, -12);
/** Of a 400 Hz tone at -12 dB, quantized: 0.31 * 8231 and some. */
const SMOOTH = 3300;

describe("AudioReceiver on a good network", () => {
  it("plays everything once, unbroken, after its first delay, over the wrap of both counters", () => {
    const rx = receiver();
    const { pcm, kinds } = run(rx, send(second), 1100);
    expect(kinds.slice(0, 2)).toEqual(["silence", "silence"]);
    expect(kinds.slice(3, 50).every((k) => k === "audio")).toBe(true);
    expect(roughness(pcm.subarray(600, 8000))).toBeLessThan(SMOOTH);
    expect(rx.stats).toMatchObject({ received: 50, lost: 0, late: 0, duplicate: 0, discarded: 0 });
  });

  it.each([10, 20, 30, 40, 60])("takes packets of %i ms", (ptime) => {
    const rx = receiver();
    const { pcm, kinds } = run(rx, send(second, { ptime }), 960);
    expect(kinds.filter((k) => k === "conceal").length).toBeLessThanOrEqual(2);
    expect(toneLevel(pcm.subarray(1600), 8000, 400)).toBeGreaterThan(-13);
    expect(rx.stats.discarded + rx.stats.late).toBe(0);
  });

  it("gives the rate asked for from any codec, also when the sender changes it in mid-call", () => {
    const rx = receiver({ rate: 16000 });
    const first = send(tone(400, 16000, 500, -12), { codec: "G722", seq: 10, timestamp: 0 });
    const then = send(tone(400, 8000, 500, -12), { seq: 35, timestamp: 4000, from: 500 });
    const { pcm } = run(rx, [...first, ...then], 1000);
    expect(toneLevel(pcm.subarray(3200, 8000), 16000, 400)).toBeGreaterThan(-13);
    expect(toneLevel(pcm.subarray(9600), 16000, 400)).toBeGreaterThan(-13);
  });
});

describe("AudioReceiver on a bad network", () => {
  it("puts reordered packets right and drops duplicates", () => {
    const rx = receiver();
    const flights = send(second).flatMap((f, i) => [
      { ...f, at: f.at + (i % 5 === 1 ? 25 : 0) },
      ...(i % 7 === 0 ? [{ ...f, at: f.at + 3 }] : []),
    ]);
    const { pcm, kinds } = run(rx, flights, 1000);
    expect(roughness(pcm.subarray(600))).toBeLessThan(SMOOTH);
    expect(kinds.slice(5).every((k) => k === "audio")).toBe(true);
    expect(rx.stats.duplicate).toBe(8);
  });

  it("grows its delay to the jitter it meets, and shrinks again after it", () => {
    const rx = receiver();
    const rough = jittered(send(long.subarray(0, 32000)), 120, 5);
    const { kinds } = run(rx, rough, 4000);
    expect(rx.stats.targetMs).toBeGreaterThan(90);
    expect(kinds.slice(100).filter((k) => k === "conceal").length).toBeLessThan(10);
    expect(rx.stats.jitterMs).toBeGreaterThan(15);
    const calm = receiver();
    const flights = [
      ...jittered(send(long.subarray(0, 16000)), 120, 6),
      ...send(tone(400, 8000, 20000, -12), { seq: 65600, timestamp: 4294960000 + 16000, from: 2000 }).map((f) => ({ ...f, at: f.at + 30 })),
    ];
    run(calm, flights, 21_500);
    expect(calm.stats.targetMs).toBeLessThan(60);
    expect(calm.stats.delayMs).toBeLessThan(90);
    expect(calm.stats.shortenedMs).toBeGreaterThan(0);
  });

  it("conceals a lost packet with sound of the same pitch and no click", () => {
    const rx = receiver();
    const flights = send(second).filter((_, i) => i !== 20 && i !== 33);
    const { pcm, kinds } = run(rx, flights, 1000);
    expect(kinds.filter((k) => k === "conceal")).toHaveLength(2);
    expect(roughness(pcm.subarray(600))).toBeLessThan(SMOOTH);
    expect(rmsDb(pcm.subarray(600))).toBeGreaterThan(-15.5);
    expect(rx.stats).toMatchObject({ lost: 2, concealedMs: 40 });
  });

  it("fades out in a long loss, and comes back when sound does", () => {
    const rx = receiver();
    const flights = send(long.subarray(0, 16000)).filter((_, i) => i < 30 || i > 55);
    const { pcm } = run(rx, flights, 2000);
    const lost = 30 * 160 + 480;
    expect(rmsDb(pcm.subarray(lost + 800, lost + 3600))).toBeLessThan(-80);
    expect(roughness(pcm.subarray(600))).toBeLessThan(SMOOTH + 500);
    expect(toneLevel(pcm.subarray(57 * 160 + 480, 14000), 8000, 400)).toBeGreaterThan(-13);
    expect(rx.stats.lost).toBe(26);
  });

  it("survives 10 % of random loss with 60 ms of jitter: little missing, nothing counted twice", () => {
    const rx = receiver();
    const noise = seededNoise(9);
    const sent = jittered(send(long), 60, 10);
    const kept = sent.filter(() => noise() > -0.8);
    const { pcm } = run(rx, kept, 8200);
    const { received, lost, concealedMs, late, discarded } = rx.stats;
    expect(received).toBe(kept.length);
    expect(lost).toBe(sent.length - kept.length);
    expect(late + discarded).toBeLessThan(12);
    expect(concealedMs).toBeLessThan((lost + 15) * 20);
    expect(toneLevel(pcm.subarray(4000), 8000, 400)).toBeGreaterThan(-16);
  });

  it("cuts a delay that a burst would leave behind", () => {
    const rx = receiver();
    // A second of sound held up somewhere, then delivered at once, then on time.
    const flights = send(long.subarray(0, 24000)).map((f) => ({ ...f, at: Math.max(f.at, 1000) }));
    run(rx, flights, 3000);
    expect(rx.stats.delayMs).toBeLessThan(80);
    expect(rx.stats.discarded).toBeGreaterThan(20);
  });

  it.each([1.002, 0.998])("follows a sender whose clock is off by %f without running dry or full", (clock) => {
    const rx = receiver();
    const { kinds, pcm } = run(rx, send(tone(400, 8000, 40_000, -12), { clock }), 39_500);
    expect(rx.stats.delayMs).toBeLessThan(90);
    expect(kinds.slice(5).filter((k) => k !== "audio").length).toBeLessThan(12);
    expect(clock > 1 ? rx.stats.shortenedMs : rx.stats.lengthenedMs + rx.stats.concealedMs).toBeGreaterThan(20);
    expect(roughness(pcm.subarray(600))).toBeLessThan(SMOOTH + 300);
  });
});

/** A voice: a tone of many harmonics that is on for 600 ms and off for 400. */
function talk(ms: number): Int16Array {
  const pcm = tone(200, 8000, ms, -14);
  const more = tone(600, 8000, ms, -20);
  return pcm.map((v, i) => (i % 8000 < 4800 ? v + more[i]! : 0));
}

describe("AudioReceiver in a call that goes on", () => {
  /** Pulls from `phase` on; gives how long after its first possible moment the sound at `mark` ms is played, and what frames were made of. */
  function wait(pcm: Int16Array, phase: number, jitter: number, mark: number) {
    const rx = receiver();
    const queue = jittered(send(pcm), jitter, 3, 0);
    const heard: Int16Array[] = [];
    const kinds: FrameKind[] = [];
    for (let t = phase; t < pcm.length / 8 - 20; t += 20) {
      for (let first = queue[0]; first && first.at <= t; first = queue[0]) {
        rx.put(first.packet, first.at);
        queue.shift();
      }
      const frame = new Int16Array(160);
      kinds.push(rx.pull(t, frame));
      heard.push(frame);
    }
    const from = (mark - 100) * 8;
    const at = concat(heard).findIndex((v, i) => i > from && Math.abs(v) > 300);
    return { waited: phase + at / 8 - mark, kinds, target: rx.stats.targetMs };
  }

  it.each([0, 3, 6, 9, 12, 15, 18])(
    "waits for what may be late, and for no frame more, when pulled %i ms after packets are sent",
    (phase) => {
      const { waited, kinds, target } = wait(talk(8000), phase, 4, 7000);
      expect(target).toBeLessThanOrEqual(15);
      // packets as late as the target are in time, whatever the phase: up to a frame; what is left of one is less than the shortest cut
      expect(waited).toBeLessThan(target + 20 + 4 + 1);
      expect(kinds.slice(5).every((kind) => kind === "audio")).toBe(true);
    },
  );
});

describe("AudioReceiver after a stall", () => {
  /** Delay after each pull; between `from` and `until` nothing arrives, then all of it at once. */
  function delays(pcm: Int16Array, from: number, until: number, ms: number) {
    const rx = receiver();
    const flights = send(pcm).map((f) => ({ ...f, at: f.at >= from && f.at < until ? until : f.at }));
    const queue = [...flights];
    const heard: Int16Array[] = [];
    const out: { t: number; delay: number; target: number }[] = [];
    for (let t = 7; t < ms; t += 20) {
      while (queue.length > 0 && queue[0]!.at <= t) {
        const { at, packet } = queue.shift()!;
        rx.put(packet, at);
      }
      const frame = new Int16Array(160);
      rx.pull(t, frame);
      heard.push(frame);
      out.push({ t, delay: rx.stats.delayMs, target: rx.stats.targetMs });
    }
    return { out, rx, pcm: concat(heard) };
  }
  const at = (out: readonly { t: number; delay: number; target: number }[], t: number) => out.find((one) => one.t >= t)!;

  it.each([100, 200, 300, 450])("of the network of %i ms it is back where it was within two seconds, talk or tone", (stall) => {
    for (const sound of [talk(8000), long]) {
      const { out, pcm } = delays(sound, 4000, 4000 + stall, 7900);
      const before = at(out, 3900).delay;
      expect(before).toBeLessThan(35);
      expect(at(out, 4000 + stall + 2000).delay).toBeLessThan(before + 20);
      expect(Math.max(...out.map(({ delay }) => delay))).toBeLessThan(stall + 60);
      expect(roughness(pcm.subarray(600))).toBeLessThan(2 * SMOOTH);
    }
  });

  it("gets there by taking quiet first", () => {
    const quiet = delays(new Int16Array(64_000), 4000, 4100, 7900);
    const loud = delays(long, 4000, 4100, 7900);
    const back = ({ out }: typeof loud) => out.find(({ t, delay }) => t > 4120 && delay < 35)!.t;
    expect(back(quiet)).toBeLessThan(4400);
    expect(back(loud)).toBeGreaterThan(back(quiet));
  });

  it("keeps the longer delay while stalls go on", () => {
    const rx = receiver();
    const flights = send(tone(400, 8000, 12_000, -12)).map((f) => ({ ...f, at: f.at % 1500 < 200 ? f.at - (f.at % 1500) + 200 : f.at }));
    const { kinds } = run(rx, flights, 11_900);
    expect(rx.stats.targetMs).toBeGreaterThan(150);
    expect(kinds.slice(200).filter((kind) => kind === "conceal").length).toBeLessThan(16);
  });

  it("expects a stall again that came twice within 10 s, and waits for it in full", () => {
    const rx = receiver();
    // One packet in a hundred or so is late: a share of the packets says nothing of it.
    const stalls = [2000, 6000, 11_000, 18_000, 25_000];
    const held = send(tone(400, 8000, 30_000, -12)).map((f) => ({
      ...f,
      at: Math.max(f.at, ...stalls.filter((from) => f.at >= from && f.at < from + 120).map((from) => from + 120)),
    }));
    const { kinds } = run(rx, held, 29_900);
    const after = kinds.slice(Math.round(10_500 / 20));
    expect(after.filter((kind) => kind === "conceal")).toHaveLength(0);
    expect(rx.stats.targetMs).toBeLessThan(140);
  });

  it("of our own thread it learns nothing from it: who could not pull could not have played either", () => {
    const rx = receiver();
    const queue = send(long);
    const out = new Int16Array(160);
    const kinds: FrameKind[] = [];
    let pulls = 0;
    // Our thread stands still for 150 ms in every second; then it catches up.
    for (let t = 0; t < 7900; t += 1) {
      if (t % 1000 >= 500 && t % 1000 < 650) continue;
      const due = 7 + pulls * 20;
      while (queue.length > 0 && queue[0]!.at <= t) rx.put(queue.shift()!.packet, t, Math.max(0, t - due));
      if (t < due) continue;
      kinds.push(rx.pull(due, out));
      pulls++;
    }
    expect(rx.stats.targetMs).toBeLessThan(25);
    expect(rx.stats.delayMs).toBeLessThan(40);
    expect(kinds.slice(3).every((kind) => kind === "audio")).toBe(true);
    expect(rx.stats.shortenedMs).toBeLessThan(60);
  });

  it("so long that ticks were let go, it lets go of their sound, too", () => {
    const rx = receiver();
    const queue = send(long);
    const out = new Int16Array(160);
    for (let t = 7; t < 5000; t += 20) {
      if (t > 2000 && t < 2400) continue;
      if (t > 2400 && t < 2420) rx.miss();
      while (queue.length > 0 && queue[0]!.at <= t) rx.put(queue[0]!.packet, queue.shift()!.at);
      rx.pull(t, out);
      if (t > 2400) expect(rx.stats.delayMs).toBeLessThan(rx.stats.targetMs + 40);
    }
    expect(rx.stats.discarded).toBeGreaterThan(10);
  });
});

describe("AudioReceiver and odd senders", () => {
  it("goes on over a change of SSRC, of numbering and of timestamps, and ignores a stray packet", () => {
    const rx = receiver();
    const stray = { at: 205, packet: { ...send(second, { ssrc: 99, seq: 5 })[0].packet } };
    const flights = [
      ...send(second.subarray(0, 4000)),
      ...send(second.subarray(4000, 8000), { ssrc: 2, seq: 7, timestamp: 12345, from: 500 }),
      ...send(second.subarray(0, 4000), { ssrc: 2, seq: 32, timestamp: 3_000_000_000, from: 1000 }),
      ...send(second.subarray(4000, 8000), { ssrc: 2, seq: 30_000, timestamp: 77, from: 1500 }),
      stray,
    ];
    const { kinds, pcm } = run(rx, flights, 2000);
    expect(kinds.slice(5).filter((k) => k !== "audio").length).toBeLessThanOrEqual(8);
    expect(rx.stats).toMatchObject({ sourceChanges: 2, timestampJumps: 1 });
    expect(rx.stats.discarded).toBeLessThanOrEqual(3);
    expect(rx.stats.delayMs).toBeLessThan(100);
    for (const from of [500, 1000, 1500])
      expect(toneLevel(pcm.subarray((from + 150) * 8, (from + 450) * 8), 8000, 400)).toBeGreaterThan(-14);
  });

  it("plays comfort noise through a silence, at its level, and speech after it in time", () => {
    const rx = receiver();
    const speech = send(second.subarray(0, 4000));
    const cn = {
      at: 500,
      packet: {
        ...speech[0].packet,
        sequenceNumber: (65500 + 25) & 0xffff,
        timestamp: (4294960000 + 4000) >>> 0,
        payloadType: 13,
        payload: Uint8Array.of(45),
      },
    };
    const more = send(second.subarray(0, 4000), { seq: 65526, timestamp: (4294960000 + 16000) >>> 0, from: 2000 });
    const { pcm, kinds } = run(rx, [...speech, cn, ...more], 2500);
    expect(kinds.slice(30, 98).every((k) => k === "noise")).toBe(true);
    expect(Math.abs(rmsDb(pcm.subarray(6000, 15000)) + 45)).toBeLessThan(1.5);
    expect(toneLevel(pcm.subarray(17000, 19500), 8000, 400)).toBeGreaterThan(-14);
    expect(rx.stats).toMatchObject({ lost: 0, late: 0, discarded: 0 });
  });

  it("tolerates silence suppression without comfort noise", () => {
    const rx = receiver();
    const more = send(second.subarray(0, 4000), { seq: 65525, timestamp: (4294960000 + 12000) >>> 0, from: 1500 });
    const { pcm, kinds } = run(rx, [...send(second.subarray(0, 4000)), ...more], 2000);
    expect(kinds.slice(40, 70).every((k) => k === "silence")).toBe(true);
    expect(toneLevel(pcm.subarray(13000, 15500), 8000, 400)).toBeGreaterThan(-14);
    expect(rx.stats.discarded).toBe(0);
  });

  it("discards what it has no decoder for and what is malformed, and keeps only so much when nobody pulls", () => {
    const rx = receiver();
    const [first, ...rest] = send(second);
    rx.put({ ...first.packet, payloadType: 101 }, 0);
    expect(rx.stats).toMatchObject({ received: 0, discarded: 1 });
    const { kinds } = run(
      rx,
      [first, ...rest.map((f, i) => (i === 10 ? { ...f, packet: { ...f.packet, payload: new Uint8Array(0) } } : f))],
      1000,
    );
    expect(rx.stats.discarded).toBe(2);
    expect(kinds.filter((k) => k === "conceal")).toHaveLength(1);
    const idle = receiver();
    for (const f of send(long)) idle.put(f.packet, f.at);
    expect(idle.stats.depth).toBe(128);
  });

  it("takes 10,000 random packets without harm", () => {
    const rx = receiver();
    const noise = seededNoise(21);
    const random = (n: number) => Math.floor(((noise() + 1) / 2) * n);
    const out = new Int16Array(160);
    let t = 0;
    for (let i = 0; i < 10_000; i++) {
      t += random(30);
      rx.put(
        {
          ssrc: random(3),
          sequenceNumber: random(10) ? i & 0xffff : random(65536),
          timestamp: random(10) ? (i * 160) >>> 0 : random(2 ** 32),
          marker: random(2) === 1,
          payloadType: [0, 9, 13, 101][random(4)],
          payload: new Uint8Array(random(400)),
        },
        t,
      );
      if (i % 2) rx.pull(t, out);
    }
    expect(rx.stats.depth).toBeLessThanOrEqual(128);
    expect(Number.isFinite(rx.stats.delayMs)).toBe(true);
  });
});

describe("AudioReceiver with Opus", () => {
  it("uses the codec's FEC and concealment", async () => {
    await loadOpus();
    const rate: SampleRate = 16000;
    const encoder = new OpusEncoder({ sampleRate: rate, fec: true, lossPercent: 20 });
    const decoder = new OpusDecoder(rate);
    await Promise.all([encoder.ready, decoder.ready]);
    const pcm = tone(400, rate, 1000, -12);
    const flights = Array.from({ length: 50 }, (_, i): Flight => {
      const bytes = new Uint8Array(1500);
      const n = encoder.encode(pcm.subarray(i * 320, (i + 1) * 320), bytes);
      return {
        at: i * 20,
        packet: { ssrc: 1, sequenceNumber: i, timestamp: i * 960, marker: false, payloadType: 111, payload: bytes.slice(0, n) },
      };
    }).filter((_, i) => i % 10 !== 5);
    const rx = new AudioReceiver({ rate, clockRate: 48000, decoders: new Map([[111, decoder]]) });
    const heard = run(rx, flights, 1000);
    expect(heard.kinds.filter((k) => k === "conceal")).toHaveLength(5);
    expect(toneLevel(heard.pcm.subarray(3200), rate, 400)).toBeGreaterThan(-14);
  });

  it("holds one packet more where packets are lost, so that the next one's FEC is there in time", async () => {
    await loadOpus();
    const rate: SampleRate = 16000;
    const encoder = new OpusEncoder({ sampleRate: rate, bitrate: 32_000, fec: true, lossPercent: 10 });
    const decoder = new OpusDecoder(rate);
    await Promise.all([encoder.ready, decoder.ready]);
    // What is lost is a tone that is heard in no other packet.
    const lost = (i: number) => i % 20 === 10;
    const [usual, rare] = [tone(400, rate, 20, -12), tone(1300, rate, 20, -12)];
    const flights = Array.from({ length: 500 }, (_, i): Flight => {
      const bytes = new Uint8Array(1500);
      const n = encoder.encode(lost(i) ? rare : usual, bytes);
      return {
        at: i * 20,
        packet: { ssrc: 1, sequenceNumber: i, timestamp: i * 960, marker: false, payloadType: 111, payload: bytes.slice(0, n) },
      };
    }).filter((_, i) => !lost(i));
    const rx = new AudioReceiver({ rate, clockRate: 48000, decoders: new Map([[111, decoder]]) });
    const { pcm } = run(rx, flights, 10_000);
    let found = 0;
    for (let at = 6 * rate; at < 9 * rate; at += rate / 100) if (toneLevel(pcm.subarray(at, at + rate / 50), rate, 1300) > -22) found++;
    expect(found).toBeGreaterThan(6);
    expect(rx.stats.delayMs).toBeLessThan(50);
  });
});
