/**
 * INVITE client transaction: RFC 3261 section 17.1.1 with RFC 6026.
 *
 *   calling ──1xx──▶ proceeding ──2xx──▶ accepted ──M──▶ terminated
 *      │  └────────────────┬─3xx-6xx──▶ completed ──D──▶ terminated
 *      └─B, send failed──▶ terminated
 */
import type { Millis } from "../../base/clock.ts";
import { SipRequest, type SipResponse } from "../../wire/sip/message.ts";
import { isReliable, type Source, type Target } from "../types.ts";
import { ClientTransaction } from "./client-base.ts";
import { ackForFailure, type ClientTransactionUser, type TransactionContext } from "./context.ts";

export class InviteClientTransaction extends ClientTransaction<"calling" | "accepted"> {
  /** A CANCEL is on its way, or has been. */
  cancelSent = false;
  #ack: Buffer | undefined;

  constructor(context: TransactionContext, user: ClientTransactionUser, request: SipRequest, target: Target, key: string, ref: number) {
    super({ initial: "calling", timers: { repeat: "A", giveUp: "B" } }, context, user, request, target, key, ref);
  }

  onTimer(name: string, now: Millis): void {
    switch (name) {
      case "A":
        if (this.state !== "calling" || this.data === undefined) return;
        this.interval *= 2;
        this.repeat(this.data, now);
        return;
      case "B":
        if (this.state === "calling") this.fail(408, "no response", now);
        return;
      case "D":
      case "M":
        this.terminate();
        return;
      case "cancel":
        this.fail(408, "no response after CANCEL", now);
        return;
    }
  }

  onResponse(response: SipResponse, source: Source, now: Millis): void {
    const { status } = response;
    this.data = undefined;
    switch (this.state) {
      case "calling":
      case "proceeding":
        if (status >= 200) this.#final(response, now);
        else if (this.state === "calling") {
          this.state = "proceeding";
          this.context.disarm(this.retransmit);
          if (this.end?.name === "B") this.context.disarm(this.end);
        }
        this.user.onResponse(response, source, now);
        return;
      case "accepted":
        // RFC 6026 section 7.2: every further 2xx goes up; the user knows which dialogs it has acknowledged.
        if (status >= 200 && status < 300) this.user.onResponse(response, source, now);
        return;
      case "completed":
        if (status >= 300 && this.#ack !== undefined) this.context.send(this.target, this.#ack, 0);
        return;
      case "terminated":
        return;
    }
  }

  #final(response: SipResponse, now: Millis): void {
    const c = this.context;
    c.disarm(this.retransmit);
    c.disarm(this.end);
    if (response.status < 300) {
      this.state = "accepted";
      this.end = c.arm(this, "M", now + 64 * c.timers.t1);
      return;
    }
    this.state = "completed";
    this.#ack = ackForFailure(this.request, response, (method, uri) => new SipRequest(method, uri)).toBuffer();
    c.send(this.target, this.#ack, 0);
    if (isReliable(this.target.transport)) this.terminate();
    else this.end = c.arm(this, "D", now + Math.max(32000, 64 * c.timers.t1));
  }

  /** The request was cancelled: if no final response follows within 64 T1, it is over (RFC 3261 section 9.1). */
  cancelled(now: Millis): void {
    this.cancelSent = true;
    if (!this.waiting) return;
    this.context.disarm(this.end);
    this.end = this.context.arm(this, "cancel", now + 64 * this.context.timers.t1);
  }
}
