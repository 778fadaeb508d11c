import type { Millis } from "../../base/clock.ts";
import { readTokens } from "../ras/security.ts";
import { earliest, type Machine, type Timeout, Timers } from "../../base/machine.ts";
import * as h225 from "../../wire/h225/index.ts";
import { type Address, fromH225, toH225 } from "../address.ts";
import { causeOf, reasonOf } from "../causes.ts";
import type { LocalCapabilities, UserInputWay } from "../control/capabilities.ts";
import type { ControlMachine } from "../control/control.ts";
import type { LocalMedia } from "../control/types.ts";
import type { MediaPolicy } from "../security/media-security.ts";
import { DURATIONS, type Durations } from "../timers.ts";
import type { TraversalRole } from "../traversal/h460-19.ts";
import { CallControl } from "./call-control.ts";
import * as messages from "./messages.ts";
import { ANYTIME, TRANSITIONS } from "./states.ts";
import {
  CALL_STATES,
  type CallConfig,
  type CallEvent,
  type CallOutput,
  type CallState,
  type Destination,
  type ReleaseCode,
  type ReleasedEvent,
} from "./types.ts";

type TimerName = "T303" | "T310" | "T301" | "T302" | "T322";

/** What an operator reads when a callee lets one of them run out. */
const UNANSWERED: Readonly<Record<"T303" | "T310" | "T301", string>> = {
  T303: "the far end never answered our Setup (T303)",
  T310: "the far end neither rang nor answered after CallProceeding (T310)",
  T301: "the far end rang, and nobody answered (T301)",
};

/** One call's signalling, caller's or callee's side, with its control (H.225.0 clause 7, H.323 clause 8). */
export class CallMachine implements Machine<CallOutput> {
  readonly #config: CallConfig;
  readonly #durations: Durations;
  readonly #control: CallControl;
  readonly #timers = new Timers<TimerName>();
  #outputs: CallOutput[] = [];
  #state: CallState = "null";
  #caller = false;
  #callReference = 0;
  #ids: messages.CallIds;
  #connectDue = false;

