/** Ends dialogs, for whatever reason, and keeps their session timers (RFC 4028) as drachtio's server does. */
import type { EndCode } from "../base/call-failure.ts";
import type { Millis } from "../base/clock.ts";
import type { ClientUser } from "../sip/client-call.ts";
import type { Target } from "../sip/types.ts";
import { parseSeconds, parseValueParams } from "../wire/sip/fields.ts";
import type { SipMessageBase, SipRequest, SipResponse } from "../wire/sip/message.ts";
import type { App } from "./apps.ts";
import type { EngineDialog } from "./engine-dialog.ts";
import type { EngineState } from "./state.ts";

/** Smallest session interval (RFC 4028 section 5). */
const MIN_SE = 90;
/** Longer ones than a day nobody means. */
const MAX_SE = 86_400;

/** Why a dialog may be ended by the engine. */
export type DialogEnd = Extract<
  EndCode,
  | "session-expired"
  | "connection-lost"
  | "far-end-silent"
  | "dialog-unknown"
  | "not-acknowledged"
  | "cancelled"
  | "released"
  | "application-gone"
  | "unusable-answer"
>;

/** What the BYE's Reason says (RFC 3326), to the far end too; some are drachtio-server's own words. */
const WORDS: Readonly<Record<DialogEnd, string>> = {
  "session-expired": "Session timer expired",
  "connection-lost": "connection lost",
  "far-end-silent": "far end does not answer",
  "dialog-unknown": "dialog does not exist at the far end",
  "not-acknowledged": "ACK timeout",
  cancelled: "CANCEL after 200 OK",
  released: "ACK-BYE due to cancel race condition",
  "application-gone": "application gone",
  "unusable-answer": "no Contact in the 2xx",
};

export class DialogManager {
  readonly #state: EngineState;
  /** Dialogs by the connection their far end uses. */
  readonly #byConnection = new Map<number, Set<EngineDialog>>();

  constructor(state: EngineState) {
    this.#state = state;
  }

  /** A dialog is established or its far end was heard from: connection and timers follow. */
  track(dialog: EngineDialog, previous: number): void {
    if (previous === dialog.connection && this.#byConnection.get(previous)?.has(dialog) === true) return;
    this.#untrack(dialog, previous);
    if (dialog.connection === 0 || dialog.ended) return;
    const set = this.#byConnection.get(dialog.connection) ?? new Set();
    set.add(dialog);
    this.#byConnection.set(dialog.connection, set);
  }

  #untrack(dialog: EngineDialog, connection: number): void {
    const set = this.#byConnection.get(connection);
    if (set?.delete(dialog) === true && set.size === 0) this.#byConnection.delete(connection);
  }

  /** The dialog is over; nothing is sent. */
  forget(dialog: EngineDialog): void {
    if (dialog.ended) return;
    dialog.ended = true;
    dialog.core.state = "terminated";
    if (dialog.method === "INVITE" && dialog.confirmed) this.#state.stats.callsEnded++;
    this.#state.layer.disarm(dialog.session?.timer);
    dialog.session = undefined;
    this.#untrack(dialog, dialog.connection);
    this.#state.removeDialog(dialog);
  }

  /**
   * Sends BYE by ourselves, tells the application as drachtio does (an unsolicited BYE), and forgets the dialog. `once`: the BYE goes there
   * and is not repeated.
   */
  terminate(dialog: EngineDialog, why: DialogEnd, now: Millis, options: { send?: boolean; cdr?: string; once?: Target } = {}): void {
    if (dialog.ended) return;
    const bye = dialog.core.request("BYE").set("Reason", `SIP ;cause=200 ;text="${WORDS[why]}"`);
    const tell = (sent: SipRequest): void => {
      const meta = this.#state.metaOfRequest(sent, undefined);
      if (dialog.app.alive) this.#state.sendOwn(dialog.app, meta, "unsolicited", dialog.id, sent, why);
      this.#state.cdr("stop", "application", sent, options.cdr ?? "normal-release");
    };
    if (options.send === false || dialog.method === "SUBSCRIBE") tell(bye);
    else {
      const user: ClientUser = {
        onResponse() {},
        onFailure() {},
        onSent: (call) => {
          tell(call.request);
          if (options.once) call.abandon();
        },
      };
      this.#state.layer.request(bye, { user, target: options.once ?? dialog.flow, near: dialog.near, trunk: dialog.trunk }, now);
    }
    this.forget(dialog);
  }

