import { EventEmitter } from "node:events";
import type { Logger } from "pino";
import type { CallView } from "../../admin/ports.ts";
import { type Blame, type CallEnding, CallFailure, type EndCode, farEnd } from "../../base/call-failure.ts";
import type { Clock, Millis } from "../../base/clock.ts";
import { maskText } from "../../base/pin-mask.ts";
import type { ContentControl, Leg } from "../../legs/leg.ts";
import type { MediaSession } from "../../call-media/media-server.ts";
import type { MediaExchange } from "../../call-media/offer-answer.ts";
import type { Pictures } from "../../call-media/video-streams.ts";
import type { JoinState } from "../../ivr/join-types.ts";
import type { Digits } from "../../ivr/digits.ts";
import type { AudioStats, Language, Meeting, Role, Trust, VideoView } from "../../meetings/model.ts";
import type { CallRecord, OutcomeCode } from "../../records/model.ts";
import { viewPictures } from "./video-stats.ts";
import { blameOf, outcomeOf } from "./outcome.ts";
import { causeOfOutcome, type GatewayRefusal, toldOfEnd } from "./refusals.ts";

/** How long the media server may take to say how it was, once a call is over. */
const LAST_STATS_MS = 500;
/** Of a call that ends for want of media, and never had any. */
const NO_PACKET = "no packet ever came from the far end: does a firewall or NAT stand between it and the media ports?";

export type CallState = CallView["state"];

/** How a call came to its end. */
export interface CallEnd {
  readonly outcome: OutcomeCode;
  readonly by: Blame;
  /** Of an end that the leg or the media server told. */
  readonly code?: EndCode;
  /** The error behind it, where there is one. */
  readonly failure?: unknown;
  /** In words an operator can act on. */
  readonly reason: string;
  readonly cause: number;
  readonly sipStatus: number | null;
  /** What a refused caller is told, in words. */
  readonly text?: string;
}

interface CallEvents {
  /** Anything that a view shows has changed. */
  changed: [];
  /** Where the join dialogue stands. */
  dialogue: [state: JoinState];
  /** The media session that it has from now on. */
  media: [session: MediaSession];
  /** Over; exactly once, before its record is made. */
  ended: [end: CallEnd];
}

/** Where a call goes: a meeting, or the question for one. */
export interface Destination {
  readonly meeting: Meeting | null;
  readonly pin: Digits | null;
  /** Known before the call is answered only where that decided whether it is. */
  readonly role: Role | null;
  /** Of the number that was dialled; null or absent where it has none. */
  readonly language?: Language | null;
  /** The role was proved by text before there were media: the name is asked for as ever. */
  readonly unnamed?: boolean;
}

/** What is known of a call before it is anything else. */
export interface CallStart {
  readonly id: string;
  readonly leg: Leg;
  readonly trunk: string | null;
  readonly trust: Trust;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * One call from its first message to its record: the leg, its media, where it stands. What is to happen is decided elsewhere; this only
 * makes sure that a call ends once, with one outcome, whoever ends it.
 */
export class Call extends EventEmitter<CallEvents> {
  readonly id: string;
  readonly leg: Leg;
  readonly trunk: string | null;
  readonly trust: Trust;
  readonly log: Logger;
  readonly startedAt: Millis;
  readonly #clock: Clock;
  readonly #startedWall: number;
  #answeredWall: number | null = null;
  #state: CallState = "ringing";
  #meetingId: string | null = null;
  #media: MediaExchange | undefined;
  /** The meeting that was called, from when it is known: who is refused, or hangs up in the moment of being answered, never comes there. */
  calledMeeting: string | null = null;
  /** The same where it was refused before anybody asked; it never rejects. */
  meetingAsked: Promise<string | null> | undefined;
  /** Where it was to go when it came, or when we called. */
  destination: Destination | null = null;
  /** Whether the last PIN that was compared was not right. */
  wrongPin = false;
  /** Set once, before its media are; null for a call without pictures. */
  pictures: Pictures | null = null;
  /** Where the call can say who presents: inside its protocol, or by a floor of its own. */
  content: ContentControl | undefined;
  #audio: AudioStats | null = null;
  #video: VideoView | null = null;
  #end: CallEnd | undefined;
  #hungUp = false;
  #closed: Promise<CallRecord> | undefined;

