import { CallFailure, type CallEnding } from "../../base/call-failure.ts";
import { UNKNOWN_TRANSACTION } from "../../wire/drachtio/messages.ts";
import { CAUSE, formatReason, parseReason } from "../cause.ts";
import type { LegInfo, Refusal } from "../leg.ts";
import { answerSessionTimer, type SessionTimerPolicy } from "./session-timer.ts";
import { type Dialog, dialogOf, type Headers, isSipFailure, repeated, type SipRequest, type SipResponse, type Srf } from "./drachtio.ts";
import { SUPPORTED, unsupportedIn } from "./extensions.ts";
import { ACCEPT, readBody, sessionDescription } from "./body.ts";
import { agreeSession } from "./session-refresh.ts";
import type { Credentials } from "../../wire/sip/index.ts";
import { ALLOW, contactOver, formatWarning, timerFields } from "./leg-fields.ts";
import { endOfFailure } from "./leg-end.ts";
import { SipLeg } from "./sip-leg.ts";

/** How long a reliable 180 waits for its PRACK before the call is answered all the same. */
const PRACK_WAIT_MS = 4_000;

/** A call that came to us. */
export class IncomingSipLeg extends SipLeg {
  readonly #srf: Srf;
  readonly #request: SipRequest;
  readonly #response: SipResponse;
  #pending = true;

  /** `credentials` answer the far end's challenges to requests of ours in the call. */
  constructor(
    srf: Srf,
    { request, response }: { readonly request: SipRequest; readonly response: SipResponse },
    info: LegInfo,
    timer: SessionTimerPolicy,
    credentials?: Credentials,
  ) {
    super(info, timer, credentials);
    this.#srf = srf;
    this.#request = request;
    this.#response = response;
    request.on("cancel", (cancel) => {
      if (this.answered) return;
      this.#pending = false;
      const reason = parseReason(cancel.get("Reason"));
      this.finish(cancelled(reason?.cause, reason?.text));
    });
  }

  get offer(): string | null {
    return sessionDescription(this.#request) || null;
  }

  /** Why the request cannot even be looked at (RFC 3261 section 8.2.2, RFC 4028 section 9); null when it can. */
  objection(): { readonly status: number; readonly headers: Headers } | null {
    if (readBody(this.#request).kind === "unsupported") return { status: 415, headers: { Accept: ACCEPT } };
    // Without a Contact nothing inside the dialog could be sent (section 8.1.1.8). The embedded engine refuses that itself.
    if (!this.#request.has("Contact")) return { status: 400, headers: {} };
    const unknown = unsupportedIn(this.#request.get("Require"));
    if (unknown.length > 0) return { status: 420, headers: { Unsupported: unknown.join(", ") } };
    const timer = answerSessionTimer(timerFields(this.#request), this.timerPolicy);
    return timer.kind === "too-small" ? { status: 422, headers: { "Min-SE": String(timer.minSe) } } : null;
  }

  /**
   * It is up only when the caller has acknowledged it. By UDP an INVITE may come in another's name: until the ACK, whose To tag only who has our 200
   * knows, nothing but that is sent.
   */
  get awaitsAck(): boolean {
    return this.info.transport === "udp";
  }

  /** The caller demands reliable provisional responses, so that there is to be one (RFC 3262 section 3). */
  get wantsRinging(): boolean {
    return /\b100rel\b/i.test(this.#request.get("Require") ?? "");
  }

  async ring(): Promise<void> {
    if (!this.#pending) return;
    if (!this.wantsRinging) return this.#response.send(180);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, PRACK_WAIT_MS);
      const go = () => {
        clearTimeout(timer);
        resolve();
      };
      this.#response.send(180, { headers: { Require: "100rel" } }, (error) => error && go(), go);
      this.once("ended", go);
    });
  }

  async answer(sdp: string): Promise<string | null> {
    if (!this.#pending) throw new Error("the caller has given up");
    this.#pending = false;
    const timer = answerSessionTimer(timerFields(this.#request), this.timerPolicy);
    const timerHeaders = timer.kind === "accepted" ? timer.headers : {};
    const headers = {
      ...timerHeaders,
      ...contactOver(this.info.transport),
      Allow: ALLOW,
      Supported: SUPPORTED,
    };
    try {
      let acked: Promise<string> | undefined;
      let confirmed: Promise<void> | undefined;
      const dialog = await dialogOf(
        (made) => this.#srf.createUAS(this.#request, this.#response, { localSdp: sdp, headers }, made),
        (fresh) => {
          if (this.ended) return;
          if (this.offer === null) acked = this.answerInAck(fresh, this.#request);
          else if (this.awaitsAck) confirmed = this.#acknowledged(fresh);
          acked?.catch(() => undefined);
          this.establish(fresh, sdp);
          this.agree(agreeSession(timer.kind === "accepted" ? timer.headers["Session-Expires"] : undefined, "uas"));
        },
      );
      if (!this.answered) {
        // we were told to end while the 200 was on its way
        await dialog.destroy({ headers: { Reason: formatReason(CAUSE.normalClearing, "ended while answering") } }).catch(() => undefined);
        throw new Error("ended while answering");
      }
      await confirmed;
      return (await acked) ?? null;
    } catch (error) {
      if (!this.answered) {
        // the CANCEL came while the 200 was on its way to the engine, which has answered 487 itself: drachtio-srf then hears of no CANCEL any more
        const failure = isGivenUp(error) ? new CallFailure(cancelled()) : endOfFailure(error);
        this.finish(failure);
        throw failure;
      }
      throw error;
    }
  }

  /** Resolves at the ACK, or when the call ends before: the SIP engine ends one that is not acknowledged. */
  #acknowledged(dialog: Dialog): Promise<void> {
    return new Promise((resolve) => {
      dialog.once("ack", () => resolve());
      this.once("ended", () => resolve());
    });
  }

  refuse(refusal: Refusal): void {
    if (!this.#pending) return;
    this.#pending = false;
    const headers: Record<string, string> = { Reason: formatReason(refusal.cause, refusal.text) };
    if (refusal.warning !== undefined) headers["Warning"] = formatWarning(refusal.warning, refusal.text);
    if (refusal.retryAfterSeconds !== undefined) headers["Retry-After"] = String(refusal.retryAfterSeconds);
    if (refusal.challenges) headers["WWW-Authenticate"] = repeated("WWW-Authenticate", refusal.challenges);
    if (refusal.silent) headers["X-Crosspoint-Action"] = "discard";
    if (refusal.status === 405) headers["Allow"] = ALLOW;
    this.#response.send(refusal.status, { headers });
    this.finish({ code: "released", by: "gateway", q850: refusal.cause, sipStatus: null, message: refusal.text });
  }

  protected giveUp(cause: number, text: string): void {
    this.refuse({ status: 480, cause, text });
  }
}

function cancelled(cause: number = CAUSE.normalClearing, text?: string): CallEnding {
  return { code: "cancelled", by: "caller", q850: cause, sipStatus: null, message: text || "cancelled by the caller" };
}

/** Of an answer that was not sent: whether the SIP engine had answered 487 already, for a CANCEL. */
function isGivenUp(error: unknown): boolean {
  if (isSipFailure(error)) return error.status === 487;
  return (error instanceof Error ? error.message : error) === UNKNOWN_TRANSACTION;
}
