/** Whom the engine listens to, and what its owner hears of sources that send nonsense. */
import type { Clock, Millis } from "../base/clock.ts";
import { sourceOf } from "../base/ip-address.ts";
import { AccessFilter, type AccessLists } from "../security/access.ts";
import type { Source } from "../sip/types.ts";
import { StrangerCalls } from "./stranger-calls.ts";

/** Malformed messages of one source since the last report, or calls of strangers that were more than may be and were not looked at. */
export interface EngineOffence {
  readonly address: string;
  readonly transport: string;
  readonly kind: "malformed" | "shed";
  readonly count: number;
}

interface Count {
  readonly transport: string;
  count: number;
}

/** Offences are reported together this often, ms, of so many sources at most: a flood of nonsense is not to become one of reports. */
const REPORT_EVERY = 500;
const MAX_SOURCES = 1_000;
const MAX_VERIFIED = 1_000;

export class EngineAccess {
  readonly #filter: AccessFilter;
  readonly #clock: Clock;
  readonly #report: (offences: readonly EngineOffence[]) => void;
  readonly #counts = { malformed: new Map<string, Count>(), shed: new Map<string, Count>() };
  #calls: StrangerCalls | undefined;
  #trunksFirst: boolean;
  #timer: NodeJS.Timeout | undefined;
  /** Sources from which peers with a verified certificate have connected, the last ones. */
  readonly #verified = new Set<string>();
  /** Datagrams and connections of sources that are not listened to. */
  refused = 0;

  constructor(lists: AccessLists | undefined, clock: Clock, report: (offences: readonly EngineOffence[]) => void) {
    this.#filter = new AccessFilter(lists);
    this.#calls = callsOf(lists);
    this.#trunksFirst = lists?.trunksFirst === true;
    this.#clock = clock;
    this.#report = report;
  }

  admits(address: string, port: number): boolean {
    if (this.#filter.refusal(address, port, this.#clock.now()) === undefined) return true;
    this.refused++;
    return false;
  }

  /** Whether a trunk is recognised by that address, or somebody with a verified certificate has connected from there. */
  isTrunk(address: string): boolean {
    return this.#filter.isTrunk(address) || this.#verified.has(sourceOf(address));
  }

  /** Whether a source's requests wait for those of trunks. */
  waits(source: Source): boolean {
    return this.#trunksFirst && this.isStranger(source);
  }

  /** Whether neither its address nor a certificate speaks for a source. */
  isStranger(source: Source): boolean {
    return source.peer?.verified !== true && !this.isTrunk(source.address);
  }

  verified(address: string): void {
    this.recognised(sourceOf(address));
  }

  /** A trunk has been recognised from that source. */
  recognised(source: string): void {
    this.#verified.delete(source);
    this.#verified.add(source);
    if (this.#verified.size > MAX_VERIFIED) this.#verified.delete(this.#verified.keys().next().value!);
  }

  replace(lists: AccessLists): void {
    this.#filter.replace(lists);
    this.#calls = callsOf(lists);
    this.#trunksFirst = lists.trunksFirst;
  }

  /** Whether a new call is looked at: a trunk's always, strangers' while they are not too many. */
  admitsCall(source: Source, now: Millis): ReturnType<StrangerCalls["admits"]> {
    if (this.#calls === undefined || !this.isStranger(source)) return true;
    const admitted = this.#calls.admits(sourceOf(source.address), now);
    if (admitted !== true) this.#count("shed", source);
    return admitted;
  }
  ban(source: string, milliseconds: number): void {
    this.#filter.ban(source, this.#clock.now() + milliseconds);
  }
  lift(source: string): void {
    this.#filter.lift(source);
  }

  malformed(source: Pick<Source, "address" | "transport">): void {
    this.#count("malformed", source);
  }

  #count(kind: EngineOffence["kind"], { address, transport }: Pick<Source, "address" | "transport">): void {
    const counts = this.#counts[kind];
    const known = counts.get(address);
    if (known !== undefined) known.count++;
    else if (counts.size < MAX_SOURCES) counts.set(address, { transport, count: 1 });
    this.#timer ??= setTimeout(() => this.#flush(), REPORT_EVERY).unref();
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #flush(): void {
    this.#timer = undefined;
    const offences = (["malformed", "shed"] as const).flatMap((kind) => {
      const counts = [...this.#counts[kind]];
      this.#counts[kind].clear();
      return counts.map(([address, seen]): EngineOffence => ({ address, kind, ...seen }));
    });
    this.#report(offences);
  }
}

function callsOf(lists: AccessLists | undefined): StrangerCalls | undefined {
  return lists?.strangerCalls ? new StrangerCalls(lists.strangerCalls) : undefined;
}
