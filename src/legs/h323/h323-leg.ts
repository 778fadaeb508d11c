import { EventEmitter } from "node:events";
import type { AudioFormat, CallEvent, ControlMachine, LineName, ReleasedEvent, RemoteCapabilities } from "../../h323/index.ts";
import { commonVideo } from "../../h323/index.ts";
import { askStanding } from "./standing.ts";
import type { H323Session } from "../../io/index.ts";
import { parseSdp, type SdpDirection } from "../../wire/sdp/index.ts";
import type { Leg, LegEvents, LegInfo, MediaChange, Refusal } from "../leg.ts";
import { type Described, DIGIT_WAYS, type DigitWay, describeFarEnd, type FarAudio, readDescription } from "./description.ts";
import { FarLines } from "./remote-channels.ts";
import { H323Content } from "./h239-content.ts";
import { type OpenRelay, Protection } from "./media-encryption.ts";
import { failureOf } from "./release-failure.ts";
import { UserInput } from "./user-input.ts";

/** The far end has this long to open a channel for us once the call is answered. */
const MEDIA_MS = 15_000;
/**
 * The same, while its first capability set has been the empty one: it holds the call, and says later what it takes
 * (H.323 8.4.6).
 */
const HELD_MEDIA_MS = 180_000;
/** A key of which no length is told. */
const KEY_MS = 100;
/** Channels come one after the other: their changes are told together once so many ms have brought none. */
const SETTLED_MS = 60;

export interface H323LegOptions {
  /** Ways of keys the far end is asked for; all where absent. */
  readonly digits?: readonly DigitWay[];
  /** Told once, where we have pictures and the far end has some, but of no codec of ours: names of its codecs. */
  readonly noCommonPicture?: ((theirs: readonly string[]) => void) | undefined;
  /** Told where the far end wants to be called instead, before it has answered. */
  readonly forwarded?: ((to: Extract<CallEvent, { type: "forwarded" }>) => void) | undefined;
  /** There where media may be encrypted; used only when they are. */
  readonly relay?: OpenRelay | undefined;
}

/** Codecs an H.323 leg can never carry: said when our description has no other. */
export class NoH323Codec extends Error {
  override name = "NoH323Codec";
}

/**
 * An H.323 call as a leg. There is never an offer: the far end's address is known once its channels are open, so that ours comes first, and its
 * answer is composed from the channels (delayed offer and late capabilities are the same case).
 */
export class H323Leg extends EventEmitter<LegEvents> implements Leg {
  readonly info: LegInfo;
  readonly offer = null;
  readonly content: H323Content;
  readonly #digits: readonly DigitWay[];
  readonly #forwarded: H323LegOptions["forwarded"];
  #noCommonPicture: H323LegOptions["noCommonPicture"];
  readonly #session: H323Session;
  #answered = false;
  #ended = false;
  #far: FarAudio | undefined;
  #receive: AudioFormat | undefined;
  #remote: RemoteCapabilities | undefined;
  #version = 1;
  /** Payload type of telephone events: that of our description, and that which the far end's last said. */
  #ourEvents: number | undefined;
  #toldEvents: number | undefined;
  /** The description last told, whatever its version. */
  #told = "";
  /**
   * We hold the call; the far end does, by its empty capability set; it takes nothing by flow control; it has closed
   * the channel it sent in.
   */
  #holding = false;
  #paused = false;
  #stopped = false;
  #silent = false;
  readonly #keys = new UserInput();
  /** Codec that the far end sends, as its last description said. */
  #toldReceive: AudioFormat["codec"] | undefined;
  #waiting: { resolve: (sdp: string) => void; reject: (error: Error) => void } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #ringing: () => void = () => {};
  #described: Described | undefined;
  readonly #lines = new FarLines();
  /** Of calls whose media may be encrypted. */
  readonly #protection: Protection | undefined;
  #settling: NodeJS.Timeout | undefined;

