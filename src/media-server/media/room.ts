import type { SampleRate } from "../../audio/format.ts";
import { gainOf } from "../../audio/gain.ts";
import { EncoderPool, type MixStream } from "../../audio/mix/encoder-pool.ts";
import type { MixMember } from "../../audio/mix/member.ts";
import { MixRoom } from "../../audio/mix/room.ts";
import type { MemberLink, MemberState } from "../messages.ts";
import { FrameRing } from "./frame-ring.ts";
import type { Readiness } from "./phase-choice.ts";
import type { Playback, Recording, Tell } from "./jobs.ts";
import { encoderFor } from "./encoders.ts";
import type { MediaSession, Membership } from "./session.ts";

/** The energy level every member has unless somebody sets it: the mixer's own voice activity decides. */
const DEFAULT_ENERGY = 100;
/** How long a member's talking is remembered, in calls of {@link Room.weigh}, and what one who never talks counts. */
const REMEMBERED = 150;
const LEAST_WEIGHT = 0.01;
/** Rate of what is played into a room while nobody is in it to tell a better one, and of recordings. */
const FALLBACK_RATE: SampleRate = 16000;

/** A session in a room. */
class RoomMember implements Membership {
  readonly number: number;
  readonly session: MediaSession | undefined;
  readonly #room: Room;
  mix: MixMember;
  #stream: MixStream | undefined;
  #streamKey = "";
  #state: MemberState;
  #link: { in: FrameRing; out: FrameRing } | undefined;
  #outFactor = 1;
  #scaled: Int16Array | undefined;
  /** Files played to this member alone, the first plays. */
  readonly playing: Playback[] = [];
  /** Share of the last time that it talked. */
  #talked = 0;
  #overlay: Int16Array | undefined;

  constructor(room: Room, number: number, state: MemberState, session: MediaSession | undefined, link: MemberLink | undefined) {
    this.#room = room;
    this.number = number;
    this.session = session;
    this.#state = state;
    const rate = (link?.rate ?? session?.rate ?? 8000) as SampleRate;
    this.mix = room.mixer.add({ rate });
    if (link) this.#link = { in: new FrameRing(link.toRoom, rate), out: new FrameRing(link.fromRoom, rate) };
    this.apply(state);
  }

  /** The room's phase of the 20 ms. */
  get phase(): number {
    return this.#room.phase;
  }

  /** What the room sends this member, 20 ms. */
  get output(): Int16Array {
    return this.mix.output;
  }

  apply(state: MemberState): void {
    this.#state = state;
    this.mix.muted = !state.speak;
    this.mix.deaf = !state.hear;
    this.mix.setVolumeDb(state.gainInDb);
    this.#outFactor = gainOf(state.gainOutDb);
  }

