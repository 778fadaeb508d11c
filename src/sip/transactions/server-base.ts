/** What the two server transactions share: the request, where it came from, and how a response finds its way back. */
import type { Millis } from "../../base/clock.ts";
import { createResponse, type SipRequest, type SipResponse } from "../../wire/sip/message.ts";
import { formatNameAddr } from "../../wire/sip/name-addr.ts";
import { defaultPort } from "../../wire/sip/uri.ts";
import { newTag } from "../ids.ts";
import { mergeKey } from "../match.ts";
import type { Source, Target } from "../types.ts";
import type { TransactionContext } from "./context.ts";
import { Remains } from "./absorbing.ts";

/** What a server transaction tells its user. Set it as soon as the request is taken on. */
export interface ServerTransactionUser {
  /** The INVITE was cancelled; 200 to the CANCEL has been sent, and 487 to the INVITE unless it had its final response (`late`). */
  onCancel?(cancel: SipRequest, late: boolean, now: Millis): void;
  /** ACK for our final response arrived; once. */
  onAck?(ack: SipRequest, source: Source, now: Millis): void;
  /** No ACK came for our final response within 64 T1. `status` is the response's. */
  onAckTimeout?(status: number, now: Millis): void;
  /** PRACK for our reliable provisional response arrived and was answered with 200 unless its body needs an answer by the user. */
  onPrack?(prack: ServerTransactionBase, now: Millis): void;
  /** No PRACK came within 64 T1 (RFC 3262 section 3): the INVITE should be refused with 5xx. */
  onPrackTimeout?(now: Millis): void;
  /** The transaction has left the table. */
  onTerminated?(): void;
}

/** A received request and the means to answer it. */
export abstract class ServerTransactionBase {
  readonly request: SipRequest;
  readonly source: Source;
  readonly key: string;
  /** Our tag: the same in every response to this request (section 8.2.6.2). Set it before the first response to choose it. */
  localTag: string;
  user: ServerTransactionUser = {};
  /** Status of the last response sent, 0 before the first. */
  status = 0;
  protected readonly context: TransactionContext;
  protected readonly onGone: (transaction: ServerTransactionBase, remains?: Remains) => void;
  #target: Target | undefined;

  constructor(
    context: TransactionContext,
    request: SipRequest,
    source: Source,
    key: string,
    onGone: (t: ServerTransactionBase, remains?: Remains) => void,
  ) {
    this.context = context;
    this.request = request;
    this.source = source;
    this.key = key;
    this.onGone = onGone;
    this.localTag = request.toTag || newTag();
  }

  /** Has a final response been sent? */
  get answered(): boolean {
    return this.status >= 200;
  }

  /** Sends a response made elsewhere. A final one after a final one is ignored; returns false then. */
  abstract respond(response: SipResponse, now: Millis): boolean;
  /** The request came again. */
  abstract onRetransmission(now: Millis): void;
  abstract onTimer(name: string, now: Millis): void;
  /** Forgets the transaction without answering: to whoever sent the request it looks as if nobody were here. */
  abstract discard(): void;

  /** A response to this request with our tag, to be filled and given to `respond`. */
  response(status: number, reason?: string): SipResponse {
    return createResponse(this.request, status, reason, this.localTag);
  }

  /** Makes and sends a response. Returns it. */
  reply(status: number, now: Millis, reason?: string, headers?: Record<string, string>): SipResponse {
    const response = this.response(status, reason);
    if (headers !== undefined) for (const [name, value] of Object.entries(headers)) response.set(name, value);
    this.respond(response, now);
    return response;
  }

  /** Where responses go (RFC 3261 section 18.2.2, RFC 3581 section 4). */
  get target(): Target {
    if (this.#target !== undefined) return this.#target;
    const via = this.request.topVia;
    const { transport, address, connection, listener } = this.source;
    let port = via?.port ?? defaultPort(transport);
    // With rport the response returns to the port the request came from; RFC 3261 alone would have it go to the sent-by port.
    if (transport === "udp" && via?.params.has("rport")) port = this.source.port;
    // maddr (section 18.2.2) is not followed: it would let anybody have our responses sent to a third party.
    this.#target = { transport, address, port: port === 0 ? this.source.port : port, connection, listener };
    return this.#target;
  }

  /** Everything is said: leaves something small in the table that absorbs what is repeated, until `due`. `last` is what it repeats. */
  protected leave(name: "J" | "L", due: Millis, last: Buffer | undefined): void {
    const { context, key, localTag, target, request } = this;
    const merge = request.toTag === "" ? mergeKey(request) : undefined;
    const remains = new Remains(context, { key, merge, localTag, target, last });
    this.onGone(this, remains);
    context.arm(remains, name, due);
  }

  protected ensureTag(response: SipResponse): void {
    if (response.status === 100 || response.toTag !== "") return;
    const to = response.to;
    if (to !== undefined) response.set("To", formatNameAddr({ ...to, params: new Map([...to.params, ["tag", this.localTag]]) }));
  }
}
