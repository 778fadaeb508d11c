import type { SipRequest, SipResponse } from "../../legs/sip/drachtio.ts";
import { SUPPORTED, unsupportedIn } from "../../legs/sip/extensions.ts";
import { ALLOW } from "../../legs/sip/leg-fields.ts";
import type { SipTransport } from "../../trunks/model.ts";
import { plainAddress } from "../../trunks/networks.ts";
import type { CallerEvidence, Recognition } from "../../trunks/recognition.ts";
import { ScannerSense } from "../../trunks/scanners.ts";
import { parsePeerToken } from "../../wire/sip/index.ts";
import { TLS_HEADER } from "../../wire/sip/peer-certificate.ts";
import type { IncomingCalls } from "../incoming-call.ts";
import { legInfo, SipIncoming, type SipIncomingParts } from "./incoming-adapter.ts";
import { DISCARD, RegisterDesk } from "./registrar-requests.ts";
import type { Replacements } from "./replacements.ts";
import type { Transfers } from "./transfers.ts";
import type { Settings } from "../settings.ts";
import type { Logger } from "pino";
import type { Clock } from "../../base/clock.ts";
import type { Srf } from "../../legs/sip/drachtio.ts";
import type { MediaPort } from "../../call-media/media-server.ts";
import type { TrunkRecognition } from "../../trunks/recognition.ts";
import type { Registrar } from "../../trunks/registrar.ts";
import type { RefusalSampler } from "../call/refusal-sampler.ts";
import type { Defence } from "../../security/defence.ts";

/** What answers requests of the network. */
export interface InboundParts {
  readonly settings: Settings;
  readonly log: Logger;
  readonly clock: Clock;
  readonly srf: Srf;
  readonly media: Pick<MediaPort, "connected">;
  readonly recognition: TrunkRecognition;
  readonly registrar: Registrar;
  readonly refusals: RefusalSampler;
  readonly defence: Defence;
  /** The SIP engine is the embedded one: it says who a TLS peer is, and strips the same from outside. */
  readonly peerStamps: boolean;
  readonly incoming: IncomingCalls;
  readonly transfers: Transfers;
  readonly replacements: Replacements;
}

/** SIP requests outside dialogs: calls go to the one way in, everything else is answered here. */
export class Inbound {
  readonly #parts: InboundParts;
  readonly #callParts: SipIncomingParts;
  readonly #scanners = new ScannerSense();

  constructor(parts: InboundParts) {
    this.#parts = parts;
    const { settings, clock, srf, defence, transfers, replacements } = parts;
    this.#callParts = { settings, clock, srf, defence, transfers, replacements, scanners: this.#scanners };
  }

  /** Installs the routes of every method we have an answer to. */
  route(): void {
    const route = (method: string, handle: (request: SipRequest, response: SipResponse) => void) =>
      this.#parts.srf.use(method, (request, response) => {
        // The embedded engine has asked before it read the request; drachtio-server does not.
        if (this.#parts.defence.refusal(plainAddress(request.source_address), Number(request.source_port)) !== undefined)
          return response.send(403, DISCARD);
        // RFC 3261 section 8.2.2.3. Calls are asked when it is known whose they are, and scanners get no answer.
        const unsupported = method === "invite" ? [] : unsupportedIn(request.get("Require"));
        if (unsupported.length > 0 && !ScannerSense.isTool(request.get("User-Agent")))
          return response.send(420, { headers: { Unsupported: unsupported.join(", ") } });
        // RFC 3891 section 3
        if (method !== "invite" && request.has("Replaces")) return response.send(400);
        handle(request, response);
      });
    route("invite", (request, response) => {
      this.#invite(request, response).catch((error: unknown) => {
        this.#parts.log.error({ event: "call-failed", callId: request.get("Call-ID"), err: error }, "a call failed in the gateway");
        if (!response.finalResponseSent) response.send(500);
      });
    });
    route("options", (request, response) => this.#options(request, response));
    const { log, clock, recognition, registrar, defence } = this.#parts;
    const desk = new RegisterDesk({
      ...{ log, clock, recognition, registrar, defence },
      scanners: this.#scanners,
      evidence: (request) => this.#evidence(request),
      worthALine: (address) => this.#parts.refusals.takesSilent(address),
    });
    route("register", (request, response) =>
      this.#parts.settings.config.trunks.some(({ identity }) => identity.registration)
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
    if (request.getParsedHeader("to").params["tag"] !== undefined) return response.send(481);
    await this.#parts.incoming.receive(new SipIncoming(this.#callParts, request, response, this.#evidence(request)));
  }

  #recognise(request: SipRequest): Recognition {
    return this.#parts.recognition.recognise(this.#evidence(request), this.#parts.clock.now());
  }

  #evidence(request: SipRequest): CallerEvidence {
    return {
      transport: request.protocol.toLowerCase() as SipTransport,
      address: plainAddress(request.source_address),
      port: Number(request.source_port),
      // The embedded engine alone tells of a caller's certificate; what stands in its place in drachtio-server's frames is something else.
      peer: this.#parts.peerStamps ? parsePeerToken(request.sessionToken) : undefined,
      tls: this.#parts.peerStamps ? request.get(TLS_HEADER) : undefined,
      authorization: request.get("Authorization"),
      method: request.method,
      uri: request.uri,
      body: request.body,
    };
  }

  #options(request: SipRequest, response: SipResponse) {
    if (ScannerSense.isTool(request.get("User-Agent"))) return this.#discard(request, response);
    if (this.#parts.settings.draining || !this.#parts.media.connected) return response.send(503, { headers: { "Retry-After": "10" } });
    response.send(200, { headers: { Allow: ALLOW, Accept: "application/sdp", Supported: SUPPORTED } });
  }

  /** Leaves a scanner without an answer, where the SIP engine can. */
  #discard(request: SipRequest, response: SipResponse) {
    const transport = request.protocol.toLowerCase();
    this.#parts.defence.offence(plainAddress(request.source_address), "scanner", { transport });
    response.send(403, DISCARD);
  }

  #notHere(request: SipRequest, response: SipResponse) {
    const info = legInfo(request);
    const recognition = this.#recognise(request);
    const agent = request.get("User-Agent");
    const silent =
      ScannerSense.isTool(agent) ||
      (recognition.kind === "refused" && !recognition.known && this.#scanners.refused(info.address, agent, this.#parts.clock.now()));
    if (silent) return this.#discard(request, response);
    response.send(405, { headers: { Allow: ALLOW } });
  }
}
