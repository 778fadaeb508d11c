/**
 * INVITE server transaction: RFC 3261 section 17.2.1 with RFC 6026, and the UAS core's duty to repeat a 2xx until it is
 * acknowledged (section 13.3.1.4), which belongs beside it: both end on the same clock.
 *
 *   proceeding ──2xx──▶ accepted ──L──▶ terminated
 *        └──3xx-6xx──▶ completed ──ACK──▶ confirmed ──I──▶ terminated
 *                          └──H──▶ terminated
 *
 * With its ACK an accepted one has said everything: its remains (remains.ts) wait for timer L in its place. A proxy's waits itself, for further 2xx.
 */
import type { Millis } from "../../base/clock.ts";
import type { SipRequest, SipResponse } from "../../wire/sip/message.ts";
import type { Timer } from "../timers.ts";
import { isReliable, type Source } from "../types.ts";
import type { TransactionContext } from "./context.ts";
import type { Remains } from "./absorbing.ts";
import { ServerTransactionBase } from "./server-base.ts";

/** Room for a response with an offer of ours. */
const OFFER_BYTES = 2_000;

export class InviteServerTransaction extends ServerTransactionBase {
  state: "proceeding" | "completed" | "confirmed" | "accepted" | "terminated" = "proceeding";
  /** A proxy forwards 2xx and leaves their repetition to the callee. */
  repeat2xx = true;
  #last: Buffer | undefined;
  #trying: Timer | undefined;
  #retransmit: Timer | undefined;
  #end: Timer | undefined;
  #interval: number;
  #acked = false;

  constructor(
    context: TransactionContext,
    request: SipRequest,
    source: Source,
    key: string,
    onGone: (t: ServerTransactionBase, remains?: Remains) => void,
  ) {
    super(context, request, source, key, onGone);
    this.#interval = context.timers.t1;
  }

  start(now: Millis): void {
    if (this.context.timers.trying === 0) this.reply(100, now);
    else this.#trying = this.context.arm(this, "trying", now + this.context.timers.trying);
  }

  override respond(response: SipResponse, now: Millis): boolean {
    const c = this.context;
    if (this.state !== "proceeding") {
      // RFC 6026 section 7.1: further 2xx (of a proxy's other forks) pass through while accepted.
      if (this.state !== "accepted" || response.status < 200 || response.status >= 300 || this.repeat2xx) return false;
      c.send(this.target, response.toBuffer(), 0);
      return true;
    }
    c.disarm(this.#trying);
    this.ensureTag(response);
    this.status = response.status;
    const data = response.toBuffer();
    if (response.status < 200 && this.#holdsBack(response, data.length)) return true;
    this.#last = data;
    c.send(this.target, data, 0);
    if (response.status < 200) return true;
    if (response.status < 300) {
      this.state = "accepted";
      if (this.repeat2xx) this.#retransmit = c.arm(this, "2xx", now + this.#interval);
      this.#end = c.arm(this, "L", now + 64 * c.timers.t1);
    } else {
      this.state = "completed";
      if (!isReliable(this.source.transport)) this.#retransmit = c.arm(this, "G", now + this.#interval);
      this.#end = c.arm(this, "H", now + 64 * c.timers.t1);
    }
    return true;
  }

  /**
   * A caller that has made no offer is to get one in the final response, which may be longer than we may send to where nobody has shown to be yet. It is sent as
   * the INVITE is repeated; a provisional response would end that (RFC 3261 section 17.1.1.2).
   */
  #holdsBack(response: SipResponse, bytes: number): boolean {
    return this.request.body.length === 0 && !response.has("rseq") && !this.context.leavesRoom(this.target, bytes + OFFER_BYTES);
  }

  override onRetransmission(now: Millis): void {
    // Accepted absorbs retransmitted INVITEs in silence (RFC 6026 section 7.1): the 2xx repeats on its own. One that is owed goes out.
    if (this.state === "accepted" && this.#last !== undefined) this.context.settle(this.target, this.#last, now);
    else if ((this.state === "proceeding" || this.state === "completed") && this.#last !== undefined)
      this.context.repeat(this.target, this.#last, now);
  }

  /** An ACK that matches this transaction, of either kind. */
  onAck(ack: SipRequest, source: Source, now: Millis): void {
    const c = this.context;
    if (this.state === "completed") {
      this.state = "confirmed";
      c.disarm(this.#retransmit);
      c.disarm(this.#end);
      if (isReliable(this.source.transport)) this.#terminate();
      else this.#end = c.arm(this, "I", now + c.timers.t4);
    } else if (this.state !== "accepted" || this.#acked) return;
    this.#acked = true;
    c.disarm(this.#retransmit);
    this.user.onAck?.(ack, source, now);
    if (this.state === "accepted" && this.repeat2xx) {
      const due = this.#end!.due;
      this.#conclude(() => this.leave("L", due, undefined));
    }
  }

  override onTimer(name: string, now: Millis): void {
    const c = this.context;
    switch (name) {
      case "trying":
        if (this.state === "proceeding" && this.status === 0) this.reply(100, now);
        return;
      case "2xx":
      case "G":
        if (this.#acked || (this.state !== "accepted" && this.state !== "completed")) return;
        this.#interval = Math.min(this.#interval * 2, c.timers.t2);
        c.repeat(this.target, this.#last!, now);
        this.#retransmit = c.arm(this, name, now + this.#interval);
        return;
      case "H":
      case "L": {
        const missing = !this.#acked && (name === "H" || this.repeat2xx);
        const status = this.status;
        this.#terminate();
        if (missing) this.user.onAckTimeout?.(status, now);
        return;
      }
      case "I":
        this.#terminate();
        return;
    }
  }

  override discard(): void {
    this.#terminate();
  }

  #terminate(): void {
    if (this.state !== "terminated") this.#conclude(() => this.onGone(this));
  }

  #conclude(leave: () => void): void {
    this.state = "terminated";
    const c = this.context;
    c.disarm(this.#trying);
    c.disarm(this.#retransmit);
    c.disarm(this.#end);
    this.#last = undefined;
    leave();
    this.user.onTerminated?.();
  }
}
