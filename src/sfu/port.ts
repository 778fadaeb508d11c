import type { MediaPort, MediaSession } from "../call-media/media-server.ts";
import type { VideoRelay } from "../video/port.ts";
import type { Pictures } from "../call-media/video-streams.ts";

/** Who joins, and how. */
export interface SfuParticipant {
  /** The participant's identifier: unique, of `[A-Za-z0-9._-]`. */
  readonly id: string;
  readonly displayName: string;
  /** Audio, from and to the media server. */
  readonly media: MediaSession;
  readonly muted: boolean;
  /** Cameras and screens, from and to the video relay; null for a call without. */
  readonly pictures: Pictures | null;
}

/** What happens to somebody in the meeting's media. */
export interface SeatEvents {
  talking: [talking: boolean];
  /** They are now the one whom an active-speaker view shows. */
  floor: [];
  /** Somebody muted or unmuted them at the SFU. */
  muted: [muted: boolean];
  /** They are out without `leave` having been called: the SFU or the media server put them out. */
  removed: [];
}

/**
 * One participant's place in a meeting. After `leave` or `removed` its methods do nothing.
 */
export interface Seat {
  on<E extends keyof SeatEvents>(event: E, listener: (...args: SeatEvents[E]) => void): this;
  setMuted(muted: boolean): Promise<void>;
  /** Plays files to this participant alone, one after the other, over the meeting. Resolves when they are queued. */
  play(files: readonly string[]): Promise<void>;
  /** Out of the meeting; the media session stays, for last words. */
  leave(): Promise<void>;
}

/**
 * The meeting's SFU (decision 0007): everything the gateway asks of it. An adapter takes the participant's media session and brings its audio into the
 * meeting; how is its own affair. A meeting comes into being with its first participant and is gone with its last.
 *
 * An adapter must: let everybody hear everybody but themselves; say `talking` within half a second of speech and of its end; make `setMuted` effective before
 * it resolves; survive that a session closes without `leave`; show everybody who speaks but himself, and let the audio go on whatever becomes of pictures.
 */
export interface Sfu {
  /** Resolves when the participant hears and is heard. Rejects when the meeting cannot be joined; the media session is then as it was. */
  join(meetingId: string, participant: SfuParticipant): Promise<Seat>;
  /** Plays files to everybody in the meeting, one after the other. Does nothing where nobody is. */
  announce(meetingId: string, files: readonly string[]): Promise<void>;
  /** Whose screen everybody is shown; null for nobody's. Who may present is decided by the gateway. */
  present(meetingId: string, participantId: string | null): void;
  /** Display name of somebody whom a line of ours shows and who is none of ours: a client of the SFU's own. */
  nameOf?(meetingId: string, memberId: string): string | undefined;
  /** The gateway stops; whatever the adapter holds is let go of. */
  close?(): void;
}

/** The media server's API, by which a whole conference is addressed. */
export interface ConferenceApi {
  api(command: string): Promise<string>;
}

/** What an adapter is made of. */
export interface SfuContext {
  /** The media server; sessions of participants are its own, and it opens further ones. */
  readonly media: MediaPort & ConferenceApi;
  /** Where pictures are relayed; null where the gateway takes audio only. */
  readonly video: VideoRelay | null;
  /** A line in the gateway's log. */
  log(level: "debug" | "info" | "warn" | "error", event: string, fields?: Readonly<Record<string, unknown>>): void;
  /** Seats a call's pictures in its meeting at the relay, and again whenever its lines change. */
  seatPictures(meetingId: string, participantId: string, pictures: Pictures): { leave(): void };
}

/** What a module exports as `createSfu` to be named in the configuration: `sfu: ./module.js`. */
export type CreateSfu = (context: SfuContext) => Sfu;
