/**
 * What a participant's audio costs: `node bench/audio.ts`. Every figure is processor time of this thread over many 20 ms ticks, RTP and sockets not counted.
 * To compare: FreeSWITCH's conference takes 0.33 to 0.37 % of a core for a PCMU participant, Asterisk's ConfBridge 0.14 to 0.19 %, sockets included.
 */
import { AudioReceiver } from "../src/audio/receive/receiver.ts";
import type { AudioDecoder, CodecName } from "../src/audio/codec.ts";
import { createDecoder, createEncoder, loadOpus } from "../src/audio/codecs.ts";
import type { SampleRate } from "../src/audio/format.ts";
import { EncoderPool, type MixStream } from "../src/audio/mix/encoder-pool.ts";
import type { MixMember } from "../src/audio/mix/member.ts";
import { MixRoom } from "../src/audio/mix/room.ts";
import { ToneDetector } from "../src/audio/dtmf/tone-detector.ts";
import { Resampler } from "../src/audio/resampler.ts";
import { speechLike } from "../test/support/speech.ts";

function cpuMicros(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** Processor microseconds a call takes: the least of several rounds after a warm-up, since other work on the machine only adds. */
function measure(calls: number, run: (i: number) => void): number {
  for (let i = 0; i < calls; i++) run(i);
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 5; round++) {
    const start = cpuMicros();
    for (let i = 0; i < calls; i++) run(i);
    least = Math.min(least, (cpuMicros() - start) / calls);
  }
  return least;
}

function row(name: string, value: string): void {
  process.stdout.write(`${name.padEnd(64)}${value.padStart(24)}\n`);
}

const SECONDS = 8;
const speech = new Map<SampleRate, Int16Array>(([8000, 16000, 48000] as const).map((rate) => [rate, speechLike(rate, SECONDS * 1000, 5)]));

function frame(rate: SampleRate, i: number): Int16Array {
  const n = rate / 50;
  const at = (i % (SECONDS * 50)) * n;
  return (speech.get(rate) as Int16Array).subarray(at, at + n);
}

async function codecs(): Promise<void> {
  for (const codec of ["PCMU", "PCMA", "G722", "opus"] as const) {
    const encoder = createEncoder(codec);
    const decoder = createDecoder(codec);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const bytes = new Uint8Array(1500);
    const out = new Int16Array(5760);
    const payloads = Array.from({ length: SECONDS * 50 }, (_, i) => bytes.slice(0, encoder.encode(frame(encoder.sampleRate, i), bytes)));
    const calls = codec === "opus" ? 400 : 4000;
    row(`${codec} encode, 20 ms`, `${measure(calls, (i) => encoder.encode(frame(encoder.sampleRate, i), bytes)).toFixed(2)} us`);
    row(`${codec} decode, 20 ms`, `${measure(calls, (i) => decoder.decode(payloads[i % payloads.length], out)).toFixed(2)} us`);
  }
  for (const [from, to] of [
    [8000, 16000],
    [16000, 8000],
    [48000, 8000],
    [8000, 48000],
  ] as const) {
    const resampler = new Resampler(from, to);
    const out = new Int16Array(to / 50);
    row(`resample ${from} to ${to}, 20 ms`, `${measure(4000, (i) => resampler.process(frame(from, i), out)).toFixed(2)} us`);
  }
  const detector = new ToneDetector(8000);
  row("in-band DTMF detection, 20 ms", `${measure(4000, (i) => detector.process(frame(8000, i))).toFixed(2)} us`);
}

interface Leg {
  receiver: AudioReceiver;
  member: MixMember;
  stream: MixStream;
  payloads: Uint8Array[];
  payloadType: number;
  ticks: number;
}

/** Builds a room whose first `talkers` members send speech and the others what a quiet line sends. */
async function room(codec: CodecName, members: number, talkers: number): Promise<(tick: number) => void> {
  const mix = new MixRoom();
  const pool = new EncoderPool(mix, (key) => createEncoder(key as CodecName));
  const legs: Leg[] = [];
  for (let m = 0; m < members; m++) {
    const encoder = createEncoder(codec);
    const decoder = createDecoder(codec);
    await Promise.resolve();
    const rate = encoder.sampleRate;
    const member = mix.add({ rate });
    const quiet = Int16Array.from({ length: rate / 50 }, () => (Math.random() - 0.5) * 40);
    await new Promise((resolve) => setTimeout(resolve, codec === "opus" ? 2 : 0));
    const bytes = new Uint8Array(1500);
    const payloads = Array.from({ length: 400 }, (_, i) =>
      bytes.slice(0, encoder.encode(m < talkers ? frame(rate, i + m * 37) : quiet, bytes)),
    );
    const decoders = new Map<number, AudioDecoder>([[0, decoder]]);
    const receiver = new AudioReceiver({ rate, clockRate: encoder.clockRate, decoders });
    legs.push({ receiver, member, stream: pool.stream(member, codec), payloads, payloadType: 0, ticks: encoder.clockRate / 50 });
    encoder.close();
  }
  let sent = 0;
  return (tick) => {
    const now = tick * 20;
    for (const leg of legs) {
      leg.receiver.put(
        {
          ssrc: 1,
          sequenceNumber: tick & 0xffff,
          timestamp: (tick * leg.ticks) >>> 0,
          marker: false,
          payloadType: 0,
          payload: leg.payloads[tick % 400],
        },
        now,
      );
      leg.receiver.pull(now, leg.member.input);
      leg.member.submit();
    }
    mix.tick();
    for (const leg of legs) sent += leg.stream.encode().length;
    if (sent < 0) throw new Error("unreachable");
  };
}

async function rooms(): Promise<void> {
  const cases: [CodecName, number, number, number][] = [
    ["PCMU", 10, 2, 2000],
    ["PCMU", 1000, 3, 100],
    ["G722", 10, 2, 500],
    ["opus", 10, 2, 150],
  ];
  for (const [codec, members, talkers, ticks] of cases) {
    const run = await room(codec, members, talkers);
    let tick = 0;
    const micros = measure(ticks, () => run(tick++)) / members;
    const share = (micros * 50) / 10_000;
    row(`${codec}, room of ${members}, ${talkers} talking: a participant`, `${micros.toFixed(2)} us/tick ${share.toFixed(3)} %`);
  }
}

await loadOpus();
await codecs();
await rooms();
