import { randomUUID } from "node:crypto";
import { addCounts, noCounts, type RelayFigures, type RelayLine, type RelaySeat, type SeatLine, type VideoRelay } from "../video/index.ts";
import type { FromWorker } from "./messages.ts";
import type { VideoSettings } from "./options.ts";
import { RemoteLine } from "./remote-line.ts";
import { VideoSlot, type VideoThreadFactory } from "./video-slot.ts";

interface Seat {
  readonly number: number;
  readonly participantId: string;
  lines: readonly SeatLine[];
}

/** What must be said again to a thread that takes a meeting over. */
interface Meeting {
  readonly id: string;
  readonly seats: Map<number, Seat>;
  slot: VideoSlot | undefined;
  presenter: string | null;
}

/** The port's side of the relay: knows which thread has which line and meeting, and says everything again to the next when one dies. */
export class Relay implements VideoRelay {
  readonly #settings: VideoSettings;
  readonly #slots: VideoSlot[];
  readonly #meetings = new Map<string, Meeting>();
  readonly #lines = new Map<string, RemoteLine>();
  readonly #counts = noCounts();
  #nextSeat = 1;
  #stopped = false;

  constructor(settings: VideoSettings, factory: VideoThreadFactory, now: () => number) {
    this.#settings = settings;
    this.#slots = Array.from(
      { length: settings.workers },
      (_, index) =>
        new VideoSlot(
          index,
          factory,
          now,
          (message, slot) => this.#receive(message, slot),
          (slot, reason, restarts) => this.#died(slot, reason, restarts),
        ),
    );
  }

  async open(): Promise<RelayLine> {
    const alive = this.#slots.filter((slot) => slot.alive);
    const slot = alive.reduce<VideoSlot | undefined>((best, other) => (best && best.lines <= other.lines ? best : other), undefined);
    if (!slot || this.#stopped) throw new Error("the video relay does not run");
    const id = randomUUID();
    const reply = await slot.request((req) => ({ t: "open", req, id, port: undefined }));
    if (reply.t !== "opened") throw new Error(`unexpected ${reply.t}`);
    const local = { address: this.#settings.advertise, port: reply.port, rtcpPort: reply.rtcpPort };
    const line = new RemoteLine(id, slot, local, (closed) => {
      if (this.#lines.delete(closed.id)) closed.slot.lines--;
    });
    this.#lines.set(id, line);
    slot.lines++;
    return line;
  }

  join(meetingId: string, participantId: string): RelaySeat {
    let meeting = this.#meetings.get(meetingId);
    if (!meeting) {
      meeting = { id: meetingId, seats: new Map(), slot: undefined, presenter: null };
      this.#meetings.set(meetingId, meeting);
    }
    const seat: Seat = { number: this.#nextSeat++, participantId, lines: [] };
    meeting.seats.set(seat.number, seat);
    meeting.slot?.post({ t: "join", meetingId, seat: seat.number, participantId });
    return this.#handle(meeting, seat);
  }

  speaker(meetingId: string, participantId: string): void {
    this.#meetings.get(meetingId)?.slot?.post({ t: "speaker", meetingId, participantId });
  }

  presenter(meetingId: string, participantId: string | null): void {
    const meeting = this.#meetings.get(meetingId);
    if (!meeting) return;
    meeting.presenter = participantId;
    meeting.slot?.post({ t: "presenter", meetingId, participantId });
  }

  figures(): RelayFigures {
    const threads = this.#slots.map(({ alive, lines, deaths, busyMs, lateMs }) => ({ up: alive, lines, deaths, busyMs, lateMs }));
    return { counts: this.#counts, threads };
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#meetings.clear();
    await Promise.all(this.#slots.map((slot) => slot.stop()));
  }

  #handle(meeting: Meeting, seat: Seat): RelaySeat {
    const here = () => this.#meetings.get(meeting.id) === meeting && meeting.seats.has(seat.number);
    return {
      arrange: (lines) => {
        if (!here()) return;
        seat.lines = lines;
        this.#arrange(meeting, seat);
      },
      leave: () => {
        if (!here()) return;
        meeting.slot?.post({ t: "leave", seat: seat.number });
        meeting.seats.delete(seat.number);
        const { presenter } = meeting;
        if (presenter === seat.participantId && ![...meeting.seats.values()].some(({ participantId }) => participantId === presenter))
          meeting.presenter = null;
        if (meeting.seats.size === 0) this.#meetings.delete(meeting.id);
      },
    };
  }

  #arrange(meeting: Meeting, seat: Seat): void {
    const lines = seat.lines.flatMap(({ line, brings, shows }) =>
      line instanceof RemoteLine && line.isOpen ? [{ line, brings, shows }] : [],
    );
    // The first line decides which thread the meeting lives on.
    if (!meeting.slot && lines[0]) this.#settle(meeting, lines[0].line.slot);
    else this.#place(meeting, seat, lines);
  }

  #place(meeting: Meeting, seat: Seat, lines: readonly { line: RemoteLine; brings: SeatLine["brings"]; shows: SeatLine["shows"] }[]): void {
    // Who was given a line on another thread before it was known where he goes, moves.
    const { slot } = meeting;
    if (slot)
      for (const { line } of lines)
        if (line.slot !== slot)
          void line.move(slot).then(() => {
            if (meeting.seats.has(seat.number) && meeting.slot === slot && line.isOpen) this.#arrange(meeting, seat);
          });
    const near = lines.filter(({ line }) => line.slot === meeting.slot);
    meeting.slot?.post({
      t: "arrange",
      seat: seat.number,
      lines: near.map(({ line, brings, shows }) => ({ lineId: line.id, brings, shows })),
    });
  }

  /** Says everything about a meeting to the thread it is to live on. */
  #settle(meeting: Meeting, slot: VideoSlot): void {
    meeting.slot = slot;
    for (const seat of meeting.seats.values())
      slot.post({ t: "join", meetingId: meeting.id, seat: seat.number, participantId: seat.participantId });
    if (meeting.presenter !== null) slot.post({ t: "presenter", meetingId: meeting.id, participantId: meeting.presenter });
    for (const seat of meeting.seats.values()) this.#arrange(meeting, seat);
  }

  #receive(message: FromWorker, slot: VideoSlot): void {
    if (message.t === "shown") {
      const { lineId, participantId, stream } = message.event;
      this.#lines.get(lineId)?.emit("shown", participantId, stream);
    } else if (message.t === "counted") {
      addCounts(this.#counts, message.counts);
      slot.lateMs = message.lateMs;
    } else if (message.t === "keyframe") this.#lines.get(message.id)?.emit("keyframe");
    else if (message.t === "bitrate") this.#lines.get(message.id)?.emit("bitrate", message.bitsPerSecond);
    else if (message.t === "silent") this.#lines.get(message.id)?.emit("silent");
    else if (message.t === "unsuited") this.#lines.get(message.id)?.emit("unsuited", message.picture);
    else if (message.t === "trouble")
      this.#settings.log({ level: "error", message: "a mistake in the video relay", fields: { reason: message.reason } });
    else if (message.t === "broken") {
      this.#settings.log({ level: "error", message: "a mistake of the video relay's cost a line", fields: { reason: message.reason } });
      this.#lines.get(message.id)?.lost("an error in the video relay");
    }
  }

  #died(slot: VideoSlot, reason: string, restarts: boolean): void {
    const fields = { worker: slot.index, reason, lines: slot.lines };
    this.#settings.log({ level: "error", message: "a thread of the video relay died; its lines are gone", fields });
    if (!restarts)
      this.#settings.log({ level: "error", message: "it keeps dying and is not started again", fields: { worker: slot.index } });
    // The meetings come back with the lines that their participants open anew.
    for (const meeting of this.#meetings.values()) if (meeting.slot === slot) meeting.slot = undefined;
    for (const line of [...this.#lines.values()]) if (line.slot === slot) line.lost(reason);
  }
}