  /** The far end's sound of this tick. */
  submit(pcm: Int16Array): void {
    if (this.#state.energy > DEFAULT_ENERGY && meanAmplitude(pcm) < this.#state.energy) return;
    this.mix.input.set(pcm);
    this.mix.submit();
  }

  /** Before the room's tick: takes what came over the ring, and what is played to this member. */
  prepare(): void {
    if (this.#link?.in.read(this.mix.input)) this.mix.submit();
    const playback = this.playing[0];
    if (!playback) return;
    this.#overlay ??= new Int16Array(this.mix.rate / 50);
    if (playback.read(this.#overlay)) this.mix.overlay(this.#overlay);
    else if (this.playing[0] === playback) this.playing.shift();
  }

  /** After the room's tick: sends it over the ring, where the member is elsewhere. */
  deliver(): void {
    this.#link?.out.write(this.mix.output);
  }

  /** What the session is to send. */
  hear(): Int16Array {
    const { output } = this.mix;
    if (this.#outFactor === 1) return output;
    if (this.#scaled?.length !== output.length) this.#scaled = new Int16Array(output.length);
    for (let i = 0; i < output.length; i++) this.#scaled[i] = Math.max(-32768, Math.min(32767, Math.round(output[i]! * this.#outFactor)));
    return this.#scaled;
  }

  /** The session's payload of {@link output}, shared with all who hear the same. */
  encode(): Uint8Array {
    const key = this.session?.encodingKey ?? "";
    if (!this.#stream || key !== this.#streamKey) {
      this.#stream?.close();
      this.#stream = this.#room.encoders.stream(this.mix, key);
      this.#streamKey = key;
    }
    return this.#stream.encode();
  }

  /** Where the room ticks is chosen for those who talk. */
  weigh(): void {
    this.#talked += ((this.mix.talking ? 1 : 0) - this.#talked) / REMEMBERED;
  }

  /** When its far end's packets are there; undefined while none come. */
  get readiness(): Readiness | undefined {
    const next = this.session?.rtp.playout.ready;
    return next && { ...next, weight: this.#talked + LEAST_WEIGHT };
  }

  /** The session's codec has another rate now. */
  rateChanged(): void {
    if (!this.session || this.mix.rate === this.session.rate) return;
    this.#room.replaceMix(this, this.session.rate);
    this.#stream?.close();
    this.#stream = undefined;
    this.#overlay = undefined;
    this.apply(this.#state);
  }

  close(): void {
    for (const playback of this.playing.splice(0)) playback.stop();
    this.#stream?.close();
    this.#room.mixer.remove(this.mix);
  }
}

/** A conference's mixer on this thread. */
export class Room {
  readonly id: number;
  readonly mixer = new MixRoom();
  readonly encoders = new EncoderPool(this.mixer, encoderFor);
  readonly #members = new Map<number, RoomMember>();
  readonly #byMix = new Map<MixMember, RoomMember>();
  readonly #tell: Tell;
  readonly #phase: () => number;
  /** Files played to all, the first plays. */
  readonly #playing: Playback[] = [];
  #player: MixMember | undefined;
  #music: { playback: Playback; member: MixMember } | undefined;
  readonly #recordings: { recording: Recording; member: MixMember }[] = [];

  /** `phase` tells in which part of the 20 ms the room ticks. */
  constructor(id: number, tell: Tell, phase: () => number) {
    this.id = id;
    this.#tell = tell;
    this.#phase = phase;
  }

  /** In which part of the 20 ms the room ticks. */
  get phase(): number {
    return this.#phase();
  }

  get size(): number {
    return this.#members.size;
  }

  join(number: number, state: MemberState, session: MediaSession | undefined, link: MemberLink | undefined): RoomMember {
    const member = new RoomMember(this, number, state, session, link);
    this.#members.set(number, member);
    this.#byMix.set(member.mix, member);
    if (session) session.member = member;
    return member;
  }

  leave(number: number): void {
    const member = this.#members.get(number);
    if (!member) return;
    this.#members.delete(number);
    this.#byMix.delete(member.mix);
    if (member.session?.member === member) member.session.member = undefined;
    member.close();
  }

  member(number: number): RoomMember | undefined {
    return this.#members.get(number);
  }

  /** The calls that are here; not those that went on to another room. */
  *sessions(): Iterable<MediaSession> {
    for (const member of this.#members.values()) if (member.session?.member === member) yield member.session;
  }

  /** Notes who talks. */
  weigh(): void {
    for (const member of this.#members.values()) member.weigh();
  }

  /** When the members' packets are there. */
  *readiness(): Iterable<Readiness> {
    for (const member of this.#members.values()) {
      const { readiness } = member;
      if (readiness) yield readiness;
    }
  }

  /** For a member whose codec changed. */
  replaceMix(member: RoomMember, rate: SampleRate): void {
    this.#byMix.delete(member.mix);
    this.mixer.remove(member.mix);
    member.mix = this.mixer.add({ rate });
    this.#byMix.set(member.mix, member);
  }

  /** Rate for what is played into the room now. */
  get playRate(): SampleRate {
    return this.#members.size === 0 ? FALLBACK_RATE : this.mixer.rate;
  }

  /** Queues a playback to all. It is given by a function because its rate is the room's. */
  play(make: (rate: SampleRate) => Playback): void {
    this.#player ??= this.mixer.add({ rate: this.playRate, background: true, deaf: true });
    this.#playing.push(make(this.#player.rate));
  }

  /** Music to all until it is taken away. */
  music(make: ((rate: SampleRate) => Playback) | undefined): void {
    if (this.#music) {
      this.#music.playback.stop();
      this.mixer.remove(this.#music.member);
      this.#music = undefined;
    }
    if (!make) return;
    const member = this.mixer.add({ rate: this.playRate, background: true, deaf: true });
    this.#music = { playback: make(member.rate), member };
  }

  /** Records what a silent listener hears. */
  record(make: (rate: number, onEnd: () => void) => Recording): void {
    const member = this.mixer.add({ rate: this.playRate, muted: true });
    const entry = { recording: make(member.rate, () => this.#endRecording(member)), member };
    this.#recordings.push(entry);
  }

  #endRecording(member: MixMember): void {
    const at = this.#recordings.findIndex((entry) => entry.member === member);
    if (at !== -1) this.#recordings.splice(at, 1);
    this.mixer.remove(member);
  }

  /** One tick; the members' sessions have submitted. */
  tick(): void {
    for (const member of this.#members.values()) member.prepare();
    this.#playFiles();
    for (const event of this.mixer.tick()) {
      if (event.type === "floor") {
        this.#tell({ t: "floor", room: this.id, member: event.member ? this.#byMix.get(event.member)?.number : undefined });
        continue;
      }
      const member = this.#byMix.get(event.member);
      if (member) {
        const energy = 0.64 * 32768 * gainOf(event.member.voice.levelDb);
        this.#tell({ t: "talking", room: this.id, member: member.number, on: event.type === "talking-start", energy });
      }
    }
    for (const member of this.#members.values()) member.deliver();
    for (const { recording, member } of this.#recordings) recording.write(member.output);
  }

  #playFiles(): void {
    const player = this.#player;
    if (player) {
      while (this.#playing.length > 0) {
        if (this.#playing[0]!.read(player.input)) {
          player.submit();
          break;
        }
        this.#playing.shift();
      }
      if (this.#playing.length === 0) {
        this.mixer.remove(player);
        this.#player = undefined;
      }
    }
    if (this.#music?.playback.read(this.#music.member.input)) this.#music.member.submit();
  }

  close(): void {
    for (const number of [...this.#members.keys()]) this.leave(number);
    for (const playback of this.#playing.splice(0)) playback.stop();
    this.music(undefined);
    for (const { recording } of [...this.#recordings]) recording.hangup();
    this.encoders.close();
  }
}

function meanAmplitude(pcm: Int16Array): number {
  let sum = 0;
  for (let i = 0; i < pcm.length; i++) sum += pcm[i]! < 0 ? -pcm[i]! : pcm[i]!;
  return sum / pcm.length;
}
