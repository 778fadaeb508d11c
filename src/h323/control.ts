import type { Millis } from "../base/clock.ts";
import { type ControlMessage, encodeControl, type TerminalCapabilitySet } from "../wire/h245/index.ts";
import { Channels } from "./channels.ts";
import {
  type AudioFormat,
  composeCapabilities,
  isEmptySet,
  type LocalCapabilities,
  type RemoteCapabilities,
  readCapabilities,
} from "./codecs.ts";
import type { ControlConfig, ControlEvent, LocalMedia } from "./control-types.ts";
import { Determination, type DeterminationAction } from "./determination.ts";
import { Timers } from "./timers.ts";

type Request = NonNullable<ControlMessage["request"]>;
type Response = NonNullable<ControlMessage["response"]>;
type Command = NonNullable<ControlMessage["command"]>;
type Indication = NonNullable<ControlMessage["indication"]>;
type TimerName = "T101" | "T105" | "T106" | "T109";

/** Control of one call, H.245. Knows nothing of how its messages travel: tunnelled or on a connection of their own. */
export class ControlMachine {
  readonly #config: ControlConfig;
  readonly #timers = new Timers<TimerName>();
  readonly #channels: Channels;
  readonly #determination: Determination;
  #messages: ControlMessage[] = [];
  #events: ControlEvent[] = [];
  #media: LocalMedia | undefined;
  #capabilities: LocalCapabilities;
  #waitingChannels: NonNullable<Request["openLogicalChannel"]>[] = [];
  #started = false;
  #sequence = 0;
  #acked = false;
  #remote: RemoteCapabilities | undefined;
  #established = false;
  #paused = false;
  #holding = false;
  #deferred = false;
  #ended = false;
  #refused = new Set<string>();
  #roundTrip: { sequence: number; at: Millis } | undefined;
  #roundTrips = 0;
  #modes = 0;

  constructor(config: ControlConfig) {
    this.#config = config;
    this.#capabilities = config.capabilities;
    this.#channels = new Channels({ send: (m) => this.#send(m), emit: (e) => this.#emit(e) }, config.durations);
    this.#determination = new Determination(config.terminalType, config.draw);
  }

  get started(): boolean {
    return this.#started;
  }
  get established(): boolean {
    return this.#established;
  }
  get ended(): boolean {
    return this.#ended;
  }
  get remote(): RemoteCapabilities | undefined {
    return this.#remote;
  }
  /** Nothing has come back for our capabilities yet. */
  get unanswered(): boolean {
    return this.#started && !this.#acked && this.#remote === undefined;
  }
  /** For dumps and tests. */
  get state() {
    return {
      role: this.#determination.role,
      acked: this.#acked,
      paused: this.#paused,
      holding: this.#holding,
      transmit: this.#channels.transmitting,
      receive: this.#channels.receiving,
    };
  }

  /** Messages to send, in order; taken once. */
  takeMessages(): ControlMessage[] {
    const out = this.#messages;
    this.#messages = [];
    return out;
  }
  takeEvents(): ControlEvent[] {
    const out = this.#events;
    this.#events = [];
    return out;
  }

