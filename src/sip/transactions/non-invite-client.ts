/**
 * Client transaction of every other method: RFC 3261 section 17.1.2.
 *
 *   trying ──1xx──▶ proceeding ──final──▶ completed ──K──▶ terminated
 *      └──F, send failed──▶ terminated
 */
import type { Millis } from "../../base/clock.ts";
import type { SipRequest, SipResponse } from "../../wire/sip/message.ts";
import type { Timer } from "../timers.ts";
import { isReliable, type Source, type Target } from "../types.ts";
import type { ClientTransactionUser, TransactionContext } from "./context.ts";

export class NonInviteClientTransaction {
  state: "trying" | "proceeding" | "completed" | "terminated" = "trying";
  readonly request: SipRequest;
  readonly target: Target;
  readonly ref: number;
  readonly key: string;
  readonly #context: TransactionContext;
  readonly #user: ClientTransactionUser;
  /** For retransmission; nothing once that is over. */
  #data: Buffer | undefined;
  #interval: number;
  #retransmit: Timer | undefined;
  #end: Timer | undefined;

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
    else this.#retransmit = c.arm(this, "E", now + this.#interval);
    this.#end = c.arm(this, "F", now + 64 * c.timers.t1);
  }

  onTimer(name: string, now: Millis): void {
    const c = this.#context;
    switch (name) {
      case "E":
        if (this.#data === undefined || (this.state !== "trying" && this.state !== "proceeding")) return;
        // While proceeding the interval is T2 at once (section 17.1.2.2).
        this.#interval = this.state === "proceeding" ? c.timers.t2 : Math.min(this.#interval * 2, c.timers.t2);
        c.send(this.target, this.#data, this.ref);
        this.#retransmit = c.arm(this, "E", now + this.#interval);
        return;
      case "F":
        if (this.state !== "trying" && this.state !== "proceeding") return;
        this.#terminate();
        this.#user.onFailure(408, "no final response", now);
        return;
      case "K":
        this.#terminate();
        return;
    }
  }

  onResponse(response: SipResponse, source: Source, now: Millis): void {
    if (this.state !== "trying" && this.state !== "proceeding") return;
    const c = this.#context;
    if (response.status < 200) this.state = "proceeding";
    else {
      this.state = "completed";
      this.#data = undefined;
      c.disarm(this.#retransmit);
      c.disarm(this.#end);
      if (isReliable(this.target.transport)) this.#terminate();
      else this.#end = c.arm(this, "K", now + c.timers.t4);
    }
    this.#user.onResponse(response, source, now);
  }

  /** The network could not carry it. */
  transportFailed(reason: string, now: Millis): void {
    if (this.state !== "trying" && this.state !== "proceeding") return;
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
