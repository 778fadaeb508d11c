import type { Millis } from "../base/clock.ts";
import { type ControlMessage, encodeControl, type TerminalCapabilitySet } from "../wire/h245/index.ts";
import { composeCapabilities, isEmptySet, type LocalCapabilities, type RemoteCapabilities, readCapabilities } from "./capabilities.ts";
import type { Channels } from "./channels.ts";
import type { AudioCodec, AudioFormat } from "./codecs.ts";
import type { ControlConfig, ControlEvent, LocalMedia } from "./control-types.ts";
import { Determination, type DeterminationAction } from "./determination.ts";
import { LineTable } from "./line-table.ts";
import type { LineName } from "./lines.ts";
import { composeModes, readMode } from "./modes.ts";
import { Presentation } from "./presentation.ts";
import { earliest, Timers } from "./timers.ts";

type Request = NonNullable<ControlMessage["request"]>;
type Response = NonNullable<ControlMessage["response"]>;
type Command = NonNullable<ControlMessage["command"]>;
type Indication = NonNullable<ControlMessage["indication"]>;
type TimerName = "T101" | "T105" | "T106" | "T109";

/** Control of one call, H.245. Knows nothing of how its messages travel: tunnelled or on a connection of their own. */
export class ControlMachine {
  readonly #config: ControlConfig;
  readonly #timers = new Timers<TimerName>();
  readonly #lines: LineTable;
  readonly #presentation: Presentation;
  readonly #determination: Determination;
  #messages: ControlMessage[] = [];
  #events: ControlEvent[] = [];
  #media: LocalMedia | undefined;
  #capabilities: LocalCapabilities;
  #started = false;
  #sequence = 0;
  #acked = false;
  #remote: RemoteCapabilities | undefined;
  #established = false;
  #paused = false;
  #holding = false;
  #deferred = false;
  #together = false;
  #ended = false;
  #roundTrip: { sequence: number; at: Millis } | undefined;
  #roundTrips = 0;
  #modes = 0;