  // ── connections ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * A connection is gone. Whoever can be reached only by it is gone too; others are asked (OPTIONS) whether the call still stands, since
   * proxies close idle connections without meaning anything by it.
   */
  connectionLost(connection: number, now: Millis): void {
    for (const dialog of [...(this.#byConnection.get(connection) ?? [])]) {
      const reachable = dialog.reachableAnew && dialog.confirmed;
      this.#untrack(dialog, connection);
      dialog.connection = 0;
      dialog.flow = undefined;
      dialog.near = undefined;
      if (reachable) this.#probe(dialog, now);
      else this.terminate(dialog, "connection-lost", now, { send: false });
    }
  }

  #probe(dialog: EngineDialog, now: Millis): void {
    const lost = (at: Millis): void => this.terminate(dialog, "connection-lost", at, { send: false });
    this.#state.layer.request(
      dialog.core.request("OPTIONS"),
      {
        trunk: dialog.trunk,
        user: {
          onResponse: (response, _call, source, at) => {
            if (response.status === 408 || response.status === 481) lost(at);
            else if (response.status >= 200 && !dialog.ended) {
              dialog.connection = source.connection;
              this.track(dialog, 0);
            }
          },
          onFailure: (_status, _reason, _call, at) => lost(at),
        },
      },
      now,
    );
  }

  /** An application is gone: its calls end after a while, so that a restart does not cut what another may still end in order. */
  orphan(app: App, now: Millis): void {
    const grace = this.#state.options.orphanGrace ?? 10_000;
    const owner = {
      onTimer: (_name: string, at: Millis): void => {
        for (const dialog of [...this.#state.dialogs.values()]) {
          if (dialog.app === app && dialog.confirmed) this.terminate(dialog, "application-gone", at);
        }
      },
    };
    for (const dialog of this.#state.dialogs.values()) {
      if (dialog.app !== app) continue;
      this.#state.layer.arm(owner, "orphan", now + grace);
      return;
    }
  }

  // ── session timers ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** The interval a received request asks for is too small: the Min-SE to answer 422 with. */
  tooSmall(request: SipRequest): number | undefined {
    const asked = parseSeconds(request.get("session-expires"));
    return asked !== undefined && asked < MIN_SE ? MIN_SE : undefined;
  }

  /** Our 2xx to an INVITE or UPDATE: settles who refreshes, adds Session-Expires where the application did not, starts the clock. */
  answerSession(dialog: EngineDialog, request: SipRequest, response: SipResponse, now: Millis): void {
    const own = response.get("session-expires");
    const asked = parseSeconds(request.get("session-expires"));
    const interval = Math.max(MIN_SE, parseSeconds(own) ?? asked ?? 0);
    if (own === undefined && asked === undefined) {
      // A refresh without the field ends the agreement (RFC 4028 section 9).
      if (request.method === "INVITE") this.#start(dialog, undefined, "us", now);
      return;
    }
    const supported = request.lists("supported", "timer");
    const refresher = refresherOf(own === undefined ? request : response) ?? (supported ? "uac" : "uas");
    if (own === undefined) response.set("Session-Expires", `${interval};refresher=${refresher}`);
    if (refresher === "uac" && supported && !response.lists("require", "timer")) response.append("Require", "timer");
    this.#start(dialog, interval, refresher === "uac" ? "them" : "us", now);
  }

  /** A 2xx received for our INVITE or UPDATE. A far end that answers a refresh without the field knows no timers: we go on alone (section 7.2). */
  acceptSession(dialog: EngineDialog, response: SipResponse, now: Millis, refresh?: SipRequest): void {
    const interval = parseSeconds(response.get("session-expires"));
    const asked = dialog.session === undefined ? undefined : parseSeconds(refresh?.get("session-expires"));
    if (interval !== undefined) this.#start(dialog, Math.max(MIN_SE, interval), refresherOf(response) === "uas" ? "them" : "us", now);
    else if (asked !== undefined) this.#start(dialog, Math.max(MIN_SE, asked), "us", now);
  }

  #start(dialog: EngineDialog, interval: number | undefined, refresher: "us" | "them", now: Millis): void {
    const { layer } = this.#state;
    layer.disarm(dialog.session?.timer);
    dialog.session = undefined;
    if (interval === undefined || dialog.ended) return;
    // The refresher acts at half time; the other side gives up shortly before the end (RFC 4028 section 10).
    const after = refresher === "us" ? interval * 500 : interval * 1000 - Math.min(32_000, (interval * 1000) / 3);
    dialog.session = { interval, refresher, expires: now + interval * 1000, byApplication: false, timer: undefined };
    this.#wake(dialog, now + after);
  }

