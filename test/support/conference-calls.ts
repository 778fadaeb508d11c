/**
 * Callers of conferences on fake time, in front of the media engine itself: each sends PCMU every 20 ms of its own clock, from its own moment on, over a
 * network with jitter; they talk in turn, and the way of a mark in their speech is timed from mouth to ear. The same seed gives the same figures.
 */
import { ulawDecodeTable, ulawEncodeTable } from "../../src/audio/g711.ts";
import { FakeClock } from "./standing-clock.ts";
import { MediaEngine } from "../../src/media-server/media/engine.ts";
import type { MediaSession } from "../../src/media-server/media/session.ts";
import { seededNoise } from "./spectrum.ts";

export interface Calls {
  readonly seed: number;
  readonly members: number;
  readonly rooms?: number;
  /** How long is measured, after `settle` seconds. */
  readonly seconds: number;
  readonly settle?: number;
  /** When in their 20 ms callers send: anywhere, or all within so many milliseconds. */
  readonly spreadMs?: number;
  /** Packets are late by up to this, evenly. */
  readonly jitterMs: number;
  /** One packet in so many is late by `ms` besides. */
  readonly spikes?: { readonly oneIn: number; readonly ms: number };
  readonly lossPercent?: number;
  /** Callers' clocks are off by up to this, parts per million. */
  readonly skewPpm?: number;
  /** Only so many members ever talk. */
  readonly talkers?: number;
  /** Our thread's timer is late by up to this. */
  readonly timerMs?: number;
}

export interface Heard {
  readonly p50: number;
  readonly p95: number;
  readonly most: number;
  readonly marks: number;
  /** Marks that did not come through within half a second. */
  readonly missed: number;
  /** Made up by the receivers, share of all sound. */
  readonly concealedPercent: number;
  /** Packets sent to listeners, of those due, and the longest pause between two of them. */
  readonly sentPercent: number;
  readonly longestPauseMs: number;
  /** How far the moment of sending wandered from the timestamps, the most of all listeners. */
  readonly wanderMs: number;
}

const FRAME_MS = 20;
/** Frames of a turn, of its talk, and where in it the mark is. */
const TURN = 50;
const TALK = 40;
const MARK = 20;
const HEARD = 5000;
/** A mark not heard by then is lost. */
const GONE_MS = 500;

function encoded(level: number): Uint8Array {
  const noise = seededNoise(42);
  return Uint8Array.from({ length: 160 }, (_, i) => {
    const v = level === 0 ? Math.round(noise() * 4) : Math.round(level * Math.sin((2 * Math.PI * 600 * i) / 8000));
    return ulawEncodeTable[v & 0xffff]!;
  });
}
const FRAMES = { silence: encoded(0), quiet: encoded(1500), loud: encoded(9000) };

interface Caller {
  readonly id: number;
  readonly room: number;
  readonly seat: number;
  readonly from: number;
  readonly period: number;
  readonly session: MediaSession;
  /** What it is to hear, in order. */
  readonly marks: { readonly at: number; heard: boolean }[];
  sent: number;
  lastSentAt: number;
  /** Time of sending less timestamp: least and most. */
  least: number;
  most: number;
}
interface Arrival {
  readonly at: number;
  readonly caller: Caller;
  readonly k: number;
}

