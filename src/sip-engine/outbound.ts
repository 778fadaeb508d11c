/** Requests of applications on their way out, and their responses on their way back. */
import { ownBytes } from "../base/bytes.ts";
import type { EndCode } from "../base/call-failure.ts";
import type { Millis } from "../base/clock.ts";
import { readFault } from "../security/certificates/faults.ts";
import type { ClientCall, ClientUser } from "../sip/client-call.ts";
import { Dialog } from "../sip/dialog.ts";
import type { Source, Target } from "../sip/types.ts";
import { contactOf } from "../sip/user-agent.ts";
import { SipRequest, type SipResponse } from "../wire/sip/message.ts";
import { TRUNK_HEADER } from "../wire/sip/peer-certificate.ts";
import { splitList } from "../wire/sip/text.ts";
import { bareHost, hostToReach, tryParseUri } from "../wire/sip/uri.ts";
import type { App } from "./apps.ts";
import type { DialogEnd, DialogManager } from "./dialog-manager.ts";
import { EngineDialog, flowOf } from "./engine-dialog.ts";
import { applyFields, completeUri, ensureContentType, replaceHost, sameParty } from "./headers.ts";
import { isTerminatedNotify, madeUp, NOBODY } from "./made-up.ts";
import { localise, makesDialog, newRequest, requestInDialog } from "./app-requests.ts";
import type { EngineState } from "./state.ts";

/** A request of an application that waits for its final response. */
interface Sent {
  readonly id: string;
  readonly app: App;
  readonly call: ClientCall;
  readonly dialog: EngineDialog | undefined;
}

/** A flow that is gone: nothing is sent, and the application hears 503. */
const GONE: Target = { transport: "tcp", address: "", port: 0, only: true };
const TRANSPORTS = ["udp", "tcp", "tls", "ws", "wss"] as const;

export class Outbound {
  readonly #state: EngineState;
  readonly #manager: DialogManager;
  readonly #sent = new Map<string, Sent>();
  constructor(state: EngineState, manager: DialogManager) {
    this.#state = state;
    this.#manager = manager;
  }

  get sentCount(): number {
    return this.#sent.size;
  }

