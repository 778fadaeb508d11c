import { codecGaps, NO_GAPS, type PictureCodecs } from "./codecs.ts";
import type { AudioStats, Meeting, Participant, Role } from "./model.ts";

/** What is known of somebody before they are let in. */
export type NewParticipant = Pick<Participant, "id" | "callId" | "displayName" | "address" | "protocol" | "trust">;

/** Where somebody whose PIN (if any) is right goes next. */
export type Admission = "join" | "lobby" | "wait" | "full" | "locked";

/** What the room tells: every change of a participant once, and changes of the lock. */
export type RoomEvent =
  | { readonly type: "participant"; readonly participant: Participant }
  | { readonly type: "lock"; readonly locked: boolean };

/** What follows from somebody's joining or leaving; the gateway carries it out. */
export interface Consequences {
  /** Guests who waited for the host and may join now, in the order they came. */
  readonly release: readonly string[];
  /** Guests for whom the meeting ends because the last host has left. */
  readonly end: readonly string[];
}

/** What somebody has in a meeting that another call may take over. */
export interface Place {
  readonly displayName: string;
  readonly role: Role;
  readonly muted: boolean;
  readonly hand: boolean;
  /** Past the PIN: one of the meeting's places is theirs. */
  readonly placed: boolean;
  readonly admitted: boolean;
  /** In the conference, so that neither lobby nor host is waited for again. */
  readonly joined: boolean;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

interface Attendee {
  readonly participant: Mutable<Participant>;
  /** Past the PIN: takes one of the meeting's places, wherever they wait. */
  placed: boolean;
  /** Admitted from the lobby by name: never sent back there. */
  admitted: boolean;
  /** What was taken over, and from whom. */
  taken: { readonly from: string; readonly joined: boolean } | null;
  /** Of their pictures; null for a call without. */
  codecs: PictureCodecs | null;
}

/**
 * One meeting while people are in it: roster, lobby, lock, host rules. Pure state; whoever carries out the consequences calls back with
 * what came of them.
 */
export class MeetingRoom {
  #meeting: Meeting;
  #locked: boolean;
  readonly #attendees = new Map<string, Attendee>();
  readonly #emit: (event: RoomEvent) => void;

  constructor(meeting: Meeting, emit: (event: RoomEvent) => void = () => {}) {
    this.#meeting = meeting;
    this.#locked = meeting.locked;
    this.#emit = emit;
  }

  get meeting(): Meeting {
    return this.#meeting;
  }

  get locked(): boolean {
    return this.#locked;
  }

  /** Nobody is in it or on the way into it. */
  get empty(): boolean {
    return this.#attendees.size === 0;
  }

