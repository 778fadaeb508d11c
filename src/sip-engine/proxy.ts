/**
 * A stateful proxy (RFC 3261 section 16) at an application's request: forks one after the other or all at once, chooses the best response,
 * follows redirections where asked, stays in the dialog by Record-Route where asked.
 */
import type { Millis } from "../base/clock.ts";
import type { ClientCall } from "../sip/client-call.ts";
import { nextHop } from "../sip/next-hop.ts";
import type { ServerTransaction } from "../sip/layer-api.ts";
import type { Timer } from "../sip/timers.ts";
import { InviteServerTransaction } from "../sip/transactions/invite-server.ts";
import type { Listener, Source } from "../sip/types.ts";
import { type AppMessage, formatMeta } from "../wire/drachtio/messages.ts";
import type { SipMessage, SipRequest, SipResponse } from "../wire/sip/message.ts";
import { tryParseNameAddr } from "../wire/sip/name-addr.ts";
import { plainText } from "../wire/sip/plain.ts";
import { parseNumber } from "../wire/sip/text.ts";
import { bracketHost, tryParseUri } from "../wire/sip/uri.ts";
import type { App } from "./apps.ts";
import { applyFields, completeUri, stripOwn } from "./headers.ts";
import { type RelayedDialog, RelayedDialogs } from "./relayed-dialogs.ts";
import type { EngineState } from "./state.ts";

type ProxyRequest = Extract<AppMessage, { type: "proxy" }>;

/** One branch. */
interface Branch {
  readonly destination: string;
  call: ClientCall | undefined;
  /** Final status; 0 while there is none. */
  status: number;
  response: SipResponse | undefined;
  timer: Timer | undefined;
}

/** How long a proxied INVITE may ring (timer C, section 16.8). */
const TIMER_C = 185_000;

export class StatefulProxy {
  readonly #state: EngineState;
  readonly #contexts = new Set<ProxyContext>();
  readonly #relayed = new RelayedDialogs();

  constructor(state: EngineState) {
    this.#state = state;
  }

  get count(): number {
    return this.#contexts.size;
  }
  /** Dialogs whose requests are relayed. */
  get relayedDialogs(): number {
    return this.#relayed.size;
  }

  /** Proxies a request that waited for an application's decision. */
  start(app: App, order: ProxyRequest, transaction: ServerTransaction, headers: SipMessage, now: Millis): void {
    const { request } = transaction;
    const forwards = parseNumber(request.get("max-forwards"), 255) ?? 70;
    if (forwards === 0) {
      this.#state.reply(app, order.id, false, "Rejected with 483 Too Many Hops due to Max-Forwards value of 0");
      const response = transaction.reply(483, now);
      this.#state.cdr("stop", "application", response, "call-rejected");
      return;
    }
    stripOwn(request);
    removeOwnRoute(this.#state, request);
    const dialog = order.recordRoute ? this.#relayed.begin(request, transaction.source, now) : undefined;
    const context = new ProxyContext(this.#state, app, order, transaction, headers, forwards, {
      dialog,
      relayed: this.#relayed,
      onDone: () => this.#contexts.delete(context),
    });
    this.#contexts.add(context);
    context.start(now);
  }

  /**
   * A request with a To tag that belongs to no dialog of an application's. True when it has been dealt with: relayed, when it is inside a
   * dialog that was proxied with Record-Route; refused, when its Route names us and it is for somebody else.
   */
  onRouted(transaction: ServerTransaction, now: Millis): boolean {
    const { request } = transaction;
    const route = request.list("route");
    const strictly = takeStrictRoute(this.#state, request);
    if (!removeOwnRoute(this.#state, request) && !strictly) return false;
    const passage = this.#relayed.judge(request, transaction.source, now);
    if (!passage.pass) {
      const target = request.requestUri;
      if (target !== undefined && !request.has("route") && this.#state.layer.isMe(target.host, target.port)) {
        // For ourselves: whether it fits anything is decided as for a request without a Route.
        for (const value of route) request.append("Route", value);
        return false;
      }
      this.#state.log("info", "relay refused: the request is in no dialog that was proxied", {
        method: request.method,
        address: transaction.source.address,
        transport: transaction.source.transport,
      });
      transaction.reply(passage.status, now);
      return true;
    }
    const forwards = parseNumber(request.get("max-forwards"), 255) ?? 70;
    const next = nextHop(request);
    if (forwards === 0 || next === undefined || this.#state.layer.isMe(next.host, next.port)) {
      transaction.reply(forwards === 0 ? 483 : 404, now);
      return true;
    }
    if (request.method === "BYE") this.#state.cdr("stop", "network", request, "normal-release");
    const forwarded = request.clone();
    stripOwn(forwarded);
    forwarded.set("Max-Forwards", forwards - 1);
    if (transaction instanceof InviteServerTransaction) transaction.repeat2xx = false;
    const call = this.#state.layer.request(
      forwarded,
      {
        tcpInstead: true,
        user: {
          onResponse: (response, _call, _source, at) => {
            if (response.status <= 100) return;
            this.#relayed.answered(passage, request, response);
            transaction.respond(upstream(response), at);
          },
          onFailure: (status, _reason, _call, at) => {
            // As above: 503 would say that this proxy is out of service.
            this.#relayed.answered(passage, request, transaction.reply(status === 503 ? 500 : status, at));
          },
        },
      },
      now,
    );
    transaction.user = { onCancel: (_cancel, _late, at) => void call.cancel(at) };
    return true;
  }