  /** Arms the session's timer. */
  #wake(dialog: EngineDialog, at: Millis): void {
    const owner = { onTimer: (_name: string, now: Millis) => this.#expired(dialog, now) };
    if (dialog.session !== undefined) dialog.session.timer = this.#state.layer.arm(owner, "session", at);
  }

  #expired(dialog: EngineDialog, now: Millis): void {
    const { session } = dialog;
    if (dialog.ended || session === undefined) return;
    if (session.refresher === "them" || now >= session.expires) this.terminate(dialog, "session-expired", now, { cdr: "session-expired" });
    // an application that refreshes itself is left to it, until the interval is over
    else if (session.byApplication) this.#wake(dialog, session.expires);
    else this.#refresh(dialog, session.interval, now);
  }

  /** A refresh was refused by a far end that is there: again inside the interval, at the time it names (RFC 4028 section 10, RFC 3261 section 14.1). */
  #refused(dialog: EngineDialog, response: SipResponse, asked: number, now: Millis): void {
    const { session } = dialog;
    if (session === undefined) return;
    const minSe = response.status === 422 ? (parseSeconds(response.get("min-se")) ?? 0) : 0;
    if (minSe > asked && minSe <= MAX_SE) {
      this.#refresh(dialog, minSe, now);
      return;
    }
    const left = session.expires - now;
    const glare = dialog.core.role === "uac" ? 2100 + Math.random() * 1900 : Math.random() * 2000;
    const named = parseSeconds(response.get("retry-after"));
    const after = response.status === 491 ? glare : named === undefined ? Math.max(5000, left / 4) : named * 1000;
    this.#wake(dialog, now + Math.min(after, Math.max(left, 0)));
  }

  #refresh(dialog: EngineDialog, interval: number, now: Millis): void {
    // A re-INVITE of the application's refreshes as well.
    if (dialog.reinvite !== undefined) {
      this.#start(dialog, interval, "us", now);
      return;
    }
    const invite = dialog.core.request("INVITE");
    invite
      .set("Session-Expires", `${interval};refresher=uac`)
      .set("Min-SE", MIN_SE)
      .set("Supported", "timer")
      .set("Contact", dialog.localContact);
    if (dialog.localSdp !== undefined) invite.setBody(dialog.localSdp, "application/sdp");
    const failed = (at: Millis): void => this.terminate(dialog, "session-expired", at, { cdr: "session-expired" });
    dialog.reinvite = this.#state.layer.request(
      invite,
      {
        target: dialog.flow,
        near: dialog.near,
        trunk: dialog.trunk,
        user: {
          onResponse: (response, call, _source, at) => {
            if (response.status < 200) return;
            if (dialog.reinvite === call) dialog.reinvite = undefined;
            if (response.status < 300) {
              this.#state.layer.sendAck(
                dialog.core.request("ACK", call.request.cseq?.seq),
                { target: dialog.flow, near: dialog.near, trunk: dialog.trunk },
                at,
                () => {},
              );
              if (!dialog.ended) this.acceptSession(dialog, response, at, call.request);
            } else if (response.status === 408 || response.status === 481) failed(at);
            else this.#refused(dialog, response, interval, at);
          },
          onFailure: (_status, _reason, _call, at) => failed(at),
        },
      },
      now,
    );
  }
}

function refresherOf(message: SipMessageBase): "uac" | "uas" | undefined {
  const value = parseValueParams(message.get("session-expires") ?? "")
    .params.get("refresher")
    ?.toLowerCase();
  return value === "uac" || value === "uas" ? value : undefined;
}