  /** Participants in the order they came, as copies. */
  participants(): Participant[] {
    return [...this.#attendees.values()].map((attendee) => ({ ...attendee.participant }));
  }

  participant(id: string): Participant | undefined {
    const attendee = this.#attendees.get(id);
    return attendee && { ...attendee.participant };
  }

  /** Of those who have joined. */
  get joinedCount(): number {
    return this.#count((one) => one.state === "joined");
  }

  get hostPresent(): boolean {
    return this.#count((one) => one.state === "joined" && one.role === "host") > 0;
  }

  /** A changed definition; who is in stays in. A lock set by the host goes when the definition's own lock changes. */
  update(meeting: Meeting): void {
    const lockChanged = meeting.locked !== this.#meeting.locked;
    this.#meeting = meeting;
    if (lockChanged) this.lock(meeting.locked);
  }

  lock(locked: boolean): void {
    if (this.#locked === locked) return;
    this.#locked = locked;
    this.#emit({ type: "lock", locked });
  }

  /** Why a new call is refused before it is answered; hosts (known by a PIN in the dial string) pass a lock. Null: it is not. */
  refuses(role: Role | null): "full" | "locked" | null {
    if (this.#locked && role !== "host") return "locked";
    return this.#isFull() ? "full" : null;
  }

  /** Somebody is on the way in and may be asked for a PIN. `invited`: we called them, they do not wait in the lobby. */
  arrive(newcomer: NewParticipant, invited = false): void {
    if (this.#attendees.has(newcomer.id)) return;
    const attendee: Attendee = {
      participant: this.#newcomer(newcomer),
      placed: false,
      admitted: invited,
      taken: null,
      codecs: null,
    };
    this.#attendees.set(newcomer.id, attendee);
    this.#changed(attendee);
  }

  /** What somebody has here, from wherever they are; undefined where they are not here. */
  placeOf(id: string): Place | undefined {
    const attendee = this.#attendees.get(id);
    if (!attendee) return undefined;
    const { participant, placed, admitted } = attendee;
    const { displayName, role, muted, hand, state } = participant;
    return { displayName, role, muted, hand, placed, admitted, joined: state === "joined" };
  }

  /**
   * Somebody comes in another's stead, and has what he had: the place among those that there may be, the turn in the lobby, role, name and hand. `from` may have
   * gone meanwhile; then a full meeting is full. `from` stays until `leave` says that he has gone.
   */
  takeOver(newcomer: NewParticipant, place: Place, from: string): void {
    if (this.#attendees.has(newcomer.id)) return;
    const before = this.#attendees.get(from);
    const { displayName, role, muted, hand, admitted, joined } = place;
    const placed = place.placed && (before?.placed === true || !this.#isFull());
    const participant = { ...this.#newcomer(newcomer), displayName, role, muted, hand };
    const attendee: Attendee = { participant, placed, admitted, taken: { from, joined }, codecs: null };
    if (before) before.placed = false;
    const all = [...this.#attendees];
    this.#attendees.clear();
    for (const [id, one] of all) {
      if (one === before) this.#attendees.set(newcomer.id, attendee);
      this.#attendees.set(id, one);
    }
    this.#attendees.set(newcomer.id, attendee);
    this.#changed(attendee);
  }

  #newcomer(newcomer: NewParticipant): Participant {
    return {
      ...newcomer,
      meetingId: this.#meeting.id,
      role: "guest",
      state: "ivr",
      muted: false,
      talking: false,
      hand: false,
      joinedAt: null,
      audio: null,
      video: null,
      ...NO_GAPS,
    };
  }

  /**
   * Decides where somebody with this role goes, and puts them there. `join` leaves the state as it is until `joined` says that it has happened.
   * Unverified callers wait in the lobby where there is one, with the right guest PIN too; hosts never do.
   */
  admission(id: string, role: Role): Admission {
    const attendee = this.#attendees.get(id);
    if (!attendee) return "full";
    const who = attendee.participant;
    who.role = role;
    if (attendee.taken === null) who.muted = this.#meeting.muteOnJoin && role !== "host";
    const refusal = attendee.placed ? null : this.refuses(role);
    if (refusal !== null) return refusal;
    attendee.placed = true;
    const wasIn = attendee.taken?.joined === true;
    const lobby = this.#meeting.lobby && who.trust === "unverified" && role !== "host" && !attendee.admitted && !wasIn;
    const wait = this.#meeting.waitForHost && role !== "host" && !this.hostPresent && !wasIn;
    who.state = lobby ? "lobby" : wait ? "waiting" : "ivr";
    this.#changed(attendee);
    return lobby ? "lobby" : wait ? "wait" : "join";
  }

  /** Lets one person out of the lobby, nobody else. Undefined when they are not in it. */
  admit(id: string): Admission | undefined {
    const attendee = this.#attendees.get(id);
    if (attendee?.participant.state !== "lobby") return undefined;
    attendee.admitted = true;
    attendee.participant.state = "ivr";
    return this.admission(id, attendee.participant.role);
  }

  /** Whoever has waited longest in the lobby. */
  nextInLobby(): string | undefined {
    for (const [id, { participant }] of this.#attendees) if (participant.state === "lobby") return id;
    return undefined;
  }

  /** They are in the conference. `at` is ISO 8601. */
  joined(id: string, at: string): Consequences {
    const attendee = this.#attendees.get(id);
    if (!attendee || attendee.participant.state === "joined") return { release: [], end: [] };
    const firstHost = attendee.participant.role === "host" && !this.hostPresent;
    attendee.participant.state = "joined";
    attendee.participant.joinedAt = at;
    this.#changed(attendee);
    this.#match();
    return { release: firstHost ? this.#ids((one) => one.state === "waiting") : [], end: [] };
  }

  /** They have gone, from wherever they were. The last one out takes the host's lock along. */
  leave(id: string): Consequences {
    const attendee = this.#attendees.get(id);
    if (!attendee) return { release: [], end: [] };
    const wasHostIn = attendee.participant.role === "host" && attendee.participant.state === "joined";
    this.#attendees.delete(id);
    // who was to take a place over and has not come leaves it to whom it was
    const before = attendee.taken && this.#attendees.get(attendee.taken.from);
    if (before) before.placed = attendee.placed;
    attendee.participant.state = "left";
    attendee.participant.talking = false;
    attendee.participant.hand = false;
    this.#changed(attendee);
    this.#match();
    if (this.empty) this.lock(this.#meeting.locked);
    const ends = wasHostIn && this.#meeting.endWithHost && !this.hostPresent;
    return { release: [], end: ends ? this.#ids((one) => one.role !== "host" && (one.state === "joined" || one.state === "waiting")) : [] };
  }

  setMuted(id: string, muted: boolean): void {
    this.#set(id, "muted", muted);
  }

  setTalking(id: string, talking: boolean): void {
    this.#set(id, "talking", talking);
  }

  /** What their camera's line has now; null where there is none. */
  setCodecs(id: string, codecs: PictureCodecs | null): void {
    const attendee = this.#attendees.get(id);
    if (!attendee) return;
    attendee.codecs = codecs;
    this.#match();
  }

  /** Does not tell: figures change all the time. */
  setAudio(id: string, audio: AudioStats | null): void {
    const attendee = this.#attendees.get(id);
    if (attendee) attendee.participant.audio = audio;
  }

  /** Turns the raised hand around and says how it is now. */
  toggleHand(id: string): boolean {
    const attendee = this.#attendees.get(id);
    if (!attendee) return false;
    attendee.participant.hand = !attendee.participant.hand;
    this.#changed(attendee);
    return attendee.participant.hand;
  }

  /** Everybody who has joined as host. */
  hosts(): string[] {
    return this.#ids((one) => one.role === "host" && one.state === "joined");
  }

  #isFull(): boolean {
    const limit = this.#meeting.maxParticipants;
    if (limit === 0) return false;
    let placed = 0;
    for (const attendee of this.#attendees.values()) if (attendee.placed) placed++;
    return placed >= limit;
  }

  #count(test: (participant: Participant) => boolean): number {
    let count = 0;
    for (const { participant } of this.#attendees.values()) if (test(participant)) count++;
    return count;
  }

  #ids(test: (participant: Participant) => boolean): string[] {
    return [...this.#attendees.values()].filter(({ participant }) => test(participant)).map(({ participant }) => participant.id);
  }

  #set(id: string, what: "muted" | "talking", value: boolean): void {
    const attendee = this.#attendees.get(id);
    if (!attendee || attendee.participant[what] === value) return;
    attendee.participant[what] = value;
    this.#changed(attendee);
  }

  /** Says of those in the meeting anew who cannot see whom. */
  #match(): void {
    const present = [...this.#attendees.values()].filter(({ participant }) => participant.state === "joined");
    const gaps = codecGaps(new Map(present.flatMap(({ participant, codecs }) => (codecs ? [[participant.id, codecs] as const] : []))));
    for (const attendee of present) {
      const { participant } = attendee;
      const { notSeenBy, doesNotSee } = gaps.get(participant.id) ?? NO_GAPS;
      if (same(participant.notSeenBy, notSeenBy) && same(participant.doesNotSee, doesNotSee)) continue;
      Object.assign(participant, { notSeenBy, doesNotSee });
      this.#changed(attendee);
    }
  }

  #changed(attendee: Attendee): void {
    this.#emit({ type: "participant", participant: { ...attendee.participant } });
  }
}

function same(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((one, at) => one === b[at]);
}
