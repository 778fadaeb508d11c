/**
 * The dialogs that a proxied request has made, and that we stay in by Record-Route (RFC 3261 section 16.6 step 4). A request inside a
 * dialog is relayed only when it is in this table: sent by one end's own address, to the other end's Contact by the other end's routes.
 * Anything else with a Route that names us is a stranger's attempt to have us send messages for him.
 */
import type { Millis } from "../base/clock.ts";
import type { Source, Target } from "../sip/types.ts";
import type { SipMessageBase, SipRequest, SipResponse } from "../wire/sip/message.ts";
import { tryParseNameAddr } from "../wire/sip/name-addr.ts";
import { bareHost, tryParseUri, type Uri, unescapeUri } from "../wire/sip/uri.ts";

/** One end of a relayed dialog. */
interface End {
  /** Address its messages come from. */
  readonly address: string;
  /** Fingerprint of its verified certificate: with it the end may come from another address. */
  readonly fingerprint: string | undefined;
  /** Remote target: its last Contact. */
  contact: Uri | undefined;
  /** Record-Route of proxies between us and it, nearest first. */
  readonly routes: readonly Uri[];
}

/** A dialog, or the forks of one, that a proxied request has made. */
export interface RelayedDialog {
  readonly key: string;
  readonly callerTag: string;
  readonly caller: End;
  /** Record-Route of the request as received: the caller's side. */
  readonly callerRoutes: readonly string[];
  /** Callees by To tag. */
  readonly callees: Map<string, End>;
  /** Where branches were sent: a NOTIFY may come from there before the response that names its tag (RFC 6665 section 4.1.2.4). */
  readonly branches: Set<string>;
  used: Millis;
}

/** What a request inside a dialog may do: pass, from one end to the other, or be refused with a status. */
export type Passage = { readonly pass: true; readonly dialog: RelayedDialog; readonly from: End; readonly to: End } | Refusal;
interface Refusal {
  readonly pass: false;
  readonly status: 403 | 481;
}

/** Dialogs kept; the one used longest ago goes first. */
const MAX_DIALOGS = 20_000;
/** Callees of one request that are kept. */
const MAX_CALLEES = 20;
/** A dialog in which nothing was sent for so long, in ms, is forgotten. */
const IDLE = 24 * 3_600_000;
const DIALOG_METHODS = new Set(["INVITE", "SUBSCRIBE", "REFER"]);
const REFRESHING = new Set(["INVITE", "UPDATE", "SUBSCRIBE", "NOTIFY", "REFER"]);
const UNKNOWN: Refusal = { pass: false, status: 481 };

export class RelayedDialogs {
  /** By Call-ID and the caller's tag, the one used longest ago first. */
  readonly #dialogs = new Map<string, RelayedDialog>();
  readonly #max: number;

  constructor(max = MAX_DIALOGS) {
    this.#max = max;
  }

  get size(): number {
    return this.#dialogs.size;
  }

  /** A request that may make a dialog is about to be record-routed. Undefined for one that makes none. */
  begin(request: SipRequest, source: Source, now: Millis): RelayedDialog | undefined {
    if (!DIALOG_METHODS.has(request.method) || request.toTag !== "" || request.fromTag === "" || request.callId === "") return undefined;
    const key = keyOf(request.callId, request.fromTag);
    const known = this.#dialogs.get(key);
    // The same Call-ID and tag from another address would take the dialog over.
    if (known !== undefined) return isFrom(known.caller, source) ? known : undefined;
    const callerRoutes = request.list("record-route");
    const caller: End = { ...origin(source), contact: contactOf(request), routes: uris(callerRoutes) ?? [] };
    const dialog: RelayedDialog = {
      key,
      callerTag: request.fromTag,
      caller,
      callerRoutes,
      callees: new Map(),
      branches: new Set(),
      used: now,
    };
    this.#dialogs.set(key, dialog);
    this.#bound(now);
    return dialog;
  }

  /** A branch of the request goes to `target`. */
  sentTo(dialog: RelayedDialog, target: Target): void {
    if (dialog.branches.size < MAX_CALLEES) dialog.branches.add(target.address);
  }

  /** A response to the request that made the dialog. */
  onResponse(dialog: RelayedDialog, response: SipResponse, source: Source): void {
    if (response.status <= 100 || response.status >= 300 || response.toTag === "") return;
    const known = dialog.callees.get(response.toTag);
    const contact = contactOf(response) ?? known?.contact;
    if (known === undefined && dialog.callees.size >= MAX_CALLEES) return;
    const list = response.list("record-route");
    // Ours lies between the callee's side, which is first, and the caller's, which the request had already.
    const beyond = list.slice(0, Math.max(0, list.length - dialog.callerRoutes.length - 1)).reverse();
    dialog.callees.set(response.toTag, { ...origin(source), contact, routes: uris(beyond) ?? known?.routes ?? [] });
  }

