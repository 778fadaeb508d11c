/** Requests from the network on their way to an application, and the application's responses on their way back. */
import { ownBytes } from "../base/bytes.ts";
import type { Millis } from "../base/clock.ts";
import { Dialog } from "../sip/dialog.ts";
import type { ServerTransaction } from "../sip/layer-api.ts";
import type { Timer } from "../sip/timers.ts";
import type { Source } from "../sip/types.ts";
import { InviteServerTransaction } from "../sip/transactions/invite-server.ts";
import { contactOf } from "../sip/user-agent.ts";
import { formatMeta, UNKNOWN_TRANSACTION } from "../wire/drachtio/messages.ts";
import { parseRAck, parseSeconds } from "../wire/sip/fields.ts";
import { unsupportedExtensions } from "../wire/sip/check.ts";
import type { SipMessage, SipRequest, SipResponse } from "../wire/sip/message.ts";
import { isTerminatedNotify } from "./made-up.ts";
import { plainText } from "../wire/sip/plain.ts";
import { tryParseUri, unescapeUri } from "../wire/sip/uri.ts";
import type { App } from "./apps.ts";
import type { DialogManager } from "./dialog-manager.ts";
import { EngineDialog } from "./engine-dialog.ts";
import { ACTION_HEADER, applyFields, ensureContentType, supports100rel, wantsReliable } from "./headers.ts";
import type { EngineState } from "./state.ts";

/** A received request that an application has to answer. */
interface Waiting {
  readonly id: string;
  readonly transaction: ServerTransaction;
  readonly app: App;
  dialog: EngineDialog | undefined;
  guard: Timer | undefined;
}

/** A request an application does not answer at all is answered for it after so long. */
const UNANSWERED = 32_000;
/** A BYE that an application does not answer is answered with 200: the dialog is over either way. */
const UNANSWERED_BYE = 4_000;

export class Inbound {
  readonly #state: EngineState;
  readonly #manager: DialogManager;
  readonly #waiting = new Map<string, Waiting>();
  /** A callee of ours said BYE before it answered. */
  onEarlyBye: (dialog: EngineDialog, bye: SipRequest, source: Source, now: Millis) => void = () => {};

  constructor(state: EngineState, manager: DialogManager) {
    this.#state = state;
    this.#manager = manager;
  }

  get waitingCount(): number {
    return this.#waiting.size;
  }

  /** The transaction of a waiting request. */
  transactionOf(id: string): ServerTransaction | undefined {
    return this.#waiting.get(id)?.transaction;
  }

  /** The transaction of a waiting request, for proxying; it is no longer the application's to answer. */
  take(transactionId: string): { transaction: ServerTransaction; app: App } | undefined {
    const waiting = this.#waiting.get(transactionId);
    if (waiting === undefined) return undefined;
    this.#done(waiting);
    return waiting;
  }

  // ── from the network ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** A request that is not inside any dialog of ours. */
  onNewRequest(transaction: ServerTransaction, now: Millis): void {
    const { request, source } = transaction;
    const { method } = request;
    if (method === "INVITE") this.#state.stats.invitesReceived++;
    // A dialog that we do not know (any more). Requests that live in no dialog proper still go to the application, as in drachtio.
    if (request.toTag !== "" && ["INVITE", "BYE", "UPDATE", "PRACK", "REFER"].includes(method)) {
      transaction.reply(481, now);
      return;
    }
    if (method === "BYE" || method === "UPDATE" || method === "PRACK") {
      transaction.reply(481, now);
      return;
    }
    if (this.#state.layer.listeners.some((l) => l.peer !== undefined && l.id === source.listener)) {
      transaction.reply(403, now);
      return;
    }
    const tooSmall = method === "INVITE" ? this.#manager.tooSmall(request) : undefined;
    if (tooSmall !== undefined) {
      transaction.reply(422, now, undefined, { "Min-SE": String(tooSmall) });
      return;
    }
    if ((method === "INVITE" || method === "SUBSCRIBE") && !hasContact(request)) {
      // RFC 3261 section 8.1.1.8: without a SIP URI in Contact there is nowhere to send a request of the dialog to.
      transaction.reply(400, now, request.has("contact") ? "No SIP URI in Contact" : "Missing Contact");
      return;
    }
    // Methods are told apart by case (RFC 3261 section 7.1); applications name theirs in lower case.
    const app = method === method.toUpperCase() ? this.#state.apps.select(method.toLowerCase()) : undefined;
    if (app === undefined) {
      this.#refuseUnrouted(transaction, now);
      return;
    }
    const waiting = this.#wait(transaction, app, undefined, now);
    this.#state.sendSip(app, this.#state.metaFrom(request, source), waiting.id, "", request, source);
    if (method === "INVITE") this.#state.cdr("attempt", "network", request);
  }