  /** Opens the session: capabilities and determination at once (H.323 8.2). */
  start(now: Millis): void {
    if (this.#started || this.#ended) return;
    this.#started = true;
    this.#sendCapabilities(now);
    this.#act(this.#determination.start(), now);
  }

  /** Sends capabilities and determination again: the first were in a field that an older peer does not read. */
  repeat(now: Millis): void {
    if (!this.unanswered) return;
    this.#sendCapabilities(now);
    this.#act(this.#determination.repeat(), now);
  }

  /** What we can do, once the media are known; said in the next capability set. */
  setCapabilities(capabilities: LocalCapabilities): void {
    this.#capabilities = capabilities;
  }

  /** Where audio is to arrive; channels wait for it. */
  setMedia(media: LocalMedia, now: Millis): void {
    this.#media = media;
    for (const olc of this.#waitingChannels.splice(0)) this.#channels.opened(olc, this.#capabilities.audio, media);
    this.#openTransmit(now);
  }

  /** Whether fast connect is still to be answered: we open no channel until it is. */
  defer(deferred: boolean, now: Millis): void {
    this.#deferred = deferred;
    this.#openTransmit(now);
  }

  /** Channels agreed by fast connect. */
  adopt(...channels: Parameters<Channels["adopt"]>): void {
    this.#channels.adopt(...channels);
  }

  handle(message: ControlMessage, now: Millis): void {
    if (this.#ended) return;
    if (message.request) this.#request(message.request, now);
    else if (message.response) this.#response(message.response, now);
    else if (message.command) this.#command(message.command);
    else if (message.indication) this.#indication(message.indication);
  }

  nextTimeout(): Millis | undefined {
    const all = [this.#timers.next(), this.#channels.nextTimeout()].filter((t) => t !== undefined);
    return all.length === 0 ? undefined : Math.min(...all);
  }

  timeout(now: Millis): void {
    if (this.#ended) return;
    for (const name of this.#timers.expire(now)) {
      if (name === "T101") this.#fail("capabilities not answered");
      else if (name === "T106") this.#act(this.#determination.timedOut(), now);
      else if (name === "T105") {
        this.#roundTrip = undefined;
        this.#emit({ type: "round-trip", ms: undefined });
      } else this.#emit({ type: "mode-answered", accepted: false });
    }
    this.#channels.timeout(now);
  }

  /** Sends text or keys. `signal` sends one message a key. */
  sendDigits(digits: string, via: "signal" | "alphanumeric", duration = 100): void {
    if (via === "alphanumeric") this.#send({ indication: { userInput: { alphanumeric: digits } } });
    else for (const signalType of digits) this.#send({ indication: { userInput: { signal: { signalType, duration } } } });
  }

  /** Asks the peer to stop sending, by the empty capability set (H.323 8.4.6); `resume` takes it back. */
  hold(now: Millis): void {
    if (this.#holding || !this.#started) return;
    this.#holding = true;
    this.#sendCapabilities(now);
  }
  resume(now: Millis): void {
    if (!this.#holding) return;
    this.#holding = false;
    this.#sendCapabilities(now);
  }

  measureRoundTrip(now: Millis): void {
    if (this.#roundTrip !== undefined) return;
    const sequence = (this.#roundTrips = (this.#roundTrips + 1) & 0xff);
    this.#roundTrip = { sequence, at: now };
    this.#timers.set("T105", now + this.#config.durations.T105);
    this.#send({ request: { roundTripDelayRequest: { sequenceNumber: sequence } } });
  }

  /** Asks the peer to send one of these codecs, first wanted most. */
  requestMode(codecs: readonly AudioFormat["codec"][], now: Millis): void {
    const requestedModes = codecs.flatMap((codec) => (MODES[codec] === undefined ? [] : [[{ type: { audioMode: MODES[codec] } }]]));
    if (requestedModes.length === 0) return;
    this.#modes = (this.#modes + 1) & 0xff;
    this.#timers.set("T109", now + this.#config.durations.T109);
    this.#send({ request: { requestMode: { sequenceNumber: this.#modes, requestedModes } } });
  }

  /** The most the peer may send on its channel, undefined for no limit. */
  limit(channel: number, bitsPerSecond: number | undefined): void {
    this.#send({
      command: {
        flowControlCommand: {
          scope: { logicalChannelNumber: channel },
          restriction: bitsPerSecond === undefined ? { noRestriction: true } : { maximumBitRate: Math.floor(bitsPerSecond / 100) },
        },
      },
    });
  }

  /** Ends the session; nothing is sent or heard after. */
  end(): void {
    if (this.#ended) return;
    if (this.#started) this.#send({ command: { endSessionCommand: { disconnect: true } } });
    this.#ended = true;
    this.#timers.clearAll();
  }

  #send(message: ControlMessage): void {
    if (!this.#ended) this.#messages.push(message);
  }
  #emit(event: ControlEvent): void {
    this.#events.push(event);
  }
  #fail(reason: string): void {
    this.#emit({ type: "control-failed", reason });
  }

  #sendCapabilities(now: Millis): void {
    this.#sequence = (this.#sequence + 1) & 0xff;
    this.#timers.set("T101", now + this.#config.durations.T101);
    const capabilities = this.#holding ? undefined : this.#capabilities;
    this.#send({ request: { terminalCapabilitySet: composeCapabilities(capabilities, this.#sequence) } });
  }

  #request(request: Request, now: Millis): void {
    if (request.terminalCapabilitySet) this.#capabilitiesHeard(request.terminalCapabilitySet, now);
    else if (request.masterSlaveDetermination) {
      const { terminalType, statusDeterminationNumber } = request.masterSlaveDetermination;
      this.#act(this.#determination.received(terminalType, statusDeterminationNumber), now);
    } else if (request.openLogicalChannel) {
      // A peer that opens before the exchange is done is served: what we receive does not depend on it.
      if (this.#media === undefined) {
        if (this.#waitingChannels.length < 8) this.#waitingChannels.push(request.openLogicalChannel);
      } else this.#channels.opened(request.openLogicalChannel, this.#capabilities.audio, this.#media);
    } else if (request.closeLogicalChannel) this.#channels.closed(request.closeLogicalChannel.forwardLogicalChannelNumber);
    else if (request.requestChannelClose) this.#channels.closeRequested(request.requestChannelClose.forwardLogicalChannelNumber, now);
    else if (request.roundTripDelayRequest)
      this.#send({ response: { roundTripDelayResponse: { sequenceNumber: request.roundTripDelayRequest.sequenceNumber } } });
    else if (request.requestMode) this.#modeRequested(request.requestMode, now);
    else if (request.maintenanceLoopRequest)
      this.#send({
        response: { maintenanceLoopReject: { type: request.maintenanceLoopRequest.type, cause: { canNotPerformLoop: true } } },
      });
    else if (request.logicalChannelRateRequest) {
      const { sequenceNumber, logicalChannelNumber } = request.logicalChannelRateRequest;
      const rejectReason = { undefinedReason: true } as const;
      this.#send({ response: { logicalChannelRateReject: { sequenceNumber, logicalChannelNumber, rejectReason } } });
    } else
      this.#send({
        indication: { functionNotSupported: { cause: { unknownFunction: true }, returnedFunction: encodeControl({ request }) } },
      });
  }

  #capabilitiesHeard(set: TerminalCapabilitySet, now: Millis): void {
    this.#send({ response: { terminalCapabilitySetAck: { sequenceNumber: set.sequenceNumber } } });
    if (isEmptySet(set)) {
      // H.323 8.4.6: stop sending and close what we send; the peer's channels to us stay.
      if (!this.#paused) {
        this.#paused = true;
        this.#channels.closeTransmit(now);
        this.#emit({ type: "paused" });
      }
      return;
    }
    this.#remote = readCapabilities(set);
    this.#refused.clear();
    this.#emit({ type: "capabilities", remote: this.#remote });
    // Whoever speaks first is answered in kind.
    this.start(now);
    if (this.#paused) {
      this.#paused = false;
      this.#emit({ type: "resumed" });
      this.#openTransmit(now);
    } else this.#progress(now);
  }

  #response(response: Response, now: Millis): void {
    if (response.terminalCapabilitySetAck) {
      if (response.terminalCapabilitySetAck.sequenceNumber !== this.#sequence) return;
      this.#timers.clear("T101");
      this.#acked = true;
      this.#progress(now);
    } else if (response.terminalCapabilitySetReject) {
      this.#timers.clear("T101");
      this.#fail(`capabilities rejected: ${Object.keys(response.terminalCapabilitySetReject.cause)[0] ?? "no cause"}`);
    } else if (response.masterSlaveDeterminationAck) {
      const decision = response.masterSlaveDeterminationAck.decision.master ? "master" : "slave";
      this.#act(this.#determination.acked(decision), now);
    } else if (response.masterSlaveDeterminationReject) this.#act(this.#determination.rejected(), now);
    else if (response.openLogicalChannelAck) this.#channels.acked(response.openLogicalChannelAck);
    else if (response.openLogicalChannelReject) {
      const refused = this.#channels.rejected(response.openLogicalChannelReject);
      if (refused === undefined) return;
      this.#refused.add(refused.format.codec);
      this.#openTransmit(now, refused.cause);
    } else if (response.closeLogicalChannelAck) this.#channels.closeAcked(response.closeLogicalChannelAck.forwardLogicalChannelNumber);
    else if (response.roundTripDelayResponse) {
      if (this.#roundTrip?.sequence !== response.roundTripDelayResponse.sequenceNumber) return;
      this.#timers.clear("T105");
      this.#emit({ type: "round-trip", ms: now - this.#roundTrip.at });
      this.#roundTrip = undefined;
    } else if (response.requestModeAck || response.requestModeReject) {
      if ((response.requestModeAck ?? response.requestModeReject)?.sequenceNumber !== this.#modes) return;
      this.#timers.clear("T109");
      this.#emit({ type: "mode-answered", accepted: response.requestModeAck !== undefined });
    }
  }

  #command(command: Command): void {
    if (command.endSessionCommand) {
      this.end();
      this.#emit({ type: "session-ended" });
    } else if (command.flowControlCommand) {
      const { scope, restriction } = command.flowControlCommand;
      const bitsPerSecond = restriction.maximumBitRate === undefined ? undefined : restriction.maximumBitRate * 100;
      this.#emit({ type: "flow-control", channel: scope.logicalChannelNumber, bitsPerSecond });
    } else if (command.miscellaneousCommand) {
      const { type, logicalChannelNumber } = command.miscellaneousCommand;
      if (type.videoFastUpdatePicture || type.videoFastUpdateGOB || type.videoFastUpdateMB)
        this.#emit({ type: "fast-update", channel: logicalChannelNumber });
    } else if (command.sendTerminalCapabilitySet) {
      this.#sequence = (this.#sequence + 1) & 0xff;
      this.#send({
        request: { terminalCapabilitySet: composeCapabilities(this.#holding ? undefined : this.#capabilities, this.#sequence) },
      });
    }
  }

  #indication(indication: Indication): void {
    const input = indication.userInput;
    if (input?.alphanumeric !== undefined)
      this.#emit({ type: "digits", digits: input.alphanumeric, via: "alphanumeric", duration: undefined });
    else if (input?.extendedAlphanumeric !== undefined)
      this.#emit({ type: "digits", digits: input.extendedAlphanumeric.alphanumeric, via: "alphanumeric", duration: undefined });
    // "!" is a hook flash, which means nothing here.
    else if (input?.signal !== undefined && input.signal.signalType !== "!")
      this.#emit({ type: "digits", digits: input.signal.signalType, via: "signal", duration: input.signal.duration });
  }

  #act(actions: readonly DeterminationAction[], now: Millis): void {
    for (const action of actions) {
      if (action.type === "request") {
        this.#timers.set("T106", now + this.#config.durations.T106);
        const { terminalType } = this.#config;
        this.#send({ request: { masterSlaveDetermination: { terminalType, statusDeterminationNumber: action.number } } });
      } else if (action.type === "ack") {
        this.#timers.set("T106", now + this.#config.durations.T106);
        const decision = action.decision === "master" ? ({ master: true } as const) : ({ slave: true } as const);
        this.#send({ response: { masterSlaveDeterminationAck: { decision } } });
      } else if (action.type === "reject")
        this.#send({ response: { masterSlaveDeterminationReject: { cause: { identicalNumbers: true } } } });
      else {
        this.#timers.clear("T106");
        if (action.type === "failed") this.#fail(`master and slave not decided: ${action.reason}`);
        else this.#progress(now);
      }
    }
  }

