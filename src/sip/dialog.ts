/**
 * A dialog (RFC 3261 section 12): the state two user agents share between requests. No timers, no transactions: it makes requests that
 * belong to it and judges those that claim to.
 */
import { type SipMessage, SipRequest, type SipResponse } from "../wire/sip/message.ts";
import { tryParseNameAddr } from "../wire/sip/name-addr.ts";
import { splitList } from "../wire/sip/text.ts";
import { formatUri, tryParseUri, type Uri, withUri } from "../wire/sip/uri.ts";

/** Key of a dialog in a table: Call-ID and both tags as this side sees them (section 12). */
export function dialogKey(callId: string, localTag: string, remoteTag: string): string {
  return `${callId}|${localTag}|${remoteTag}`;
}

/** Key of the dialog a received request belongs to: its To tag is ours. */
export function dialogKeyOfRequest(request: SipRequest): string {
  return dialogKey(request.callId, request.toTag, request.fromTag);
}

/** Requests that may change where the far end is reached (section 12.2, RFC 3311, RFC 6665). */
const refreshing = new Set(["INVITE", "UPDATE", "SUBSCRIBE", "NOTIFY", "REFER"]);

export class Dialog {
  readonly role: "uac" | "uas";
  readonly callId: string;
  readonly localTag: string;
  remoteTag: string;
  state: "early" | "confirmed" | "terminated";
  /** Number of the last request we sent. */
  localSeq: number;
  /** Number of the last request received; undefined before the first. */
  remoteSeq: number | undefined;
  /** From value of our requests, and To value, as text without tag handling left to do. */
  local: string;
  remote: string;
  /** URI of the far end's Contact. */
  remoteTarget: string;
  /** Route values in the order they are to be visited. */
  routes: string[];
  /** Must everything stay within sips (section 12.1.1)? */
  readonly secure: boolean;
  #routesFixed = false;

  private constructor(role: "uac" | "uas", parts: Omit<DialogParts, "role">) {
    this.role = role;
    this.callId = parts.callId;
    this.localTag = parts.localTag;
    this.remoteTag = parts.remoteTag;
    this.local = parts.local;
    this.remote = parts.remote;
    this.localSeq = parts.localSeq;
    this.remoteSeq = parts.remoteSeq;
    this.remoteTarget = parts.remoteTarget;
    this.routes = parts.routes;
    this.secure = parts.secure;
    this.state = parts.state;
  }

  /** The callee's dialog, from the request and the first response that has our tag (section 12.1.1). */
  static uas(request: SipRequest, response: SipResponse): Dialog {
    return new Dialog("uas", {
      callId: request.callId,
      localTag: response.toTag,
      remoteTag: request.fromTag,
      local: response.get("to") ?? "",
      remote: request.get("from") ?? "",
      localSeq: 0,
      remoteSeq: request.cseq?.seq,
      remoteTarget: request.contact?.uriText ?? "",
      routes: request.list("record-route"),
      secure: request.uri.startsWith("sips:"),
      state: response.status < 200 ? "early" : "confirmed",
    });
  }

  /** The caller's dialog, from the request and a response with a To tag (section 12.1.2). */
  static uac(request: SipRequest, response: SipResponse): Dialog {
    return new Dialog("uac", {
      callId: request.callId,
      localTag: request.fromTag,
      remoteTag: response.toTag,
      local: request.get("from") ?? "",
      remote: response.get("to") ?? "",
      localSeq: request.cseq?.seq ?? 1,
      remoteSeq: undefined,
      remoteTarget: response.contact?.uriText ?? request.uri,
      routes: response.list("record-route").reverse(),
      secure: request.uri.startsWith("sips:"),
      state: response.status < 200 ? "early" : "confirmed",
    });
  }

  /** The caller's dialog before any response: only our side is known (requests of the far end may overtake its responses). */
  static pending(request: SipRequest): Dialog {
    return new Dialog("uac", {
      callId: request.callId,
      localTag: request.fromTag,
      remoteTag: "",
      local: request.get("from") ?? "",
      remote: request.get("to") ?? "",
      localSeq: request.cseq?.seq ?? 1,
      remoteSeq: undefined,
      remoteTarget: request.uri,
      routes: [],
      secure: request.uri.startsWith("sips:"),
      state: "early",
    });
  }

  get key(): string {
    return dialogKey(this.callId, this.localTag, this.remoteTag);
  }

  /** A response with a To tag: a 2xx confirms an early dialog, whose route set it decides (section 13.2.2.4), and refreshes the target. */
  confirm(response: SipResponse): void {
    if (this.state === "early" && response.status >= 200) this.state = "confirmed";
    // The early dialog's route set and tag hold until the 2xx, which decides.
    if (this.role === "uac" && !this.#routesFixed) {
      this.routes = response.list("record-route").reverse();
      this.#routesFixed = response.status >= 200;
      this.remote = response.get("to") ?? this.remote;
    }
    this.refreshTarget(response);
  }

  /** Takes the Contact of a target refresh request or its 2xx as the new remote target; the route set never changes. */
  refreshTarget(message: SipMessage): void {
    const contact = message.contact;
    if (contact !== undefined && tryParseUri(contact.uriText) !== undefined) this.remoteTarget = contact.uriText;
  }

  /**
   * A request received inside the dialog (section 12.2.2). False when its CSeq is lower than one seen before: answer 500.
   * ACK and CANCEL carry their INVITE's number and do not count.
   */
  accept(request: SipRequest): boolean {
    const seq = request.cseq?.seq;
    if (seq === undefined) return false;
    if (request.method !== "ACK" && request.method !== "CANCEL") {
      if (this.remoteSeq !== undefined && seq < this.remoteSeq) return false;
      this.remoteSeq = seq;
    }
    if (refreshing.has(request.method)) this.refreshTarget(request);
    return true;
  }

  /** A request inside the dialog, with everything but Via, Contact and body (section 12.2.1.1). The ACK of a 2xx takes the INVITE's `seq`. */
  request(method: string, seq?: number): SipRequest {
    const { uri, routes, strict } = this.#nextHop();
    const request = new SipRequest(method, uri);
    request.strictRouter = strict;
    request.set("Max-Forwards", "70").set("From", this.local).set("To", this.remote).set("Call-ID", this.callId);
    request.set("CSeq", `${seq ?? ++this.localSeq} ${method}`);
    for (const route of routes) request.append("Route", route);
    return request;
  }

  #nextHop(): { uri: string; routes: readonly string[]; strict?: Uri } {
    const first = this.routes[0];
    if (first === undefined) return { uri: this.remoteTarget, routes: [] };
    const uri = tryParseUri(tryParseNameAddr(splitList(first)[0]!)?.uriText ?? "");
    if (uri === undefined || uri.params.has("lr")) return { uri: this.remoteTarget, routes: this.routes };
    // A strict router (RFC 2543) finds itself in the Request-URI, and the target at the end of the routes.
    const params = new Map([...uri.params].filter(([name]) => name !== "method"));
    const strict = withUri(uri, { params, headers: undefined });
    return { uri: formatUri(strict), routes: [...this.routes.slice(1), `<${this.remoteTarget}>`], strict };
  }
}

interface DialogParts {
  readonly role: "uac" | "uas";
  readonly callId: string;
  readonly localTag: string;
  readonly remoteTag: string;
  readonly local: string;
  readonly remote: string;
  readonly localSeq: number;
  readonly remoteSeq: number | undefined;
  readonly remoteTarget: string;
  readonly routes: string[];
  readonly secure: boolean;
  readonly state: "early" | "confirmed";
}