  // ── outside dialogs ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** A new request. */
  send(app: App, msgId: string, given: SipRequest, routeUri: string, now: Millis): void {
    const known = this.#knownDialog(given);
    if (known !== undefined) {
      this.sendInDialog(app, msgId, known.id, given, now);
      return;
    }
    const refuse = (reason: string): void => this.#state.reply(app, msgId, false, reason);
    const uri = tryParseUri(completeUri(given.uri));
    if (uri === undefined) {
      refuse(`invalid request-uri: ${given.uri}`);
      return;
    }
    if (uri.scheme !== "tel" && this.#state.layer.isMe(uri.host, uri.port)) {
      refuse("can not send request to myself");
      return;
    }
    // several hops are separated by commas; the first is where it goes
    const way = routeUri || this.#state.options.outboundProxy || "";
    const hops = way === "" ? [] : splitList(way).map((hop) => completeUri(hop.replace(/^<|>$/g, "")));
    const proxyText = hops[0] ?? "";
    const via = proxyText === "" ? undefined : tryParseUri(proxyText);
    if (proxyText !== "" && via === undefined) {
      refuse(`invalid proxy uri: ${proxyText}`);
      return;
    }
    const transport = (via ?? uri).params.get("transport")?.toLowerCase() || ((via ?? uri).scheme === "sips" ? "tls" : "udp");
    // the way an application names goes before the flow by which alone a contact is reached
    const byRoute = via !== undefined && this.#state.flows.isFlow(via);
    const flow = byRoute ? (this.#state.flows.byRoute(via, now) ?? GONE) : !routeUri ? this.#state.flows.byContact(uri, now) : undefined;
    const hop = via ?? uri;
    const reaches = TRANSPORTS.some(
      (t) => t === transport && this.#state.layer.listenerFor({ transport: t, address: bareHost(hostToReach(hop)), port: 0 }),
    );
    if (flow === undefined && !reaches && hop.params.has("transport")) {
      refuse("requested protocol/transport not available");
      return;
    }
    const request = newRequest(given, completeUri(given.uri));
    // a hop that routes loosely is to find itself in a Route, and those behind it (RFC 3261 section 8.1.2)
    for (const hop of hops) if (/;lr\b/i.test(hop)) request.append("Route", `<${hop}>`);
    if (!ensureContentType(request)) {
      refuse("missing content-type");
      return;
    }
    const custom = request.has("contact");
    const trunk = given.get(TRUNK_HEADER);
    const dialog = makesDialog(given.method) ? this.#newDialog(app, request) : undefined;
    if (dialog !== undefined) dialog.trunk = trunk;
    const transactionId = dialog?.transactionId ?? this.#state.newId();
    if (given.method === "INVITE") this.#state.stats.invitesSent++;
    let replied = false;
    const replySent = (call: ClientCall): void => {
      if (replied) return;
      replied = true;
      this.#state.replyRequestSent(app, msgId, transactionId, call.request, call.target);
      if (given.method === "INVITE") this.#state.cdr("attempt", "application", call.request);
    };
    const sentBy = (call: ClientCall): Sent => ({ id: transactionId, app, call, dialog });
    const user: ClientUser = {
      prepare: (r, local) => localise(r, given, local, custom, dialog),
      onSent: (call) => replySent(call),
      onResponse: (response, call, source, at) => this.#onFirstResponse(sentBy(call), response, call, source, at),
      // at once, even, where nothing of ours reaches the target
      onFailure: (status, reason, call) => {
        replySent(call);
        this.#onFirstFailure(sentBy(call), status, reason, call);
      },
    };
    const call = this.#state.layer.request(request, { user, trunk, ...(flow === undefined ? { via } : { target: flow }) }, now);
    const sent = sentBy(call);
    if (dialog !== undefined) dialog.invite = call;
    if (!call.finished) this.#sent.set(transactionId, sent);
  }

  /** A dialog of the same Call-ID in which the request's From is our side: then it belongs there. */
  #knownDialog(given: SipRequest): EngineDialog | undefined {
    const callId = given.get("call-id");
    const tag = given.fromTag;
    if (callId === undefined || tag === "") return undefined;
    // Our tag is in From of the request that made the dialog where we made it, and in To where the far end did.
    const dialog = this.#state.dialogByTags(callId, tag, given.toTag);
    return dialog?.confirmed ? dialog : undefined;
  }

  #newDialog(app: App, request: SipRequest): EngineDialog {
    const core = Dialog.pending(request);
    const dialog = new EngineDialog(core, request.method === "INVITE" ? "INVITE" : "SUBSCRIBE", app, this.#state.newId());
    this.#state.addDialog(dialog);
    return dialog;
  }

