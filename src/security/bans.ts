import type { Millis } from "../base/clock.ts";
import { sourceOf } from "../base/ip-address.ts";

/** What a source is banned for. `by-hand`: an operator's word. */
export type OffenceKind = "wrong-pin" | "wrong-credentials" | "wrong-token" | "scanner" | "malformed";

/** How many offences of each kind, within the window, ban their source; 0 never does. */
export type OffenceLimits = Readonly<Record<OffenceKind, number>>;

export interface BanPolicy {
  readonly limits: OffenceLimits;
  /** Offences older than this do not count, ms. */
  readonly window: Millis;
  /** Length of a source's first ban, ms; each further one is twice as long. */
  readonly first: Millis;
  /** Longest ban, ms. */
  readonly longest: Millis;
  /** Sources that offences never ban. An operator may. */
  readonly exempt: (address: string) => boolean;
}

export interface Ban {
  /** An IPv4 address or an IPv6 /64. */
  readonly source: string;
  readonly reason: OffenceKind | "by-hand";
  readonly since: Millis;
  readonly until: Millis;
  /** Which ban of this source it is, from 1. */
  readonly count: number;
}

interface Offender {
  counts: Partial<Record<OffenceKind, number>>;
  windowStart: Millis;
}

/** Sources counted, and bans kept, at most: the longest unused goes first. */
const MAX_OFFENDERS = 20_000;
const MAX_BANS = 10_000;

/**
 * Bans of sources that misbehave, with back-off: each further ban of a source is twice as long, until it has behaved for as long as its last ban
 * and a window more. No timer: everything is asked with the time of day `now` (monotonic ms).
 */
export class Bans {
  #policy: BanPolicy;
  readonly #offenders = new Map<string, Offender>();
  /** Also bans that are over, as long as they make the next one longer. */
  readonly #bans = new Map<string, Ban>();

  constructor(policy: BanPolicy) {
    this.#policy = policy;
  }

  /** Takes another policy; bans in force stay. */
  replace(policy: BanPolicy): void {
    this.#policy = policy;
  }

  /** Counts `count` offences; the ban, where they have just caused one. */
  offence(address: string, kind: OffenceKind, now: Millis, count = 1): Ban | undefined {
    const { limits, window, exempt } = this.#policy;
    if (limits[kind] <= 0 || exempt(address)) return undefined;
    const source = sourceOf(address);
    if (this.#inForce(source, now)) return undefined;
    let offender = this.#offenders.get(source);
    if (offender === undefined || now - offender.windowStart > window) offender = { counts: {}, windowStart: now };
    this.#offenders.delete(source);
    this.#offenders.set(source, offender);
    if (this.#offenders.size > MAX_OFFENDERS) this.#offenders.delete(this.#offenders.keys().next().value!);
    const total = (offender.counts[kind] ?? 0) + count;
    offender.counts[kind] = total;
    if (total < limits[kind]) return undefined;
    this.#offenders.delete(source);
    return this.#ban(source, kind, undefined, now);
  }

  /** Bans an address, or its /64, by an operator's word; `ms` absent takes the policy's length. */
  add(address: string, now: Millis, ms?: Millis): Ban {
    return this.#ban(sourceOf(address), "by-hand", ms, now);
  }

  /** Lifts the ban of an address or /64 and forgets what led to it; false where there was none. */
  lift(address: string, now: Millis): boolean {
    const source = sourceOf(address);
    const had = this.#inForce(source, now) !== undefined;
    this.#bans.delete(source);
    this.#offenders.delete(source);
    return had;
  }

  /** The ban in force for an address. */
  banned(address: string, now: Millis): Ban | undefined {
    return this.#bans.size === 0 ? undefined : this.#inForce(sourceOf(address), now);
  }

  /** Bans in force, the newest first. */
  list(now: Millis): Ban[] {
    return [...this.#bans.values()].filter(({ until }) => until > now).sort((a, b) => b.since - a.since);
  }

  #inForce(source: string, now: Millis): Ban | undefined {
    const ban = this.#bans.get(source);
    return ban !== undefined && ban.until > now ? ban : undefined;
  }

  #ban(source: string, reason: Ban["reason"], ms: Millis | undefined, now: Millis): Ban {
    const { first, longest, window } = this.#policy;
    const before = this.#bans.get(source);
    // A source that has behaved for its last ban's length and a window more begins anew.
    const again = before !== undefined && now - before.until <= before.until - before.since + window;
    const count = again ? before.count + 1 : 1;
    const length = ms ?? Math.min(longest, first * 2 ** Math.min(count - 1, 30));
    const ban: Ban = { source, reason, since: now, until: now + length, count };
    this.#bans.delete(source);
    this.#bans.set(source, ban);
    if (this.#bans.size > MAX_BANS) this.#bans.delete(this.#bans.keys().next().value!);
    return ban;
  }
}
