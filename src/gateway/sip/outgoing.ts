import { randomUUID } from "node:crypto";
import { AdminError, type DialOutRequest } from "../../admin/ports.ts";
import { maskDialled } from "../../base/pin-mask.ts";
import { type LegInfo, maskedInfo } from "../../legs/leg.ts";
import { MediaExchange } from "../../call-media/offer-answer.ts";
import { OutgoingSipLeg } from "../../legs/sip/outgoing.ts";
import type { Meeting, Role } from "../../meetings/model.ts";
import { keysMayTravel } from "../../negotiation/index.ts";
import { CertificateError } from "../../security/certificates/faults.ts";
import type { Trunk } from "../../trunks/model.ts";
import { plainAddress } from "../../trunks/networks.ts";
import { addressOfRecord } from "../../trunks/registration.ts";
import type { H323Gateway } from "../h323/incoming.ts";
import { h323Target } from "../h323/dial-targets.ts";
import { keepNotPlaced } from "../h323/not-placed.ts";
import { bindingTarget, type DialTarget, dialTarget } from "./dial-targets.ts";
import type { Replacements } from "./replacements.ts";
import { userOf } from "./registrar-requests.ts";
import type { Call, CallEnd } from "../call/call.ts";
import type { CallRegistry } from "../call/call-registry.ts";
import type { OutgoingCalls } from "../outgoing-call.ts";
import { pressWhenAnswered } from "../call/send-digits.ts";
import type { LinesBeside } from "../call/video-streams.ts";
import { mediaPolicy, mediaRefusal } from "../call/answer.ts";
import { sessionTimerOf, type Settings, trunkNamed } from "../settings.ts";
import type { Logger } from "pino";
import type { Clock } from "../../base/clock.ts";
import type { GatewayMetrics } from "../options.ts";
import type { Srf } from "../../legs/sip/drachtio.ts";
import type { MediaPort } from "../../call-media/media-server.ts";
import type { MemoryDirectory } from "../../meetings/directory.ts";
import type { Registrar } from "../../trunks/registrar.ts";
import type { CallLines } from "../call/video-streams.ts";
import { trunkHeaders } from "./trunk-headers.ts";

export interface Invitation {
  readonly target: DialTarget;
  readonly trunk: Trunk;
  readonly meeting: Meeting;
  readonly role: Role;
  readonly displayName: string | undefined;
  /** Replaces value, for a call that takes another's place. */
  readonly replaces?: string | undefined;
  /** `TrunkLimits.admit` has counted this call already. */
  readonly admitted?: boolean;
}

/** What calls of ours are placed by. */
export interface OutboundParts {
  readonly settings: Settings;
  readonly log: Logger;
  readonly clock: Clock;
  readonly metrics: GatewayMetrics;
  readonly srf: Srf;
  readonly media: MediaPort;
  readonly directory: MemoryDirectory;
  readonly registrar: Registrar;
  /** The SIP engine is the embedded one: it says who a TLS peer is, and strips the same from outside. */
  readonly peerStamps: boolean;
  readonly callLines: CallLines;
  readonly outgoing: OutgoingCalls;
  readonly registry: CallRegistry;
  readonly replacements: Pick<Replacements, "watch">;
  /** Calls by H.323; undefined where there are none. */
  readonly h323: H323Gateway | undefined;
}

/** Calls that we make, to bring somebody into a meeting. */
export class Outbound {
  readonly #parts: OutboundParts;

  constructor(parts: OutboundParts) {
    this.#parts = parts;
  }

  /** `POST /calls`. Resolves when it rings; throws AdminError for what cannot be tried, is refused, or reaches nobody. */
  async dialOut(request: DialOutRequest): Promise<Call> {
    const call = await this.#dialOut(request);
    if (request.keys !== undefined) pressWhenAnswered(call, request.keys);
    return call;
  }

