/**
 * INVITE client transaction: RFC 3261 section 17.1.1 with RFC 6026.
 *
 *   calling ──1xx──▶ proceeding ──2xx──▶ accepted ──M──▶ terminated
 *      │  └────────────────┬─3xx-6xx──▶ completed ──D──▶ terminated
 *      └─B, send failed──▶ terminated
 */
import type { Millis } from "../../base/clock.ts";
import { SipRequest, type SipResponse } from "../../wire/sip/message.ts";
import type { Timer } from "../timers.ts";
import { isReliable, type Source, type Target } from "../types.ts";
import { ackForFailure, type ClientTransactionUser, type TransactionContext } from "./context.ts";

export class InviteClientTransaction {
  state: "calling" | "proceeding" | "completed" | "accepted" | "terminated" = "calling";
  readonly request: SipRequest;
  readonly target: Target;
  readonly ref: number;
  readonly key: string;
  readonly #context: TransactionContext;
  readonly #user: ClientTransactionUser;
  /** For retransmission; nothing once there is a response. */
  #data: Buffer | undefined;
  #interval: number;
  #retransmit: Timer | undefined;
  #end: Timer | undefined;
  #ack: Buffer | undefined;

  constructor(context: TransactionContext, user: ClientTransactionUser, request: SipRequest, target: Target, key: string, ref: number) {
    this.#context = context;
    this.#user = user;
    this.request = request;
    this.target = target;
    this.key = key;
    this.ref = ref;
    this.#data = request.toBuffer();
    this.#interval = context.timers.t1;
  }

  start(now: Millis): void {
    const c = this.#context;
    c.send(this.target, this.#data!, this.ref);
    if (isReliable(this.target.transport)) this.#data = undefined;
    else this.#retransmit = c.arm(this, "A", now + this.#interval);
    this.#end = c.arm(this, "B", now + 64 * c.timers.t1);
  }

  onTimer(name: string, now: Millis): void {
    switch (name) {
      case "A":
        if (this.state !== "calling" || this.#data === undefined) return;
        this.#interval *= 2;
        this.#context.send(this.target, this.#data, this.ref);
        this.#retransmit = this.#context.arm(this, "A", now + this.#interval);
        return;
      case "B":
        if (this.state !== "calling") return;
        this.#terminate();
        this.#user.onFailure(408, "no response", now);
        return;
      case "D":
      case "M":
        this.#terminate();
        return;
      case "cancel":
        if (this.state !== "calling" && this.state !== "proceeding") return;
        this.#terminate();
        this.#user.onFailure(408, "no response after CANCEL", now);
        return;
    }
  }

  onResponse(response: SipResponse, source: Source, now: Millis): void {
    const c = this.#context;
    const status = response.status;
    this.#data = undefined;
    switch (this.state) {
      case "calling":
      case "proceeding":
        if (status < 200) {
          if (this.state === "calling") {
            this.state = "proceeding";
            c.disarm(this.#retransmit);
            if (this.#end?.name === "B") c.disarm(this.#end);
          }
        } else {
          c.disarm(this.#retransmit);
          c.disarm(this.#end);
          if (status < 300) {
            this.state = "accepted";
            this.#end = c.arm(this, "M", now + 64 * c.timers.t1);
          } else {
            this.state = "completed";
            this.#ack = ackForFailure(this.request, response, (method, uri) => new SipRequest(method, uri)).toBuffer();
            c.send(this.target, this.#ack, 0);
            if (isReliable(this.target.transport)) this.#terminate();
            else this.#end = c.arm(this, "D", now + Math.max(32000, 64 * c.timers.t1));
          }
        }
        this.#user.onResponse(response, source, now);
        return;
      case "accepted":
        // RFC 6026 section 7.2: every further 2xx goes up; the user knows which dialogs it has acknowledged.
        if (status >= 200 && status < 300) this.#user.onResponse(response, source, now);
        return;
      case "completed":
        if (status >= 300 && this.#ack !== undefined) c.send(this.target, this.#ack, 0);
        return;
      case "terminated":
        return;
    }
  }

  /** The request was cancelled: if no final response follows within 64 T1, it is over (RFC 3261 section 9.1). */
  cancelled(now: Millis): void {
    if (this.state !== "proceeding" && this.state !== "calling") return;
    this.#context.disarm(this.#end);
    this.#end = this.#context.arm(this, "cancel", now + 64 * this.#context.timers.t1);
  }

  /** The network could not carry it. */
  transportFailed(reason: string, now: Millis): void {
    if (this.state !== "calling" && this.state !== "proceeding") return;
    this.#terminate();
    this.#user.onFailure(503, reason, now);
  }

  /** Forgets the transaction without a word. */
  abandon(): void {
    this.#terminate();
  }

  #terminate(): void {
    if (this.state === "terminated") return;
    this.state = "terminated";
    this.#context.disarm(this.#retransmit);
    this.#context.disarm(this.#end);
    this.#user.onTerminated();
  }
}
