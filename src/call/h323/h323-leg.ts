import { EventEmitter } from "node:events";
import type { AudioFormat, CallEvent, RemoteCapabilities } from "../../h323/index.ts";
import type { H323Session } from "../../io/index.ts";
import type { SdpDirection } from "../../wire/sdp/index.ts";
import type { Leg, LegEvents, LegInfo, Refusal } from "../leg.ts";
import { describeFarEnd, type FarAudio, readDescription } from "./description.ts";

/** The far end has this long to open a channel for us once the call is answered. */
const MEDIA_MS = 15_000;
/** A key of which no length is told. */
const KEY_MS = 100;

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
  #waiting: { resolve: (sdp: string) => void; reject: (error: Error) => void } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #ringing: () => void = () => {};

  /** Takes the session's events over; make it in the turn in which the session is new, or its `incoming` event comes. */
  constructor(session: H323Session, info: LegInfo) {
    super();
    this.#session = session;
    this.info = info;
    session.onEvent = (event) => this.#on(event);
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
  answer(sdp: string): Promise<string> {
    this.#describe(sdp);
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
  }

  refuse({ cause, text }: Refusal): void {
    this.#session.act((machine) => machine.release(cause, text));
  }

  /** Only hold and resume can be said in a call that is up: another address or codec needs other channels, which chan_ooh323 does not survive. */
  change(offer: string): Promise<string> {
    const described = readDescription(offer);
    if (described === undefined || this.#far === undefined) return Promise.reject(new NoH323Codec("no audio that H.245 has a name for"));
    const held = described.direction === "sendonly" || described.direction === "inactive";
    this.#session.act((machine, now) => machine.control((control) => (held ? control.hold(now) : control.resume(now)), now));
    return Promise.resolve(this.#farSdp(held ? "recvonly" : "sendrecv", this.#remote?.telephoneEvent));
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
    const described = readDescription(sdp);
    if (described === undefined) throw new NoH323Codec("no audio that H.245 has a name for");
    this.#ourEvents = described.capabilities.telephoneEvent;
    this.#session.act((machine, now) => {
      machine.setCapabilities(described.capabilities);
      machine.setMedia(described.media, now);
    });
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
      this.#timer ??= setTimeout(() => this.#session.act((m) => m.release(47, "the far end opened no channel for us")), MEDIA_MS);
      return;
    }
    clearTimeout(this.#timer);
    const { resolve } = this.#waiting;
    this.#waiting = undefined;
    // Events are received where we said; a far end that names another payload type for them may send on its own: see #tellEvents.
    const events = this.#remote?.telephoneEvent === this.#ourEvents ? this.#ourEvents : undefined;
    resolve(this.#farSdp("sendrecv", events));
    this.#tellEvents();
  }

  /**
   * Telephone events become known, or are to go on another payload type than ours: offered anew as the far end's own, so that the media server takes
   * them there. chan_ooh323 sends on the payload type it names itself, whatever it was told. Waits for who follows changes.
   */
  #tellEvents(tries = 40): void {
    const wanted = this.#remote?.telephoneEvent;
    if (this.#ended || wanted === undefined || wanted === this.#toldEvents || this.#waiting !== undefined || this.#far === undefined)
      return;
    if (this.listenerCount("change") > 0) this.#changed("sendrecv");
    else if (tries > 0) setTimeout(() => this.#tellEvents(tries - 1), 50).unref();
  }

  #farSdp(direction: SdpDirection, telephoneEvent: number | undefined): string {
    this.#toldEvents = telephoneEvent;
    return describeFarEnd({ ...this.#far!, receive: this.#receive, telephoneEvent, direction }, this.#version++);
  }

  #on(event: CallEvent): void {
    switch (event.type) {
      case "alerting":
      case "progress":
        this.#ringing();
        break;
      case "connected":
        this.#answered = true;
        this.#ringing();
        this.#complete();
        break;
      case "capabilities":
        this.#remote = event.remote;
        this.#tellEvents();
        break;
      case "receive":
        this.#receive = event.format;
        break;
      case "transmit":
        this.#transmit(event);
        break;
      case "transmit-refused":
        if (this.#far === undefined) this.#session.act((machine) => machine.release(79, `no channel to the far end: ${event.cause}`));
        break;
      case "paused":
        if (this.#far !== undefined) this.#changed("sendonly");
        break;
      case "digits":
        for (const digit of event.digits.toUpperCase())
          if (/[0-9A-D*#]/.test(digit)) this.emit("dtmf", { digit, durationMs: event.duration ?? KEY_MS });
        break;
      case "released":
        this.#finish(event);
        break;
    }
  }

  #transmit({ rtp, rtcp, format }: Extract<CallEvent, { type: "transmit" }>): void {
    const before = this.#far;
    this.#far = { rtp, rtcp, transmit: format, receive: this.#receive, telephoneEvent: undefined, direction: "sendrecv" };
    if (before === undefined || this.#waiting !== undefined) this.#complete();
    else this.#changed("sendrecv");
  }

  /** Tells that the far end's media are others, as if it had offered them anew. Its channels are what they are: a refusal changes nothing there. */
  #changed(direction: SdpDirection): void {
    const offer = this.#farSdp(direction, this.#remote?.telephoneEvent);
    this.emit("change", { offer, accept: () => Promise.resolve(null), reject: () => {} });
  }

  #finish({ by, cause, reason }: Extract<CallEvent, { type: "released" }>): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#waiting?.reject(new Error(reason));
    this.#waiting = undefined;
    this.emit("ended", { by: by === "network" ? "engine" : by, cause, text: reason, cancelled: by === "peer" && !this.#answered });
  }
}
