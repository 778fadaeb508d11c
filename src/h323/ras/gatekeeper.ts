import type { Millis } from "../../base/clock.ts";
import { earliest, type Machine, type Timeout, Timers } from "../../base/machine.ts";
import {
  type AdmissionRejectReason,
  type AliasAddress,
  decodeRas,
  encodeRas,
  H225_VERSION,
  type RasMessage,
  type RegistrationRejectReason,
} from "../../wire/h225/index.ts";
import { type Address, fromH225, type RasAddress, toH225 } from "../address.ts";
import { aliasText, hex, readProduct } from "../call/messages.ts";
import { dialledNames } from "../uri.ts";
import { feature, findFeature, supports } from "../traversal/h460.ts";
import { RAS_TUNNELLING } from "../traversal/h460-17.ts";
import { Indications, SIGNALLING_TRAVERSAL } from "../traversal/h460-18.ts";
import type { GatekeeperConfig, GatekeeperEvent, GatekeeperOutput, Registration } from "./gatekeeper-types.ts";
import { LOCATION_PATIENCE, Locations } from "./locations.ts";
import { Proofs } from "./proofs.ts";
import { CLOCK_SKEW } from "./security.ts";

type AdmissionRequest = NonNullable<RasMessage["admissionRequest"]>;
interface Location {
  readonly request: AdmissionRequest;
  readonly from: RasAddress;
  readonly caller: Registration;
}
type TimerName = `endpoint ${string}`;
/** Asked for an endpoint's admission, or by our owner under a name of its own. */
type Question = Location | { readonly own: string };
/** A request as it came. */
interface Received {
  readonly message: RasMessage;
  readonly bytes: Uint8Array;
  readonly from: RasAddress;
  readonly now: Millis;
}

const OBJECTIONS = {
  missing: "it proves no password",
  stale: `the time of its token is more than ${CLOCK_SKEW} s off: compare its clock with ours`,
  wrong: "its token proves another password or another name",
  replayed: "its token has been used before, or by another sender",
} as const;

