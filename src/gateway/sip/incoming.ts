import { randomUUID } from "node:crypto";
import { maskDialled } from "../../base/pin-mask.ts";
import { type LegInfo, maskedInfo } from "../../legs/leg.ts";
import type { SipRequest, SipResponse } from "../../legs/sip/drachtio.ts";
import { IncomingSipLeg } from "../../legs/sip/incoming.ts";
import { SUPPORTED, unsupportedIn } from "../../legs/sip/extensions.ts";
import { ALLOW } from "../../legs/sip/sip-leg.ts";
import { type Dialled, parseDialledUri } from "../../meetings/dial-string.ts";
import type { SipTransport, Trunk } from "../../trunks/model.ts";
import { plainAddress } from "../../trunks/networks.ts";
import type { CallerEvidence, Recognition } from "../../trunks/recognition.ts";
import { ScannerSense } from "../../trunks/scanners.ts";
import { parsePeerToken } from "../../wire/sip/index.ts";
import { type GatewayContext, keep, sessionTimerOf, track } from "../context.ts";
import { type GatewayRefusal, refuse } from "../call/refusals.ts";
import { DISCARD, RegisterDesk, userOf } from "./registrar-requests.ts";
import { Call } from "../call/call.ts";
import { type Destination, mediaPolicy, type Reception } from "../call/answer.ts";
import { credentialsOf } from "./outgoing.ts";
import type { Transfers } from "./transfers.ts";

/** A stranger who is not answered is logged and recorded this seldom. */
const SILENT_LOG_MS = 60_000;

/** Calls and other requests that come in: who it is, whether they may, and on to the reception. */
export class Inbound {
  readonly #context: GatewayContext;
  readonly #reception: Reception;
  readonly #transfers: Transfers;
  readonly #scanners = new ScannerSense();
  readonly #silentAt = new Map<string, number>();

  constructor(options: { context: GatewayContext; reception: Reception; transfers: Transfers }) {
    this.#context = options.context;
    this.#reception = options.reception;
    this.#transfers = options.transfers;
  }

