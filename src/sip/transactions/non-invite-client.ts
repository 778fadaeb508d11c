/**
 * Client transaction of every other method: RFC 3261 section 17.1.2.
 *
 *   trying ──1xx──▶ proceeding ──final──▶ completed ──K──▶ terminated
 *      └──F, send failed──▶ terminated
 */
import type { Millis } from "../../base/clock.ts";
import type { SipRequest, SipResponse } from "../../wire/sip/message.ts";
import { isReliable, type Source, type Target } from "../types.ts";
import { ClientTransaction } from "./client-base.ts";
import type { ClientTransactionUser, TransactionContext } from "./context.ts";

export class NonInviteClientTransaction extends ClientTransaction<"trying"> {
  constructor(context: TransactionContext, user: ClientTransactionUser, request: SipRequest, target: Target, key: string, ref: number) {
    super({ initial: "trying", timers: { repeat: "E", giveUp: "F" } }, context, user, request, target, key, ref);
  }

  onTimer(name: string, now: Millis): void {
    const { timers } = this.context;
    switch (name) {
      case "E":
        if (this.data === undefined || !this.waiting) return;
        // While proceeding the interval is T2 at once (section 17.1.2.2).
        this.interval = this.state === "proceeding" ? timers.t2 : Math.min(this.interval * 2, timers.t2);
        this.repeat(this.data, now);
        return;
      case "F":
        this.fail(408, "no final response", now);
        return;
      case "K":
        this.terminate();
        return;
    }
  }

  onResponse(response: SipResponse, source: Source, now: Millis): void {
    if (!this.waiting) return;
    const c = this.context;
    if (response.status < 200) this.state = "proceeding";
    else {
      this.state = "completed";
      this.data = undefined;
      c.disarm(this.retransmit);
      c.disarm(this.end);
      if (isReliable(this.target.transport)) this.terminate();
      else this.end = c.arm(this, "K", now + c.timers.t4);
    }
    this.user.onResponse(response, source, now);
  }
}
