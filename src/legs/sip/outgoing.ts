import { CallFailure } from "../../base/call-failure.ts";
import { CAUSE, formatReason } from "../cause.ts";
import type { DialogIdentifiers, LegInfo } from "../leg.ts";
import { askSessionTimer, type SessionTimerPolicy } from "./session-timer.ts";
import { Authentication } from "./digest-client.ts";
import { sessionDescription } from "./body.ts";
import { agreeSession, largerInterval } from "./session-refresh.ts";
import {
  type Dialog,
  type DialogMade,
  dialogOf,
  type Headers,
  isSipFailure,
  type SipRequest,
  type SipResponse,
  type Srf,
} from "./drachtio.ts";
import { SUPPORTED } from "./extensions.ts";
import { TLS_HEADER } from "../../wire/sip/peer-certificate.ts";
import { endOfFailure } from "./leg-end.ts";
import { ALLOW, contactOver } from "./leg-fields.ts";
import { SipLeg } from "./sip-leg.ts";

/** Callees of a forked call whose early descriptions are kept. */
const MOST_FORKS = 16;

export interface OutgoingOptions {
  readonly uri: string;
  /** `From` value, without tag; the engine's own address where absent. */
  readonly from?: string;
  readonly headers?: Headers;
  readonly proxy?: string;
  /** The SIP engine is the embedded one, which tells what TLS has agreed on. */
  readonly stamps?: boolean;
  readonly auth?: { readonly username: string; readonly password: string };
}

/** Early dialogs of one call that are kept: a proxy may fork it. */
const MOST_EARLY = 16;

/** A call that we make. */
export class OutgoingSipLeg extends SipLeg {
  readonly #srf: Srf;
  readonly #options: OutgoingOptions;
  #request: SipRequest | undefined;
  #tls: string | undefined;
  readonly #early = new Map<string, DialogIdentifiers>();
  #cancelled: { readonly cause: number; readonly text: string } | undefined;

  constructor(srf: Srf, options: OutgoingOptions, info: LegInfo, timer: SessionTimerPolicy) {
    super(info, timer, options.auth);
    this.#srf = srf;
    this.#options = options;
  }

  /** The offer is ours; there is none to answer. */
  get offer(): null {
    return null;
  }

  /**
   * Calls with our offer. `ringing` is told once, at the first provisional response that says so. Resolves with the far end's answer; rejects when it is refused, busy or
   * gives no answer, with CallFailure, after `ended`.
   */
  async call(sdp: string, ringing: () => void): Promise<string> {
    const { uri, from, headers, proxy, auth } = this.#options;
    let rang = false;
    // first descriptions of provisional responses, by the dialog they are of
    const early = new Map<string, string>();
    const authentication = auth && new Authentication(auth);
    const attempt = (expires: SessionTimerPolicy, more: Headers = {}) =>
      dialogOf(
        (made) => invite(expires, more, made),
        (dialog) => {
          if (this.ended) return;
          this.#over(dialog.res);
          this.establish(dialog, sdp);
          this.agree(agreeSession(dialog.res?.get("Session-Expires"), "uac"));
        },
      );
    const invite = (expires: SessionTimerPolicy, more: Headers, made: DialogMade) =>
      this.#srf.createUAC(
        uri,
        {
          localSdp: sdp,
          headers: {
            "Call-ID": this.info.callId,
            ...askSessionTimer(expires),
            // Callees that want reliable provisional responses answer 421 to who cannot do them (RFC 3262 section 3).
            Supported: SUPPORTED,
            Allow: ALLOW,
            ...contactOver(this.info.transport),
            ...(from === undefined ? {} : { From: from }),
            ...headers,
            ...more,
          },
          ...(proxy === undefined ? {} : { proxy }),
        },
        {
          cbRequest: (error, request) => {
            if (error) return;
            this.#request = request;
            if (this.#cancelled) this.giveUp(this.#cancelled.cause, this.#cancelled.text);
          },
          cbProvisional: (response) => {
            this.#keepEarly(response);
            this.#over(response);
            const tag = response.getParsedHeader("to").params["tag"] ?? "";
            const description = sessionDescription(response);
            if (description !== "" && !early.has(tag) && early.size < MOST_FORKS) early.set(tag, description);
            if (rang || response.status < 180) return;
            rang = true;
            ringing();
          },
        },
        made,
      );
    try {
      let expires = this.timerPolicy;
      const again = (error: unknown): Promise<Dialog> => {
        if (this.ended || !isSipFailure(error)) throw error;
        const larger = largerInterval(error.status, error.res);
        const answer = error.res && this.#request && authentication?.answer(this.#request, error.res);
        if (larger !== undefined && larger > expires.minSe) {
          expires = { expires: larger, minSe: larger };
          authentication?.restart();
          return attempt(expires).catch(again);
        }
        if (!answer) throw error;
        return attempt(expires, answer).catch(again);
      };
      const dialog = await attempt(expires).catch(again);
      // challenges inside the dialog are drachtio-srf's to answer, but those of re-INVITEs
      if (auth) Object.assign(dialog, { auth });
      if (!this.answered) {
        // answered while our CANCEL was on its way (RFC 3261 section 9.1)
        const { cause, text } = this.#cancelled ?? { cause: CAUSE.normalClearing, text: "given up" };
        await dialog.destroy({ headers: { Reason: formatReason(cause, text) } }).catch(() => undefined);
        throw new CallFailure({ code: "released", by: "gateway", q850: cause, message: "given up before it was answered" });
      }
      // a 200 without one confirms what was said before it (RFC 6337 section 3.1.1)
      const said = dialog.res ? sessionDescription(dialog.res) : dialog.remote.sdp;
      const answer = said || early.get(dialog.sip.remoteTag);
      if (dialog.res) this.cameFrom(dialog.res);
      if (answer) return answer;
      const message = "the answer carries no session description";
      await this.end(CAUSE.protocolError, message);
      throw new CallFailure({ code: "unusable-answer", by: "callee", q850: CAUSE.protocolError, message });
    } catch (error) {
      const failure = endOfFailure(error);
      this.finish(failure);
      throw failure;
    }
  }

  override get tls(): string | undefined {
    return this.#tls;
  }

  /** What TLS has agreed on, of the embedded engine's word. */
  #over(response: Pick<SipResponse, "get"> | undefined): void {
    if (this.#options.stamps) this.#tls = response?.get(TLS_HEADER) ?? this.#tls;
  }

  protected override get early(): readonly DialogIdentifiers[] {
    return [...this.#early.values()];
  }

  #keepEarly(response: SipResponse): void {
    if (response.status <= 100 || this.#early.size >= MOST_EARLY) return;
    const remoteTag = response.getParsedHeader("to").params["tag"];
    const localTag = response.getParsedHeader("from").params["tag"];
    if (remoteTag && localTag) this.#early.set(remoteTag, { callId: response.get("Call-ID") ?? this.info.callId, localTag, remoteTag });
  }

  async ring(): Promise<void> {}

  async answer(): Promise<string | null> {
    throw new Error("an outgoing leg is answered by the far end");
  }

  refuse(): void {
    void this.end(CAUSE.callRejected, "not wanted any more");
  }

  protected giveUp(cause: number, text: string): void {
    this.#cancelled = { cause, text };
    this.#request?.cancel({ headers: { Reason: formatReason(cause, text) } }, () => undefined);
  }
}
