/**
 * The engine without sockets: network on one side (through the SIP layer), applications on the other (frames as byte strings).
 * It routes: what belongs to a dialog, what is new, what is being proxied, what an application asks for.
 */
import type { Clock, Millis } from "../base/clock.ts";
import { sourceOf } from "../base/ip-address.ts";
import { ParseError } from "../base/errors.ts";
import { RateLimiter } from "../base/rate-limit.ts";
import { sameSecret } from "../base/secrets.ts";
import { TokenBucket } from "../base/token-bucket.ts";
import { SipLayer, STRAY_RESPONSE } from "../sip/layer.ts";
import type { LayerHandler, ServerTransaction } from "../sip/layer-api.ts";
import type { Timer, TimerBase } from "../sip/timers.ts";
import { standardTimers } from "../sip/timers.ts";
import type { InviteServerTransaction } from "../sip/transactions/invite-server.ts";
import type { Source } from "../sip/types.ts";
import { type AppMessage, formatResponse, parseAppMessage } from "../wire/drachtio/messages.ts";
import type { Problem } from "../wire/sip/check.ts";
import type { SipMessage, SipRequest } from "../wire/sip/message.ts";
import { parseMessage } from "../wire/sip/parse.ts";
import { objection } from "../wire/sip/plain.ts";
import { AddressValidation } from "./address-validation.ts";
import { type App, AppRegistry } from "./apps.ts";
import { DialogManager } from "./dialog-manager.ts";
import { Inbound } from "./inbound.ts";
import { Outbound } from "./outbound.ts";
import { StatefulProxy } from "./proxy.ts";
import { type EngineOptions, EngineState, type EngineStats } from "./state.ts";
import { RETRY_AFTER } from "./stranger-calls.ts";
import { StrangerQueue } from "./stranger-queue.ts";

/** Version told to applications: drachtio-srf decides by it whether pings are understood. */
const VERSION = "v0.9.10";
/** All strangers together may send as many requests, other than calls, as so many sources. */
const STRANGERS_AT_ONCE = 3;

/** An application's connection as the engine sees it. */
export interface AppConnection {
  /** Sends a frame's content. */
  send(content: string): void;
  /** Closes it after what was sent. */
  close(): void;
}

class ConnectedApp implements App {
  readonly id: number;
  tags: ReadonlySet<string> = new Set();
  alive = true;
  authenticated = false;
  readonly #connection: AppConnection;
  constructor(id: number, connection: AppConnection) {
    this.id = id;
    this.#connection = connection;
  }
  send(content: string): void {
    if (this.alive) this.#connection.send(content);
  }
  close(): void {
    this.#connection.close();
  }
}

/** What a connection's owner uses. */
export interface AppHandle {
  /** A frame's content has arrived. */
  receive(frame: Buffer, now: Millis): void;
  /** The connection is gone. */
  gone(now: Millis): void;
}

export class EngineCore implements LayerHandler {
  readonly layer: SipLayer;
  readonly #state: EngineState;
  readonly #manager: DialogManager;
  readonly #inbound: Inbound;
  readonly #outbound: Outbound;
  readonly #proxy: StatefulProxy;
  readonly #apps = new Set<ConnectedApp>();
  readonly #perSource: RateLimiter | undefined;
  /** What all strangers together may send, besides calls. */
  readonly #strangers: TokenBucket | undefined;
  readonly #calls: StrangerQueue;
  readonly #others: StrangerQueue;
  #queueTimer: Timer | undefined;
  #lastApp = 0;

  constructor(options: EngineOptions, clock: Clock, timers: TimerBase = { ...standardTimers, trying: 0 }) {
    const validation = new AddressValidation();
    this.layer = new SipLayer({ handler: this, timers, bounds: validation });
    const perSecond = options.requestsPerSource;
    this.#perSource = perSecond === undefined ? undefined : new RateLimiter({ perSecond, burst: 2 * perSecond });
    this.#strangers =
      perSecond === undefined ? undefined : new TokenBucket(STRANGERS_AT_ONCE * perSecond, 2 * STRANGERS_AT_ONCE * perSecond);
    this.#state = new EngineState(this.layer, new AppRegistry(), clock, options, validation);
    this.#manager = new DialogManager(this.#state);
    this.#inbound = new Inbound(this.#state, this.#manager);
    this.#outbound = new Outbound(this.#state, this.#manager);
    this.#inbound.onEarlyBye = (dialog, bye, source, now) => this.#outbound.earlyBye(dialog, bye, source, now);
    this.#proxy = new StatefulProxy(this.#state);
    const hand = (transaction: ServerTransaction, now: Millis) => this.#inbound.onNewRequest(transaction, now);
    const refuse = (call: ServerTransaction, now: Millis) => void call.reply(503, now, undefined, { "Retry-After": String(RETRY_AFTER) });
    this.#calls = new StrangerQueue({ inHand: 2, hand, refuse });
    this.#others = new StrangerQueue({ inHand: 1, hand, refuse: (transaction) => transaction.discard() });
  }

