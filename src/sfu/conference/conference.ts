import { EventEmitter } from "node:events";
import type { EslConnection, EslEvent } from "../../call/fsmrf/library.ts";
import { FsmrfSession } from "../../call/fsmrf/session.ts";
import type { VideoRelay } from "../../video/port.ts";
import { type PictureSeat, seatPictures } from "../pictures.ts";
import type { Seat, SeatEvents, Sfu, SfuParticipant } from "../port.ts";

/** A media server that has not let somebody in by then will not. */
const JOIN_MS = 5_000;
const MEMBER_EVENTS = "esl::event::CUSTOM::*";

/** The media server's API, by which a whole conference is addressed. */
export interface ConferenceApi {
  api(command: string): Promise<string>;
}

/**
 * The media server's own conference (`conference` application) as the meeting's SFU. Members are addressed through their own event-socket connection, the
 * whole conference through the one to the media server, so no leg is spent on control.
 */
export class ConferenceSfu implements Sfu {
  readonly #server: ConferenceApi;
  readonly #relay: VideoRelay | null;
  readonly #profile: string;

  /** `profile`: of the media server's conference.conf. Without a relay meetings are audio only. */
  constructor(server: ConferenceApi, relay: VideoRelay | null, profile = "default") {
    this.#server = server;
    this.#relay = relay;
    this.#profile = profile;
  }

  async join(meetingId: string, participant: SfuParticipant): Promise<Seat> {
    const { media } = participant;
    if (!(media instanceof FsmrfSession)) throw new TypeError("this conference takes sessions of its own media server only");
    const { endpoint } = media;
    const { conn } = endpoint;
    if (!conn) throw new Error("the media session is not up");
    const seat = new ConferenceSeat(media, conn);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`the media server did not let ${participant.id} into the conference`)), JOIN_MS);
      media.once("gone", () => reject(new Error("the media session is gone")));
    });
    const joining = endpoint.join(conferenceName(meetingId), { profile: this.#profile, flags: { mute: participant.muted } });
    joining.catch(() => undefined);
    try {
      const { memberId } = await Promise.race([joining, late]);
      seat.sit(memberId);
      this.#show(meetingId, participant, seat);
      return seat;
    } catch (error) {
      seat.vacate();
      throw error;
    } finally {
      clearTimeout(timer);
      late.catch(() => undefined);
    }
  }

  present(meetingId: string, participantId: string | null): void {
    this.#relay?.presenter(meetingId, participantId);
  }

  /** Pictures follow the conference's floor. What fails there is the relay's affair, and never the audio's. */
  #show(meetingId: string, { id, pictures }: SfuParticipant, seat: ConferenceSeat): void {
    const relay = this.#relay;
    if (!relay) return;
    if (pictures) seat.pictures = seatPictures(relay, meetingId, id, pictures);
    seat.on("floor", () => relay.speaker(meetingId, id));
  }

  async announce(meetingId: string, files: readonly string[]): Promise<void> {
    for (const file of files) await this.#server.api(`conference ${conferenceName(meetingId)} play ${file}`);
  }
}

/** Conference of a meeting; identifiers have no character that the event socket would split at. */
export function conferenceName(meetingId: string): string {
  return `meeting-${meetingId}`;
}

class ConferenceSeat extends EventEmitter<SeatEvents> implements Seat {
  readonly #media: FsmrfSession;
  readonly #connection: EslConnection;
  readonly #onEvent: (event: EslEvent) => void;
  #memberId: number | undefined;
  pictures: PictureSeat | undefined;
  #gone = false;

  constructor(media: FsmrfSession, connection: EslConnection) {
    super();
    this.#media = media;
    this.#connection = connection;
    this.#onEvent = (event) => this.#handle(event);
    connection.on(MEMBER_EVENTS, this.#onEvent);
  }

  sit(memberId: number): void {
    this.#memberId = memberId;
    this.#media.onClosed(() => this.vacate());
  }

  vacate(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.pictures?.leave();
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
