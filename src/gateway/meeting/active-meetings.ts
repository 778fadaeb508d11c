import { copyFile, rm } from "node:fs/promises";
import { join as joinPath } from "node:path";
import type { MenuAction } from "../../ivr/meeting-menu.ts";
import { type PromptId, promptFile } from "../../ivr/prompts/manifest.ts";
import { sayOthers } from "../../ivr/spoken-number.ts";
import type { Meeting, MeetingView, Participant, Role } from "../../meetings/model.ts";
import { type Admission, type Consequences, MeetingRoom, type NewParticipant, type Place } from "../../meetings/room.ts";
import type { Seat } from "../../sfu/port.ts";
import type { Call } from "../call/call.ts";
import type { JoinRunner } from "./join-runner.ts";
import { cameraCodecs } from "../call/video-stats.ts";
import type { MemoryDirectory } from "../../meetings/directory.ts";
import type { MediaPort } from "../../call-media/media-server.ts";
import type { Sfu } from "../../sfu/port.ts";
import type { Presenting } from "./presenter.ts";
import type { Clock } from "../../base/clock.ts";
import type { GatewayMetrics } from "../options.ts";
import type { GatewayEvent } from "../../admin/ports.ts";

/** Somebody in, or on the way into, a meeting. The participant's identifier is the call's. */
interface Attendance {
  readonly call: Call;
  readonly runner: JoinRunner;
  seat?: Seat;
  named: boolean;
  /** Whose place they take; null of one who comes for himself. */
  readonly takes: string | null;
  /** Another call has their place: nobody is told that they go. */
  replaced?: boolean;
  /** Ends the watch over what their pictures are encoded in. */
  unwatch?: () => void;
}

/** Tells the room what a call's pictures are encoded in, now and whenever that changes, until the returned function is called. */
function watchCodecs({ id, pictures }: Call, room: MeetingRoom): () => void {
  const tell = () => room.setCodecs(id, pictures && cameraCodecs(pictures));
  pictures?.on("changed", tell);
  tell();
  return () => pictures?.off("changed", tell);
}

/** Where meetings are mixed, and what hears of them. */
export interface LiveMeetingsParts {
  readonly calls: ReadonlyMap<string, Call>;
  readonly directory: MemoryDirectory;
  readonly media: Pick<MediaPort, "connected">;
  readonly sfu: Sfu;
  readonly presenting: Presenting;
  readonly clock: Clock;
  readonly metrics: GatewayMetrics;
  /** File of a prompt as the media server sees it. */
  readonly promptsRoot: string;
  emit(event: GatewayEvent): void;
}

/** The meetings that somebody is in, and what is done in them: who comes, who goes, what is heard of it. */
export class LiveMeetings {
  readonly #parts: LiveMeetingsParts;
  readonly #rooms = new Map<string, MeetingRoom>();
  readonly #attendances = new Map<string, Attendance>();
  /** Locks set by an operator, whoever is in; one holds until its meeting's definition says something else than it did then. */
  readonly #locks = new Map<string, { readonly locked: boolean; readonly defined: boolean }>();

  constructor(parts: LiveMeetingsParts) {
    this.#parts = parts;
  }

  get size(): number {
    return this.#rooms.size;
  }

  room(meetingId: string): MeetingRoom | undefined {
    return this.#rooms.get(meetingId);
  }

