/** Participants of conferences: PCMU both ways, speech that can be timed, and a count of what comes back. */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { ulawDecodeTable, ulawEncodeTable } from "../../src/audio/g711.ts";
import { openSipEndpoint, type SipEndpoint } from "../../src/io/index.ts";
import type { Session } from "../../src/sip/index.ts";

const HOST = "127.0.0.1";
const ROOM = 10;
/** Legs that share a socket: fewer sockets, less of the generator's own cost. */
const LEGS_PER_SOCKET = 50;
/** A cycle of the two who talk in turn: each for 800 ms, with 200 ms between. */
const CYCLE = 100;
const TALK = 40;
/** So far into its turn a speaker becomes loud from one sample to the next: the mark whose way is timed. */
const MARK = 20;
const QUIET = 1500;
const LOUD = 9000;
const HEARD = 5000;
/** Later than its turn by more than this against the leg's best packet: a receiver would have had to conceal it. */
const LATE_MS = 30;

/** One participant. */
interface Leg {
  readonly index: number;
  readonly socket: Socket;
  readonly packet: Buffer;
  session: Session | undefined;
  port: number;
  sequence: number;
  received: number;
  late: number;
  /** Arrival less media time of the earliest packet, ms. */
  best: number;
  sinceStart: number;
  lastSequence: number;
  lost: number;
}

/** What a run came to. */
export interface LoadResult {
  readonly participants: number;
  readonly expected: number;
  readonly bad: number;
  readonly badPercent: number;
  /** Mouth to ear, ms, of each mark heard. */
  readonly delays: readonly number[];
  /** Ticks of the generator that began more than 10 ms late: above a few, the generator was the bottleneck. */
  readonly lateTicks: number;
}

/** PCMU frames: silence as a line has it, quiet and loud speech-like noise. */
function frame(level: number, seed: number): Buffer {
  let state = seed;
  return Buffer.from(
    Array.from({ length: 160 }, (_, i) => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      const noise = level === 0 ? ((state >> 16) & 7) - 3 : level * Math.sin((2 * Math.PI * 600 * i) / 8000);
      return ulawEncodeTable[(Math.round(noise) & 0xffff) >>> 0] ?? 0xff;
    }),
  );
}

export class Load {
  readonly #legs: Leg[] = [];
  readonly #byPort = new Map<Socket, Map<number, Leg>>();
  readonly #frames = { silence: encoded(0), quiet: encoded(QUIET), loud: encoded(LOUD) };
  #sip: SipEndpoint | undefined;
  #timer: NodeJS.Timeout | undefined;
  #began = 0;
  #tick = 0;
  #lateTicks = 0;
  #measuring = false;
  /** When each room's last mark was sent, less the 20 ms that its first sample waited in the microphone. */
  readonly #marks = new Map<number, { at: number; heard: boolean }>();
  #delays: number[] = [];

