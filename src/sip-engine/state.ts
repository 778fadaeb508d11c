/** What the parts of the engine share: the layer, the applications, the tables, and the way frames are written. */
import { randomUUID } from "node:crypto";
import type { EndCode } from "../base/call-failure.ts";
import type { Clock, Millis } from "../base/clock.ts";
import { dialogKey } from "../sip/dialog.ts";
import type { SipLayer } from "../sip/layer.ts";
import type { Source, Target } from "../sip/types.ts";
import { formatCdr, formatMeta, formatResponse, formatSip, type Meta } from "../wire/drachtio/messages.ts";
import type { SipMessage, SipMessageBase, SipRequest } from "../wire/sip/message.ts";
import { peerToken, TLS_HEADER } from "../wire/sip/peer-certificate.ts";
import { END_HEADER } from "../wire/sip/end-code.ts";
import { plainText } from "../wire/sip/plain.ts";
import type { AddressValidation } from "./address-validation.ts";
import type { App, AppRegistry } from "./apps.ts";
import type { EngineDialog } from "./engine-dialog.ts";
import { RegisteredFlows } from "./registered-flows.ts";

export interface EngineOptions {
  /** Secret that applications present. */
  readonly secret: string;
  /** URI of a proxy that all requests outside dialogs go through. */
  readonly outboundProxy?: string | undefined;
  /** How long the calls of an application that is gone are kept before they are ended, in ms. */
  readonly orphanGrace?: number | undefined;
  /** Requests outside dialogs, other than INVITE, that one address may send a second; twice as many at once. More get no answer. No limit where absent. */
  readonly requestsPerSource?: number | undefined;
  /**
   * Option tags that the application knows (lower case): a request inside a dialog that requires another is answered 420 (RFC 3261 section 8.2.2.3). Where
   * absent the application judges.
   */
  readonly supportedExtensions?: ReadonlySet<string> | undefined;
  /** Whether a new call is looked at; every call where absent. */
  readonly admitsCall?: ((source: Source, now: Millis) => boolean | { readonly retryAfter: number }) | undefined;
  /** Whether a source's requests wait for their turn, and for those of trunks: nothing vouches for it. Nobody's do where absent. */
  readonly waits?: ((source: Source) => boolean) | undefined;
  /** A message that is no SIP came. */
  readonly onMalformed?: ((source: Source) => void) | undefined;
  /** Limited log. */
  readonly log?: ((level: "debug" | "info" | "warn" | "error", what: string, fields?: Record<string, string | number>) => void) | undefined;
}

/** Counters for metrics; they only grow. */
export interface EngineStats {
  invitesReceived: number;
  invitesSent: number;
  callsAnswered: number;
  callsEnded: number;
  refusedNoApp: number;
}

export class EngineState {
  readonly layer: SipLayer;
  readonly apps: AppRegistry;
  readonly clock: Clock;
  /** UDP sources that are where they say they are. */
  readonly validation: AddressValidation;
  readonly options: EngineOptions;
  readonly stats: EngineStats = { invitesReceived: 0, invitesSent: 0, callsAnswered: 0, callsEnded: 0, refusedNoApp: 0 };
  /** Dialogs by their id in drachtio's protocol. */
  readonly dialogs = new Map<string, EngineDialog>();
  /** Dialogs by Call-ID and both tags. */
  readonly #byKey = new Map<string, EngineDialog>();
  /** Dialogs by Call-ID and our tag: an application names them so. */
  readonly #byLocalTag = new Map<string, EngineDialog>();
  /** Connections over which contacts are registered. */
  readonly flows = new RegisteredFlows();

  constructor(layer: SipLayer, apps: AppRegistry, clock: Clock, options: EngineOptions, validation: AddressValidation) {
    this.validation = validation;
    this.layer = layer;
    this.apps = apps;
    this.clock = clock;
    this.options = options;
  }

  newId(): string {
    return randomUUID();
  }

  log(level: "debug" | "info" | "warn" | "error", what: string, fields?: Record<string, string | number>): void {
    this.options.log?.(level, what, fields);
  }

