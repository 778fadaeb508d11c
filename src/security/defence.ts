import type { Clock } from "../base/clock.ts";
import { sourceOf } from "../base/ip-address.ts";
import { TokenBucket } from "../base/token-bucket.ts";
import { AccessFilter, type AccessLists, type NotAdmitted } from "./access.ts";
import { type Ban, type BanPolicy, Bans, type OffenceKind } from "./bans.ts";
import { RateLimiter } from "../base/rate-limit.ts";

/** Whose word a ban is carried to: the SIP engine, in a thread of its own. */
export interface BanFollower {
  /** `milliseconds` from now. */
  banned(source: string, milliseconds: number): void;
  lifted(source: string): void;
  /** A trunk's caller has been recognised from there. */
  recognised(source: string): void;
}

export interface DefenceLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** A ban with the times of day that operators read. */
export interface BanView {
  /** An IPv4 address or an IPv6 /64. */
  readonly address: string;
  readonly reason: Ban["reason"];
  /** ISO 8601. */
  readonly since: string;
  readonly until: string;
  /** Which ban of this source it is, from 1. */
  readonly count: number;
}

/** Calls that were refused before anything was kept of them. */
export interface ShedCalls {
  readonly count: number;
  readonly transport: string;
}

/** Nobody is banned. */
export const NO_BANS: BanPolicy = {
  limits: { "wrong-pin": 0, "wrong-credentials": 0, "wrong-token": 0, scanner: 0, malformed: 0 },
  window: 600_000,
  first: 600_000,
  longest: 86_400_000,
  exempt: () => false,
};

/** Offences of one source that have a line each: a minute's worth of quick guesses, then one in two seconds. */
const LINES = { perSecond: 0.5, burst: 60 };
/** Sources from which trunks have been recognised that are remembered, the last ones. */
const MAX_RECOGNISED = 1_000;
/** Lines of all sources together. */
const ALL_LINES = { perSecond: 50, burst: 500 };

/**
 * What the whole process knows about sources that misbehave: every part reports offences here and asks here whether a source is listened to.
 * Each offence is one log line of a stable form, `offence KIND from ADDRESS`, which fail2ban can follow (docs/fail2ban).
 */
export class Defence {
  readonly #bans: Bans;
  readonly #filter = new AccessFilter();
  readonly #clock: Clock;
  readonly #log: DefenceLog;
  readonly #followers = new Set<BanFollower>();
  readonly #lines = new RateLimiter(LINES);
  readonly #allLines = new TokenBucket(ALL_LINES.perSecond, ALL_LINES.burst);
  readonly #recognised = new Set<string>();
  #unsaid = 0;
  onShed: (address: string, calls: ShedCalls) => void = () => {};

  constructor(options: { readonly clock: Clock; readonly log: DefenceLog; readonly policy?: BanPolicy; readonly lists?: AccessLists }) {
    this.#clock = options.clock;
    this.#log = options.log;
    this.#bans = new Bans(options.policy ?? NO_BANS);
    if (options.lists !== undefined) this.#filter.replace(options.lists);
  }

  /** Other rules from now on; bans in force stay. */
  replace(policy: BanPolicy, lists: AccessLists): void {
    this.#filter.replace(lists);
    this.#bans.replace(policy);
  }

  /** Why nothing of that address is read; undefined where it is. */
  refusal(address: string, port = 0): NotAdmitted | undefined {
    return this.#filter.refusal(address, port, this.#clock.now());
  }

  /** Whether a trunk is recognised by that address, or has been recognised from there by something else: places are kept for those. */
  isTrunk(address: string): boolean {
    return this.#filter.isTrunk(address) || (this.#recognised.size > 0 && this.#recognised.has(sourceOf(address)));
  }

  /** A trunk has been recognised from there, by certificate, digest or registration. */
  recognised(address: string): void {
    if (this.#filter.isTrunk(address)) return;
    const source = sourceOf(address);
    const known = this.#recognised.delete(source);
    this.#recognised.add(source);
    if (this.#recognised.size > MAX_RECOGNISED) this.#recognised.delete(this.#recognised.values().next().value!);
    if (!known) for (const follower of this.#followers) follower.recognised(source);
  }

  /**
   * Something a source did that nobody does by mistake so often. May ban it. What comes by UDP and is `unproven`, as a scanner's request always is, bans
   * nobody, and has another line: its sender's address may be forged, to have somebody else banned. Other offences by UDP follow on an answer of ours that
   * only the address got.
   */
  offence(
    address: string,
    kind: OffenceKind,
    details: { readonly count?: number; readonly transport?: string; readonly unproven?: boolean } = {},
  ): void {
    const now = this.#clock.now();
    const { count = 1, transport } = details;
    const unproven = details.unproven ?? (kind === "scanner" && transport === "udp");
    if (this.#lines.take(sourceOf(address), now) && this.#allLines.take(now)) {
      const unsaid = this.#unsaid === 0 ? {} : { unsaid: this.#unsaid };
      this.#unsaid = 0;
      this.#log.warn(
        {
          event: "offence",
          kind,
          address,
          ...(transport === undefined ? {} : { transport }),
          ...(count === 1 ? {} : { count }),
          ...unsaid,
        },
        unproven ? `${kind} by UDP, said to be from ${address}` : `offence ${kind} from ${address}`,
      );
    } else this.#unsaid++;
    if (unproven) return;
    const ban = this.#bans.offence(address, kind, now, count);
    if (ban !== undefined) this.#began(ban);
  }

  /** Calls of a source that nobody has looked at, for there were too many; whoever keeps the records hears of them by `onShed`. */
  shed(address: string, calls: ShedCalls): void {
    this.onShed(address, calls);
  }

  /** Bans an address or its /64 by an operator's word. */
  ban(address: string, milliseconds?: number): BanView {
    const ban = this.#bans.add(address, this.#clock.now(), milliseconds);
    this.#began(ban);
    return this.#view(ban);
  }

  /** Lifts a ban; false where there was none. */
  lift(address: string): boolean {
    const source = sourceOf(address);
    const had = this.#bans.lift(source, this.#clock.now());
    this.#filter.lift(source);
    for (const follower of this.#followers) follower.lifted(source);
    if (had) this.#log.info({ event: "ban-lifted", address: source }, `ban of ${source} lifted`);
    return had;
  }

  bans(): BanView[] {
    return this.#bans.list(this.#clock.now()).map((ban) => this.#view(ban));
  }

  /** Tells of bans from now on, and of those in force at once. */
  follow(follower: BanFollower): void {
    this.#followers.add(follower);
    this.tell(follower);
  }

  /** Tells of the bans in force and of the sources recognised: to one that has begun anew, say. */
  tell(follower: Pick<BanFollower, "banned" | "recognised">): void {
    for (const source of this.#recognised) follower.recognised(source);
    const now = this.#clock.now();
    for (const { source, until } of this.#bans.list(now)) follower.banned(source, until - now);
  }

  #began(ban: Ban): void {
    const { source, reason, since, until, count } = ban;
    this.#filter.ban(source, until);
    for (const follower of this.#followers) follower.banned(source, until - since);
    const seconds = Math.round((until - since) / 1000);
    this.#log.warn({ event: "banned", address: source, reason, seconds, count }, `banned ${source} for ${seconds} s: ${reason}`);
  }

  #view({ source, reason, since, until, count }: Ban): BanView {
    const offset = this.#clock.wall() - this.#clock.now();
    return { address: source, reason, since: new Date(since + offset).toISOString(), until: new Date(until + offset).toISOString(), count };
  }
}
