import { randomUUID } from "node:crypto";
import type { H323View } from "../../admin/ports.ts";
import { DIGIT_WAYS, type DigitWay } from "../../legs/h323/description.ts";
import { H323Leg, NoH323Codec } from "../../legs/h323/h323-leg.ts";
import { type LegInfo, maskedInfo } from "../../legs/leg.ts";
import { MediaExchange } from "../../call-media/offer-answer.ts";
import {
  type Address,
  type AudioFormat,
  type CallEvent,
  aliasOf,
  aliasText,
  type Destination as Callee,
  type IncomingCall,
} from "../../h323/index.ts";
import { maskDialled } from "../../base/pin-mask.ts";
import { type H323Endpoint, type H323Session, type OutgoingOptions, openH323Endpoint } from "../../io/index.ts";
import type { Meeting, Role } from "../../meetings/model.ts";
import { CredentialGuesses } from "../../trunks/credential-guesses.ts";
import type { Trunk } from "../../trunks/model.ts";
import type { AliasAddress } from "../../wire/h225/index.ts";
import type { Call } from "../call/call.ts";
import type { GatewayRefusal } from "../call/refusals.ts";
import type { IncomingCalls } from "../incoming-call.ts";
import type { OutgoingCalls } from "../outgoing-call.ts";
import { H323Incoming, tellNoCommonPicture, towardsMediaServer } from "./incoming-adapter.ts";
import type { H323Listeners, TlsMaterial } from "../options.ts";
import { H323Door } from "./rejected-connections.ts";
import { CallerPasswords } from "./caller-passwords.ts";
import { isMeeting, OwnGatekeeper, type RegisteredAddress } from "./own-gatekeeper.ts";
import { type Admission, Membership, type UpstreamState } from "./gatekeeper-registration.ts";
import { H323Trace } from "./trace.ts";
import { H323Traversal } from "./traversal.ts";
import type { CallTraces } from "../../trace/index.ts";
import type { Settings } from "../settings.ts";
import type { Logger } from "pino";
import type { Clock } from "../../base/clock.ts";
import type { MediaPort } from "../../call-media/media-server.ts";
import type { MemoryDirectory } from "../../meetings/directory.ts";
import type { Defence } from "../../security/defence.ts";
import type { CallLines } from "../call/video-streams.ts";

/** A call that is forwarded more often goes in circles. */
const MOST_FORWARDS = 3;

/** Codecs of the configuration that H.323 has; what the media server really has is said once its description is there. */
const H323_CODECS: Readonly<Record<string, AudioFormat>> = {
  G722: { codec: "G722", maxPtime: 20 },
  PCMU: { codec: "PCMU", maxPtime: 20 },
  PCMA: { codec: "PCMA", maxPtime: 20 },
};

/** What H.323 calls go through. */
export interface H323GatewayParts {
  readonly settings: Settings;
  readonly log: Logger;
  readonly clock: Clock;
  readonly traces: CallTraces;
  readonly media: MediaPort;
  readonly directory: Pick<MemoryDirectory, "get">;
  readonly defence: Pick<Defence, "refusal" | "isTrunk" | "offence">;
  readonly calls: ReadonlyMap<string, Call>;
  readonly callLines: CallLines;
  readonly incoming: Pick<IncomingCalls, "receive">;
  readonly outgoing: Pick<OutgoingCalls, "begin" | "connect">;
}

/** H.323 callers and callees: the same way into a meeting as SIP's. */
export class H323Gateway {
  readonly #parts: H323GatewayParts;
  readonly #door: H323Door;
  /** Wrong passwords, by RAS and in calls. */
  readonly #guesses = new CredentialGuesses();
  readonly #passwords: CallerPasswords;
  #endpoint: H323Endpoint | undefined;
  #digits: readonly DigitWay[] = DIGIT_WAYS;
  #traversal: H323Traversal | undefined;
  #gatekeeper: OwnGatekeeper | undefined;
  #membership: Membership | undefined;
  readonly #trace: H323Trace;

