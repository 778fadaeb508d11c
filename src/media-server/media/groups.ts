import type { Millis } from "../../base/clock.ts";
import type { Conductor, Group } from "./tick-scheduler.ts";
import type { Tell } from "./jobs.ts";
import { TICK_MS } from "./pacer.ts";
import { PhaseChoice } from "./phase-choice.ts";
import { Room } from "./room.ts";
import type { MediaSession } from "./session.ts";

/** Takes a session out that failed. */
export type Fault = (id: number, error: unknown) => void;

/** A room looks for its best phase every so many ticks. */
const SETTLE_TICKS = 10;

/** A session's two steps, each failing for itself. */
function listen(session: MediaSession, now: Millis, late: number, fault: Fault): void {
  try {
    session.listen(now, late);
  } catch (error) {
    fault(session.id, error);
  }
}

function speak(session: MediaSession, now: Millis, fault: Fault): void {
  try {
    session.speak(now);
  } catch (error) {
    fault(session.id, error);
  }
}

/** A media session lets ticks go: media time goes on without them. */
function skip(session: MediaSession, ticks: number): void {
  session.rtp.skip(ticks * TICK_MS);
  session.rtp.playout.miss();
}

/** The calls that are in no room: prompts, bridges, idle ones. */
export class LoneCalls implements Group {
  readonly #sessions: ReadonlyMap<number, MediaSession>;
  readonly #fault: Fault;

  constructor(sessions: ReadonlyMap<number, MediaSession>, fault: Fault) {
    this.#sessions = sessions;
    this.#fault = fault;
  }

  tick(now: Millis, late: number): void {
    for (const session of this.#sessions.values()) if (!session.member) listen(session, now, late, this.#fault);
    for (const session of this.#sessions.values()) if (!session.member) speak(session, now, this.#fault);
  }

  skip(ticks: number): void {
    for (const session of this.#sessions.values()) if (!session.member) skip(session, ticks);
  }
}

/** A room and the calls in it: everybody's sound in, mixed, everybody's sound out at once. */
export class RoomCalls implements Group {
  readonly room: Room;
  readonly #conductor: Conductor;
  readonly #choice: PhaseChoice;
  readonly #fault: Fault;
  #ticks = 0;

  constructor(id: number, tell: Tell, conductor: Conductor, fault: Fault) {
    this.room = new Room(id, tell, () => conductor.phaseOf(this));
    this.#conductor = conductor;
    this.#choice = new PhaseChoice(conductor.origin);
    this.#fault = fault;
  }

  tick(now: Millis, late: number): void {
    const { room } = this;
    for (const session of room.sessions()) listen(session, now, late, this.#fault);
    room.tick();
    for (const session of room.sessions()) speak(session, now, this.#fault);
    if (++this.#ticks % SETTLE_TICKS === 0) this.#settle(now);
  }

  skip(ticks: number): void {
    for (const session of this.room.sessions()) skip(session, ticks);
  }

  /** A call has come. The first one's phase is the room's: nobody is there yet to whom a change would matter. */
  joined(now: Millis): void {
    if (this.room.size === 1) this.#place(this.#choose().best(this.#conductor.phaseOf(this)), now);
  }

  /** A step to the phase in which the members' packets wait least. */
  #settle(now: Millis): void {
    this.room.weigh();
    this.#place(this.#choose().step(this.#conductor.phaseOf(this)), now);
  }

  #choose(): PhaseChoice {
    this.#choice.begin();
    for (const readiness of this.room.readiness()) this.#choice.add(readiness);
    return this.#choice;
  }

  #place(phase: number, now: Millis): void {
    this.#conductor.place(this, phase, now);
  }
}
