/** A dialog as the engine keeps it for an application: the SIP state and what drachtio's server knows besides. */
import type { Millis } from "../base/clock.ts";
import type { ClientCall } from "../sip/client-call.ts";
import type { Dialog } from "../sip/dialog.ts";
import type { ServerTransaction } from "../sip/layer-api.ts";
import type { Timer } from "../sip/timers.ts";
import type { Source, Target } from "../sip/types.ts";
import type { SipRequest, SipResponse } from "../wire/sip/message.ts";
import { bareHost, hostToReach, isIpAddress, tryParseUri } from "../wire/sip/uri.ts";
import type { App } from "./apps.ts";
import { EarlyDialogs } from "./early-dialogs.ts";

/** A 2xx to an INVITE of ours that waits for the application's ACK, or has had it. */
export interface PendingAck {
  readonly seq: number;
  readonly since: Millis;
  /** The ACK as sent, to be repeated when the 2xx comes again. */
  sent: { readonly data: Buffer; readonly target: Target } | undefined;
}

/** A session interval (RFC 4028), from the 2xx that began it. */
export interface SessionTimer {
  /** Seconds. */
  readonly interval: number;
  readonly refresher: "us" | "them";
  readonly expires: Millis;
  /** The application has sent an INVITE or UPDATE meanwhile: it refreshes the session itself. */
  byApplication: boolean;
  timer: Timer | undefined;
}

export class EngineDialog {
  /** `<Call-ID>;from-tag=<tag of the initial request's From>`. */
  readonly id: string;
  readonly core: Dialog;
  readonly method: "INVITE" | "SUBSCRIBE";
  app: App;
  /** Transaction id of the request that made the dialog. */
  readonly transactionId: string;
  /** Where the far end is reached when its Contact is no use (NAT, connection of its own). */
  flow: Target | undefined;
  /** The trunk whose CAs and client certificate are used towards the far end. */
  trunk: string | undefined;
  /** Connection the far end was last heard on; 0 for datagrams. */
  connection = 0;
  /** Where the far end was last heard from, over a connection: a next hop at that address is reached by it. */
  near: Source | undefined;
  /** Contact value of our side. */
  localContact = "";
  /** Body we last offered or answered with, for session refreshes. */
  localSdp: Buffer | undefined;
  /** Has a 2xx been sent or received? */
  confirmed = false;
  ended = false;
  /** It can only be ended: its 2xx named no Contact. */
  unusable = false;
  /** It was cancelled, by us or by the caller, when it had been answered: it is ended once that is acknowledged. */
  cancelled = false;
  pendingAck: PendingAck | undefined;
  /** Our own INVITE in progress inside the dialog. */
  reinvite: ClientCall | undefined;
  /** The first INVITE while it is in progress, as callee or as caller. */
  invite: ServerTransaction | ClientCall | undefined;
  /** Of an INVITE of ours that is not answered yet. */
  readonly early = new EarlyDialogs();
  /** Further tags of the far end by which the dialog is found while it is early. */
  readonly aliases: string[] = [];
  /** Our BYE is on its way: to the far end's requests there is no dialog any more. */
  byeSent = false;
  /** The far end's last INVITE inside the dialog. */
  offer: ServerTransaction | undefined;
  /** An UPDATE waits for the application's answer (RFC 3311 section 5.2). */
  updatePending = false;
  /** Reliable provisional responses that the first INVITE got from us: their RSeq, from and to. */
  reliable: { readonly first: number; last: number } | undefined;
  session: SessionTimer | undefined;

  constructor(core: Dialog, method: "INVITE" | "SUBSCRIBE", app: App, transactionId: string) {
    this.core = core;
    this.method = method;
    this.app = app;
    this.transactionId = transactionId;
    this.id = `${core.callId};from-tag=${core.role === "uas" ? core.remoteTag : core.localTag}`;
  }

  /** The dialog's own timer has fired; the dialog manager sets this. */
  onTimer: (name: string, now: Millis) => void = () => {};

  /**
   * Decides how the far end is reached from now on, by what its message says and where it came from.
   * With routes the next hop is theirs to name. Over a connection, without routes, the far end is at the other end of it. Over UDP a Contact
   * that names another address than the packet's is behind a NAT (drachtio decides the same way).
   */
  learn(message: SipRequest | SipResponse, source: Source): void {
    this.connection = source.connection;
    this.near = source.connection === 0 ? undefined : source;
    this.flow = flowOf(this.core, message, source, this.flow);
  }

  /** Can the far end be reached by its Contact or its routes when the connection is gone? */
  get reachableAnew(): boolean {
    if (this.core.routes.length > 0) return true;
    const uri = tryParseUri(this.core.remoteTarget);
    if (uri === undefined || uri.scheme === "tel" || uri.host.endsWith(".invalid")) return false;
    return this.flow === undefined || (uri.port ?? 0) !== this.flow.port;
  }
}

/** Where the far end of a dialog is reached other than by its Contact or its routes, by what it has just said. `before` is where until now. */
export function flowOf(core: Dialog, message: SipRequest | SipResponse, source: Source, before?: Target): Target | undefined {
  if (core.routes.length > 0) return undefined;
  if (source.connection !== 0)
    return { transport: source.transport, address: source.address, port: source.port, connection: source.connection };
  const uri = message.contact === undefined ? undefined : tryParseUri(message.contact.uriText);
  if (uri === undefined || message.has("record-route")) return before;
  const host = bareHost(hostToReach(uri));
  // A Contact that names no place (a telephone number, a name that cannot be: RFC 2606 section 2) is reached where it was heard.
  const nowhere = uri.scheme === "tel" || host.toLowerCase().endsWith(".invalid");
  const elsewhere = host !== source.address || (message.kind === "request" && uri.port !== undefined && uri.port !== source.port);
  const behindNat = nowhere || (isIpAddress(host) && elsewhere);
  return behindNat ? { transport: "udp", address: source.address, port: source.port, listener: source.listener } : undefined;
}