  participants(meetingId: string): Participant[] {
    return (this.#rooms.get(meetingId)?.participants() ?? []).map((one) => ({
      ...one,
      audio: this.#parts.calls.get(one.callId)?.audio ?? one.audio,
      video: this.#parts.calls.get(one.callId)?.video ?? one.video,
    }));
  }

  participant(meetingId: string, id: string): Participant | undefined {
    return this.participants(meetingId).find((one) => one.id === id);
  }

  joinedCount(): number {
    let count = 0;
    for (const room of this.#rooms.values()) count += room.joinedCount;
    return count;
  }

  /** Why a call to this meeting is refused before it is answered. */
  refuses(meeting: Meeting, role: Role | null): "full" | "locked" | null {
    return (this.#rooms.get(meeting.id) ?? new MeetingRoom(this.#asLocked(meeting))).refuses(role);
  }

  /** The meeting as the API shows it. */
  view(meeting: Meeting, source: MeetingView["source"]): MeetingView {
    const { guestPin, hostPin, ...rest } = meeting;
    const room = this.#rooms.get(meeting.id);
    return {
      ...rest,
      locked: room?.locked ?? this.#asLocked(meeting).locked,
      hasGuestPin: guestPin !== null,
      hasHostPin: hostPin !== null,
      participants: room?.joinedCount ?? 0,
      source,
    };
  }

  /** A meeting's definition has changed. */
  update(meeting: Meeting): void {
    this.#rooms.get(meeting.id)?.update(this.#asLocked(meeting));
    this.#tellMeeting(meeting.id);
  }

  /** The caller is at the meeting's door. */
  arrive(meeting: Meeting, call: Call, runner: JoinRunner, invited: boolean): void {
    const room = this.#enter(meeting, call, runner, null);
    room.arrive(newParticipant(call), invited);
  }

  /** What a call has in its meeting; undefined where it has come to none. */
  placeOf(call: Call): Place | undefined {
    return this.#roomOf(call)?.placeOf(call.id);
  }

  /** A call comes in another's stead (RFC 3891), with what that has or had in the meeting. */
  takeOver(meeting: Meeting, call: Call, runner: JoinRunner, { from, place }: { readonly from: Call; readonly place: Place }): void {
    const before = this.#attendances.get(from.id);
    const room = this.#enter(meeting, call, runner, from.id);
    room.takeOver(newParticipant(call), place, from.id);
    if (before?.named)
      void copyFile(before.runner.nameFile, runner.nameFile).then(
        () => this.named(call),
        () => undefined,
      );
  }

  /** Another call has come in this one's stead. */
  relieved(call: Call): void {
    const attendance = this.#attendances.get(call.id);
    if (attendance) attendance.replaced = true;
  }

  #enter(meeting: Meeting, call: Call, runner: JoinRunner, takes: string | null): MeetingRoom {
    let room = this.#rooms.get(meeting.id);
    if (!room) {
      room = new MeetingRoom(this.#asLocked(meeting), (event) => {
        if (event.type === "participant") this.#parts.emit(event);
        else this.#tellMeeting(meeting.id);
      });
      this.#rooms.set(meeting.id, room);
    }
    call.meetingId = meeting.id;
    this.#attendances.set(call.id, { call, runner, named: false, takes });
    return room;
  }

  /** They turned back to look for another meeting, or are gone. */
  leave(call: Call): void {
    const attendance = this.#attendances.get(call.id);
    const room = call.meetingId === null ? undefined : this.#rooms.get(call.meetingId);
    if (!attendance || !room) return;
    const wasIn = room.participant(call.id)?.state === "joined";
    this.#attendances.delete(call.id);
    attendance.unwatch?.();
    const consequences = room.leave(call.id);
    this.#parts.presenting.left(room.meeting.id, call);
    attendance.seat?.leave().catch(() => undefined);
    if (wasIn && room.joinedCount > 0 && !attendance.replaced) void this.#announce(room.meeting, attendance, "left");
    if (attendance.named) setTimeout(() => rm(attendance.runner.nameFile, { force: true }).catch(() => undefined), 10_000).unref();
    if (room.empty) this.#rooms.delete(room.meeting.id);
    this.#carryOut(room, consequences);
    this.#tellMeeting(room.meeting.id);
  }

  admission(call: Call, role: Role): Admission {
    const room = this.#roomOf(call);
    const admission = room?.admission(call.id, role) ?? "full";
    if (admission === "lobby" && room) this.#tellHosts(room, ["person-waiting"]);
    return admission;
  }

  /** Into the conference, with everything that follows from it. */
  async join(call: Call, runner: JoinRunner): Promise<void> {
    const room = this.#roomOf(call);
    const attendance = this.#attendances.get(call.id);
    const media = call.media?.media;
    if (!room || !attendance || !media) throw new Error("the meeting is gone");
    const { meeting } = room;
    const muted = room.participant(call.id)?.muted ?? false;
    const seat = await this.#parts.sfu.join(meeting.id, {
      id: call.id,
      displayName: room.participant(call.id)?.displayName ?? call.leg.info.displayName,
      media,
      muted,
      pictures: call.pictures,
    });
    if (call.over) return seat.leave();
    attendance.seat = seat;
    this.#parts.presenting.joined(meeting.id, call);
    seat.on("talking", (talking) => room.setTalking(call.id, talking));
    seat.on("muted", (muted) => room.setMuted(call.id, muted));
    seat.on("removed", () => void call.end("removed", "the media server put them out of the conference"));
    attendance.unwatch = watchCodecs(call, room);
    const others = room.joinedCount;
    const consequences = room.joined(call.id, new Date(this.#parts.clock.wall()).toISOString());
    this.#parts.metrics.stage("joined", call.age);
    call.state = "joined";
    call.log.info(
      {
        event: "call-joined",
        meeting: meeting.id,
        role: room.participant(call.id)?.role,
        participants: room.joinedCount,
        afterMs: Math.round(call.age),
      },
      "joined the meeting",
    );
    this.#tellMeeting(meeting.id);
    this.#carryOut(room, consequences);
    const instead = attendance.takes !== null;
    if (others > 0 && !instead) await this.#announce(meeting, attendance, "joined").catch(() => undefined);
    const words: PromptId[] = [
      ...(meeting.announcements === "off" || instead ? [] : sayOthers(others, runner.language)),
      ...(muted ? (["muted"] as const) : []),
      // whoever waits has been waiting for them
      ...(this.isHost(call) && room.nextInLobby() !== undefined ? (["person-waiting"] as const) : []),
    ];
    void this.#tell(attendance, words);
  }

  named(call: Call): void {
    const attendance = this.#attendances.get(call.id);
    if (attendance) attendance.named = true;
  }

  isHost(call: Call): boolean {
    return this.#roomOf(call)?.participant(call.id)?.role === "host";
  }

  /** Lets one person in from the lobby. False when they are not there. */
  admit(meetingId: string, id: string): boolean {
    const to = this.#rooms.get(meetingId)?.admit(id);
    const attendance = this.#attendances.get(id);
    if (!to || !attendance) return false;
    attendance.runner.put({ type: "admission", to });
    return true;
  }

  async mute(meetingId: string, id: string, muted: boolean, byHost: boolean): Promise<boolean> {
    const room = this.#rooms.get(meetingId);
    const attendance = this.#attendances.get(id);
    if (!room || !attendance?.seat) return false;
    await attendance.seat.setMuted(muted);
    room.setMuted(id, muted);
    if (muted) room.setTalking(id, false);
    // a page shows it
    if (attendance.call.leg.info.protocol !== "web")
      void this.#tell(attendance, [muted ? (byHost ? "muted-by-host" : "muted") : "unmuted"]);
    return true;
  }

  /** Puts somebody out, wherever they are, and tells them. */
  async remove(id: string, outcome: "removed" | "meeting-ended", reason: string): Promise<void> {
    const attendance = this.#attendances.get(id);
    if (!attendance) return;
    const { seat, runner } = attendance;
    delete attendance.seat;
    await seat?.leave().catch(() => undefined);
    runner.put({ type: "dismiss", outcome, reason, prompts: [outcome, "goodbye"] });
  }

  /** Ends a meeting for everybody. */
  async close(meetingId: string, reason: string): Promise<void> {
    this.#locks.delete(meetingId);
    await Promise.all(this.participants(meetingId).map(({ id }) => this.remove(id, "meeting-ended", reason)));
  }

  /** Locks a meeting, or opens it, until an operator says otherwise, whether anybody is in it or not. A host's own lock ends with the meeting. */
  lock(meeting: Meeting, locked: boolean): void {
    if (locked === meeting.locked) this.#locks.delete(meeting.id);
    else this.#locks.set(meeting.id, { locked, defined: meeting.locked });
    const room = this.#rooms.get(meeting.id);
    room?.update(this.#asLocked(meeting));
    room?.lock(locked);
    if (!room) this.#tellMeeting(meeting.id);
  }

  #asLocked(meeting: Meeting): Meeting {
    const set = this.#locks.get(meeting.id);
    return set?.defined === meeting.locked ? { ...meeting, locked: set.locked } : meeting;
  }

  /** A participant's two keys. */
  menu(call: Call, action: MenuAction) {
    const room = this.#roomOf(call);
    const attendance = this.#attendances.get(call.id);
    const who = room?.participant(call.id);
    if (!room || !attendance || !who) return;
    const tell = (...prompts: PromptId[]) => void this.#tell(attendance, prompts);
    switch (action) {
      case "toggle-mute":
        void this.mute(room.meeting.id, call.id, !who.muted, false).catch(() => undefined);
        return;
      case "toggle-hand": {
        const raised = room.toggleHand(call.id);
        call.log.info(
          { event: raised ? "hand-raised" : "hand-lowered", meeting: room.meeting.id, participant: call.id },
          raised ? "raised their hand" : "lowered their hand",
        );
        return tell(raised ? "hand-raised" : "hand-lowered");
      }
      case "count":
        return tell(...sayOthers(room.joinedCount - 1, attendance.runner.language));
      case "help":
        return tell(who.role === "host" ? "help-host" : "help-guest");
      case "toggle-lock":
        room.lock(!room.locked);
        return tell(room.locked ? "meeting-now-locked" : "meeting-now-unlocked");
      case "admit-next": {
        const next = room.nextInLobby();
        return tell(next !== undefined && this.admit(room.meeting.id, next) ? "let-in" : "nobody-waiting");
      }
    }
  }

  #roomOf(call: Call): MeetingRoom | undefined {
    return call.meetingId === null ? undefined : this.#rooms.get(call.meetingId);
  }

  #carryOut(room: MeetingRoom, { release, end }: Consequences): void {
    for (const id of release) {
      const attendance = this.#attendances.get(id);
      if (attendance) attendance.runner.put({ type: "admission", to: room.admission(id, "guest") });
    }
    for (const id of end) void this.remove(id, "meeting-ended", "the last host has left");
  }

  async #tell(attendance: Attendance, prompts: readonly PromptId[]): Promise<void> {
    if (prompts.length === 0) return;
    await attendance.seat?.play(attendance.runner.files(prompts)).catch((error: unknown) => {
      attendance.call.log.warn({ event: "prompt-failed", prompts, err: error }, "a prompt could not be played into the meeting");
    });
  }

  #tellHosts(room: MeetingRoom, prompts: readonly PromptId[]): void {
    for (const id of room.hosts()) {
      const host = this.#attendances.get(id);
      if (host) void this.#tell(host, prompts);
    }
  }

  /** What the others hear when somebody comes or goes. */
  async #announce(meeting: Meeting, who: Attendance, what: "joined" | "left"): Promise<void> {
    const file = (id: PromptId) => joinPath(this.#parts.promptsRoot, promptFile(id, meeting.language));
    // with the media server everybody goes, and nobody is left to hear it
    if (meeting.announcements === "off" || !this.#parts.media.connected) return;
    const tone = file(what === "joined" ? "tone-join" : "tone-leave");
    const files =
      meeting.announcements === "tone"
        ? [tone]
        : who.named
          ? [who.runner.nameFile, file(what === "joined" ? "has-joined" : "has-left")]
          : [file(what === "joined" ? "someone-joined" : "someone-left")];
    await this.#parts.sfu.announce(meeting.id, files).catch((error: unknown) => {
      who.call.log.warn({ event: "announcement-failed", meeting: meeting.id, err: error }, "an announcement could not be played");
    });
  }

  #tellMeeting(meetingId: string): void {
    const meeting = this.#parts.directory.get(meetingId);
    const source = this.#parts.directory.source(meetingId);
    if (meeting && source) this.#parts.emit({ type: "meeting", meeting: this.view(meeting, source) });
  }
}

function newParticipant({ id, leg: { info }, trust }: Call): NewParticipant {
  const address = info.direction === "in" ? info.from : info.to;
  return { id, callId: id, displayName: info.displayName, address, protocol: info.protocol, trust };
}
