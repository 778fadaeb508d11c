/**
 * Server transaction of every other method: RFC 3261 section 17.2.2 (RFC 4320: no provisional response before it would help).
 *
 *   trying ──1xx──▶ proceeding ──final──▶ completed ──J──▶ terminated
 */
import type { Millis } from "../../base/clock.ts";
import type { SipResponse } from "../../wire/sip/message.ts";
import type { Timer } from "../timers.ts";
import { isReliable } from "../types.ts";
import { ServerTransactionBase } from "./server-base.ts";

export class NonInviteServerTransaction extends ServerTransactionBase {
  state: "trying" | "proceeding" | "completed" | "terminated" = "trying";
  #last: Buffer | undefined;
  #end: Timer | undefined;

  override respond(response: SipResponse, now: Millis): boolean {
    if (this.state === "completed" || this.state === "terminated") return false;
    this.ensureTag(response);
    this.status = response.status;
    this.#last = response.toBuffer();
    this.context.send(this.target, this.#last, 0);
    if (response.status < 200) this.state = "proceeding";
    else {
      this.state = "completed";
      if (isReliable(this.source.transport)) this.#terminate();
      else this.#end = this.context.arm(this, "J", now + 64 * this.context.timers.t1);
    }
    return true;
  }

  override onRetransmission(_now: Millis): void {
    if (this.#last !== undefined) this.context.send(this.target, this.#last, 0);
  }

  override onTimer(name: string, _now: Millis): void {
    if (name === "J") this.#terminate();
  }

  override discard(): void {
    this.#terminate();
  }

  #terminate(): void {
    if (this.state === "terminated") return;
    this.state = "terminated";
    this.context.disarm(this.#end);
    this.onGone(this);
    this.user.onTerminated?.();
  }
}