  /**
   * A request that no application asked for. 503 would take this whole server out of service (RFC 3261 section 21.5.4): it is for calls,
   * and for known methods while no application is connected. Else 405 (section 21.4.6), or 501 where the method is unknown (section 21.5.2).
   */
  #refuseUnrouted(transaction: ServerTransaction, now: Millis): void {
    const { method } = transaction.request;
    const { apps } = this.#state;
    this.#state.stats.refusedNoApp++;
    if (method !== "INVITE" && (apps.any || !isKnownMethod(method))) {
      const taken = METHODS.filter((one) => DIALOG_METHODS.has(one) || apps.wanted(one.toLowerCase()));
      transaction.reply(isKnownMethod(method) ? 405 : 501, now, undefined, { Allow: taken.join(", ") });
      return;
    }
    const response = transaction.reply(503, now);
    if (method === "INVITE") {
      this.#state.cdr("attempt", "network", transaction.request);
      this.#state.cdr("stop", "application", response, "call-rejected");
    }
  }

  /** A request inside a dialog of ours. */
  onDialogRequest(transaction: ServerTransaction, dialog: EngineDialog, now: Millis): void {
    const { request, source } = transaction;
    const { supportedExtensions } = this.#state.options;
    const unsupported = supportedExtensions === undefined ? [] : unsupportedExtensions(request, supportedExtensions);
    if (unsupported.length > 0) {
      transaction.reply(420, now, undefined, { Unsupported: unsupported.join(", ") });
      return;
    }
    if (dialog.byeSent) {
      // Our BYE has ended the dialog (RFC 3261 section 15.1.1). A BYE that crosses it is answered: both want the same.
      transaction.reply(request.method === "BYE" ? 200 : 481, now);
      return;
    }
    const early = dialog.confirmed ? undefined : dialog.early.get(request.fromTag);
    if (early?.over === true) {
      transaction.reply(481, now);
      return;
    }
    if (dialog.core.remoteTag === "") this.#state.rekey(dialog, request.fromTag);
    if (!(early?.core ?? dialog.core).accept(request)) {
      transaction.reply(500, now, "CSeq Out Of Order", { "Retry-After": "1" });
      return;
    }
    if (request.method === "BYE" && !dialog.confirmed && dialog.method === "INVITE") {
      transaction.reply(200, now);
      this.#earlyBye(dialog, request, source, now);
      return;
    }
    const connection = dialog.connection;
    if (dialog.confirmed) dialog.learn(request, source);
    this.#manager.track(dialog, connection);
    if (request.method === "INVITE") {
      if (dialog.invite !== undefined || dialog.offer?.answered === false) {
        // RFC 3261 section 14.2: an earlier INVITE still waits for its final response.
        transaction.reply(500, now, undefined, { "Retry-After": "2" });
        return;
      }
      if (dialog.reinvite !== undefined && !dialog.reinvite.finished) {
        transaction.reply(491, now);
        return;
      }
    }
    if (request.method === "INVITE" || request.method === "UPDATE") {
      const tooSmall = this.#manager.tooSmall(request);
      if (tooSmall !== undefined) {
        transaction.reply(422, now, undefined, { "Min-SE": String(tooSmall) });
        return;
      }
    }
    if (request.method === "PRACK" && dialog.confirmed) {
      // The call has been answered since: the application is asked no more (RFC 3262 section 3).
      const rack = parseRAck(request.get("rack") ?? "");
      const { reliable } = dialog;
      const ours = rack?.method === "INVITE" && reliable !== undefined && rack.rseq >= reliable.first && rack.rseq <= reliable.last;
      transaction.reply(ours ? 200 : 481, now);
      return;
    }
    if (request.method === "UPDATE" && !dialog.confirmed) {
      if (dialog.updatePending) {
        transaction.reply(500, now, undefined, { "Retry-After": "2" });
        return;
      }
      dialog.updatePending = true;
    }
    const final = request.method === "BYE" || (dialog.method === "SUBSCRIBE" && isTerminatedNotify(request));
    if (final) {
      this.#endPending(dialog, now);
      this.#manager.forget(dialog);
      if (request.method === "BYE") this.#state.cdr("stop", "network", request, "normal-release");
    }
    if (!dialog.app.alive) {
      // Nobody is left to decide: a BYE is what it is, anything else is about a call that will be ended.
      transaction.reply(request.method === "BYE" ? 200 : 481, now);
      return;
    }
    if (request.method === "INVITE") dialog.offer = transaction;
    const waiting = this.#wait(transaction, dialog.app, dialog, now);
    this.#state.sendSip(dialog.app, this.#state.metaFrom(request, source), waiting.id, dialog.id, request, source);
  }

  /** A BYE before the call was answered (RFC 3261 section 15): to the application the call is cancelled, or refused. */
  #earlyBye(dialog: EngineDialog, bye: SipRequest, source: Source, now: Millis): void {
    if (dialog.core.role === "uac") {
      this.onEarlyBye(dialog, bye, source, now);
      return;
    }
    const waiting = [...this.#waiting.values()].find(({ transaction }) => transaction === dialog.invite);
    this.#endPending(dialog, now);
    this.#manager.forget(dialog);
    this.#state.cdr("stop", "network", bye, "call-canceled");
    if (waiting === undefined) return;
    const { request } = waiting.transaction;
    const cancel = bye.clone();
    cancel.method = "CANCEL";
    cancel.set("CSeq", `${request.cseq?.seq ?? 1} CANCEL`);
    if (waiting.app.alive) this.#state.sendSip(waiting.app, this.#state.metaFrom(cancel, source), waiting.id, dialog.id, cancel);
    this.#drop(waiting);
  }

  /** A BYE came: what is still unanswered in the dialog ends with 487 (RFC 3261 section 15.1.2). */
  #endPending(dialog: EngineDialog, now: Millis): void {
    const { invite } = dialog;
    if (invite instanceof InviteServerTransaction && !invite.answered) invite.reply(487, now);
    if (dialog.offer?.answered === false) dialog.offer.reply(487, now);
    // ours, if any, gets its final response, which is acknowledged as ever
  }

  #wait(transaction: ServerTransaction, app: App, dialog: EngineDialog | undefined, now: Millis): Waiting {
    const waiting: Waiting = { id: this.#state.newId(), transaction, app, dialog, guard: undefined };
    this.#waiting.set(waiting.id, waiting);
    const { layer } = this.#state;
    const isBye = transaction.request.method === "BYE";
    const guard = { onTimer: (_name: string, at: Millis) => this.#unanswered(waiting, at) };
    waiting.guard = layer.arm(guard, "unanswered", now + (isBye ? UNANSWERED_BYE : UNANSWERED));
    transaction.user = {
      onCancel: (cancel, late) => this.#onCancel(waiting, cancel, late),
      onAck: (ack, source, at) => {
        const current = waiting.dialog;
        if (current === undefined || transaction.status >= 300) return;
        // Answered and acknowledged: the application has nothing left to say to it.
        this.#done(waiting);
        const connection = current.connection;
        current.connection = source.connection;
        this.#manager.track(current, connection);
        if (current.app.alive) this.#state.sendSip(current.app, this.#state.metaFrom(ack, source), waiting.id, current.id, ack, source);
        if (current.cancelled) this.#manager.terminate(current, "cancelled", at);
        else if (!current.app.alive) this.#manager.terminate(current, "application-gone", at);
      },
      onAckTimeout: (status, at) => {
        if (status >= 300 || waiting.dialog === undefined) return;
        // The BYE to an address that has proved nothing goes where the responses went, not to whoever the Contact names, and
        // only within what that address may be sent.
        const { source, target } = transaction;
        const { validation } = this.#state;
        const why = waiting.dialog.cancelled ? "cancelled" : "not-acknowledged";
        if (source.transport !== "udp" || validation.isValid(source, at)) this.#manager.terminate(waiting.dialog, why, at);
        else {
          const { transport, address, port, listener } = target;
          const send = validation.mayBeSentBye(target, at);
          this.#manager.terminate(waiting.dialog, why, at, { send, once: { transport, address, port, listener } });
        }
      },
      onPrack: (prack, at) => {
        const current = waiting.dialog;
        if (current === undefined) prack.reply(481, at);
        else this.onDialogRequest(prack as ServerTransaction, current, at);
      },
      onPrackTimeout: (at) => {
        // RFC 3262 section 3: nobody acknowledges what we say; the call cannot be.
        const response = transaction.reply(504, at);
        this.#state.cdr("stop", "application", response, "call-rejected");
        this.#drop(waiting);
      },
      onTerminated: () => this.#done(waiting),
    };
    return waiting;
  }

  #unanswered(waiting: Waiting, now: Millis): void {
    const { transaction } = waiting;
    if (transaction.status > 100 || transaction.answered) return;
    this.#state.log("warn", "application did not answer", { method: transaction.request.method, callId: transaction.request.callId });
    if (transaction.request.method === "BYE") transaction.reply(200, now);
    else transaction.reply(transaction.request.method === "INVITE" ? 504 : 500, now);
    this.#drop(waiting);
  }

  #onCancel(waiting: Waiting, cancel: SipRequest, late: boolean): void {
    const dialog = waiting.dialog;
    if (late) {
      // It crossed our 2xx. The caller does not want the call: it is ended, when it is acknowledged (RFC 3261 section 15) or will not be any more.
      if (dialog !== undefined && waiting.transaction.status < 300) dialog.cancelled = true;
      return;
    }
    const source = waiting.transaction.source;
    if (waiting.app.alive) this.#state.sendSip(waiting.app, this.#state.metaFrom(cancel, source), waiting.id, dialog?.id ?? "", cancel);
    this.#state.cdr("stop", "network", cancel, "call-canceled");
    this.#drop(waiting);
  }

  /** An application is gone: what it has not answered is answered for it. */
  appGone(app: App, now: Millis): void {
    for (const waiting of [...this.#waiting.values()]) {
      if (waiting.app !== app || waiting.transaction.answered) continue;
      waiting.transaction.reply(waiting.transaction.request.method === "BYE" ? 200 : 503, now);
      this.#drop(waiting);
    }
  }

  #done(waiting: Waiting): void {
    this.#waiting.delete(waiting.id);
    this.#state.layer.disarm(waiting.guard);
  }

  /** The request came to nothing: so does the dialog it was about to make. */
  #drop(waiting: Waiting): void {
    this.#done(waiting);
    const { dialog } = waiting;
    if (dialog !== undefined && dialog.invite === waiting.transaction) {
      dialog.invite = undefined;
      if (!dialog.confirmed) this.#manager.forget(dialog);
    }
    if (dialog !== undefined && waiting.transaction.request.method === "UPDATE") dialog.updatePending = false;
  }

  // ── from the application ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** An application's response. */
  respond(app: App, msgId: string, transactionId: string, given: SipResponse, now: Millis): void {
    const waiting = this.#waiting.get(transactionId);
    if (waiting === undefined || waiting.transaction.answered) {
      const canceled = given.cseq?.method === "CANCEL";
      this.#state.reply(
        app,
        msgId,
        false,
        canceled ? "200 OK to incoming CANCEL is automatically generated by the stack" : UNKNOWN_TRANSACTION,
      );
      return;
    }
    if (given.get(ACTION_HEADER)?.toLowerCase() === "discard") this.#discard(app, msgId, waiting, given);
    else if (waiting.dialog !== undefined && waiting.dialog.invite !== waiting.transaction)
      this.#respondInDialog(app, msgId, waiting, given, now);
    else this.#respondFirst(app, msgId, waiting, given, now);
  }

  #discard(app: App, msgId: string, waiting: Waiting, given: SipResponse): void {
    const { transaction } = waiting;
    const response = transaction.response(given.status, given.reason);
    transaction.discard();
    this.#drop(waiting);
    this.#replySent(app, msgId, waiting, response, "");
  }

  #respondInDialog(app: App, msgId: string, waiting: Waiting, given: SipResponse, now: Millis): void {
    const { transaction } = waiting;
    const dialog = waiting.dialog!;
    const { method } = transaction.request;
    const response = transaction.response(given.status, given.reason);
    if (given.status < 300 && given.status > 100 && (method === "INVITE" || method === "SUBSCRIBE" || method === "UPDATE")) {
      response.set("Contact", dialog.localContact || this.#contact(transaction));
    }
    if (!this.#fill(response, given, transaction)) {
      this.#state.reply(app, msgId, false, "Server error: missing content-type");
      return;
    }
    if (given.status >= 200 && given.status < 300 && (method === "INVITE" || method === "UPDATE")) {
      if (response.body.length > 0) dialog.localSdp = ownBytes(response.body);
      this.#manager.answerSession(dialog, transaction.request, response, now);
    }
    transaction.respond(response, now);
    if (given.status >= 200) {
      if (method === "UPDATE") dialog.updatePending = false;
      // A re-INVITE stays on the table until its ACK: the application waits for that.
      if (method !== "INVITE") this.#done(waiting);
    }
    this.#replySent(app, msgId, waiting, response, method === "BYE" ? "" : dialog.id);
  }

  #respondFirst(app: App, msgId: string, waiting: Waiting, given: SipResponse, now: Millis): void {
    const { transaction } = waiting;
    const { request } = transaction;
    const makesDialog = request.method === "INVITE" || request.method === "SUBSCRIBE";
    const chosen = /;tag=([^;\s>]+)/i.exec(given.get("to") ?? "")?.[1] ?? /^tag=([^;\s>]+)/i.exec(given.get("to") ?? "")?.[1];
    if (chosen !== undefined && transaction.status <= 100 && request.toTag === "") this.#retag(transaction, chosen);
    const response = transaction.response(given.status, given.reason);
    const reliable = transaction instanceof InviteServerTransaction && given.status > 100 && given.status < 200 && wantsReliable(given);
    if (reliable && !supports100rel(request)) {
      this.#state.reply(app, msgId, false, "Remote endpoint does not support 100rel");
      return;
    }
    if (makesDialog && given.status > 100 && given.status < 300) {
      for (const route of request.list("record-route")) response.append("Record-Route", route);
      response.set("Contact", this.#contact(transaction));
    }
    if (!this.#fill(response, given, transaction)) {
      this.#state.reply(app, msgId, false, "Server error: missing content-type");
      return;
    }
    const dialog = makesDialog && given.status > 100 && given.status < 300 ? this.#dialogFor(waiting, response) : waiting.dialog;
    const success = given.status >= 200 && given.status < 300;
    if (dialog !== undefined && makesDialog && given.status < 300 && given.status > 100) {
      dialog.localContact = response.get("contact") ?? "";
      if (response.body.length > 0) dialog.localSdp = ownBytes(response.body);
    }
    if (success && dialog !== undefined && request.method === "INVITE") this.#manager.answerSession(dialog, request, response, now);
    // The dialog stands before its 2xx leaves: the ACK may come in the same turn.
    if (success && dialog !== undefined) this.#confirm(waiting, dialog);
    if (reliable) {
      const rseq = this.#state.layer.respondReliably(transaction, response, now);
      if (dialog !== undefined) dialog.reliable = { first: dialog.reliable?.first ?? rseq, last: rseq };
    } else if (!transaction.respond(response, now)) {
      this.#state.reply(app, msgId, false, UNKNOWN_TRANSACTION);
      return;
    }
    if (given.status >= 300) this.#drop(waiting);
    else if (given.status >= 200 && request.method !== "INVITE") this.#done(waiting);
    if (success) this.#rememberFlow(transaction, response, now);
    this.#replySent(app, msgId, waiting, response, makesDialog ? (dialog?.id ?? `${request.callId};from-tag=${request.fromTag}`) : "");
    if (request.method === "INVITE" && given.status >= 300) this.#state.cdr("stop", "application", response, "call-rejected");
    else if (request.method === "INVITE" && success) this.#state.cdr("start", "application", response, "uas");
  }

  #retag(transaction: ServerTransaction, tag: string): void {
    if (transaction instanceof InviteServerTransaction) this.#state.layer.retag(transaction, tag);
    else transaction.localTag = tag;
  }

  #dialogFor(waiting: Waiting, response: SipResponse): EngineDialog {
    if (waiting.dialog !== undefined) return waiting.dialog;
    const { transaction, app } = waiting;
    const { request, source } = transaction;
    const dialog = new EngineDialog(Dialog.uas(request, response), request.method === "INVITE" ? "INVITE" : "SUBSCRIBE", app, waiting.id);
    dialog.invite = transaction;
    dialog.learn(request, source);
    waiting.dialog = dialog;
    this.#state.addDialog(dialog);
    this.#manager.track(dialog, 0);
    return dialog;
  }

  #confirm(waiting: Waiting, dialog: EngineDialog): void {
    dialog.confirmed = true;
    dialog.core.state = "confirmed";
    if (dialog.invite === waiting.transaction) dialog.invite = undefined;
    if (dialog.method === "INVITE") this.#state.stats.callsAnswered++;
  }

  #contact(transaction: ServerTransaction): string {
    const { target } = transaction;
    const local = this.#state.layer.listenerFor(target);
    return local === undefined ? "<sip:invalid.invalid>" : contactOf(local, undefined, transaction.request.uri.startsWith("sips:"));
  }

  #fill(response: SipResponse, given: SipResponse, transaction: ServerTransaction): boolean {
    applyFields(response, given, this.#state.layer.listenerFor(transaction.target), true);
    response.body = given.body;
    if (response.body.length === 0) response.remove("content-type");
    return ensureContentType(response);
  }

  #replySent(app: App, msgId: string, waiting: Waiting, response: SipMessage, dialogId: string): void {
    const text = plainText(response);
    const meta = formatMeta(this.#state.metaTo(text.length, waiting.transaction.target));
    this.#state.reply(app, msgId, true, `${meta}|${waiting.id}|${dialogId}||Msg sent:|\r\n${text}`);
  }

  /** Contacts registered over a connection are reached by it later. */
  #rememberFlow({ request, source }: ServerTransaction, response: SipResponse, now: Millis): void {
    if (source.connection === 0 || (request.method !== "REGISTER" && request.method !== "SUBSCRIBE")) return;
    const contact = tryParseUri(request.contact?.uriText ?? "");
    if (contact === undefined) return;
    const owner = tryParseUri((request.method === "REGISTER" ? request.to : request.from)?.uriText ?? "");
    const asked = parseSeconds(request.contact?.params.get("expires") ?? undefined) ?? parseSeconds(request.get("expires"));
    const granted = parseSeconds(response.contact?.params.get("expires") ?? undefined) ?? parseSeconds(response.get("expires"));
    const seconds = asked === 0 ? 0 : (granted ?? 0);
    this.#state.flows.remember(unescapeUri(owner?.user ?? ""), contact, source, now + seconds * 1000, now);
  }
}

/** Methods that come inside dialogs, to whichever application has the dialog, and those that the engine answers itself. */
const DIALOG_METHODS: ReadonlySet<string> = new Set(["ACK", "BYE", "CANCEL", "PRACK", "UPDATE"]);
/** Methods of RFC 3261, 3262, 3311, 3428, 3515, 3903, 6086 and 6665. */
const METHODS: readonly string[] = "INVITE ACK BYE CANCEL OPTIONS PRACK UPDATE INFO REFER NOTIFY REGISTER MESSAGE SUBSCRIBE PUBLISH".split(
  " ",
);
const isKnownMethod = (method: string): boolean => METHODS.includes(method);

/** Does it name a place where its sender is reached by SIP? */
function hasContact(request: SipRequest): boolean {
  const scheme = request.contact === undefined ? undefined : tryParseUri(request.contact.uriText)?.scheme;
  return (scheme === "sip" || scheme === "sips") && request.get("contact") !== "*";
}