/** Runs the calls and says what was heard. */
export function hold(calls: Calls): Heard {
  const { members, rooms = 1, seconds, settle = 15, jitterMs, spikes, timerMs = 1 } = calls;
  const clock = new FakeClock();
  // any moment: the zero of time means nothing
  clock.advance(1000);
  const noise = seededNoise(calls.seed);
  const random = () => (noise() + 1) / 2;
  const engine = new MediaEngine({ clock, tell: () => {}, rtpTimeoutMs: 0 });
  const measureFrom = 1000 + settle * 1000;
  const end = measureFrom + seconds * 1000;
  const marks: { readonly at: number; heard: boolean }[] = [];
  const delays: number[] = [];
  let longestPause = 0;

  const listen = (caller: Caller, data: Uint8Array, now: number) => {
    if (now >= measureFrom) {
      caller.sent++;
      const transit = now - ((data[4]! << 24) | (data[5]! << 16) | (data[6]! << 8) | data[7]!) / 8;
      caller.least = Math.min(caller.least, transit);
      caller.most = Math.max(caller.most, transit);
      if (caller.lastSentAt > 0) longestPause = Math.max(longestPause, now - caller.lastSentAt);
    }
    caller.lastSentAt = now;
    for (let mark = caller.marks[0]; mark && now > mark.at + FRAME_MS + GONE_MS; mark = caller.marks[0]) caller.marks.shift();
    const mark = caller.marks[0];
    if (mark && !mark.heard && now > mark.at + FRAME_MS) {
      for (let i = 12; i < data.length; i++) {
        if (Math.abs(ulawDecodeTable[data[i]!]!) < HEARD) continue;
        mark.heard = true;
        delays.push(now + (i - 12) / 8 - mark.at);
        break;
      }
    }
  };

  const callers: Caller[] = [];
  for (let room = 0; room < rooms; room++) {
    engine.handle({ t: "room-open", room, music: undefined });
    for (let seat = 0; seat < members; seat++) {
      const id = room * members + seat;
      const session = engine.add(id, (data) => {
        // RTCP comes by the same port
        if ((data[1]! & 0x7f) === 0) listen(caller, data, clock.now());
      });
      const caller: Caller = {
        id,
        room,
        seat,
        from: 1000 + random() * (calls.spreadMs ?? FRAME_MS),
        period: FRAME_MS * (1 + ((2 * random() - 1) * (calls.skewPpm ?? 0)) / 1e6),
        session,
        marks: [],
        sent: 0,
        lastSentAt: 0,
        least: Number.POSITIVE_INFINITY,
        most: Number.NEGATIVE_INFINITY,
      };
      callers.push(caller);
      engine.handle({
        t: "configure",
        id,
        config: {
          codecs: [{ name: "PCMU", sendPayloadType: 0, receivePayloadType: 0, ptime: 20 }],
          remote: { address: "127.0.0.1", port: 1000 + id, rtcpPort: 60_000 },
          rtcpMux: true,
          direction: "sendrecv",
        },
      });
      engine.handle({ t: "room-join", room, member: seat, id, state: { speak: true, hear: true, gainInDb: 0, gainOutDb: 0, energy: 100 } });
    }
  }

  // The neighbour listens for the mark.
  const expectMark = (listener: Caller, at: number) => {
    const mark = { at, heard: false };
    marks.push(mark);
    listener.marks.push(mark);
  };
  const arrivals: Arrival[] = [];
  for (const caller of callers) {
    for (let k = 0; caller.from + k * caller.period < end; k++) {
      const sentAt = caller.from + k * caller.period;
      const seat = Math.floor(k / TURN) % (calls.talkers ?? members);
      if (seat === caller.seat && k % TURN === MARK && sentAt > measureFrom)
        expectMark(callers[caller.room * members + ((seat + 1) % members)]!, sentAt - FRAME_MS);
      if (random() * 100 < (calls.lossPercent ?? 0)) continue;
      const late = random() * jitterMs + (spikes && random() * spikes.oneIn < 1 ? spikes.ms : 0);
      arrivals.push({ at: sentAt + late, caller, k });
    }
  }
  arrivals.sort((a, b) => a.at - b.at);

  let concealedBefore = 0;
  const concealed = () => callers.reduce((sum, { session }) => sum + (session.rtp.playout.stats?.concealedMs ?? 0), 0);
  const datagram = Buffer.alloc(172);
  datagram[0] = 0x80;
  const deliver = ({ caller, k }: Arrival) => {
    const turn = k % TURN;
    const talks = Math.floor(k / TURN) % (calls.talkers ?? members) === caller.seat && turn < TALK;
    datagram.writeUInt16BE(k & 0xffff, 2);
    datagram.writeUInt32BE((k * 160) >>> 0, 4);
    datagram.writeUInt32BE(5000 + caller.id, 8);
    datagram.set(talks ? (turn < MARK ? FRAMES.quiet : FRAMES.loud) : FRAMES.silence, 12);
    engine.receive(caller.id, datagram, "127.0.0.1", 1000 + caller.id, false);
  };

  const wakeAt = () => clock.now() + engine.wait(clock.now()) + random() * timerMs;
  let wake = wakeAt();
  let at = 0;
  for (;;) {
    const arrival = arrivals[at];
    const until = Math.min(arrival?.at ?? Number.POSITIVE_INFINITY, wake);
    if (until >= end) break;
    if (clock.now() < measureFrom && until >= measureFrom) concealedBefore = concealed();
    clock.advance(Math.max(0, until - clock.now()));
    if (arrival && arrival.at <= wake) {
      deliver(arrival);
      at++;
    } else {
      engine.run(clock.now());
      wake = wakeAt();
    }
  }
  const expected = callers.length * seconds * 50;
  delays.sort((a, b) => a - b);
  const quantile = (q: number) => delays[Math.min(delays.length - 1, Math.floor(q * delays.length))] ?? Number.NaN;
  const due = marks.filter(({ at: sent }) => sent < end - GONE_MS - FRAME_MS);
  return {
    p50: quantile(0.5),
    p95: quantile(0.95),
    most: delays.at(-1) ?? Number.NaN,
    marks: due.length,
    missed: due.filter(({ heard }) => !heard).length,
    concealedPercent: ((concealed() - concealedBefore) / (callers.length * seconds * 1000)) * 100,
    sentPercent: (100 * callers.reduce((sum, { sent }) => sum + sent, 0)) / expected,
    longestPauseMs: longestPause,
    wanderMs: Math.max(...callers.map(({ least, most }) => most - least)),
  };
}
