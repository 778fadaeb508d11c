/**
 * One request we send, with everything between the wish and the wire: location, the attempts at each target (RFC 3263 section 4.3),
 * Via, cancelling. A new attempt is a new transaction with a new branch.
 */
import type { Millis } from "../base/clock.ts";
import { SipRequest, type SipResponse } from "../wire/sip/message.ts";
import type { DeadServers } from "./dead-servers.ts";
import { newBranch } from "./ids.ts";
import { clientKey } from "./match.ts";
import type { Timer } from "./timers.ts";
import type { TransactionContext } from "./transactions/context.ts";
import { InviteClientTransaction } from "./transactions/invite-client.ts";
import { NonInviteClientTransaction } from "./transactions/non-invite-client.ts";
import { isReliable, type Listener, type Source, type Target } from "./types.ts";

/** Whoever sends a request hears of it by these. All but `onResponse` and `onFailure` may be left out. */
export interface ClientUser {
  /** A response; retransmissions of failures and provisional ones of an earlier attempt are not passed on. */
  onResponse(response: SipResponse, call: ClientCall, source: Source, now: Millis): void;
  /** No response will come: 408 nobody answered, 503 it could not be sent anywhere. Treat it as that response (section 8.1.3.1). */
  onFailure(status: 408 | 503, reason: string, call: ClientCall, now: Millis): void;
  /** Just before an attempt is sent: the place to fill in a Contact that names the listener. */
  prepare?(request: SipRequest, local: Listener, target: Target, call: ClientCall): void;
  /** The request has gone out, for the first time or to the next target. */
  onSent?(call: ClientCall, now: Millis): void;
  /** The last transaction is gone; nothing more will come. */
  onEnd?(call: ClientCall): void;
}

/**
 * Where another server is left to try, one that has sent nothing for so many T1 is given up (RFC 3263 section 4.3): a server that lives answers an INVITE
 * within 200 ms and a round trip (RFC 3261 section 17.2.1). A connection has its own time to come up before.
 */
const SILENT_T1 = { datagrams: 5, connection: 10 } as const;

type Transaction = InviteClientTransaction | NonInviteClientTransaction;

/** What a call needs of its layer. */
export interface CallContext extends TransactionContext {
  listenerFor(target: Target): Listener | undefined;
  readonly servers: DeadServers;
  /** Acknowledges a 2xx that nobody wants and ends its dialog (RFC 3261 section 13.2.2.4). */
  refuseAnswer(invite: SipRequest, response: SipResponse, source: Source, trunk: string | undefined, now: Millis): void;
  add(call: ClientCall, transaction: Transaction): void;
  drop(transaction: Transaction): void;
  nextRef(): number;
}

/** A request in progress. */
export class ClientCall {
  /** The request as last sent (or as it will be). */
  request: SipRequest;
  /** Target of the current attempt; undefined until located. */
  target: Target | undefined;
  /** Whoever uses the call may keep something here. */
  context: unknown = undefined;
  readonly user: ClientUser;
  readonly #layer: CallContext;
  #targets: Target[] = [];
  /** Tried when a target refuses the transport, not when nobody answers there. */
  #instead: readonly Target[] = [];
  #transaction: Transaction | undefined;
  #silence: Timer | undefined;
  #finished = false;
  #provisional = false;
  #cancel: { headers: readonly (readonly [string, string])[]; sent: boolean } | undefined;
  #cancelUser: ClientUser | undefined;

  constructor(layer: CallContext, user: ClientUser, request: SipRequest) {
    this.#layer = layer;
    this.user = user;
    this.request = request;
  }

  /** Has a final response or a failure been passed to the user? */
  get finished(): boolean {
    return this.#finished;
  }
  /** Branch of the current attempt; empty before the first. */
  get branch(): string {
    return this.request.topVia?.params.get("branch") ?? "";
  }

