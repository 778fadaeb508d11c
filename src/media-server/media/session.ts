import type { AudioEncoder } from "../../audio/codec.ts";
import { ToneDetector } from "../../audio/dtmf/tone-detector.ts";
import type { SampleRate } from "../../audio/format.ts";
import { Gain } from "../../audio/gain.ts";
import type { Millis } from "../../base/clock.ts";
import type { LegConfig, MemberLink } from "../messages.ts";
import { encoderFor, encodingKey } from "./encoders.ts";
import { FrameRing } from "./frame-ring.ts";
import { FrameRate, type Playback, type Recording } from "./jobs.ts";
import { TICK_MS } from "./pacer.ts";
import { type DelayedSends, PacketPacing } from "./packet-pacing.ts";
import { Packetizer } from "./packetizer.ts";
import type { RtpLeg } from "./rtp-leg.ts";

/** Sends a datagram: RTP, or with `rtcp` from the RTCP port. */
export type Transmit = (data: Buffer, port: number, address: string, rtcp: boolean) => void;

/** A session's place in a room. */
export interface Membership {
  readonly number: number;
  /** The room's phase of the 20 ms. */
  readonly phase: number;
  /** What the room sends this member, 20 ms. */
  readonly output: Int16Array;
  /** The far end's sound of this tick. */
  submit(pcm: Int16Array): void;
  /** What the session is to send; {@link output} unless its volume was changed. */
  hear(): Int16Array;
  /** The payload of {@link output}, shared with all who hear the same. */
  encode(): Uint8Array;
  /** The session's codec has another rate now. */
  rateChanged(): void;
}

const SILENCE = { 8000: new Int16Array(160), 16000: new Int16Array(320), 48000: new Int16Array(960) } as const;
/** An Opus leg with nothing to say sends one packet in so many ticks after a while: what DTX would do, without encoding silence. */
const IDLE_EVERY = 20;
const IDLE_AFTER = 50;
const MAX_PAYLOAD = 1280;
/** Tones that end so soon after a telephone event of the same key are that key: what the jitter buffer holds back, and some more. */
const SAME_KEY_MS = 400;
/** Ticks of one session are never due nearer than this. */
const NEAR_MS = TICK_MS / 2;

/** A recording of both sides. */
export interface Tap {
  readonly recording: Recording;
  readonly stereo: boolean;
  readonly side: "both" | "read" | "write";
}

/** The other half of a bridge or a room on another thread. */
interface Link {
  readonly out: FrameRing;
  readonly in: FrameRing;
  readonly rate: SampleRate;
  readonly frame: Int16Array;
}

/**
 * One call's media on this thread: what it hears goes to whoever it is with (a room, another call) and to recorders; what it is sent comes from the playback
 * on top, else from its room, else from the other call, else is silence. Two steps a tick, so that rooms mix between them.
 */
export class MediaSession {
  readonly id: number;
  readonly rtp: RtpLeg;
  readonly #transmit: Transmit;
  /** This tick's sound of the far end at {@link rate}; valid when `heard`. */
  frame = SILENCE[8000];
  heard = false;
  /** Playbacks, and recordings that stand in their place, the innermost last. */
  readonly foreground: (Playback | Recording)[] = [];
  readonly taps: Tap[] = [];
  member: Membership | undefined;
  peer: MediaSession | undefined;
  #onTone: ((digit: string, durationMs: number) => void) | undefined;
  #detector: ToneDetector | undefined;
  readMuted = false;
  writeMuted = false;
  readonly readGain = new Gain();
  readonly writeGain = new Gain();
  #hasReadGain = false;
  #hasWriteGain = false;
  #link: Link | undefined;
  #encoder: AudioEncoder | undefined;
  #encoderKey = "";
  #payload = new Uint8Array(0);
  #packetizer = new Packetizer(20);
  #pacing = new PacketPacing(20);
  readonly #delayed: DelayedSends;
  /** Packets that wait for their time: no more than two or three, of one length. */
  readonly #waiting: { readonly due: Millis; readonly payload: Uint8Array }[] = [];
  #scratch = new Int16Array(160);
  #idle = 0;
  readonly #toPeer = new FrameRate();
  readonly #toLink = new FrameRate();
  readonly #fromLink = new FrameRate();
  readonly #toRecord = new FrameRate();
  #tapFrame: Int16Array | undefined;
  /** When the last tick was due, and whether the session takes part in this one. */
  #due: Millis = Number.NEGATIVE_INFINITY;
  #ticks = true;
  timeoutTold = false;
  /** Somebody else has sent to its ports. */
  contended = false;

  constructor(id: number, transmit: Transmit, rtp: RtpLeg, delayed: DelayedSends) {
    this.id = id;
    this.#delayed = delayed;
    this.#transmit = transmit;
    this.rtp = rtp;
  }