  /** An ACK for a 2xx, on its way to the callee. Any other, and one too many hops old, is dropped: an ACK has no answer. */
  onAck(ack: SipRequest, source: Source, now: Millis): void {
    const strictly = takeStrictRoute(this.#state, ack);
    if ((!removeOwnRoute(this.#state, ack) && !strictly) || !this.#relayed.judge(ack, source, now).pass) return;
    const forwards = parseNumber(ack.get("max-forwards"), 255) ?? 70;
    const next = nextHop(ack);
    if (forwards === 0 || next === undefined || this.#state.layer.isMe(next.host, next.port)) return;
    stripOwn(ack);
    ack.set("Max-Forwards", forwards - 1);
    this.#state.layer.sendAck(ack, {}, now, () => {});
  }
}

/** What a proxied request's context has besides the request. */
interface ContextParts {
  /** The dialog the request may make, where we stay in it. */
  readonly dialog: RelayedDialog | undefined;
  readonly relayed: RelayedDialogs;
  readonly onDone: () => void;
}

class ProxyContext {
  readonly #state: EngineState;
  readonly #app: App;
  readonly #order: ProxyRequest;
  readonly #server: ServerTransaction;
  readonly #headers: SipMessage;
  readonly #forwards: number;
  readonly #parts: ContextParts;
  readonly #branches: Branch[];
  #done = false;
  #answered = false;
  #cancelled = false;

  constructor(
    state: EngineState,
    app: App,
    order: ProxyRequest,
    server: ServerTransaction,
    headers: SipMessage,
    forwards: number,
    parts: ContextParts,
  ) {
    this.#state = state;
    this.#app = app;
    this.#order = order;
    this.#server = server;
    this.#headers = headers;
    this.#forwards = forwards;
    this.#parts = parts;
    this.#branches = order.destinations.map((destination) => ({
      destination,
      call: undefined,
      status: 0,
      response: undefined,
      timer: undefined,
    }));
    if (server instanceof InviteServerTransaction) server.repeat2xx = false;
    server.user = {
      onCancel: (_cancel, late, now) => {
        if (late) return;
        this.#cancelled = true;
        this.#answered = true;
        this.#cancelOthers(undefined, now);
        this.#maybeDone();
      },
      onTerminated: () => this.#conclude(),
    };
  }

  start(now: Millis): void {
    this.#launch(now);
    if (!this.#order.fullResponse) this.#state.reply(this.#app, this.#order.id, true, "done");
  }

  /** Starts the next branch, or all of them. */
  #launch(now: Millis): void {
    for (const branch of this.#branches) {
      if (this.#answered) return;
      if (branch.call !== undefined || branch.status !== 0) continue;
      this.#forward(branch, now);
      if (!this.#order.simultaneous) return;
    }
  }

  #forward(branch: Branch, now: Millis): void {
    const request = this.#server.request.clone();
    const destination = completeUri(branch.destination);
    const uri = tryParseUri(destination);
    if (uri === undefined) {
      branch.status = 500;
      return;
    }
    const own = request.requestUri;
    // Section 16.5: a request for us gets a new target; one for somebody else keeps its own and is only routed.
    if (own !== undefined && own.scheme !== "tel" && this.#state.layer.isMe(own.host, own.port)) request.uri = destination;
    request.set("Max-Forwards", this.#forwards - 1);
    const isRegister = request.method === "REGISTER";
    branch.call = this.#state.layer.request(
      request,
      {
        via: uri,
        tcpInstead: true,
        user: {
          prepare: (r, local, target) => {
            if (this.#parts.dialog !== undefined) this.#parts.relayed.sentTo(this.#parts.dialog, target);
            // Only once: a second attempt of the same branch starts from the first one's copy.
            if (this.#order.recordRoute && !routedBy(r, local)) r.prepend(isRegister ? "Path" : "Record-Route", `<${ownUri(local)};lr>`);
            if (this.#order.recordRoute && isRegister && !r.lists("require", "path")) r.append("Require", "path");
            applyFields(r, this.#headers, local, true);
          },
          onSent: (call) => {
            if (call.request.method === "INVITE") this.#state.cdr("attempt", "application", call.request);
          },
          onResponse: (response, call, source, at) => this.#onResponse(branch, response, call, source, at),
          onFailure: (status, reason, _call, at) => this.#onFailure(branch, status, reason, at),
        },
      },
      now,
    );
    const wait = this.#order.provisionalTimeout ?? (request.method === "INVITE" ? TIMER_C : undefined);
    const timeout = this.#order.provisionalTimeout === undefined ? "ring" : "provisional";
    if (wait !== undefined && branch.status === 0) branch.timer = this.#arm(branch, timeout, now + wait);
    if (this.#order.finalTimeout !== undefined && branch.status === 0) this.#arm(branch, "final", now + this.#order.finalTimeout);
  }

  #arm(branch: Branch, what: "provisional" | "ring" | "final", due: Millis): Timer {
    const owner = {
      onTimer: (_name: string, at: Millis): void => {
        if (branch.status !== 0 || this.#answered) return;
        this.#state.log("debug", "proxied branch timed out", { what, destination: branch.destination });
        branch.status = 408;
        branch.call?.cancel(at);
        this.#next(at);
      },
    };
    return this.#state.layer.arm(owner, what, due);
  }

  #onResponse(branch: Branch, response: SipResponse, call: ClientCall, source: Source, now: Millis): void {
    stripOwn(response);
    if (this.#parts.dialog !== undefined) this.#parts.relayed.onResponse(this.#parts.dialog, response, source);
    if (response.status === 100) {
      this.#state.layer.disarm(branch.timer);
      return;
    }
    if (response.status < 200) {
      this.#state.layer.disarm(branch.timer);
      if (call.request.method === "INVITE" && branch.status === 0) branch.timer = this.#arm(branch, "ring", now + TIMER_C);
      if (!this.#answered) this.#server.respond(upstream(response), now);
      return;
    }
    this.#state.layer.disarm(branch.timer);
    const first = branch.status === 0;
    branch.status = response.status;
    branch.response = response;
    this.#report(response, source);
    if (response.status < 300) {
      // Section 16.7 step 5: every 2xx to an INVITE goes upstream, also from a second fork.
      const already = this.#answered;
      this.#answered = true;
      if (!this.#cancelled) this.#server.respond(upstream(response), now);
      if (first && call.request.method === "INVITE") this.#state.cdr("start", "network", response, "proxy-uac");
      if (!already) {
        if (call.request.method === "INVITE") this.#state.cdr("start", "application", response, "proxy-uas");
        this.#cancelOthers(branch, now);
        this.#finish();
      }
      return;
    }
    if (call.request.method === "INVITE")
      this.#state.cdr("stop", "network", response, response.status === 487 ? "call-canceled" : "call-rejected");
    if (response.status < 400 && this.#order.followRedirects) this.#redirect(branch, response);
    if (response.status >= 600) {
      // Section 16.7 step 5: a 6xx ends the search.
      this.#cancelOthers(branch, now);
      for (const b of this.#branches) if (b.status === 0 && b.call === undefined) b.status = 408;
    }
    this.#next(now);
  }

  #onFailure(branch: Branch, status: number, _reason: string, now: Millis): void {
    this.#state.layer.disarm(branch.timer);
    if (branch.status !== 0) return;
    branch.status = status;
    this.#next(now);
  }

  #redirect(branch: Branch, response: SipResponse): void {
    const known = new Set(this.#branches.map((b) => b.destination));
    const at = this.#branches.indexOf(branch) + 1;
    for (const value of response.list("contact").reverse()) {
      const uri = tryParseNameAddr(value)?.uriText;
      if (uri === undefined || known.has(uri) || this.#branches.length >= 20) continue;
      this.#branches.splice(at, 0, { destination: uri, call: undefined, status: 0, response: undefined, timer: undefined });
    }
  }

  /** A branch has ended without success: try on, or answer with the best there is. */
  #next(now: Millis): void {
    if (this.#answered) {
      this.#maybeDone();
      return;
    }
    // A challenge is for the caller to meet, at once.
    const challenge = this.#branches.find((b) => b.status === 401 || b.status === 407);
    if (challenge === undefined) {
      this.#launch(now);
      if (this.#branches.some((b) => b.status === 0)) return;
    }
    this.#answered = true;
    this.#cancelOthers(undefined, now);
    const best = challenge ?? bestOf(this.#branches);
    // Without any response: nobody answered, or nothing of ours leads there, which is no fault of the request (section 16.7 step 6).
    const none = this.#branches.some((b) => b.status === 408) ? 408 : 500;
    const response = best?.response === undefined ? this.#server.response(none) : upstream(best.response);
    // Section 16.7 step 6: a 503 upstream would mean that the whole proxy is out of service.
    if (response.status === 503) {
      response.status = 500;
      response.reason = "Server Internal Error";
    }
    this.#server.respond(response, now);
    this.#finish();
  }

  #cancelOthers(but: Branch | undefined, now: Millis): void {
    for (const branch of this.#branches) {
      this.#state.layer.disarm(branch.timer);
      if (branch !== but && branch.status === 0) branch.call?.cancel(now);
    }
  }

  #report(response: SipResponse, source: Source): void {
    if (!this.#order.fullResponse) return;
    const meta = formatMeta(this.#state.metaFrom(response, source));
    this.#state.reply(this.#app, this.#order.id, true, `${meta}|||continue\r\n${plainText(response)}`);
  }

  #finish(): void {
    if (this.#order.fullResponse) this.#state.reply(this.#app, this.#order.id, true, "done");
    this.#maybeDone();
  }

  #maybeDone(): void {
    if (this.#branches.every((b) => b.status !== 0 || b.call === undefined)) this.#conclude();
  }

  #conclude(): void {
    if (this.#done) return;
    this.#done = true;
    const { dialog, relayed, onDone } = this.#parts;
    if (dialog !== undefined)
      relayed.concluded(
        dialog,
        this.#branches.some((b) => b.status >= 200 && b.status < 300),
      );
    onDone();
  }
}

/** A response on its way upstream: without the Via that was ours. */
function upstream(response: SipResponse): SipResponse {
  const copy = response.clone();
  copy.shift("Via");
  return copy;
}

/** Section 16.7 step 6: 6xx first, then the lowest class; within 4xx those that tell the caller what to do. */
function bestOf(branches: readonly Branch[]): Branch | undefined {
  const rank = (status: number): number => {
    if (status >= 600) return 0;
    if ([401, 407, 415, 420, 484].includes(status)) return 4 + status / 1000 - 0.5;
    return Math.floor(status / 100) + status / 1000;
  };
  return branches.filter((b) => b.response !== undefined).sort((a, b) => rank(a.status) - rank(b.status))[0];
}

/**
 * A strict router before us has put our Record-Route URI into the Request-URI and the target last in Route: puts that back (RFC 3261 section 16.4, example in 16.12.1.2). Says whether
 * it was so.
 */
function takeStrictRoute(state: EngineState, request: SipRequest): boolean {
  const uri = request.requestUri;
  const routes = request.list("route");
  const target = tryParseNameAddr(routes.at(-1) ?? "")?.uriText;
  if (uri === undefined || !uri.params.has("lr") || target === undefined || !state.layer.isMe(uri.host, uri.port)) return false;
  request.uri = target;
  request.remove("route");
  for (const value of routes.slice(0, -1)) request.append("Route", value);
  return true;
}

/** Removes our own URI from the top of the Route; says whether it was there. */
function removeOwnRoute(state: EngineState, request: SipRequest): boolean {
  const top = request.list("route")[0];
  const uri = top === undefined ? undefined : tryParseUri(tryParseNameAddr(top)?.uriText ?? "");
  if (uri === undefined || !state.layer.isMe(uri.host, uri.port)) return false;
  request.shift("Route");
  // Between two transports we record-route twice at most; both are ours.
  return removeOwnRoute(state, request) || true;
}

function ownUri(local: Listener): string {
  const transport = local.transport === "udp" ? "" : `;transport=${local.transport}`;
  return `sip:${bracketHost(local.advertisedHost)}:${local.advertisedPort}${transport}`;
}

function routedBy(request: SipRequest, local: Listener): boolean {
  const top = request.list("record-route")[0] ?? request.list("path")[0];
  return top?.includes(ownUri(local)) === true;
}
