import { EventEmitter } from "node:events";
import type { LineAgreement, RelayLine, RelayLineEvents, SeatLine, VideoRelay } from "../../../src/video/port.ts";

/** A line at the relay that writes down what it is told. */
export class FakeLine extends EventEmitter<RelayLineEvents> implements RelayLine {
  readonly id: string;
  readonly local: RelayLine["local"];
  readonly agreements: LineAgreement[] = [];
  readonly done: string[] = [];
  closed = false;
  constructor(number: number) {
    super();
    this.id = `line-${number}`;
    const port = 30_000 + 2 * number;
    this.local = { address: "192.0.2.9", port, rtcpPort: port + 1 };
  }
  configure(agreement: LineAgreement) {
    this.agreements.push(agreement);
  }
  requestKeyframe() {
    this.done.push("key frame");
  }
  limit(bitsPerSecond: number | null) {
    this.done.push(`limit ${bitsPerSecond}`);
  }
  stats(): ReturnType<RelayLine["stats"]> {
    return Promise.reject(new Error("not measured"));
  }
  async close() {
    this.closed = true;
  }
}

/** The video relay as its callers see it. */
export class FakeRelay implements VideoRelay {
  readonly lines: FakeLine[] = [];
  readonly seats = new Map<string, readonly SeatLine[]>();
  readonly done: string[] = [];
  failure: Error | undefined;
  async open() {
    if (this.failure) throw this.failure;
    const line = new FakeLine(this.lines.length);
    this.lines.push(line);
    return line;
  }
  join(meetingId: string, participantId: string) {
    const key = `${meetingId}/${participantId}`;
    this.seats.set(key, []);
    return {
      arrange: (lines: readonly SeatLine[]) => void this.seats.set(key, lines),
      leave: () => void this.seats.delete(key),
    };
  }
  speaker(meetingId: string, participantId: string) {
    this.done.push(`${participantId} speaks in ${meetingId}`);
  }
  presenter(meetingId: string, participantId: string | null) {
    this.done.push(`${participantId} presents in ${meetingId}`);
  }
  async stop() {
    this.done.push("stopped");
  }
}
