/** What a SIP layer and its user tell each other. */
import type { Millis } from "../base/clock.ts";
import type { Problem } from "../wire/sip/check.ts";
import type { SipMessage, SipRequest, SipResponse } from "../wire/sip/message.ts";
import type { Uri } from "../wire/sip/uri.ts";
import type { ClientUser } from "./client-call.ts";
import type { TimerBase } from "./timers.ts";
import type { InviteServerTransaction } from "./transactions/invite-server.ts";
import type { NonInviteServerTransaction } from "./transactions/non-invite-server.ts";
import type { Source, Target } from "./types.ts";

/** Any server transaction. */
export type ServerTransaction = InviteServerTransaction | NonInviteServerTransaction;

/** The user of a layer. */
export interface LayerHandler {
  /**
   * Whether a new request is looked at at all. One that is not gets no answer, or 503 with `Retry-After` in seconds, and nothing is kept of it but a count.
   */
  admits?(request: SipRequest, source: Source, now: Millis): boolean | { readonly retryAfter: number };
  /** Why a well-formed message is not taken: a request is refused with the status, a response dropped. All are where it is absent. */
  objection?(message: SipMessage, source: Source): Problem | undefined;
  /** A new request other than ACK and CANCEL. Answer it by `transaction.reply` or `.respond`, at once or later. */
  onRequest(transaction: ServerTransaction, now: Millis): void;
  /** An ACK for a 2xx. `invite` is its INVITE's transaction where that is still known (its user's `onAck` has then been called). */
  onAck?(ack: SipRequest, source: Source, now: Millis, invite: InviteServerTransaction | undefined): void;
  /** A response that belongs to no transaction of ours. */
  onStrayResponse?(response: SipResponse, source: Source, now: Millis): void;
  /** Something unusable arrived; for counting and for a limited log. */
  onRejected?(why: string, source: Source, now: Millis): void;
}

/** Judges what is sent by UDP to addresses from which anybody may have sent (address-validation.ts of the SIP engine). */
export interface ResponseBounds {
  /** So many bytes came from there. */
  received(from: Pick<Source, "address" | "port">, bytes: number, now: Millis): void;
  /** What came from one port asks to be answered at another (RFC 3261 section 18.2.2). */
  answeredAt(from: Pick<Source, "address" | "port">, to: Pick<Target, "address" | "port">, bytes: number, now: Millis): void;
  /** So many bytes are sent there. */
  sent(to: Pick<Target, "address" | "port">, bytes: number, now: Millis): void;
  /** Whether so many bytes are within what came from there, whatever else would be allowed. */
  leavesRoom(to: Pick<Target, "address" | "port">, bytes: number, now: Millis): boolean;
  /** May a response be sent there? Asked for every response, the first to a request included. */
  mayAnswer(to: Pick<Target, "address" | "port">, bytes: number, now: Millis): boolean;
  /** May a message that was sent there before be sent again? */
  mayRepeat(to: Pick<Target, "address" | "port">, bytes: number, now: Millis): boolean;
  /** Something came from there that only who reads our messages can know. */
  prove(place: Pick<Source, "address" | "port">, now: Millis): void;
}

export interface LayerOptions {
  readonly handler: LayerHandler;
  /** Bounds of what is sent by UDP; none by default. */
  readonly bounds?: ResponseBounds;
  readonly timers?: TimerBase;
  /** 0 ≤ n < 1; for tests. */
  readonly random?: () => number;
  /** Requests above so many bytes go by TCP where the URI leaves it open (RFC 3261 section 18.1.1). Default 1300; 0 for never. */
  readonly udpLimit?: number;
}

/** How a request is to be sent. */
export interface SendOptions {
  readonly user: ClientUser;
  /** Go there and nowhere else. */
  readonly target?: Target | undefined;
  /** Connection of the request's dialog: taken where the next hop is at its address. */
  readonly near?: Source | undefined;
  /** URI of an outbound proxy to locate instead of the request's own next hop. */
  readonly via?: Uri | undefined;
  /** Where the URI leaves the transport open and UDP is refused at the target, TCP is tried: for a proxy, which cannot ask anybody. */
  readonly tcpInstead?: boolean | undefined;
  /** Whose peer it goes to: see Target. */
  readonly trunk?: string | undefined;
}

/** Counters for metrics; they only grow. */
export interface LayerStats {
  received: number;
  sent: number;
  rejected: number;
  /** New requests that were not admitted. */
  dropped: number;
  retransmissionsReceived: number;
}
