import { randomUUID } from "node:crypto";
import type { Clock, Millis } from "../../base/clock.ts";
import { sourceOf } from "../../base/ip-address.ts";
import { RateLimiter } from "../../base/rate-limit.ts";
import { TokenBucket } from "../../base/token-bucket.ts";
import type { CallRecord } from "../../records/model.ts";

/** Refused calls of one source that have a line and a record each: so many at once, then one in two seconds. */
const PER_SOURCE = { perSecond: 0.5, burst: 100 };
/** Of all sources together. */
const ALL = { perSecond: 10, burst: 1_000 };
/** What was left out is summed up this often, ms. */
const SUMMARY_EVERY: Millis = 60_000;
/** Sources with a summary of their own, those with most calls; the rest have one together. */
const OWN_SUMMARY = 20;
/** Sources counted apart. */
const MAX_SOURCES = 5_000;
const OTHERS = "others";
/** Of a caller that is left without an answer: one line and one record this often, ms. */
const SILENT_EVERY: Millis = 60_000;
/** Such callers remembered. */
const MAX_SILENT = 10_000;

/** Calls of one source that were refused without a line and a record each. */
export interface RefusalSummary {
  /** An IPv4 address, an IPv6 /64, or `others`. */
  readonly source: string;
  /** How many sources these are. */
  readonly sources: number;
  readonly calls: number;
  /** By outcome code, most frequent first. `shed`: refused by the SIP engine before anything was looked at. */
  readonly codes: Readonly<Record<string, number>>;
  readonly seconds: number;
  /** Stands for all of them among the records; null where all were shed. */
  readonly record: CallRecord | null;
}

interface Counted {
  sources: number;
  calls: number;
  codes: Map<string, number>;
  last: CallRecord | undefined;
}

/** Which refusals have a line and a record of their own; the others are counted by source, so that a flood fills neither log nor disk. */
export class RefusalSampler {
  readonly #clock: Clock;
  readonly #perSource = new RateLimiter(PER_SOURCE);
  readonly #all = new TokenBucket(ALL.perSecond, ALL.burst);
  readonly #counted = new Map<string, Counted>();
  readonly #silentAt = new Map<string, Millis>();
  #since: Millis | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether a refusal has a line and a record of its own. One that has not is counted. */
  takes(address: string, record: CallRecord): boolean {
    const now = this.#clock.now();
    const source = sourceOf(address);
    if (this.#perSource.take(source, now) && this.#all.take(now)) return true;
    this.#count(source, record.outcome, 1, record, now);
    return false;
  }

  /** Whether a refusal of a caller who is left without an answer has a line and a record: one a minute. The others are not counted. */
  takesSilent(address: string): boolean {
    const now = this.#clock.now();
    const last = this.#silentAt.get(address) ?? Number.NEGATIVE_INFINITY;
    if (now - last < SILENT_EVERY) return false;
    this.#silentAt.delete(address);
    this.#silentAt.set(address, now);
    if (this.#silentAt.size > MAX_SILENT) this.#silentAt.delete(this.#silentAt.keys().next().value!);
    return true;
  }

  /** Whether a refusal of that source would have a line of its own now: what leads up to it is left out with it. */
  hasLine(address: string): boolean {
    return this.#perSource.level(sourceOf(address), this.#clock.now()) >= 1;
  }

  /** Calls that were refused before there was anything to record. */
  shed(address: string, calls: number): void {
    this.#count(sourceOf(address), "shed", calls, undefined, this.#clock.now());
  }

  /** What has been left out, a minute after it began, or at once with `all`. */
  summaries(all = false): RefusalSummary[] {
    const now = this.#clock.now();
    if (this.#since === undefined || (!all && now - this.#since < SUMMARY_EVERY)) return [];
    const seconds = Math.max(1, Math.round((now - this.#since) / 1000));
    const ranked = [...this.#counted].sort(([, a], [, b]) => b.calls - a.calls);
    this.#counted.clear();
    this.#since = undefined;
    const own = new Map(ranked.filter(([source]) => source !== OTHERS).slice(0, OWN_SUMMARY));
    const rest = ranked.filter(([source]) => !own.has(source)).map(([, counted]) => counted);
    const summaries = [...own].map(([source, counted]) => summaryOf(source, counted, seconds));
    if (rest.length > 0) summaries.push(summaryOf(OTHERS, rest.reduce(together), seconds));
    return summaries;
  }

  #count(source: string, code: string, calls: number, record: CallRecord | undefined, now: Millis): void {
    this.#since ??= now;
    const key = this.#counted.has(source) || this.#counted.size < MAX_SOURCES ? source : OTHERS;
    const counted = this.#counted.get(key) ?? { sources: 1, calls: 0, codes: new Map(), last: undefined };
    this.#counted.set(key, counted);
    counted.calls += calls;
    counted.codes.set(code, (counted.codes.get(code) ?? 0) + calls);
    counted.last = record ?? counted.last;
  }
}

function together(a: Counted, b: Counted): Counted {
  const codes = new Map(a.codes);
  for (const [code, calls] of b.codes) codes.set(code, (codes.get(code) ?? 0) + calls);
  return { sources: a.sources + b.sources, calls: a.calls + b.calls, codes, last: b.last ?? a.last };
}

function summaryOf(source: string, { sources, calls, codes, last }: Counted, seconds: number): RefusalSummary {
  const ranked = [...codes].sort(([, a], [, b]) => b - a);
  const from = source === OTHERS ? "other sources" : source;
  const reason = `${calls} more calls from ${from} refused within ${seconds} s: ${ranked.map(([code, count]) => `${count} ${code}`).join(", ")}`;
  const record = last === undefined ? null : { ...last, id: randomUUID(), reason };
  return { source, sources, calls, codes: Object.fromEntries(ranked), seconds, record };
}