  #onFirstResponse(sent: Sent, response: SipResponse, call: ClientCall, source: Source, now: Millis): void {
    const { dialog, app } = sent;
    const { method } = call.request;
    if (response.status === 100 && method !== "INVITE") return;
    if (dialog !== undefined && !this.#adopt(dialog, response, call, source, now)) return;
    // The far end has said BYE, which the application knows as the end.
    if (dialog?.ended === true && !this.#sent.has(sent.id)) return;
    if (response.status >= 200) this.#sent.delete(sent.id);
    if (app.alive)
      this.#state.sendSip(app, this.#state.metaFrom(response, source), sent.id, dialog?.id ?? "", response, undefined, source.tls);
    if (dialog === undefined || response.status < 200) return;
    if (response.status >= 300) {
      dialog.invite = undefined;
      this.#manager.forget(dialog);
      if (method === "INVITE") this.#state.cdr("stop", "network", response, response.status === 487 ? "call-canceled" : "call-rejected");
      return;
    }
    if (method === "INVITE") {
      this.#state.cdr("start", "network", response, "uac");
      if (!app.alive) this.#ackAndEnd(dialog, "application-gone", now);
    }
  }

  /** Takes what a response says about the dialog. False when it is not for the application: a repeated 2xx, another fork's. */
  #adopt(dialog: EngineDialog, response: SipResponse, call: ClientCall, source: Source, now: Millis): boolean {
    if (response.status >= 300 || response.status === 100) return true;
    const { core } = dialog;
    if (response.status >= 200 && dialog.confirmed) {
      if (response.toTag === core.remoteTag) this.#repeatAck(dialog);
      else if (call.request.method === "INVITE") this.#state.layer.refuseAnswer(call.request, response, source, dialog.trunk, now);
      return false;
    }
    if (dialog.ended) {
      // Given up meanwhile (the application is gone, or a BYE came in the early dialog): a 2xx must still be acknowledged and ended.
      if (response.status >= 200 && call.request.method === "INVITE")
        this.#state.layer.refuseAnswer(call.request, response, source, dialog.trunk, now);
      return false;
    }
    if (response.status < 200) return this.#adoptEarly(dialog, response, call, source);
    this.#state.dropAliases(dialog);
    const early = dialog.early.get(response.toTag);
    if (early !== undefined && early.core !== core) {
      // The callee that answers is not the one that rang first: what was agreed on with it counts from now on.
      const { localSeq, remoteSeq, remoteTarget, routes } = early.core;
      Object.assign(core, { localSeq, remoteSeq, remoteTarget, routes });
      early.core = core;
    }
    if (response.toTag !== core.remoteTag) this.#state.rekey(dialog, response.toTag);
    const connection = dialog.connection;
    core.confirm(response);
    core.state = "confirmed";
    dialog.learn(response, source);
    this.#manager.track(dialog, connection);
    dialog.confirmed = true;
    dialog.invite = undefined;
    // RFC 3261 section 12.1.1 demands a Contact; an application makes no dialog of a 2xx without one, and would leave it here for ever.
    dialog.unusable = response.contact === undefined;
    if (call.request.method === "INVITE") {
      this.#state.stats.callsAnswered++;
      dialog.pendingAck = { seq: call.request.cseq!.seq, since: now, sent: undefined };
      this.#manager.acceptSession(dialog, response, now);
    }
    return true;
  }

