import { EventEmitter } from "node:events";
import type { Pictures } from "../../call-media/video-streams.ts";
import type { VideoCodecName } from "../../video/port.ts";
import type { ConferenceMember } from "../../call-media/media-server.ts";
import { type PictureSeat, seatPictures } from "../pictures.ts";
import type { Seat, SeatEvents } from "../port.ts";
import type { AudioLeg } from "./audio-leg.ts";
import type { JanusMeeting, MeetingSeat } from "./meeting.ts";
import { Publication } from "./pictures.ts";

export interface JanusSeatOptions {
  readonly id: string;
  readonly displayName: string;
  readonly meeting: JanusMeeting;
  /** The participant's and Janus's places in the conference of two that joins them at the media server. */
  readonly own: ConferenceMember;
  readonly bridge: ConferenceMember;
  readonly audio: AudioLeg;
  readonly pictures: Pictures | null;
  /** It was the last one of ours in the meeting. */
  readonly onEmpty: () => void;
  readonly warn: (event: string, fields: Readonly<Record<string, unknown>>) => void;
}

/**
 * A participant in Janus's rooms. Audio: a conference of two at the media server, the caller and a plain-RTP participant of the audiobridge, so that
 * prompts, muting and who talks are the media server's as ever. Pictures: at the relay, and a remote publisher of the videoroom for each that is sent.
 */
export class JanusSeat extends EventEmitter<SeatEvents> implements Seat, MeetingSeat {
  readonly #options: JanusSeatOptions;
  readonly #shown: PictureSeat | undefined;
  #camera: Promise<Publication | undefined> | undefined;
  #cameraCodec: VideoCodecName | undefined;
  #screen: Promise<Publication | undefined> | undefined;
  #gone = false;
  readonly #onPictures = () => this.#publishCamera();

  constructor(options: JanusSeatOptions) {
    super();
    this.#options = options;
    const { id, meeting, own, audio, pictures } = options;
    own.on("talking", (talking) => {
      this.emit("talking", talking);
      meeting.floor.talks(id, talking);
    });
    own.on("floor", () => this.emit("floor"));
    own.on("removed", () => this.#out());
    audio.on("kicked", () => this.#out());
    audio.on("muted", (muted) => {
      void own.setMuted(muted).catch(() => undefined);
      this.emit("muted", muted);
    });
    if (!pictures || !meeting.pictures) return;
    this.#shown = seatPictures(meeting.pictures.relay, meeting.pictures.meetingId, id, pictures);
    pictures.on("changed", this.#onPictures);
    this.#publishCamera();
  }

  async setMuted(muted: boolean): Promise<void> {
    if (this.#gone) return;
    await this.#options.own.setMuted(muted);
    // the roster of Janus's clients; that nothing is heard does not depend on it
    await this.#options.audio.setMuted(muted).catch(() => undefined);
  }

  async play(files: readonly string[]): Promise<void> {
    await this.#options.own.play(files);
  }

  showScreen(on: boolean): void {
    if (on && !this.#screen && !this.#gone) this.#screen = this.#publish("screen");
    else if (!on) this.#screen = this.#withdraw(this.#screen);
  }

  /** Janus was lost and is back. */
  async restore(version: number): Promise<void> {
    if (this.#gone) return;
    await this.#options.audio.restore(version);
    const { meeting, displayName } = this.#options;
    const control = meeting.control;
    if (!control) return;
    await (await this.#camera)?.publish(control, displayName);
    await (await this.#screen)?.publish(control, screenName(displayName));
  }

  async leave(): Promise<void> {
    if (this.#gone) return;
    this.#vacate();
    await this.#options.own.leave();
  }

  #out(): void {
    if (this.#gone) return;
    this.#vacate();
    void this.#options.own.leave().catch(() => undefined);
    this.emit("removed");
  }

  #vacate(): void {
    this.#gone = true;
    const { id, meeting, audio, bridge, pictures } = this.#options;
    pictures?.off("changed", this.#onPictures);
    this.#shown?.leave();
    this.#camera = this.#withdraw(this.#camera);
    this.#screen = this.#withdraw(this.#screen);
    bridge.vacate();
    void audio.close().catch(() => undefined);
    if (meeting.leave(id)) this.#options.onEmpty();
  }

  /** A camera in the videoroom while the call sends one. */
  #publishCamera(): void {
    const sends = this.#options.pictures?.all.some(({ role, line, sends: on }) => role === "camera" && line && on) ?? false;
    const codec = this.#codecOf("camera");
    // a browser says which it has once it is asked
    if (this.#camera && (!sends || codec !== this.#cameraCodec)) this.#camera = this.#withdraw(this.#camera);
    if (!sends || this.#camera || this.#gone) return;
    this.#cameraCodec = codec;
    this.#camera = this.#publish("camera");
  }

  /** What the participant sends on a line. */
  #codecOf(stream: "camera" | "screen"): VideoCodecName | undefined {
    return this.#options.pictures?.all.find(({ role, line }) => role === stream && line !== undefined)?.codecs[0];
  }

  async #publish(stream: "camera" | "screen"): Promise<Publication | undefined> {
    const { id, meeting, displayName, warn } = this.#options;
    const { pictures, control } = meeting;
    if (!pictures || !control) return undefined;
    try {
      const publication = await Publication.open(pictures, id, stream, this.#codecOf(stream) ?? "H264");
      await publication.publish(control, stream === "screen" ? screenName(displayName) : displayName);
      return publication;
    } catch (error) {
      warn("janus-publish-failed", { participant: id, stream, error: String(error) });
      return undefined;
    }
  }

  #withdraw(publication: Promise<Publication | undefined> | undefined): undefined {
    void publication?.then((one) => one?.close(this.#options.meeting.control));
  }
}

function screenName(displayName: string): string {
  return `${displayName} (screen)`;
}