  constructor(parts: H323GatewayParts) {
    this.#parts = parts;
    this.#door = new H323Door(parts.log, parts.clock);
    this.#trace = new H323Trace(parts.traces, parts.log);
    this.#passwords = new CallerPasswords(parts, this.#guesses);
  }

  /** Opens the listeners; rejects when a port cannot be had. */
  async listen(listeners: H323Listeners, version: string): Promise<void> {
    const { host, advertise, digits = DIGIT_WAYS } = listeners;
    this.#digits = digits;
    const traversal = new H323Traversal(listeners);
    this.#traversal = traversal;
    await traversal.open();
    const { log, clock, settings } = this.#parts;
    const { config } = settings;
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
      admits: (address, from) => this.#parts.defence.refusal(address, from) === undefined,
      isTrunk: (address) => this.#parts.defence.isTrunk(address),
      onTunnel: (tunnel) => traversal.accept(tunnel),
      onHandshakeFailed: (peer, why) => this.#door.turnedAway(peer, "handshake", why),
      onTurnedAway: (peer, limit) => this.#door.turnedAway(peer, limit),
      onMalformed: ({ host }, transport) => this.#parts.defence.offence(host, "malformed", { transport }),
      onSession: (session) => this.#expect(session),
      trace: this.#trace.call,
    });
    const endpoint = this.#endpoint;
    if (listeners.ras !== null)
      this.#gatekeeper = await OwnGatekeeper.open(this.#parts, listeners, {
        port: listeners.ras,
        signalling: endpoint.address,
        traversal,
        trace: this.#trace.ras,
        guesses: this.#guesses,
      });
    this.#membership = new Membership({
      ...{ log, clock },
      host,
      advertise,
      version,
      endpoint,
      trace: this.#trace.ras,
      ended: (callIdentifier) => this.#dropped(callIdentifier),
    });
    await this.reload();
  }

  /** The gatekeeper ends a call. */
  #dropped(callIdentifier: string): void {
    for (const call of this.#parts.calls.values())
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

  #expect(session: H323Session): void {
    session.onEvent = (event) => {
      if (event.type === "released") this.#door.turnedAway(session.peer, "no-setup", event.reason);
      if (event.type !== "incoming") return;
      this.#incoming(session, event.call).catch((error: unknown) => {
        this.#parts.log.error(
          { event: "call-failed", callId: event.call.callIdentifier, err: error },
          "an H.323 call failed in the gateway",
        );
        session.act((machine) => machine.release(41, "failed in the gateway"));
      });
    };
  }

  async #incoming(session: H323Session, incoming: IncomingCall): Promise<void> {
    const parts = {
      config: this.#parts.settings.config,
      digits: this.#digits,
      traversal: this.#traversal,
      membership: this.#membership,
      log: this.#parts.log,
      known: (number: string) => isMeeting(this.#parts, number),
      wrongPassword: () => this.#wrongPassword(session, incoming),
    };
    await this.#parts.incoming.receive(new H323Incoming(parts, session, incoming));
  }

  #wrongPassword({ peer, transport }: H323Session, incoming: IncomingCall): GatewayRefusal | null {
    const endpointIdentifiers = incoming.calling.flatMap((alias) => {
      const known = this.#gatekeeper?.registered(aliasText(alias))?.registration;
      return known === undefined ? [] : [known.endpointIdentifier];
    });
    return this.#passwords.objection(incoming, { host: peer.host, transport, endpointIdentifiers });
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
    /** How often the call has been forwarded already. */
    readonly forwards?: number;
  }): Promise<Call> {
    const endpoint = this.#endpoint;
    if (endpoint === undefined) throw new Error("H.323 is not listening");
    const { peer, user, meeting, trunk, transport, admission } = request;
    const { log } = this.#parts;
    const policy = towardsMediaServer(this.#parts.settings.config, trunk, transport);
    const beside = this.#parts.callLines.beside(trunk.name, "h323");
    const { sides } = beside;
    const exchange = await MediaExchange.offering(this.#parts.media, policy, {
      answer: "later",
      secure: false,
      sides,
    });
    const wanted: readonly AliasAddress[] = user === "" ? [] : [aliasOf(user)];
    const aliases = admission === undefined || admission.destination.length === 0 ? wanted : admission.destination;
    // Only we reach who is behind a firewall.
    const registration = peer.registration?.traversal === undefined ? undefined : peer.registration;
    let leg: H323Leg | undefined;
    try {
      const ringing = Promise.withResolvers<void>();
      /** The far end wants to be called elsewhere (Facility, callForwarded). */
      let elsewhere: Extract<CallEvent, { type: "forwarded" }> | undefined;
      let returned: Call | undefined;
      let answer: Promise<string> | undefined;
      const placeAt = (at: Address, to: Callee, options: OutgoingOptions) =>
        registration !== undefined
          ? this.#traversal!.call(endpoint, registration, to, options)
          : admission !== undefined
            ? this.#membership!.call(at, to, options)
            : endpoint.call(at, to, options);
      const place = async (to: Callee, options: OutgoingOptions): Promise<unknown> => {
        const others = [...(admission?.alternates ?? [])];
        for (let at: Address = peer; ; ) {
          try {
            return await placeAt(at, to, options);
          } catch (error) {
            const next = others.shift();
            // What has gone as far as Setup is not placed again.
            if (next === undefined || leg !== undefined) throw error;
            log.warn({ event: "h323-alternate-tried", failed: at.host, next: next.host, err: error }, "an alternate endpoint is tried");
            at = next;
          }
        }
      };
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
            const forwarded = (event: Extract<CallEvent, { type: "forwarded" }>) => {
              if (elsewhere !== undefined) return;
              elsewhere = event;
              ringing.resolve();
              // One that has rung already is somebody's call: what it becomes is nobody's answer.
              if (returned !== undefined)
                this.#follow(returned, event, request).catch((error: unknown) =>
                  log.warn({ event: "h323-not-forwarded", err: error }, "a call was not placed where it was forwarded to"),
                );
            };
            leg = new H323Leg(session, info, {
              digits: this.#digits,
              relay,
              forwarded,
              noCommonPicture: (theirs) => tellNoCommonPicture(log, info.callId, theirs),
            });
            leg.prepare(exchange.localSdp);
            answer = leg.placed(ringing.resolve);
          },
        },
      );
      const call = this.#parts.outgoing.begin({ id: randomUUID(), leg: leg!, trunk, meeting, role: request.role, beside, counted: false });
      call.carry(exchange);
      call.once("ended", () => {
        ringing.resolve();
        if (admission) this.#membership?.released(admission);
      });
      void this.#parts.outgoing.connect(call, { exchange, answer: answer!, policy, meeting, role: request.role });
      await ringing.promise;
      if (elsewhere !== undefined) return await this.#follow(call, elsewhere, request);
      returned = call;
      return call;
    } catch (error) {
      if (leg === undefined || error instanceof NoH323Codec) await exchange.close();
      if (admission) this.#membership?.released(admission);
      throw error;
    }
  }

  /**
   * Places a call anew where its far end wants to be called (H.323 8.4.2, H.225.0 7.4.1); the old one ends. Rejects as
   * `dial`.
   */
  async #follow(
    call: Call,
    { to, aliases }: Extract<CallEvent, { type: "forwarded" }>,
    request: Parameters<H323Gateway["dial"]>[0],
  ): Promise<Call> {
    const forwards = (request.forwards ?? 0) + 1;
    const alias = aliases.map(aliasText).find((text) => text !== "");
    const where = to === undefined ? (alias ?? "its gatekeeper") : `${to.host}:${to.port}`;
    await call.end("completed", `forwarded to ${where}`, { cause: 16 });
    if (forwards > MOST_FORWARDS) throw new Error(`forwarded more than ${MOST_FORWARDS} times`);
    const user = alias ?? request.user;
    const found = to === undefined ? (this.registered(user) ?? (await this.locate(user))) : { peer: to };
    if (found === undefined) throw new Error(`nobody knows where it is forwarded to: ${maskDialled(user)}`);
    const { admission: _, ...asked } = request;
    return this.dial({ ...asked, ...("peer" in found ? found : { peer: found }), user, forwards });
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
    await this.#membership?.configure(this.#parts.settings.config.upstream ?? null);
  }
}