  async #dialOut(request: DialOutRequest): Promise<Call> {
    const meeting = this.#parts.directory.get(request.meetingId);
    if (!meeting) throw new AdminError(404, "no-such-meeting", `there is no meeting ${request.meetingId}`);
    if (meeting.endToEndEncrypted) throw new AdminError(409, "end-to-end-encrypted", `meeting ${meeting.id} is end-to-end encrypted`);
    if (this.#parts.settings.draining) throw new AdminError(503, "draining", "the gateway is being taken out of service");
    if (!this.#parts.media.connected) throw new AdminError(503, "media-server-lost", "the media server is not connected");
    if (/^h323:/i.test(request.uri)) return this.#byH323(request, meeting);
    const { trunk, target } = this.#targetOf(request);
    const { call, ringing } = this.invite({ target, trunk, meeting, role: request.role ?? "guest", displayName: request.displayName });
    const end = await ringing;
    if (end) throw new AdminError(502, "not-reached", `${maskDialled(request.uri)} was not reached: ${end.reason}`);
    return call;
  }

  /** Calls. `ringing` resolves when the far end rings or answers, or with how the call ended before; `answered` with whether it was answered. */
  invite(invitation: Invitation): { readonly call: Call; readonly ringing: Promise<CallEnd | null>; readonly answered: Promise<boolean> } {
    const { settings, srf, peerStamps, callLines } = this.#parts;
    const { target, trunk, meeting, displayName, replaces, admitted = false } = invitation;
    const from = trunk.register ? addressOfRecord(trunk.register) : this.#from();
    const credentials = credentialsOf(trunk);
    const id = randomUUID();
    const info: LegInfo = maskedInfo({
      callId: id,
      protocol: "sip",
      direction: "out",
      transport: target.transport,
      address: plainAddress(target.host),
      from: from ?? "sip:crosspoint",
      to: target.uri,
      displayName: displayName ?? target.user ?? target.uri,
      userAgent: undefined,
    });
    const ringing = Promise.withResolvers<CallEnd | null>();
    const leg = new OutgoingSipLeg(
      srf,
      {
        uri: target.uri,
        ...(from === undefined ? {} : { from: `<${from}>` }),
        ...(target.proxy === undefined ? {} : { proxy: target.proxy }),
        headers: { ...trunkHeaders(peerStamps, trunk), ...(replaces === undefined ? {} : { Replaces: replaces, Require: "replaces" }) },
        stamps: peerStamps,
        ...(credentials ? { auth: credentials } : {}),
      },
      info,
      sessionTimerOf(settings.config, trunk),
    );
    const beside = callLines.beside(trunk.name, "sip");
    const call = this.#parts.outgoing.begin({ id, leg, trunk, meeting, role: invitation.role, beside, counted: admitted });
    this.#parts.replacements.watch(call);
    call.once("ended", ringing.resolve);
    const answered = this.#place(call, leg, { ...invitation, beside }, () => ringing.resolve(null)).catch((error: unknown) => {
      const refusal = mediaRefusal(error);
      void call.end(refusal.code, refusal.reason, { cause: refusal.cause });
      return false;
    });
    return { call, ringing: ringing.promise, answered };
  }

  async #place(call: Call, leg: OutgoingSipLeg, placing: Invitation & { beside: LinesBeside }, ringing: () => void): Promise<boolean> {
    const { trunk, target, meeting, role, beside } = placing;
    const policy = mediaPolicy(this.#parts.settings.config, trunk, target.transport);
    const secure = policy.policy !== "none" && keysMayTravel(policy);
    const { sides } = beside;
    const exchange = await MediaExchange.offering(this.#parts.media, policy, { answer: "later", secure, sides });
    call.carry(exchange);
    if (call.over) return false;
    const answer = leg.call(exchange.localSdp, ringing).then((sdp) => {
      // Some answer without ringing first.
      ringing();
      return sdp;
    });
    return this.#parts.outgoing.connect(call, { exchange, answer, policy, meeting, role });
  }

  /** `h323:user@host[:port][;transport=tls]`, or an alias registered with our gatekeeper. */
  async #byH323(request: DialOutRequest, meeting: Meeting): Promise<Call> {
    const { trunks, defaultTrunk } = this.#parts.settings.config;
    const { h323 } = this.#parts;
    const named = request.trunk === undefined ? undefined : trunkNamed(this.#parts.settings.config, request.trunk);
    if (request.trunk !== undefined && !named) throw new AdminError(400, "no-such-trunk", `there is no trunk ${request.trunk}`);
    const target = h323Target(request.uri, { named, trunks, defaultTrunk });
    if (!target || !h323?.address)
      throw new AdminError(400, "no-route", `${maskDialled(request.uri)} cannot be called by H.323, or no trunk leads there`);
    const known = target.peer ?? h323.registered(target.user);
    const { trunk, user, transport } = target;
    const keep = (error: unknown, address = "") => {
      return keepNotPlaced(this.#parts, { uri: request.uri, address, transport, trunk, meeting }, error);
    };
    const { peer, admission } = known ? { peer: known } : ((await this.#located(request.uri, h323, target.user, keep)) ?? {});
    if (!peer) throw new AdminError(400, "no-route", `nobody knows where ${maskDialled(request.uri)} is`);
    this.#parts.outgoing.checkLimit(trunk);
    if (transport === "tls" && h323.tlsPort === undefined)
      throw new AdminError(400, "no-route", "H.323 over TLS is off: set h323.tls to a port");
    try {
      const role = request.role ?? "guest";
      return await h323.dial({ user, peer, transport, meeting, role, trunk, displayName: request.displayName, admission });
    } catch (error) {
      if (error instanceof CertificateError)
        this.#parts.log.warn(
          { event: "call-not-placed", trunk: trunk.name, code: error.code, reason: error.message },
          "a call was not placed",
        );
      await keep(error, peer.host);
      throw new AdminError(
        502,
        "not-reached",
        `${maskDialled(request.uri)} was not reached: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }

  /** As gatekeepers say. */
  async #located(
    uri: string,
    h323: H323Gateway,
    alias: string,
    keep: (error: unknown) => Promise<void>,
  ): ReturnType<H323Gateway["locate"]> {
    try {
      return await h323.locate(alias);
    } catch (error) {
      await keep(error);
      throw new AdminError(
        502,
        "not-reached",
        `${maskDialled(uri)} was not reached: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }

  #from(): string | undefined {
    const { callerHost, callerUser = "crosspoint" } = this.#parts.settings.config;
    return callerHost === undefined ? undefined : `sip:${callerUser}@${callerHost}`;
  }

  /** Where a URI leads within one trunk: to its target, or to where it has registered from. */
  within(trunk: Trunk, uri: string): DialTarget | undefined {
    const own = [this.#parts.settings.config.callerHost ?? "", "contact"];
    return (this.#registered(uri, [trunk], own) ?? dialTarget(uri, [trunk], null))?.target;
  }

  /** The newest binding of a trunk without a target of its own; the trunk that has registered as the URI's user goes first. */
  #registered(uri: string, trunks: readonly Trunk[], hosts: readonly string[] | null): { trunk: Trunk; target: DialTarget } | undefined {
    const { registrar, clock } = this.#parts;
    const user = userOf(uri);
    const isUser = (trunk: Trunk): number => (trunk.identity.registration?.username === user ? 0 : 1);
    for (const trunk of trunks.toSorted((a, b) => isUser(a) - isUser(b))) {
      if (trunk.target !== null || !trunk.identity.registration) continue;
      const [binding] = registrar.bindings(trunk.name, clock.now());
      if (!binding && hosts === null) throw new AdminError(409, "not-registered", `trunk ${trunk.name} has not registered with us`);
      const target = binding && bindingTarget(uri, binding, trunk.identity.registration.username, hosts);
      if (target) return { trunk, target };
    }
    return undefined;
  }

  #targetOf(request: DialOutRequest): { trunk: Trunk; target: DialTarget } {
    const { trunks, defaultTrunk, callerHost = "" } = this.#parts.settings.config;
    const named = request.trunk === undefined ? undefined : trunkNamed(this.#parts.settings.config, request.trunk);
    if (request.trunk !== undefined && !named) throw new AdminError(400, "no-such-trunk", `there is no trunk ${request.trunk}`);
    const { uri } = request;
    // Without a trunk's name a configured target goes before whatever a device has registered.
    const found = named
      ? (this.#registered(uri, [named], null) ?? dialTarget(uri, [named], null, true))
      : (dialTarget(uri, trunks, null) ?? this.#registered(uri, trunks, [callerHost]) ?? dialTarget(uri, trunks, defaultTrunk));
    if (!found) throw new AdminError(400, "no-route", `${maskDialled(request.uri)} is no URI that can be called, or no trunk leads there`);
    const { trunk, target } = found;
    this.#parts.outgoing.checkLimit(trunk);
    if (trunk.srtp === "required" && !keysMayTravel(mediaPolicy(this.#parts.settings.config, trunk, target.transport))) {
      throw new AdminError(400, "srtp-keys-in-clear", `trunk ${trunk.name} requires SRTP, whose keys are sent over TLS only`);
    }
    return { trunk, target };
  }
}

/** What a trunk's challenges are answered with. */
export function credentialsOf({ identity: { digest }, register }: Trunk): { username: string; password: string } | undefined {
  if (digest) return { username: digest.username, password: digest.password };
  return register && { username: register.authUsername ?? register.username, password: register.password };
}
