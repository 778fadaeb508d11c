import type { GatewayEvent } from "../admin/ports.ts";
import type { MemoryDirectory } from "../meetings/directory.ts";
import type { Call } from "./call/call.ts";
import type { CallRegistry } from "./call/call-registry.ts";
import { pictureLines } from "./call/video-stats.ts";
import type { LiveMeetings } from "./meeting/active-meetings.ts";
import type { GatewayMetrics } from "./options.ts";

const GAUGES_MS = 5_000;
/** How often it is looked whether there are refusals to sum up. */
const SUMMARIES_MS = 5_000;
/** Figures of calls that are up are asked for this often, a few calls at a time. */
const MEASURE_MS = 10_000;
const SLICES = 10;

/** What is measured, and who is told. */
export interface FiguresParts {
  readonly calls: ReadonlyMap<string, Call>;
  readonly meetings: LiveMeetings;
  readonly directory: MemoryDirectory;
  readonly registry: CallRegistry;
  readonly metrics: GatewayMetrics;
  emit(event: GatewayEvent): void;
}

/** What is measured again and again: gauges, the audio of calls that are up, sums of refusals. */
export class Figures {
  readonly #parts: FiguresParts;
  #timers: NodeJS.Timeout[] = [];
  #turn = 0;

  constructor(parts: FiguresParts) {
    this.#parts = parts;
  }

  start(): void {
    const { registry } = this.#parts;
    // a scrape right after the start is not to find zeros
    this.#setGauges();
    this.#timers = [
      setInterval(() => this.#setGauges(), GAUGES_MS),
      setInterval(() => this.#measureSome(), MEASURE_MS / SLICES).unref(),
      setInterval(() => registry.keepSummaries(), SUMMARIES_MS).unref(),
    ];
  }

  stop(): void {
    for (const timer of this.#timers.splice(0)) clearInterval(timer);
  }

  #setGauges(): void {
    const { calls, meetings, directory, metrics } = this.#parts;
    metrics.gauges({
      calls: calls.size,
      participants: meetings.joinedCount(),
      meetings: directory.list().length,
      pictures: pictureLines(calls.values()),
    });
  }

  /** Asks the media server about a tenth of the calls, so that figures are at most ten seconds old, and about calls it has not told of yet. */
  #measureSome(): void {
    this.#turn = (this.#turn + 1) % SLICES;
    let index = 0;
    for (const call of this.#parts.calls.values()) if (index++ % SLICES === this.#turn || call.audio === null) void this.#measure(call);
  }

  async #measure(call: Call): Promise<void> {
    if (!call.media || call.over) return;
    await call.measure();
    if (!call.over) this.#parts.emit({ type: "call", call: call.view() });
  }
}
