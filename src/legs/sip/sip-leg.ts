import { EventEmitter } from "node:events";
import type { CallEnding, EndCode } from "../../base/call-failure.ts";
import { canonicalAddress } from "../../base/ip-address.ts";
import type { Credentials } from "../../wire/sip/index.ts";
import { CAUSE, causeOfStatus, formatReason } from "../cause.ts";
import { type Key, parseInfoDtmf } from "../dtmf.ts";
import {
  ChangeRefused,
  type DialogIdentifiers,
  type Leg,
  type LegEvents,
  type LegInfo,
  type MediaChange,
  NoAnswer,
  type Refusal,
} from "../leg.ts";
import { asksForPicture, PICTURE_FAST_UPDATE, pictureFastUpdate } from "./media-control-xml.ts";
import { ACCEPT, readBody, sessionDescription } from "./body.ts";
import { Authentication } from "./digest-client.ts";
import {
  agreeSession,
  glareDelay,
  largerInterval,
  refreshDelay,
  retryDelay,
  type SessionAgreement,
  sessionFields,
} from "./session-refresh.ts";
import { answerSessionTimer, type SessionTimerPolicy } from "./session-timer.ts";
import { type Dialog, describeResponse, type Headers, reinvite, type SipRequest, type SipResponse } from "./drachtio.ts";
import { unsupportedIn } from "./extensions.ts";
import { endOf } from "./leg-end.ts";
import { ALLOW, formatWarning, onlyCredentials, sequenceOf, STATE_HEADER, timerFields } from "./leg-fields.ts";
import { formatSipfrag, parseReferTo, parseSipfrag } from "./refer.ts";

/** How long a far end may take to answer what we ask inside a dialog before we stop waiting for it. */
const ACK_WAIT_MS = 33_000;
/** Keys kept for a dialogue that does not listen yet: a number and a PIN. */
const MOST_EARLY_KEYS = 40;
const TRANSFER_WAIT_MS = 60_000;
/** How long an offer waits for the call to be up at our side. */
const SETUP_WAIT_MS = 4_000;
/** Both sides changed something at once: how often we try again. */
const GLARE_TRIES = 3;
/** A re-INVITE is sent at most so often for challenges and for longer session intervals. */
const ATTEMPTS = 6;
/** A refresh that finds another change under way waits so long. */
const BUSY_MS = 1_000;

/** Begins the record's words of a call that a refresh of ours found lost. */
const REFRESH_LOST = "the session has expired";

/** What both directions of a SIP call have in common once there is a dialog. */
export abstract class SipLeg extends EventEmitter<LegEvents> implements Leg {
  readonly info: LegInfo;
  readonly #timer: SessionTimerPolicy;
  #dialog: Dialog | undefined;
  #ended = false;
  /** A change of ours or theirs is under way: a second one has to wait (RFC 3261 section 14). */
  /** A change of the media is under way: an offer of ours is out, by an INVITE of ours or in the answer to theirs, or theirs is being worked on. */
  #changing: "ours" | "offered" | "theirs" | undefined;
  /** Goes on with an offer that came before anybody here listened. */
  #early: (() => void) | undefined;
  /** Keys that came before the join dialogue listened: an INFO may follow the ACK at once. Undefined once the dialogue has listened. */
  #earlyKeys: Key[] | undefined = [];
  #source: string | undefined;
  readonly #authentication: Authentication | undefined;
  #session: SessionAgreement | undefined;
  /** When the session's interval ends, by the monotonic clock. */
  #expiresAt = 0;
  #refreshTimer: ReturnType<typeof setTimeout> | undefined;
  /** A session refresh of ours waits for its response. */
  #refreshing = false;

