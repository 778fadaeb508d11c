import type { Millis } from "../../base/clock.ts";
import { earliest, type Machine, type Timeout, Timers } from "../../base/machine.ts";
import type { ControlMessage, TerminalCapabilitySet } from "../../wire/h245/index.ts";
import {
  composeCapabilities,
  isEmptySet,
  type LocalCapabilities,
  type RemoteCapabilities,
  readCapabilities,
  revised,
} from "./capabilities.ts";
import type { Channels } from "./channels.ts";
import type { AudioCodec, AudioFormat } from "./codecs.ts";
import { Determination, type DeterminationAction } from "./determination.ts";
import { LineTable } from "./line-table.ts";
import type { LineName } from "./lines.ts";
import { answerMode } from "./modes.ts";
import { Presentation } from "./presentation.ts";
import { Questions } from "./questions.ts";
import { digitsOf, eventOf, replyTo } from "./replies.ts";
import type { ControlConfig, ControlEvent, LocalMedia } from "./types.ts";

type Request = NonNullable<ControlMessage["request"]>;
type Response = NonNullable<ControlMessage["response"]>;
type Command = NonNullable<ControlMessage["command"]>;
type Indication = NonNullable<ControlMessage["indication"]>;
type TimerName = "T101" | "T106";

export type ControlOutput =
  /** A message to be sent. */
  { readonly type: "message"; readonly message: ControlMessage } | { readonly type: "event"; readonly event: ControlEvent };

/** Control of one call, H.245. Knows nothing of how its messages travel: tunnelled or on a connection of their own. */
export class ControlMachine implements Machine<ControlOutput, ControlMessage> {
  readonly #config: ControlConfig;
  readonly #timers = new Timers<TimerName>();
  readonly #lines: LineTable;
  readonly #presentation: Presentation;
  readonly #determination: Determination;
  readonly #questions: Questions;
  #outputs: ControlOutput[] = [];
  #media: LocalMedia | undefined;
  #capabilities: LocalCapabilities;
  #started = false;
  #sequence = 0;
  #acked = false;
  #remote: RemoteCapabilities | undefined;
  /** What the peer's sets have come to; undefined after the empty one. */
  #set: TerminalCapabilitySet | undefined;
  /** A set has come, if the empty one. */
  #heard = false;
  #established = false;
  #paused = false;
  #holding = false;
  #deferred = false;
  #withheld = false;
  #together = false;
  #ended = false;