  /** Called by the layer when it knows where to go, or why nowhere. `instead` are tried last, and only where the network refuses the others. */
  located(targets: Target[], now: Millis, instead: readonly Target[] = [], why = "no address found"): void {
    this.#targets = targets;
    this.#instead = instead;
    if (this.#finished) return;
    if (this.#cancel !== undefined) {
      this.#fail(408, "cancelled before it was sent", now);
      return;
    }
    if (targets.length === 0) this.#fail(503, why, now);
    else this.#attempt(now);
  }

  /**
   * Cancels an INVITE (RFC 3261 section 9.1): at once when a provisional response has come, else as soon as one comes.
   * Returns false when it is too late. The INVITE still ends by its own response, 487 as a rule.
   */
  cancel(now: Millis, headers: readonly (readonly [string, string])[] = [], user?: ClientUser): boolean {
    if (this.#finished || this.request.method !== "INVITE") return false;
    if (this.#cancel === undefined) {
      this.#cancel = { headers, sent: false };
      this.#cancelUser = user;
      if (this.#provisional) this.#sendCancel(now);
    }
    return true;
  }

  /** Repeats the request no more, and tells nobody of its response. */
  abandon(): void {
    this.#finish();
    this.#transaction?.abandon();
  }

  #attempt(now: Millis): void {
    const target = this.#targets.shift()!;
    const local = this.#layer.listenerFor(target);
    if (local === undefined) {
      this.#next(503, `no listener for ${target.transport}`, now);
      return;
    }
    const first = this.target === undefined;
    this.target = target;
    const branch = newBranch();
    const host = local.advertisedHost.includes(":") ? `[${local.advertisedHost}]` : local.advertisedHost;
    const via = `SIP/2.0/${target.transport.toUpperCase()} ${host}:${local.advertisedPort};rport;branch=${branch}${target.transport === "tls" ? ";alias" : ""}`;
    if (first) this.request.prepend("Via", via);
    else {
      this.request = this.request.clone();
      this.request.replaceFirst("Via", via);
    }
    this.user.prepare?.(this.request, local, target, this);
    const key = clientKey(branch, this.request.method);
    const user = {
      onResponse: (response: SipResponse, source: Source, at: Millis) => {
        if (transaction === this.#transaction || this.#resumes(transaction)) this.#onResponse(response, source, at);
        else this.#onLateResponse(transaction, response, source, at);
      },
      onFailure: (status: 408 | 503, reason: string, at: Millis) => {
        if (transaction === this.#transaction) this.#failed(target, status, reason, at);
      },
      onTerminated: () => {
        this.#layer.drop(transaction);
        if (this.#finished && this.#transaction === transaction) this.user.onEnd?.(this);
      },
    };
    const make = this.request.method === "INVITE" ? InviteClientTransaction : NonInviteClientTransaction;
    const transaction: Transaction = new make(this.#layer, user, this.request, target, key, this.#layer.nextRef());
    this.#transaction = transaction;
    this.#provisional = false;
    this.#layer.add(this, transaction);
    transaction.start(now);
    this.#layer.disarm(this.#silence);
    if (this.#targets.length > 0) {
      const patience = isReliable(target.transport) ? SILENT_T1.connection : SILENT_T1.datagrams;
      this.#silence = this.#layer.arm(this, "silence", now + patience * this.#layer.timers.t1);
    }
    this.user.onSent?.(this, now);
  }

  /** The server has sent nothing, and there is another one. */
  onTimer(_name: string, now: Millis): void {
    const silent = this.#transaction;
    if (this.#finished || this.#cancel !== undefined || silent === undefined) return;
    this.#layer.servers.failed(silent.target, now);
    if (silent instanceof InviteClientTransaction) silent.supersede();
    this.#attempt(now);
    if (!(silent instanceof InviteClientTransaction)) silent.abandon();
  }

  /** A response of a server that was given up, while its successor has not answered either: that one goes on. */
  #resumes(transaction: Transaction): boolean {
    if (this.#finished || this.#provisional) return false;
    this.#transaction?.supersede();
    this.#transaction = transaction;
    this.request = transaction.request;
    this.target = transaction.target;
    return true;
  }

  /** A server that was given up has the INVITE all the same: it is told that nobody waits there any more. */
  #onLateResponse(transaction: Transaction, response: SipResponse, source: Source, now: Millis): void {
    const { request, target } = transaction;
    if (response.status < 200) this.#cancelBranch(transaction, now);
    else if (response.status < 300) this.#layer.refuseAnswer(request, response, source, target.trunk, now);
  }

  #onResponse(response: SipResponse, source: Source, now: Millis): void {
    this.#layer.disarm(this.#silence);
    if (response.status < 200) {
      this.#provisional = true;
      if (this.#cancel?.sent === false) this.#sendCancel(now);
      this.user.onResponse(response, this, source, now);
      return;
    }
    // Section 4.3 of RFC 3263: 503 means "try the next server".
    if (response.status === 503 && this.target !== undefined) {
      const seconds = Number.parseInt(response.get("retry-after") ?? "", 10);
      if (seconds > 0) this.#layer.servers.failed(this.target, now, seconds * 1000);
      if (this.#targets.length > 0 && this.#cancel === undefined) {
        this.#attempt(now);
        return;
      }
    }
    this.#finish();
    this.user.onResponse(response, this, source, now);
  }

  #failed(target: Target, status: 408 | 503, reason: string, now: Millis): void {
    if (!this.#provisional) this.#layer.servers.failed(target, now);
    this.#next(status, reason, now);
  }

  #next(status: 408 | 503, reason: string, now: Millis): void {
    if (this.#finished) return;
    if (status === 503 && this.#targets.length === 0) {
      this.#targets = [...this.#instead];
      this.#instead = [];
    }
    if (this.#targets.length > 0 && this.#cancel === undefined) this.#attempt(now);
    else this.#fail(status, reason, now);
  }

  #finish(): void {
    this.#finished = true;
    this.#layer.disarm(this.#silence);
  }

  #fail(status: 408 | 503, reason: string, now: Millis): void {
    this.#finish();
    this.user.onFailure(status, reason, this, now);
    this.user.onEnd?.(this);
  }

  #sendCancel(now: Millis): void {
    const transaction = this.#transaction;
    if (!(transaction instanceof InviteClientTransaction) || this.target === undefined) return;
    this.#cancel!.sent = true;
    this.#cancelBranch(transaction, now, this.#cancel!.headers, this.#cancelUser);
  }

  #cancelBranch(
    transaction: Transaction,
    now: Millis,
    headers: readonly (readonly [string, string])[] = [],
    user: ClientUser = quiet,
  ): void {
    if (!(transaction instanceof InviteClientTransaction) || transaction.cancelSent) return;
    const invite = transaction.request;
    const cancel = new SipRequest("CANCEL", invite.uri);
    // Section 9.1: the same Request-URI, Call-ID, To, CSeq number, From, top Via and Route as the request cancelled.
    let via = false;
    for (const h of invite.headers) {
      if (h.key === "via") {
        if (!via) cancel.headers.push(h);
        via = true;
      } else if (["from", "to", "call-id", "max-forwards", "route"].includes(h.key)) cancel.headers.push(h);
    }
    cancel.set("CSeq", `${invite.cseq!.seq} CANCEL`);
    for (const [name, value] of headers) cancel.append(name, value);
    const call = new ClientCall(this.#layer, user, cancel);
    call.sendAsIs(transaction.target, invite.topVia?.params.get("branch") ?? "", now);
    transaction.cancelled(now);
  }

  /** Sends a CANCEL, whose branch is its INVITE's. */
  private sendAsIs(target: Target, branch: string, now: Millis): void {
    this.target = target;
    const transaction = new NonInviteClientTransaction(
      this.#layer,
      {
        onResponse: (response, source, at) => this.#onResponse(response, source, at),
        onFailure: (status, reason, at) => this.#fail(status, reason, at),
        onTerminated: () => this.#layer.drop(transaction),
      },
      this.request,
      target,
      clientKey(branch, "CANCEL"),
      this.#layer.nextRef(),
    );
    this.#transaction = transaction;
    this.#layer.add(this, transaction);
    transaction.start(now);
    this.user.onSent?.(this, now);
  }
}

/** Nobody who would hear of what becomes of a request. */
export const quiet: ClientUser = { onResponse() {}, onFailure() {} };

/** Does a transaction hang on the connection that closed? */
export function hangsOn(
  target: Target,
  closed: { connection: number; transport: string; address: string; port: number; shared: boolean; trunk?: string | undefined },
): boolean {
  if (!isReliable(target.transport) || target.transport !== closed.transport) return false;
  if (target.connection === closed.connection) return true;
  const ofTrunk = closed.trunk === undefined || closed.trunk === target.trunk;
  return closed.shared && ofTrunk && target.address === closed.address && target.port === closed.port;
}
