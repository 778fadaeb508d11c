import type { MediaPort } from "../../call/media.ts";
import type { VideoRelay } from "../../video/port.ts";
import { joinConference } from "../media-conference.ts";
import type { Seat, Sfu, SfuParticipant } from "../port.ts";
import { AudioLeg } from "./audio-leg.ts";
import { JanusConnection } from "./client.ts";
import { JanusMeeting } from "./meeting.ts";
import { roomNumber } from "./rooms.ts";
import { JanusSeat } from "./seat.ts";

export interface JanusSettings {
  readonly url: string;
  readonly apiSecret: string | null;
  readonly adminKey: string | null;
  readonly roomSecret: string;
  readonly roomPin: string | null;
  readonly mediaHost: string | null;
}

export interface JanusSfuOptions {
  readonly settings: JanusSettings;
  readonly media: MediaPort;
  readonly relay: VideoRelay | null;
  readonly log: (level: "info" | "warn", event: string, fields: Readonly<Record<string, unknown>>) => void;
}

/** Janus's videoroom and audiobridge as the meeting's SFU: its own browser clients are in the meeting with our rooms and phones. */
export class JanusSfu implements Sfu {
  readonly #options: JanusSfuOptions;
  readonly #connection: JanusConnection;
  readonly #meetings = new Map<string, JanusMeeting>();

  constructor(options: JanusSfuOptions) {
    this.#options = options;
    const { log, settings } = options;
    this.#connection = new JanusConnection(settings);
    this.#connection.on("up", () => log("info", "janus-connected", { url: settings.url }));
    this.#connection.on("down", (reason) => log("warn", "janus-lost", { url: settings.url, reason, meetings: this.#meetings.size }));
    this.#connection.start();
  }

  get connected(): boolean {
    return this.#connection.up;
  }

  async join(meetingId: string, participant: SfuParticipant): Promise<Seat> {
    const { id, displayName, media, muted, pictures } = participant;
    const { settings, log } = this.#options;
    if (!this.#connection.up) throw new Error("Janus is not connected");
    const meeting = this.#meeting(meetingId);
    await meeting.ready();
    const audio = new AudioLeg({
      connection: this.#connection,
      port: this.#options.media,
      room: roomNumber(meetingId),
      pin: settings.roomPin,
      displayName,
      mediaHost: settings.mediaHost,
    });
    await audio.open(muted);
    try {
      const name = `janus-${id}`;
      const bridge = await joinConference(audio.session, name, false);
      // the caller comes last: what it says from then on is heard by a seat
      const own = await joinConference(media, name, muted);
      const warn = (event: string, fields: Readonly<Record<string, unknown>>) => log("warn", event, { meeting: meetingId, ...fields });
      const onEmpty = () => this.#end(meetingId, meeting);
      const seat = new JanusSeat({ id, displayName, meeting, own, bridge, audio, pictures, warn, onEmpty });
      meeting.enter(id, seat);
      return seat;
    } catch (error) {
      await audio.close().catch(() => undefined);
      if (meeting.seats.size === 0) this.#end(meetingId, meeting);
      throw error;
    }
  }

  /** Heard by those who came through the gateway: Janus can play files of its own machine only. */
  async announce(meetingId: string, files: readonly string[]): Promise<void> {
    const seats = this.#meetings.get(meetingId)?.seats.values() ?? [];
    await Promise.all([...seats].map((seat) => seat.play(files).catch(() => undefined)));
  }

  present(meetingId: string, participantId: string | null): void {
    this.#meetings.get(meetingId)?.present(participantId);
  }

  close(): void {
    for (const meeting of this.#meetings.values()) meeting.close();
    this.#connection.close();
  }

  #meeting(meetingId: string): JanusMeeting {
    const known = this.#meetings.get(meetingId);
    if (known) return known;
    const { settings, relay, log } = this.#options;
    const meeting = new JanusMeeting({
      connection: this.#connection,
      relay,
      meetingId,
      mediaHost: settings.mediaHost,
      rooms: {
        room: roomNumber(meetingId),
        description: `Crosspoint ${meetingId}`,
        adminKey: settings.adminKey,
        secret: settings.roomSecret,
        pin: settings.roomPin,
      },
      warn: (event, fields) => log("warn", event, fields),
    });
    this.#meetings.set(meetingId, meeting);
    return meeting;
  }

  #end(meetingId: string, meeting: JanusMeeting): void {
    if (this.#meetings.get(meetingId) !== meeting || meeting.seats.size > 0) return;
    this.#meetings.delete(meetingId);
    meeting.close();
  }
}
