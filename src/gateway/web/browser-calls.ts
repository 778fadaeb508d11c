import { randomBytes, randomUUID } from "node:crypto";
import type { GatewayEvent } from "../../admin/ports.ts";
import type { ParticipantAction } from "../../meetings/model.ts";
import { sameSecret } from "../../base/secrets.ts";
import { type JoinMessage, rosterEntry } from "../../web/messages.ts";
import type { PageLink, PageSource, Visit, VisitHost } from "../../web/ports.ts";
import type { IncomingCalls } from "../incoming-call.ts";
import type { Reception } from "../call/answer.ts";
import type { LiveMeetings } from "../meeting/active-meetings.ts";
import type { OutcomeCode } from "../../records/model.ts";
import type { Call } from "../call/call.ts";
import type { WebGatewayOptions } from "../options.ts";
import { type VisitDelegate, WebVisit } from "./browser-session.ts";
import { WebIncoming } from "./incoming-adapter.ts";
import { LostVisits } from "./lost-visits.ts";
import type { Settings } from "../settings.ts";
import type { Clock } from "../../base/clock.ts";
import type { Logger } from "pino";
import type { MemoryDirectory } from "../../meetings/directory.ts";
import type { Sfu } from "../../sfu/port.ts";

/** What calls of browsers go through. */
export interface WebGatewayParts {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly log: Logger;
  readonly directory: MemoryDirectory;
  readonly sfu: Pick<Sfu, "nameOf">;
  readonly incoming: Pick<IncomingCalls, "receive">;
  readonly reception: Pick<Reception, "find" | "checkPin">;
  readonly meetings: LiveMeetings;
  readonly options: WebGatewayOptions;
}

/** Browsers' way into a meeting: the same dialogue, the same doors, and the page shows what a caller hears. */
export class WebGateway implements VisitHost {
  readonly #parts: WebGatewayParts;
  readonly #visits = new Map<string, WebVisit>();
  readonly #lost = new LostVisits();
  readonly #delegate: VisitDelegate = {
    tellAll: (visit) => this.#tellAll(visit),
    mute: (visit, muted) => this.#mute(visit, muted),
    act: (visit, participant, action) => void this.#act(visit, participant, action),
    hostPresent: ({ call }) => (call?.meetingId ? (this.#parts.meetings.room(call.meetingId)?.hostPresent ?? false) : false),
    nameOf: ({ call }, memberId) => (call?.meetingId ? this.#parts.sfu.nameOf?.(call.meetingId, memberId) : undefined),
  };

  constructor(parts: WebGatewayParts) {
    this.#parts = parts;
  }

  join(message: JoinMessage, source: PageSource, link: PageLink): Visit {
    const { settings, clock, directory, log, options, reception } = this.#parts;
    const id = randomUUID();
    if (message.rejoin) {
      // the page knows better than we do that this one is over
      const { visit, secret } = message.rejoin;
      const before = this.#visits.get(visit);
      if (before && sameSecret(secret, before.secret)) void before.call?.end("signalling-lost", "the page has come back as another visit");
    }
    const back = this.#lost.find(message.rejoin, clock.now());
    const visit = new WebVisit({ id, secret: randomBytes(24).toString("base64url"), link, clock, delegate: this.#delegate });
    this.#visits.set(id, visit);
    const parts = {
      ...{ settings, clock, directory, options, reception },
      forget: () => void this.#visits.delete(id),
      lost: (call: Call, outcome: OutcomeCode) =>
        this.#lost.ended({ visit, call, outcome, back, isHost: this.#parts.meetings.isHost(call), now: clock.now() }),
    };
    // Runs in this turn until the visit has its call: the page's next message finds it.
    this.#parts.incoming.receive(new WebIncoming(parts, visit, message, source, back)).catch((error: unknown) => {
      log.error({ event: "call-failed", call: id, err: error }, "a browser's call failed in the gateway");
      parts.forget();
      visit.ended("internal-error", "");
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
      if (participant.role === "host")
        for (const visit of this.#visits.values()) if (visit.call?.meetingId === participant.meetingId) visit.hostsChanged();
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

  #tellAll(visit: WebVisit): void {
    const { meetingId } = visit.call ?? {};
    const room = meetingId ? this.#parts.meetings.room(meetingId) : undefined;
    if (!room) return;
    const { id, name } = room.meeting;
    visit.tell({ type: "meeting", id, name, locked: room.locked });
    const participants = room.participants().filter((one) => this.#sees(visit, one));
    visit.tell({ type: "roster", participants: participants.map(rosterEntry) });
  }

  /** Everybody sees who is in, and who has gone; hosts see who waits at the door, too. */
  #sees(visit: WebVisit, { id, state }: { readonly id: string; readonly state: string }): boolean {
    if (state === "joined" || state === "left" || id === visit.id) return true;
    return visit.call !== undefined && (state === "lobby" || state === "waiting") && this.#parts.meetings.isHost(visit.call);
  }

  #mute(visit: WebVisit, muted: boolean): void {
    const { call } = visit;
    if (!call?.meetingId || !visit.joined) return;
    this.#parts.meetings.mute(call.meetingId, call.id, muted, false).catch((error: unknown) => {
      call.log.warn({ event: "mute-failed", err: error }, "the media server did not mute");
      visit.tell({ type: "error", code: "mute-failed", text: "Muting did not work" });
    });
  }

  /** What a host may do, as by the keys of a telephone. */
  async #act(visit: WebVisit, participant: string, action: ParticipantAction): Promise<void> {
    const { call } = visit;
    const meetingId = call?.meetingId;
    if (!call || !meetingId || !visit.joined) return;
    if (!this.#parts.meetings.isHost(call)) return visit.tell({ type: "error", code: "not-host", text: "Only hosts may do that" });
    let done = this.#parts.meetings.participant(meetingId, participant) !== undefined;
    if (done && action === "admit") done = this.#parts.meetings.admit(meetingId, participant);
    else if (done && action === "remove") await this.#parts.meetings.remove(participant, "removed", "removed by a host");
    else if (done) done = await this.#parts.meetings.mute(meetingId, participant, action === "mute", true).catch(() => false);
    if (!done) visit.tell({ type: "error", code: "not-possible", text: `${action} was not possible` });
    else call.log.info({ event: "host-action", action, participant }, "a host acted from the page");
  }
}
