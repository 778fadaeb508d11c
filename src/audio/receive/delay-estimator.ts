import type { Millis } from "../../base/clock.ts";

const BIN_MS = 5;
const BINS = 100;
/** Share of packets that must arrive in time. */
const QUANTILE = 0.97;
/** Weight of the newest packet: a memory of about 8 s at 50 packets a second. */
const FORGET = 1 / 400;
/** While there is little experience each packet weighs more. */
const FIRST_PACKETS = 20;
/** The least transit time is looked for in the last one to two of these. */
const WINDOW_MS = 3000;
/** Above the quantile, for the ticks' own raggedness. */
const MARGIN_MS = 5;
/**
 * No packet of the last one to two of these was later than so much: no need to wait for more, whatever was before. The longer where stalls come again
 * and again.
 */
const PEAK_MS = { once: 500, again: 10_000 } as const;
/** Packets so much over what is usual are a stall's; those within the first time belong to one, within the second it comes again. */
const STALL = { over: 20, lasts: 300, returns: 10_000 } as const;
/**
 * Nor is there need to wait for more than the latest of a longer time needed, and a little: on a quiet network that is less than the margin above. Where a
 * packet was too late for that, experience counts for longer.
 */
const CALM = { margin: 3, ms: 5000, afterLateMs: 30_000 } as const;
/** So many packets in a row, all later than the delay allows, mean a new route: a new base at once. */
const ROUTE_PACKETS = 8;

/** What bounds a playout delay, milliseconds. */
export interface DelayLimits {
  readonly min: number;
  readonly max: number;
  /** Before anything is known. */
  readonly initial: number;
}

/**
 * Estimates how long to hold packets. A packet's lateness is its transit time less the least of the last seconds; the delay wanted is what 97 % of
 * the packets stay under, and never more than the latest of the last second needed: what a single stall has taught is soon forgotten. Stalls that come
 * again within 10 s are waited for in full: sound that is made up and stretched every few seconds is worse than a longer delay.
 */
export class DelayEstimator {
  readonly #limits: DelayLimits;
  readonly #histogram = new Float64Array(BINS);
  #count = 0;
  #base = Number.POSITIVE_INFINITY;
  #older = Number.POSITIVE_INFINITY;
  #newer = Number.POSITIVE_INFINITY;
  #windowStart = 0;
  #late = 0;
  #lateLeast = Number.POSITIVE_INFINITY;
  #target: number;
  /** The target without what recurring stalls and {@link extra} add. */
  #usual: number;
  #extra = 0;
  /** Until then a stall is expected, and waited for. */
  #expectedUntil = Number.NEGATIVE_INFINITY;
  #peak = 0;
  #peakBefore = 0;
  #peakStart = 0;
  #peakMs: number = PEAK_MS.once;
  #stalledAt = Number.NEGATIVE_INFINITY;
  /** The latest of the longer time, and of the one before it. */
  #worst = 0;
  #worstBefore = 0;
  #worstStart = 0;
  #worstMs: number = CALM.ms;

  constructor(limits: DelayLimits) {
    this.#limits = limits;
    this.#target = this.#usual = limits.initial;
  }

  /** Delay to play at, milliseconds after the earliest possible. */
  get target(): number {
    return this.#target;
  }

  /** To be held beyond what lateness asks for, milliseconds. */
  get extra(): number {
    return this.#extra;
  }

