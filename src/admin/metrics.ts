import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { OutcomeCode } from "../records/model.ts";
import type { RelayFigures } from "../video/index.ts";
import type { WebRtcFigures } from "../webrtc/index.ts";
import { browserMetrics, pictureMetrics } from "./picture-metrics.ts";
import type { GatewayControl } from "./ports.ts";

/** Lines of pictures of one kind that calls of one protocol have. */
interface PictureLines {
  readonly protocol: string;
  readonly kind: string;
  readonly lines: number;
}

/** Numbers of an engine, by name; what is nested becomes `outer_inner`. */
export type EngineStats = () => unknown;

export interface MetricsOptions {
  readonly version: string;
  readonly engines?: Readonly<Record<string, EngineStats>>;
  /** What the video relay has done; absent where there is none. */
  readonly pictures?: () => RelayFigures;
  /** What has become of browsers' connections; absent where none are taken. */
  readonly browsers?: () => WebRtcFigures;
  /** Days each certificate is still good for, by file name. */
  readonly certificates?: () => readonly { readonly file: string; readonly daysLeft: number }[];
}

const seconds = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** What /metrics tells. Implements the gateway's GatewayMetrics; every call is cheap. Labels never hold a caller's number or address. */
export class Metrics {
  readonly registry = new Registry();
  readonly contentType = this.registry.contentType;
  readonly #options: MetricsOptions;
  readonly #started = this.#counter("calls_started_total", "Calls that came in or were placed.", ["direction", "protocol", "transport"]);
  readonly #ended = this.#counter("calls_ended_total", "Calls that ended, by outcome code.", ["direction", "trunk", "outcome", "answered"]);
  readonly #refused = this.#counter("refusals_total", "Calls refused before they were answered, by outcome code.", ["code"]);
  readonly #duration = this.#histogram(
    "call_duration_seconds",
    "From the INVITE to the end, of answered calls.",
    [1, 10, 60, 300, 900, 1800, 3600, 7200],
    [],
  );
  readonly #stages = this.#histogram("join_stage_seconds", "From the INVITE to each stage of joining.", seconds, ["stage"]);
  readonly #pins = this.#counter("pins_total", "PINs tried: right, wrong; not compared: locked-out, overload.", ["result"]);
  readonly #lockouts = this.#counter("pin_lockouts_total", "PINs refused because their meeting is closed to PIN entry.", []);
  readonly #calls = this.#gauge("calls", "Calls up.", []);
  readonly #participants = this.#gauge("participants", "Participants in meetings.", []);
  readonly #meetings = this.#gauge("meetings", "Meetings known.", []);
  readonly #lines = this.#gauge("video_lines", "Lines of pictures that calls have: camera, screen, further.", ["protocol", "kind"]);
  readonly #engines = this.#gauge("engine_connected", "1 while the engine answers.", ["engine"]);
  readonly #loss = this.#histogram("media_loss_percent", "Loss of audio in, over each call.", [0.01, 0.1, 0.5, 1, 2, 5, 10, 25], ["trunk"]);
  readonly #jitter = this.#histogram(
    "media_jitter_ms",
    "Jitter of audio in, at the end of each call.",
    [1, 2, 5, 10, 20, 40, 80, 160],
    ["trunk"],
  );
  readonly #expiry = this.#gauge("certificate_expiry_days", "Days until a certificate expires; negative after.", ["file"]);
  readonly #expirySeconds = this.#gauge("certificate_expiry_seconds", "Seconds until a certificate expires; negative after.", ["file"]);
  readonly #renewals = this.#counter("certificate_renewals_total", "Tries to have a certificate issued by ACME: renewed, failed.", [
    "result",
  ]);

  constructor(options: MetricsOptions) {
    this.#options = options;
    collectDefaultMetrics({ register: this.registry, prefix: "crosspoint_" });
    this.#gauge("info", "Always 1; the label is the version.", ["version"]).set({ version: options.version }, 1);
    for (const [engine, stats] of Object.entries(options.engines ?? {})) this.#engineStats(engine, stats);
    if (options.pictures) pictureMetrics(this.registry, options.pictures);
    if (options.browsers) browserMetrics(this.registry, options.browsers);
  }

  /** Listens to a gateway for what its calls' media were like. Returns the way to stop. */
  watch(gateway: GatewayControl): () => void {
    return gateway.onEvent((event) => {
      if (event.type !== "call-ended") return;
      const { trunk, lossPercent, jitterMs } = event.record;
      if (lossPercent !== null) this.#loss.observe({ trunk: trunk ?? "" }, lossPercent);
      if (jitterMs !== null) this.#jitter.observe({ trunk: trunk ?? "" }, jitterMs);
    });
  }

  async text(): Promise<string> {
    for (const { file, daysLeft } of this.#options.certificates?.() ?? []) {
      this.#expiry.set({ file }, daysLeft);
      this.#expirySeconds.set({ file }, daysLeft * 86_400);
    }
    return this.registry.metrics();
  }

  callStarted(labels: { direction: "in" | "out"; protocol: string; transport: string }): void {
    this.#started.inc(labels);
  }

  callEnded(labels: { direction: "in" | "out"; trunk: string | null; outcome: OutcomeCode; answered: boolean; seconds: number }): void {
    const { direction, trunk, outcome, answered } = labels;
    this.#ended.inc({ direction, trunk: trunk ?? "", outcome, answered: String(answered) });
    if (answered) this.#duration.observe(labels.seconds);
    else this.#refused.inc({ code: outcome });
  }

  stage(stage: string, milliseconds: number): void {
    this.#stages.observe({ stage }, milliseconds / 1000);
  }

  pin(result: "right" | "wrong" | "locked-out" | "overload"): void {
    this.#pins.inc({ result });
    if (result === "locked-out") this.#lockouts.inc();
  }

  renewal(result: "renewed" | "failed"): void {
    this.#renewals.inc({ result });
  }

  gauges(values: { calls: number; participants: number; meetings: number; pictures: readonly PictureLines[] }): void {
    this.#calls.set(values.calls);
    this.#participants.set(values.participants);
    this.#meetings.set(values.meetings);
    for (const { protocol, kind, lines } of values.pictures) this.#lines.set({ protocol, kind }, lines);
  }

  engine(name: string, connected: boolean): void {
    this.#engines.set({ engine: name }, connected ? 1 : 0);
  }

  #engineStats(engine: string, stats: EngineStats): void {
    const registry = this.registry;
    const name = `crosspoint_${engine.replace(/\W/g, "_")}_engine`;
    new Gauge({
      name,
      help: `What the embedded ${engine} engine counts.`,
      labelNames: ["stat"],
      registers: [registry],
      async collect() {
        // An engine that is just going away has no numbers; the scrape goes on without them.
        const found = await Promise.resolve()
          .then(stats)
          .catch(() => ({}));
        this.reset();
        for (const [stat, value] of flatten(found)) this.set({ stat }, value);
      },
    });
  }

  #counter(name: string, help: string, labelNames: string[]): Counter {
    return new Counter({ name: `crosspoint_${name}`, help, labelNames, registers: [this.registry] });
  }
  #gauge(name: string, help: string, labelNames: string[]): Gauge {
    return new Gauge({ name: `crosspoint_${name}`, help, labelNames, registers: [this.registry] });
  }
  #histogram(name: string, help: string, buckets: number[], labelNames: string[]): Histogram {
    return new Histogram({ name: `crosspoint_${name}`, help, buckets, labelNames, registers: [this.registry] });
  }
}

/** Every number in an object, its path joined by `_`; bounded, as labels are. */
function flatten(value: unknown, path = "", found: [string, number][] = []): [string, number][] {
  if (found.length >= 200) return found;
  if (typeof value === "number" && Number.isFinite(value)) found.push([path, value]);
  else if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    for (const [key, item] of Object.entries(value)) flatten(item, path === "" ? key : `${path}_${key}`, found);
  }
  return found;
}
