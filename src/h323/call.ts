import type { Millis } from "../base/clock.ts";
import * as h225 from "../wire/h225/index.ts";
import { type ControlMessage, decodeControl, encodeControl } from "../wire/h245/index.ts";
import { type Address, fromH225, toH225 } from "./address.ts";
import * as messages from "./call-messages.ts";
import { ANYTIME, TRANSITIONS } from "./call-states.ts";
import { CALL_STATES, type CallConfig, type CallEvent, type CallOutput, type CallState, type Destination } from "./call-types.ts";
import { causeOf, reasonOf } from "./causes.ts";
import type { LocalCapabilities, UserInputWay } from "./codecs.ts";
import { ControlMachine } from "./control.ts";
import type { LocalMedia } from "./control-types.ts";
import { FastConnect } from "./fast-connect.ts";
import { DURATIONS, type Durations, Timers } from "./timers.ts";

type TimerName = "T303" | "T310" | "T301" | "T302" | "T322" | "control";

type Link = "none" | "tunnel" | "wanted" | "listening" | "connecting" | "open";

/** One call's signalling, caller's or callee's side, with its control (H.225.0 clause 7, H.323 clause 8). */
export class CallMachine {
  readonly #config: CallConfig;
  readonly #durations: Durations;
  readonly #control: ControlMachine;
  readonly #timers = new Timers<TimerName>();
  #outputs: CallOutput[] = [];
  #state: CallState = "null";
  #caller = false;
  #callReference = 0;
  #ids: messages.CallIds;
  #tunnel: "unknown" | "yes" | "no" = "unknown";
  #link: Link = "none";
  #controlAddress: Address | undefined;
  #connectDue = false;
  #media: LocalMedia | undefined;
  #capabilities: LocalCapabilities;
  readonly #fast: FastConnect;

