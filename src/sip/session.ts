/** One call as a simple user agent sees it: an INVITE dialog with its requests. Made by `UserAgent`. */
import type { Millis } from "../base/clock.ts";
import type { SipRequest, SipResponse } from "../wire/sip/message.ts";
import type { ClientCall } from "./client-call.ts";
import { Dialog } from "./dialog.ts";
import type { SipLayer } from "./layer.ts";
import type { ServerTransaction } from "./layer-api.ts";
import { InviteServerTransaction } from "./transactions/invite-server.ts";
import type { Source, Target } from "./types.ts";

/** Header fields to add to a message, by name. */
export type Headers = Record<string, string | number>;

/** Body and fields of a message to be sent. */
export interface Content {
  readonly body?: string | Buffer | undefined;
  /** Default `application/sdp`. */
  readonly contentType?: string | undefined;
  readonly headers?: Headers | undefined;
}

/** What a call tells its owner. Set what is of interest on `session.events`. */
export interface SessionEvents {
  /** Outgoing: a provisional response other than 100. */
  onProvisional?(response: SipResponse, now: Millis): void;
  /** Outgoing: 2xx; the ACK has been sent (with what `ackBody` returned). */
  onAnswered?(response: SipResponse, now: Millis): void;
  /** Outgoing: the answer to put into the ACK when the 2xx brought the offer. */
  ackBody?(response: SipResponse): string | undefined;
  /** Incoming: ACK for our 2xx; its body is the answer to a late offer. */
  onAck?(ack: SipRequest, now: Millis): void;
  /** A re-INVITE or an UPDATE with a body. Answer it by `transaction` (`session.answerTo` helps). Without a handler: 488. */
  onOffer?(transaction: ServerTransaction, now: Millis): void;
  /** Any other request in the dialog (INFO, REFER, NOTIFY …). Without a handler: 200 to INFO and NOTIFY, 501 to others. */
  onRequest?(transaction: ServerTransaction, now: Millis): void;
  /** The call is over, for whatever reason; once. `status` is the final failure response's where there was one. */
  onEnded?(reason: EndReason, now: Millis, status?: number, message?: SipRequest | SipResponse): void;
}

/** Why a call ended. */
export type EndReason = "bye-received" | "bye-sent" | "cancelled" | "rejected" | "failed" | "ack-timeout" | "connection-lost" | "gone";

/** What a session needs of its user agent. */
export interface SessionOwner {
  readonly layer: SipLayer;
  contactFor(target: Target): string;
  decorate(message: SipRequest | SipResponse, content: Content | undefined): void;
  register(session: Session): void;
  unregister(session: Session): void;
}

export class Session {
  events: SessionEvents = {};
  /** Whoever owns the call may keep something here. */
  context: unknown = undefined;
  dialog: Dialog | undefined;
  state: "new" | "early" | "confirmed" | "ended" = "new";
  /** The INVITE that started the call; with credentials, the second one. */
  invite: SipRequest;
  readonly direction: "in" | "out";
  /** Where the far end was last heard from. */
  source: Source | undefined;
  readonly #owner: SessionOwner;
  readonly #transaction: InviteServerTransaction | undefined;
  #call: ClientCall | undefined;
  #acks = new Map<string, { data: Buffer; target: Target }>();
  #pendingOffer: ServerTransaction | undefined;
  #offering = false;

  /** @internal */
  constructor(owner: SessionOwner, invite: SipRequest, transaction?: InviteServerTransaction) {
    this.#owner = owner;
    this.invite = invite;
    this.#transaction = transaction;
    this.direction = transaction === undefined ? "out" : "in";
    if (transaction !== undefined) {
      this.source = transaction.source;
      transaction.user = {
        onCancel: (_cancel, late, now) => {
          if (!late) this.#end("cancelled", now);
        },
        onAck: (ack, _source, now) => {
          if (this.state === "confirmed") this.events.onAck?.(ack, now);
        },
        onAckTimeout: (status, now) => {
          if (status >= 300 || this.state === "ended") return;
          this.#send("BYE", undefined, now);
          this.#end("ack-timeout", now);
        },
      };
    }
  }

  /** Call-ID. */
  get id(): string {
    return this.invite.callId;
  }

