/** Reliable provisional responses of a UAS (RFC 3262 section 3): one at a time, repeated until its PRACK. */
import type { Millis } from "../base/clock.ts";
import type { RAck } from "../wire/sip/fields.ts";
import type { SipMessage, SipResponse } from "../wire/sip/message.ts";
import type { Timer } from "./timers.ts";
import type { TransactionContext } from "./transactions/context.ts";
import type { InviteServerTransaction } from "./transactions/invite-server.ts";

interface ReliableOwner {
  readonly context: TransactionContext;
  readonly invite: InviteServerTransaction;
  onDone(): void;
}

class Reliable1xx {
  readonly #owner: ReliableOwner;
  #rseq: number;
  #waiting: { data: Buffer; rseq: number; since: Millis; interval: number } | undefined;
  readonly #queue: SipResponse[] = [];
  #timer: Timer | undefined;

  constructor(owner: ReliableOwner, firstRSeq: number) {
    this.#owner = owner;
    this.#rseq = firstRSeq;
  }

  get invite(): InviteServerTransaction {
    return this.#owner.invite;
  }

  /** Sends, or queues behind the one that waits for its PRACK. Returns the RSeq given. */
  respond(response: SipResponse, now: Millis): number {
    const rseq = this.#rseq++;
    response.set("RSeq", rseq);
    if (!response.lists("require", "100rel")) response.append("Require", "100rel");
    if (this.#waiting === undefined) this.#send(response, now);
    else this.#queue.push(response);
    return rseq;
  }

  /** A PRACK's RAck: does it acknowledge what waits? */
  acknowledge(rack: RAck): boolean {
    const waiting = this.#waiting;
    if (waiting === undefined || rack.rseq !== waiting.rseq || rack.cseq !== this.invite.request.cseq?.seq || rack.method !== "INVITE")
      return false;
    this.#owner.context.disarm(this.#timer);
    this.#waiting = undefined;
    return true;
  }

  /** After a PRACK has been answered: sends what was queued behind it. */
  next(now: Millis): void {
    const response = this.#waiting === undefined && !this.invite.answered ? this.#queue.shift() : undefined;
    if (response !== undefined) this.#send(response, now);
  }

  /** The INVITE's transaction is gone. */
  end(): void {
    this.#owner.context.disarm(this.#timer);
    this.#waiting = undefined;
    this.#owner.onDone();
  }

  onTimer(_name: string, now: Millis): void {
    const waiting = this.#waiting;
    const { context, invite } = this.#owner;
    // A final response ends the repetition (section 3); the table entry goes with the transaction.
    if (waiting === undefined || invite.answered) {
      this.#owner.onDone();
      return;
    }
    if (now - waiting.since >= 64 * context.timers.t1) {
      this.#waiting = undefined;
      this.#owner.onDone();
      invite.user.onPrackTimeout?.(now);
      return;
    }
    waiting.interval *= 2;
    context.repeat(invite.target, waiting.data, now);
    this.#timer = context.arm(this, "1xx", Math.min(now + waiting.interval, waiting.since + 64 * context.timers.t1));
  }

  #send(response: SipResponse, now: Millis): void {
    const { context, invite } = this.#owner;
    if (!invite.respond(response, now)) return;
    const interval = context.timers.t1;
    this.#waiting = { data: response.toBuffer(), rseq: Number(response.get("rseq")), since: now, interval };
    this.#timer = context.arm(this, "1xx", now + interval);
  }
}

/** The reliable responses of all INVITEs that have any. */
export class ReliableResponses {
  readonly #context: TransactionContext;
  readonly #random: () => number;
  readonly #known = new Map<string, Reliable1xx>();

  constructor(context: TransactionContext, random: () => number) {
    this.#context = context;
    this.#random = random;
  }

  /** Those of an INVITE, begun where there are none. */
  of(invite: InviteServerTransaction): Reliable1xx {
    const key = keyOf(invite.request, invite.localTag);
    const known = this.#known.get(key);
    if (known) return known;
    const owner: ReliableOwner = { context: this.#context, invite, onDone: () => this.#known.delete(key) };
    const made = new Reliable1xx(owner, 1 + Math.floor(this.#random() * 0x7ffffff0));
    this.#known.set(key, made);
    return made;
  }

  /** Those that a request of the far end is about, by the tag we have given. */
  find(message: SipMessage, ourTag: string): Reliable1xx | undefined {
    return this.#known.get(keyOf(message, ourTag));
  }
}

function keyOf(message: SipMessage, ourTag: string): string {
  return `${message.callId}|${message.fromTag}|${ourTag}`;
}