  /** Is a request inside a dialog (its top Route, ours, already taken off) one of a dialog here, from one end to the other? */
  judge(request: SipRequest, source: Source, now: Millis): Passage {
    const { callId, fromTag, toTag } = request;
    const forward = this.#dialogs.get(keyOf(callId, fromTag));
    const backward = this.#dialogs.get(keyOf(callId, toTag));
    const callee = forward?.callees.get(toTag);
    if (forward !== undefined && callee !== undefined) return this.#pass(forward, forward.caller, callee, request, source, now);
    if (backward === undefined) return UNKNOWN;
    const sender = backward.callees.get(fromTag) ?? this.#early(backward, request, source);
    return sender === undefined ? UNKNOWN : this.#pass(backward, sender, backward.caller, request, source, now);
  }

  /** A relayed request was answered: a 2xx moves the remote targets, and ends the dialog when the request was its last. */
  answered(passage: Passage, request: SipRequest, response: SipResponse): void {
    if (!passage.pass) return;
    const { dialog, from, to } = passage;
    if (response.status >= 200 && response.status < 300 && REFRESHING.has(request.method)) {
      from.contact = contactOf(request) ?? from.contact;
      to.contact = contactOf(response) ?? to.contact;
    }
    if (request.method === "BYE" && response.status >= 200 && response.status !== 401 && response.status !== 407)
      this.#end(dialog, request.fromTag === dialog.callerTag ? request.toTag : request.fromTag);
  }

  /** The proxied request has had its final response: without a dialog nothing is kept. */
  concluded(dialog: RelayedDialog, success: boolean): void {
    dialog.branches.clear();
    if (!success || dialog.callees.size === 0) this.#dialogs.delete(dialog.key);
  }

  #early(dialog: RelayedDialog, request: SipRequest, source: Source): End | undefined {
    if (request.method !== "NOTIFY" || request.fromTag === "" || !dialog.branches.has(source.address)) return undefined;
    if (dialog.callees.size >= MAX_CALLEES) return undefined;
    const end: End = { ...origin(source), contact: contactOf(request), routes: [] };
    dialog.callees.set(request.fromTag, end);
    return end;
  }

  #pass(dialog: RelayedDialog, from: End, to: End, request: SipRequest, source: Source, now: Millis): Passage {
    // To whoever is neither end it is as if there were no dialog.
    if (now - dialog.used > IDLE || !isFrom(from, source)) return UNKNOWN;
    const target = request.requestUri;
    const routes = uris(request.list("route"));
    const fits =
      target !== undefined &&
      to.contact !== undefined &&
      samePlace(target, to.contact) &&
      routes?.length === to.routes.length &&
      routes.every((route, i) => samePlace(route, to.routes[i]!));
    if (!fits) return { pass: false, status: 403 };
    dialog.used = now;
    this.#dialogs.delete(dialog.key);
    this.#dialogs.set(dialog.key, dialog);
    return { pass: true, dialog, from, to };
  }

  #end(dialog: RelayedDialog, calleeTag: string): void {
    dialog.callees.delete(calleeTag);
    if (dialog.callees.size === 0) this.#dialogs.delete(dialog.key);
  }

  #bound(now: Millis): void {
    for (const [key, { used }] of this.#dialogs) {
      if (this.#dialogs.size <= this.#max && now - used <= IDLE) return;
      this.#dialogs.delete(key);
    }
  }
}

function keyOf(callId: string, callerTag: string): string {
  return `${callId}|${callerTag}`;
}

function origin({ address, peer }: Source): Pick<End, "address" | "fingerprint"> {
  return { address, fingerprint: peer?.verified === true ? peer.fingerprint : undefined };
}

function isFrom(end: End, source: Source): boolean {
  const { fingerprint } = origin(source);
  // Who has shown a certificate shows it again: his address alone may be shared.
  return end.fingerprint === undefined ? end.address === source.address : end.fingerprint === fingerprint;
}

function contactOf(message: SipMessageBase): Uri | undefined {
  const contact = message.contact;
  return contact === undefined ? undefined : tryParseUri(contact.uriText);
}

/** The URIs of addresses; undefined when one cannot be read. */
function uris(values: readonly string[]): Uri[] | undefined {
  const out: Uri[] = [];
  for (const value of values) {
    const uri = tryParseUri(tryParseNameAddr(value)?.uriText ?? "");
    if (uri === undefined) return undefined;
    out.push(uri);
  }
  return out;
}

/** Do two URIs lead to the same user at the same place? All that location (RFC 3263) looks at is compared. */
function samePlace(a: Uri, b: Uri): boolean {
  const param = (uri: Uri, name: string): string => (uri.params.get(name) ?? "").toLowerCase();
  return (
    a.scheme === b.scheme &&
    unescapeUri(a.user ?? "") === unescapeUri(b.user ?? "") &&
    bareHost(a.host).toLowerCase() === bareHost(b.host).toLowerCase() &&
    a.port === b.port &&
    param(a, "transport") === param(b, "transport") &&
    param(a, "maddr") === param(b, "maddr")
  );
}