  // ── the callee's side ────────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Sends a provisional response, 180 by default. */
  ring(now: Millis, status = 180, content?: Content): void {
    this.#respond(status, now, undefined, content);
  }
  /** Accepts the call: 200. */
  answer(now: Millis, content: Content): void {
    this.#respond(200, now, undefined, content);
  }
  /** Refuses the call. */
  reject(now: Millis, status: number, reason?: string, content?: Content): void {
    if (this.state === "ended" || this.#transaction === undefined || this.#transaction.answered) return;
    this.#respond(status, now, reason, content);
    this.#end("rejected", now, status);
  }

  #respond(status: number, now: Millis, reason: string | undefined, content: Content | undefined): void {
    const transaction = this.#transaction;
    if (transaction === undefined || this.state === "ended" || transaction.answered) return;
    const response = transaction.response(status, reason);
    if (status < 300) {
      for (const route of this.invite.list("record-route")) response.append("Record-Route", route);
      response.set("Contact", this.#owner.contactFor(transaction.target));
    }
    this.#owner.decorate(response, content);
    if (status > 100 && status < 300) {
      if (this.dialog === undefined) {
        this.dialog = Dialog.uas(this.invite, response);
        this.#owner.register(this);
      }
      this.state = status < 200 ? "early" : "confirmed";
      if (status >= 200) this.dialog.state = "confirmed";
    }
    transaction.respond(response, now);
  }

  // ── the caller's side (driven by the user agent) ─────────────────────────────────────────────────────────────────────────────────

  /** For the user agent: the call that carries the INVITE. @internal */
  started(call: ClientCall): void {
    this.#call = call;
  }

  /** For the user agent: a response to the INVITE. @internal */
  onInviteResponse(response: SipResponse, source: Source, now: Millis): void {
    if (response.status < 200) {
      if (this.state === "ended" || response.status === 100) return;
      this.source = source;
      if (response.toTag !== "" && this.dialog === undefined) {
        this.dialog = Dialog.uac(this.invite, response);
        this.#owner.register(this);
      }
      this.state = "early";
      this.events.onProvisional?.(response, now);
      return;
    }
    if (response.status >= 300) {
      this.#end(response.status === 487 ? "cancelled" : "rejected", now, response.status, response);
      return;
    }
    this.#on2xx(response, source, now);
  }

  #on2xx(response: SipResponse, source: Source, now: Millis): void {
    const known = this.#acks.get(response.toTag);
    if (known !== undefined) {
      this.#owner.layer.resend(known.target, known.data);
      return;
    }
    const ours = this.state !== "ended" && (this.state !== "confirmed" || this.dialog?.remoteTag === response.toTag);
    let dialog = this.dialog;
    if (!ours || dialog === undefined || dialog.remoteTag !== response.toTag) dialog = Dialog.uac(this.invite, response);
    dialog.confirm(response);
    if (ours) {
      if (this.dialog !== dialog) {
        if (this.dialog !== undefined) this.#owner.unregister(this);
        this.dialog = dialog;
        this.#owner.register(this);
      }
      this.state = "confirmed";
      this.source = source;
    }
    this.#ack(dialog, response, ours ? this.events.ackBody?.(response) : undefined, now);
    // Section 13.2.2.4: a second fork answered, or the call was given up meanwhile. Acknowledge and end it.
    if (ours) this.events.onAnswered?.(response, now);
    else this.#owner.layer.request(dialog.request("BYE"), { user: silent, target: this.#flow(dialog) }, now);
  }

