import type { Millis } from "../../base/clock.ts";

/** How calm the choice of the picture is. */
export interface SpeakerTiming {
  /** Who is loudest must stay so for this long before the picture follows: a cough does not take it. */
  readonly confirmMs: number;
  /** A picture stays for this long at least. */
  readonly holdMs: number;
}

export const DEFAULT_SPEAKER_TIMING: SpeakerTiming = { confirmMs: 400, holdMs: 2000 };

/** Who spoke, the latest first, calmed: the conference's floor goes back and forth faster than pictures should. */
export class Speakers {
  readonly #timing: SpeakerTiming;
  #order: string[] = [];
  #candidate: string | undefined;
  #candidateSince: Millis = 0;
  #changedAt: Millis = Number.NEGATIVE_INFINITY;

  constructor(timing: SpeakerTiming) {
    this.#timing = timing;
  }

  /** All participants, who spoke last first; who never spoke, in order of arrival. */
  get order(): readonly string[] {
    return this.#order;
  }

  add(participant: string): void {
    if (!this.#order.includes(participant)) this.#order.push(participant);
  }

  remove(participant: string): void {
    this.#order = this.#order.filter((id) => id !== participant);
    if (this.#candidate === participant) this.#candidate = undefined;
  }

  /** The conference says who is loudest. Returns whether the order changed. */
  loudest(participant: string, now: Millis): boolean {
    if (this.#order[0] === participant) {
      this.#candidate = undefined;
      return false;
    }
    if (this.#candidate !== participant) {
      this.#candidate = participant;
      this.#candidateSince = now;
    }
    return this.tick(now);
  }

  /** Time passes. Returns whether the order changed. */
  tick(now: Millis): boolean {
    const candidate = this.#candidate;
    if (candidate === undefined || now < this.dueAt) return false;
    // Somebody whose seat has not been taken yet may speak already: his turn comes when he sits down.
    if (!this.#order.includes(candidate)) return false;
    this.#candidate = undefined;
    this.#order = [candidate, ...this.#order.filter((id) => id !== candidate)];
    this.#changedAt = now;
    return true;
  }

  /** When the candidate becomes the speaker; infinity without one. */
  get dueAt(): Millis {
    if (this.#candidate === undefined) return Number.POSITIVE_INFINITY;
    return Math.max(this.#candidateSince + this.#timing.confirmMs, this.#changedAt + this.#timing.holdMs);
  }
}