  #progress(now: Millis): void {
    const role = this.#determination.role;
    if (this.#established || !this.#acked || this.#remote === undefined || role === undefined || this.#determination.waiting) return;
    this.#established = true;
    this.#emit({ type: "established", role });
    this.#openTransmit(now);
  }

  /** Opens what we send as soon as everything for it is there. */
  #openTransmit(now: Millis, lastCause?: string): void {
    if (!this.#established || this.#paused || this.#deferred || this.#media === undefined || this.#channels.transmitting !== undefined)
      return;
    const format = this.#choose();
    if (format === undefined) this.#emit({ type: "transmit-refused", cause: lastCause ?? "no common codec" });
    else this.#channels.open(format, this.#media, now);
  }

  /** What the peer sends if it takes that too, else the first in the master's order. */
  #choose(): AudioFormat | undefined {
    const local = this.#capabilities.audio;
    const remote = this.#remote?.audio ?? [];
    const [first, second] = this.#determination.role === "master" ? [local, remote] : [remote, local];
    const common = first.flatMap((a) => {
      const b = second.find((f) => f.codec === a.codec);
      return b === undefined || this.#refused.has(a.codec) ? [] : [{ codec: a.codec, maxPtime: Math.min(a.maxPtime, b.maxPtime) }];
    });
    const heard = this.#channels.receiving?.codec;
    return common.find((f) => f.codec === heard) ?? common[0];
  }

  #modeRequested({ sequenceNumber, requestedModes }: NonNullable<Request["requestMode"]>, now: Millis): void {
    const choices = requestedModes.map((mode) => (mode.length === 1 ? readMode(mode[0]?.type.audioMode) : undefined));
    const at = choices.findIndex((codec) => codec !== undefined && this.#capabilities.audio.some((a) => a.codec === codec));
    const codec = choices[at];
    const known = this.#remote?.audio.find((a) => a.codec === codec);
    if (codec === undefined || known === undefined || this.#media === undefined) {
      this.#send({ response: { requestModeReject: { sequenceNumber, cause: { modeUnavailable: true } } } });
      return;
    }
    const response = at === 0 ? ({ willTransmitMostPreferredMode: true } as const) : ({ willTransmitLessPreferredMode: true } as const);
    this.#send({ response: { requestModeAck: { sequenceNumber, response } } });
    if (this.#channels.transmitting?.format.codec === codec) return;
    this.#channels.closeTransmit(now);
    this.#channels.open(known, this.#media, now);
  }
}

type Mode = NonNullable<NonNullable<Request["requestMode"]>["requestedModes"][number][number]["type"]["audioMode"]>;

const MODES: Readonly<Partial<Record<AudioFormat["codec"], Mode>>> = {
  PCMU: { g711Ulaw64k: true },
  PCMA: { g711Alaw64k: true },
  G722: { "g722-64k": true },
  G729: { g729: true },
};

function readMode(mode: Mode | undefined): AudioFormat["codec"] | undefined {
  const name = Object.keys(mode ?? {})[0];
  const entry = Object.entries(MODES).find(([, m]) => Object.keys(m)[0] === name);
  return entry?.[0] as AudioFormat["codec"] | undefined;
}