  // ── dialogs ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Makes a dialog findable, by its id and (once both tags are known) by its tags. */
  addDialog(dialog: EngineDialog): void {
    this.dialogs.set(dialog.id, dialog);
    this.#byKey.set(dialog.core.key, dialog);
    this.#byLocalTag.set(`${dialog.core.callId}|${dialog.core.localTag}`, dialog);
  }
  /** The dialog is found by this tag of a further callee too, while it is early. */
  addAlias(dialog: EngineDialog, remoteTag: string): void {
    this.#byKey.set(dialogKey(dialog.core.callId, dialog.core.localTag, remoteTag), dialog);
    dialog.aliases.push(remoteTag);
  }
  dropAliases(dialog: EngineDialog): void {
    for (const tag of dialog.aliases.splice(0)) {
      const key = dialogKey(dialog.core.callId, dialog.core.localTag, tag);
      if (this.#byKey.get(key) === dialog) this.#byKey.delete(key);
    }
  }
  removeDialog(dialog: EngineDialog): void {
    this.dropAliases(dialog);
    const local = `${dialog.core.callId}|${dialog.core.localTag}`;
    if (this.#byLocalTag.get(local) === dialog) this.#byLocalTag.delete(local);
    if (this.dialogs.get(dialog.id) === dialog) this.dialogs.delete(dialog.id);
    if (this.#byKey.get(dialog.core.key) === dialog) this.#byKey.delete(dialog.core.key);
  }
  /** The dialog of this Call-ID in which our tag is this, and the far end's, where it is given, that. */
  dialogByTags(callId: string, localTag: string, remoteTag: string): EngineDialog | undefined {
    if (remoteTag !== "") return this.#byKey.get(dialogKey(callId, localTag, remoteTag));
    return this.#byLocalTag.get(`${callId}|${localTag}`);
  }
  /** The dialog a received request belongs to; one of ours may still wait to learn the far end's tag. */
  dialogOf(request: SipRequest): EngineDialog | undefined {
    const { callId, toTag, fromTag } = request;
    return this.#byKey.get(dialogKey(callId, toTag, fromTag)) ?? this.#byKey.get(dialogKey(callId, toTag, ""));
  }
  /** The far end's tag has become known. */
  rekey(dialog: EngineDialog, remoteTag: string): void {
    if (this.#byKey.get(dialog.core.key) === dialog) this.#byKey.delete(dialog.core.key);
    dialog.core.remoteTag = remoteTag;
    this.#byKey.set(dialog.core.key, dialog);
  }

  // ── frames to applications ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** META of something received. */
  metaFrom(message: SipMessageBase, source: Source): Meta {
    return {
      source: "network",
      bytes: message.size,
      protocol: source.transport,
      address: source.address,
      port: source.port,
      time: this.clock.wall(),
    };
  }
  /** META of a request we send: our own address, as drachtio has it. */
  metaOfRequest(message: SipRequest, target: Target | undefined): Meta {
    const local = target === undefined ? undefined : this.layer.listenerFor(target);
    return {
      source: "application",
      bytes: message.size,
      protocol: target?.transport ?? "unknown",
      address: local?.advertisedHost ?? "",
      port: local?.advertisedPort ?? 0,
      time: this.clock.wall(),
    };
  }
  /** META of a response we send: the address it went to. */
  metaTo(bytes: number, target: Target): Meta {
    return {
      source: "application",
      bytes,
      protocol: target.transport,
      address: target.address,
      port: target.port,
      time: this.clock.wall(),
    };
  }

  /**
   * `came` is where a request came from: the address it came in by and, of a TLS peer, who that is follow the dialog's place in the leader.
   */
  sendSip(
    app: App,
    meta: Meta,
    transactionId: string,
    dialogId: string,
    message: SipMessage,
    came?: Source,
    tls: string | undefined = came?.tls,
  ): void {
    const peer = came?.peer === undefined ? "" : peerToken(came.peer);
    const tail = came === undefined ? "" : `${came.localAddress}|${came.localPort}|${peer}`;
    if (message.get(TLS_HEADER) !== undefined) message.remove(TLS_HEADER);
    const isTold = tls !== undefined && (message.kind === "response" || message.method === "INVITE");
    const text = isTold ? withOwn(plainText(message), TLS_HEADER, tls) : plainText(message);
    app.send(formatSip(this.newId(), meta, transactionId, dialogId, text, tail));
  }
  /** A message of the engine's own, which says why it was made ({@link END_HEADER}). */
  sendOwn(app: App, meta: Meta, transactionId: string, dialogId: string, message: SipMessage, why: EndCode): void {
    app.send(formatSip(this.newId(), meta, transactionId, dialogId, withOwn(plainText(message), END_HEADER, why)));
  }
  reply(app: App, msgId: string, ok: boolean, more = ""): void {
    if (app.alive) app.send(formatResponse(this.newId(), msgId, ok, more));
  }
  /** "Msg sent" for a request. */
  replyRequestSent(app: App, msgId: string, transactionId: string, request: SipRequest, target: Target | undefined): void {
    const text = plainText(request);
    const meta = formatMeta({ ...this.metaOfRequest(request, target), bytes: text.length });
    this.reply(app, msgId, true, `${meta}|${transactionId}|Msg sent:|\r\n${text}`);
  }

  /** Hands a call detail record to one application that asked for them. */
  cdr(kind: "attempt" | "start" | "stop", source: "network" | "application", message: SipMessage, detail?: string): void {
    const verb = `cdr:${kind}`;
    if (!this.apps.wanted(verb)) return;
    this.apps.select(verb)?.send(formatCdr(this.newId(), kind, source, this.clock.wall(), detail, plainText(message)));
  }
}

/** A message with a field of the engine's own, before all others. */
function withOwn(text: string, name: string, value: string): string {
  const line = text.indexOf("\r\n") + 2;
  return `${text.slice(0, line)}${name}: ${value}\r\n${text.slice(line)}`;
}
