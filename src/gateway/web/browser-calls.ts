import { randomBytes, randomUUID } from "node:crypto";
import type { GatewayEvent } from "../../admin/ports.ts";
import { type LegInfo, maskedInfo } from "../../legs/leg.ts";
import { type WebLine, webLines } from "../../legs/web/description.ts";
import { WebLeg } from "../../legs/web/web-leg.ts";
import { parseDialString } from "../../meetings/dial-string.ts";
import type { ParticipantAction } from "../../meetings/model.ts";
import type { MediaPolicy } from "../../negotiation/index.ts";
import type { JoinTicket, JoinTokenFault } from "../../security/join-token.ts";
import { sameSecret } from "../../security/token.ts";
import type { Trunk } from "../../trunks/model.ts";
import { iceServersFor } from "../../web/ice.ts";
import { type JoinMessage, rosterEntry } from "../../web/messages.ts";
import type { PageLink, PageSource, Visit, VisitHost } from "../../web/ports.ts";
import { Call } from "../call/call.ts";
import type { Destination, Reception } from "../call/answer.ts";
import { type VisitDelegate, WebVisit } from "./browser-session.ts";
import { type GatewayContext, keep, track } from "../context.ts";
import type { LiveMeetings } from "../meeting/active-meetings.ts";
import type { WebGatewayOptions } from "../options.ts";
import { type GatewayRefusal, refuse } from "../call/refusals.ts";

/** Stands for the trunk of a call that came by none: what the reception asks of one. */
const NO_TRUNK: Trunk = {
  name: "web",
  identity: {},
  trust: "unverified",
  srtp: "none",
  privateNetwork: true,
  target: null,
  maxCalls: 0,
  maxCallsPerSecond: 0,
  tenant: null,
  legacyCiphers: false,
};

/** For the record and the log: why a join token is not taken. */
const TOKEN_FAULTS: Readonly<Record<JoinTokenFault, string>> = {
  invalid: "the join token was not signed by this gateway, was changed, or is a token of another kind",
  expired: "the join token has expired",
  revoked: "the join token has been revoked, or its meeting was deleted since",
};

/** A browser whose media end here breaks the encryption as a telephone does. */
const ENCRYPTED = "This meeting is end-to-end encrypted and cannot be joined through this gateway";

/** Browsers' way into a meeting: the same dialogue, the same doors, and the page shows what a caller hears. */
export class WebGateway implements VisitHost {
  readonly #context: GatewayContext;
  readonly #reception: Reception;
  readonly #meetings: LiveMeetings;
  readonly #options: WebGatewayOptions;
  readonly #visits = new Map<string, WebVisit>();
  readonly #delegate: VisitDelegate = {
    tellAll: (visit) => this.#tellAll(visit),
    mute: (visit, muted) => this.#mute(visit, muted),
    act: (visit, participant, action) => void this.#act(visit, participant, action),
    nameOf: ({ call }, memberId) => (call?.meetingId ? this.#context.sfu.nameOf?.(call.meetingId, memberId) : undefined),
  };

  constructor(context: GatewayContext, reception: Reception, meetings: LiveMeetings, options: WebGatewayOptions) {
    this.#context = context;
    this.#reception = reception;
    this.#meetings = meetings;
    this.#options = options;
  }

