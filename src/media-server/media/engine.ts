import type { SampleRate } from "../../audio/format.ts";
import type { Clock, Millis } from "../../base/clock.ts";
import type { AeadProvider } from "../../srtp/index.ts";
import type { LegConfig, ToMedia } from "../messages.ts";
import { Conductor } from "./tick-scheduler.ts";
import { DelayedSends } from "./packet-pacing.ts";
import { LoneCalls, RoomCalls } from "./groups.ts";
import { type Controlled, Playback, Recording, type Tell } from "./jobs.ts";
import { RtpLeg, type RtpLegEvents } from "./rtp-leg.ts";
import { MediaSession, type Transmit } from "./session.ts";
import { SourceLoader } from "./sources/files.ts";

/** What the engine needs of its thread. */
export interface EngineOptions {
  readonly clock: Clock;
  readonly tell: Tell;
  /** AES-GCM for SRTP where there is a better one than SRTP's own. */
  readonly aead?: AeadProvider | undefined;
  /** No packet for so long, while some are due: the call is told. 0 is never. */
  readonly rtpTimeoutMs: number;
}

/** Silent calls are looked for so often. */
const CHECK_MS = 1000;

type Message<T extends ToMedia["t"]> = Extract<ToMedia, { t: T }>;

/** All media of one thread, without its sockets and timers: sessions, rooms and jobs, driven by messages, datagrams and ticks. */
export class MediaEngine {
  readonly #options: EngineOptions;
  readonly #sessions = new Map<number, MediaSession>();
  readonly #rooms = new Map<number, RoomCalls>();
  readonly #jobs = new Map<number, Controlled>();
  readonly #loader: SourceLoader;
  readonly #conductor: Conductor;
  readonly #delayed = new DelayedSends();
  #checkAt: Millis = 0;
  /** Packets dropped that came from elsewhere than the source that is believed. */
  strangerPackets = 0;

  constructor(options: EngineOptions) {
    this.#options = options;
    const now = options.clock.now();
    this.#conductor = new Conductor(now);
    this.#conductor.place(new LoneCalls(this.#sessions, this.#fault), 0, now);
    this.#loader = new SourceLoader(() => options.clock.now());
  }

  get sessions(): number {
    return this.#sessions.size;
  }
  get rooms(): number {
    return this.#rooms.size;
  }
  /** Ticks that began more than a tick late. */
  get lateTicks(): number {
    return this.#conductor.late;
  }

