import type { Millis } from "../base/clock.ts";
import type { IncomingStream } from "./incoming.ts";
import type { VideoLine } from "./line.ts";
import type { VideoSource } from "./port.ts";
import { Speakers, type SpeakerTiming } from "./speakers.ts";

/** A line's place, as `SeatLine` of the port. */
export interface Placement {
  readonly line: VideoLine;
  readonly brings: "camera" | "screen" | null;
  readonly shows: VideoSource | null;
}

/** Whose picture a stream is. */
export interface Owner {
  readonly participantId: string;
  readonly stream: "camera" | "screen";
}

interface Seat {
  readonly participantId: string;
  lines: readonly Placement[];
  muted: boolean;
}

/** One meeting's pictures: who is shown to whom. Decides on every change for every line anew; packets pass it by. */
export class VideoMeeting {
  readonly id: string;
  readonly #speakers: Speakers;
  readonly #seats = new Map<number, Seat>();
  readonly #onShown: (line: VideoLine, owner: Owner | undefined) => void;
  #presenter: string | null = null;
  /** A line brings something else than it did when the choice was made. */
  #changed = false;

  constructor(id: string, timing: SpeakerTiming, onShown: (line: VideoLine, owner: Owner | undefined) => void) {
    this.id = id;
    this.#speakers = new Speakers(timing);
    this.#onShown = onShown;
  }

  get empty(): boolean {
    return this.#seats.size === 0;
  }

  join(seat: number, participantId: string): void {
    this.#seats.set(seat, { participantId, lines: [], muted: false });
    this.#speakers.add(participantId);
  }

  /** Takes the place of all that was said of this seat's lines before. */
  arrange(seat: number, lines: readonly Placement[], now: Millis): void {
    const entry = this.#seats.get(seat);
    if (!entry) return;
    const before = entry.lines;
    entry.lines = lines;
    for (const placement of before) {
      const after = lines.find((other) => other.line === placement.line);
      if (after?.brings !== placement.brings) forbid(placement.line.incoming);
      if (!after) {
        placement.line.viewer.show(undefined, now);
        placement.line.onShowing = placement.line.onChange = undefined;
      }
    }
    for (const { line } of lines) {
      line.onShowing = (stream) => this.#onShown(line, stream && this.#ownerOf(stream));
      line.onChange = () => {
        this.#changed = true;
      };
    }
    this.update(now);
  }

  /** A line has closed. */
  forget(line: VideoLine, now: Millis): void {
    let changed = false;
    for (const seat of this.#seats.values()) {
      if (!seat.lines.some((placement) => placement.line === line)) continue;
      seat.lines = seat.lines.filter((placement) => placement.line !== line);
      changed = true;
    }
    if (changed) this.update(now);
  }

  setMuted(seat: number, muted: boolean, now: Millis): void {
    const entry = this.#seats.get(seat);
    if (!entry || entry.muted === muted) return;
    entry.muted = muted;
    if (muted) for (const { line, brings } of entry.lines) if (brings === "camera") forbid(line.incoming);
    this.update(now);
  }

  leave(seat: number, now: Millis): void {
    const entry = this.#seats.get(seat);
    if (!entry) return;
    this.arrange(seat, [], now);
    this.#seats.delete(seat);
    if (![...this.#seats.values()].some((other) => other.participantId === entry.participantId)) {
      this.#speakers.remove(entry.participantId);
      if (this.#presenter === entry.participantId) this.#presenter = null;
    }
    this.update(now);
  }

  speaker(participantId: string, now: Millis): void {
    if (this.#speakers.loudest(participantId, now)) this.update(now);
  }

  presenter(participantId: string | null, now: Millis): void {
    if (participantId === this.#presenter) return;
    const before = this.#presenter;
    this.#presenter = participantId;
    for (const entry of this.#seats.values())
      if (entry.participantId === before) for (const { line, brings } of entry.lines) if (brings === "screen") forbid(line.incoming);
    this.update(now);
  }

  tick(now: Millis): void {
    if (this.#speakers.tick(now) || this.#changed) this.update(now);
  }

  /** Chooses for every line anew. */
  update(now: Millis): void {
    this.#changed = false;
    const cameras = this.#cameras();
    for (const seat of this.#seats.values()) {
      for (const { line, shows } of seat.lines) {
        const stream = shows ? this.#choose(shows, seat, line, cameras) : undefined;
        line.viewer.mayRest = stream !== undefined && this.#ownerOf(stream)?.stream === "screen";
        line.viewer.show(stream, now);
      }
    }
  }

  /** Cameras that may be shown, who spoke last first. */
  #cameras(): { readonly participantId: string; readonly line: VideoLine }[] {
    const byParticipant = new Map<string, VideoLine>();
    for (const { participantId, lines, muted } of this.#seats.values()) {
      const placement = muted ? undefined : lines.find(({ brings, line }) => brings === "camera" && line.live);
      if (placement) byParticipant.set(participantId, placement.line);
    }
    return this.#speakers.order.flatMap((participantId) => {
      const line = byParticipant.get(participantId);
      return line ? [{ participantId, line }] : [];
    });
  }

  #choose(
    shows: VideoSource,
    seat: Seat,
    viewer: VideoLine,
    cameras: readonly { readonly participantId: string; readonly line: VideoLine }[],
  ): IncomingStream | undefined {
    const suits = (line: VideoLine | undefined) => (line?.suits(viewer) ? line.incoming : undefined);
    switch (shows.kind) {
      case "content":
        return suits(this.#screen(seat.participantId));
      case "content-or-speaker":
        return suits(this.#screen(seat.participantId)) ?? this.#ranked(0, seat, viewer, cameras);
      case "speaker":
        return this.#ranked(shows.rank, seat, viewer, cameras);
      case "participant":
        if (shows.stream === "camera") return suits(cameras.find(({ participantId }) => participantId === shows.participantId)?.line);
        return this.#presenter === shows.participantId ? suits(this.#screen(undefined)) : undefined;
    }
  }

  #ranked(rank: number, seat: Seat, viewer: VideoLine, cameras: readonly { readonly participantId: string; readonly line: VideoLine }[]) {
    let left = rank;
    for (const { participantId, line } of cameras) {
      if (participantId === seat.participantId || !line.suits(viewer)) continue;
      if (left-- === 0) return line.incoming;
    }
    return undefined;
  }

  /** The presenter's screen, unless it is the viewer's own. */
  #screen(viewer: string | undefined): VideoLine | undefined {
    if (this.#presenter === null || this.#presenter === viewer) return undefined;
    for (const { participantId, lines } of this.#seats.values()) {
      if (participantId !== this.#presenter) continue;
      const screen = lines.find(({ brings, line }) => brings === "screen" && line.brings);
      if (screen) return screen.line;
    }
    return undefined;
  }

  #ownerOf(stream: IncomingStream): Owner | undefined {
    for (const { participantId, lines } of this.#seats.values())
      for (const { line, brings } of lines) if (line.incoming === stream && brings) return { participantId, stream: brings };
    return undefined;
  }
}

/** Nobody may be sent this stream any longer, from this moment. */
function forbid(stream: IncomingStream): void {
  for (const watcher of stream.watchers) watcher.drop(stream);
}