  constructor(config: CallConfig) {
    this.#config = config;
    this.#durations = { ...DURATIONS, ...config.durations };
    const octets = (given: string | undefined) => (given === undefined ? config.random(16) : Uint8Array.from(Buffer.from(given, "hex")));
    this.#ids = { guid: octets(config.callIdentifier), conferenceID: octets(config.conferenceId) };
    const self = this;
    this.#control = new CallControl(config, this.#durations, {
      get over() {
        return self.#state === "released";
      },
      get caller() {
        return self.#caller;
      },
      output: (output) => this.#outputs.push(output),
      emit: (event) => this.#emit(event),
      tunnel: (control) => this.#send("facility", messages.transportBody(this.#ids), [], control),
      release: (cause, reason, by, code) => this.#release(cause, reason, by, { code }),
    });
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
  /** What we are where media cross a firewall by H.460.19: a callee knows from Setup on, a caller by the first answer; undefined where none is crossed. */
  get traversal(): TraversalRole | undefined {
    return this.#control.traversal.role;
  }
  /** For dumps: nothing secret in it. */
  get dump() {
    return { state: this.#state, ...this.#control.dump };
  }

  /** What to do, in order; taken once. */
  drain(): CallOutput[] {
    const out = this.#outputs;
    this.#outputs = [];
    return out;
  }

  /** Caller: places the call. Media set before are proposed by fast connect. */
  start(to: Destination, now: Millis): void {
    if (this.#state !== "null") return;
    this.#caller = true;
    const [a = 0, b = 0] = this.#config.random(2);
    this.#callReference = this.#config.callReference ?? (((a & 0x7f) << 8) | b || 1);
    this.#state = "initiated";
    this.#timers.set("T303", now + this.#durations.T303);
    const { setup, control } = this.#control.opening(now);
    const { body, elements } = messages.setupBody(this.#config, this.#ids, to, setup);
    this.#send("setup", body, elements, control);
  }

  /** What we can do, where that is known better than by the configuration; before `setMedia`. */
  setCapabilities(capabilities: LocalCapabilities): void {
    this.#control.setCapabilities(capabilities);
  }

  /** Callee: whether media are to be encrypted, once it is known who calls; before `alert` or `answer`. */
  setEncryption(policy: MediaPolicy): void {
    this.#control.security.policy = policy;
  }
  /** Both sides have keys for media (H.235.6): a callee knows from Setup on, a caller once connected. */
  get encrypts(): boolean {
    return this.#control.security.agreed;
  }

  /** Where audio is to arrive. A caller sets it before `start` to use fast connect, a callee before `alert` or `answer`. */
  setMedia(media: LocalMedia, now: Millis): void {
    this.#control.setMedia(media, now);
    this.#control.flush();
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
    this.#send("callProceeding", messages.proceedingBody(this.#config, this.#ids, this.#control.features), []);
  }

  /** Callee: it rings. `inband` when the media set carry the tone. */
  alert(inband: boolean, now: Millis): void {
    if (this.#state === "present") this.proceed();
    if (this.#state !== "incoming-proceeding" && this.#state !== "overlap-receiving") return;
    this.#state = "received";
    this.#timers.clear("T302");
    const elements = inband ? [h225.progressElement(8)] : [];
    this.#send("alerting", messages.alertingBody(this.#config, this.#ids, this.#control.answering(false, now)), elements);
    this.#control.flush();
  }

  /** Callee: tones or announcements are heard before the answer. */
  progress(now: Millis): void {
    if (this.#state === "present") this.proceed();
    if (this.#state !== "incoming-proceeding" && this.#state !== "received") return;
    this.#send("progress", messages.progressBody(this.#config, this.#ids, this.#control.answering(false, now)), [h225.progressElement(8)]);
    this.#control.flush();
  }

  /** Callee: answers. Waits for the control listener where one is needed. */
  answer(now: Millis): void {
    if (this.#state === "present") this.proceed();
    if (this.#state !== "incoming-proceeding" && this.#state !== "received" && this.#state !== "overlap-receiving") return;
    if (!this.#control.reachable) {
      this.#connectDue = true;
      this.#control.listen();
      return;
    }
    this.#connectDue = false;
    this.#state = "active";
    this.#timers.clear("T302");
    const elements = [h225.bearerElement(false), h225.displayElement(this.#config.identity.displayName)];
    this.#send("connect", messages.connectBody(this.#config, this.#ids, this.#control.answering(true, now)), elements);
    this.#control.begin(false, now);
    this.#control.flush();
  }

  /** Ends the call with a Q.850 cause. `code`: what of the far end it is ended for. */
  release(cause: number, reason = "released by us", code?: ReleaseCode): void {
    this.#release(cause, reason, "us", { code });
  }

  /** Sends digits by the best way the peer has, or by `way`. Returns the way; `rfc2833` is the media's to do. */
  sendDigits(digits: string, _now: Millis, way?: UserInputWay): UserInputWay {
    const input = this.#control.machine.remote?.userInput;
    const best = input?.has("alphanumeric") ? "alphanumeric" : input?.has("signal") ? "signal" : "keypad";
    const chosen = this.#state === "overlap-sending" ? "keypad" : (way ?? best);
    if (chosen === "keypad") {
      const element = this.#state === "overlap-sending" ? h225.calledElement(digits) : h225.keypadElement(digits);
      this.#send("information", messages.informationBody(this.#ids), [element]);
    } else if (chosen !== "rfc2833") {
      this.#control.machine.sendDigits(digits, chosen);
      this.#control.flush();
    }
    return chosen;
  }

  /** Runs something on the control machine (hold, round trip, mode, flow control) and sends what it leaves. */
  control(action: (control: ControlMachine) => void, _now: Millis): void {
    action(this.#control.machine);
    this.#control.flush();
  }

  /** What Status says of the call beside its state, for display, to a peer that inquires. */
  standing: () => string | undefined = () => undefined;

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
      this.#emit({ type: "ignored", what: error instanceof Error ? error.message : String(error), malformed: true });
      if (this.#state === "null") this.#release(100, "not a Setup", "peer");
      return;
    }
    this.#received(message, now, bytes);
    this.#control.flush();
  }

  /** A payload of the control connection. */
  controlMessage(bytes: Uint8Array, now: Millis): void {
    if (this.#state === "released") return;
    this.#control.received(bytes, now);
    this.#control.flush();
  }

  /** The listener asked for is at `address`. */
  controlListening(address: Address, now: Millis): void {
    if (this.#state === "released" || !this.#control.listening(address)) return;
    if (this.#connectDue) this.answer(now);
    else if (this.#caller && this.#state === "active") this.#send("facility", messages.startControlBody(this.#ids, toH225(address)), []);
  }

  /** The control connection is open, whoever opened it. */
  controlConnected(now: Millis): void {
    if (this.#state === "released") return;
    this.#control.connected(now);
    this.#control.flush();
  }

  /** The control connection could not be opened, or was closed. */
  controlClosed(reason: string): void {
    if (this.#state !== "released") this.#control.closed(reason);
  }

  /** The signalling connection was closed by the peer or lost. */
  signallingClosed(reason: string): void {
    this.#release(41, `signalling connection: ${reason}`, "network", { code: "connection-lost", say: false });
  }

  nextTimeout(): Millis | undefined {
    if (this.#state === "released") return undefined;
    return earliest(this.#timers.next(), this.#control.nextTimeout());
  }

  /** Time has come for the call, or its control. */
  handle(_: Timeout, now: Millis): void {
    if (this.#state === "released") return;
    for (const name of this.#timers.expire(now)) {
      if (name === "T302") this.#emit({ type: "dialled", digits: "", complete: true });
      else if (name === "T322") this.#emit({ type: "status", state: undefined, display: undefined, cause: undefined });
      else if (name === "T301") this.#release(19, UNANSWERED[name], "us", { code: "no-answer" });
      else this.#release(102, UNANSWERED[name], "us", { code: "no-response" });
    }
    this.#control.timeout(now);
    this.#control.flush();
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
    const info: h225.H323UserInformation = {
      "h323-uu-pdu": {
        "h323-message-body": body,
        h245Tunnelling: this.#control.tunnelling,
        ...(control.length > 0 ? { h245Control: control } : {}),
      },
    };
    const message = { type, callReference: this.#callReference, fromDestination: !this.#caller, elements, info };
    this.#outputs.push({ type: "signalling", bytes: h225.encodeSignalling(message) });
  }

  #received(message: h225.SignallingMessage, now: Millis, bytes: Uint8Array): void {
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
      this.#setup(message, pdu, now, bytes);
      return;
    }
    if (next !== undefined) this.#state = next;
    if (pdu !== undefined && this.#caller && !this.#control.decided && next !== undefined && !pdu.provisionalRespToH245Tunnelling)
      this.#control.agree(pdu.h245Tunnelling === true);
    if (this.#refusesClearControl()) return;
    const answered = body?.callProceeding ?? body?.alerting ?? body?.progress ?? body?.connect;
    if (this.#caller) this.#control.answered(answered ?? body?.facility, now);
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
        this.#control.tunnelled(pdu?.h245Control, now);
        this.#released(message, body?.releaseComplete?.reason);
        return;
      case "information":
        this.#information(message, now);
        break;
      case "facility":
        this.#facility(body?.facility);
        break;
      case "statusInquiry":
        this.#send("status", messages.statusBody(this.#ids), [
          h225.causeElement(30),
          h225.callStateElement(CALL_STATES[this.#state]),
          ...[this.standing()].flatMap((text) => (text === undefined ? [] : [h225.displayElement(text)])),
        ]);
        break;
      case "status":
        this.#timers.clear("T322");
        this.#emit({
          type: "status",
          state: h225.element(message, h225.IE.callState)?.[0],
          display: h225.readDisplay(h225.element(message, h225.IE.display)),
          cause: h225.readCause(h225.element(message, h225.IE.cause)),
        });
        break;
    }
    if (answered?.h245Address !== undefined) this.#control.offered(answered.h245Address);
    this.#control.tunnelled(pdu?.h245Control, now);
  }

  #setup(message: h225.SignallingMessage, pdu: h225.H323UuPdu | undefined, now: Millis, bytes: Uint8Array): void {
    const setup = pdu?.["h323-message-body"].setup;
    if (pdu === undefined || setup === undefined) {
      this.#callReference = message.callReference;
      this.#release(96, "Setup without H.323 information", "peer");
      return;
    }
    this.#callReference = message.callReference;
    this.#ids = { guid: setup.callIdentifier?.guid ?? this.#ids.guid, conferenceID: setup.conferenceID };
    this.#state = "present";
    this.#control.agree(pdu.h245Tunnelling === true);
    if (this.#config.style.fastStart && setup.fastStart !== undefined && setup.fastStart.length > 0)
      this.#control.fast.offered(setup.fastStart, now);
    if (this.#refusesClearControl()) return;
    this.#control.traversal.offered(setup);
    this.#control.security.offered(setup.tokens);
    // a hash is over the whole message, or, from some, over the user-to-user information alone
    const tokens = readTokens(setup, bytes, h225.element(message, h225.IE.userUser)?.subarray(1));
    const { agreed: encryption } = this.#control.security;
    this.#emit({ type: "incoming", call: messages.readIncoming(message, setup, pdu, { encryption, tokens }) });
    // At once: a caller that hangs up before it has heard anything races with our first message.
    if (setup.canOverlapSend !== true) this.proceed();
    if (this.#control.separate) {
      // Where media are to be encrypted, control waits for Connect, which brings the caller our keys.
      if (setup.h245Address !== undefined && !this.encrypts) this.#control.offered(setup.h245Address);
      else this.#control.listen();
      return;
    }
    this.#control.tunnelled(pdu.h245Control, now);
    this.#control.tunnelled(setup.parallelH245Control, now);
  }

  /** Ends a call whose control would need a connection in the clear beside encrypted signalling. */
  #refusesClearControl(): boolean {
    if (this.#config.tunnelOnly !== true || !this.#control.separate) return false;
    this.#release(79, "over TLS, H.245 must be tunnelled", "us", { code: "protocol-error" });
    return true;
  }

  #connected(message: h225.SignallingMessage, connect: h225.MessageBody["connect"], now: Millis): void {
    for (const t of ["T303", "T310", "T301"] as const) this.#timers.clear(t);
    if (this.#control.security.policy === "required" && !this.encrypts) {
      this.#release(79, "the far end does not encrypt its media", "us", { code: "not-encrypted" });
      return;
    }
    this.#emit({
      type: "connected",
      displayName: h225.readDisplay(h225.element(message, h225.IE.display)),
      product: messages.readProduct(connect?.destinationInfo.vendor?.productId),
    });
    this.#control.fast.refuse(now);
    this.#control.begin(connect?.h245Address !== undefined, now);
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

  #facility(facility: h225.MessageBody["facility"]): void {
    if (facility === undefined) return;
    const { reason, h245Address } = facility;
    if (h245Address !== undefined && (reason.startH245 || this.#control.separate))
      this.#control.offered(h245Address, reason.startH245 === true);
    if (reason.callForwarded || reason.routeCallToGatekeeper || reason.routeCallToMC)
      this.#emit({ type: "forwarded", to: fromH225(facility.alternativeAddress), aliases: facility.alternativeAliasAddress ?? [] });
  }

  #released(message: h225.SignallingMessage, reason: h225.ReleaseCompleteReason | undefined): void {
    const cause = causeOf(h225.readCause(h225.element(message, h225.IE.cause)), reason);
    this.#release(cause, Object.keys(reason ?? {})[0] ?? "no reason", "peer", { say: false });
  }

  #release(
    cause: number,
    reason: string,
    by: ReleasedEvent["by"],
    { code, say = true }: { readonly code?: ReleaseCode | undefined; readonly say?: boolean } = {},
  ): void {
    if (this.#state === "released") return;
    const spoken = this.#state !== "null" || this.#callReference !== 0;
    const tunnelled = this.#control.end();
    if (say && spoken) {
      this.#send("releaseComplete", messages.releaseBody(this.#ids, reasonOf(cause)), [h225.causeElement(cause)], tunnelled);
    }
    this.#state = "released";
    this.#timers.clearAll();
    this.#emit({ type: "released", cause, by, ...(code && { code }), reason });
    this.#outputs.push({ type: "close" });
  }
}
