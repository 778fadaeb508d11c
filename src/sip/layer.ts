/**
 * The transaction layer and what is below it in RFC 3261, as one machine: bytes in, transactions out.
 * It matches, answers what needs no decision (100, 200 to CANCEL, 487, 400 for malformed requests, 481, 482), retransmits, locates.
 * A machine (`base/machine.ts`) that is told by `receive`, `sendFailed`, `portUnreachable`, `connectionClosed` and `lookupDone`.
 */
import type { Millis } from "../base/clock.ts";
import { ParseError } from "../base/errors.ts";
import type { Machine, Timeout } from "../base/machine.ts";
import { checkMessage } from "../wire/sip/check.ts";
import { parseRAck } from "../wire/sip/fields.ts";
import { createResponse, type SipMessage, type SipRequest, type SipResponse } from "../wire/sip/message.ts";
import { parseMessage } from "../wire/sip/parse.ts";
import { splitList } from "../wire/sip/text.ts";
import { bareHost, defaultPort } from "../wire/sip/uri.ts";
import { formatVia, tryParseViaOfAnyVersion, type Via } from "../wire/sip/via.ts";
import type { DeadServers } from "./dead-servers.ts";
import { type CallContext, ClientCall, hangsOn, quiet } from "./client-call.ts";
import { Dialog } from "./dialog.ts";
import { newTag } from "./ids.ts";
import type { LayerHandler, LayerOptions, LayerStats, ResponseBounds, SendOptions, ServerTransaction } from "./layer-api.ts";
import { isOneOf, listenerFor } from "./listeners.ts";
import { ackKey, clientKeyOf, mergeKey, serverKey } from "./match.ts";
import { Outbox } from "./outbox.ts";
import { TargetSearch } from "./target-search.ts";
import { nextHop, viaTcp } from "./next-hop.ts";
import { ReliableResponses } from "./reliable.ts";
import { standardTimers, type Timer, type TimerBase, type TimerName, type TimerOwner, TimerQueue } from "./timers.ts";
import type { InviteClientTransaction } from "./transactions/invite-client.ts";
import { InviteServerTransaction } from "./transactions/invite-server.ts";
import type { NonInviteClientTransaction } from "./transactions/non-invite-client.ts";
import { NonInviteServerTransaction } from "./transactions/non-invite-server.ts";
import { Remains } from "./transactions/absorbing.ts";
import type { ServerTransactionBase } from "./transactions/server-base.ts";
import { isReliable, type Listener, type LookupAnswer, type Output, type Source, type Target, type TransportName } from "./types.ts";

/** Why a response that belongs to nothing is rejected: a late one, mostly, and no fault of its sender. */
export const STRAY_RESPONSE = "stray response";

type ClientTransaction = InviteClientTransaction | NonInviteClientTransaction;

export class SipLayer implements CallContext, Machine<Output> {
  /** Called when there is something to drain or a timer was armed. The driver sets it; it must only note the fact. */
  wake: () => void = () => {};
  readonly timers: TimerBase;
  readonly stats: LayerStats = { received: 0, sent: 0, rejected: 0, dropped: 0, retransmissionsReceived: 0 };
  readonly #handler: LayerHandler;
  readonly #random: () => number;
  readonly #bounds: ResponseBounds | undefined;
  readonly #outbox: Outbox;
  readonly #search: TargetSearch;
  readonly #queue = new TimerQueue();
  readonly #clients = new Map<string, ClientTransaction>();
  readonly #refs = new Map<number, ClientTransaction>();
  readonly #streamClients = new Set<ClientTransaction>();
  readonly #servers = new Map<string, ServerTransaction | Remains>();
  readonly #merged = new Map<string, ServerTransaction | Remains>();
  readonly #acks = new Map<string, InviteServerTransaction>();
  readonly #reliable = new ReliableResponses(this, () => this.#random());
  readonly #listeners: Listener[] = [];
  readonly servers: DeadServers;
  #ref = 0;