  #ack(dialog: Dialog, response: SipResponse, body: string | undefined, now: Millis): void {
    const ack = dialog.request("ACK", response.cseq?.seq);
    this.#owner.decorate(ack, { body });
    this.#owner.layer.sendAck(ack, { target: this.#flow(dialog) }, now, (sent) => {
      if (sent !== undefined) this.#acks.set(response.toTag, sent);
    });
  }

  /** For the user agent: the INVITE failed without a response. @internal */
  onInviteFailure(status: number, now: Millis): void {
    this.#end("failed", now, status);
  }

  // ── both sides ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Ends the call whatever its state: CANCEL, 487/603 or BYE. */
  end(now: Millis, headers?: Headers): void {
    switch (this.state) {
      case "ended":
        return;
      case "confirmed":
        this.#send("BYE", { headers }, now);
        this.#end("bye-sent", now);
        return;
      default:
        if (this.direction === "in") this.reject(now, 603, undefined, { headers });
        else {
          this.#call?.cancel(
            now,
            Object.entries(headers ?? {}).map(([name, value]) => [name, String(value)] as const),
          );
          this.#end("cancelled", now);
        }
    }
  }

  /** Sends a request in the dialog. `done` gets the final response, or undefined when none came. False without a dialog. */
  request(method: string, now: Millis, content?: Content, done?: (response: SipResponse | undefined, now: Millis) => void): boolean {
    if (this.dialog === undefined || this.state === "ended") return false;
    this.#send(method, content, now, done);
    return true;
  }

  /** Sends a re-INVITE with a new offer; the ACK is sent by itself. `done` gets the final response, or undefined when none came. */
  reinvite(now: Millis, content: Content, done?: (response: SipResponse | undefined, now: Millis) => void): boolean {
    if (this.state !== "confirmed" || this.#offering) return false;
    this.#offering = true;
    this.#send("INVITE", content, now, (response, at) => {
      this.#offering = false;
      done?.(response, at);
    });
    return true;
  }

  /** Answers a request received in the dialog (as `onOffer` and `onRequest` give it). */
  answerTo(transaction: ServerTransaction, status: number, now: Millis, content?: Content): void {
    const response = transaction.response(status);
    if (status < 300 && (transaction.request.method === "INVITE" || transaction.request.method === "UPDATE")) {
      response.set("Contact", this.#owner.contactFor(transaction.target));
    }
    this.#owner.decorate(response, content);
    transaction.respond(response, now);
    if (this.#pendingOffer === transaction && transaction.answered) this.#pendingOffer = undefined;
  }

  /** For the user agent: a request inside the dialog. @internal */
  onRequest(transaction: ServerTransaction, now: Millis): void {
    const { request } = transaction;
    this.source = transaction.source;
    if (this.dialog === undefined || !this.dialog.accept(request)) {
      transaction.reply(500, now, "CSeq Out Of Order");
      return;
    }
    switch (request.method) {
      case "BYE":
        transaction.reply(200, now);
        // Section 15.1.2: whatever is still unanswered in the dialog ends with 487.
        this.#pendingOffer?.reply(487, now);
        if (this.#transaction !== undefined && !this.#transaction.answered) this.#transaction.reply(487, now);
        this.#end("bye-received", now, undefined, request);
        return;
      case "INVITE":
      case "UPDATE":
        this.#onOffer(transaction, now);
        return;
      default:
        if (this.events.onRequest !== undefined) this.events.onRequest(transaction, now);
        else transaction.reply(request.method === "INFO" || request.method === "NOTIFY" || request.method === "OPTIONS" ? 200 : 501, now);
    }
  }

  /** For the user agent: the connection the far end was heard on is gone. @internal */
  onConnectionLost(now: Millis): void {
    this.#end("connection-lost", now);
  }

  #onOffer(transaction: ServerTransaction, now: Millis): void {
    const { request } = transaction;
    // Section 14.2: one offer at a time in each direction.
    if (this.#offering) transaction.reply(491, now);
    else if (this.#pendingOffer !== undefined && !this.#pendingOffer.answered)
      transaction.reply(500, now, undefined, { "Retry-After": "1" });
    else if (request.method === "UPDATE" && request.body.length === 0) this.answerTo(transaction, 200, now);
    else if (this.events.onOffer === undefined) transaction.reply(488, now);
    else {
      this.#pendingOffer = transaction;
      if (transaction instanceof InviteServerTransaction) {
        transaction.user = { onAck: (ack, _source, at) => this.events.onAck?.(ack, at) };
      }
      this.events.onOffer(transaction, now);
    }
  }

  #send(method: string, content: Content | undefined, now: Millis, done?: (response: SipResponse | undefined, now: Millis) => void): void {
    const dialog = this.dialog!;
    const request = dialog.request(method);
    this.#owner.decorate(request, content);
    this.#owner.layer.request(
      request,
      {
        target: this.#flow(dialog),
        user: {
          prepare: (r, _local, target) => {
            if (method !== "BYE" && method !== "INFO") r.set("Contact", this.#owner.contactFor(target));
          },
          onResponse: (response, _call, _source, at) => {
            if (response.status < 200) return;
            if (method === "INVITE" && response.status < 300) {
              const again = this.#acks.get(`${response.toTag}${response.cseq?.seq}`);
              if (again !== undefined) {
                this.#owner.layer.resend(again.target, again.data);
                return;
              }
              dialog.confirm(response);
              const ack = dialog.request("ACK", response.cseq?.seq);
              this.#owner.layer.sendAck(ack, { target: this.#flow(dialog) }, at, (sent) => {
                if (sent !== undefined) this.#acks.set(`${response.toTag}${response.cseq?.seq}`, sent);
              });
            }
            // Section 12.2.1.2: the far end has lost the dialog.
            if (response.status === 481 || response.status === 408) this.#end("gone", at, response.status);
            done?.(response, at);
          },
          onFailure: (status, _reason, _call, at) => {
            if (method !== "BYE") this.#end("gone", at, status);
            done?.(undefined, at);
          },
        },
      },
      now,
    );
  }

  /** Over a stream the far end is reached on the connection it uses, unless a proxy stands between. */
  #flow(dialog: Dialog): Target | undefined {
    const source = this.source;
    if (source === undefined || source.connection === 0 || dialog.routes.length > 0) return undefined;
    return { transport: source.transport, address: source.address, port: source.port, connection: source.connection };
  }

  #end(reason: EndReason, now: Millis, status?: number, message?: SipRequest | SipResponse): void {
    if (this.state === "ended") return;
    this.state = "ended";
    if (this.dialog !== undefined) {
      this.dialog.state = "terminated";
      this.#owner.unregister(this);
    }
    this.events.onEnded?.(reason, now, status, message);
  }
}

const silent = { onResponse() {}, onFailure() {} };
