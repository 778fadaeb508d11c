import type { Millis } from "../../base/clock.ts";
import type { IncomingStream } from "../receive/incoming.ts";
import type { VideoLine } from "../line/line.ts";
import type { UnsuitedPicture, VideoSource } from "../port.ts";
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
}

/** One meeting's pictures: who is shown to whom. Decides on every change for every line anew; packets pass it by. */
export class VideoMeeting {
  readonly id: string;
  readonly #speakers: Speakers;
  readonly #seats = new Map<number, Seat>();
  readonly #onShown: (line: VideoLine, owner: Owner | undefined) => void;
  /** Whose each stream is that is brought. */
  readonly #owners = new Map<IncomingStream, Owner>();
  readonly #lines = new Set<VideoLine>();
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
    this.#seats.set(seat, { participantId, lines: [] });
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
        placement.line.unsuited(null);
        placement.line.onShowing = placement.line.onChange = undefined;
        this.#lines.delete(placement.line);
      }
      this.#owners.delete(placement.line.incoming);
    }
    for (const { line, brings } of lines) {
      this.#lines.add(line);
      if (brings) this.#owners.set(line.incoming, { participantId: entry.participantId, stream: brings });
      line.onShowing = (stream) => this.#onShown(line, stream && this.#owners.get(stream));
      line.onChange = () => {
        this.#changed = true;
      };
    }
    this.update(now);
  }

  has(line: VideoLine): boolean {
    return this.#lines.has(line);
  }

  /** A line has closed. */
  forget(line: VideoLine, now: Millis): void {
    if (!this.#lines.delete(line)) return;
    this.#owners.delete(line.incoming);
    for (const seat of this.#seats.values())
      if (seat.lines.some((placement) => placement.line === line)) seat.lines = seat.lines.filter((placement) => placement.line !== line);
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

  /** Chooses for every line anew: looks at each seat once, and at each line once. */
  update(now: Millis): void {
    this.#changed = false;
    const scene = this.#scene();
    for (const seat of this.#seats.values()) {
      for (const { line, shows } of seat.lines) {
        const chosen = shows ? choose(shows, seat.participantId, line, scene) : NOTHING;
        const stream = chosen.line?.incoming;
        line.unsuited(line.sends ? this.#describe(chosen.missed) : null);
        line.viewer.mayRest = stream !== undefined && this.#owners.get(stream)?.stream === "screen";
        line.viewer.show(stream, now);
      }
    }
  }

  #describe(line: VideoLine | undefined): UnsuitedPicture | null {
    const owner = line && this.#owners.get(line.incoming);
    return owner ? { ...owner, codec: line.brought } : null;
  }

  #scene(): Scene {
    const cameras = new Map<string, VideoLine>();
    let screen: VideoLine | undefined;
    for (const { participantId, lines } of this.#seats.values()) {
      for (const { line, brings } of lines) {
        if (brings === "camera" && line.live && !cameras.has(participantId)) cameras.set(participantId, line);
        if (brings === "screen" && participantId === this.#presenter && line.brings) screen ??= line;
      }
    }
    return { cameras, order: this.#speakers.order.filter((id) => cameras.has(id)), screen, presenter: this.#presenter };
  }
}

/** What there is to be shown in a meeting. */
interface Scene {
  /** By participant: those from which something comes. */
  readonly cameras: ReadonlyMap<string, VideoLine>;
  /** Whose, who spoke last first. */
  readonly order: readonly string[];
  /** The presenter's. */
  readonly screen: VideoLine | undefined;
  readonly presenter: string | null;
}

/** Whose line is shown on another, which it suits; `missed` would be, if its codec suited. */
interface Choice {
  readonly line: VideoLine | undefined;
  readonly missed: VideoLine | undefined;
}
const NOTHING: Choice = { line: undefined, missed: undefined };

function choose(shows: VideoSource, viewer: string, on: VideoLine, scene: Scene): Choice {
  // Nobody sees his own screen.
  const screen = scene.presenter === viewer ? undefined : scene.screen;
  switch (shows.kind) {
    case "content":
      return only(screen, on);
    case "content-or-speaker": {
      const shared = only(screen, on);
      if (shared.line) return shared;
      const { line, missed } = ranked(0, viewer, on, scene);
      return { line, missed: shared.missed ?? missed };
    }
    case "speaker":
      return ranked(shows.rank, viewer, on, scene);
    case "participant":
      if (shows.stream === "camera") return only(scene.cameras.get(shows.participantId), on);
      return only(scene.presenter === shows.participantId ? scene.screen : undefined, on);
  }
}

function only(line: VideoLine | undefined, on: VideoLine): Choice {
  return line?.suits(on) ? { line, missed: undefined } : { line: undefined, missed: line };
}

function ranked(rank: number, viewer: string, on: VideoLine, { order, cameras }: Scene): Choice {
  let left = rank;
  let missed: VideoLine | undefined;
  for (const participantId of order) {
    const line = cameras.get(participantId);
    if (participantId === viewer || !line) continue;
    if (!line.suits(on)) missed ??= line;
    else if (left-- === 0) return { line, missed };
  }
  return { line: undefined, missed };
}

/** Nobody may be sent this stream any longer, from this moment. */
function forbid(stream: IncomingStream): void {
  for (const watcher of stream.watchers) watcher.drop(stream);
}