  constructor({ id, leg, trunk, trust, clock, log }: CallStart) {
    super();
    this.id = id;
    this.leg = leg;
    this.trunk = trunk;
    this.trust = trust;
    this.log = log;
    this.#clock = clock;
    this.startedAt = clock.now();
    this.#startedWall = clock.wall();
    leg.once("ended", (end) => this.#onLegEnded(end));
    leg.on("standing", (tell) => tell(this.wrongPin && this.#state === "ivr" ? "ivr;wrong-pin" : this.#state));
  }

  get state(): CallState {
    return this.#state;
  }

  set state(state: CallState) {
    if (state === this.#state || this.#end) return;
    this.#state = state;
    this.emit("changed");
  }

  get meetingId(): string | null {
    return this.#meetingId;
  }

  set meetingId(id: string | null) {
    if (id === this.#meetingId) return;
    this.#meetingId = id;
    this.emit("changed");
  }

  get media(): MediaExchange | undefined {
    return this.#media;
  }

  /** What protects the audio between the far end and us: an SDES suite, or what the leg itself ends; null for nothing. */
  get protection(): string | null {
    return this.leg.mediaProtection ?? this.#media?.suite ?? null;
  }

  /** The last figures; the suite as it is now, which figures taken while it rang would not know. */
  get audio(): AudioStats | null {
    return this.#audio && { ...this.#audio, srtp: this.protection };
  }

  get video(): VideoView | null {
    return this.#video;
  }

  get over(): boolean {
    return this.#end !== undefined;
  }

  /** Ended by its far end. */
  get hungUp(): boolean {
    return this.#hungUp;
  }

  /** Milliseconds since the call came in. */
  get age(): number {
    return this.#clock.now() - this.startedAt;
  }

  /** From now on the call has these media; a call that is over lets them go at once. */
  carry(media: MediaExchange): void {
    this.#media = media;
    if (this.#end) void media.close();
    else this.watch();
  }

  /** Follows the media session that the exchange has now; again after it was replaced. */
  watch(): void {
    const session = this.#media?.media;
    if (session) this.emit("media", session);
    session?.once("gone", (why) => {
      if (this.#media?.media !== session) return;
      const never = why.code === "media-timeout" && this.#audio?.packetsIn === 0;
      void this.failed(never ? new CallFailure({ ...why, message: NO_PACKET, cause: why }) : why);
    });
  }

  answered(): void {
    if (this.#answeredWall !== null) return;
    this.#answeredWall = this.#wall();
    this.emit("changed");
  }

  /** Ends the call if nobody has yet; the far end is told. Resolves with its record when everything is put away. */
  end(
    outcome: OutcomeCode,
    reason: string,
    options: { readonly cause?: number; readonly sipStatus?: number | null; readonly by?: Blame; readonly failure?: unknown } = {},
  ): Promise<CallRecord> {
    const { cause = causeOfOutcome(outcome), sipStatus = null, by = blameOf(outcome, this.leg.info), failure } = options;
    return this.#finish({ outcome, by, reason, cause, sipStatus, failure }, () => this.leg.end(cause, toldOfEnd(outcome, reason)));
  }

  /** Ends the call for what has become of its media or its signalling; the far end is told. */
  failed(failure: CallFailure): Promise<CallRecord> {
    const outcome = outcomeOf(failure, { direction: this.leg.info.direction, answered: this.#answeredWall !== null });
    return this.end(outcome, failure.message, { by: failure.by, failure });
  }

  /** Ends a call that is refused before it is answered; whoever refuses it tells the far end. */
  refused({ code, reason, cause, status, text }: GatewayRefusal): Promise<CallRecord> {
    return this.#finish({ outcome: code, by: "gateway", reason, cause, sipStatus: status, text }, () => Promise.resolve());
  }

  /** Keeps what became of a call of ours that was never placed: there is no far end to tell. */
  notPlaced(outcome: OutcomeCode, failure: CallFailure): Promise<CallRecord> {
    const { by, q850: cause, sipStatus, message: reason, code } = failure;
    return this.#finish({ outcome, by, code, reason, cause, sipStatus, failure }, () => Promise.resolve());
  }

  /** Fresh figures from the media server; keeps the last ones when it has none. */
  async measure(): Promise<AudioStats | null> {
    const stats = (await this.#media?.media.stats().catch(() => null)) ?? null;
    if (stats) this.#audio = { ...stats, srtp: this.protection };
    this.#video = await viewPictures(this.pictures, this.leg.pictureProtection);
    return this.audio;
  }

  view(): CallView {
    const { info } = this.leg;
    return {
      id: this.id,
      direction: info.direction,
      protocol: info.protocol,
      transport: info.transport,
      tls: this.leg.tls ?? null,
      trunk: this.trunk,
      from: info.from,
      to: info.to,
      meetingId: this.#meetingId,
      state: this.#state,
      startedAt: new Date(this.#startedWall).toISOString(),
      answeredAt: this.#answeredWall === null ? null : new Date(this.#answeredWall).toISOString(),
      trust: this.trust,
      audio: this.audio,
    };
  }

  /** The time of day as it was when the call came in, and what has passed since: a clock that is set meanwhile makes no call longer or shorter. */
  #wall(): number {
    return this.#startedWall + this.age;
  }

  #onLegEnded(end: CallEnding): void {
    if (this.#end) return;
    const { info } = this.leg;
    this.#hungUp = end.by === farEnd(info);
    // a leg may be hung up in the very turn it is answered in, before anybody has told us of the answer
    if (this.leg.answered) this.answered();
    const outcome = outcomeOf(end, { direction: info.direction, answered: this.#answeredWall !== null });
    const { code, by, message: reason, q850: cause, sipStatus } = end;
    void this.#finish({ outcome, by, code, reason, cause, sipStatus, failure: end.cause }, () => Promise.resolve());
  }

  #finish(end: CallEnd, tell: () => Promise<void>): Promise<CallRecord> {
    if (this.#closed) return this.#closed;
    this.#end = end;
    this.#state = "ending";
    // there before anybody hears of the end, and asks for the record
    const closed = Promise.withResolvers<CallRecord>();
    this.#closed = closed.promise;
    this.#close(end, tell).then(closed.resolve, closed.reject);
    return this.#closed;
  }

  async #close(end: CallEnd, tell: () => Promise<void>): Promise<CallRecord> {
    // listeners that put the call out of its meeting run first, while its media are still there
    this.emit("ended", end);
    const told = tell().catch(() => undefined);
    const timeout = new Promise<void>((resolve) => setTimeout(resolve, LAST_STATS_MS).unref());
    await Promise.race([this.measure(), timeout]);
    await Promise.all([this.#media?.close().catch(() => undefined), told]);
    this.calledMeeting ??= (await this.meetingAsked) ?? null;
    return this.#record(end);
  }

  #record(end: CallEnd): CallRecord {
    const view = this.view();
    const audio = this.#audio;
    return {
      id: view.id,
      direction: view.direction,
      protocol: view.protocol,
      transport: view.transport,
      trunk: view.trunk,
      trust: view.trust,
      from: view.from,
      to: view.to,
      meetingId: view.meetingId ?? (view.answeredAt === null && end.outcome === "cancelled" ? null : this.calledMeeting),
      startedAt: view.startedAt,
      answeredAt: view.answeredAt,
      endedAt: new Date(this.#wall()).toISOString(),
      outcome: end.outcome,
      endedBy: end.by,
      reason: maskText(end.reason),
      sipStatus: end.sipStatus,
      cause: end.cause,
      codec: audio?.codec ?? null,
      srtp: this.protection,
      packetsIn: audio?.packetsIn ?? 0,
      packetsOut: audio?.packetsOut ?? 0,
      lossPercent: audio?.lossPercent ?? null,
      jitterMs: audio?.jitterMs ?? null,
    };
  }
}