  constructor(options: LayerOptions) {
    this.#handler = options.handler;
    this.timers = options.timers ?? standardTimers;
    this.#random = options.random ?? Math.random;
    this.#bounds = options.bounds;
    this.#outbox = new Outbox({ stats: this.stats, bounds: options.bounds, wake: () => this.wake() });
    this.#search = new TargetSearch({
      random: this.#random,
      udpLimit: options.udpLimit ?? 1300,
      listenerFor: (target) => this.listenerFor(target),
      ask: (lookup) => {
        const id = this.nextRef();
        this.#outbox.push({ kind: "lookup", id, lookup });
        return id;
      },
    });
    this.servers = this.#search.servers;
  }

  // ── listeners ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Tells the layer of an address it is reached at. */
  addListener(listener: Listener): void {
    this.#listeners.push(listener);
  }
  get listeners(): readonly Listener[] {
    return this.#listeners;
  }

  /** The listener whose address a message to `target` should carry; undefined when none has the transport. One that is for the target alone goes first. */
  listenerFor(target: Target): Listener | undefined {
    return listenerFor(this.#listeners, target);
  }

  /** Do host and port name one of our listeners? A missing port is the transport's default. */
  isMe(host: string, port: number | undefined): boolean {
    return isOneOf(this.#listeners, host, port);
  }

  // ── input ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** A datagram or a message cut from a stream. Never throws on what a stranger sent. */
  receive(data: Buffer, source: Source, now: Millis): void {
    this.#outbox.now = now;
    if (source.transport === "udp") this.#bounds?.received(source, data.length, now);
    let message: SipMessage;
    try {
      message = parseMessage(data);
    } catch (error) {
      if (!(error instanceof ParseError)) throw error;
      this.#reject(error.message, source, now);
      return;
    }
    this.receiveMessage(message, source, now);
  }

  /** A message already parsed. */
  receiveMessage(message: SipMessage, source: Source, now: Millis): void {
    this.stats.received++;
    if (message.kind === "response") this.#onResponse(message, source, now);
    else this.#onRequest(message, source, now);
  }

  /** Sending for `ref` failed. */
  sendFailed(ref: number, reason: string, now: Millis): void {
    this.#refs.get(ref)?.transportFailed(reason, now);
  }

  /** ICMP says that nothing listens where `ref` was sent. */
  portUnreachable(ref: number, now: Millis): void {
    const transaction = this.#refs.get(ref);
    if (transaction !== undefined && this.servers.unreachable(transaction.target, now)) transaction.portUnreachable(now);
  }

  /** A connection is gone: requests that wait for their answer on it fail (RFC 3261 section 8.1.3.1). */
  connectionClosed(
    closed: {
      connection: number;
      transport: TransportName;
      address: string;
      port: number;
      shared: boolean;
      trunk?: string | undefined;
      why?: string | undefined;
    },
    now: Millis,
  ): void {
    for (const transaction of this.#streamClients) {
      if (hangsOn(transaction.target, closed)) transaction.transportFailed(closed.why ?? "connection closed", now);
    }
  }

  /** The answer to a lookup. */
  lookupDone(id: number, answer: LookupAnswer, now: Millis): void {
    this.#search.answered(id, answer, now);
  }

  nextTimeout(): Millis | undefined {
    return this.#queue.next();
  }
  handle(_: Timeout, now: Millis): void {
    this.#outbox.now = now;
    this.#queue.run(now);
  }

  /** What is to be done, in order; the list is emptied. */
  drain(): Output[] {
    return this.#outbox.drain();
  }

  /** Sizes of the tables, for diagnostics. */
  dump(): Record<string, number> {
    return {
      clientTransactions: this.#clients.size,
      serverTransactions: this.#servers.size,
      awaitingAck: this.#acks.size,
      timers: this.#queue.size,
      lookups: this.#search.pending,
    };
  }

  // ── sending ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Sends a request (not ACK) in a new transaction. The Via is added here; everything else is the caller's. */
  request(request: SipRequest, options: SendOptions, now: Millis): ClientCall {
    const call = new ClientCall(this, options.user, request);
    this.#search.find(request, options, now, (targets, at, why) => {
      const tcp = options.tcpInstead === true && this.#leavesTransportOpen(request, options) ? viaTcp(targets) : [];
      call.located(targets, at, tcp, why);
    });
    return call;
  }

  /**
   * Sends an ACK for a 2xx, which has no transaction. `done` hears where it went, and gets the ACK with its Via so that it can be
   * repeated by `resend` when the 2xx comes again.
   */
  sendAck(
    ack: SipRequest,
    options: Omit<SendOptions, "user">,
    now: Millis,
    done: (sent: { data: Buffer; target: Target } | undefined) => void,
  ): void {
    this.#search.find(ack, options, now, (targets) => {
      const target = targets[0];
      const local = target === undefined ? undefined : this.listenerFor(target);
      if (target === undefined || local === undefined) {
        done(undefined);
        return;
      }
      const host = local.advertisedHost.includes(":") ? `[${local.advertisedHost}]` : local.advertisedHost;
      ack.prepend("Via", `SIP/2.0/${target.transport.toUpperCase()} ${host}:${local.advertisedPort};rport;branch=z9hG4bK${newTag()}`);
      const data = ack.toBuffer();
      this.send(target, data, 0);
      done({ data, target });
    });
  }

  refuseAnswer(invite: SipRequest, response: SipResponse, source: Source, trunk: string | undefined, now: Millis): void {
    const dialog = Dialog.uac(invite, response);
    dialog.confirm(response);
    const options = source.connection === 0 ? { trunk } : { target: { ...source }, trunk };
    this.sendAck(dialog.request("ACK", response.cseq?.seq), options, now, () => {});
    this.request(dialog.request("BYE"), { user: quiet, ...options }, now);
  }

  /** Queues bytes as they are. */
  resend(target: Target, data: Buffer): void {
    this.send(target, data, 0);
  }

  /** Sends a provisional response reliably (RFC 3262 section 3): adds Require and RSeq, repeats it until PRACK. Returns the RSeq. */
  respondReliably(invite: InviteServerTransaction, response: SipResponse, now: Millis): number {
    return this.#reliable.of(invite).respond(response, now);
  }

  // ── what transactions and calls need ─────────────────────────────────────────────────────────────────────────────────────────────

  send(target: Target, data: Buffer, ref: number): void {
    this.#outbox.send(target, data, ref);
  }
  repeat(target: Target, data: Buffer, now: Millis): void {
    this.#outbox.repeat(target, data, now);
  }
  leavesRoom(target: Target, bytes: number): boolean {
    return this.#outbox.leavesRoom(target, bytes);
  }
  settle(target: Target, data: Buffer, now: Millis): void {
    this.#outbox.settle(target, data, now);
  }
  probe(target: Target, ref: number): void {
    this.#outbox.push({ kind: "probe", target, ref });
  }
  arm(owner: TimerOwner, name: TimerName | (string & {}), due: Millis): Timer {
    this.wake();
    return this.#queue.add(owner, name, due);
  }
  disarm(timer: Timer | undefined): void {
    this.#queue.cancel(timer);
  }
  nextRef(): number {
    return ++this.#ref;
  }
  add(_call: ClientCall, transaction: ClientTransaction): void {
    this.#clients.set(transaction.key, transaction);
    this.#refs.set(transaction.ref, transaction);
    if (isReliable(transaction.target.transport)) this.#streamClients.add(transaction);
  }
  drop(transaction: ClientTransaction): void {
    if (this.#clients.get(transaction.key) === transaction) this.#clients.delete(transaction.key);
    this.#refs.delete(transaction.ref);
    this.#streamClients.delete(transaction);
  }

  // ── inside ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  #leavesTransportOpen(request: SipRequest, options: Omit<SendOptions, "user">): boolean {
    const uri = options.via ?? nextHop(request);
    return uri !== undefined && uri.scheme === "sip" && !uri.params.get("transport") && options.target === undefined;
  }

  #onResponse(response: SipResponse, source: Source, now: Millis): void {
    this.servers.answered(source, now);
    const key = clientKeyOf(response);
    const transaction = key === undefined ? undefined : this.#clients.get(key);
    if (transaction === undefined) {
      if (checkMessage(response) !== undefined) this.#reject(STRAY_RESPONSE, source, now);
      else this.#handler.onStrayResponse?.(response, source, now);
      return;
    }
    const problem = checkMessage(response) ?? this.#handler.objection?.(response, source);
    if (problem !== undefined) {
      this.#reject(problem.reason, source, now);
      return;
    }
    if (source.transport === "udp" && source.address === transaction.target.address) this.#bounds?.prove(source, now);
    transaction.onResponse(response, source, now);
  }

  /** The tag of our responses came back from where they were sent. */
  #prove(invite: InviteServerTransaction, source: Source, now: Millis): void {
    if (source.transport !== "udp" || invite.source.transport !== "udp" || source.address !== invite.source.address) return;
    for (const { port } of [source, invite.source, invite.target]) this.#bounds?.prove({ address: source.address, port }, now);
  }

  #onRequest(request: SipRequest, source: Source, now: Millis): void {
    const via = request.topVia;
    if (via === undefined) {
      if (request.version === "SIP/2.0" || request.method === "ACK" || !this.#refuseVersion(request, source))
        this.#reject("no usable Via", source, now);
      return;
    }
    this.#credit(via, request, source, now);
    const key = serverKey(request, via);
    const known = this.#servers.get(key);
    if (known !== undefined) {
      if (request.method === "ACK") {
        if (known instanceof InviteServerTransaction) {
          if (request.toTag === known.localTag) this.#prove(known, source, now);
          known.onAck(request, source, now);
        }
        if (known instanceof InviteServerTransaction && known.status < 300) this.#handler.onAck?.(request, source, now, known);
      } else {
        this.stats.retransmissionsReceived++;
        if (known instanceof Remains) known.onRetransmission(now);
        else known.onRetransmission(now);
      }
      return;
    }
    // RFC 3261 section 18.2.1 and RFC 3581 section 4: note where it really came from.
    if (bareHost(via.host) !== source.address || via.params.has("rport")) {
      via.params.set("received", source.address);
      if (via.params.has("rport")) via.params.set("rport", String(source.port));
      request.replaceFirst("Via", formatVia(via));
    }
    // RFC 5923 section 5: a verified peer says that its connection may carry our requests to its sent-by port.
    if (source.connection !== 0 && source.peer?.verified === true && via.params.has("alias")) {
      this.#outbox.push({ kind: "alias", connection: source.connection, port: via.port ?? 5061 });
    }
    const problem = checkMessage(request) ?? this.#handler.objection?.(request, source);
    if (problem !== undefined) {
      this.#reject(problem.reason, source, now);
      // What cannot be read of them is copied as it came (RFC 4475 section 3.1.2.4).
      if (request.method !== "ACK" && request.has("cseq") && request.callId !== "" && request.has("from") && request.has("to")) {
        const refusing = new NonInviteServerTransaction(this, request, source, key, this.#gone);
        this.send(refusing.target, createResponse(request, problem.status, problem.reason, newTag()).toBuffer(), 0);
      }
      return;
    }
    if (request.method === "ACK") this.#onStrayAck(request, source, now);
    else if (request.method === "CANCEL") this.#onCancel(request, source, key, now);
    else if (request.method === "PRACK" && this.#onPrack(request, source, key, now)) return;
    else this.#onNewRequest(request, source, key, now);
  }

  /** Without rport an answer goes to the port in Via (section 18.2.2): what came counts for that one. */
  #credit(via: Via, request: SipRequest, source: Source, now: Millis): void {
    if (source.transport !== "udp" || via.params.has("rport")) return;
    const port = (via.port ?? defaultPort("udp")) || source.port;
    this.#bounds?.answeredAt(source, { address: source.address, port }, request.size, now);
  }

  /** A request of another version of SIP, whose Via says so too (section 21.5.6, RFC 4475 section 3.1.2.16): 505. False where it has no usable Via at all. */
  #refuseVersion(request: SipRequest, source: Source): boolean {
    const written = splitList(request.get("via") ?? "")[0] ?? "";
    const via = tryParseViaOfAnyVersion(written);
    if (via === undefined || checkMessage(request)?.status !== 505 || !request.has("from") || !request.has("to")) return false;
    this.#credit(via, request, source, this.#outbox.now);
    const readable = request.clone();
    readable.replaceFirst("Via", formatVia(via));
    const { target } = new NonInviteServerTransaction(this, readable, source, "", this.#gone);
    this.stats.rejected++;
    this.send(target, createResponse(request, 505, undefined, newTag()).toBuffer(), 0);
    return true;
  }

  #onNewRequest(request: SipRequest, source: Source, key: string, now: Millis): void {
    const admitted = this.#handler.admits?.(request, source, now) ?? true;
    if (admitted !== true) {
      this.stats.dropped++;
      if (admitted !== false) this.#refuseStateless(request, source, key, admitted.retryAfter);
      return;
    }
    const transaction = this.#newTransaction(request, source, key);
    if (request.toTag === "") {
      const merge = mergeKey(request);
      if (this.#merged.has(merge)) {
        transaction.reply(482, now, "Merged Request");
        return;
      }
      this.#merged.set(merge, transaction);
    }
    if (transaction instanceof InviteServerTransaction) {
      transaction.start(now);
      this.#acks.set(ackKey(request, transaction.localTag), transaction);
    }
    this.#handler.onRequest(transaction, now);
  }

  #refuseStateless(request: SipRequest, source: Source, key: string, retryAfter: number): void {
    const refusing = new NonInviteServerTransaction(this, request, source, key, this.#gone);
    const response = createResponse(request, 503, "Service Unavailable", newTag());
    response.set("Retry-After", String(retryAfter));
    this.send(refusing.target, response.toBuffer(), 0);
  }

  #newTransaction(request: SipRequest, source: Source, key: string): ServerTransaction {
    const make = request.method === "INVITE" ? InviteServerTransaction : NonInviteServerTransaction;
    const transaction: ServerTransaction = new make(this, request, source, key, this.#gone);
    this.#servers.set(key, transaction);
    return transaction;
  }

  readonly #gone = (transaction: ServerTransactionBase, remains?: Remains): void => {
    if (this.#servers.get(transaction.key) !== transaction) return;
    const merge = mergeKey(transaction.request);
    const wasMerge = this.#merged.get(merge) === transaction;
    if (remains === undefined) {
      this.#servers.delete(transaction.key);
      if (wasMerge) this.#merged.delete(merge);
    } else {
      this.#servers.set(transaction.key, remains);
      if (wasMerge) this.#merged.set(merge, remains);
    }
    if (transaction instanceof InviteServerTransaction) {
      const key = ackKey(transaction.request, transaction.localTag);
      if (this.#acks.get(key) === transaction) this.#acks.delete(key);
      this.#reliable.find(transaction.request, transaction.localTag)?.end();
    }
  };

  bury(remains: { readonly key: string; readonly merge: string | undefined }): void {
    if (this.#servers.get(remains.key) === remains) this.#servers.delete(remains.key);
    if (remains.merge !== undefined && this.#merged.get(remains.merge) === remains) this.#merged.delete(remains.merge);
  }

  /** The user chose another tag for its responses: the ACK will carry that one. Call it before the final response. */
  retag(invite: InviteServerTransaction, tag: string): void {
    this.#acks.delete(ackKey(invite.request, invite.localTag));
    invite.localTag = tag;
    this.#acks.set(ackKey(invite.request, tag), invite);
  }

  #onStrayAck(ack: SipRequest, source: Source, now: Millis): void {
    const invite = this.#acks.get(ackKey(ack));
    if (invite !== undefined) this.#prove(invite, source, now);
    invite?.onAck(ack, source, now);
    this.#handler.onAck?.(ack, source, now, invite);
  }

  #onCancel(cancel: SipRequest, source: Source, key: string, now: Millis): void {
    const via = cancel.topVia!;
    const invite = this.#servers.get(serverKey(cancel, via, "INVITE"));
    if (invite === undefined && this.#handler.admits?.(cancel, source, now) === false) {
      this.stats.dropped++;
      return;
    }
    const transaction = this.#newTransaction(cancel, source, key);
    if (invite === undefined || invite instanceof NonInviteServerTransaction) {
      transaction.reply(481, now);
      return;
    }
    // Section 9.2: the To tag of the answer to CANCEL is the one of the answers to the INVITE.
    transaction.localTag = invite.localTag;
    transaction.reply(200, now);
    // Answered and acknowledged: a CANCEL has no effect any more.
    if (invite instanceof Remains) return;
    const late = invite.answered;
    if (!late) invite.reply(487, now);
    invite.user.onCancel?.(cancel, late, now);
  }

  #onPrack(prack: SipRequest, source: Source, key: string, now: Millis): boolean {
    const reliable = this.#reliable.find(prack, prack.toTag);
    const rack = parseRAck(prack.get("rack") ?? "");
    if (reliable === undefined || rack === undefined) return false;
    this.#prove(reliable.invite, source, now);
    const transaction = this.#newTransaction(prack, source, key);
    if (!reliable.acknowledge(rack)) {
      transaction.reply(481, now);
      return true;
    }
    const user = reliable.invite.user;
    if (user.onPrack === undefined) transaction.reply(200, now);
    else user.onPrack(transaction, now);
    reliable.next(now);
    return true;
  }

  #reject(why: string, source: Source, now: Millis): void {
    this.stats.rejected++;
    this.#handler.onRejected?.(why, source, now);
  }
}
