import { describeResponse, type SipResponse } from "../../legs/sip/drachtio.ts";
import { type GatewayContext, trunkHeaders } from "../context.ts";

/** Asks each trunk's target by OPTIONS whether it is there. */
export class TrunkProbe {
  readonly #context: GatewayContext;
  readonly #reachable = new Map<string, boolean>();
  readonly #reasons = new Map<string, string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(context: GatewayContext) {
    this.#context = context;
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
    const seconds = this.#context.config.trunkOptionsSeconds ?? 0;
    if (seconds <= 0) return;
    const round = () => {
      for (const { name, target } of this.#context.config.trunks) if (target !== null && /^sips?:/i.test(target)) this.#ask(name, target);
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
      const headers = { "Max-Forwards": "70", ...trunkHeaders(this.#context, { name }) };
      this.#context.srf.request(target, { method: "OPTIONS", headers }, (error, request) => {
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
    if (reachable) this.#context.log.info(fields, "the trunk's target answers");
    else this.#context.log.warn({ ...fields, reason }, "the trunk's target does not answer OPTIONS");
  }
}
