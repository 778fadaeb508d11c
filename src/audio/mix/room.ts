import { frameSamples, type SampleRate } from "../format.ts";
import { Resampler } from "../resampler.ts";
import { Floor } from "./floor.ts";
import { Limiter } from "./limiter.ts";
import { type MemberOptions, MixMember } from "./member.ts";
import { MixSide } from "./mix-side.ts";

/** What happened in a tick. `floor` without a member: its holder left. */
export type MixEvent =
  | { readonly type: "talking-start" | "talking-stop"; readonly member: MixMember }
  | { readonly type: "floor"; readonly member: MixMember | undefined };

export interface RoomOptions {
  /** Never mix above this rate, Hz. Default 48000. */
  readonly maxRate?: SampleRate;
  /** At most so many speakers are in the mix at once, the loudest; background players come on top. Default 8. */
  readonly maxSpeakers?: number;
  /** Automatic level from the start. Default off. */
  readonly autoLevel?: boolean;
}

/** A speaker already in the mix keeps its place against one that is not this much louder. */
const STAY_DB = 4;
/** What the deaf hear. */
const silence: Readonly<Record<SampleRate, Int16Array>> = {
  8000: new Int16Array(160),
  16000: new Int16Array(320),
  48000: new Int16Array(960),
};
const NO_EVENTS: readonly MixEvent[] = [];

/** The common mix at one listening rate. */
interface CommonMix {
  readonly out: Int16Array;
  readonly resampler: Resampler | undefined;
  /** The tick it was computed in. */
  tick: number;
}

/**
 * A conference's mixer: sums the active speakers once at the best rate its members have, hands every listener the same common mix and every speaker the
 * sum without itself. Cost: a level per submitted frame, an addition and a subtraction per speaker, nothing per silent listener.
 * The owner calls `tick()` every 20 ms after its members have submitted, by whatever clock it likes.
 */
export class MixRoom {
  autoLevel: boolean;
  readonly #maxRate: SampleRate;
  readonly #maxSpeakers: number;
  readonly #members = new Set<MixMember>();
  readonly #floor = new Floor();
  readonly #limiter = new Limiter();
  readonly #common = new Map<SampleRate, CommonMix>();
  readonly #speakers: MixMember[] = [];
  readonly #talking = new Set<MixMember>();
  #pending: MixEvent[] = [];
  #rate: SampleRate = 8000;
  #sum = new Int32Array(frameSamples(8000));
  #mix = new Int16Array(frameSamples(8000));
  #tick = 0;
  #nextId = 1;

  constructor(options: RoomOptions = {}) {
    this.#maxRate = options.maxRate ?? 48000;
    this.#maxSpeakers = options.maxSpeakers ?? 8;
    this.autoLevel = options.autoLevel ?? false;
  }

  /** The rate the sum is made at now, Hz. */
  get rate(): SampleRate {
    return this.#rate;
  }

  /** Members, in the order they came. */
  get members(): ReadonlySet<MixMember> {
    return this.#members;
  }

  /** The active speaker. */
  get floor(): MixMember | undefined {
    return this.#floor.holder;
  }

  /** Ticks since the start; tells encoders of a shared output whether they have it already. */
  get ticks(): number {
    return this.#tick;
  }

  /** How many members were in the last tick's mix. */
  get speakerCount(): number {
    return this.#speakers.length;
  }

