/**
 * A simple user agent on the layer: takes calls, places calls, answers what needs no thought. For engines that speak SIP to a
 * neighbour (a media server, a test); the SIP engine itself uses the layer directly.
 */
import type { Millis } from "../base/clock.ts";
import { answerChallenges, type Credentials } from "../wire/sip/digest.ts";
import { SipRequest as Request, type SipRequest, type SipResponse } from "../wire/sip/message.ts";
import { bytes } from "../wire/sip/text.ts";
import { tryParseUri } from "../wire/sip/uri.ts";
import { dialogKeyOfRequest } from "./dialog.ts";
import { newCallId, newTag } from "./ids.ts";
import { SipLayer } from "./layer.ts";
import type { LayerHandler, LayerOptions, ServerTransaction } from "./layer-api.ts";
import { type Content, Session, type SessionEvents, type SessionOwner } from "./session.ts";
import { InviteServerTransaction } from "./transactions/invite-server.ts";
import type { Listener, Source, Target } from "./types.ts";

/** What a user agent asks its owner. */
export interface UserAgentHandler {
  /** A call comes in. Set `session.events`, then `ring`, `answer` or `reject` it, now or later. */
  onInvite(session: Session, now: Millis): void;
  /** A request outside any dialog, other than INVITE. Without a handler: 200 to OPTIONS, 405 to others. */
  onRequest?(transaction: ServerTransaction, now: Millis): void;
  /** Something unusable arrived. */
  onRejected?(why: string, source: Source): void;
}

export interface UserAgentOptions extends Omit<LayerOptions, "handler"> {
  readonly handler: UserAgentHandler;
  /** User part of our Contact; none by default. */
  readonly contactUser?: string;
  /** Value of User-Agent in requests and Server in responses. */
  readonly product?: string;
}

/** A call to be placed. */
export interface InviteOptions extends Content {
  /** Request-URI. */
  readonly uri: string;
  /** URIs or name-addrs; To is the Request-URI by default. */
  readonly from: string;
  readonly to?: string;
  readonly callId?: string;
  /** Go there instead of locating the URI. */
  readonly target?: Target;
  /** Answer 401 and 407 with these. */
  readonly credentials?: Credentials;
  readonly events?: SessionEvents;
}

const ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, NOTIFY, REFER, MESSAGE";

export class UserAgent implements LayerHandler, SessionOwner {
  readonly layer: SipLayer;
  readonly #options: UserAgentOptions;
  readonly #sessions = new Map<string, Session>();

  constructor(options: UserAgentOptions) {
    this.#options = options;
    this.layer = new SipLayer({ ...options, handler: this });
  }

  /** Calls that have a dialog. */
  get sessions(): Iterable<Session> {
    return this.#sessions.values();
  }

  /** Places a call. */
  invite(options: InviteOptions, now: Millis): Session {
    const invite = this.#request("INVITE", options);
    return this.#place(new Session(this, invite), invite, options, now, true);
  }

  /** Sends a request outside a dialog. `done` gets the final response, or undefined when none came. */
  request(method: string, options: InviteOptions, now: Millis, done?: (response: SipResponse | undefined, now: Millis) => void): void {
    const attempt = (request: SipRequest, mayAuthenticate: boolean, at: Millis): void => {
      this.layer.request(
        request,
        {
          target: options.target,
          user: {
            prepare: (r, _local, target) => {
              if (!r.has("contact")) r.set("Contact", this.contactFor(target));
            },
            onResponse: (response, _call, _source, then) => {
              if (response.status < 200) return;
              const again = mayAuthenticate ? retry(request, response, options.credentials) : undefined;
              if (again === undefined) done?.(response, then);
              else attempt(again, false, then);
            },
            onFailure: (_status, _reason, _call, then) => done?.(undefined, then),
          },
        },
        at,
      );
    };
    attempt(this.#request(method, options), true, now);
  }

  #request(method: string, options: InviteOptions): SipRequest {
    const request = new Request(method, options.uri);
    request.set("Max-Forwards", "70");
    request.set("From", `${bracketed(options.from)};tag=${newTag()}`);
    request.set("To", bracketed(options.to ?? options.uri));
    request.set("Call-ID", options.callId ?? newCallId());
    request.set("CSeq", `1 ${method}`);
    this.decorate(request, options);
    return request;
  }