  constructor(config: ControlConfig) {
    this.#config = config;
    this.#capabilities = config.capabilities;
    const port = { send: (m: ControlMessage) => this.#send(m), emit: (e: ControlEvent) => this.#emit(e) };
    this.#presentation = new Presentation(port, config.draw);
    this.#questions = new Questions(port, config.durations);
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
          return machine.#established && !machine.#paused && !machine.#deferred && !machine.#withheld && !machine.#together;
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
    return this.#started && !this.#acked && !this.#heard;
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

  drain(): ControlOutput[] {
    const out = this.#outputs;
    this.#outputs = [];
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

  /** Whether it is to be seen first what the peer's next capabilities say: we open no channel until then. */
  withhold(withheld: boolean, now: Millis): void {
    this.#withheld = withheld;
    this.#lines.open(now);
  }

  /** Asks the peer to say its capabilities again (H.245 7.11.1). */
  askCapabilities(): void {
    this.#send({ command: { sendTerminalCapabilitySet: { genericRequest: true } } });
  }

  /** Channels agreed by fast connect. */
  adopt(...channels: Parameters<Channels<AudioFormat>["adopt"]>): void {
    this.#lines.audio.adopt(...channels);
  }

  /** A message of the peer's, or that time has come. */
  handle(input: ControlMessage | Timeout, now: Millis): void {
    if (this.#ended) return;
    if ("type" in input) this.#timeout(now);
    else this.#received(input, now);
  }

  #received(message: ControlMessage, now: Millis): void {
    if (message.request) this.#request(message.request, now);
    else if (message.response) this.#response(message.response, now);
    else if (message.command) this.#command(message.command, now);
    else if (message.indication) this.#indication(message.indication, now);
  }

  nextTimeout(): Millis | undefined {
    return earliest(this.#timers.next(), this.#questions.nextTimeout(), this.#lines.nextTimeout(), this.#presentation.nextTimeout());
  }

  #timeout(now: Millis): void {
    for (const name of this.#timers.expire(now)) {
      if (name === "T101") this.#fail("capabilities not answered");
      else this.#act(this.#determination.timedOut(), now);
    }
    this.#questions.timeout(now);
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
    this.#questions.measureRoundTrip(now);
  }
  /** Asks the peer to send one of these codecs, first wanted most. */
  requestMode(codecs: readonly AudioCodec[], now: Millis): void {
    this.#questions.requestMode(codecs, now);
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
    // H.239 6.1: its messages are for who has its capability.
    if (this.#remote?.presents !== true) {
      this.#emit({ type: "presentation-answered", granted: false });
      return;
    }
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
    this.#questions.clear();
  }

  #send(message: ControlMessage): void {
    if (!this.#ended) this.#outputs.push({ type: "message", message });
  }
  #emit(event: ControlEvent): void {
    this.#outputs.push({ type: "event", event });
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
    else if (request.requestMode) this.#modeRequested(request.requestMode, now);
    else this.#send(replyTo(request));
  }

  #capabilitiesHeard(set: TerminalCapabilitySet, now: Millis): void {
    this.#send({ response: { terminalCapabilitySetAck: { sequenceNumber: set.sequenceNumber } } });
    this.#heard = true;
    const empty = isEmptySet(set);
    this.#set = empty ? undefined : revised(this.#set, set);
    // What is taken away entry by entry may leave nothing, too.
    if (empty || this.#set?.capabilityTable?.length === 0) {
      // H.323 8.4.6: stop sending and close what we send; the peer's channels to us stay. Our own set is due all the
      // same, where this is the first that comes.
      if (!this.#paused) {
        this.#paused = true;
        this.#lines.closeAll(now);
        this.#emit({ type: "paused" });
      }
      this.start(now);
      this.#progress(now);
      return;
    }
    this.#remote = readCapabilities(this.#set!);
    this.#lines.forget();
    this.#emit({ type: "capabilities", remote: this.#remote });
    // Whoever speaks first is answered in kind.
    this.start(now);
    if (this.#paused) {
      this.#paused = false;
      this.#emit({ type: "resumed" });
      this.#progress(now);
      this.#lines.open(now);
    } else {
      this.#progress(now);
      this.#lines.revise(now);
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
      // One that answers an older set says nothing of the last.
      if (response.terminalCapabilitySetReject.sequenceNumber !== this.#sequence) return;
      this.#timers.clear("T101");
      // In a call that is up, what was agreed before stands (H.245 C.3).
      if (!this.#established)
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
    } else this.#questions.answered(response, now);
  }

  #command(command: Command, now: Millis): void {
    const told = eventOf(command, (channel) => this.#lines.lineSent(channel));
    if (told !== undefined) this.#emit(told);
    if (command.endSessionCommand) {
      this.end();
      this.#emit({ type: "session-ended" });
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
    const digits = digitsOf(indication);
    if (digits !== undefined) this.#emit(digits);
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
    if (this.#established || !this.#acked || !this.#heard || role === undefined || this.#determination.waiting) return;
    this.#established = true;
    this.#emit({ type: "established", role });
    this.#lines.open(now);
  }

  #modeRequested(asked: NonNullable<Request["requestMode"]>, now: Millis): void {
    const { answer, format } = answerMode(asked, this.#capabilities.audio, this.#media === undefined ? [] : (this.#remote?.audio ?? []));
    this.#send({ response: answer });
    if (format !== undefined && this.#lines.audio.transmitting?.format.codec !== format.codec) this.#lines.replaceAudio(format, now);
  }
}
