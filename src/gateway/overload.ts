import { monitorEventLoopDelay } from "node:perf_hooks";
import type { OverloadLimits } from "./options.ts";

const SAMPLE_MS = 1_000;
export const LOAD_DEFAULTS = { eventLoopMs: 250, cpuPercent: 95, maxCalls: 0 } as const;

/** What was measured over the last second. */
export interface LoadSample {
  /** 99th percentile of the event loop's delay, milliseconds. */
  readonly eventLoopMs: number;
  /** Of this thread, percent of one core. */
  readonly cpuPercent: number;
}

/**
 * Why a new call is one too many, or null. Two bad seconds in a row count, one does not: it may have been a garbage collection. Pure.
 */
export function overloadReason(calls: number, samples: readonly [LoadSample, LoadSample], limits: OverloadLimits): string | null {
  const { maxCalls, eventLoopMs, cpuPercent } = { ...LOAD_DEFAULTS, ...limits };
  if (maxCalls > 0 && calls >= maxCalls) return `${calls} calls are up, the limit`;
  const lag = Math.min(...samples.map((sample) => sample.eventLoopMs));
  if (eventLoopMs > 0 && lag > eventLoopMs) return `the event loop is ${Math.round(lag)} ms late`;
  const cpu = Math.min(...samples.map((sample) => sample.cpuPercent));
  if (cpuPercent > 0 && cpu > cpuPercent) return `the gateway's thread takes ${Math.round(cpu)} % of a core`;
  return null;
}

/** Measures this thread's load once a second. */
export class LoadMeter {
  readonly #histogram = monitorEventLoopDelay({ resolution: 10 });
  readonly #timer: NodeJS.Timeout;
  #samples: [LoadSample, LoadSample] = [
    { eventLoopMs: 0, cpuPercent: 0 },
    { eventLoopMs: 0, cpuPercent: 0 },
  ];
  #cpu = process.threadCpuUsage();
  #at = performance.now();

  constructor() {
    this.#histogram.enable();
    this.#timer = setInterval(() => this.#sample(), SAMPLE_MS);
    this.#timer.unref();
  }

  get samples(): readonly [LoadSample, LoadSample] {
    return this.#samples;
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#histogram.disable();
  }

  #sample(): void {
    const now = performance.now();
    const used = process.threadCpuUsage(this.#cpu);
    const eventLoopMs = Math.max(0, this.#histogram.percentile(99) / 1e6 - 10);
    const cpuPercent = (used.user + used.system) / 10 / Math.max(1, now - this.#at);
    this.#samples = [this.#samples[1], { eventLoopMs, cpuPercent }];
    this.#histogram.reset();
    this.#cpu = process.threadCpuUsage();
    this.#at = now;
  }
}