  set extra(ms: number) {
    if (ms === this.#extra) return;
    this.#target = Math.min(this.#limits.max, this.#target - this.#extra + ms);
    this.#extra = ms;
  }

  /** The least transit time: media time plus this is when a packet without delay arrives. */
  get base(): number {
    return this.#base;
  }

  /**
   * Takes a packet's transit time. So much of it as it may have waited for us, `held` milliseconds, is not its lateness: who could not take it could not
   * play it either.
   */
  update(transit: number, now: Millis, held = 0): void {
    if (this.#count === 0) this.#restart(transit, now);
    if (now - this.#windowStart > WINDOW_MS) {
      this.#windowStart = now;
      this.#older = this.#newer;
      this.#newer = transit;
    }
    if (transit < this.#newer) this.#newer = transit;
    this.#base = Math.min(this.#older, this.#newer);
    const lateness = Math.max(0, transit - this.#base - held);
    this.#watchRoute(this.#base + lateness, now);
    this.#watchPeak(lateness, now);
    const weight = Math.max(FORGET, 1 / (this.#count + FIRST_PACKETS));
    const histogram = this.#histogram;
    for (let i = 0; i < BINS; i++) histogram[i] *= 1 - weight;
    histogram[Math.min(BINS - 1, Math.floor(lateness / BIN_MS))] += weight;
    this.#count++;
    this.#usual = this.#quantile();
    const expected = now < this.#expectedUntil ? Math.max(this.#peak, this.#peakBefore) + CALM.margin : 0;
    this.#target = Math.min(this.#limits.max, Math.max(this.#usual, expected) + this.#extra);
  }

  #watchRoute(transit: number, now: Millis): void {
    if (transit - this.#base <= this.#target + 60) {
      this.#late = 0;
      this.#lateLeast = Number.POSITIVE_INFINITY;
      return;
    }
    this.#lateLeast = Math.min(this.#lateLeast, transit);
    if (++this.#late < ROUTE_PACKETS) return;
    this.#older = this.#newer = this.#base = this.#lateLeast;
    this.#windowStart = now;
    this.#late = 0;
    this.#lateLeast = Number.POSITIVE_INFINITY;
  }

  #watchPeak(lateness: number, now: Millis): void {
    if (lateness > this.#usual + STALL.over) {
      if (now - this.#stalledAt > STALL.lasts) {
        const again = now - this.#stalledAt < STALL.returns;
        this.#peakMs = again ? PEAK_MS.again : PEAK_MS.once;
        if (again) this.#expectedUntil = now + STALL.returns;
      }
      this.#stalledAt = now;
    }
    if (now - this.#peakStart > this.#peakMs) {
      this.#peakStart = now;
      this.#peakBefore = this.#peak;
      this.#peak = 0;
    }
    if (lateness > this.#peak) this.#peak = lateness;
    if (lateness > this.#target) this.#worstMs = CALM.afterLateMs;
    if (now - this.#worstStart > this.#worstMs) {
      if (Math.max(this.#worst, this.#worstBefore) < this.#target) this.#worstMs = CALM.ms;
      this.#worstStart = now;
      this.#worstBefore = this.#worst;
      this.#worst = 0;
    }
    if (lateness > this.#worst) this.#worst = lateness;
  }

  #quantile(): number {
    let sum = 0;
    let bin = 0;
    while (bin < BINS - 1 && sum + this.#histogram[bin] < QUANTILE) sum += this.#histogram[bin++];
    const peak = Math.max(this.#peak, this.#peakBefore);
    const worst = Math.max(this.#worst, this.#worstBefore);
    const wanted = Math.min(Math.min((bin + 1) * BIN_MS, peak + BIN_MS) + MARGIN_MS, worst + CALM.margin);
    return Math.max(this.#limits.min, Math.min(this.#limits.max, wanted));
  }

  #restart(transit: number, now: Millis): void {
    this.#histogram.fill(0);
    // As if some packets had come a little early: the first delay is the initial one, and experience soon outweighs it.
    this.#histogram[Math.max(0, Math.min(BINS - 1, Math.floor((this.#limits.initial - MARGIN_MS) / BIN_MS) - 1))] = 1;
    this.#older = this.#newer = this.#base = transit;
    this.#windowStart = now;
    // for the first seconds the first guess holds
    this.#peak = this.#peakBefore = this.#limits.initial - MARGIN_MS - BIN_MS;
    this.#peakStart = now;
    this.#worst = 0;
    this.#worstBefore = this.#limits.initial;
    this.#worstStart = now;
  }
}
