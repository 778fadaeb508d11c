import type { Millis } from "../base/clock.ts";
import { VideoLine } from "./line/line.ts";
import { VideoMeeting } from "./meeting/meeting.ts";
import type { LineOutput } from "./send/output.ts";
import type { LineAgreement, VideoSource } from "./port.ts";
import { DEFAULT_SPEAKER_TIMING, type SpeakerTiming } from "./meeting/speakers.ts";

/** How often {@link VideoEngine.tick} wants to be called while there are lines. */
export const TICK_MS = 20;

/** Whom a line shows now, as the port's `shown`. */
export interface Shown {
  readonly meetingId: string;
  readonly lineId: string;
  readonly participantId: string | null;
  readonly stream: "camera" | "screen";
}

/** `SeatLine` by the line's id. */
export interface PlacedLine {
  readonly lineId: string;
  readonly brings: "camera" | "screen" | null;
  readonly shows: VideoSource | null;
}

/** Lines and meetings of one thread. Seats are numbered by the caller; an unknown line, meeting or seat is ignored: it has gone meanwhile. */
export class VideoEngine {
  readonly #lines = new Map<string, VideoLine>();
  readonly #meetings = new Map<string, VideoMeeting>();
  readonly #seats = new Map<number, VideoMeeting>();
  readonly #shown: (event: Shown) => void;
  readonly #timing: SpeakerTiming;

  constructor(shown: (event: Shown) => void, timing: SpeakerTiming = DEFAULT_SPEAKER_TIMING) {
    this.#shown = shown;
    this.#timing = timing;
  }

  /** A new line; datagrams go straight to the one returned. */
  open(id: string, io: LineOutput, now: Millis): VideoLine {
    const line = new VideoLine(id, io, now);
    this.#lines.set(id, line);
    return line;
  }

  line(id: string): VideoLine | undefined {
    return this.#lines.get(id);
  }

  configure(id: string, agreement: LineAgreement, now: Millis): void {
    const line = this.#lines.get(id);
    if (!line) return;
    line.configure(agreement, now);
    for (const meeting of this.#meetings.values()) if (meeting.has(line)) meeting.update(now);
  }

  /** Forgets a line; `silently` without a goodbye, since it goes on elsewhere. */
  close(id: string, now: Millis, silently = false): void {
    const line = this.#lines.get(id);
    if (!line) return;
    for (const watcher of line.incoming.watchers) watcher.drop(line.incoming);
    line.viewer.show(undefined, now);
    if (!silently) line.goodbye(now);
    this.#lines.delete(id);
    for (const meeting of this.#meetings.values()) meeting.forget(line, now);
    line.close();
  }

  join(meetingId: string, seat: number, participantId: string): void {
    let meeting = this.#meetings.get(meetingId);
    if (!meeting) {
      meeting = new VideoMeeting(meetingId, this.#timing, (line, owner) =>
        this.#shown({ meetingId, lineId: line.id, participantId: owner?.participantId ?? null, stream: owner?.stream ?? "camera" }),
      );
      this.#meetings.set(meetingId, meeting);
    }
    meeting.join(seat, participantId);
    this.#seats.set(seat, meeting);
  }

  arrange(seat: number, lines: readonly PlacedLine[], now: Millis): void {
    const placements = lines.flatMap(({ lineId, brings, shows }) => {
      const line = this.#lines.get(lineId);
      return line ? [{ line, brings, shows }] : [];
    });
    this.#seats.get(seat)?.arrange(seat, placements, now);
  }

  leave(seat: number, now: Millis): void {
    const meeting = this.#seats.get(seat);
    if (!meeting) return;
    this.#seats.delete(seat);
    meeting.leave(seat, now);
    if (meeting.empty) this.#meetings.delete(meeting.id);
  }

  speaker(meetingId: string, participantId: string, now: Millis): void {
    this.#meetings.get(meetingId)?.speaker(participantId, now);
  }

  presenter(meetingId: string, participantId: string | null, now: Millis): void {
    this.#meetings.get(meetingId)?.presenter(participantId, now);
  }

  /** A line whose own step fails is given to `failed`, and the others go on. */
  tick(now: Millis, failed: (lineId: string, error: unknown) => void): void {
    for (const line of this.#lines.values()) {
      try {
        line.tick(now);
      } catch (error) {
        failed(line.id, error);
      }
    }
    for (const meeting of this.#meetings.values()) meeting.tick(now);
  }
}