  /** Installs the routes of every method we have an answer to. */
  route(): void {
    const route = (method: string, handle: (request: SipRequest, response: SipResponse) => void) =>
      this.#context.srf.use(method, (request, response) => {
        // The embedded engine has asked before it read the request; drachtio-server does not.
        if (this.#context.defence.refusal(plainAddress(request.source_address), Number(request.source_port)) !== undefined)
          return response.send(403, DISCARD);
        // RFC 3261 section 8.2.2.3. Calls are asked when it is known whose they are, and scanners get no answer.
        const unsupported = method === "invite" ? [] : unsupportedIn(request.get("Require"));
        if (unsupported.length > 0 && !ScannerSense.isTool(request.get("User-Agent")))
          return response.send(420, { headers: { Unsupported: unsupported.join(", ") } });
        handle(request, response);
      });
    route("invite", (request, response) => {
      this.#invite(request, response).catch((error: unknown) => {
        this.#context.log.error({ event: "call-failed", callId: request.get("Call-ID"), err: error }, "a call failed in the gateway");
        if (!response.finalResponseSent) response.send(500);
      });
    });
    route("options", (request, response) => this.#options(request, response));
    const desk = new RegisterDesk({
      context: this.#context,
      scanners: this.#scanners,
      evidence: (request) => this.#evidence(request),
      worthALine: (address) => this.#worthALine(address),
    });
    route("register", (request, response) =>
      this.#context.config.trunks.some(({ identity }) => identity.registration)
        ? desk.register(request, response)
        : this.#notHere(request, response),
    );
    for (const method of ["message", "publish", "subscribe"]) {
      route(method, (request, response) => this.#notHere(request, response));
    }
    // in-dialog methods without a dialog (RFC 3261 section 12.2.2)
    for (const method of ["info", "notify", "refer"]) route(method, (_, response) => response.send(481));
  }

  async #invite(request: SipRequest, response: SipResponse): Promise<void> {
    const { log, clock, metrics } = this.#context;
    if (request.getParsedHeader("to").params["tag"] !== undefined) return response.send(481);
    const info = legInfo(request);
    metrics.callStarted({ direction: "in", protocol: "sip", transport: info.transport });
    const recognition = this.#recognise(request);
    const trunk = recognition.kind === "refused" ? null : recognition.trunk;
    const trust = recognition.kind === "trunk" ? recognition.trunk.trust : "unverified";
    const leg = new IncomingSipLeg(
      this.#context.srf,
      { request, response },
      info,
      sessionTimerOf(this.#context),
      trunk ? credentialsOf(trunk) : undefined,
    );
    const id = randomUUID();
    const call = new Call({
      id,
      leg,
      trunk: trunk?.name ?? null,
      trust,
      clock,
      log: log.child({ call: id, callId: info.callId, trunk: trunk?.name ?? null }),
    });
    if (recognition.kind === "trunk" && recognition.note) call.log.warn({ event: "certificate-server-only" }, recognition.note);
    const refusal = this.#atTheDoor(recognition, call, request);
    if (refusal) return this.#refuse(call, leg, refusal);
    const objection = leg.objection();
    if (objection || !trunk) {
      const status = objection?.status ?? 500;
      response.send(status, { headers: objection?.headers ?? {} });
      return this.#over(call, refuse("bad-request", `the request asks for what we cannot do: ${status}`, { status }));
    }
    const limited = this.#context.limits.admit(trunk, clock.now());
    if (limited) return this.#refuse(call, leg, refuse("trunk-limit", limited.reason, { retryAfterSeconds: limited.retryAfterSeconds }));
    track(this.#context, call);
    try {
      await this.#receive(call, leg, trunk, parseDialledUri(dialledUri(request, trunk)));
    } catch (error) {
      await call.end("internal-error", `the gateway failed: ${String(error)}`);
      throw error;
    }
  }

  /** A call of a trunk: finds the meeting and answers, or refuses. */
  async #receive(call: Call, leg: IncomingSipLeg, trunk: Trunk, dialled: Dialled): Promise<void> {
    const policy = mediaPolicy(this.#context.config, trunk, leg.info.transport, leg.info.address);
    const context = leg.awaitsAck ? { ...policy, held: true } : policy;
    const destination = await this.#reception.destination(call, dialled, trunk);
    if (call.over) return;
    if ("code" in destination) return this.#refuse(call, leg, destination);
    const offer = this.#reception.offer(leg, context);
    if (offer && "code" in offer) return this.#refuse(call, leg, offer);
    if (!this.#context.media.connected) return this.#refuse(call, leg, refuse("media-server-lost", "the media server is not connected"));
    if (leg.wantsRinging) await leg.ring();
    const failed = await this.#reception.answer(call, offer, context);
    if (failed) return this.#refuse(call, leg, failed);
    if (call.over) return;
    call.log.info(
      { event: "call-answered", afterMs: Math.round(call.age), media: call.media?.media.id, srtp: call.media?.suite ?? null },
      "answered",
    );
    leg.on("transfer", (transfer) => this.#transfers.requested(call, trunk, transfer));
    this.#reception.lead(call, destination as Destination, dialled.language);
  }

  /** What is decided before anything is looked up. */
  #atTheDoor(recognition: Recognition, call: Call, request: SipRequest): GatewayRefusal | null {
    const { config, admission, clock } = this.#context;
    const { address } = call.leg.info;
    const agent = request.get("User-Agent");
    if (recognition.kind === "refused") {
      if (recognition.code === "trunk-credentials")
        this.#context.defence.offence(address, "wrong-credentials", { transport: call.leg.info.transport });
      const silent = !recognition.known && this.#scanners.refused(address, agent, clock.now());
      const tool = ScannerSense.isTool(agent) && !recognition.known;
      if (tool || silent) this.#context.defence.offence(address, "scanner", { transport: call.leg.info.transport });
      return tool
        ? refuse("scanner", `${agent} is a scanner: ${recognition.reason}`, { silent })
        : refuse(recognition.code, recognition.reason, { silent });
    }
    const stranger = recognition.kind === "challenge" || recognition.trunk.trust === "unverified";
    if (stranger && ScannerSense.isTool(agent)) {
      this.#context.defence.offence(address, "scanner", { transport: call.leg.info.transport });
      return refuse("scanner", `${agent} is a scanner`, { silent: true });
    }
    const kind = recognition.kind === "challenge" ? "challenged" : recognition.trunk === config.defaultTrunk ? "stranger" : "trunk";
    const refusal = admission.refusal(address, kind);
    if (refusal) return refusal;
    if (recognition.kind === "challenge") {
      return refuse("trunk-credentials", `challenged for trunk ${recognition.trunk.name}`, {
        status: 401,
        challenges: recognition.challenges,
      });
    }
    return null;
  }

  #recognise(request: SipRequest): Recognition {
    return this.#context.recognition.recognise(this.#evidence(request), this.#context.clock.now());
  }

  #evidence(request: SipRequest): CallerEvidence {
    return {
      transport: request.protocol.toLowerCase() as SipTransport,
      address: plainAddress(request.source_address),
      port: Number(request.source_port),
      // The embedded engine alone tells of a caller's certificate; what stands in its place in drachtio-server's frames is something else.
      peer: this.#context.peerStamps ? parsePeerToken(request.sessionToken) : undefined,
      authorization: request.get("Authorization"),
      method: request.method,
      uri: request.uri,
      body: request.body,
    };
  }

  #refuse(call: Call, leg: IncomingSipLeg, refusal: GatewayRefusal): void {
    if (leg.ended) return;
    // the call knows of it before its leg says that it has ended
    this.#over(call, refusal);
    leg.refuse(refusal);
  }

  /** One line in the log and one record for each refusal, but for the first round of a digest, and for scanners, of whom one a minute is enough. */
  #over(call: Call, refusal: GatewayRefusal): void {
    const tracked = this.#context.calls.has(call.id);
    const record = call.refused(refusal.code, refusal.reason, refusal.status, refusal.cause);
    if (tracked || refusal.status === 401) return;
    if (refusal.silent && !this.#worthALine(call.leg.info.address)) return;
    void record.then((kept) => keep(this.#context, call, kept));
  }

  #worthALine(address: string): boolean {
    const now = this.#context.clock.now();
    const last = this.#silentAt.get(address) ?? Number.NEGATIVE_INFINITY;
    if (now - last < SILENT_LOG_MS) return false;
    this.#silentAt.delete(address);
    this.#silentAt.set(address, now);
    if (this.#silentAt.size > 10_000) this.#silentAt.delete(this.#silentAt.keys().next().value!);
    return true;
  }

  #options(request: SipRequest, response: SipResponse) {
    if (ScannerSense.isTool(request.get("User-Agent"))) return this.#discard(request, response);
    if (this.#context.draining || !this.#context.media.connected) return response.send(503, { headers: { "Retry-After": "10" } });
    response.send(200, { headers: { Allow: ALLOW, Accept: "application/sdp", Supported: SUPPORTED } });
  }

  /** Leaves a scanner without an answer, where the SIP engine can. */
  #discard(request: SipRequest, response: SipResponse) {
    const transport = request.protocol.toLowerCase();
    this.#context.defence.offence(plainAddress(request.source_address), "scanner", { transport });
    response.send(403, DISCARD);
  }

  #notHere(request: SipRequest, response: SipResponse) {
    const info = legInfo(request);
    const recognition = this.#recognise(request);
    const agent = request.get("User-Agent");
    const silent =
      ScannerSense.isTool(agent) ||
      (recognition.kind === "refused" && !recognition.known && this.#scanners.refused(info.address, agent, this.#context.clock.now()));
    if (silent) return this.#discard(request, response);
    response.send(405, { headers: { Allow: ALLOW } });
  }
}