  constructor(config: ControlConfig) {
    this.#config = config;
    this.#capabilities = config.capabilities;
    const port = { send: (m: ControlMessage) => this.#send(m), emit: (e: ControlEvent) => this.#emit(e) };
    this.#presentation = new Presentation(port, config.draw);
    const machine = this;
    this.#lines = new LineTable(
      {
        ...port,
        get media() {
          return machine.#media;
        },
        get local() {
          return machine.#capabilities;
        },
        get remote() {
          return machine.#remote;
        },
        get role() {
          return machine.#determination.role;
        },
        get ready() {
          return machine.#established && !machine.#paused && !machine.#deferred && !machine.#together;
        },
        get presenting() {
          return machine.#presentation.owner;
        },
      },
      config.durations,
    );
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
      transmit: this.#lines.audio.transmitting,
      receive: this.#lines.audio.receiving,
      presenting: this.#presentation.owner,
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

  /** What we can do has changed in a call that is up: the peer is told. */
  changeCapabilities(capabilities: LocalCapabilities, now: Millis): void {
    this.#capabilities = capabilities;
    if (this.#started && !this.#holding) this.#sendCapabilities(now);
  }

  /** Where audio is to arrive; channels wait for it. */
  setMedia(media: LocalMedia, now: Millis): void {
    this.#media = media;
    this.#lines.want();
    this.#lines.serve(now);
    this.#lines.open(now);
  }

  /** Handles messages that came together: ours are opened after the last, or they could not follow the peer's codec. */
  together(handle: () => void, now: Millis): void {
    this.#together = true;
    handle();
    this.#together = false;
    this.#lines.open(now);
  }

  /** Whether fast connect is still to be answered: we open no channel until it is. */
  defer(deferred: boolean, now: Millis): void {
    this.#deferred = deferred;
    this.#lines.open(now);
  }

  /** Channels agreed by fast connect. */
  adopt(...channels: Parameters<Channels<AudioFormat>["adopt"]>): void {
    this.#lines.audio.adopt(...channels);
  }

  handle(message: ControlMessage, now: Millis): void {
    if (this.#ended) return;
    if (message.request) this.#request(message.request, now);
    else if (message.response) this.#response(message.response, now);
    else if (message.command) this.#command(message.command, now);
    else if (message.indication) this.#indication(message.indication, now);
  }

  nextTimeout(): Millis | undefined {
    return earliest(this.#timers.next(), this.#lines.nextTimeout(), this.#presentation.nextTimeout());
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
    this.#lines.timeout(now);
    this.#presentation.timeout(now);
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
  requestMode(codecs: readonly AudioCodec[], now: Millis): void {
    const requestedModes = composeModes(codecs);
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

  /** The most the peer may send on a line; nothing where it does not send there. */
  limitLine(line: LineName, bitsPerSecond: number | undefined): void {
    const channel = this.#lines[line].receivingNumber;
    if (channel !== undefined) this.limit(channel, bitsPerSecond);
  }

  /** Asks the peer for a picture that stands alone on a line it sends (H.245 7.11.2). */
  fastUpdate(line: "video" | "content"): void {
    const logicalChannelNumber = this.#lines[line].receivingNumber;
    if (logicalChannelNumber !== undefined)
      this.#send({ command: { miscellaneousCommand: { logicalChannelNumber, type: { videoFastUpdatePicture: true } } } });
  }

  /** A line is not wanted any more: ours is closed, the peer is asked to close its own. Media set anew for it bring it back. */
  closeLine(line: Exclude<LineName, "audio">, now: Millis): void {
    this.#lines.close(line, now);
  }

  /** Asks for H.239's token; `presentation-answered` follows, and with a yes our content channel. */
  requestPresentation(now: Millis): void {
    this.#presentation.request(this.#lines.nextNumber, now);
  }
  /** We present no longer. */
  releasePresentation(now: Millis): void {
    const channel = this.#lines.content.transmitting?.number ?? this.#lines.nextNumber;
    this.#lines.content.closeTransmit(now);
    this.#presentation.release(channel);
  }
  /** The answers to `presentation-wanted`. What we present ends where the peer's begins. */
  grantPresentation(now: Millis): void {
    this.#lines.content.closeTransmit(now);
    this.#presentation.grant();
  }
  denyPresentation(): void {
    this.#presentation.deny();
  }
  /** Asks the peer to lift its limits on our content channel (H.239 11.1). */
  requestFlowRelease(bitsPerSecond: number): void {
    const channel = this.#lines.content.transmitting?.number;
    if (channel !== undefined) this.#presentation.requestFlowRelease(channel, bitsPerSecond);
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
      this.#lines.opened(request.openLogicalChannel, now);
    } else if (request.closeLogicalChannel) {
      // A presentation whose channel is closed is over, said or not.
      if (this.#lines.closed(request.closeLogicalChannel.forwardLogicalChannelNumber) === "content") this.#presentation.ended();
    } else if (request.requestChannelClose) this.#lines.closeRequested(request.requestChannelClose.forwardLogicalChannelNumber, now);
    else if (request.genericRequest && this.#presentation.handle("request", request.genericRequest, now)) return;
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
        this.#lines.closeAll(now);
        this.#emit({ type: "paused" });
      }
      return;
    }
    this.#remote = readCapabilities(set);
    this.#lines.forget();
    this.#emit({ type: "capabilities", remote: this.#remote });
    // Whoever speaks first is answered in kind.
    this.start(now);
    if (this.#paused) {
      this.#paused = false;
      this.#emit({ type: "resumed" });
      this.#lines.open(now);
    } else {
      this.#progress(now);
      // A set sent anew may bring lines that the first had not.
      if (this.#lines.audio.transmitting !== undefined) this.#lines.open(now);
    }
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
    else if (response.openLogicalChannelAck) this.#lines.acked(response.openLogicalChannelAck);
    else if (response.openLogicalChannelReject) this.#lines.rejected(response.openLogicalChannelReject, now);
    else if (response.closeLogicalChannelAck) this.#lines.closeAcked(response.closeLogicalChannelAck.forwardLogicalChannelNumber);
    else if (response.genericResponse) {
      this.#presentation.handle("response", response.genericResponse, now);
      this.#lines.open(now);
    } else if (response.roundTripDelayResponse) {
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

  #command(command: Command, now: Millis): void {
    if (command.endSessionCommand) {
      this.end();
      this.#emit({ type: "session-ended" });
    } else if (command.flowControlCommand) {
      const { scope, restriction } = command.flowControlCommand;
      const bitsPerSecond = restriction.maximumBitRate === undefined ? undefined : restriction.maximumBitRate * 100;
      const line = this.#lines.lineSent(scope.logicalChannelNumber);
      if (scope.logicalChannelNumber === undefined || line !== undefined) this.#emit({ type: "flow-control", line, bitsPerSecond });
    } else if (command.miscellaneousCommand) {
      const { type, logicalChannelNumber } = command.miscellaneousCommand;
      const line = this.#lines.lineSent(logicalChannelNumber);
      const lost = type.lostPicture ?? type.lostPartialPicture;
      const wanted = type.videoFastUpdatePicture ?? type.videoFastUpdateGOB ?? type.videoFastUpdateMB ?? lost;
      if (wanted !== undefined && (line === "video" || line === "content")) this.#emit({ type: "fast-update", line });
    } else if (command.genericCommand) this.#presentation.handle("command", command.genericCommand, now);
    else if (command.sendTerminalCapabilitySet) {
      this.#sequence = (this.#sequence + 1) & 0xff;
      this.#send({
        request: { terminalCapabilitySet: composeCapabilities(this.#holding ? undefined : this.#capabilities, this.#sequence) },
      });
    }
  }

  #indication(indication: Indication, now: Millis): void {
    if (indication.genericIndication) this.#presentation.handle("indication", indication.genericIndication, now);
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
        // Once decided, a determination that fails changes nothing: channels are open by the first.
        if (action.type === "failed" && !this.#established) this.#fail(`master and slave not decided: ${action.reason}`);
        else this.#progress(now);
      }
    }
  }

  #progress(now: Millis): void {
    const role = this.#determination.role;
    if (this.#established || !this.#acked || this.#remote === undefined || role === undefined || this.#determination.waiting) return;
    this.#established = true;
    this.#emit({ type: "established", role });
    this.#lines.open(now);
  }

  #modeRequested({ sequenceNumber, requestedModes }: NonNullable<Request["requestMode"]>, now: Millis): void {
    const choices = requestedModes.map(readMode);
    const at = choices.findIndex((codec) => codec !== undefined && this.#capabilities.audio.some((a) => a.codec === codec));
    const codec = choices[at];
    const known = this.#remote?.audio.find((a) => a.codec === codec);
    if (codec === undefined || known === undefined || this.#media === undefined) {
      this.#send({ response: { requestModeReject: { sequenceNumber, cause: { modeUnavailable: true } } } });
      return;
    }
    const response = at === 0 ? ({ willTransmitMostPreferredMode: true } as const) : ({ willTransmitLessPreferredMode: true } as const);
    this.#send({ response: { requestModeAck: { sequenceNumber, response } } });
    if (this.#lines.audio.transmitting?.format.codec !== codec) this.#lines.replaceAudio(known, now);
  }
}