  /** Calls the server until there are `participants`, `ROOM` to a conference. */
  async grow(sip: string, participants: number): Promise<void> {
    this.#sip ??= await openSipEndpoint({ host: HOST, port: 0, transports: ["udp"], onInvite: (session, now) => session.reject(now, 486) });
    while (this.#legs.length < participants) {
      const batch = Math.min(10, participants - this.#legs.length);
      const first = this.#legs.length;
      for (let i = 0; i < batch; i++) this.#legs.push(await this.#leg(first + i));
      await Promise.all(this.#legs.slice(first).map((leg) => this.#call(leg, sip)));
      if (this.#timer === undefined) this.#run();
    }
  }

  async #leg(index: number): Promise<Leg> {
    let socket = this.#legs.at(-1)?.socket;
    if (index % LEGS_PER_SOCKET === 0 || !socket) {
      socket = createSocket({
        type: "udp4",
        recvBufferSize: 4 << 20,
        sendBufferSize: 4 << 20,
        lookup: (host, _options, done) => done(null, host, 4),
      });
      // Listening before binding is told: without a look-up it happens at once.
      const bound = once(socket, "listening");
      socket.bind(0, HOST);
      await bound;
      const legs = new Map<number, Leg>();
      this.#byPort.set(socket, legs);
      socket.on("message", (data, from) => {
        const leg = legs.get(from.port);
        if (leg) this.#receive(leg, data);
      });
    }
    const packet = Buffer.alloc(172);
    packet[0] = 0x80;
    packet.writeUInt32BE(1000 + index, 8);
    return {
      index,
      socket,
      packet,
      session: undefined,
      port: 0,
      sequence: index * 7,
      received: 0,
      late: 0,
      best: Number.POSITIVE_INFINITY,
      sinceStart: 0,
      lastSequence: -1,
      lost: 0,
    };
  }

  #call(leg: Leg, sip: string): Promise<void> {
    const body = `v=0\r\no=- ${leg.index + 1} 1 IN IP4 ${HOST}\r\ns=-\r\nc=IN IP4 ${HOST}\r\nt=0 0\r\nm=audio ${leg.socket.address().port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=ptime:20\r\na=sendrecv\r\n`;
    return new Promise((resolve, reject) => {
      leg.session = this.#sip!.invite({
        uri: `sip:conf-${Math.floor(leg.index / ROOM)}@${sip}`,
        from: `sip:${leg.index}@${HOST}`,
        body,
        events: {
          onAnswered: (response) => {
            leg.port = Number(/m=audio (\d+)/.exec(response.body.toString())?.[1]);
            this.#byPort.get(leg.socket)!.set(leg.port, leg);
            resolve();
          },
          onEnded: (reason, _now, status) => {
            leg.port = 0;
            reject(new Error(`call ${leg.index} ${reason} ${status ?? ""}`));
          },
        },
      });
    });
  }

  #run(): void {
    this.#began = performance.now();
    const tick = () => {
      const now = performance.now();
      for (; this.#began + this.#tick * 20 <= now; this.#tick++) {
        if (now - (this.#began + this.#tick * 20) > 10) this.#lateTicks++;
        this.#send();
      }
      this.#timer = setTimeout(tick, Math.max(0, this.#began + this.#tick * 20 - performance.now()));
    };
    tick();
  }

  #send(): void {
    for (const leg of this.#legs) {
      if (leg.port === 0) continue;
      const { packet, index } = leg;
      const seat = index % ROOM;
      let sound = this.#frames.silence;
      if (seat < 2) {
        // Rooms are out of step with each other; the second speaker half a cycle behind the first.
        const phase = (this.#tick + Math.floor(index / ROOM) * 7 + seat * (CYCLE / 2)) % CYCLE;
        if (phase < TALK) sound = phase < MARK ? this.#frames.quiet : this.#frames.loud;
        if (phase === MARK) this.#marks.set(Math.floor(index / ROOM), { at: performance.now() - 20, heard: false });
      }
      packet.writeUInt16BE(leg.sequence++ & 0xffff, 2);
      packet.writeUInt32BE((this.#tick * 160) >>> 0, 4);
      sound.copy(packet, 12);
      leg.socket.send(packet, leg.port, HOST);
    }
  }

  #receive(leg: Leg, data: Buffer): void {
    if (!this.#measuring || data.length < 172 || (data[1]! & 0x7f) !== 0) return;
    const now = performance.now();
    const sequence = data.readUInt16BE(2);
    if (leg.lastSequence >= 0) {
      const gap = (sequence - leg.lastSequence) & 0xffff;
      if (gap > 1 && gap < 1000) leg.lost += gap - 1;
    }
    leg.lastSequence = sequence;
    leg.received++;
    const transit = now - data.readUInt32BE(4) / 8;
    if (transit < leg.best || transit > leg.best + 5000) leg.best = transit;
    else if (transit - leg.best > LATE_MS) leg.late++;
    if (leg.index % ROOM === 5) this.#listen(Math.floor(leg.index / ROOM), data, now);
  }

  #listen(room: number, data: Buffer, now: number): void {
    const mark = this.#marks.get(room);
    if (!mark || mark.heard) return;
    for (let i = 12; i < 172; i++) {
      if (Math.abs(ulawDecodeTable[data[i]!]!) < HEARD) continue;
      mark.heard = true;
      this.#delays.push(now + (i - 12) / 8 - mark.at);
      return;
    }
  }

  /** Counts for so many seconds. */
  async measure(seconds: number): Promise<LoadResult> {
    for (const leg of this.#legs) {
      leg.received = leg.late = leg.lost = 0;
      leg.lastSequence = -1;
      leg.best = Number.POSITIVE_INFINITY;
    }
    this.#marks.clear();
    this.#delays = [];
    this.#lateTicks = 0;
    const from = performance.now();
    this.#measuring = true;
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    this.#measuring = false;
    const due = Math.floor((performance.now() - from) / 20);
    const expected = due * this.#legs.length;
    // A packet more or less at the edges of the window is none missing.
    const bad = this.#legs.reduce((sum, leg) => sum + Math.max(leg.lost, due - leg.received - 1, 0) + leg.late, 0);
    return {
      participants: this.#legs.length,
      expected,
      bad,
      badPercent: (100 * bad) / expected,
      delays: this.#delays,
      lateTicks: this.#lateTicks,
    };
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    for (const leg of this.#legs) leg.session?.end(this.#sip!.now());
    await new Promise((resolve) => setTimeout(resolve, 1000));
    await this.#sip?.close();
    for (const socket of this.#byPort.keys()) socket.close();
  }
}

/** Frames of a level. */
function encoded(level: number): Buffer {
  return frame(level, 42);
}
