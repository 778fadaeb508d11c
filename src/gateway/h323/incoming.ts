import { randomUUID } from "node:crypto";
import type { H323View } from "../../admin/ports.ts";
import { DIGIT_WAYS, type DigitWay } from "../../legs/h323/description.ts";
import { H323Leg, NoH323Codec } from "../../legs/h323/h323-leg.ts";
import { type LegInfo, maskedInfo } from "../../legs/leg.ts";
import { MediaExchange } from "../../call-media/offer-answer.ts";
import {
  type Address,
  type AudioFormat,
  aliasOf,
  aliasText,
  type Destination as Callee,
  type IncomingCall,
  readableControl,
  readableSignalling,
} from "../../h323/index.ts";
import { type H323Endpoint, type H323Session, type OutgoingOptions, openH323Endpoint } from "../../io/index.ts";
import { type Dialled, parseDialString } from "../../meetings/dial-string.ts";
import type { Meeting, Role } from "../../meetings/model.ts";
import type { Trunk } from "../../trunks/model.ts";
import type { Recognition } from "../../trunks/recognition.ts";
import type { AliasAddress } from "../../wire/h225/index.ts";
import { Call } from "../call/call.ts";
import { attachPictures, linesBeside } from "../call/video-streams.ts";
import { type Destination, mediaPolicy, mediaRefusal, type Reception } from "../call/answer.ts";
import { type GatewayContext, keep, limitRinging, track } from "../context.ts";
import type { H323Listeners, TlsMaterial } from "../options.ts";
import { type GatewayRefusal, refuse } from "../call/refusals.ts";
import { H323Door } from "./rejected-connections.ts";
import { OwnGatekeeper, type RegisteredAddress } from "./own-gatekeeper.ts";
import { type Admission, Membership, NotAdmitted, type UpstreamState } from "./gatekeeper-registration.ts";
import { H323Traversal } from "./traversal.ts";

/** Codecs of the configuration that H.323 has; what the media server really has is said once its description is there. */
const H323_CODECS: Readonly<Record<string, AudioFormat>> = {
  G722: { codec: "G722", maxPtime: 20 },
  PCMU: { codec: "PCMU", maxPtime: 20 },
  PCMA: { codec: "PCMA", maxPtime: 20 },
};

/** H.323 callers and callees: the same way into a meeting as SIP's. */
export class H323Gateway {
  readonly #context: GatewayContext;
  readonly #reception: Reception;
  readonly #door: H323Door;
  #endpoint: H323Endpoint | undefined;
  #digits: readonly DigitWay[] = DIGIT_WAYS;
  #traversal: H323Traversal | undefined;
  #gatekeeper: OwnGatekeeper | undefined;
  #membership: Membership | undefined;

  constructor(context: GatewayContext, reception: Reception) {
    this.#context = context;
    this.#reception = reception;
    this.#door = new H323Door(context.log, context.clock);
  }