  get rate(): SampleRate {
    return this.rtp.rate;
  }
  /** Key under which streams may share an encoding. */
  get encodingKey(): string {
    return this.#encoderKey;
  }

  configure(config: LegConfig, now: Millis): void {
    this.rtp.configure(config, now);
    const codec = config.codecs[0];
    if (!codec) return;
    const key = encodingKey(codec.name, config.opus);
    if (key !== this.#encoderKey) {
      this.#encoder?.close();
      this.#encoder = undefined;
      this.#encoderKey = key;
    }
    const ptime = codec.name === "opus" ? 20 : codec.ptime;
    if (this.#packetizer.ptime !== ptime) {
      this.#waiting.length = 0;
      this.#packetizer = new Packetizer(ptime);
      this.#pacing = new PacketPacing(ptime);
    }
    const samples = this.rate / 50;
    if (this.#scratch.length !== samples) {
      this.#scratch = new Int16Array(samples);
      this.frame = new Int16Array(samples);
      this.#tapFrame = this.#detector = undefined;
      this.member?.rateChanged();
    } else if (this.frame === SILENCE[8000]) this.frame = new Int16Array(samples);
    this.timeoutTold = false;
  }

  setGain(readDb: number, writeDb: number): void {
    this.readGain.setDb(readDb);
    this.writeGain.setDb(writeDb);
    this.#hasReadGain = readDb !== 0;
    this.#hasWriteGain = writeDb !== 0;
  }

  link(link: MemberLink | undefined): void {
    if (!link) {
      this.#link = undefined;
      return;
    }
    const rate = link.rate as SampleRate;
    this.#link = { out: new FrameRing(link.toRoom, rate), in: new FrameRing(link.fromRoom, rate), rate, frame: new Int16Array(rate / 50) };
  }

