import { describeResponse, type SipResponse } from "../../legs/sip/drachtio.ts";
import type { Settings } from "../settings.ts";
import type { Logger } from "pino";
import type { Srf } from "../../legs/sip/drachtio.ts";
import { trunkHeaders } from "./trunk-headers.ts";

/** What it asks by, and whom. */
export interface TrunkProbeParts {
  readonly settings: Settings;
  readonly log: Logger;
  readonly srf: Srf;
  /** The SIP engine is the embedded one: it says who a TLS peer is, and strips the same from outside. */
  readonly peerStamps: boolean;
}

/** Asks each trunk's target by OPTIONS whether it is there. */
export class TrunkProbe {
  readonly #parts: TrunkProbeParts;
  readonly #reachable = new Map<string, boolean>();
  readonly #reasons = new Map<string, string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: TrunkProbeParts) {
    this.#parts = parts;
  }

  /** Null where nothing is asked, or no answer has come or failed yet. */
  reachable(trunk: string): boolean | null {
    return this.#reachable.get(trunk) ?? null;
  }

  /** Why no answer came to the last question; null where one came. */
  unreachableReason(trunk: string): string | null {
    return this.#reasons.get(trunk) ?? null;
  }

  /** Begins, or begins anew with another configuration. */
  start(): void {
    this.stop();
    this.#reachable.clear();
    this.#reasons.clear();
    const seconds = this.#parts.settings.config.trunkOptionsSeconds ?? 0;
    if (seconds <= 0) return;
    const round = () => {
      for (const { name, target } of this.#parts.settings.config.trunks)
        if (target !== null && /^sips?:/i.test(target)) this.#ask(name, target);
    };
    this.#timer = setInterval(round, seconds * 1000);
    this.#timer.unref();
    round();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #ask(name: string, target: string): void {
    try {
      const headers = { "Max-Forwards": "70", ...trunkHeaders(this.#parts.peerStamps, { name }) };
      this.#parts.srf.request(target, { method: "OPTIONS", headers }, (error, request) => {
        if (error) return this.#told(name, false, String(error));
        request.on("response", (response: SipResponse) =>
          this.#told(name, response.status !== 408 && response.status !== 503, describeResponse(response)),
        );
      });
    } catch (error) {
      this.#told(name, false, String(error));
    }
  }

  #told(name: string, reachable: boolean, reason: string): void {
    if (reachable) this.#reasons.delete(name);
    else this.#reasons.set(name, reason);
    if (this.#reachable.get(name) === reachable) return;
    this.#reachable.set(name, reachable);
    const fields = { event: reachable ? "trunk-reachable" : "trunk-unreachable", trunk: name };
    if (reachable) this.#parts.log.info(fields, "the trunk's target answers");
    else this.#parts.log.warn({ ...fields, reason }, "the trunk's target does not answer OPTIONS");
  }
}
