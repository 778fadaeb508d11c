import { maskDialled } from "../../base/pin-mask.ts";
import { type LegInfo, maskedInfo } from "../../legs/leg.ts";
import type { SipRequest, SipResponse } from "../../legs/sip/drachtio.ts";
import { IncomingSipLeg } from "../../legs/sip/incoming.ts";
import { type Dialled, parseDialledUri } from "../../meetings/dial-string.ts";
import type { MediaPolicy } from "../../negotiation/index.ts";
import type { CallerField, Trunk } from "../../trunks/model.ts";
import { plainAddress } from "../../trunks/networks.ts";
import type { CallerEvidence, Recognition } from "../../trunks/recognition.ts";
import { ScannerSense } from "../../trunks/scanners.ts";
import { mediaPolicy } from "../call/answer.ts";
import type { Call } from "../call/call.ts";
import { type GatewayRefusal, refuse } from "../call/refusals.ts";
import type { Takeover } from "../call/handover.ts";
import type { IncomingAdapter, TrunkCaller, Wanted } from "../incoming-call.ts";
import { credentialsOf } from "./outgoing.ts";
import { shownCaller } from "./caller-number.ts";
import type { Replacements } from "./replacements.ts";
import { userOf } from "./registrar-requests.ts";
import type { Transfers } from "./transfers.ts";
import { sessionTimerOf, type Settings } from "../settings.ts";
import type { Clock } from "../../base/clock.ts";
import type { Srf } from "../../legs/sip/drachtio.ts";
import type { Defence } from "../../security/defence.ts";

/** What calls by SIP need of the gateway. */
export interface SipIncomingParts {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly srf: Srf;
  readonly defence: Defence;
  readonly transfers: Transfers;
  readonly replacements: Replacements;
  readonly scanners: ScannerSense;
}

/** An INVITE outside a dialog as an incoming call. */
export class SipIncoming implements IncomingAdapter {
  info: LegInfo;
  readonly caller: TrunkCaller;
  readonly #parts: SipIncomingParts;
  readonly #request: SipRequest;
  readonly #response: SipResponse;
  #leg: IncomingSipLeg | undefined;
  #objection: ReturnType<IncomingSipLeg["objection"]> = null;

  constructor(parts: SipIncomingParts, request: SipRequest, response: SipResponse, evidence: CallerEvidence) {
    this.#parts = parts;
    this.#request = request;
    this.#response = response;
    this.info = { ...legInfo(request), ...(evidence.tls === undefined ? {} : { tls: evidence.tls }) };
    this.caller = { kind: "trunk", evidence, challenges: true, suspicion: (recognition) => this.#suspicion(recognition) };
  }

  open(trunk: Trunk | null): IncomingSipLeg {
    const { srf, settings } = this.#parts;
    const exchange = { request: this.#request, response: this.#response };
    // whom a trunk vouches for counts once it is known to be that trunk
    if (trunk?.callerNumber) this.info = legInfo(this.#request, trunk.callerNumber);
    const credentials = trunk ? credentialsOf(trunk) : undefined;
    this.#leg = new IncomingSipLeg(srf, exchange, this.info, sessionTimerOf(settings.config, trunk), credentials);
    return this.#leg;
  }

  begun(call: Call): void {
    this.#parts.replacements.watch(call);
  }

  replaces(trunk: Trunk): Takeover | GatewayRefusal | null {
    return this.#parts.replacements.asked(this.#request, trunk);
  }

  objection(): GatewayRefusal | null {
    this.#objection = this.#leg?.objection() ?? null;
    if (this.#objection === null) return null;
    const { status } = this.#objection;
    return refuse("bad-request", `the request asks for what we cannot do: ${status}`, { status });
  }

  dialled(trunk: Trunk | null): Dialled {
    return parseDialledUri(dialledUri(this.#request, trunk));
  }

  wanted(_: Call, trunk: Trunk): Wanted {
    return { dialled: this.dialled(trunk), from: trunk, role: null };
  }

  mediaPolicy(trunk: Trunk): MediaPolicy {
    const { transport, address } = this.info;
    const policy = mediaPolicy(this.#parts.settings.config, trunk, transport, address);
    return this.#leg?.awaitsAck ? { ...policy, held: true } : policy;
  }

  async beforeAnswer(): Promise<void> {
    if (this.#leg?.wantsRinging) await this.#leg.ring();
  }

  answered(call: Call, trunk: Trunk): void {
    call.leg.on("transfer", (transfer) => this.#parts.transfers.requested(call, trunk, transfer));
  }

  refuse(refusal: GatewayRefusal): void {
    if (this.#objection === null) this.#leg?.refuse(refusal);
    else this.#response.send(this.#objection.status, { headers: this.#objection.headers });
  }

  /** Scanners and guesses of passwords are told to the defence; who has been refused too often is not answered. */
  #suspicion(recognition: Recognition): GatewayRefusal | null {
    const { scanners, defence, clock } = this.#parts;
    const { address, transport, userAgent: agent } = this.info;
    const scanner = () => defence.offence(address, "scanner", { transport });
    if (recognition.kind === "refused") {
      if (recognition.code === "trunk-credentials") defence.offence(address, "wrong-credentials", { transport });
      const silent = !recognition.known && scanners.refused(address, agent, clock.now());
      const tool = ScannerSense.isTool(agent) && !recognition.known;
      if (tool || silent) scanner();
      return tool
        ? refuse("scanner", `${agent} is a scanner: ${recognition.reason}`, { silent })
        : refuse(recognition.code, recognition.reason, { silent });
    }
    const stranger = recognition.kind === "challenge" || recognition.trunk.trust === "unverified";
    if (!stranger || !ScannerSense.isTool(agent)) return null;
    scanner();
    return refuse("scanner", `${agent} is a scanner`, { silent: true });
  }
}

/** What was dialled: a carrier at which we are registered calls our contact, and names the number in To. */
function dialledUri(request: SipRequest, trunk: Trunk | null): string {
  const register = trunk?.register;
  const to = request.getParsedHeader("to").uri;
  return register && userOf(request.uri) === register.username && userOf(to) !== register.username ? to : request.uri;
}

/** What a request says of its sender. A PIN in what was dialled is left out. */
export function legInfo(request: SipRequest, callerNumber: readonly CallerField[] = []): LegInfo {
  const from = shownCaller(request, callerNumber) ?? request.getParsedHeader("from");
  const fromUri = maskDialled(bareUri(from.uri));
  const { shown } = parseDialledUri(request.uri);
  const host = /@([^;?>]+)/.exec(request.uri)?.[1] ?? /^sips?:([^;?@]+)/i.exec(request.uri)?.[1] ?? "";
  const scheme = /^[a-z]+/i.exec(request.uri)?.[0].toLowerCase() ?? "sip";
  return maskedInfo({
    callId: request.get("Call-ID") ?? "",
    protocol: "sip",
    direction: "in",
    transport: request.protocol.toLowerCase(),
    address: plainAddress(request.source_address),
    from: fromUri,
    to: scheme === "tel" ? `tel:${shown}` : shown === "" ? `${scheme}:${host}` : `${scheme}:${shown}@${host}`,
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