  add(options: MemberOptions): MixMember {
    const member = new MixMember(this.#nextId++, options);
    this.#members.add(member);
    this.#chooseRate();
    return member;
  }

  /** Takes a member out; what it ends (talking, the floor) is told by the next tick. */
  remove(member: MixMember): void {
    if (!this.#members.delete(member)) return;
    if (this.#talking.delete(member)) this.#pending.push({ type: "talking-stop", member });
    if (this.#floor.remove(member)) this.#pending.push({ type: "floor", member: undefined });
    this.#chooseRate();
  }

  /** Makes this tick's mix and everybody's output. Returns what changed, in order. */
  tick(): readonly MixEvent[] {
    this.#tick++;
    this.#selectSpeakers();
    this.#addUp();
    this.#distribute();
    return this.#takeEvents();
  }

  #chooseRate(): void {
    let best: SampleRate = 8000;
    for (const member of this.#members) if (!member.background && member.rate > best) best = member.rate;
    if (best > this.#maxRate) best = this.#maxRate;
    if (best === this.#rate) return;
    this.#rate = best;
    this.#sum = new Int32Array(frameSamples(best));
    this.#mix = new Int16Array(frameSamples(best));
    this.#common.clear();
  }

  #selectSpeakers(): void {
    const speakers = this.#speakers;
    speakers.length = 0;
    let loudest: MixMember | undefined;
    let background = 0;
    for (const member of this.#members) {
      const asks = member.listen(this.autoLevel);
      if (member.talking !== this.#talking.has(member)) this.#talkingChanged(member);
      if (asks) {
        speakers.push(member);
        if (member.background) background++;
      } else if (member.contributing) this.#fadeOut(member);
      if (member.talking && member !== this.#floor.holder && (!loudest || member.voice.levelDb > loudest.voice.levelDb)) loudest = member;
    }
    if (speakers.length - background > this.#maxSpeakers) this.#dropQuietest();
    if (this.#floor.update(loudest)) this.#pending.push({ type: "floor", member: this.#floor.holder });
  }

  #dropQuietest(): void {
    const speakers = this.#speakers;
    const rank = (m: MixMember) => (m.background ? Number.POSITIVE_INFINITY : m.voice.levelDb + (m.contributing ? STAY_DB : 0));
    speakers.sort((a, b) => (rank(a) === rank(b) ? a.id - b.id : rank(b) - rank(a)));
    const keep = speakers.reduce((n, m) => n + (m.background ? 1 : 0), this.#maxSpeakers);
    for (const member of speakers.splice(keep)) if (member.contributing) this.#fadeOut(member);
  }

  #talkingChanged(member: MixMember): void {
    const starts = member.talking;
    if (starts) this.#talking.add(member);
    else this.#talking.delete(member);
    this.#pending.push({ type: starts ? "talking-start" : "talking-stop", member });
  }

  /** A member that is no longer wanted is in the mix for one tick more, fading. */
  #fadeOut(member: MixMember): void {
    member.contributing = false;
    if (!member.submitted) member.fade = 0;
  }

  #addUp(): void {
    const sum = this.#sum;
    sum.fill(0);
    for (const member of this.#speakers) {
      const side = this.#sideOf(member);
      if (member.fade === 0) side.begin();
      side.addTo(sum, member.input, member.gains(this.autoLevel), member.fade, 1);
      member.fade = 1;
      member.contributing = true;
    }
    for (const member of this.#members) {
      if (member.contributing || member.fade === 0) continue;
      this.#sideOf(member).addTo(sum, member.input, member.gains(this.autoLevel), member.fade, 0);
    }
  }

  #sideOf(member: MixMember): MixSide {
    if (member.side?.mixRate !== this.#rate) member.side = new MixSide(member.rate, this.#rate);
    return member.side;
  }

  #distribute(): void {
    this.#limiter.process(this.#sum, undefined, this.#mix);
    // Speakers first: one that has just begun continues from the state of the common mix before this tick.
    for (const member of this.#members) {
      if (!member.contributing && member.fade === 0) continue;
      if (!member.deaf) this.#giveOwnMix(member);
    }
    for (const member of this.#members) {
      const heard = member.contributing || member.fade > 0;
      if (!member.contributing) member.fade = 0;
      if (member.deaf || !heard) {
        member.output = member.deaf ? silence[member.rate] : this.#commonAt(member.rate).out;
        member.sharesOutput = true;
      }
      member.finishTick();
    }
  }

  #giveOwnMix(member: MixMember): void {
    const side = this.#sideOf(member);
    if (member.sharesOutput) {
      side.limiter.follow(this.#limiter);
      const common = this.#common.get(member.rate);
      if (common?.resampler) side.fromMix?.follow(common.resampler);
    }
    member.output = side.subtractFrom(this.#sum);
    member.sharesOutput = false;
  }

  /** The common mix at a listener's rate, made when the first such listener asks. */
  #commonAt(rate: SampleRate): CommonMix {
    let common = this.#common.get(rate);
    if (!common) {
      const same = rate === this.#rate;
      common = {
        out: same ? this.#mix : new Int16Array(frameSamples(rate)),
        resampler: same ? undefined : new Resampler(this.#rate, rate),
        tick: 0,
      };
      this.#common.set(rate, common);
    }
    if (common.tick !== this.#tick) {
      common.tick = this.#tick;
      common.resampler?.process(this.#mix, common.out);
    }
    return common;
  }

  #takeEvents(): readonly MixEvent[] {
    if (this.#pending.length === 0) return NO_EVENTS;
    const events = this.#pending;
    this.#pending = [];
    return events;
  }
}
