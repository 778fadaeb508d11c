import type { Logger } from "pino";
import type { Clock, Millis } from "../../base/clock.ts";
import type { Address } from "../../h323/index.ts";

/** A line at most so often: who turns away a flood is not to drown in words. */
const QUIET_MS = 10_000;

const WHY = {
  calls: "as many H.323 calls as there may be",
  source: "as many H.323 calls from its address as there may be",
  rate: "more connections a second than callers may make whom no trunk recognises",
  "no-setup": "it brought no call",
  handshake: "no TLS handshake came about",
} as const;
export type TurnedAway = keyof typeof WHY;

/** Says in the log which connections are turned away before there is a call that could have a record: the first at once, those that follow together. */
export class H323Door {
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #counts = new Map<TurnedAway, { count: number; until: Millis }>();

  constructor(log: Logger, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  /** `detail` says more of it, in words. */
  turnedAway({ host }: Address, why: TurnedAway, detail?: string): void {
    const now = this.#clock.now();
    const state = this.#counts.get(why) ?? { count: 0, until: -Infinity };
    state.count++;
    if (now >= state.until) {
      const fields = {
        event: "h323-turned-away",
        address: host,
        connections: state.count,
        code: why,
        ...(detail === undefined ? {} : { detail }),
      };
      // Port scanners and probes bring nothing either.
      this.#log[why === "no-setup" || why === "handshake" ? "info" : "warn"](fields, `H.323 connections were turned away: ${WHY[why]}`);
      state.count = 0;
      state.until = now + QUIET_MS;
    }
    this.#counts.set(why, state);
  }
}
