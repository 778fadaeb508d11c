import type { VideoRelay } from "../../video/port.ts";
import { seatPictures } from "../pictures.ts";
import type { ConferenceApi, Seat, Sfu, SfuParticipant } from "../port.ts";

/**
 * The media server's own conference as the meeting's SFU, with the video relay beside it. Members are addressed through their own event-socket connection,
 * the whole conference through the one to the media server, so no leg is spent on control.
 */
export class ConferenceSfu implements Sfu {
  readonly #server: ConferenceApi;
  readonly #relay: VideoRelay | null;

  /** Without a relay meetings are audio only. */
  constructor(server: ConferenceApi, relay: VideoRelay | null) {
    this.#server = server;
    this.#relay = relay;
  }

  async join(meetingId: string, { id, media, muted, pictures }: SfuParticipant): Promise<Seat> {
    const seat = await media.joinConference(conferenceName(meetingId), muted);
    // pictures follow the conference's floor; what fails there is the relay's affair, and never the audio's
    const relay = this.#relay;
    if (relay && pictures) {
      const seated = seatPictures(relay, meetingId, id, pictures);
      seat.onVacated(() => seated.leave());
    }
    if (relay) seat.on("floor", () => relay.speaker(meetingId, id));
    return seat;
  }

  async announce(meetingId: string, files: readonly string[]): Promise<void> {
    for (const file of files) await this.#server.api(`conference ${conferenceName(meetingId)} play ${file}`);
  }

  present(meetingId: string, participantId: string | null): void {
    this.#relay?.presenter(meetingId, participantId);
  }
}

/** Conference of a meeting; identifiers have no character that the event socket would split at. */
function conferenceName(meetingId: string): string {
  return `meeting-${meetingId}`;
}