  #place(session: Session, invite: SipRequest, options: InviteOptions, now: Millis, mayAuthenticate: boolean): Session {
    if (options.events !== undefined) session.events = options.events;
    let current = invite;
    const call = this.layer.request(
      invite,
      {
        target: options.target,
        user: {
          prepare: (r, _local, target) => {
            current = r;
            r.set("Contact", this.contactFor(target));
          },
          onResponse: (response, _call, source, at) => {
            const again = mayAuthenticate && response.status >= 400 ? retry(current, response, options.credentials) : undefined;
            if (again === undefined) session.onInviteResponse(response, source, at);
            else {
              session.invite = again;
              this.#place(session, again, { ...options, events: session.events }, at, false);
            }
          },
          onFailure: (status, _reason, _call, at) => session.onInviteFailure(status, at),
        },
      },
      now,
    );
    session.started(call);
    return session;
  }

  /** A stream connection is gone: calls heard on it end. (Tell the layer first.) */
  connectionClosed(closed: { connection: number }, now: Millis): void {
    for (const session of [...this.#sessions.values()]) if (session.source?.connection === closed.connection) session.onConnectionLost(now);
  }

  // ── the layer's handler ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  onRequest(transaction: ServerTransaction, now: Millis): void {
    const { request } = transaction;
    if (request.toTag !== "") {
      const session = this.#sessions.get(dialogKeyOfRequest(request));
      if (session === undefined) transaction.reply(481, now);
      else session.onRequest(transaction, now);
    } else if (transaction instanceof InviteServerTransaction) {
      if (request.contact === undefined) transaction.reply(400, now, "Missing Contact");
      else this.#options.handler.onInvite(new Session(this, request, transaction), now);
    } else if (this.#options.handler.onRequest !== undefined) this.#options.handler.onRequest(transaction, now);
    else transaction.reply(request.method === "OPTIONS" ? 200 : 405, now, undefined, { Allow: ALLOW });
  }

  onRejected(why: string, source: Source): void {
    this.#options.handler.onRejected?.(why, source);
  }

  // ── what sessions need ───────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Contact value that names the listener a message to `target` leaves from. */
  contactFor(target: Target): string {
    const local = this.layer.listenerFor(target);
    if (local === undefined) return "<sip:invalid.invalid>";
    return contactOf(local, this.#options.contactUser);
  }

  decorate(message: SipRequest | SipResponse, content: Content | undefined): void {
    if (this.#options.product !== undefined) message.set(message.kind === "request" ? "User-Agent" : "Server", this.#options.product);
    for (const [name, value] of Object.entries(content?.headers ?? {})) message.set(name, value);
    if (content?.body !== undefined) message.setBody(content.body, content.contentType ?? "application/sdp");
  }

  register(session: Session): void {
    this.#sessions.set(session.dialog!.key, session);
  }
  unregister(session: Session): void {
    if (this.#sessions.get(session.dialog!.key) === session) this.#sessions.delete(session.dialog!.key);
  }
}

/** `<sip:user@host:port;transport=x>` of a listener. In a dialog made by a sips URI the Contact is sips too (RFC 3261 section 12.1.1). */
export function contactOf(local: Listener, user?: string, sips = false): string {
  const host = local.advertisedHost.includes(":") ? `[${local.advertisedHost}]` : local.advertisedHost;
  const secure = sips && (local.transport === "tls" || local.transport === "wss");
  const transport = local.transport === "udp" || (secure && local.transport === "tls") ? "" : `;transport=${local.transport}`;
  return `<${secure ? "sips" : "sip"}:${user === undefined ? "" : `${bytes(user)}@`}${host}:${local.advertisedPort}${transport}>`;
}

function bracketed(address: string): string {
  return address.includes("<") || tryParseUri(address) === undefined ? address : `<${address}>`;
}

/** The request again with credentials, for a challenge; undefined when it is none or cannot be met. */
function retry(request: SipRequest, response: SipResponse, credentials: Credentials | undefined): SipRequest | undefined {
  if (credentials === undefined || (response.status !== 401 && response.status !== 407)) return undefined;
  const again = request.clone();
  again.shift("Via");
  const cseq = request.cseq!;
  again.set("CSeq", `${cseq.seq + 1} ${cseq.method}`);
  const proxy = response.status === 407;
  const challenges = response.getAll(proxy ? "proxy-authenticate" : "www-authenticate");
  const answers = answerChallenges(challenges, credentials, { method: again.method, uri: again.uri, body: again.body });
  for (const answer of answers) again.append(proxy ? "Proxy-Authorization" : "Authorization", answer);
  return answers.length > 0 ? again : undefined;
}
