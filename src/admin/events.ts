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
  readonly #listeners = new Set<ServerResponse>();
  readonly #history: { id: number; text: string }[] = [];
  readonly #unsubscribe: () => void;
  readonly #heartbeat: NodeJS.Timeout;
  /** Identifies this run: an id of an earlier one tells nothing about what was missed. */
  readonly #run = Date.now().toString(36);
  #last = 0;

  constructor(gateway: GatewayControl, options: EventHubOptions = {}) {
    this.#options = { maxListeners: 100, history: 1000, maxBehind: 1 << 20, heartbeatSeconds: 15, ...options };
    this.#unsubscribe = gateway.onEvent((event) => this.#publish(event));
    this.#heartbeat = setInterval(() => this.#send(":\n\n"), this.#options.heartbeatSeconds * 1000);
    this.#heartbeat.unref();
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  get full(): boolean {
    return this.#listeners.size >= this.#options.maxListeners;
  }

  /** Adds a listener whose response headers are not yet sent. */
  add(response: ServerResponse, lastEventId: string | undefined, headers: Readonly<Record<string, string>>): void {
    response.writeHead(200, {
      ...headers,
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
    });
    const [run, number] = (lastEventId ?? "").split("-");
    const missed = run === this.#run && /^\d+$/.test(number ?? "") ? this.#history.filter((event) => event.id > Number(number)) : [];
    response.write("retry: 2000\n:\n\n" + missed.map((event) => event.text).join(""));
    this.#listeners.add(response);
    response.once("close", () => this.#listeners.delete(response));
    response.on("error", () => this.#listeners.delete(response));
  }

  close(): void {
    clearInterval(this.#heartbeat);
    this.#unsubscribe();
    for (const response of this.#listeners) response.end();
    this.#listeners.clear();
  }

  #publish(event: GatewayEvent): void {
    const id = ++this.#last;
    const text = `id: ${this.#run}-${id}\nevent: ${event.type}\ndata: ${JSON.stringify(body(event))}\n\n`;
    this.#history.push({ id, text });
    if (this.#history.length > this.#options.history) this.#history.shift();
    this.#send(text);
  }

  #send(text: string): void {
    for (const response of this.#listeners) {
      if (response.writableLength > this.#options.maxBehind) response.destroy();
      else response.write(text);
    }
  }
}