  /** Opens the listeners; rejects when a port cannot be had. */
  async listen(listeners: H323Listeners, version: string): Promise<void> {
    const { host, advertise, digits = DIGIT_WAYS } = listeners;
    this.#digits = digits;
    const traversal = new H323Traversal(listeners);
    this.#traversal = traversal;
    await traversal.open();
    const { log, config } = this.#context;
    const audio = (config.codecs ?? ["G722", "PCMU", "PCMA"]).flatMap((name) => H323_CODECS[name] ?? []);
    this.#endpoint = await openH323Endpoint({
      host,
      port: listeners.signalling,
      ...(advertise === undefined ? {} : { advertise }),
      identity: { aliases: [{ "h323-ID": "crosspoint" }], displayName: "Crosspoint", product: "Crosspoint", version },
      capabilities: {
        audio: audio.length > 0 ? audio : [H323_CODECS["PCMU"]!],
        telephoneEvent: digits.includes("rfc4733") ? 101 : undefined,
        userInput: digits.filter((way) => way !== "rfc4733"),
      },
      // What a caller's trunk says comes before its answer.
      encryption: "preferred",
      ...(listeners.tls === undefined ? {} : { tls: { port: listeners.tls.port, settings: listeners.tls.material } }),
      traversal: traversal.policy,
      admits: (address, from) => this.#context.defence.refusal(address, from) === undefined,
      isTrunk: (address) => this.#context.defence.isTrunk(address),
      onTunnel: (tunnel) => traversal.accept(tunnel),
      onTurnedAway: (peer, limit) => this.#door.turnedAway(peer, limit),
      onSession: (session) => this.#expect(session),
      ...(log.isLevelEnabled("debug") ? { trace: (...message: Parameters<typeof this.trace>) => this.trace(...message) } : {}),
    });
    const endpoint = this.#endpoint;
    if (listeners.ras !== null)
      this.#gatekeeper = await OwnGatekeeper.open(this.#context, listeners, {
        port: listeners.ras,
        signalling: endpoint.address,
        traversal,
      });
    this.#membership = new Membership({
      context: this.#context,
      host,
      advertise,
      version,
      endpoint,
      ended: (callIdentifier) => this.#dropped(callIdentifier),
    });
    await this.reload();
  }

  /** The gatekeeper ends a call. */
  #dropped(callIdentifier: string): void {
    for (const call of this.#context.calls.values())
      if (call.leg.info.protocol === "h323" && call.leg.info.callId === callIdentifier) void call.end("removed", "ended by the gatekeeper");
  }

  /** Port of call signalling over TLS; undefined where it is not taken. */
  get tlsPort(): number | undefined {
    return this.#endpoint?.tlsPort;
  }

  /** New certificates for handshakes from now on. Throws when they do not fit together; the old ones then stay. */
  reloadTls(material: TlsMaterial): void {
    this.#endpoint?.reloadTls(material);
  }

  /** Where call signalling is taken; undefined before `listen`. */
  get address(): Address | undefined {
    return this.#endpoint?.address;
  }

  async close(): Promise<void> {
    await this.#membership?.close();
    await this.#gatekeeper?.close();
    await this.#endpoint?.close();
    this.#traversal?.close();
  }

  /** Writes a message as it is decoded, at debug level. Digits dialled behind a number or pressed could be a PIN: they are not written. */
  trace(peer: Address, direction: "in" | "out", kind: "signalling" | "control", bytes: Uint8Array): void {
    const fields = { event: "h323-message", peer: `${peer.host}:${peer.port}`, direction, kind, octets: bytes.length };
    try {
      const { name, content } = kind === "control" ? readableControl(bytes) : readableSignalling(bytes);
      this.#context.log.debug({ ...fields, message: content }, name);
    } catch (error) {
      this.#context.log.debug(fields, `not decodable: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  #expect(session: H323Session): void {
    session.onEvent = (event) => {
      if (event.type === "released") this.#door.turnedAway(session.peer, "no-setup", event.reason);
      if (event.type !== "incoming") return;
      this.#incoming(session, event.call).catch((error: unknown) => {
        this.#context.log.error(
          { event: "call-failed", callId: event.call.callIdentifier, err: error },
          "an H.323 call failed in the gateway",
        );
        session.act((machine) => machine.release(41, "failed in the gateway"));
      });
    };
  }

  async #incoming(session: H323Session, incoming: IncomingCall): Promise<void> {
    const { clock, log, metrics, limits } = this.#context;
    const dialled = dialledOf(incoming);
    const info = infoOf(session, incoming, dialled);
    const { transport } = session;
    metrics.callStarted({ direction: "in", protocol: "h323", transport });
    const recognition = this.#context.recognition.recognise(
      { transport, address: info.address, peer: session.certificate, authorization: undefined, method: "INVITE" },
      clock.now(),
    );
    // A digest cannot be asked for in call signalling: a trunk that demands one has no H.323 callers.
    const trunk = recognition.kind === "trunk" ? recognition.trunk : null;
    if (trunk !== null) session.act((machine) => machine.setEncryption(trunk.srtp));
    const relay = needsRelay(session) ? this.#traversal?.relays(session) : undefined;
    const leg = new H323Leg(session, info, { digits: this.#digits, relay });
    const id = randomUUID();
    const call = new Call({
      id,
      leg,
      trunk: trunk?.name ?? null,
      trust: trunk?.trust ?? "unverified",
      clock,
      log: log.child({ call: id, callId: info.callId, trunk: trunk?.name ?? null }),
    });
    if (recognition.kind === "trunk" && recognition.note) call.log.warn({ event: "certificate-server-only" }, recognition.note);
    const refusal = this.#atTheDoor(recognition, trunk, info.address, incoming);
    if (refusal || !trunk) return this.#refuse(call, leg, refusal ?? refuse("trunk-unknown", "no trunk takes this caller by H.323"));
    const limited = limits.admit(trunk, clock.now());
    if (limited) return this.#refuse(call, leg, refuse("trunk-limit", limited.reason));
    track(this.#context, call);
    const destination = await this.#reception.destination(call, dialled, trunk);
    if (call.over) return;
    if ("code" in destination) return this.#refuse(call, leg, destination);
    const unwanted = await this.#admitted(call, session, incoming);
    if (call.over) return;
    if (unwanted) return this.#refuse(call, leg, unwanted);
    if (!this.#context.media.connected) return this.#refuse(call, leg, refuse("media-server-lost", "the media server is not connected"));
    const failed = await this.#reception.answer(call, null, this.#towardsMediaServer(trunk, transport));
    if (failed) return this.#refuse(call, leg, failed);
    if (call.over) return;
    call.log.info(
      { event: "call-answered", afterMs: Math.round(call.age), media: call.media?.media.id, srtp: call.protection },
      "answered",
    );
    this.#reception.lead(call, destination as Destination, null);
  }

  /** The far end's own encryption ends before the media server, which sees plain RTP. */
  #towardsMediaServer(trunk: Trunk, transport: string) {
    return mediaPolicy(this.#context.config, { ...trunk, srtp: "none" }, transport);
  }

  #atTheDoor(recognition: Recognition, trunk: Trunk | null, address: string, incoming: IncomingCall): GatewayRefusal | null {
    const { config, admission } = this.#context;
    if (recognition.kind === "refused") return refuse(recognition.code, recognition.reason);
    if (!trunk) return refuse("trunk-unknown", "no trunk takes this caller by H.323");
    const limited = admission.refusal(address, trunk === config.defaultTrunk ? "stranger" : "trunk");
    if (limited) return limited;
    if (trunk.srtp === "required" && !incoming.encryption)
      return refuse("srtp-required", `trunk ${trunk.name} requires encrypted media, and the caller offers none that we have (H.235.6)`);
    return null;
  }

  #refuse(call: Call, leg: H323Leg, refusal: GatewayRefusal): void {
    if (leg.ended) return;
    const tracked = this.#context.calls.has(call.id);
    const record = call.refused(refusal.code, refusal.reason, refusal.status, refusal.cause);
    leg.refuse(refusal);
    if (!tracked) void record.then((kept) => keep(this.#context, call, kept));
  }

  /** Calls `h323:user@host[:port]`, or an alias registered here, into a meeting. */
  async dial(request: {
    readonly user: string;
    readonly peer: RegisteredAddress;
    readonly meeting: Meeting;
    readonly role: Role;
    readonly trunk: Trunk;
    readonly displayName: string | undefined;
    readonly transport: "tcp" | "tls";
    /** The gatekeeper's word on it. */
    readonly admission?: Admission | undefined;
  }): Promise<Call> {
    const endpoint = this.#endpoint;
    if (endpoint === undefined) throw new Error("H.323 is not listening");
    const { peer, user, meeting, trunk, transport, admission } = request;
    const { clock, log, limits, metrics } = this.#context;
    const beside = linesBeside(this.#context, trunk.name, "h323");
    const { sides } = beside;
    const exchange = await MediaExchange.offering(this.#context.media, this.#towardsMediaServer(trunk, transport), {
      answer: "later",
      secure: false,
      sides,
    });
    const id = randomUUID();
    const wanted: readonly AliasAddress[] = user === "" ? [] : [aliasOf(user)];
    const aliases = admission === undefined || admission.destination.length === 0 ? wanted : admission.destination;
    // Only we reach who is behind a firewall.
    const registration = peer.registration?.traversal === undefined ? undefined : peer.registration;
    let leg: H323Leg | undefined;
    try {
      const ringing = Promise.withResolvers<void>();
      let answer: Promise<string> | undefined;
      const place = (to: Callee, options: OutgoingOptions) =>
        registration !== undefined
          ? this.#traversal!.call(endpoint, registration, to, options)
          : admission !== undefined
            ? this.#membership!.call(peer, to, options)
            : endpoint.call(peer, to, options);
      await place(
        { aliases },
        {
          encryption: trunk.srtp,
          ...(admission && { ...admission.question, endpointIdentifier: admission.endpointIdentifier }),
          ...(transport === "tls" ? { tls: { trunk: trunk.name } } : {}),
          prepare: (session) => {
            const uri = `h323:${user === "" ? "" : `${user}@`}${peer.host}${transport === "tls" ? ";transport=tls" : ""}`;
            const info: LegInfo = maskedInfo({
              callId: session.machine.callIdentifier,
              protocol: "h323",
              direction: "out",
              transport,
              address: session.peer.host,
              from: "h323:crosspoint",
              to: uri,
              displayName: request.displayName ?? (user || uri),
              userAgent: undefined,
            });
            const crosses = registration !== undefined || (admission !== undefined && this.#membership?.behind === true);
            const relay = trunk.srtp === "none" && !crosses ? undefined : this.#traversal?.relays(session);
            leg = new H323Leg(session, info, { digits: this.#digits, relay });
            leg.prepare(exchange.localSdp);
            answer = leg.placed(ringing.resolve);
          },
        },
      );
      const call = new Call({
        id,
        leg: leg!,
        trunk: trunk.name,
        trust: trunk.trust,
        clock,
        log: log.child({ call: id, callId: leg!.info.callId, trunk: trunk.name }),
      });
      attachPictures(this.#context, call, beside);
      call.meetingId = meeting.id;
      limits.occupy(trunk.name);
      metrics.callStarted({ direction: "out", protocol: "h323", transport });
      track(this.#context, call);
      call.carry(exchange);
      call.once("ended", () => {
        ringing.resolve();
        if (admission) this.#membership?.released(admission);
      });
      void this.#placed(call, exchange, answer!, request);
      await ringing.promise;
      return call;
    } catch (error) {
      if (leg === undefined || error instanceof NoH323Codec) await exchange.close();
      if (admission) this.#membership?.released(admission);
      throw error;
    }
  }

  async #placed(
    call: Call,
    exchange: MediaExchange,
    answer: Promise<string>,
    { meeting, role }: { readonly meeting: Meeting; readonly role: Role },
  ): Promise<void> {
    let sdp: string;
    const stopRinging = limitRinging(this.#context, call);
    try {
      sdp = await answer;
    } catch {
      return; // the leg has said how it ended
    } finally {
      stopRinging();
    }
    try {
      call.answered();
      exchange.cameFrom(call.leg.source);
      await exchange.complete(sdp);
      if (call.over) return;
      call.log.info(
        { event: "call-answered", afterMs: Math.round(call.age), media: call.media?.media.id, srtp: call.protection },
        "answered",
      );
      this.#reception.follow(call);
      this.#reception.lead(call, { meeting, pin: null, role }, null, true);
    } catch (error) {
      const refusal = mediaRefusal(error);
      void call.end(refusal.code, refusal.reason, { cause: refusal.cause });
    }
  }

  /** Who is registered with us under an alias. */
  registered(alias: string): RegisteredAddress | undefined {
    return this.#gatekeeper?.registered(alias);
  }

  /** Where an alias is that is not registered here: as the gatekeeper says that we are registered with, or a neighbour. Rejects with NotAdmitted. */
  async locate(alias: string): Promise<{ readonly peer: Address; readonly admission?: Admission } | undefined> {
    if (this.#membership?.registered) {
      const admission = await this.#membership.locate(alias);
      if (admission.to !== undefined) return { peer: admission.to, admission };
      this.#membership.released(admission);
    }
    const peer = await this.#gatekeeper?.locate(alias);
    return peer && { peer };
  }

  /** The gatekeeper that we are registered with; null where there is none. */
  get upstream(): UpstreamState | null {
    return this.#membership?.state ?? null;
  }

  /** Who is registered with whom. */
  get view(): H323View {
    return { gatekeeper: this.#gatekeeper?.view ?? null, upstream: this.upstream };
  }

  /** Another configuration: where we register, in what name. */
  async reload(): Promise<void> {
    await this.#membership?.configure(this.#context.config.upstream ?? null);
  }

  /** A call that a gatekeeper has sent here: ours is asked whether we may answer it. */
  async #admitted(call: Call, { peer }: H323Session, incoming: IncomingCall): Promise<GatewayRefusal | null> {
    const membership = this.#membership;
    if (!membership?.registered || !(incoming.admitted || membership.routes(peer.host))) return null;
    const { callIdentifier, conferenceId, callReference, called } = incoming;
    try {
      const admission = await membership.admit({ callIdentifier, conferenceId, callReference, destination: called, answer: true });
      if (call.over) membership.released(admission);
      else call.once("ended", () => membership.released(admission));
      return null;
    } catch (error) {
      if (!(error instanceof NotAdmitted)) throw error;
      return refuse("trunk-limit", error.message, { cause: error.q850 });
    }
  }
}

/** Media that the media server does not see as they are. */
function needsRelay({ machine }: H323Session): boolean {
  return machine.encrypts || machine.traversal !== undefined;
}

/** The meeting dialled: the first alias that says one, the called party number otherwise. */
function dialledOf({ called, calledNumber }: IncomingCall): Dialled {
  const texts = [...called.map(aliasText), calledNumber ?? ""].map((text) => /^(?:h323:)?([^@]*)/i.exec(text)?.[1] ?? "");
  return { ...parseDialString(texts.find((text) => text !== "") ?? ""), language: null, siteUuid: null };
}

function infoOf(session: H323Session, incoming: IncomingCall, dialled: Dialled): LegInfo {
  const name = incoming.calling.map(aliasText).find((text) => text !== "") ?? incoming.callingNumber ?? "";
  const { host } = session.peer;
  return maskedInfo({
    callId: incoming.callIdentifier,
    protocol: "h323",
    direction: "in",
    transport: session.transport,
    address: host,
    from: name === "" ? `h323:${host}` : `h323:${name}@${host}`,
    to: `h323:${dialled.number}`,
    displayName: incoming.displayName || name || host,
    userAgent: incoming.product,
  });
}