  /** A new session, once its sockets are open. */
  add(id: number, transmit: Transmit): MediaSession {
    const { clock, tell, aead } = this.#options;
    const events: RtpLegEvents = {
      digit: (digit, durationMs) => tell({ t: "dtmf", id, digit, durationMs, source: "RTP" }),
      stranger: (source) => this.#stranger(id, source),
      notice: (kind, fields) => tell({ t: "log", level: "warn", message: kind, fields: { leg: id, ...fields } }),
    };
    const session = new MediaSession(id, transmit, new RtpLeg(clock, events, aead), this.#delayed);
    this.#sessions.set(id, session);
    return session;
  }

  session(id: number): MediaSession | undefined {
    return this.#sessions.get(id);
  }

  /** The call is over: its jobs end, its member leaves. */
  remove(id: number): void {
    const session = this.#sessions.get(id);
    if (!session) return;
    this.#sessions.delete(id);
    const { member } = session;
    if (member) for (const { room } of this.#rooms.values()) if (room.member(member.number) === member) room.leave(member.number);
    session.close(this.#options.clock.now());
  }

  /** Milliseconds until {@link run} has something to do; 0 is now. */
  wait(now: Millis): number {
    return this.#delayed.wait(now, this.#conductor.wait(now));
  }

  /** By how much what is to be run is overdue, milliseconds. */
  overdue(now: Millis): number {
    return this.#conductor.overdue(now);
  }

  /** Runs the ticks that are due: sound in, rooms mixed, sound out. */
  run(now: Millis): void {
    this.#delayed.run(now);
    this.#conductor.run(now);
    if (this.#options.rtpTimeoutMs <= 0 || now < this.#checkAt) return;
    this.#checkAt = now + CHECK_MS;
    this.#checkTimeouts(now);
  }

  /** A datagram on one of a session's ports. */
  receive(id: number, datagram: Buffer, address: string, port: number, rtcp: boolean): void {
    const session = this.#sessions.get(id);
    if (!session) return;
    const now = this.#options.clock.now();
    try {
      if (rtcp) session.rtp.receiveRtcp(datagram, address, port, true, now);
      else session.rtp.receive(datagram, address, port, now, this.#conductor.overdue(now, session.member?.phase ?? 0));
    } catch (error) {
      this.#fault(id, error);
    }
  }

  #stranger(id: number, source: { readonly address: string; readonly port: number; readonly rtcp: boolean }): void {
    this.strangerPackets++;
    const session = this.#sessions.get(id);
    if (!session || session.contended) return;
    session.contended = true;
    const { address = "", port = 0 } = session.rtp.target ?? {};
    this.#options.tell({ t: "contended", id, source: { ...source, believed: `${address}:${port}` } });
  }

  /** A mistake of ours must cost the call it happened in, not the thread with all the others: it is taken out, and told. */
  readonly #fault = (id: number, error: unknown): void => {
    const session = this.#sessions.get(id);
    if (!session || session.timeoutTold) return;
    session.timeoutTold = true;
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#options.tell({ t: "log", level: "error", message: "a leg failed and its call ends", fields: { leg: id, error: text } });
    this.#options.tell({ t: "timeout", id, silentMs: 0 });
  };

  #checkTimeouts(now: Millis): void {
    for (const session of this.#sessions.values()) {
      const { rtp } = session;
      const silentMs = now - rtp.lastPacketAt;
      // A far end that has us on hold, or has not said yet where it is, owes no packets: its call is ended by signalling (session timer, ringing).
      if (!rtp.receives || !rtp.sends || rtp.target === undefined || session.timeoutTold || silentMs < this.#options.rtpTimeoutMs) continue;
      session.timeoutTold = true;
      this.#options.tell({ t: "timeout", id: session.id, silentMs: Math.round(silentMs) });
    }
  }

  /** What the control thread says, other than about sockets. */
  handle(message: ToMedia): void {
    switch (message.t) {
      case "configure":
        this.#configure(message.id, message.config);
        break;
      case "play":
        this.#play(message);
        break;
      case "record":
        this.#record(message);
        break;
      case "tap":
        this.#tap(message);
        break;
      case "stop":
        this.#jobs.get(message.job)?.stop();
        break;
      case "pause":
        this.#jobs.get(message.job)?.pause?.(message.paused);
        break;
      case "send-dtmf":
        this.#sendDigits(message);
        break;
      case "release":
        this.#sessions.get(message.id)?.rtp.release();
        break;
      case "mute":
        this.#mute(message);
        break;
      case "gain":
        this.#sessions.get(message.id)?.setGain(message.readDb, message.writeDb);
        break;
      case "detect-dtmf":
        this.#detect(message);
        break;
      case "bridge":
        this.#bridge(message);
        break;
      case "unbridge":
        this.#unbridge(message.id);
        break;
      case "link":
        this.#sessions.get(message.id)?.link(message.link);
        break;
      case "stats":
        this.#stats(message);
        break;
      default:
        this.#handleRoom(message);
        break;
    }
  }

  #configure(id: number, config: LegConfig): void {
    try {
      this.#sessions.get(id)?.configure(config, this.#options.clock.now());
    } catch (error) {
      this.#options.tell({ t: "log", level: "error", message: "a leg could not be configured", fields: { leg: id, error: String(error) } });
    }
  }

  #playback(job: number, spec: string, rate: SampleRate, options: { seek?: number; timeoutMs?: number }, onEnd: () => void): Playback {
    const playback = new Playback({
      job,
      spec,
      rate,
      ...options,
      loader: this.#loader,
      tell: this.#options.tell,
      onEnd: () => {
        this.#jobs.delete(job);
        onEnd();
      },
    });
    this.#jobs.set(job, playback);
    return playback;
  }

  #play({ id, job, source, seek, timeoutMs }: Message<"play">): void {
    const session = this.#sessions.get(id);
    if (!session) {
      this.#options.tell({ t: "played", job, result: { reason: "stopped", samplesIn: 0, nativeRate: 8000, position: 0 } });
      return;
    }
    const playback: Playback = this.#playback(job, source, session.rate, { seek, timeoutMs }, () => drop(session.foreground, playback));
    session.foreground.push(playback);
  }

