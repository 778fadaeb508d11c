import type { ServerResponse } from "node:http";
import type { GatewayControl, GatewayEvent } from "./ports.ts";

/** What one event looks like to listeners. */
function body(event: GatewayEvent): unknown {
  if (event.type === "call") return event.call;
  if (event.type === "call-ended") return event.record;
  if (event.type === "participant") return event.participant;
  if (event.type === "meeting") return event.meeting;
  return { id: event.meetingId };
}

/** The meeting an event is about; null for none. */
function meetingOf(event: GatewayEvent): string | null {
  if (event.type === "call") return event.call.meetingId;
  if (event.type === "call-ended") return event.record.meetingId;
  if (event.type === "participant") return event.participant.meetingId;
  return event.type === "meeting" ? event.meeting.id : event.meetingId;
}

/** What a listener may hear. */
export interface EventAudience {
  /** Whether its token is still good; it is let go when not. */
  good(): boolean;
  inScope(meetingId: string | null): boolean;
}

export interface EventHubOptions {
  /** Listeners at a time. */
  readonly maxListeners?: number;
  /** Events kept for listeners who come back with Last-Event-ID. */
  readonly history?: number;
  /** Bytes a slow listener may be behind before it is let go; it comes back and gets what it missed. */
  readonly maxBehind?: number;
  readonly heartbeatSeconds?: number;
}

/** Sends the gateway's events to every listener, as server-sent events. */
export class EventHub {
  readonly #options: Required<EventHubOptions>;
  readonly #listeners = new Map<ServerResponse, EventAudience>();
  readonly #history: { id: number; text: string; meetingId: string | null }[] = [];
  readonly #unsubscribe: () => void;
  readonly #heartbeat: NodeJS.Timeout;
  /** Identifies this run: an id of an earlier one tells nothing about what was missed. */
  readonly #run = Date.now().toString(36);
  #last = 0;

  constructor(gateway: GatewayControl, options: EventHubOptions = {}) {
    this.#options = { maxListeners: 100, history: 1000, maxBehind: 1 << 20, heartbeatSeconds: 15, ...options };
    this.#unsubscribe = gateway.onEvent((event) => this.#publish(event));
    this.#heartbeat = setInterval(() => this.#send(":\n\n", undefined), this.#options.heartbeatSeconds * 1000);
    this.#heartbeat.unref();
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  get full(): boolean {
    return this.#listeners.size >= this.#options.maxListeners;
  }

  /** Adds a listener whose response headers are not yet sent. */
  add(response: ServerResponse, lastEventId: string | undefined, headers: Readonly<Record<string, string>>, audience: EventAudience): void {
    response.writeHead(200, {
      ...headers,
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
    });
    const [run, number] = (lastEventId ?? "").split("-");
    const missed =
      run === this.#run && /^\d+$/.test(number ?? "")
        ? this.#history.filter((event) => event.id > Number(number) && audience.inScope(event.meetingId))
        : [];
    response.write("retry: 2000\n:\n\n" + missed.map((event) => event.text).join(""));
    this.#listeners.set(response, audience);
    response.once("close", () => this.#listeners.delete(response));
    response.on("error", () => this.#listeners.delete(response));
  }

  close(): void {
    clearInterval(this.#heartbeat);
    this.#unsubscribe();
    for (const response of this.#listeners.keys()) response.end();
    this.#listeners.clear();
  }

  #publish(event: GatewayEvent): void {
    const id = ++this.#last;
    const text = `id: ${this.#run}-${id}\nevent: ${event.type}\ndata: ${JSON.stringify(body(event))}\n\n`;
    const meetingId = meetingOf(event);
    this.#history.push({ id, text, meetingId });
    if (this.#history.length > this.#options.history) this.#history.shift();
    this.#send(text, meetingId);
  }

  /** `meetingId` undefined: to everybody. */
  #send(text: string, meetingId: string | null | undefined): void {
    for (const [response, audience] of this.#listeners) {
      if (!audience.good()) response.end();
      else if (meetingId !== undefined && !audience.inScope(meetingId)) continue;
      else if (response.writableLength > this.#options.maxBehind) response.destroy();
      else response.write(text);
    }
  }
}
