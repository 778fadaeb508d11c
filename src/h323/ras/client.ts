import type { Millis } from "../../base/clock.ts";
import { earliest, type Machine, type Timeout, Timers } from "../../base/machine.ts";
import { decodeRas, encodeRas, H225_VERSION, type RasMessage, type TransportAddress } from "../../wire/h225/index.ts";
import { type Address, fromH225, leadsBack, toH225 } from "../address.ts";
import { endpointType, hex } from "../call/messages.ts";
import { feature, findFeature, supports } from "../traversal/h460.ts";
import { readIndication, SIGNALLING_TRAVERSAL, Summons } from "../traversal/h460-18.ts";
import { AdmittedCalls } from "./admitted-calls.ts";
import type { AdmissionQuestion, RasClientConfig, RasEvent, RasOutput } from "./client-types.ts";
import { encodeSigned } from "./security.ts";

/** Request timers and retries, H.225.0 table 21 (seconds). */
const ATTEMPTS = 3;
const PATIENCE = {
  gatekeeperRequest: 5_000,
  registrationRequest: 3_000,
  admissionRequest: 5_000,
  disengageRequest: 3_000,
  unregistrationRequest: 3_000,
} as const;
/** After all of a gatekeeper's tries have failed, and no alternate is left. */
const AGAIN = 30_000;
/** A gatekeeper may ask for patience (RequestInProgress) so often for one request. */
const MOST_DELAYS = 5;

/** Alternate endpoints of one call that are tried. */
const MOST_ALTERNATES = 8;

type Kind = keyof typeof PATIENCE;
interface Pending {
  readonly kind: Kind;
  readonly message: RasMessage;
  readonly to: Address;
  readonly callIdentifier: string | undefined;
  tries: number;
  /** How often the gatekeeper has asked for patience. */
  delays: number;
}
type TimerName = `request ${number}` | "refresh" | "again";

/** Q.850 causes of admission rejects, H.225.0 table 5 as far as it speaks of them. */
const CAUSES: Readonly<Record<string, number>> = {
  calledPartyNotRegistered: 20,
  invalidPermission: 57,
  requestDenied: 21,
  callerNotRegistered: 38,
  resourceUnavailable: 47,
  securityDenial: 57,
  incompleteAddress: 28,
  noRouteToDestination: 3,
  unallocatedNumber: 1,
  exceedsCallCapacity: 42,
};

/** A gatekeeper's client: discovery, registration with light refreshes, admission, disengage. Follows alternates (H.323 7.2.6). */
export class RasClient implements Machine<RasOutput> {
  readonly #config: RasClientConfig;
  readonly #timers = new Timers<TimerName>();
  readonly #pending = new Map<number, Pending>();
  #outputs: RasOutput[] = [];
  #sequence = 0;
  #gatekeeper: Address;
  #gatekeeperIdentifier: string | undefined;
  #alternates: { address: Address; identifier: string | undefined }[] = [];
  #endpoint: string | undefined;
  #timeToLive: number;
  #stopped = true;
  /** Calls the gatekeeper is asked about, and those it has admitted. */
  readonly #questions = new Map<string, AdmissionQuestion>();
  readonly #calls = new AdmittedCalls();
  readonly #summons = new Summons();
  /** Hosts at which the gatekeeper takes calls. */
  #servers = new Set<string>();
  #traversed = false;
  /** Where the gatekeeper takes calls that it routes. */
  #route: Address | undefined;

  constructor(config: RasClientConfig) {
    this.#config = config;
    this.#gatekeeper = config.gatekeeper;
    this.#gatekeeperIdentifier = config.gatekeeperIdentifier;
    this.#timeToLive = config.timeToLive;
  }

  /** What the gatekeeper calls us; undefined while not registered. */
  get endpointIdentifier(): string | undefined {
    return this.#endpoint;
  }

  /** The gatekeeper indicates calls to us. */
  get traversed(): boolean {
    return this.#traversed;
  }

