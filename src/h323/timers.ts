import type { Millis } from "../base/clock.ts";

/** The earliest of some times; undefined where there is none. */
export function earliest(...times: readonly (Millis | undefined)[]): Millis | undefined {
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

/** Timers of one machine by name; at most one of each runs. */
export class Timers<Name extends string> {
  readonly #at = new Map<Name, Millis>();

  set(name: Name, at: Millis): void {
    this.#at.set(name, at);
  }
  clear(name: Name): void {
    this.#at.delete(name);
  }
  clearAll(): void {
    this.#at.clear();
  }
  running(name: Name): boolean {
    return this.#at.has(name);
  }
  /** When the earliest ends, or undefined. */
  next(): Millis | undefined {
    return this.#at.size === 0 ? undefined : Math.min(...this.#at.values());
  }
  /** Takes the timers that have ended by `now`, earliest first. */
  expire(now: Millis): Name[] {
    const ended = [...this.#at].filter(([, at]) => at <= now).sort((a, b) => a[1] - b[1]);
    for (const [name] of ended) this.#at.delete(name);
    return ended.map(([name]) => name);
  }
}

/** Lengths in milliseconds, with what each guards. A configuration may shorten or lengthen them. */
export const DURATIONS = {
  /** Setup sent, nothing heard (H.225.0 table 18, Q.931 table 9-2). Over TCP Setup is not sent again. */
  T303: 10_000,
  /** CallProceeding heard, neither Alerting nor Connect nor Progress. */
  T310: 30_000,
  /** Alerting heard, no Connect. */
  T301: 180_000,
  /** SetupAcknowledge sent, no further digits: the number is complete. */
  T302: 15_000,
  /** StatusInquiry sent, no Status. */
  T322: 4_000,
  /** Connect sent or heard, control not established (no connection, no capabilities, no determination). */
  control: 20_000,
  /** TerminalCapabilitySet sent, no answer (T101). */
  T101: 15_000,
  /** OpenLogicalChannel sent, no answer (T103). */
  T103: 15_000,
  /** RoundTripDelayRequest sent, no answer (T105). */
  T105: 6_000,
  /** MasterSlaveDetermination sent, no answer (T106). */
  T106: 15_000,
  /** CloseLogicalChannel sent, no answer (T103 too, in the closing state). */
  closing: 5_000,
  /** RequestMode sent, no answer (T109). */
  T109: 10_000,
} as const;
export type Duration = keyof typeof DURATIONS;
export type Durations = { readonly [K in Duration]: number };
