import { EventEmitter } from "node:events";
import type { ConferenceMember, ConferenceMemberEvents, MediaSessionEvents } from "../call-media/media-server.ts";
import type { Endpoint, EslConnection, EslEvent } from "./drachtio-fsmrf.ts";

/** A media server that has not let somebody in by then will not. */
const JOIN_MS = 5_000;
/** Of the media server's conference.conf. */
const PROFILE = "default";
const MEMBER_EVENTS = "esl::event::CUSTOM::*";
/** Events kept until it is known whom they are about. */
const MOST_EARLY = 100;

/** What a conference needs of a session: its endpoint, and to hear of its end. */
export interface JoiningSession {
  /** Throws when the session is not up. */
  readonly endpoint: Endpoint;
  readonly closed: boolean;
  onClosed(listener: () => void): void;
  once(event: "gone", listener: (...args: MediaSessionEvents["gone"]) => void): unknown;
}

/**
 * Joins a session to a conference of its media server (`conference` application), which comes into being with its first member. Rejects when the media
 * server does not let it in.
 */
export async function joinConference(media: JoiningSession, name: string, muted: boolean): Promise<EndpointMember> {
  const { endpoint } = media;
  const { conn } = endpoint;
  if (!conn) throw new Error("the media session is not up");
  const seat = new EndpointMember(media, conn);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`the media server let nobody into ${name}`)), JOIN_MS);
    media.once("gone", () => reject(new Error("the media session is gone")));
  });
  const joining = endpoint.join(name, { profile: PROFILE, flags: { mute: muted } });
  joining.catch(() => undefined);
  try {
    const { memberId } = await Promise.race([joining, late]);
    seat.sit(memberId);
    return seat;
  } catch (error) {
    seat.vacate();
    throw error;
  } finally {
    clearTimeout(timer);
    late.catch(() => undefined);
  }
}

/** A member of a conference, addressed by its own event-socket connection. */
export class EndpointMember extends EventEmitter<ConferenceMemberEvents> implements ConferenceMember {
  readonly #media: JoiningSession;
  readonly #connection: EslConnection;
  readonly #onEvent: (event: EslEvent) => void;
  #memberId: number | undefined;
  /** What was told before it was known which member we are: who talks on the way in talks at once, and that is said once. */
  #early: EslEvent[] = [];
  readonly #whenVacated: (() => void)[] = [];
  #gone = false;

  constructor(media: JoiningSession, connection: EslConnection) {
    super();
    this.#media = media;
    this.#connection = connection;
    this.#onEvent = (event) => this.#handle(event);
    connection.on(MEMBER_EVENTS, this.#onEvent);
  }

  sit(memberId: number): void {
    this.#memberId = memberId;
    this.#media.onClosed(() => this.vacate());
    // whoever waits for this seat listens by then
    setImmediate(() => {
      for (const event of this.#early.splice(0)) this.#handle(event);
    });
  }

  /** Runs when the seat is given up, however that comes. */
  onVacated(listener: () => void): void {
    this.#whenVacated.push(listener);
  }

  vacate(): void {
    if (this.#gone) return;
    this.#gone = true;
    for (const listener of this.#whenVacated) listener();
    this.#connection.removeListener(MEMBER_EVENTS, this.#onEvent);
  }

  async setMuted(muted: boolean): Promise<void> {
    if (this.#gone) return;
    const { endpoint } = this.#media;
    await (muted ? endpoint.confMute() : endpoint.confUnmute());
  }

  async play(files: readonly string[]): Promise<void> {
    for (const file of files) {
      if (this.#gone || this.#media.closed) return;
      await this.#media.endpoint.confPlay(file);
    }
  }

  async leave(): Promise<void> {
    if (this.#gone) return;
    const left = this.#media.closed ? Promise.resolve() : this.#departure();
    this.vacate();
    await left;
  }

  /** The kick, and the end of the conference application, without which nothing can be played. */
  async #departure(): Promise<void> {
    const { endpoint } = this.#media;
    const ended = new Promise<void>((resolve) => {
      const timer = setTimeout(done, 1_000);
      const onComplete = (event: EslEvent) => event.getHeader("Application") === "conference" && done();
      const name = `esl::event::CHANNEL_EXECUTE_COMPLETE::${endpoint.uuid}`;
      const connection = this.#connection;
      function done() {
        clearTimeout(timer);
        connection.removeListener(name, onComplete);
        resolve();
      }
      connection.on(name, onComplete);
    });
    await endpoint.confKick().catch(() => undefined);
    await ended;
  }

  #handle(event: EslEvent): void {
    if (event.getHeader("Event-Subclass") !== "conference::maintenance" || this.#gone) return;
    if (this.#memberId === undefined) {
      if (this.#early.length < MOST_EARLY) this.#early.push(event);
      return;
    }
    const action = event.getHeader("Action");
    const mine = Number(event.getHeader("Member-ID")) === this.#memberId;
    if (action === "floor-change") {
      if (Number(event.getHeader("New-ID")) === this.#memberId) this.emit("floor");
    } else if (!mine) return;
    else if (action === "start-talking") this.emit("talking", true);
    else if (action === "stop-talking") this.emit("talking", false);
    else if (action === "del-member") {
      this.vacate();
      this.emit("removed");
    }
  }
}