  constructor(config: CallConfig) {
    this.#config = config;
    this.#capabilities = config.capabilities;
    this.#durations = { ...DURATIONS, ...config.durations };
    this.#ids = { guid: config.random(16), conferenceID: config.random(16) };
    const draw = () => {
      const [a = 0, b = 0, c = 0] = config.random(3);
      return (a << 16) | (b << 8) | c;
    };
    this.#control = new ControlMachine({
      capabilities: config.capabilities,
      terminalType: config.terminalType,
      draw,
      durations: this.#durations,
    });
    this.#fast = new FastConnect(this.#control, (event) => this.#emit(event));
  }

  get state(): CallState {
    return this.#state;
  }
  get callReference(): number {
    return this.#callReference;
  }
  /** 16 octets, hexadecimal; the same at both ends and in RAS. */
  get callIdentifier(): string {
    return messages.hex(this.#ids.guid);
  }
  get conferenceId(): string {
    return messages.hex(this.#ids.conferenceID);
  }
  /** For dumps: nothing secret in it. */
  get dump() {
    return { state: this.#state, tunnel: this.#tunnel, link: this.#link, fast: this.#fast.state, control: this.#control.state };
  }

  /** What to do, in order; taken once. */
  takeOutputs(): CallOutput[] {
    const out = this.#outputs;
    this.#outputs = [];
    return out;
  }

  /** Caller: places the call. Media set before are proposed by fast connect. */
  start(to: Destination, now: Millis): void {
    if (this.#state !== "null") return;
    const { style } = this.#config;
    this.#caller = true;
    const [a = 0, b = 0] = this.#config.random(2);
    this.#callReference = ((a & 0x7f) << 8) | b || 1;
    this.#state = "initiated";
    this.#timers.set("T303", now + this.#durations.T303);
    const extra: { fastStart?: Uint8Array[]; parallelH245Control?: Uint8Array[] } = {};
    if (style.fastStart && this.#media !== undefined) {
      extra.fastStart = this.#fast.propose(this.#capabilities.audio, this.#media, now);
    }
    let control: Uint8Array[] = [];
    if (style.tunnelling && style.earlyControl) {
      this.#control.start(now);
      control = this.#control.takeMessages().map(encodeControl);
      // H.323 8.2.4: beside fast connect, h245Control must not be in Setup.
      if (extra.fastStart !== undefined) extra.parallelH245Control = control.splice(0);
    }
    const { body, elements } = messages.setupBody(this.#config, this.#ids, to, extra);
    this.#send("setup", body, elements, control);
  }

  /** What we can do, where that is known better than by the configuration; before `setMedia`. */
  setCapabilities(capabilities: LocalCapabilities): void {
    this.#capabilities = capabilities;
    this.#control.setCapabilities(capabilities);
  }

  /** Where audio is to arrive. A caller sets it before `start` to use fast connect, a callee before `alert` or `answer`. */
  setMedia(media: LocalMedia, now: Millis): void {
    this.#media = media;
    this.#control.setMedia(media, now);
    this.#flush(now);
  }

  /** Callee: more digits are needed than Setup brought. */
  wantDigits(now: Millis): void {
    if (this.#state !== "incoming-proceeding" && this.#state !== "present") return;
    this.#state = "overlap-receiving";
    this.#timers.set("T302", now + this.#durations.T302);
    this.#send("setupAcknowledge", messages.setupAcknowledgeBody(this.#ids), []);
  }

  /** Callee: the call is being worked on. */
  proceed(): void {
    if (this.#state !== "present" && this.#state !== "overlap-receiving") return;
    this.#state = "incoming-proceeding";
    this.#timers.clear("T302");
    this.#send("callProceeding", messages.proceedingBody(this.#config, this.#ids, {}), []);
  }

  /** Callee: it rings. `inband` when the media set carry the tone. */
  alert(inband: boolean, now: Millis): void {
    if (this.#state === "present") this.proceed();
    if (this.#state !== "incoming-proceeding" && this.#state !== "overlap-receiving") return;
    this.#state = "received";
    this.#timers.clear("T302");
    const elements = inband ? [h225.progressElement(8)] : [];
    this.#send("alerting", messages.alertingBody(this.#config, this.#ids, this.#answering(now, false)), elements);
    this.#flush(now);
  }

  /** Callee: tones or announcements are heard before the answer. */
  progress(now: Millis): void {
    if (this.#state === "present") this.proceed();
    if (this.#state !== "incoming-proceeding" && this.#state !== "received") return;
    this.#send("progress", messages.progressBody(this.#config, this.#ids, this.#answering(now, false)), [h225.progressElement(8)]);
    this.#flush(now);
  }

  /** Callee: answers. Waits for the control listener where one is needed. */
  answer(now: Millis): void {
    if (this.#state === "present") this.proceed();
    if (this.#state !== "incoming-proceeding" && this.#state !== "received" && this.#state !== "overlap-receiving") return;
    if (this.#tunnel !== "yes" && this.#link !== "open" && this.#controlAddress === undefined) {
      this.#connectDue = true;
      this.#listen();
      return;
    }
    this.#connectDue = false;
    this.#state = "active";
    this.#timers.clear("T302");
    const elements = [h225.bearerElement(false), h225.displayElement(this.#config.identity.displayName)];
    this.#send("connect", messages.connectBody(this.#config, this.#ids, this.#answering(now, true)), elements);
    this.#startControl(now);
    this.#flush(now);
  }

  /** Ends the call with a Q.850 cause. */
  release(cause: number, reason = "released by us"): void {
    this.#release(cause, reason, "us");
  }

  /** Sends digits by the best way the peer has, or by `way`. Returns the way; `rfc2833` is the media's to do. */
  sendDigits(digits: string, now: Millis, way?: UserInputWay): UserInputWay {
    const input = this.#control.remote?.userInput;
    const best = input?.has("alphanumeric") ? "alphanumeric" : input?.has("signal") ? "signal" : "keypad";
    const chosen = this.#state === "overlap-sending" ? "keypad" : (way ?? best);
    if (chosen === "keypad") {
      const element = this.#state === "overlap-sending" ? h225.calledElement(digits) : h225.keypadElement(digits);
      this.#send("information", messages.informationBody(this.#ids), [element]);
    } else if (chosen !== "rfc2833") {
      this.#control.sendDigits(digits, chosen);
      this.#flush(now);
    }
    return chosen;
  }

  /** Runs something on the control machine (hold, round trip, mode, flow control) and sends what it leaves. */
  control(action: (control: ControlMachine) => void, now: Millis): void {
    action(this.#control);
    this.#flush(now);
  }

  /** Asks for the peer's view of the call. */
  inquire(now: Millis): void {
    this.#timers.set("T322", now + this.#durations.T322);
    this.#send("statusInquiry", messages.statusInquiryBody(this.#ids), []);
  }

  /** A payload of the signalling connection. What cannot be decoded is ignored, except a Setup. */
  signalling(bytes: Uint8Array, now: Millis): void {
    if (this.#state === "released") return;
    let message: h225.SignallingMessage;
    try {
      message = h225.decodeSignalling(bytes);
    } catch (error) {
      this.#emit({ type: "ignored", what: error instanceof Error ? error.message : String(error) });
      if (this.#state === "null") this.#release(100, "not a Setup", "peer");
      return;
    }
    this.#received(message, now);
    this.#flush(now);
  }

  /** A payload of the control connection. */
  controlMessage(bytes: Uint8Array, now: Millis): void {
    this.#controlBytes(bytes, now);
    this.#flush(now);
  }

  /** The listener asked for is at `address`. */
  controlListening(address: Address, now: Millis): void {
    if (this.#state === "released" || this.#link !== "wanted") return;
    this.#link = "listening";
    this.#controlAddress = address;
    if (this.#connectDue) this.answer(now);
    else if (this.#caller && this.#state === "active") this.#send("facility", messages.startControlBody(this.#ids, toH225(address)), []);
  }

  /** The control connection is open, whoever opened it. */
  controlConnected(now: Millis): void {
    if (this.#state === "released" || this.#link === "open") return;
    this.#link = "open";
    // Started in Setup for a peer that does not tunnel: once more.
    if (this.#control.started) this.#control.repeat(now);
    else this.#control.start(now);
    this.#flush(now);
  }

  /** The control connection could not be opened, or was closed. Without media agreed the call cannot live. */
  controlClosed(reason: string): void {
    if (this.#state === "released" || this.#link === "none" || this.#link === "tunnel") return;
    this.#link = "none";
    if (this.#control.ended || this.#fast.state === "done") return;
    this.#release(41, `control connection: ${reason}`, "network");
  }

  /** The signalling connection was closed by the peer or lost. */
  signallingClosed(reason: string): void {
    this.#release(41, `signalling connection: ${reason}`, "network", false);
  }

  nextTimeout(): Millis | undefined {
    if (this.#state === "released") return undefined;
    const all = [this.#timers.next(), this.#control.nextTimeout()].filter((t) => t !== undefined);
    return all.length === 0 ? undefined : Math.min(...all);
  }

  timeout(now: Millis): void {
    if (this.#state === "released") return;
    for (const name of this.#timers.expire(now)) {
      if (name === "T302") this.#emit({ type: "dialled", digits: "", complete: true });
      else if (name === "T322") this.#emit({ type: "status", state: undefined, cause: undefined });
      else if (name === "control") this.#release(41, "control was not established", "us");
      else this.#release(name === "T301" ? 19 : 102, `${name} has ended`, "us");
    }
    this.#control.timeout(now);
    this.#flush(now);
  }

  #emit(event: CallEvent): void {
    this.#outputs.push({ type: "event", event });
  }

  #send(
    type: h225.MessageType,
    body: h225.MessageBody,
    elements: readonly h225.InformationElement[],
    control: readonly Uint8Array[] = [],
  ): void {
    const { style } = this.#config;
    const h245Tunnelling = this.#tunnel === "unknown" ? style.tunnelling : this.#tunnel === "yes";
    const info: h225.H323UserInformation = {
      "h323-uu-pdu": { "h323-message-body": body, h245Tunnelling, ...(control.length > 0 ? { h245Control: control } : {}) },
    };
    const message = { type, callReference: this.#callReference, fromDestination: !this.#caller, elements, info };
    this.#outputs.push({ type: "signalling", bytes: h225.encodeSignalling(message) });
  }

  /** Moves what control has left: its messages to where they travel, its events to ours. */
  #flush(now: Millis): void {
    for (const event of this.#control.takeEvents()) {
      this.#emit(event);
      if (event.type === "established") this.#timers.clear("control");
      else if (event.type === "control-failed") this.#release(47, event.reason, "us");
      else if (event.type === "session-ended" && this.#state !== "released") this.#release(16, "session ended by the peer", "peer");
    }
    if (this.#state === "released" || (this.#link !== "open" && this.#tunnel !== "yes")) return;
    const pending = this.#control.takeMessages().map(encodeControl);
    if (pending.length === 0) return;
    if (this.#link === "open") for (const bytes of pending) this.#outputs.push({ type: "control", bytes });
    else {
      this.#link = "tunnel";
      this.#send("facility", messages.transportBody(this.#ids), [], pending);
    }
    void now;
  }

  #received(message: h225.SignallingMessage, now: Millis): void {
    const { type } = message;
    const next = typeof type === "string" ? TRANSITIONS[this.#state]?.[type] : undefined;
    if (next === undefined && (this.#state === "null" || !ANYTIME.has(type))) {
      this.#emit({ type: "ignored", what: `${type} in state ${this.#state}` });
      if (this.#state === "null") this.#release(101, `${type} before Setup`, "peer");
      return;
    }
    if (this.#state !== "null" && (message.callReference !== this.#callReference || message.fromDestination !== this.#caller)) {
      this.#emit({ type: "ignored", what: `${type} of another call reference` });
      return;
    }
    const pdu = message.info?.["h323-uu-pdu"];
    const body = pdu?.["h323-message-body"];
    if (type === "setup") {
      this.#setup(message, pdu, now);
      return;
    }
    if (next !== undefined) this.#state = next;
    if (pdu !== undefined && this.#caller && this.#tunnel === "unknown" && next !== undefined && !pdu.provisionalRespToH245Tunnelling)
      this.#tunnel = this.#config.style.tunnelling && pdu.h245Tunnelling === true ? "yes" : "no";
    const answered = body?.callProceeding ?? body?.alerting ?? body?.progress ?? body?.connect;
    if (this.#caller) this.#fast.answered(answered ?? body?.facility, this.#capabilities.audio, now);
    const elements = message;
    const inband = [1, 8].includes((h225.element(elements, h225.IE.progressIndicator)?.[1] ?? 0) & 0x7f);
    switch (type) {
      case "setupAcknowledge":
        this.#timers.clear("T303");
        this.#emit({ type: "digits-wanted" });
        break;
      case "callProceeding":
        this.#timers.clear("T303");
        this.#timers.set("T310", now + this.#durations.T310);
        this.#emit({ type: "proceeding" });
        break;
      case "alerting":
        for (const t of ["T303", "T310"] as const) this.#timers.clear(t);
        this.#timers.set("T301", now + this.#durations.T301);
        this.#emit({ type: "alerting", inband });
        break;
      case "progress":
        for (const t of ["T303", "T310"] as const) this.#timers.clear(t);
        if (!this.#timers.running("T301")) this.#timers.set("T301", now + this.#durations.T301);
        this.#emit({ type: "progress", inband });
        break;
      case "connect":
        this.#connected(message, body?.connect, now);
        break;
      case "releaseComplete":
        if (pdu !== undefined) this.#tunnelled(pdu, now);
        this.#released(message, body?.releaseComplete?.reason);
        return;
      case "information":
        this.#information(message, now);
        break;
      case "facility":
        this.#facility(body?.facility, now);
        break;
      case "statusInquiry":
        this.#send("status", messages.statusBody(this.#ids), [h225.causeElement(30), h225.callStateElement(CALL_STATES[this.#state])]);
        break;
      case "status":
        this.#timers.clear("T322");
        this.#emit({
          type: "status",
          state: h225.element(message, h225.IE.callState)?.[0],
          cause: h225.readCause(h225.element(message, h225.IE.cause)),
        });
        break;
    }
    if (answered?.h245Address !== undefined) this.#controlOffered(answered.h245Address);
    if (pdu !== undefined) this.#tunnelled(pdu, now);
  }

  #setup(message: h225.SignallingMessage, pdu: h225.H323UuPdu | undefined, now: Millis): void {
    const setup = pdu?.["h323-message-body"].setup;
    if (pdu === undefined || setup === undefined) {
      this.#callReference = message.callReference;
      this.#release(96, "Setup without H.323 information", "peer");
      return;
    }
    this.#callReference = message.callReference;
    this.#ids = { guid: setup.callIdentifier?.guid ?? this.#ids.guid, conferenceID: setup.conferenceID };
    this.#state = "present";
    this.#tunnel = this.#config.style.tunnelling && pdu.h245Tunnelling === true ? "yes" : "no";
    if (this.#config.style.fastStart && setup.fastStart !== undefined && setup.fastStart.length > 0)
      this.#fast.offered(setup.fastStart, now);
    this.#emit({ type: "incoming", call: messages.readIncoming(message, setup, pdu) });
    // At once: a caller that hangs up before it has heard anything races with our first message.
    if (setup.canOverlapSend !== true) this.proceed();
    if (this.#tunnel === "no") {
      if (setup.h245Address !== undefined) this.#controlOffered(setup.h245Address);
      else this.#listen();
      return;
    }
    this.#tunnelled(pdu, now);
    for (const bytes of setup.parallelH245Control ?? []) this.#controlBytes(bytes, now);
  }

  #connected(message: h225.SignallingMessage, connect: h225.MessageBody["connect"], now: Millis): void {
    for (const t of ["T303", "T310", "T301"] as const) this.#timers.clear(t);
    this.#emit({
      type: "connected",
      displayName: h225.readDisplay(h225.element(message, h225.IE.display)),
      product: messages.readProduct(connect?.destinationInfo.vendor?.productId),
    });
    this.#fast.refuse(now);
    this.#startControl(now, connect?.h245Address !== undefined);
  }

  /** After Connect: gets H.245 going by whatever way there is. */
  #startControl(now: Millis, offered = false): void {
    if (this.#fast.state !== "done") this.#timers.set("control", now + this.#durations.control);
    if (this.#control.established) this.#timers.clear("control");
    if (this.#tunnel === "yes") {
      if (this.#control.started) this.#control.repeat(now);
      else this.#control.start(now);
    } else if (this.#caller && !offered && this.#link === "none") this.#listen();
  }

  #listen(): void {
    if (this.#link !== "none") return;
    this.#link = "wanted";
    this.#outputs.push({ type: "listen-control" });
  }

  /** The peer says where it takes the control connection. */
  #controlOffered(offered: h225.TransportAddress): void {
    const to = fromH225(offered);
    if (to === undefined || this.#link === "open" || this.#link === "connecting" || this.#tunnel === "yes") return;
    if (to.host !== this.#config.peer.host && this.#config.allowForeignControl !== true) {
      this.#emit({ type: "ignored", what: `control address ${to.host} of another host than the peer's` });
      return;
    }
    this.#link = "connecting";
    this.#outputs.push({ type: "connect-control", to });
  }

  /** Callee: what goes into a message on the way to Connect. */
  #answering(now: Millis, last: boolean): messages.Answering {
    const fast = this.#fast.answer(this.#capabilities.audio, this.#media, last, now);
    const own = this.#tunnel !== "yes" && this.#link !== "open" && this.#controlAddress !== undefined;
    return own ? { ...fast, h245Address: toH225(this.#controlAddress!) } : fast;
  }

  #tunnelled(pdu: h225.H323UuPdu, now: Millis): void {
    // H.323 8.2.1: what is tunnelled without both having agreed is not for us.
    if (this.#tunnel !== "yes" || this.#link === "open") return;
    for (const bytes of pdu.h245Control ?? []) this.#controlBytes(bytes, now);
  }

  #controlBytes(bytes: Uint8Array, now: Millis): void {
    let message: ControlMessage;
    try {
      message = decodeControl(bytes);
    } catch (error) {
      this.#emit({ type: "ignored", what: error instanceof Error ? error.message : String(error) });
      return;
    }
    this.#control.handle(message, now);
  }

  #information(message: h225.SignallingMessage, now: Millis): void {
    const digits =
      h225.readNumber(h225.element(message, h225.IE.calledPartyNumber)) ?? h225.readText(h225.element(message, h225.IE.keypad)) ?? "";
    if (this.#state === "overlap-receiving") {
      const complete = message.elements.some((e) => e.id === h225.IE.sendingComplete);
      if (complete) this.#timers.clear("T302");
      else this.#timers.set("T302", now + this.#durations.T302);
      this.#emit({ type: "dialled", digits, complete });
    } else if (digits !== "") this.#emit({ type: "digits", digits, via: "keypad", duration: undefined });
  }

  #facility(facility: h225.MessageBody["facility"], _now: Millis): void {
    if (facility === undefined) return;
    const { reason, h245Address } = facility;
    if (h245Address !== undefined && (reason.startH245 || this.#tunnel === "no")) this.#controlOffered(h245Address);
    if (reason.callForwarded || reason.routeCallToGatekeeper || reason.routeCallToMC)
      this.#emit({ type: "forwarded", to: fromH225(facility.alternativeAddress), aliases: facility.alternativeAliasAddress ?? [] });
  }

  #released(message: h225.SignallingMessage, reason: h225.ReleaseCompleteReason | undefined): void {
    const cause = causeOf(h225.readCause(h225.element(message, h225.IE.cause)), reason);
    this.#release(cause, Object.keys(reason ?? {})[0] ?? "no reason", "peer", false);
  }

  #release(cause: number, reason: string, by: "peer" | "us" | "network", say = true): void {
    if (this.#state === "released") return;
    const spoken = this.#state !== "null" || this.#callReference !== 0;
    this.#control.end();
    const control = this.#control.takeMessages().map(encodeControl);
    if (this.#link === "open") for (const bytes of control) this.#outputs.push({ type: "control", bytes });
    if (say && spoken) {
      const tunnelled = this.#tunnel === "yes" && this.#link !== "open" ? control : [];
      this.#send("releaseComplete", messages.releaseBody(this.#ids, reasonOf(cause)), [h225.causeElement(cause)], tunnelled);
    }
    this.#state = "released";
    this.#timers.clearAll();
    this.#emit({ type: "released", cause, by, reason });
    this.#outputs.push({ type: "close" });
  }
}