  get stats(): EngineStats {
    return this.#state.stats;
  }

  /** Sizes of the tables, for diagnostics and leak tests. */
  dump(): Record<string, number> {
    return {
      ...this.layer.dump(),
      apps: this.#apps.size,
      dialogs: this.#state.dialogs.size,
      awaitingApplication: this.#inbound.waitingCount,
      strangersWaiting: this.#calls.size + this.#others.size,
      awaitingResponse: this.#outbound.sentCount,
      proxied: this.#proxy.count,
      relayedDialogs: this.#proxy.relayedDialogs,
      flows: this.#state.flows.size,
    };
  }

  // ── network ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  objection(message: SipMessage, source: Source): Problem | undefined {
    return objection(message, { datagram: source.transport === "udp", verified: source.peer?.verified === true });
  }

  admits(request: SipRequest, source: Source, now: Millis): boolean | { readonly retryAfter: number } {
    if (request.method === "INVITE" && request.toTag === "") return this.#state.options.admitsCall?.(source, now) ?? true;
    // What is inside an application's dialogs has been let in with them. Everything else costs somebody an answer.
    const counted = request.toTag === "" || this.#state.dialogOf(request) === undefined;
    if (this.#perSource === undefined || !counted) return true;
    const one = sourceOf(source.address);
    const within = this.#perSource.take(one, now) && (!this.#waits(source) || this.#strangers?.take(now) === true);
    if (within) return true;
    this.#state.log("warn", "flood: requests of one address are not answered", {
      address: source.address,
      transport: source.transport,
      method: request.method,
      perSecond: this.#state.options.requestsPerSource ?? 0,
    });
    return false;
  }

  onRequest(transaction: ServerTransaction, now: Millis): void {
    const { request } = transaction;
    if (request.toTag !== "") {
      const dialog = this.#state.dialogOf(request);
      if (dialog !== undefined) {
        this.#inbound.onDialogRequest(transaction, dialog, now);
        return;
      }
      if (this.#proxy.onRouted(transaction, now)) return;
    }
    if (this.#waits(transaction.source)) {
      this.#queueOf(transaction).add(transaction, now);
      this.#armQueues();
    } else this.#inbound.onNewRequest(transaction, now);
  }

  #waits(source: Source): boolean {
    return this.#state.options.waits?.(source) === true;
  }

  #queueOf({ request }: ServerTransaction): StrangerQueue {
    return request.method === "INVITE" ? this.#calls : this.#others;
  }

  #armQueues(): void {
    const due = Math.min(...[this.#calls, this.#others].map((queue) => queue.nextTimeout() ?? Number.POSITIVE_INFINITY));
    if (due === Number.POSITIVE_INFINITY || this.#queueTimer?.owner !== undefined) return;
    const owner = {
      onTimer: (_name: string, now: Millis) => {
        for (const queue of [this.#calls, this.#others]) queue.run(now);
        this.#armQueues();
      },
    };
    this.#queueTimer = this.layer.arm(owner, "strangers", due);
  }

  onAck(ack: SipRequest, source: Source, now: Millis, invite: InviteServerTransaction | undefined): void {
    // The INVITE's own user has been told by its transaction; what is left are calls we proxied.
    if (this.#proxy.relayedDialogs === 0 || invite?.repeat2xx === true) return;
    if (this.admits(ack, source, now) === true) this.#proxy.onAck(ack, source, now);
  }

  onRejected(why: string, source: Source): void {
    // What came by UDP from where nobody has shown to be may have been sent in that address's name, to have it banned.
    const shown = source.transport !== "udp" || this.#state.validation.isValid(source, this.#state.clock.now());
    if (why !== STRAY_RESPONSE && shown) this.#state.options.onMalformed?.(source);
    this.#state.log("debug", "unusable message", { why, address: source.address, port: source.port, transport: source.transport });
  }

  /** A connection is gone (the layer has been told). */
  connectionClosed(connection: number, now: Millis): void {
    this.#manager.connectionLost(connection, now);
    this.#state.flows.forget(connection);
  }

  // ── applications ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** An application has connected; it must authenticate before anything else. */
  connect(connection: AppConnection): AppHandle {
    const app = new ConnectedApp(++this.#lastApp, connection);
    this.#apps.add(app);
    return {
      receive: (frame, now) => this.#onFrame(app, frame, now),
      gone: (now) => {
        if (!app.alive) return;
        app.alive = false;
        this.#apps.delete(app);
        this.#state.apps.remove(app);
        this.#inbound.appGone(app, now);
        this.#outbound.appGone(app, now);
        this.#manager.orphan(app, now);
      },
    };
  }

  #onFrame(app: ConnectedApp, frame: Buffer, now: Millis): void {
    let message: AppMessage;
    try {
      message = parseAppMessage(frame);
    } catch (error) {
      if (!(error instanceof ParseError)) throw error;
      app.send(formatResponse(this.#state.newId(), frame.toString("latin1", 0, 36).split("|")[0]!, false, "Unknown message type"));
      app.close();
      return;
    }
    if (message.type === "authenticate") {
      this.#authenticate(app, message);
      return;
    }
    if (!app.authenticated) {
      this.#state.reply(app, message.id, false, "not authenticated");
      app.close();
      return;
    }
    switch (message.type) {
      case "ping":
        this.#state.reply(app, message.id, true, "pong");
        return;
      case "route":
        this.#state.apps.route(app, message.verb);
        this.#state.reply(app, message.id, true);
        return;
      case "remove_route":
        this.#state.apps.unroute(app, message.verb);
        this.#state.reply(app, message.id, true);
        return;
      case "sip":
        this.#onSip(app, message, now);
        return;
      case "proxy":
        this.#onProxy(app, message, now);
        return;
    }
  }

  #authenticate(app: ConnectedApp, message: Extract<AppMessage, { type: "authenticate" }>): void {
    if (!sameSecret(message.secret, this.#state.options.secret)) {
      this.#state.log("warn", "application with a wrong secret refused");
      this.#state.reply(app, message.id, false, "incorrect secret");
      app.close();
      return;
    }
    app.authenticated = true;
    app.tags = new Set(message.tags);
    const outside = this.layer.listeners
      .filter((l) => l.peer === undefined)
      .map((l) => `${l.transport}/${l.advertisedHost}:${l.advertisedPort}`)
      .join(",");
    const inside = this.layer.listeners.map((l) => `${l.transport}/${l.address}:${l.port}`).join(",");
    this.#state.reply(app, message.id, true, `${outside}|${VERSION}|${inside}`);
  }

  #sipOf(sip: Buffer): SipMessage | undefined {
    try {
      // An application counts characters where bytes are meant: its Content-Length is not to be relied on.
      return parseMessage(sip, { ignoreLength: true });
    } catch (error) {
      if (error instanceof ParseError) return undefined;
      throw error;
    }
  }

  #onSip(app: ConnectedApp, message: Extract<AppMessage, { type: "sip" }>, now: Millis): void {
    const sip = this.#sipOf(message.sip);
    if (sip === undefined) this.#state.reply(app, message.id, false, "Server error: invalid SIP message");
    else if (sip.kind === "response") {
      if (message.transactionId === "") this.#state.reply(app, message.id, false, "transaction id missing");
      else {
        const transaction = this.#inbound.transactionOf(message.transactionId);
        this.#inbound.respond(app, message.id, message.transactionId, sip, now);
        if (transaction !== undefined) {
          this.#queueOf(transaction).answered(transaction, now);
          this.#armQueues();
        }
      }
    } else if (message.dialogId !== "") this.#outbound.sendInDialog(app, message.id, message.dialogId, sip, now);
    else if (message.transactionId !== "") {
      if (sip.method === "CANCEL") this.#outbound.cancel(app, message.id, message.transactionId, sip, now);
      else this.#state.reply(app, message.id, false, "Server error: only CANCEL takes a transaction id");
    } else this.#outbound.send(app, message.id, sip, message.routeUri, now);
  }

  #onProxy(app: ConnectedApp, message: Extract<AppMessage, { type: "proxy" }>, now: Millis): void {
    const taken = this.#inbound.take(message.transactionId);
    const headers = this.#sipOf(message.sip);
    if (taken === undefined) this.#state.reply(app, message.id, false, `Unknown transaction id: ${message.transactionId}`);
    else if (headers === undefined || message.destinations.length === 0) {
      this.#state.reply(app, message.id, false, "Invalid proxy request: not enough information provided");
      taken.transaction.reply(500, now);
    } else this.#proxy.start(app, message, taken.transaction, headers, now);
  }
}
