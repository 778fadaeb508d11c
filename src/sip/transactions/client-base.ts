/** What both client transactions have in common: the request, its repetition, and how it comes to its end. */
import type { Millis } from "../../base/clock.ts";
import type { SipRequest, SipResponse } from "../../wire/sip/message.ts";
import type { Timer, TimerName } from "../timers.ts";
import { isReliable, type Source, type Target } from "../types.ts";
import type { ClientTransactionUser, TransactionContext } from "./context.ts";

/** Names of the timers that repeat the request and give it up. */
interface StartTimers {
  readonly repeat: TimerName;
  readonly giveUp: TimerName;
}

/** A server answers within a round trip; one that has not done so in so many ms is asked for by a probe. */
const PROBE_AFTER = 100;

export abstract class ClientTransaction<State extends string> {
  state: State | "proceeding" | "completed" | "terminated";
  readonly request: SipRequest;
  readonly target: Target;
  readonly ref: number;
  readonly key: string;
  protected readonly context: TransactionContext;
  protected readonly user: ClientTransactionUser;
  /** For retransmission; nothing once that is over. */
  protected data: Buffer | undefined;
  protected interval: number;
  protected retransmit: Timer | undefined;
  #probe: Timer | undefined;
  protected end: Timer | undefined;
  readonly #initial: State;
  readonly #timers: StartTimers;

  constructor(
    { initial, timers }: { readonly initial: State; readonly timers: StartTimers },
    context: TransactionContext,
    user: ClientTransactionUser,
    request: SipRequest,
    target: Target,
    key: string,
    ref: number,
  ) {
    this.state = this.#initial = initial;
    this.#timers = timers;
    this.context = context;
    this.user = user;
    this.request = request;
    this.target = target;
    this.key = key;
    this.ref = ref;
    this.data = request.toBuffer();
    this.interval = context.timers.t1;
  }

  abstract onTimer(name: string, now: Millis): void;
  abstract onResponse(response: SipResponse, source: Source, now: Millis): void;

  /** No final response yet. */
  protected get waiting(): boolean {
    return this.state === this.#initial || this.state === "proceeding";
  }

  start(now: Millis): void {
    this.context.send(this.target, this.data!, this.ref);
    if (isReliable(this.target.transport)) this.data = undefined;
    else {
      this.retransmit = this.context.arm(this, this.#timers.repeat, now + this.interval);
      this.#probe = this.context.arm({ onTimer: () => this.#ask() }, "probe", now + PROBE_AFTER);
    }
    this.end = this.context.arm(this, this.#timers.giveUp, now + 64 * this.context.timers.t1);
  }

  /** Sends the request once more and comes back after `interval`. */
  protected repeat(data: Buffer, now: Millis): void {
    this.context.send(this.target, data, this.ref);
    this.#ask();
    this.retransmit = this.context.arm(this, this.#timers.repeat, now + this.interval);
  }

  /** Asks whether anybody is there, while nothing has come. */
  #ask(): void {
    if (this.state === this.#initial) this.context.probe(this.target, this.ref);
  }

  /** ICMP says that nobody listens at the target; a server that has answered meanwhile is there all the same. */
  portUnreachable(now: Millis): void {
    if (this.state === this.#initial) this.fail(503, "port unreachable (ICMP)", now);
  }

  /** Repeats the request no more: another server is tried. Responses are still heard. */
  supersede(): void {
    this.data = undefined;
    this.context.disarm(this.retransmit);
  }

  /** The network could not carry it. */
  transportFailed(reason: string, now: Millis): void {
    this.fail(503, reason, now);
  }

  protected fail(status: 408 | 503, reason: string, now: Millis): void {
    if (!this.waiting) return;
    this.terminate();
    this.user.onFailure(status, reason, now);
  }

  /** Forgets the transaction: nothing is repeated, and nobody hears of a response. */
  abandon(): void {
    this.terminate();
  }

  protected terminate(): void {
    if (this.state === "terminated") return;
    this.state = "terminated";
    this.context.disarm(this.retransmit);
    this.context.disarm(this.end);
    this.context.disarm(this.#probe);
    this.user.onTerminated();
  }
}