/** A small gatekeeper (H.323 clause 6.4, H.225.0 7.7): registers endpoints, admits calls in the direct model, locates. */
export class Gatekeeper implements Machine<GatekeeperOutput> {
  readonly #config: GatekeeperConfig;
  readonly #timers = new Timers<TimerName>();
  readonly #endpoints = new Map<string, Registration>();
  readonly #byAlias = new Map<string, string>();
  readonly #locations: Locations<Question>;
  readonly #proofs: Proofs;
  readonly #indications = new Indications({
    sequence: () => this.#next(),
    send: (message, to) => this.#send(message, to),
    failed: (callIdentifier) => this.#emit({ type: "not-summoned", callIdentifier }),
  });
  #outputs: GatekeeperOutput[] = [];
  #sequence = 0;

  constructor(config: GatekeeperConfig) {
    this.#config = config;
    this.#proofs = new Proofs(config);
    this.#locations = new Locations<Question>({
      identifier: config.identifier,
      ras: config.ras,
      neighbours: () => config.neighbours,
      sequence: () => this.#next(),
      send: (message, to) => this.#send(message, to),
      found: (question, to) => {
        if ("own" in question) this.#emit({ type: "located", question: question.own, to });
        else this.#confirm(question.request, question.from, question.caller, to);
      },
      failed: (question) => {
        if ("own" in question) this.#emit({ type: "located", question: question.own, to: undefined });
        else this.#reject(question.request, question.from, { calledPartyNotRegistered: true });
      },
    });
  }

  /** Asks the neighbours for an alias that is not registered here. Answered by `located` with `question`; false where there is nobody to ask. */
  locate(alias: AliasAddress, question: string, now: Millis): boolean {
    return this.#locations.ask({ own: question }, [alias], now);
  }

  /** Whether a neighbour has answered the last question; undefined before the first. */
  answering(neighbour: Address): boolean | undefined {
    return this.#locations.answering(neighbour.host);
  }
  get registrations(): readonly Registration[] {
    return [...this.#endpoints.values()];
  }
  /** Who is registered under an alias. */
  find(alias: string): Registration | undefined {
    const id = this.#byAlias.get(alias.toLowerCase());
    return id === undefined ? undefined : this.#endpoints.get(id);
  }

  drain(): GatekeeperOutput[] {
    const out = this.#outputs;
    this.#outputs = [];
    return out;
  }
  nextTimeout(): Millis | undefined {
    return earliest(this.#timers.next(), this.#indications.nextTimeout(), this.#locations.nextTimeout());
  }

  /** Tells an endpoint behind a firewall that a call waits for it at our signalling address (H.460.18). */
  summon(registration: Registration, callIdentifier: string, now: Millis): void {
    this.#indications.send({ callIdentifier, to: this.#config.signalling }, registration.ras, now);
  }

  /** The connection that RAS came by is no more: who registered by it is gone (H.460.17). */
  disconnected(connection: number): void {
    for (const { ras, endpointIdentifier } of [...this.#endpoints.values()])
      if (ras.connection === connection) this.#forget(endpointIdentifier, "disconnected");
  }

  handle(_: Timeout, now: Millis): void {
    this.#indications.timeout(now);
    this.#locations.timeout(now);
    for (const name of this.#timers.expire(now)) this.#forget(name.slice(9), "expired");
  }

  /** A datagram. What cannot be decoded is not answered. */
  received(bytes: Uint8Array, from: RasAddress, now: Millis): void {
    let message: RasMessage;
    try {
      message = decodeRas(bytes);
    } catch {
      this.#emit({ type: "malformed", from });
      return;
    }
    const { gatekeeperRequest, registrationRequest, unregistrationRequest, admissionRequest, disengageRequest } = message;
    const received = { message, bytes, from, now };
    if (gatekeeperRequest !== undefined) this.#discovered(gatekeeperRequest, received);
    else if (registrationRequest !== undefined) this.#register(registrationRequest, received);
    else if (unregistrationRequest !== undefined) this.#unregister(unregistrationRequest, received);
    else if (admissionRequest !== undefined) this.#admit(admissionRequest, received);
    else if (disengageRequest !== undefined) this.#disengage(disengageRequest, received);
    else this.#others(received);
  }

  #send(message: RasMessage, to: RasAddress): void {
    this.#outputs.push({ type: "send", to, bytes: encodeRas(message) });
  }
  #emit(event: GatekeeperEvent): void {
    this.#outputs.push({ type: "event", event });
  }

  #discovered(request: NonNullable<RasMessage["gatekeeperRequest"]>, received: Received): void {
    const { requestSeqNum, gatekeeperIdentifier } = request;
    const { from } = received;
    const names = (request.endpointAlias ?? []).map(aliasText);
    const foreign = gatekeeperIdentifier !== undefined && gatekeeperIdentifier !== this.#config.identifier;
    // Who is asked for nothing but our address need prove nothing; a token that comes is looked at, so that nobody else can use it.
    const detail = (request.cryptoTokens ?? []).length > 0 ? this.#unproven(names, received) : undefined;
    if (foreign || detail !== undefined) {
      const rejectReason = foreign ? ({ terminalExcluded: true } as const) : ({ securityDenial: true } as const);
      if (!foreign) this.#refused("discovery", rejectReason, from, detail);
      this.#send({ gatekeeperReject: { requestSeqNum, protocolIdentifier: H225_VERSION, rejectReason } }, from);
      return;
    }
    this.#send(
      {
        gatekeeperConfirm: {
          requestSeqNum,
          protocolIdentifier: H225_VERSION,
          gatekeeperIdentifier: this.#config.identifier,
          rasAddress: toH225(this.#config.ras),
          ...(this.#config.traversal !== undefined && findFeature(request, SIGNALLING_TRAVERSAL) !== undefined
            ? { featureSet: supports(feature(SIGNALLING_TRAVERSAL)) }
            : {}),
        },
      },
      from,
    );
  }

  #register(request: NonNullable<RasMessage["registrationRequest"]>, received: Received): void {
    const { from, now } = received;
    const named = request.endpointIdentifier === undefined ? undefined : this.#endpoints.get(request.endpointIdentifier);
    const light = request.keepAlive === true;
    const said = (request.terminalAlias ?? []).map(aliasText);
    // An identifier that is somebody else's says nothing of who sends it.
    const known = named !== undefined && this.#mayChange(named, received, said) ? named : undefined;
    const aliases = light ? (known?.aliases ?? []) : (request.terminalAlias ?? []);
    const traversal = light ? known?.traversal : this.#traversalOf(request, from);
    const at = request.callSignalAddress.map(fromH225).find((a) => a !== undefined);
    // What it says of itself behind a firewall is of no use; it tells it apart from others there.
    const signalling = light ? known?.signalling : traversal === undefined ? at : { host: from.host, port: at?.port ?? from.port };
    const objection = this.#registrationObjection({ light, known, aliases, signalling }, received);
    if (objection !== undefined || signalling === undefined) {
      const { reason, detail } = objection ?? { reason: { invalidCallSignalAddress: true } as const };
      this.#refused("registration", reason, from, detail);
      const { requestSeqNum } = request;
      this.#send({ registrationReject: { requestSeqNum, protocolIdentifier: H225_VERSION, rejectReason: reason } }, from);
      return;
    }
    for (const alias of aliases) {
      const holder = this.find(aliasText(alias));
      if (holder !== undefined && holder !== known) this.#forget(holder.endpointIdentifier, "replaced");
    }
    const timeToLive = this.#timeToLive(request.timeToLive, traversal);
    const endpointIdentifier = known?.endpointIdentifier ?? hex(this.#config.random(8));
    const registration: Registration = {
      endpointIdentifier,
      aliases,
      signalling,
      ras: from,
      product: readProduct(request.endpointVendor.productId) ?? known?.product,
      // A little longer than told, for a refresh on its way.
      expires: now + timeToLive * 1000 + 10_000,
      traversal,
    };
    if (known !== undefined) for (const alias of known.aliases) this.#byAlias.delete(aliasText(alias).toLowerCase());
    this.#endpoints.set(endpointIdentifier, registration);
    for (const alias of aliases) this.#byAlias.set(aliasText(alias).toLowerCase(), endpointIdentifier);
    this.#timers.set(`endpoint ${endpointIdentifier}`, registration.expires);
    if (!light) this.#emit({ type: "registered", registration });
    this.#send(
      {
        registrationConfirm: {
          requestSeqNum: request.requestSeqNum,
          protocolIdentifier: H225_VERSION,
          callSignalAddress: traversal === "h460.17" ? [] : [toH225(this.#config.signalling)],
          // a refresh knows its names, and may be as short as its answer would be long
          ...(light ? {} : { terminalAlias: aliases }),
          gatekeeperIdentifier: this.#config.identifier,
          endpointIdentifier,
          timeToLive,
          willRespondToIRR: false,
          maintainConnection: traversal === "h460.17",
          ...(traversal === undefined
            ? {}
            : { featureSet: supports(feature(traversal === "h460.17" ? RAS_TUNNELLING : SIGNALLING_TRAVERSAL)) }),
        },
      },
      from,
    );
  }

  #traversalOf(request: NonNullable<RasMessage["registrationRequest"]>, from: RasAddress): Registration["traversal"] {
    if (from.connection !== undefined) return "h460.17";
    const offered = this.#config.traversal !== undefined && findFeature(request, SIGNALLING_TRAVERSAL) !== undefined;
    return offered ? "h460.18" : undefined;
  }

  #timeToLive(wanted: number | undefined, traversal: Registration["traversal"]): number {
    if (traversal !== undefined) return this.#config.traversal ?? 60;
    return Math.max(30, Math.min(wanted ?? this.#config.timeToLive, this.#config.timeToLive));
  }

  #next(): number {
    this.#sequence = (this.#sequence % 65535) + 1;
    return this.#sequence;
  }

  /** Why a registration is not taken. */
  #registrationObjection(
    asked: {
      readonly light: boolean;
      readonly known: Registration | undefined;
      readonly aliases: readonly AliasAddress[];
      readonly signalling: Address | undefined;
    },
    received: Received,
  ): { readonly reason: RegistrationRejectReason; readonly detail?: string } | undefined {
    const { light, known, aliases, signalling } = asked;
    const { from } = received;
    // H.323 7.2.2: a light refresh of what has expired, or from elsewhere, needs the whole again.
    if (light && (known === undefined || !madeBy(known, from))) return { reason: { fullRegistrationRequired: true } };
    if (signalling === undefined) return { reason: { invalidCallSignalAddress: true } };
    if (aliases.length === 0 || aliases.length > 32) return { reason: { invalidAlias: true } };
    const names = aliases.map(aliasText);
    const denied = { securityDenial: true } as const;
    const ours = names.find((name) => dialledNames(name).some((meant) => this.#config.ours(meant)));
    if (ours !== undefined) return { reason: denied, detail: "the gateway takes calls for that alias itself" };
    if (names.some((name) => this.#config.password(name) === null))
      return { reason: denied, detail: "an alias that is not in h323.gatekeeper.endpoints" };
    const detail = this.#unproven(names, received);
    if (detail !== undefined) return { reason: denied, detail };
    // The same endpoint may come back after a restart; another must not take its names.
    for (const alias of aliases) {
      const holder = this.find(aliasText(alias));
      if (holder === undefined || holder === known) continue;
      const again = holder.signalling.host === signalling.host && holder.signalling.port === signalling.port;
      const proven = this.#proofs.needed(holder.aliases.map(aliasText));
      if (!this.#mayChange(holder, received, names) || !(again || proven)) return { reason: { duplicateAlias: [alias] } };
    }
    if (known !== undefined) return undefined;
    let fromSource = 0;
    for (const { ras } of this.#endpoints.values()) if (ras.host === from.host) fromSource++;
    const full = this.#endpoints.size >= this.#config.maxEndpoints || fromSource >= (this.#config.maxPerSource ?? 100);
    if (full) return { reason: { resourceUnavailable: true } };
    return undefined;
  }

  /** Why a message does not prove all of the names that have a password; undefined where it does, or none has. `also` are more names its sender may sign with. */
  #unproven(names: readonly string[], { message, bytes, from, now }: Received, also: readonly string[] = []): string | undefined {
    const verdict = this.#proofs.objection({ names, senders: [...names, ...also], message, bytes }, from, now);
    return verdict && OBJECTIONS[verdict];
  }

  /**
   * Whether a request may change a registration or speak for it: it comes from where the registration was made and proves what has a password, or it proves that
   * from elsewhere. `also` are more names its sender may sign with.
   */
  #mayChange(registration: Registration, received: Received, also: readonly string[] = []): boolean {
    const names = registration.aliases.map(aliasText);
    if (this.#unproven(names, received, [registration.endpointIdentifier, ...also]) !== undefined) return false;
    return madeBy(registration, received.from) || this.#proofs.needed(names);
  }

  #refused(what: string, reason: object, from: RasAddress, detail?: string): void {
    this.#emit({ type: "refused", from, what, reason: Object.keys(reason)[0]!, ...(detail === undefined ? {} : { detail }) });
  }

  #forget(endpointIdentifier: string, reason: "expired" | "asked" | "replaced" | "disconnected"): void {
    const registration = this.#endpoints.get(endpointIdentifier);
    if (registration === undefined) return;
    this.#endpoints.delete(endpointIdentifier);
    this.#timers.clear(`endpoint ${endpointIdentifier}`);
    for (const alias of registration.aliases) {
      const name = aliasText(alias).toLowerCase();
      if (this.#byAlias.get(name) === endpointIdentifier) this.#byAlias.delete(name);
    }
    this.#emit({ type: "unregistered", registration, reason });
  }

  #unregister(request: NonNullable<RasMessage["unregistrationRequest"]>, received: Received): void {
    const { requestSeqNum } = request;
    const { from } = received;
    const known = this.#of(request.endpointIdentifier, received);
    if (known === undefined || typeof known === "string") {
      const rejectReason = known === undefined ? ({ notCurrentlyRegistered: true } as const) : ({ securityDenial: true } as const);
      this.#refused("unregistration", rejectReason, from, known);
      this.#send({ unregistrationReject: { requestSeqNum, rejectReason } }, from);
      return;
    }
    this.#forget(known.endpointIdentifier, "asked");
    this.#send({ unregistrationConfirm: { requestSeqNum } }, from);
  }

  /** A registration by its identifier, if the request may speak for it; a sentence where it comes from the right place and proves nothing. */
  #of(endpointIdentifier: string | undefined, received: Received): Registration | string | undefined {
    const known = endpointIdentifier === undefined ? undefined : this.#endpoints.get(endpointIdentifier);
    if (known === undefined || this.#mayChange(known, received)) return known;
    if (!madeBy(known, received.from)) return undefined;
    return this.#unproven(known.aliases.map(aliasText), received, [known.endpointIdentifier]);
  }

  #admit(request: AdmissionRequest, received: Received): void {
    const { from, now } = received;
    const caller = this.#of(request.endpointIdentifier, received);
    const wanted = request.destinationInfo ?? [];
    if (caller === undefined) this.#reject(request, from, { callerNotRegistered: true });
    else if (typeof caller === "string") this.#reject(request, from, { securityDenial: true }, caller);
    else if (request.answerCall) this.#confirm(request, from, caller, caller.signalling);
    else {
      const to = wanted.length === 0 ? fromH225(request.destCallSignalAddress) : this.#here(wanted);
      if (to !== undefined) this.#confirm(request, from, caller, to);
      else if (wanted.length === 0) this.#reject(request, from, { incompleteAddress: true });
      else if (!this.#locations.ask({ request, from, caller }, wanted, now))
        this.#reject(request, from, { calledPartyNotRegistered: true });
      // The caller is told that it takes a while, or it would ask again.
      else this.#send({ requestInProgress: { requestSeqNum: request.requestSeqNum, delay: LOCATION_PATIENCE + 1000 } }, from);
    }
  }

  #here(wanted: readonly AliasAddress[]): Address | undefined {
    for (const name of wanted.flatMap((alias) => dialledNames(aliasText(alias)))) {
      const registered = this.find(name);
      // Who is behind a firewall is reached by us only, and we route no calls.
      if (registered !== undefined) return registered.traversal === undefined ? registered.signalling : undefined;
      if (this.#config.ours(name)) return this.#config.signalling;
    }
    return undefined;
  }

  #confirm(request: AdmissionRequest, from: RasAddress, caller: Registration, to: RasAddress): void {
    const callIdentifier = request.callIdentifier === undefined ? "" : hex(request.callIdentifier.guid);
    this.#emit({ type: "admitted", from: caller, callIdentifier, to });
    this.#send(
      {
        admissionConfirm: {
          requestSeqNum: request.requestSeqNum,
          bandWidth: Math.min(request.bandWidth, this.#config.maxBandwidth),
          callModel: { direct: true },
          destCallSignalAddress: toH225(to),
          willRespondToIRR: false,
        },
      },
      from,
    );
  }

  #reject(request: AdmissionRequest, from: RasAddress, rejectReason: AdmissionRejectReason, detail?: string): void {
    this.#refused("admission", rejectReason, from, detail);
    this.#send({ admissionReject: { requestSeqNum: request.requestSeqNum, rejectReason } }, from);
  }

  #disengage(request: NonNullable<RasMessage["disengageRequest"]>, received: Received): void {
    const { requestSeqNum } = request;
    const { from } = received;
    const known = this.#of(request.endpointIdentifier, received);
    if (known === undefined || typeof known === "string") {
      const rejectReason = known === undefined ? ({ notRegistered: true } as const) : ({ securityDenial: true } as const);
      this.#send({ disengageReject: { requestSeqNum, rejectReason } }, from);
      return;
    }
    const callIdentifier = request.callIdentifier === undefined ? "" : hex(request.callIdentifier.guid);
    this.#emit({ type: "disengaged", from: known, callIdentifier });
    this.#send({ disengageConfirm: { requestSeqNum } }, from);
  }

  #others(received: Received): void {
    const { message, from } = received;
    const {
      locationRequest: lrq,
      locationConfirm: lcf,
      locationReject: lrj,
      bandwidthRequest: brq,
      infoRequestResponse: irr,
      resourcesAvailableIndicate: rai,
      serviceControlResponse: scr,
    } = message;
    if (lrq !== undefined) {
      const to = fromH225(lrq.replyAddress) ?? from;
      const answerTo = to.host === from.host ? to : from; // not at the word of a stranger to a third party
      const asks = this.#config.neighbours.some((n) => n.host === from.host);
      const proven = this.#unproven((lrq.sourceInfo ?? []).map(aliasText), received) === undefined;
      const found = asks && proven ? this.#here(lrq.destinationInfo) : undefined;
      if (found === undefined)
        this.#send({ locationReject: { requestSeqNum: lrq.requestSeqNum, rejectReason: { notRegistered: true } } }, answerTo);
      else
        this.#send(
          { locationConfirm: { requestSeqNum: lrq.requestSeqNum, callSignalAddress: toH225(found), rasAddress: toH225(this.#config.ras) } },
          answerTo,
        );
    } else if (lcf !== undefined || lrj !== undefined) this.#locations.answered(message, from);
    else if (scr !== undefined) this.#indications.answered(scr, from);
    else if (brq !== undefined) {
      const { requestSeqNum } = brq;
      const bandWidth = Math.min(brq.bandWidth, this.#config.maxBandwidth);
      const known = this.#of(brq.endpointIdentifier, received);
      if (known === undefined || typeof known === "string") {
        const rejectReason = known === undefined ? ({ notBound: true } as const) : ({ securityDenial: true } as const);
        this.#send({ bandwidthReject: { requestSeqNum, rejectReason, allowedBandWidth: 0 } }, from);
      } else this.#send({ bandwidthConfirm: { requestSeqNum, bandWidth } }, from);
    } else if (irr?.needResponse === true) this.#send({ infoRequestAck: { requestSeqNum: irr.requestSeqNum } }, from);
    else if (rai !== undefined)
      this.#send({ resourcesAvailableConfirm: { requestSeqNum: rai.requestSeqNum, protocolIdentifier: H225_VERSION } }, from);
  }
}

/** Whether that is where a registration was made: the same host by UDP, or the same connection. */
function madeBy({ ras }: Registration, from: RasAddress): boolean {
  return ras.host === from.host && ras.connection === from.connection;
}
