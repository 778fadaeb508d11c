import type { MediaPort } from "../../call-media/media-server.ts";
import type { VideoRelay } from "../../video/port.ts";
import type { Seat, Sfu, SfuParticipant } from "../port.ts";
import { Announcer } from "./announcer.ts";
import { AudioLeg, type AudioLegOptions } from "./audio-leg.ts";
import { JanusConnection } from "./client.ts";
import { JanusMeeting, OWN_NAME } from "./meeting.ts";
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
  /** Told whether Janus is there: at first it is not. */
  readonly connected?: (up: boolean) => void;
  readonly log: (level: "info" | "warn", event: string, fields: Readonly<Record<string, unknown>>) => void;
}

/** Janus's videoroom and audiobridge as the meeting's SFU: its own browser clients are in the meeting with our rooms and phones. */
export class JanusSfu implements Sfu {
  readonly #options: JanusSfuOptions;
  readonly #connection: JanusConnection;
  readonly #meetings = new Map<string, JanusMeeting>();

  constructor(options: JanusSfuOptions) {
    this.#options = options;
    const { log, settings, connected } = options;
    this.#connection = new JanusConnection(settings);
    connected?.(false);
    this.#connection.on("up", () => {
      connected?.(true);
      log("info", "janus-connected", { url: settings.url });
    });
    this.#connection.on("down", (reason) => {
      connected?.(false);
      log("warn", "janus-lost", { url: settings.url, reason, meetings: this.#meetings.size });
    });
    this.#connection.start();
  }

  get connected(): boolean {
    return this.#connection.up;
  }

  async join(meetingId: string, participant: SfuParticipant): Promise<Seat> {
    const { id, displayName, media, muted, pictures } = participant;
    const { log } = this.#options;
    if (!this.#connection.up) throw new Error("Janus is not connected");
    const meeting = this.#meeting(meetingId);
    const audio = new AudioLeg(this.#legOptions(meetingId, displayName));
    audio.on("talks", (name, talking) => meeting.talks(name, talking));
    meeting.joining += 1;
    try {
      await meeting.ready();
      await audio.open(muted);
      const name = `janus-${id}`;
      const bridge = await audio.session.joinConference(name, false);
      // the caller comes last: what it says from then on is heard by a seat
      const own = await media.joinConference(name, muted);
      const warn = (event: string, fields: Readonly<Record<string, unknown>>) => log("warn", event, { meeting: meetingId, ...fields });
      const onEmpty = () => this.#end(meetingId, meeting);
      const seat = new JanusSeat({ id, displayName, meeting, own, bridge, audio, pictures, warn, onEmpty });
      meeting.enter(id, seat);
      return seat;
    } catch (error) {
      await audio.close().catch(() => undefined);
      throw error;
    } finally {
      meeting.joining -= 1;
      this.#end(meetingId, meeting);
    }
  }

  async announce(meetingId: string, files: readonly string[]): Promise<void> {
    await this.#meetings.get(meetingId)?.announce(files);
  }

  nameOf(meetingId: string, memberId: string): string | undefined {
    return this.#meetings.get(meetingId)?.nameOf(memberId);
  }

  present(meetingId: string, participantId: string | null): void {
    this.#meetings.get(meetingId)?.present(participantId);
  }

  close(): void {
    for (const meeting of this.#meetings.values()) meeting.close();
    this.#connection.close();
  }

  #legOptions(meetingId: string, displayName: string): AudioLegOptions {
    const { settings, media } = this.#options;
    const { roomPin, mediaHost } = settings;
    return { connection: this.#connection, port: media, room: roomNumber(meetingId), pin: roomPin, displayName, mediaHost };
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
      announcer: () =>
        new Announcer(this.#legOptions(meetingId, OWN_NAME), `janus-announcer-${meetingId}`, (error) =>
          log("warn", "janus-announcer-failed", { meeting: meetingId, error: String(error) }),
        ),
      warn: (event, fields) => log("warn", event, fields),
    });
    this.#meetings.set(meetingId, meeting);
    return meeting;
  }

  /** Ends it where nobody is in it, or about to be. */
  #end(meetingId: string, meeting: JanusMeeting): void {
    if (this.#meetings.get(meetingId) !== meeting || meeting.seats.size + meeting.joining > 0) return;
    this.#meetings.delete(meetingId);
    meeting.close();
  }
}