  /** A provisional response: each callee has an early dialog of its own. False where it is not to be taken (RFC 3262 section 4). */
  #adoptEarly(dialog: EngineDialog, response: SipResponse, call: ClientCall, source: Source): boolean {
    const { core } = dialog;
    const tag = response.toTag;
    if (tag === "") return true;
    let early = dialog.early.get(tag);
    if (early === undefined) {
      if (core.remoteTag === "") this.#state.rekey(dialog, tag);
      const first = core.remoteTag === tag;
      early = dialog.early.open(tag, first ? core : Dialog.uac(call.request, response));
      if (early === undefined) return false;
      if (!first) this.#state.addAlias(dialog, tag);
    }
    if (!dialog.early.accept(early, response)) return false;
    if (response.contact !== undefined) early.core.confirm(response);
    early.core.state = "early";
    early.flow = flowOf(early.core, response, source, early.flow);
    early.near = source.connection === 0 ? undefined : source;
    if (early.core !== core) return true;
    const connection = dialog.connection;
    dialog.learn(response, source);
    this.#manager.track(dialog, connection);
    return true;
  }

  /**
   * A callee said BYE before it answered (RFC 3261 section 15 forbids it and has it answered): its early dialog is over, and with the last of them the call. The INVITE is cancelled for
   * whoever else may have it.
   */
  earlyBye(dialog: EngineDialog, bye: SipRequest, source: Source, now: Millis): void {
    const early = dialog.early.get(bye.fromTag) ?? dialog.early.open(bye.fromTag, dialog.core);
    if (early !== undefined) early.over = true;
    if (dialog.early.alive) return;
    const sent = this.#sent.get(dialog.transactionId);
    this.#manager.forget(dialog);
    if (sent === undefined) return;
    this.#sent.delete(sent.id);
    const response = madeUp(sent.call.request, 487, "hung up before it answered");
    if (sent.app.alive) this.#state.sendSip(sent.app, this.#state.metaFrom(response, source), sent.id, dialog.id, response);
    this.#state.cdr("stop", "network", response, "call-rejected");
    sent.call.cancel(now);
  }

  #repeatAck(dialog: EngineDialog): void {
    const ack = dialog.pendingAck?.sent;
    if (ack !== undefined) this.#state.layer.resend(ack.target, ack.data);
  }

  #ackAndEnd(dialog: EngineDialog, why: DialogEnd, now: Millis): void {
    this.#sendAck(dialog, new SipRequest("ACK", ""), now, () => {});
    this.#manager.terminate(dialog, why, now);
  }

  #onFirstFailure(sent: Sent, status: 408 | 503, reason: string, call: ClientCall): void {
    if (sent.dialog?.ended === true && !this.#sent.has(sent.id)) return;
    this.#sent.delete(sent.id);
    const response = madeUp(call.request, status, reason);
    if (sent.dialog !== undefined) {
      sent.dialog.invite = undefined;
      this.#manager.forget(sent.dialog);
    }
    const meta = { ...this.#state.metaOfRequest(call.request, call.target), source: "network" as const, address: NOBODY };
    if (sent.app.alive) this.#state.sendOwn(sent.app, meta, sent.id, sent.dialog?.id ?? "", response, whyUnanswered(status, reason));
    if (call.request.method === "INVITE") this.#state.cdr("stop", "network", response, "call-rejected");
    this.#state.log("info", "request failed", { method: call.request.method, callId: call.request.callId, status, reason });
  }

  // ── CANCEL ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Cancels an INVITE the application sent. */
  cancel(app: App, msgId: string, transactionId: string, given: SipRequest, now: Millis): void {
    const sent = this.#sent.get(transactionId);
    if (sent === undefined || sent.call.request.method !== "INVITE") {
      this.#state.reply(app, msgId, false, `unable to cancel unknown transaction id: ${transactionId}`);
      return;
    }
    const fields: [string, string][] = [];
    for (const h of given.headers) {
      if (!["via", "route", "from", "to", "call-id", "cseq", "contact", "content-length", "max-forwards"].includes(h.key))
        fields.push([h.name, h.value]);
    }
    if (sent.dialog !== undefined) sent.dialog.cancelled = true;
    let replied = false;
    const cancelId = this.#state.newId();
    const done = (call: ClientCall): void => {
      if (!replied) this.#state.replyRequestSent(app, msgId, cancelId, call.request, call.target);
      replied = true;
    };
    sent.call.cancel(now, fields, { onResponse() {}, onFailure() {}, onSent: done });
    // Before the first provisional response it is only noted (RFC 3261 section 9.1); the application is told at once all the same.
    if (!replied) {
      const noted = new SipRequest("CANCEL", sent.call.request.uri);
      for (const h of sent.call.request.headers)
        if (["via", "from", "to", "call-id", "max-forwards"].includes(h.key)) noted.headers.push(h);
      noted.set("CSeq", `${sent.call.request.cseq!.seq} CANCEL`);
      replied = true;
      this.#state.replyRequestSent(app, msgId, cancelId, noted, sent.call.target);
    }
  }

  // ── inside dialogs ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** A request inside a dialog, an ACK, or a PRACK. */
  sendInDialog(app: App, msgId: string, dialogId: string, given: SipRequest, now: Millis): void {
    const dialog = this.#state.dialogs.get(dialogId);
    const { method } = given;
    const refuse = (reason: string): void => this.#state.reply(app, msgId, false, `Server error: ${reason}`);
    if (dialog === undefined || (method === "ACK" && !dialog.confirmed)) {
      refuse(
        method === "ACK"
          ? "ACK for non-success final response is automatically generated by server"
          : "unable to find dialog for dialog id provided",
      );
      return;
    }
    if (method === "ACK") {
      this.#sendAck(dialog, given, now, (ack) => {
        if (ack === undefined) refuse("ACK could not be sent");
        else this.#state.replyRequestSent(app, msgId, "", ack, undefined);
        if (dialog.cancelled) this.#manager.terminate(dialog, "released", now, { cdr: "ackbye" });
        else if (dialog.unusable) this.#manager.terminate(dialog, "unusable-answer", now);
      });
      return;
    }
    if (method === "CANCEL") {
      refuse("CANCEL needs a transaction id");
      return;
    }
    // Where the callee is reached whose response a PRACK acknowledges; all else goes to the dialog's own far end.
    const { core, flow, near } = (method === "PRACK" && dialog.early.acknowledged(given)) || dialog;
    const request = requestInDialog(core, given);
    if (!ensureContentType(request)) {
      refuse("missing content-type");
      return;
    }
    if (method === "BYE") this.#byeCrosses(dialog, now);
    const transactionId = this.#state.newId();
    let replied = false;
    const replySent = (call: ClientCall): void => {
      if (replied) return;
      replied = true;
      this.#state.replyRequestSent(app, msgId, transactionId, call.request, call.target);
      if (method === "BYE") this.#state.cdr("stop", "application", call.request, "normal-release");
    };
    let waiting = false;
    const sentBy = (call: ClientCall): Sent => ({ id: transactionId, app, call, dialog });
    const user: ClientUser = {
      prepare: (r, local) => {
        if (!r.has("contact") && ["INVITE", "SUBSCRIBE", "REFER", "UPDATE", "NOTIFY"].includes(method))
          r.set("Contact", dialog.localContact || contactOf(local));
        // an application knows the Contact of the first attempt only, which may have left by another transport
        else if (sameParty(r.get("contact"), dialog.localContact)) r.set("Contact", dialog.localContact);
        const contact = r.get("contact");
        if (contact?.includes("@localhost")) r.set("Contact", replaceHost(contact, local));
      },
      onSent: (call) => replySent(call),
      onResponse: (response, call, source, at) => this.#onDialogResponse(sentBy(call), dialog, response, call, source, at),
      // At once, even, where the far end's Contact names no place that we reach.
      onFailure: (status, reason, call, at) => {
        replySent(call);
        const waited = this.#sent.delete(transactionId) || !waiting;
        this.#onDialogFailure({ ...sentBy(call), waited }, dialog, status, reason, call, at);
      },
    };
    const call = this.#state.layer.request(request, { user, target: flow, near, trunk: dialog.trunk }, now);
    if (!call.finished) this.#sent.set(transactionId, sentBy(call));
    waiting = true;
    if (dialog.session !== undefined && (method === "INVITE" || method === "UPDATE")) dialog.session.byApplication = true;
    if (method === "INVITE") {
      dialog.reinvite = call;
      if (request.body.length > 0) dialog.localSdp = ownBytes(request.body);
    }
  }

  /** Our BYE: to the far end's requests there is no dialog from now on, and our own re-INVITE that waits is cancelled first. */
  #byeCrosses(dialog: EngineDialog, now: Millis): void {
    const { reinvite, offer } = dialog;
    dialog.byeSent = true;
    if (offer?.answered === false) offer.reply(487, now);
    if (reinvite === undefined || reinvite.finished) return;
    reinvite.cancel(now);
    for (const [id, sent] of this.#sent) if (sent.call === reinvite) this.#sent.delete(id);
    dialog.reinvite = undefined;
  }

  #sendAck(dialog: EngineDialog, given: SipRequest, now: Millis, done: (ack: SipRequest | undefined) => void): void {
    const pending = dialog.pendingAck;
    const ack = dialog.core.request("ACK", pending?.seq ?? dialog.core.localSeq);
    applyFields(ack, given, undefined, true);
    ack.body = given.body;
    if (ack.body.length === 0) ack.remove("content-type");
    ensureContentType(ack);
    this.#state.layer.sendAck(ack, { target: dialog.flow, near: dialog.near, trunk: dialog.trunk }, now, (sent) => {
      if (pending !== undefined && sent !== undefined) pending.sent = { target: sent.target, data: ownBytes(sent.data) };
      done(sent === undefined ? undefined : ack);
    });
  }

  #onDialogResponse(sent: Sent, dialog: EngineDialog, response: SipResponse, call: ClientCall, source: Source, now: Millis): void {
    const { method } = call.request;
    if (response.status === 100) return;
    if (method === "INVITE" && response.status >= 200) {
      if (dialog.reinvite === call) dialog.reinvite = undefined;
      if (response.status < 300) {
        const seq = call.request.cseq!.seq;
        if (dialog.pendingAck?.seq === seq) {
          this.#repeatAck(dialog);
          return;
        }
        dialog.pendingAck = { seq, since: now, sent: undefined };
        // Nobody waits for it any more (BYE was sent meanwhile): acknowledge it ourselves.
        if (!this.#sent.has(sent.id)) this.#sendAck(dialog, new SipRequest("ACK", ""), now, () => {});
      }
    }
    if (response.status >= 200 && response.status < 300 && (method === "INVITE" || method === "UPDATE")) {
      dialog.core.refreshTarget(response);
      this.#manager.acceptSession(dialog, response, now, call.request);
    }
    if (!this.#sent.has(sent.id)) return;
    if (response.status >= 200) this.#sent.delete(sent.id);
    if (sent.app.alive) this.#state.sendSip(sent.app, this.#state.metaFrom(response, source), sent.id, dialog.id, response);
    if (response.status < 200) return;
    const challenged = response.status === 401 || response.status === 407;
    if (method === "BYE" && challenged) dialog.byeSent = false;
    const final = method === "BYE" || (dialog.method === "SUBSCRIBE" && isTerminatedNotify(call.request));
    if (final && !challenged) this.#manager.forget(dialog);
    // RFC 3261 section 12.2.1.2: the far end no longer knows the dialog.
    // Of an INVITE that is not answered yet, and of a PRACK, it says nothing of the call: the INVITE's own response will.
    else if (response.status === 481 && dialog.method === "INVITE" && dialog.confirmed && method !== "PRACK")
      this.#manager.terminate(dialog, "dialog-unknown", now);
  }

  #onDialogFailure(
    sent: Sent & { readonly waited: boolean },
    dialog: EngineDialog,
    status: 408 | 503,
    reason: string,
    call: ClientCall,
    now: Millis,
  ): void {
    const { method } = call.request;
    if (dialog.reinvite === call) dialog.reinvite = undefined;
    const response = madeUp(call.request, status, reason);
    const meta = { ...this.#state.metaOfRequest(call.request, call.target), source: "network" as const, address: NOBODY };
    if (sent.waited && sent.app.alive) this.#state.sendOwn(sent.app, meta, sent.id, dialog.id, response, whyUnanswered(status, reason));
    if (method === "BYE" || (dialog.method === "SUBSCRIBE" && isTerminatedNotify(call.request))) this.#manager.forget(dialog);
    // Section 12.2.1.2: no answer at all to a request inside an INVITE dialog means that the far end is gone.
    else if (dialog.method === "INVITE" && status === 408 && dialog.confirmed && method !== "PRACK")
      this.#manager.terminate(dialog, "far-end-silent", now);
  }

  /** An application is gone: its INVITEs are cancelled. */
  appGone(app: App, now: Millis): void {
    for (const sent of [...this.#sent.values()]) {
      if (sent.app !== app || sent.dialog === undefined || sent.call.request.method !== "INVITE") continue;
      if (sent.dialog.confirmed) continue;
      sent.call.cancel(now);
    }
  }
}

/** Why no response came: the code of a certificate that is not believed stands before its words (`formatFault`). */
function whyUnanswered(status: 408 | 503, reason: string): EndCode {
  return readFault(reason)?.code ?? (status === 408 ? "no-response" : "not-reached");
}