  /** Takes the session's events over; make it in the turn in which the session is new, or its `incoming` event comes. */
  constructor(session: H323Session, info: LegInfo, { digits = DIGIT_WAYS, relay, forwarded, noCommonPicture }: H323LegOptions = {}) {
    super();
    this.#noCommonPicture = noCommonPicture;
    this.#forwarded = forwarded;
    this.#digits = digits;
    this.#session = session;
    this.info = info;
    this.content = new H323Content((action) => this.#control(action));
    this.#protection = relay && new Protection(relay);
    session.machine.standing = () => askStanding((tell) => this.emit("standing", tell));
    session.onEvent = (event) => this.#on(this.#protection?.seen(event) ?? event);
  }

  /** H.235.6's cipher, once the audio is encrypted both ways. */
  get mediaProtection(): string | undefined {
    return this.#protection?.of("audio");
  }

  get pictureProtection(): string | undefined {
    return this.#protection?.of("video");
  }

  /** Both have named them in their capabilities; encrypted channels carry none. */
  get telephoneEvents(): boolean {
    const theirs = this.#remote === undefined || this.#remote.telephoneEvent !== undefined;
    return theirs && this.#ourEvents !== undefined && !this.#session.machine.encrypts;
  }

  /** Of what comes by a relay of ours the relay knows who may send it. */
  get source(): string | undefined {
    const { encrypts, traversal } = this.#session.machine;
    return this.#protection !== undefined && (encrypts || traversal !== undefined) ? undefined : this.#session.peer.host;
  }

  get answered(): boolean {
    return this.#answered;
  }
  get ended(): boolean {
    return this.#ended;
  }

  ring(): Promise<void> {
    this.#session.act((machine, now) => machine.alert(false, now));
    return Promise.resolve();
  }

  /** Answers with our description; resolves with what the far end's channels come to. */
  async answer(sdp: string): Promise<string> {
    this.#describe(sdp);
    await this.#setMedia();
    if (this.#ended) throw new Error("the caller has given up");
    this.#answered = true;
    const answer = this.#media();
    this.#session.act((machine, now) => machine.answer(now));
    return answer;
  }

  /** Of a call of ours: our description is set before Setup by `prepare`; resolves with the far end's once it has answered. */
  placed(ringing: () => void): Promise<string> {
    this.#ringing = ringing;
    return this.#media();
  }

  /** Sets our media on the session before it starts. Throws NoH323Codec. */
  prepare(sdp: string): void {
    this.#describe(sdp);
    // Where media may be encrypted, where they go to is said once it is known whether they are.
    if (this.#protection === undefined) void this.#setMedia();
  }

  refuse({ cause, text }: Refusal): void {
    this.#session.act((machine) => machine.release(cause, text));
  }

  /**
   * Hold and resume, and pictures that come or go. Another address or codec of the audio needs other channels, which chan_ooh323 does not survive. Where
   * pictures are new the answer has them inactive; a change follows once their channels are open.
   */
  change(offer: string): Promise<string> {
    const described = readDescription(offer, this.#digits);
    if (described === undefined || this.#far === undefined) return Promise.reject(new NoH323Codec("no audio that H.245 has a name for"));
    const held = described.direction === "sendonly" || described.direction === "inactive";
    const before = this.#described;
    this.#described = described;
    const { audio: _, ...now } = described.capabilities;
    const { audio: __, ...then } = before?.capabilities ?? described.capabilities;
    const pictures = JSON.stringify(now) !== JSON.stringify(then);
    if (pictures) void this.#setMedia();
    this.#session.act((machine, at) => {
      machine.control((control) => {
        for (const name of ["video", "content", "camera"] as const)
          if (before?.media[name] !== undefined && described.media[name] === undefined) control.closeLine(name, at);
        if (pictures) control.changeCapabilities(described.capabilities, at);
        if (held) control.hold(at);
        else control.resume(at);
      }, at);
    });
    this.#holding = held;
    return Promise.resolve(this.#farSdp(this.#direction, this.#events));
  }

  /** By H.245 where the far end takes keys so, by Q.931 where it names no way at all; else they are the media's. */
  press(key: string): boolean {
    const { userInput, telephoneEvent } = this.#remote ?? {};
    // Encrypted channels carry no telephone events.
    if (userInput?.size === 0 && telephoneEvent !== undefined && !this.#session.machine.encrypts) return false;
    this.#session.act((machine, now) => void machine.sendDigits(key, now));
    return true;
  }

  /** Asks for a picture that stands alone: H.245 videoFastUpdatePicture. */
  requestKeyframe(line: number): void {
    const name = this.#nameOf(line);
    if (name === "video" || name === "content") this.#control((control) => control.fastUpdate(name));
  }

  /** H.245 flowControlCommand. */
  limitBitrate(line: number, bitsPerSecond: number | null): void {
    const name = this.#nameOf(line);
    if (name !== undefined) this.#control((control) => control.limitLine(name, bitsPerSecond ?? undefined));
  }

  #nameOf(line: number): LineName | undefined {
    return this.#described?.lines[line]?.name;
  }

  #control(action: (control: ControlMachine, now: number) => void): void {
    this.#session.act((machine, now) => machine.control((control) => action(control, now), now));
  }

  /** H.450.2 is not spoken. */
  transfer(): Promise<boolean> {
    return Promise.resolve(false);
  }

  end(cause: number, text: string): Promise<void> {
    this.#session.act((machine) => machine.release(cause, text));
    return Promise.resolve();
  }

  #describe(sdp: string): void {
    const described = readDescription(sdp, this.#digits);
    if (described === undefined) throw new NoH323Codec("no audio that H.245 has a name for");
    this.#described = described;
    this.#ourEvents = described.capabilities.telephoneEvent;
    this.#comparePictures();
    this.#session.act((machine) => machine.setCapabilities(described.capabilities));
  }

  /** Tells the far end where media go to: to the media server, or to a relay before it that encrypts. */
  async #setMedia(): Promise<void> {
    const media = this.#described!.media;
    const { encrypts, traversal } = this.#session.machine;
    if (this.#protection === undefined || (!encrypts && traversal === undefined)) {
      this.#session.act((machine, now) => machine.setMedia(media, now));
      return;
    }
    try {
      const covered = await this.#protection.cover(media);
      this.#session.act((machine, now) => machine.setMedia(covered, now));
    } catch (error) {
      this.#session.act((machine) => machine.release(47, `no ports for encrypted media: ${String(error)}`));
    }
  }

  #media(): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#complete();
    });
  }

  /** Answered and the far end's address known: the media exchange can be completed. */
  #complete(): void {
    if (this.#waiting === undefined || this.#ended || !this.#answered) return;
    if (this.#far === undefined) {
      const ms = this.#paused ? HELD_MEDIA_MS : MEDIA_MS;
      this.#timer ??= setTimeout(() => this.#session.act((m) => m.release(47, "the far end opened no channel for us", "no-media")), ms);
      return;
    }
    clearTimeout(this.#timer);
    const { resolve } = this.#waiting;
    this.#waiting = undefined;
    // Events are received where we said, and said at once though the far end may not have named any yet: FreeSWITCH takes none that come in a later offer
    // only. A far end that names another payload type for them may send on its own: see #settle.
    const none = this.#remote !== undefined && this.#remote.telephoneEvent === undefined;
    const events = none ? undefined : this.#ourEvents;
    resolve(this.#farSdp(this.#direction, events));
    this.#settle();
  }

  /** Payload type of telephone events as the far end has it; as it was told where the far end has not said one. */
  get #events(): number | undefined {
    return this.#remote?.telephoneEvent ?? this.#toldEvents;
  }

  /** Of the audio, as the far end has it. */
  get #direction(): SdpDirection {
    const sends = !this.#holding && !this.#silent;
    const takes = !this.#paused && !this.#stopped;
    return sends ? (takes ? "sendrecv" : "sendonly") : takes ? "recvonly" : "inactive";
  }

  /** The far end as it is now, remembered as told. */
  #farSdp(direction: SdpDirection, telephoneEvent: number | undefined): string {
    this.#toldEvents = telephoneEvent;
    this.#toldReceive = this.#receive?.codec;
    this.#told = this.#compose(direction, telephoneEvent, 0);
    return this.#compose(direction, telephoneEvent, this.#version++);
  }

  #compose(direction: SdpDirection, telephoneEvent: number | undefined, version: number): string {
    const far = { ...this.#far!, receive: this.#receive, telephoneEvent, direction };
    return describeFarEnd(far, version, this.#lines.sections(this.#described?.lines ?? [], this.#remote));
  }

  #on(event: CallEvent): void {
    this.content.on323(event);
    switch (event.type) {
      case "alerting":
      case "progress":
        this.#ringing();
        break;
      case "connected":
        if (this.#protection !== undefined) void this.#setMedia();
        this.#answered = true;
        this.#ringing();
        this.#complete();
        break;
      case "capabilities":
        this.#remote = event.remote;
        this.#comparePictures();
        this.emit("telephone-events");
        this.#settle();
        break;
      case "receive":
        if (event.line === "audio") this.#heard(event.format);
        else this.#lineChanged(event);
        break;
      case "transmit":
        if (event.line === "audio") this.#transmit(event);
        else this.#lineChanged(event);
        break;
      case "receive-closed":
        if (event.line === "audio") {
          // Silence that it has told of: a hold, which no lack of media ends.
          this.#silent = true;
          this.#settle();
        } else this.#lineChanged(event);
        break;
      case "transmit-closed":
        if (event.line !== "audio") this.#lineChanged(event);
        break;
      case "fast-update":
        this.#tellLine(event.line, (line) => this.emit("keyframe", line));
        break;
      case "flow-control":
        if (event.line === undefined || event.line === "audio") this.#limited(event.bitsPerSecond);
        this.#lineChanged(event);
        if (event.bitsPerSecond === 0) break;
        for (const name of event.line === undefined ? (["video", "content"] as const) : [event.line])
          this.#tellLine(name, (line) => this.emit("bitrate", { line, bitsPerSecond: event.bitsPerSecond ?? null }));
        break;
      case "transmit-refused":
        if (event.line !== "audio") this.#settle();
        else if (this.#far === undefined)
          this.#session.act((machine) => machine.release(79, `no channel to the far end: ${event.cause}`, "no-media"));
        break;
      case "paused":
        this.#paused = true;
        this.#patience();
        if (this.#far !== undefined) this.#changed();
        break;
      case "resumed":
        // The far end is sent to again once a channel to it is open.
        if (this.#far === undefined) this.#paused = false;
        this.#patience();
        break;
      case "digits":
        for (const digit of this.#keys.fresh(event, performance.now()))
          if (/[0-9A-D*#]/.test(digit)) this.emit("dtmf", { digit, durationMs: event.duration ?? KEY_MS });
        break;
      case "forwarded":
        if (!this.#answered) this.#forwarded?.(event);
        break;
      case "released":
        this.#finish(event);
        break;
    }
  }

  #comparePictures(): void {
    const { pictures = [], video = [] } = this.#remote ?? {};
    const ours = this.#described?.capabilities.video ?? [];
    if (ours.length === 0 || pictures.length === 0 || commonVideo(ours, video) !== undefined) return;
    this.#noCommonPicture?.(pictures);
    this.#noCommonPicture = undefined;
  }

  /** It is waited for its channels anew, for as long as fits. */
  #patience(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#complete();
  }

  /** H.245 6.2.11: a limit of nothing stops the audio; any other it can be sent under. */
  #limited(bitsPerSecond: number | undefined): void {
    const stopped = bitsPerSecond === 0;
    if (stopped === this.#stopped) return;
    this.#stopped = stopped;
    if (this.#far !== undefined && this.#waiting === undefined) this.#changed();
  }

  #tellLine(name: LineName, tell: (line: number) => void): void {
    const line = this.#described?.lines.findIndex((described) => described.name === name) ?? -1;
    if (line >= 0) tell(line);
  }

  /** The far end is going to send: in another codec than it is sent, and later than its description was composed, that is a change. */
  #heard(format: AudioFormat): void {
    this.#receive = format;
    if (this.#silent) {
      this.#silent = false;
      this.#settle();
    }
    const told = [this.#far?.transmit.codec, this.#toldReceive];
    if (this.#far !== undefined && this.#waiting === undefined && !told.includes(format.codec)) this.#settle();
  }

  /** A channel of a picture came or went. */
  #lineChanged(event: CallEvent): void {
    this.#lines.on323(event);
    this.#settle();
  }

  /**
   * Tells the far end's description anew once its changes have come to rest and where it differs from what was told: lines that have come or gone, and
   * telephone events on another payload type than ours, so that the media server takes them there. chan_ooh323 sends on the payload type it names itself,
   * whatever it was told.
   */
  #settle(tries = 40): void {
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => {
      if (this.#ended || this.#waiting !== undefined || this.#far === undefined) return;
      if (this.#compose(this.#direction, this.#events, 0) === this.#told) return;
      // Who follows changes may not be there yet.
      if (this.listenerCount("change") > 0) this.#changed();
      else if (tries > 0) this.#settle(tries - 1);
    }, SETTLED_MS).unref();
  }

  #transmit({ rtp, rtcp, format }: Extract<CallEvent, { type: "transmit"; line: "audio" }>): void {
    const before = this.#far;
    this.#far = { rtp, rtcp, transmit: format, receive: this.#receive, telephoneEvent: undefined, direction: "sendrecv" };
    this.#paused = false;
    if (before === undefined || this.#waiting !== undefined) this.#complete();
    else this.#changed();
  }

  /**
   * Tells that the far end's media are others, as if it had offered them anew. Its channels are what they are: a refusal changes nothing there, but a picture
   * that is not taken is closed.
   */
  #changed(): void {
    clearTimeout(this.#settling);
    const offer = this.#farSdp(this.#direction, this.#events);
    const change: MediaChange = {
      offer,
      switches: true,
      accept: (sdp) => {
        this.#closeRejected(sdp);
        return Promise.resolve(null);
      },
      reject: () => {},
    };
    this.emit("change", change);
  }

  #closeRejected(answer: string): void {
    const open = this.#lines.open;
    if (open.length === 0) return;
    const { media } = parseSdp(answer);
    this.#described?.lines.forEach(({ name }, line) => {
      if (name !== undefined && name !== "audio" && open.includes(name) && media[line]?.port === 0)
        this.#control((control, now) => control.closeLine(name, now));
    });
  }

  #finish(released: ReleasedEvent): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#settling);
    this.#protection?.close();
    const failure = failureOf(released, this.info, this.#answered);
    this.#waiting?.reject(failure);
    this.#waiting = undefined;
    this.emit("ended", failure);
  }
}