  #record({ id, job, path, limitMs, silenceThreshold, silenceHits, append, rate }: Message<"record">): void {
    const session = this.#sessions.get(id);
    if (!session) {
      this.#notRecorded(job);
      return;
    }
    const ownRate = rate === 8000 || rate === 16000 || rate === 48000 ? rate : session.rate;
    const recording: Recording = new Recording(
      job,
      { path, rate: ownRate, channels: 1, append, limitMs, silenceThreshold, silenceHits },
      this.#options.tell,
      () => {
        drop(session.foreground, recording);
        this.#jobs.delete(job);
      },
    );
    this.#jobs.set(job, recording);
    session.foreground.push(recording);
  }

  #tap({ id, job, path, limitMs, stereo, side }: Message<"tap">): void {
    const session = this.#sessions.get(id);
    if (!session) {
      this.#notRecorded(job);
      return;
    }
    const both = side === "both" && stereo;
    const recording: Recording = new Recording(
      job,
      { path, rate: session.rate, channels: both ? 2 : 1, limitMs },
      this.#options.tell,
      () => {
        const at = session.taps.findIndex((tap) => tap.recording === recording);
        if (at !== -1) session.taps.splice(at, 1);
        this.#jobs.delete(job);
      },
    );
    this.#jobs.set(job, recording);
    session.taps.push({ recording, stereo: both, side });
  }

  #notRecorded(job: number): void {
    this.#options.tell({ t: "recorded", job, result: { reason: "hangup", samples: 0, rate: 8000, bytes: 0 } });
  }

  #sendDigits({ id, digits, durationMs }: Message<"send-dtmf">): void {
    const session = this.#sessions.get(id);
    if (!session || session.rtp.sendDigits(digits, durationMs)) return;
    // The peer takes no telephone events: the tones themselves, as a playback nobody waits for.
    const script = `tone_stream://v=-10;d=${durationMs};w=60;${digits.replace(/[wW]/g, "")}`;
    const playback: Playback = new Playback({
      job: -1,
      spec: script,
      rate: session.rate,
      loader: this.#loader,
      tell: () => {},
      onEnd: () => drop(session.foreground, playback),
    });
    session.foreground.push(playback);
  }

  #mute({ id, read, write }: Message<"mute">): void {
    const session = this.#sessions.get(id);
    if (!session) return;
    if (read !== undefined) session.readMuted = read;
    if (write !== undefined) session.writeMuted = write;
  }

  #detect({ id, on }: Message<"detect-dtmf">): void {
    const onDigit = (digit: string, durationMs: number) => this.#options.tell({ t: "dtmf", id, digit, durationMs, source: "INBAND_AUDIO" });
    this.#sessions.get(id)?.detectTones(on ? onDigit : undefined);
  }

  #bridge({ a, b }: Message<"bridge">): void {
    const [one, other] = [this.#sessions.get(a), this.#sessions.get(b)];
    if (!one || !other || one === other) return;
    for (const session of [one, other]) this.#unbridge(session.id);
    one.peer = other;
    other.peer = one;
  }

  #unbridge(id: number): void {
    const session = this.#sessions.get(id);
    if (!session) return;
    session.link(undefined);
    if (session.peer) session.peer.peer = undefined;
    session.peer = undefined;
  }

  #stats({ req, id }: Message<"stats">): void {
    const session = this.#sessions.get(id);
    if (session) this.#options.tell({ t: "stats", req, stats: session.rtp.stats() });
    else this.#options.tell({ t: "failed", req, message: "no such leg" });
  }

  #handleRoom(message: ToMedia): void {
    if (!("room" in message)) return;
    if (message.t === "room-open") {
      this.#openRoom(message.room);
      return;
    }
    const calls = this.#rooms.get(message.room);
    if (!calls) this.#noRoom(message);
    else this.#toRoom(calls, message);
  }

  #openRoom(id: number): void {
    const calls = new RoomCalls(id, this.#options.tell, this.#conductor, this.#fault);
    this.#rooms.set(id, calls);
    this.#conductor.place(calls, 0, this.#options.clock.now());
  }

  #toRoom(calls: RoomCalls, message: ToMedia): void {
    const { room } = calls;
    switch (message.t) {
      case "room-close":
        this.#rooms.delete(message.room);
        this.#conductor.remove(calls);
        room.close();
        return;
      case "room-join": {
        const session = message.id === undefined ? undefined : this.#sessions.get(message.id);
        if (session || message.link) room.join(message.member, message.state, session, message.link);
        calls.joined(this.#options.clock.now());
        return;
      }
      case "room-leave":
        room.leave(message.member);
        return;
      case "room-member":
        room.member(message.member)?.apply(message.state);
        return;
      case "room-agc":
        room.mixer.autoLevel = message.on;
        return;
      case "room-play":
        this.#playInRoom(room, message);
        return;
      case "room-music": {
        const { source } = message;
        room.music(source === undefined ? undefined : (rate) => this.#playback(-1 - room.id, source, rate, {}, () => {}));
        return;
      }
      case "room-record": {
        const { job, path } = message;
        room.record((rate, onEnd) => {
          const recording = new Recording(job, { path, rate, channels: 1, limitMs: 0 }, this.#options.tell, () => {
            this.#jobs.delete(job);
            onEnd();
          });
          this.#jobs.set(job, recording);
          return recording;
        });
      }
    }
  }

  #playInRoom(room: RoomCalls["room"], { job, source, member: number }: Message<"room-play">): void {
    if (number === undefined) {
      room.play((rate) => this.#playback(job, source, rate, {}, () => {}));
      return;
    }
    const member = room.member(number);
    if (member) member.playing.push(this.#playback(job, source, member.mix.rate, {}, () => {}));
    else this.#options.tell({ t: "played", job, result: { reason: "stopped", samplesIn: 0, nativeRate: 8000, position: 0 } });
  }

  #noRoom(message: ToMedia): void {
    if (message.t === "room-play")
      this.#options.tell({ t: "played", job: message.job, result: { reason: "stopped", samplesIn: 0, nativeRate: 8000, position: 0 } });
    if (message.t === "room-record") this.#notRecorded(message.job);
  }
}

function drop<T>(list: T[], item: T): void {
  const at = list.indexOf(item);
  if (at !== -1) list.splice(at, 1);
}
