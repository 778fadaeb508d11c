import type { Millis } from "../../base/clock.ts";
import { PHASE_MS, PHASES } from "./tick-scheduler.ts";

/** When one stream's next packets are there for sure, and how much it matters. */
export interface Readiness {
  readonly at: Millis;
  /** They come every so often, milliseconds, 20 at most. */
  readonly every: number;
  readonly weight: number;
}

/** From a packet's being there for sure to the tick: what keeps a small drift from costing a whole frame. */
const GUARD_MS = 1;
/** A change that saves less than this (root mean square over the streams) is not worth it. */
const WORTHWHILE_MS = 1.5;
/** No way to a better phase is longer, in steps. */
const MOST_LATER = 7;
/** What is left of the earlier experience each time: what comes and goes within seconds moves nobody. */
const KEEP = 0.95;

/**
 * Chooses when in its 20 ms a room ticks, for the sake of those who speak: a packet that has just been missed waits for the whole of the next 20 ms, so the
 * best moment is just after most of them are there. Squares of the waits are weighed, which favours few long ones over many.
 */
export class PhaseChoice {
  /** Of the streams as they are now, and as they were of late. */
  readonly #present = new Float64Array(PHASES);
  readonly #costs = new Float64Array(PHASES);
  #weight = 0;
  #looked = 0;
  readonly #origin: Millis;

  /** `origin` is a time at which phase 0 begins. */
  constructor(origin: Millis) {
    this.#origin = origin;
  }

  /** Before the streams are added as they are now. */
  begin(): void {
    // To begin with it is what there is on average.
    if (this.#weight > 0) this.#looked++;
    const keep = Math.min(KEEP, this.#looked / (this.#looked + 1));
    this.#present.fill(0);
    for (let phase = 0; phase < PHASES; phase++) this.#costs[phase]! *= keep;
    this.#weight *= keep;
  }

  add({ at, every, weight }: Readiness): void {
    let wait = (this.#origin - at - GUARD_MS) % every;
    if (wait < 0) wait += every;
    for (let phase = 0; phase < PHASES; phase++) {
      const cost = weight * wait * wait;
      this.#present[phase]! += cost;
      this.#costs[phase]! += cost;
      wait += PHASE_MS;
      if (wait >= every) wait -= every;
    }
    this.#weight += weight;
  }

  /** The best phase for the streams added; `present` where no other is worth the change. */
  best(present: number): number {
    if (this.#weight === 0) return present;
    let best = present;
    for (let phase = 0; phase < PHASES; phase++) if (this.#costs[phase]! < this.#costs[best]!) best = phase;
    const rms = (phase: number) => Math.sqrt(this.#costs[phase]! / this.#weight);
    return rms(present) - rms(best) < WORTHWHILE_MS ? present : best;
  }

  /** The next phase on the way to the best one: a step at a time, which listeners' jitter buffers do not notice. */
  step(present: number): number {
    const best = this.best(present);
    if (best === present) return present;
    return (present + (this.#goesLater(present, best) ? 1 : PHASES - 1)) % PHASES;
  }

  /**
   * By the shorter way; but rather by later ticks where on the way to earlier ones somebody's packets would no longer be there, which costs a frame made up.
   * Later ticks cost the listeners the time itself, until their buffers have made up for it.
   */
  #goesLater(present: number, best: number): boolean {
    const later = (best - present + PHASES) % PHASES;
    if (later <= PHASES / 2) return true;
    for (let phase = present; phase !== best; ) {
      const next = (phase + PHASES - 1) % PHASES;
      if (this.#present[next]! > this.#present[phase]!) return later <= MOST_LATER;
      phase = next;
    }
    return false;
  }
}