  /** `credentials` answer challenges to our re-INVITEs. */
  constructor(info: LegInfo, timer: SessionTimerPolicy, credentials?: Credentials) {
    super();
    this.info = info;
    this.#timer = timer;
    this.#authentication = credentials && new Authentication(credentials);
    EventEmitter.prototype.on.call(this, "newListener", (event: string) => {
      if (event === "change" && this.#early) setImmediate(this.#early);
      if (event === "dtmf" && this.#earlyKeys) setImmediate(() => this.#tellEarlyKeys());
    });
    if (info.direction === "in") this.#source = info.address;
  }

  get source(): string | undefined {
    return this.#source;
  }

  get tls(): string | undefined {
    return this.info.tls;
  }

  /** A message of the far end's with a description has come. */
  protected cameFrom({ source_address: address }: { readonly source_address?: string }): void {
    if (address !== undefined && address !== "") this.#source = canonicalAddress(address);
  }

  abstract get offer(): string | null;
  abstract ring(): Promise<void>;
  abstract answer(sdp: string): Promise<string | null>;
  abstract refuse(refusal: Refusal): void;
  /** Gives up a call that has no dialog yet. */
  protected abstract giveUp(cause: number, text: string): void;

  get answered(): boolean {
    return this.#dialog !== undefined;
  }

  get ended(): boolean {
    return this.#ended;
  }

  get dialogs(): readonly (DialogIdentifiers & { readonly early: boolean })[] {
    return this.#dialog ? [{ ...this.#dialog.sip, early: false }] : this.early.map((dialog) => ({ ...dialog, early: true }));
  }

  /** Dialogs of provisional responses to a call of ours. */
  protected get early(): readonly DialogIdentifiers[] {
    return [];
  }

  protected get timerPolicy(): SessionTimerPolicy {
    return this.#timer;
  }

  async change(offer: string): Promise<string> {
    const dialog = this.#dialog;
    if (!dialog || this.#ended) throw new Error("the leg is not up");
    if (this.#changing) throw new Error("another change is under way");
    for (let tries = 1; ; tries++) {
      const response = await this.#reinvite(dialog, offer);
      const { status } = response;
      if (status < 300) {
        this.cameFrom(response);
        return sessionDescription(response);
      }
      const said = describeResponse(response);
      if (status === 408 || status === 481) this.#lost(dialog, "dialog-unknown", `the far end does not know the call: ${said}`);
      if (status !== 491 || tries === GLARE_TRIES || this.#ended) throw new ChangeRefused(said, causeOfStatus(status));
      await new Promise((resolve) => setTimeout(resolve, glareDelay(this.#ownsCallId, Math.random())));
      if (this.#ended) throw new ChangeRefused("the call ended meanwhile", CAUSE.normalClearing);
    }
  }

  get #ownsCallId(): boolean {
    return this.info.direction === "out";
  }

  /** Sends a re-INVITE, again after a challenge (RFC 3261 section 22) or a 422 (RFC 4028 section 7.3). Resolves with the final response. */
  async #reinvite(dialog: Dialog, offer: string): Promise<SipResponse> {
    const authentication = this.#authentication;
    authentication?.restart();
    let session = this.#session;
    let credentials: Headers = {};
    this.#changing = "ours";
    try {
      for (let attempt = 1; ; attempt++) {
        const response = await reinvite(dialog, offer, { ...(session && sessionFields(session, this.#timer)), ...credentials });
        if (response.status < 300) {
          this.agree(agreeSession(response.get("Session-Expires"), "uac", session?.seconds));
          return response;
        }
        const answer = response.req && authentication?.answer(response.req, response);
        const larger = largerInterval(response.status, response) ?? 0;
        if (attempt === ATTEMPTS || this.#ended) return response;
        if (answer) credentials = onlyCredentials(answer);
        else if (session && larger > session.seconds) {
          session = { ...session, seconds: larger };
          credentials = {};
          authentication?.restart();
        } else return response;
      }
    } finally {
      this.#changing = undefined;
    }
  }

  /** What the last 2xx has made of the session: who refreshes it, and when. */
  protected agree(session: SessionAgreement | undefined): void {
    this.#session = session;
    clearTimeout(this.#refreshTimer);
    if (!session || this.#ended) return;
    this.#expiresAt = performance.now() + session.seconds * 1000;
    if (session.refresher === "us") this.#refreshIn(refreshDelay(session));
  }

  #refreshIn(ms: number): void {
    clearTimeout(this.#refreshTimer);
    this.#refreshTimer = setTimeout(() => void this.#refresh(), ms);
  }

  /**
   * Refreshes the session by what we said last, and takes the answer, which may be another than before. Only a far end that does not know the call or does not
   * answer ends it (RFC 4028 section 10): whatever else it says, it is there, and is asked again inside the interval. The SIP engine ends what has expired.
   */
  async #refresh(): Promise<void> {
    const dialog = this.#dialog;
    if (!dialog || this.#ended) return;
    if (this.#changing) return this.#refreshIn(BUSY_MS);
    this.#refreshing = true;
    let response: SipResponse;
    try {
      response = await this.#reinvite(dialog, dialog.local.sdp);
    } catch {
      // the call has ended, or there is no SIP engine: the leg hears of either
      return;
    } finally {
      this.#refreshing = false;
    }
    if (this.#ended) return;
    const { status } = response;
    if (status < 300) {
      this.cameFrom(response);
      const answer = sessionDescription(response);
      if (answer !== "") this.emit("refreshed", answer);
    } else if (status === 408 || status === 481) this.#lost(dialog, "session-expired", `${REFRESH_LOST}: ${describeResponse(response)}`);
    else if (status === 491) this.#refreshIn(glareDelay(this.#ownsCallId, Math.random()));
    else {
      const again = retryDelay(response.get("Retry-After"), this.#expiresAt - performance.now());
      if (again !== undefined) this.#refreshIn(again);
    }
  }

  /** RFC 3261 section 12.2.1.2: the far end does not know the call any more, or does not answer at all. */
  #lost(dialog: Dialog, code: EndCode, said: string): void {
    this.finish({ code, by: "network", q850: CAUSE.destinationOutOfOrder, sipStatus: null, message: said });
    if (dialog.connected) dialog.destroy({ headers: { Reason: formatReason(CAUSE.destinationOutOfOrder, said) } }).catch(() => undefined);
  }

  async transfer(target: string): Promise<boolean> {
    const dialog = this.#dialog;
    if (!dialog || this.#ended) return false;
    const done = Promise.withResolvers<boolean>();
    const onNotify = (request: SipRequest, response: SipResponse) => {
      response.send(200);
      const status = parseSipfrag(request.body);
      if (status !== undefined && status >= 200) done.resolve(status < 300);
      else if (/terminated/i.test(request.get("Subscription-State") ?? "")) done.resolve(status !== undefined && status < 300);
    };
    const onEnd = () => done.resolve(false);
    dialog.on("notify", onNotify);
    this.once("ended", onEnd);
    const timer = setTimeout(() => done.resolve(false), TRANSFER_WAIT_MS);
    try {
      const response = await dialog.request({
        method: "REFER",
        headers: { "Refer-To": `<${target}>`, "Referred-By": `<${dialog.local.uri}>`, Contact: dialog.local.contact ?? dialog.local.uri },
      });
      if (response.status >= 300) return false;
      return await done.promise;
    } catch {
      return false;
    } finally {
      clearTimeout(timer);
      this.off("ended", onEnd);
      dialog.removeListener("notify", onNotify);
    }
  }

  async end(cause: number, text: string): Promise<void> {
    if (this.#ended) return;
    const dialog = this.#dialog;
    if (!dialog) this.giveUp(cause, text);
    this.finish({ code: "released", by: "gateway", q850: cause, sipStatus: null, message: text });
    // a far end that is gone does not answer: there is nobody to tell
    if (dialog?.connected) await dialog.destroy({ headers: { Reason: formatReason(cause, text) } }).catch(() => undefined);
  }

  /** RFC 5168. Far ends that do not know it answer 415, which tells nothing new. */
  requestKeyframe(): void {
    const dialog = this.#dialog;
    if (!dialog || this.#ended) return;
    dialog
      .request({ method: "INFO", headers: { "Content-Type": "application/media_control+xml" }, body: pictureFastUpdate() })
      .catch(() => undefined);
  }

  /** The dialog is up: from now on its requests are the leg's events. */
  protected establish(dialog: Dialog, localSdp: string): void {
    this.#dialog = dialog;
    dialog.local.sdp = localSdp;
    dialog.on("destroy", (request, reason) => {
      const end = endOf(request, reason, this.info);
      // the SIP engine ends a call whose far end does not answer before it hands us the response that says so
      const unrefreshed = this.#refreshing && end.by === "network";
      this.finish(unrefreshed ? { ...end, code: "session-expired", message: `${REFRESH_LOST}: ${end.message}` } : end);
    });
    // The embedded engine judges Require for every method; drachtio-server leaves it to the application (RFC 3261 section 8.2.2.3).
    const on = (event: "info" | "modify" | "update" | "refer" | "options", handle: (request: SipRequest, response: SipResponse) => void) =>
      dialog.on(event, (request, response) => {
        const unsupported = unsupportedIn(request.get("Require"));
        if (unsupported.length > 0) response.send(420, { headers: { Unsupported: unsupported.join(", ") } });
        else handle(request, response);
      });
    on("info", (request, response) => this.#onInfo(request, response));
    on("modify", (request, response) => this.#onOffer(request, response));
    on("update", (request, response) => this.#onOffer(request, response));
    on("refer", (request, response) => this.#onRefer(request, response));
    on("options", (_, response) => this.#onOptions(response));
    dialog.on("message", (_, response) => response.send(405, { headers: { Allow: ALLOW } }));
  }

  /** Says `ended`, once. */
  protected finish(end: CallEnding): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#refreshTimer);
    this.emit("ended", end);
  }

  /** The far end's answer to an offer of ours that went out in a 200: it is in the ACK. */
  protected answerInAck(dialog: Dialog, invite: SipRequest): Promise<string> {
    // the ACK of an earlier INVITE may still be under way
    const seq = sequenceOf(invite);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new NoAnswer("no answer came with the ACK")), ACK_WAIT_MS);
      const settle = (body: string | undefined, ack?: SipRequest) => {
        if (ack && sequenceOf(ack) !== seq) return;
        if (ack) this.cameFrom(ack);
        if (this.#changing === "offered") this.#changing = "theirs";
        clearTimeout(timer);
        dialog.removeListener("ack", onAck);
        if (body) resolve(body);
        else reject(new NoAnswer("the ACK carries no answer to our offer"));
      };
      const onAck = (ack: SipRequest) => settle(sessionDescription(ack), ack);
      dialog.on("ack", onAck);
      dialog.once("destroy", () => settle(undefined));
    });
  }

  #tellEarlyKeys(): void {
    const keys = this.#earlyKeys ?? [];
    this.#earlyKeys = undefined;
    for (const key of keys) this.emit("dtmf", key);
  }

  #onInfo(request: SipRequest, response: SipResponse): void {
    const type = request.get("Content-Type");
    const key = parseInfoDtmf(type, request.body ?? "");
    if (key) {
      response.send(200);
      if (this.#earlyKeys === undefined) this.emit("dtmf", key);
      else if (this.#earlyKeys.length < MOST_EARLY_KEYS) this.#earlyKeys.push(key);
      // nothing at all is a keepalive
    } else if (!request.body) response.send(200);
    else if (PICTURE_FAST_UPDATE.test(type ?? "")) {
      response.send(200);
      if (asksForPicture(request.body)) this.emit("keyframe", -1);
    } else response.send(415, { headers: { Accept: "application/dtmf-relay, application/dtmf, application/media_control+xml" } });
  }

  /** RFC 3261 section 11.2; beside it how far the call has come, which only its own far end can ask. */
  #onOptions(response: SipResponse): void {
    const headers: Record<string, string> = { Allow: ALLOW, Accept: "application/sdp" };
    this.emit("standing", (state) => {
      headers[STATE_HEADER] = state;
    });
    response.send(200, { headers });
  }

  #onOffer(request: SipRequest, response: SipResponse) {
    const timer = answerSessionTimer(timerFields(request), this.#timer);
    if (timer.kind === "too-small") return response.send(422, { headers: { "Min-SE": String(timer.minSe) } });
    const body = readBody(request);
    if (body.kind === "unsupported") return response.send(415, { headers: { Accept: ACCEPT } });
    const offer = body.kind === "sdp" ? body.text : null;
    const contact: Record<string, string> = this.#dialog?.local.contact === undefined ? {} : { Contact: this.#dialog.local.contact };
    const headers: Record<string, string> = { ...contact, ...(request.has("Session-Expires") ? timer.headers : {}) };
    // a refresh of theirs without the field ends the agreement (RFC 4028 section 9); an UPDATE may be about something else
    const agree = () => {
      if (request.has("Session-Expires") || request.method === "INVITE") this.agree(agreeSession(headers["Session-Expires"], "uas"));
    };
    if (request.method === "UPDATE" && offer === null) {
      agree();
      return response.send(200, { headers });
    }
    if (this.#changing === "ours" || this.#changing === "offered") return response.send(491);
    if (this.#changing === "theirs" || this.listenerCount("change") === 0) return this.#postpone(request, response);
    this.#changing = "theirs";
    this.cameFrom(request);
    const change: MediaChange = {
      offer,
      accept: async (sdp) => {
        const dialog = this.#dialog;
        const acked = offer === null && dialog ? this.answerInAck(dialog, request) : null;
        if (acked) this.#changing = "offered";
        response.send(200, { headers: { ...headers, "Content-Type": "application/sdp" }, body: sdp });
        if (dialog) dialog.local.sdp = sdp;
        agree();
        try {
          return await acked;
        } finally {
          this.#changed();
        }
      },
      withdrawn: (sdp) => {
        if (this.#dialog) this.#dialog.local.sdp = sdp;
      },
      reject: (cause, text) => {
        this.#changed();
        const status = cause === CAUSE.serviceNotImplemented || cause === CAUSE.bearerNotImplemented ? 488 : 500;
        response.send(status, { headers: { ...(status === 488 ? { Warning: formatWarning(399, text) } : { "Retry-After": "5" }) } });
      },
    };
    this.emit("change", change);
  }

  /** A change of theirs is over; an offer that came right behind it is looked at. */
  #changed(): void {
    this.#changing = undefined;
    if (this.#early) setImmediate(this.#early);
  }

  /**
   * An offer right behind an ACK, ours or theirs, while what it acknowledges is still being worked on here: there is no offer of ours that it could cross
   * (RFC 3261 section 14.2), so it waits.
   */
  #postpone(request: SipRequest, response: SipResponse) {
    if (this.#early !== undefined) return response.send(491);
    const timer = setTimeout(() => {
      this.#early = undefined;
      response.send(491);
    }, SETUP_WAIT_MS);
    const proceed = () => {
      if (this.#early !== proceed) return;
      clearTimeout(timer);
      this.#early = undefined;
      if (this.#ended) response.send(481);
      else this.#onOffer(request, response);
    };
    this.#early = proceed;
    this.once("ended", proceed);
  }

  #onRefer(request: SipRequest, response: SipResponse) {
    const refer = parseReferTo(request.get("Refer-To"));
    if (!refer) return response.send(400);
    if (this.listenerCount("transfer") === 0) return response.send(603);
    // Refer-Sub: false (RFC 4488): they do not want to be told
    const silent = /^\s*false/i.test(request.get("Refer-Sub") ?? "");
    let over = false;
    const notify = (status: number) => {
      if (silent || over || this.#ended) return;
      over = status >= 200;
      this.#dialog
        ?.request({
          method: "NOTIFY",
          headers: {
            Event: "refer",
            "Subscription-State": over ? "terminated;reason=noresource" : "active;expires=60",
            "Content-Type": "message/sipfrag;version=2.0",
            Contact: this.#dialog.local.contact ?? this.#dialog.local.uri,
          },
          body: formatSipfrag(status),
        })
        .catch(() => undefined);
    };
    this.emit("transfer", {
      ...refer,
      accept: () => {
        response.send(202, { headers: { Contact: this.#dialog?.local.contact ?? this.info.to } });
        notify(100);
      },
      reject: (status) => response.send(status),
      progress: notify,
    });
  }
}