  drain(): RasOutput[] {
    const out = this.#outputs;
    this.#outputs = [];
    return out;
  }
  nextTimeout(): Millis | undefined {
    return earliest(this.#timers.next(), this.#calls.nextTimeout());
  }

  start(now: Millis): void {
    this.#stopped = false;
    if (this.#config.discover) this.#discover(now);
    else this.#register(false, now);
  }

  /** Takes the registration back. */
  stop(now: Millis): void {
    this.#stopped = true;
    this.#timers.clearAll();
    this.#pending.clear();
    this.#questions.clear();
    this.#calls.clear();
    if (this.#endpoint === undefined) return;
    const callSignalAddress = [toH225(this.#config.signalling)];
    const endpointIdentifier = this.#endpoint;
    this.#endpoint = undefined;
    this.#ask(
      "unregistrationRequest",
      (requestSeqNum) => ({ unregistrationRequest: { requestSeqNum, callSignalAddress, endpointIdentifier } }),
      now,
    );
  }

  /** Asks whether a call may be, and where it is to go. Answered by `admitted` or `not-admitted`. */
  admit(question: AdmissionQuestion, now: Millis): void {
    const { callIdentifier } = question;
    if (this.#endpoint === undefined) {
      this.#emit({ type: "not-admitted", callIdentifier, reason: "not registered", cause: 38 });
      return;
    }
    const endpointIdentifier = this.#endpoint;
    this.#questions.set(callIdentifier, question);
    const local = this.#config.identity.aliases;
    this.#ask(
      "admissionRequest",
      (requestSeqNum) => ({
        admissionRequest: {
          requestSeqNum,
          callType: { pointToPoint: true },
          callModel: { direct: true },
          endpointIdentifier,
          destinationInfo: question.destination,
          srcInfo: local,
          srcCallSignalAddress: toH225(this.#config.signalling),
          bandWidth: question.bandwidth,
          callReferenceValue: question.callReference,
          conferenceID: Buffer.from(question.conferenceId, "hex"),
          activeMC: false,
          answerCall: question.answer,
          canMapAlias: true,
          callIdentifier: { guid: Buffer.from(callIdentifier, "hex") },
          ...(this.#gatekeeperIdentifier === undefined ? {} : { gatekeeperIdentifier: this.#gatekeeperIdentifier }),
          willSupplyUUIEs: false,
        },
      }),
      now,
      callIdentifier,
    );
  }

  /** The call is over. */
  disengage(question: Pick<AdmissionQuestion, "callIdentifier" | "conferenceId" | "callReference" | "answer">, now: Millis): void {
    const endpointIdentifier = this.#endpoint;
    this.#questions.delete(question.callIdentifier);
    this.#calls.delete(question.callIdentifier);
    if (endpointIdentifier === undefined) return;
    this.#ask(
      "disengageRequest",
      (requestSeqNum) => ({
        disengageRequest: {
          requestSeqNum,
          endpointIdentifier,
          conferenceID: Buffer.from(question.conferenceId, "hex"),
          callReferenceValue: question.callReference,
          disengageReason: { normalDrop: true },
          callIdentifier: { guid: Buffer.from(question.callIdentifier, "hex") },
          answeredCall: question.answer,
        },
      }),
      now,
    );
  }

  /** A message. Only the gatekeeper in use is listened to. */
  received(bytes: Uint8Array, from: Address, now: Millis): void {
    if (!this.#config.tunnelled && from.host !== this.#gatekeeper.host) return;
    let message: RasMessage;
    try {
      message = decodeRas(bytes);
    } catch {
      return;
    }
    if (this.#answer(message, now)) return;
    this.#asked(message, from, now);
  }

  handle(_: Timeout, now: Millis): void {
    for (const calls of this.#calls.due(now)) {
      this.#report(this.#next(), calls, true, this.#gatekeeper, now);
    }
    for (const name of this.#timers.expire(now)) {
      if (name === "refresh") this.#register(true, now);
      else if (name === "again") this.start(now);
      else this.#unanswered(Number(name.slice(8)), now);
    }
  }

  #emit(event: RasEvent): void {
    this.#outputs.push({ type: "event", event });
  }

  #next(): number {
    this.#sequence = (this.#sequence % 65535) + 1;
    return this.#sequence;
  }

  #ask(kind: Kind, compose: (requestSeqNum: number) => RasMessage, now: Millis, callIdentifier?: string): void {
    const sequence = this.#next();
    this.#pending.set(sequence, { kind, message: compose(sequence), to: this.#gatekeeper, callIdentifier, tries: 0, delays: 0 });
    this.#transmit(sequence, now);
  }

  #transmit(sequence: number, now: Millis): void {
    const pending = this.#pending.get(sequence)!;
    pending.tries++;
    this.#timers.set(`request ${sequence}`, now + PATIENCE[pending.kind]);
    this.#send(pending.message, pending.to, now);
  }

  #send(message: RasMessage, to: Address, now: Millis): void {
    const { credentials, epoch } = this.#config;
    const bytes =
      credentials === undefined
        ? encodeRas(message)
        : encodeSigned(message, credentials, {
            generalId: this.#gatekeeperIdentifier ?? credentials.user,
            seconds: epoch + Math.floor(now / 1000),
            random: this.#sequence,
          });
    this.#outputs.push({ type: "send", to, bytes });
  }

  #discover(now: Millis): void {
    this.#ask(
      "gatekeeperRequest",
      (requestSeqNum) => ({
        gatekeeperRequest: {
          requestSeqNum,
          protocolIdentifier: H225_VERSION,
          rasAddress: toH225(this.#config.ras),
          endpointType: endpointType(this.#config),
          endpointAlias: this.#config.identity.aliases,
          ...(this.#gatekeeperIdentifier === undefined ? {} : { gatekeeperIdentifier: this.#gatekeeperIdentifier }),
          supportsAltGK: true,
          supportsAssignedGK: false,
          ...(this.#config.traversal ? { featureSet: supports(feature(SIGNALLING_TRAVERSAL)) } : {}),
        },
      }),
      now,
    );
  }

  #register(light: boolean, now: Millis): void {
    const keepAlive = light && this.#endpoint !== undefined;
    if (!keepAlive) this.#traversed = false;
    const type = endpointType(this.#config);
    this.#ask(
      "registrationRequest",
      (requestSeqNum) => ({
        registrationRequest: {
          requestSeqNum,
          protocolIdentifier: H225_VERSION,
          discoveryComplete: this.#config.discover,
          callSignalAddress: [toH225(this.#config.signalling)],
          rasAddress: [toH225(this.#config.ras)],
          terminalType: type,
          ...(keepAlive ? {} : { terminalAlias: this.#config.identity.aliases }),
          ...(this.#gatekeeperIdentifier === undefined ? {} : { gatekeeperIdentifier: this.#gatekeeperIdentifier }),
          endpointVendor: type.vendor!,
          timeToLive: this.#timeToLive,
          keepAlive,
          ...(this.#endpoint === undefined ? {} : { endpointIdentifier: this.#endpoint }),
          willSupplyUUIEs: false,
          maintainConnection: false,
          supportsAltGK: true,
          supportsAssignedGK: false,
          ...(this.#config.traversal ? { featureSet: supports(feature(SIGNALLING_TRAVERSAL)) } : {}),
        },
      }),
      now,
    );
  }

  /** Takes a message that answers a request of ours; false when it is none. */
  #answer(message: RasMessage, now: Millis): boolean {
    const body = Object.values(message)[0] as { readonly requestSeqNum?: number };
    const sequence = body.requestSeqNum ?? 0;
    const pending = this.#pending.get(sequence);
    const { requestInProgress: progress } = message;
    if (progress !== undefined) {
      if (pending !== undefined && pending.delays++ < MOST_DELAYS) this.#timers.set(`request ${sequence}`, now + progress.delay);
      return true;
    }
    if (!/Confirm$|Reject$/.test(Object.keys(message)[0] ?? "")) return false;
    // The answer must be one to that kind of request.
    if (pending === undefined || !Object.keys(message)[0]!.startsWith(pending.kind.replace("Request", ""))) return true;
    this.#pending.delete(sequence);
    this.#timers.clear(`request ${sequence}`);
    this.#answered(message, pending, now);
    return true;
  }

  #answered(message: RasMessage, pending: Pending, now: Millis): void {
    const { gatekeeperConfirm: gcf, registrationConfirm: rcf, admissionConfirm: acf, admissionReject: arj } = message;
    if (gcf !== undefined) {
      const said = fromH225(gcf.rasAddress);
      if (said !== undefined && !this.#config.tunnelled && leadsBack(said, this.#gatekeeper)) this.#gatekeeper = said;
      this.#gatekeeperIdentifier = gcf.gatekeeperIdentifier ?? this.#gatekeeperIdentifier;
      this.#learn(gcf.alternateGatekeeper);
      this.#register(false, now);
    } else if (rcf !== undefined) {
      const fresh = this.#endpoint !== rcf.endpointIdentifier;
      this.#endpoint = rcf.endpointIdentifier;
      this.#gatekeeperIdentifier = rcf.gatekeeperIdentifier ?? this.#gatekeeperIdentifier;
      this.#learn(rcf.alternateGatekeeper);
      this.#traversed = this.#config.traversal === true && (this.#traversed || findFeature(rcf, SIGNALLING_TRAVERSAL) !== undefined);
      const takes = rcf.callSignalAddress.flatMap((a) => fromH225(a)?.host ?? []);
      this.#route = rcf.callSignalAddress.flatMap((a) => fromH225(a) ?? []).find((a) => leadsBack(a, this.#gatekeeper));
      this.#servers = new Set([this.#gatekeeper.host, ...takes]);
      if (rcf.timeToLive !== undefined) this.#timeToLive = rcf.timeToLive;
      // Early enough for all tries of the refresh.
      this.#timers.set("refresh", now + Math.max(this.#timeToLive * 500, this.#timeToLive * 1000 - 20_000));
      if (fresh) this.#emit({ type: "registered", endpointIdentifier: rcf.endpointIdentifier, gatekeeper: this.#gatekeeper });
    } else if (acf !== undefined && pending.callIdentifier !== undefined) {
      const to = fromH225(acf.destCallSignalAddress);
      const endpoints = [...(acf.alternateEndpoints ?? [])].sort((a, b) => (a.priority ?? 0) - (b.priority ?? 0)).slice(0, MOST_ALTERNATES);
      const alternates = endpoints.flatMap(({ callSignalAddress = [] }) => fromH225(callSignalAddress[0]) ?? []);
      const question = this.#questions.get(pending.callIdentifier);
      this.#questions.delete(pending.callIdentifier);
      // Else it was given up meanwhile, and is over.
      if (question !== undefined) this.#calls.add(question, acf.irrFrequency, now);
      this.#emit({ type: "admitted", callIdentifier: pending.callIdentifier, to, destination: acf.destinationInfo ?? [], alternates });
    } else if (arj !== undefined && pending.callIdentifier !== undefined) {
      const question = this.#questions.get(pending.callIdentifier);
      this.#questions.delete(pending.callIdentifier);
      const reason = Object.keys(arj.rejectReason)[0] ?? "undefinedReason";
      // H.225.0 7.11.3: the call is to be placed by way of the gatekeeper itself.
      if (reason === "routeCallToGatekeeper" && question?.answer === false && this.#route !== undefined) {
        const { callIdentifier } = pending;
        this.#emit({ type: "admitted", callIdentifier, to: this.#route, destination: question.destination, alternates: [] });
        return;
      }
      this.#emit({ type: "not-admitted", callIdentifier: pending.callIdentifier, reason, cause: CAUSES[reason] ?? 31 });
      if (reason === "callerNotRegistered" || reason === "invalidEndpointIdentifier") this.#lost(reason, now);
    } else if (message.gatekeeperReject !== undefined || message.registrationReject !== undefined) {
      const rejected = message.gatekeeperReject ?? message.registrationReject!;
      const reason = Object.keys(rejected.rejectReason)[0] ?? "undefinedReason";
      this.#learn(rejected.altGKInfo?.alternateGatekeeper);
      if (reason === "discoveryRequired") this.#discover(now);
      else if (reason === "fullRegistrationRequired") {
        this.#endpoint = undefined;
        this.#register(false, now);
      } else if (!this.#turnToAlternate(now)) this.#lost(reason, now);
    }
  }

  #unanswered(sequence: number, now: Millis): void {
    const pending = this.#pending.get(sequence);
    if (pending === undefined) return;
    if (pending.tries < ATTEMPTS) {
      this.#transmit(sequence, now);
      return;
    }
    this.#pending.delete(sequence);
    if (pending.callIdentifier !== undefined) this.#questions.delete(pending.callIdentifier);
    if (pending.callIdentifier !== undefined)
      this.#emit({ type: "not-admitted", callIdentifier: pending.callIdentifier, reason: "the gatekeeper does not answer", cause: 38 });
    if (pending.kind === "gatekeeperRequest" || pending.kind === "registrationRequest") {
      if (!this.#turnToAlternate(now)) this.#lost("the gatekeeper does not answer", now);
    }
  }

  #learn(
    gatekeepers:
      | readonly { readonly rasAddress: TransportAddress; readonly gatekeeperIdentifier?: string; readonly priority: number }[]
      | undefined,
  ): void {
    if (gatekeepers === undefined || this.#config.tunnelled) return;
    this.#alternates = [...gatekeepers]
      .sort((a, b) => a.priority - b.priority)
      .flatMap((g) => {
        const address = fromH225(g.rasAddress);
        return address === undefined ? [] : [{ address, identifier: g.gatekeeperIdentifier }];
      })
      .slice(0, 16);
  }

  #turnToAlternate(now: Millis): boolean {
    const next = this.#alternates.shift();
    if (next === undefined) return false;
    this.#gatekeeper = next.address;
    this.#gatekeeperIdentifier = next.identifier;
    this.#endpoint = undefined;
    this.#register(false, now);
    return true;
  }

  /** Not registered any more: begins again from the configured gatekeeper after a while. */
  #lost(reason: string, now: Millis): void {
    this.#endpoint = undefined;
    this.#timers.clear("refresh");
    this.#emit({ type: "unregistered", reason });
    this.#gatekeeper = this.#config.gatekeeper;
    this.#gatekeeperIdentifier = this.#config.gatekeeperIdentifier;
    if (!this.#stopped) this.#timers.set("again", now + AGAIN);
  }

  /** What the gatekeeper asks of us. */
  #asked(message: RasMessage, from: Address, now: Millis): void {
    const reply = (answer: RasMessage) => this.#send(answer, from, now);
    const { unregistrationRequest: urq, disengageRequest: drq, infoRequest: irq, bandwidthRequest: brq } = message;
    const { serviceControlIndication: sci } = message;
    if (urq !== undefined) {
      reply({ unregistrationConfirm: { requestSeqNum: urq.requestSeqNum } });
      this.#learn(urq.alternateGatekeeper);
      if (!this.#turnToAlternate(now)) {
        this.#endpoint = undefined;
        this.#emit({ type: "unregistered", reason: Object.keys(urq.reason ?? {})[0] ?? "by the gatekeeper" });
        this.#register(false, now);
      }
    } else if (drq !== undefined) {
      reply({ disengageConfirm: { requestSeqNum: drq.requestSeqNum } });
      if (drq.callIdentifier !== undefined) this.#emit({ type: "drop", callIdentifier: hex(drq.callIdentifier.guid) });
    } else if (brq !== undefined) reply({ bandwidthConfirm: { requestSeqNum: brq.requestSeqNum, bandWidth: brq.bandWidth } });
    else if (sci !== undefined) {
      const call = this.#traversed ? readIndication(sci) : undefined;
      const verdict = call && this.#summons.judge(call, this.#servers);
      const { requestSeqNum } = sci;
      const result = verdict === undefined || verdict === "stranger" ? ({ notAvailable: true } as const) : ({ started: true } as const);
      reply({ serviceControlResponse: { requestSeqNum, result } });
      if (call !== undefined && verdict === "come") this.#emit({ type: "summoned", ...call });
    } else if (irq !== undefined && this.#endpoint !== undefined) {
      const to = fromH225(irq.replyAddress) ?? from;
      this.#report(irq.requestSeqNum, this.#calls.answer(irq), false, to.host === from.host ? to : from, now);
    }
  }

  /** Tells the gatekeeper what we are, and of calls. */
  #report(requestSeqNum: number, calls: ReturnType<AdmittedCalls["answer"]>, unsolicited: boolean, to: Address, now: Millis): void {
    if (this.#endpoint === undefined) return;
    const response: RasMessage = {
      infoRequestResponse: {
        requestSeqNum,
        endpointType: endpointType(this.#config),
        endpointIdentifier: this.#endpoint,
        rasAddress: toH225(this.#config.ras),
        callSignalAddress: [toH225(this.#config.signalling)],
        endpointAlias: this.#config.identity.aliases,
        ...calls,
        needResponse: false,
        unsolicited,
      },
    };
    this.#send(response, to, now);
  }
}
