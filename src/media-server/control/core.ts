import { randomUUID } from "node:crypto";
import type { Clock } from "../../base/clock.ts";
import { EslEvent } from "../../wire/esl/index.ts";
import type { LogLevel } from "../messages.ts";

/** The version the event socket claims: the FreeSWITCH whose behaviour this follows. */
export const VERSION = "1.11.1-crosspoint";

/** Who gets every event that is fired. */
export type EventSink = (event: EslEvent) => void;

export type LogFields = Readonly<Record<string, string | number | boolean>>;

/** What every part of the control thread shares: identity, time, the event bus and the log. */
export class Core {
  readonly uuid: string = randomUUID();
  readonly hostname: string;
  readonly address: string;
  readonly clock: Clock;
  readonly startedAt: number;
  readonly #sinks = new Set<EventSink>();
  readonly #log: (level: LogLevel, message: string, fields: LogFields) => void;
  #sequence = 0;

  constructor(options: {
    hostname: string;
    address: string;
    clock: Clock;
    log: (level: LogLevel, message: string, fields: LogFields) => void;
  }) {
    this.hostname = options.hostname;
    this.address = options.address;
    this.clock = options.clock;
    this.startedAt = options.clock.now();
    this.#log = options.log;
  }

  /** A new event with the headers that every event has (switch_event_prep_for_delivery). `origin` names the part of us that made it. */
  event(name: string, origin: string, subclass?: string): EslEvent {
    const wall = this.clock.wall();
    const event = new EslEvent();
    const headers = event.headers;
    if (subclass !== undefined) headers.set("Event-Subclass", subclass);
    headers.set("Event-Name", name);
    headers.set("Core-UUID", this.uuid);
    headers.set("FreeSWITCH-Hostname", this.hostname);
    headers.set("FreeSWITCH-Switchname", this.hostname);
    headers.set("FreeSWITCH-IPv4", this.address);
    headers.set("FreeSWITCH-IPv6", "::1");
    const date = new Date(wall);
    headers.set("Event-Date-Local", date.toISOString().slice(0, 19).replace("T", " "));
    headers.set("Event-Date-GMT", date.toUTCString());
    headers.set("Event-Date-Timestamp", String(Math.round(wall * 1000)));
    headers.set("Event-Calling-File", `${origin}.ts`);
    headers.set("Event-Calling-Function", origin);
    headers.set("Event-Calling-Line-Number", "1");
    headers.set("Event-Sequence", String(++this.#sequence));
    return event;
  }

  /** Hands an event to everybody who listens. One listener's failure is not the others'. */
  fire(event: EslEvent): void {
    for (const sink of this.#sinks) {
      try {
        sink(event);
      } catch (error) {
        this.log("error", "an event listener failed", { event: event.name, error: String(error) });
      }
    }
  }

  /** Adds a listener; the function returned takes it away. */
  listen(sink: EventSink): () => void {
    this.#sinks.add(sink);
    return () => this.#sinks.delete(sink);
  }

  log(level: LogLevel, message: string, fields: LogFields = {}): void {
    this.#log(level, message, fields);
  }

  /** Milliseconds since start. */
  uptimeMs(): number {
    return this.clock.now() - this.startedAt;
  }
}