  join(message: JoinMessage, source: PageSource, link: PageLink): Visit {
    const { clock, log } = this.#context;
    const id = randomUUID();
    const visit = new WebVisit({ id, secret: randomBytes(24).toString("base64url"), link, clock, delegate: this.#delegate });
    const lines = webLines(message.pictures);
    const info = infoOf(message, source, id);
    const leg = new WebLeg({ info, lines, page: visit.page, reach: this.#options.reach });
    const call = new Call({
      id,
      leg,
      trunk: null,
      trust: ticketOf(source) ? "verified" : "unverified",
      clock,
      log: log.child({ call: id, callId: info.callId, trunk: null }),
    });
    this.#context.metrics.callStarted({ direction: "in", protocol: "web", transport: info.transport });
    this.#visits.set(id, visit);
    visit.begin(call, leg);
    call.once("ended", (end) => {
      this.#visits.delete(id);
      visit.ended(end.outcome);
    });
    this.#receive(visit, call, leg, lines, message, source).catch((error: unknown) => {
      call.log.error({ event: "call-failed", err: error }, "a browser's call failed in the gateway");
      void call.end("internal-error", `the gateway failed: ${String(error)}`);
    });
    return visit;
  }

  resume(id: string, secret: string, link: PageLink): Visit | undefined {
    const visit = this.#visits.get(id);
    if (!visit || !sameSecret(secret, visit.secret)) return undefined;
    visit.resume(link);
    return visit;
  }

  /** Ends every visit; pages are told. */
  async close(): Promise<void> {
    await Promise.all(
      [...this.#visits.values()].map((visit) => visit.call?.end("completed", "the gateway is being stopped", { cause: 41 })),
    );
  }

  /** Of the gateway's events: what concerns a page's meeting goes to the page. */
  told(event: GatewayEvent): void {
    if (event.type === "participant") {
      const { participant } = event;
      const entry = rosterEntry(participant);
      for (const visit of this.#visits.values()) {
        if (!visit.joined || visit.call?.meetingId !== participant.meetingId || !this.#sees(visit, participant)) continue;
        visit.tell({ type: "participant", participant: entry });
      }
    } else if (event.type === "meeting") {
      const { id, name, locked } = event.meeting;
      for (const visit of this.#visits.values())
        if (visit.joined && visit.call?.meetingId === id) visit.tell({ type: "meeting", id, name, locked });
    }
  }

  async #receive(
    visit: WebVisit,
    call: Call,
    leg: WebLeg,
    lines: readonly WebLine[],
    message: JoinMessage,
    source: PageSource,
  ): Promise<void> {
    const refusal = this.#atTheDoor(call, source);
    if (refusal) return this.#refuse(visit, call, leg, refusal);
    track(this.#context, call);
    const destination = await this.#destination(call, message, ticketOf(source));
    if (call.over) return;
    if ("code" in destination) return this.#refuse(visit, call, leg, destination);
    if (!this.#context.media.connected)
      return this.#refuse(visit, call, leg, refuse("media-server-lost", "the media server is not connected"));
    const peer = await this.#options.webrtc.open(lines);
    leg.carry(peer);
    if (call.over) return;
    visit.carry(peer);
    const { servers, policy } = this.#options.callers.ice;
    visit.tell({
      type: "welcome",
      visit: visit.id,
      secret: visit.secret,
      participant: call.id,
      iceServers: iceServersFor(servers, visit.id, this.#context.clock.wall()),
      iceTransportPolicy: policy,
    });
    const { codecs } = this.#context.config;
    const media: MediaPolicy = { policy: "none", transport: "local", privateNetwork: true, ...(codecs ? { codecs } : {}) };
    const offer = this.#reception.offer(leg, media);
    if (offer && "code" in offer) return this.#refuse(visit, call, leg, offer);
    const failed = await this.#reception.answer(call, offer, media);
    if (failed) return this.#refuse(visit, call, leg, failed);
    if (call.over) return;
    call.log.info(
      { event: "call-answered", afterMs: Math.round(call.age), media: call.media?.media.id, srtp: call.protection },
      "answered",
    );
    this.#reception.lead(call, destination, message.language ?? null);
  }

  /** The meeting of the dial string; with a join token the token's meeting, and no other. */
  async #destination(call: Call, message: JoinMessage, ticket: JoinTicket | null): Promise<Destination | GatewayRefusal> {
    const { number, pin } = parseDialString(message.meeting);
    const dialled = { number, pin: message.pin ?? pin, language: message.language ?? null, siteUuid: null };
    if (ticket === null) return this.#reception.destination(call, dialled, NO_TRUNK);
    const meeting = this.#context.directory.get(ticket.meeting);
    if (!meeting) return refuse("no-such-meeting", `the join token is for meeting ${ticket.meeting}, which is not there any more`);
    const wanted = number === "" ? meeting : await this.#context.directory.find(number, meeting.tenant);
    if (wanted?.id !== meeting.id) {
      const { address } = call.leg.info;
      call.log.warn({ event: "join-token-refused", from: address, code: "other-meeting" }, "a join token was brought to another meeting");
      return refuse("token-other-meeting", `the join token is for meeting ${meeting.id}, and ${number.slice(0, 64)} was wanted`);
    }
    call.log.info(
      { event: "join-token-taken", meeting: meeting.id, role: ticket.role, token: ticket.id },
      "a browser came with a join token",
    );
    return this.#reception.destination(call, { ...dialled, number: meeting.id }, { ...NO_TRUNK, tenant: meeting.tenant }, ticket.role);
  }

  #atTheDoor(call: Call, { token }: PageSource): GatewayRefusal | null {
    if (token !== null && "fault" in token) return refuse(`token-${token.fault}`, TOKEN_FAULTS[token.fault]);
    if (!this.#options.callers.anyone && call.trust !== "verified")
      return refuse("trunk-unknown", "browsers without a join token are not taken: web.callers");
    return this.#context.admission.refusal(call.leg.info.address, call.trust === "verified" ? "trunk" : "stranger");
  }

  #refuse(visit: WebVisit, call: Call, leg: WebLeg, refusal: GatewayRefusal): void {
    if (leg.ended) return;
    visit.words = refusal.code === "end-to-end-encrypted" ? ENCRYPTED : refusal.text;
    const tracked = this.#context.calls.has(call.id);
    const record = call.refused(refusal.code, refusal.reason, refusal.status, refusal.cause);
    leg.refuse();
    if (!tracked) void record.then((kept) => keep(this.#context, call, kept));
  }

  #tellAll(visit: WebVisit): void {
    const { meetingId } = visit.call ?? {};
    const room = meetingId ? this.#meetings.room(meetingId) : undefined;
    if (!room) return;
    const { id, name } = room.meeting;
    visit.tell({ type: "meeting", id, name, locked: room.locked });
    const participants = room.participants().filter((one) => this.#sees(visit, one));
    visit.tell({ type: "roster", participants: participants.map(rosterEntry) });
  }

  /** Everybody sees who is in, and who has gone; hosts see who waits at the door, too. */
  #sees(visit: WebVisit, { id, state }: { readonly id: string; readonly state: string }): boolean {
    if (state === "joined" || state === "left" || id === visit.id) return true;
    return visit.call !== undefined && (state === "lobby" || state === "waiting") && this.#meetings.isHost(visit.call);
  }

  #mute(visit: WebVisit, muted: boolean): void {
    const { call } = visit;
    if (!call?.meetingId || !visit.joined) return;
    this.#meetings.mute(call.meetingId, call.id, muted, false).catch((error: unknown) => {
      call.log.warn({ event: "mute-failed", err: error }, "the media server did not mute");
      visit.tell({ type: "error", code: "mute-failed", text: "Muting did not work" });
    });
  }

  /** What a host may do, as by the keys of a telephone. */
  async #act(visit: WebVisit, participant: string, action: ParticipantAction): Promise<void> {
    const { call } = visit;
    const meetingId = call?.meetingId;
    if (!call || !meetingId || !visit.joined) return;
    if (!this.#meetings.isHost(call)) return visit.tell({ type: "error", code: "not-host", text: "Only hosts may do that" });
    let done = this.#meetings.participant(meetingId, participant) !== undefined;
    if (done && action === "admit") done = this.#meetings.admit(meetingId, participant);
    else if (done && action === "remove") await this.#meetings.remove(participant, "removed", "removed by a host");
    else if (done) done = await this.#meetings.mute(meetingId, participant, action === "mute", true).catch(() => false);
    if (!done) visit.tell({ type: "error", code: "not-possible", text: `${action} was not possible` });
    else call.log.info({ event: "host-action", action, participant }, "a host acted from the page");
  }
}

function ticketOf({ token }: PageSource): JoinTicket | null {
  return token !== null && "ticket" in token ? token.ticket : null;
}

function infoOf(message: JoinMessage, source: PageSource, id: string): LegInfo {
  const ticket = ticketOf(source);
  const name = ticket?.name ?? (message.name === "" ? "Browser" : message.name);
  return maskedInfo({
    callId: id,
    protocol: "web",
    direction: "in",
    transport: source.transport,
    address: source.address,
    from: `web:${encodeURIComponent(name)}@${source.address}`,
    to: `web:${parseDialString(message.meeting).number || (ticket?.meeting ?? "")}`,
    displayName: name,
    userAgent: source.userAgent,
  });
}
