import { maskText } from "../../base/pin-mask.ts";
import { repeated, type SipRequest, type SipResponse } from "../../legs/sip/drachtio.ts";
import { ALLOW } from "../../legs/sip/leg-fields.ts";
import type { CallerEvidence } from "../../trunks/recognition.ts";
import { ScannerSense } from "../../trunks/scanners.ts";
import type { Logger } from "pino";
import type { Clock } from "../../base/clock.ts";
import type { TrunkRecognition } from "../../trunks/recognition.ts";
import type { Registrar } from "../../trunks/registrar.ts";
import type { Defence } from "../../security/defence.ts";

/** How a REGISTER is left without an answer, where the SIP engine can. */
export const DISCARD = { headers: { "X-Crosspoint-Action": "discard" } } as const;

/** Who may register, and what is said of who may not. */
export interface RegisterDeskParts {
  readonly log: Logger;
  readonly clock: Clock;
  readonly recognition: TrunkRecognition;
  readonly registrar: Registrar;
  readonly defence: Defence;
  readonly scanners: ScannerSense;
  evidence(request: SipRequest): CallerEvidence;
  /** Whether a refusal of this address has a line of its own in the log. */
  worthALine(address: string): boolean;
}

/** Takes the REGISTERs of trunks that are recognised by registration (RFC 3261 section 10.3). */
export class RegisterDesk {
  readonly #parts: RegisterDeskParts;

  constructor(parts: RegisterDeskParts) {
    this.#parts = parts;
  }

  register(request: SipRequest, response: SipResponse) {
    const { log, clock, recognition } = this.#parts;
    const agent = request.get("User-Agent");
    const evidence = this.#parts.evidence(request);
    const scanner = () => this.#parts.defence.offence(evidence.address, "scanner", { transport: evidence.transport });
    if (ScannerSense.isTool(agent)) {
      scanner();
      return response.send(403, DISCARD);
    }
    const user = userOf(request.getParsedHeader("to").uri);
    const who = recognition.recogniseRegister(evidence, user, clock.now());
    if (who.kind === "challenge")
      return response.send(401, { headers: { "WWW-Authenticate": repeated("WWW-Authenticate", who.challenges) } });
    if (who.kind === "refused") {
      if (who.code === "trunk-credentials")
        this.#parts.defence.offence(evidence.address, "wrong-credentials", { transport: evidence.transport });
      const silent = !who.known && this.#parts.scanners.refused(evidence.address, agent, clock.now());
      if (silent) scanner();
      if (this.#parts.worthALine(evidence.address))
        log.warn({ event: "registration-refused", code: who.code, address: evidence.address }, who.reason);
      return silent ? response.send(403, DISCARD) : response.send(403);
    }
    this.#parts.defence.recognised(evidence.address);
    const setup = who.trunk.identity.registration;
    if (!setup) return response.send(405, { headers: { Allow: ALLOW } });
    const answer = this.#parts.registrar.register(
      who.trunk.name,
      setup,
      {
        callId: request.get("Call-ID") ?? "",
        cseq: Number.parseInt(request.get("CSeq") ?? "", 10) || 0,
        contact: request.get("Contact"),
        expires: request.get("Expires"),
        path: request.get("Path"),
        supported: request.get("Supported"),
        userAgent: agent,
        flow: { transport: evidence.transport, address: evidence.address, port: evidence.port ?? 0 },
      },
      clock.now(),
    );
    response.send(answer.status, { headers: answer.headers });
    const fields = {
      trunk: who.trunk.name,
      address: evidence.address,
      transport: evidence.transport,
      contact: maskText(request.get("Contact") ?? ""),
    };
    if (answer.status !== 200) log.warn({ event: "registration-refused", status: answer.status, ...fields }, "a registration was refused");
    else if (answer.change === "refreshed")
      log.debug({ event: "trunk-contact", change: answer.change, ...fields }, "a trunk has refreshed");
    else if (answer.change) log.info({ event: "trunk-contact", change: answer.change, ...fields }, `a trunk has ${answer.change}`);
  }
}

/** User part of a SIP URI, unescaped; empty where there is none. */
export function userOf(uri: string): string {
  const user = /^sips?:([^@;?]*)@/i.exec(uri)?.[1] ?? "";
  try {
    return decodeURIComponent(user);
  } catch {
    return user;
  }
}
