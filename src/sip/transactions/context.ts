/** What a transaction needs of the layer around it. */
import type { Millis } from "../../base/clock.ts";
import type { SipRequest, SipResponse } from "../../wire/sip/message.ts";
import type { Timer, TimerBase, TimerName, TimerOwner } from "../timers.ts";
import type { Source, Target } from "../types.ts";

/** The layer as a transaction sees it. */
export interface TransactionContext {
  readonly timers: TimerBase;
  /** Queues bytes for the network. `ref` names the transaction that wants to hear of a failure, 0 for nobody. */
  send(target: Target, data: Buffer, ref: number): void;
  /** Queues bytes that were sent before; by UDP perhaps not, where the target has not shown that it is there. */
  repeat(target: Target, data: Buffer, now: Millis): void;
  /** Has it found out whether anything listens at a UDP target; `ref` hears of it by `portUnreachable`. */
  probe(target: Target, ref: number): void;
  /** Whether so many bytes could be sent there as responses. */
  leavesRoom(target: Target, bytes: number): boolean;
  /** Sends a response that could not be sent when it was made, where it can be now. */
  settle(target: Target, data: Buffer, now: Millis): void;
  arm(owner: TimerOwner, name: TimerName, due: Millis): Timer;
  disarm(timer: Timer | undefined): void;
  /** The time of what was left of a server transaction (remains.ts) is over. */
  bury(remains: { readonly key: string; readonly merge: string | undefined }): void;
}

/** What a client transaction tells its user. */
export interface ClientTransactionUser {
  /** A response that is not a retransmission. After 2xx to INVITE there may be further 2xx, from other forks or the same. */
  onResponse(response: SipResponse, source: Source, now: Millis): void;
  /** No final response in time (408), or the request could not be sent (503). The transaction is over. */
  onFailure(status: 408 | 503, reason: string, now: Millis): void;
  /** The transaction has left the table. */
  onTerminated(): void;
}

/** Makes the ACK for a final response other than 2xx (RFC 3261 section 17.1.1.3). */
export function ackForFailure(invite: SipRequest, response: SipResponse, make: (method: string, uri: string) => SipRequest): SipRequest {
  const ack = make("ACK", invite.uri);
  const cseq = invite.cseq!;
  let via = false;
  for (const h of invite.headers) {
    if (h.key === "via") {
      if (!via) ack.headers.push(h);
      via = true;
    } else if (h.key === "from" || h.key === "call-id" || h.key === "max-forwards" || h.key === "route") ack.headers.push(h);
  }
  ack.append("To", response.get("to") ?? invite.get("to") ?? "").append("CSeq", `${cseq.seq} ACK`);
  return ack;
}