/** What was dialled: a carrier at which we are registered calls our contact, and names the number in To. */
function dialledUri(request: SipRequest, { register }: Trunk): string {
  const to = request.getParsedHeader("to").uri;
  return register && userOf(request.uri) === register.username && userOf(to) !== register.username ? to : request.uri;
}

/** What a request says of its sender. A PIN in what was dialled is left out. */
function legInfo(request: SipRequest): LegInfo {
  const from = request.getParsedHeader("from");
  const fromUri = maskDialled(bareUri(from.uri));
  const { number } = parseDialledUri(request.uri);
  const host = /@([^;?>]+)/.exec(request.uri)?.[1] ?? /^sips?:([^;?@]+)/i.exec(request.uri)?.[1] ?? "";
  const scheme = /^[a-z]+/i.exec(request.uri)?.[0].toLowerCase() ?? "sip";
  return maskedInfo({
    callId: request.get("Call-ID") ?? "",
    protocol: "sip",
    direction: "in",
    transport: request.protocol.toLowerCase(),
    address: plainAddress(request.source_address),
    from: fromUri,
    to: scheme === "tel" ? `tel:${number}` : number === "" ? `${scheme}:${host}` : `${scheme}:${number}@${host}`,
    displayName: displayNameOf(from.name, fromUri),
    userAgent: request.get("User-Agent"),
  });
}

function bareUri(uri: string): string {
  return uri.split(/[;?]/, 1)[0] ?? uri;
}

/** The name in From; the user part where there is none. Control characters out, no longer than a roster can show. */
function displayNameOf(name: string | undefined, uri: string): string {
  const given = (name ?? "").replace(/^"|"$/g, "").trim();
  const user = /^(?:sips?|tel):([^@;?]+)/i.exec(uri)?.[1] ?? uri;
  return (given === "" ? user : given).replace(/[\u0000-\u001f\u007f]/g, "").slice(0, 128);
}
