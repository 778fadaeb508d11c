/** Whom the engine listens to, and what its owner hears of sources that send nonsense. */
import type { Clock } from "../base/clock.ts";
import { sourceOf } from "../base/ip-address.ts";
import { AccessFilter, type AccessLists } from "../security/access.ts";
import type { Source } from "../sip/types.ts";

/** Malformed messages of one source since the last report. */
export interface EngineOffence {
  readonly address: string;
  readonly transport: string;
  readonly kind: "malformed";
  readonly count: number;
}

/** Offences are reported together this often, ms, of so many sources at most: a flood of nonsense is not to become one of reports. */
const REPORT_EVERY = 500;
const MAX_SOURCES = 1_000;
const MAX_VERIFIED = 1_000;

export class EngineAccess {
  readonly #filter: AccessFilter;
  readonly #clock: Clock;
  readonly #report: (offences: readonly EngineOffence[]) => void;
  readonly #counts = new Map<string, { readonly transport: string; count: number }>();
  #timer: NodeJS.Timeout | undefined;
  /** Sources from which peers with a verified certificate have connected, the last ones. */
  readonly #verified = new Set<string>();
  /** Datagrams and connections of sources that are not listened to. */
  refused = 0;

  constructor(lists: AccessLists | undefined, clock: Clock, report: (offences: readonly EngineOffence[]) => void) {
    this.#filter = new AccessFilter(lists);
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

  verified(address: string): void {
    const source = sourceOf(address);
    this.#verified.delete(source);
    this.#verified.add(source);
    if (this.#verified.size > MAX_VERIFIED) this.#verified.delete(this.#verified.keys().next().value!);
  }

  replace(lists: AccessLists): void {
    this.#filter.replace(lists);
  }
  ban(source: string, milliseconds: number): void {
    this.#filter.ban(source, this.#clock.now() + milliseconds);
  }
  lift(source: string): void {
    this.#filter.lift(source);
  }

  malformed({ address, transport }: Source): void {
    const known = this.#counts.get(address);
    if (known !== undefined) known.count++;
    else if (this.#counts.size < MAX_SOURCES) this.#counts.set(address, { transport, count: 1 });
    this.#timer ??= setTimeout(() => this.#flush(), REPORT_EVERY).unref();
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #flush(): void {
    this.#timer = undefined;
    const offences = [...this.#counts].map(([address, seen]): EngineOffence => ({ address, kind: "malformed", ...seen }));
    this.#counts.clear();
    this.#report(offences);
  }
}