  /** First step: takes what the far end said and hands it on. Nothing where the last tick is too near: the session has changed to an earlier phase. */
  listen(now: Millis, late = 0): void {
    const due = now - late;
    this.#ticks = due - this.#due >= NEAR_MS;
    if (!this.#ticks) return;
    this.#due = due;
    this.heard = this.rtp.pull(now, this.frame, late);
    if (this.heard && this.#hasReadGain) this.readGain.apply(this.frame);
    if (this.#onTone) this.#detect(this.#onTone, this.heard ? this.frame : SILENCE[this.rate]);
    if (this.readMuted) this.heard = false;
    const top = this.foreground.at(-1);
    if (top && "write" in top) this.#record(top);
    if (this.member) {
      if (this.heard) this.member.submit(this.frame);
    } else if (this.#link && this.heard) this.#link.out.write(this.#toLink.convert(this.frame, this.rate, this.#link.rate));
  }

  /** Hears keys in the sound itself, or with undefined no longer. */
  detectTones(onDigit: ((digit: string, durationMs: number) => void) | undefined): void {
    this.#onTone = onDigit;
    this.#detector = undefined;
  }

  /** A pause between keys may be no packets at all (DTX): it is silence all the same. */
  #detect(onDigit: (digit: string, durationMs: number) => void, pcm: Int16Array): void {
    this.#detector ??= new ToneDetector(this.rate);
    for (const event of this.#detector.process(pcm)) {
      // Who sends a key as an event as well says it twice.
      const { key, at } = this.rtp.lastEvent;
      const twice = event.key === key && this.#due - at < SAME_KEY_MS;
      if (event.type === "end" && !twice) onDigit(event.key, event.durationMs);
    }
  }

  #record(recording: Recording): void {
    const pcm = this.heard ? this.frame : SILENCE[this.rate];
    recording.write(this.#toRecord.convert(pcm, this.rate, recording.rate as SampleRate));
  }

  /** Second step: sends 20 ms, of whatever the far end is to hear. */
  speak(now: Millis): void {
    const { rtp } = this;
    if (!rtp.config || !this.#ticks) return;
    const rtcp = rtp.rtcp(now);
    if (rtcp) this.#transmit(rtcp.data, rtcp.port, rtcp.address, !rtcp.mux);
    const pcm = this.#choose();
    if (this.taps.length > 0) this.#tap(pcm);
    const { target } = rtp;
    // What is played goes on although nobody can be sent to: it has an end that others wait for.
    if (!target || !rtp.sends) {
      this.#waiting.length = 0;
      rtp.skip();
      return;
    }
    if (rtp.sendingDigits) {
      this.sendDue(Number.POSITIVE_INFINITY);
      const digit = rtp.digitPacket(now);
      if (digit) {
        this.#transmit(digit, target.port, target.address, false);
        return;
      }
    }
    this.#send(this.#encode(pcm), target, now);
  }

  /** The sound to be sent; undefined is silence. */
  #choose(): Int16Array | undefined {
    for (let top = this.foreground.at(-1); top !== undefined; top = this.foreground.at(-1)) {
      if ("write" in top) return undefined;
      if (top.read(this.#scratch)) return this.#scratch;
      // It ended in this tick: whatever is under it goes on.
      if (this.foreground.at(-1) === top) this.foreground.pop();
    }
    if (this.member) return this.member.hear();
    if (this.peer) return this.peer.heard ? this.#toPeer.convert(this.peer.frame, this.peer.rate, this.rate) : undefined;
    const link = this.#link;
    return link?.in.read(link.frame) ? this.#fromLink.convert(link.frame, link.rate, this.rate) : undefined;
  }

  #encode(pcm: Int16Array | undefined): Uint8Array | undefined {
    const member = this.member;
    // A listener of a room's common mix shares its encoding with all the others.
    if (pcm !== undefined && member && pcm === member.output && !this.writeMuted && !this.#hasWriteGain) {
      this.#idle = 0;
      return member.encode();
    }
    let sound = this.writeMuted ? undefined : pcm;
    if (sound === undefined) {
      if (this.#encoderKey.startsWith("opus") && ++this.#idle > IDLE_AFTER && this.#idle % IDLE_EVERY !== 0) return undefined;
      sound = SILENCE[this.rate];
    } else {
      this.#idle = 0;
      if (this.#hasWriteGain) {
        if (sound !== this.#scratch) this.#scratch.set(sound);
        sound = this.#scratch;
        this.writeGain.apply(sound);
      }
    }
    this.#encoder ??= encoderFor(this.#encoderKey);
    if (this.#payload.length === 0) this.#payload = new Uint8Array(this.#encoderKey.startsWith("opus") ? MAX_PAYLOAD : 320);
    return this.#payload.subarray(0, this.#encoder.encode(sound, this.#payload));
  }

  #send(payload: Uint8Array | undefined, target: { address: string; port: number }, now: Millis): void {
    const { rtp } = this;
    if (payload === undefined || payload.length === 0) {
      this.sendDue(Number.POSITIVE_INFINITY);
      rtp.skip();
      return;
    }
    const packetizer = this.#packetizer;
    if (packetizer.ptime === 20) {
      const packet = rtp.packet(payload, 20, now);
      if (packet) this.#transmit(packet, target.port, target.address, false);
      return;
    }
    packetizer.push(payload);
    for (let chunk = packetizer.next(); chunk !== undefined; chunk = packetizer.next()) {
      this.#waiting.push({ due: this.#pacing.next(this.#due), payload: chunk.slice() });
    }
    this.sendDue(now);
    if (this.#waiting.length > 0) this.#delayed.add(this);
  }

  /** When the first of the packets leaves that wait for their time; infinity for none. */
  get sendAt(): Millis {
    return this.#waiting[0]?.due ?? Number.POSITIVE_INFINITY;
  }

  /** Sends the packets whose time has come. */
  sendDue(now: Millis): void {
    const { rtp } = this;
    while (this.sendAt <= now) {
      const next = this.#waiting.shift();
      const { target } = rtp;
      if (!next || !target) return;
      const packet = rtp.packet(next.payload, this.#packetizer.ptime, Math.min(now, next.due));
      if (packet) this.#transmit(packet, target.port, target.address, false);
    }
  }

  #tap(sent: Int16Array | undefined): void {
    const heard = this.heard ? this.frame : SILENCE[this.rate];
    const said = sent ?? SILENCE[this.rate];
    for (const { recording, stereo, side } of this.taps) {
      if (side !== "both") recording.write(side === "read" ? heard : said);
      else recording.write(this.#mixTap(heard, said, stereo));
    }
  }

  #mixTap(heard: Int16Array, said: Int16Array, stereo: boolean): Int16Array {
    const n = heard.length;
    const length = stereo ? 2 * n : n;
    if (this.#tapFrame?.length !== length) this.#tapFrame = new Int16Array(length);
    const out = this.#tapFrame;
    for (let i = 0; i < n; i++) {
      if (stereo) {
        out[2 * i] = heard[i]!;
        out[2 * i + 1] = said[i]!;
      } else out[i] = Math.max(-32768, Math.min(32767, heard[i]! + said[i]!));
    }
    return out;
  }

  /** The call is over. */
  close(now: Millis): void {
    this.#waiting.length = 0;
    const bye = this.rtp.goodbye(now);
    if (bye) this.#transmit(bye.data, bye.port, bye.address, !bye.mux);
    for (const job of this.foreground.splice(0)) "write" in job ? job.hangup() : job.stop();
    for (const { recording } of this.taps.splice(0)) recording.hangup();
    if (this.peer) this.peer.peer = undefined;
    this.peer = undefined;
    this.#encoder?.close();
    this.rtp.close();
  }
}
