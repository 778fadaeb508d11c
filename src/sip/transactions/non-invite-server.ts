/**
 * Server transaction of every other method: RFC 3261 section 17.2.2 (RFC 4320: no provisional response before it would help).
 *
 *   trying ──1xx──▶ proceeding ──final──▶ completed
 *
 * What waits for timer J then is its remains (remains.ts); over a connection nothing is repeated and nothing waits.
 */
import { ownBytes } from "../../base/bytes.ts";
import type { Millis } from "../../base/clock.ts";
import type { SipResponse } from "../../wire/sip/message.ts";
import { isReliable } from "../types.ts";
import { ServerTransactionBase } from "./server-base.ts";

export class NonInviteServerTransaction extends ServerTransactionBase {
  state: "trying" | "proceeding" | "completed" = "trying";
  #last: Buffer | undefined;

  override respond(response: SipResponse, now: Millis): boolean {
    if (this.state === "completed") return false;
    this.ensureTag(response);
    this.status = response.status;
    const data = ownBytes(response.toBuffer());
    this.context.send(this.target, data, 0);
    if (response.status < 200) {
      this.state = "proceeding";
      this.#last = data;
    } else this.#complete(isReliable(this.source.transport) ? undefined : data, now);
    return true;
  }

  override onRetransmission(now: Millis): void {
    if (this.#last !== undefined) this.context.repeat(this.target, this.#last, now);
  }

  override onTimer(): void {}

  override discard(): void {
    if (this.state !== "completed") this.#complete(undefined, 0);
  }

  #complete(repeat: Buffer | undefined, now: Millis): void {
    this.state = "completed";
    this.#last = undefined;
    if (repeat === undefined) this.onGone(this);
    else this.leave("J", now + 64 * this.context.timers.t1, repeat);
    this.user.onTerminated?.();
  }
}
