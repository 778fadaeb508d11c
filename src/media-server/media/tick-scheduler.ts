import type { Millis } from "../../base/clock.ts";
import { Pacer, TICK_MS } from "./pacer.ts";

/** The 20 ms are cut into so many phases; whoever ticks does so in one of them. */
export const PHASES = 10;
export const PHASE_MS = TICK_MS / PHASES;
/** A timer may be early by so much. */
const EARLY_MS = 0.5;
/** A group that changed its phase is left out where its last tick is nearer than this. */
const NEAR_MS = TICK_MS / 2;

/** What ticks together: a room with the calls in it, or the calls that are in none. */
export interface Group {
  /** 20 ms, which were due `late` milliseconds ago. */
  tick(now: Millis, late: number): void;
  /** So many ticks were let go. */
  skip(ticks: number): void;
}

interface Beat {
  readonly pacer: Pacer;
  readonly groups: Set<Group>;
}

interface Place {
  phase: number;
  /** When its last tick was due. */
  last: Millis;
}

/**
 * Ticks every group once in 20 ms, each in its own phase, so that a room can wait for just as long as its speakers' packets ask for, and rooms do not wait
 * for each other. Pacing (deadlines, stalls) is each phase's own. No timers here; the owner asks how long to wait.
 */
export class Conductor {
  readonly #beats: readonly Beat[];
  readonly #places = new Map<Group, Place>();
  readonly #origin: Millis;

  constructor(now: Millis) {
    this.#origin = now;
    this.#beats = Array.from({ length: PHASES }, (_, phase) => ({ pacer: new Pacer(now + phase * PHASE_MS), groups: new Set() }));
  }

  /** Ticks that began more than a tick late. */
  get late(): number {
    return this.#beats.reduce((sum, { pacer }) => sum + pacer.late, 0);
  }

  /** A time at which phase 0 begins; the others, and its other beginnings, are whole phases away. */
  get origin(): Millis {
    return this.#origin;
  }

  /** The phase a group is in, 0 where it is in none. */
  phaseOf(group: Group): number {
    return this.#places.get(group)?.phase ?? 0;
  }

  /** Puts a group into a phase, or into another than it is in: in its tick, so that the next is 10 to 30 ms after it. */
  place(group: Group, phase: number, now: Millis): void {
    const place = this.#places.get(group);
    if (place?.phase === phase) return;
    if (place) {
      this.#beats[place.phase]?.groups.delete(group);
      place.phase = phase;
    } else this.#places.set(group, { phase, last: Number.NEGATIVE_INFINITY });
    const beat = this.#beats[phase];
    if (!beat) return;
    if (beat.groups.size === 0) beat.pacer.resume(now);
    beat.groups.add(group);
  }

  remove(group: Group): void {
    const place = this.#places.get(group);
    if (!place) return;
    this.#places.delete(group);
    this.#beats[place.phase]?.groups.delete(group);
  }

  /** Milliseconds until the next group's tick should begin; 0 is now. */
  wait(now: Millis): number {
    let least: number = TICK_MS;
    for (const { pacer, groups } of this.#beats) if (groups.size > 0) least = Math.min(least, pacer.wait(now));
    return least;
  }

  /** How overdue a phase's next tick is, milliseconds; without a phase, the most overdue one's. */
  overdue(now: Millis, phase?: number): number {
    if (phase !== undefined) return this.#beats[phase]?.pacer.overdue(now) ?? 0;
    let most = 0;
    for (const { pacer, groups } of this.#beats) if (groups.size > 0) most = Math.max(most, pacer.overdue(now));
    return most;
  }

  /** Ticks all that are due, the longest due first. */
  run(now: Millis): void {
    const beats = this.#beats;
    let first = 0;
    for (let i = 1; i < PHASES; i++) if (beats[i]!.pacer.due < beats[first]!.pacer.due) first = i;
    for (let i = 0; i < PHASES; i++) {
      const beat = beats[(first + i) % PHASES]!;
      if (beat.groups.size > 0 && beat.pacer.wait(now) < EARLY_MS) this.#beat(beat, now);
    }
  }

  #beat({ pacer, groups }: Beat, now: Millis): void {
    const due = pacer.due;
    const lost = pacer.begin(now);
    for (const group of groups) {
      const place = this.#places.get(group);
      if (!place) continue;
      if (lost > 0) group.skip(lost);
      if (lost === 0 && due - place.last < NEAR_MS) continue;
      place.last = due + lost * TICK_MS;
      group.tick(now, pacer.lateness);
    }
  }
}
