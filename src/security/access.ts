import type { Millis } from "../base/clock.ts";
import { sourceOf } from "../base/ip-address.ts";
import { Networks } from "./networks.ts";

/** New calls a second, twice as many at once. */
export interface StrangerCallLimits {
  /** From one source, an IPv4 address or IPv6 /64. */
  readonly perSource: number;
  /** From all of them. */
  readonly all: number;
}

/** Which networks may speak to us at all; can be copied to another thread. */
export interface AccessLists {
  /** Only these, where there are any. */
  readonly allow: readonly string[];
  /** Not these, whatever `allow` says. */
  readonly deny: readonly string[];
  /** Networks of trunks: places are kept for them where strangers come in numbers. */
  readonly trunks: readonly string[];
  /** New calls a second of callers from elsewhere; as many as come where null. */
  readonly strangerCalls: StrangerCallLimits | null;
  /** Trunks go first: requests of callers from elsewhere wait for theirs. */
  readonly trunksFirst: boolean;
  /** `127.0.0.1:41000`: our own media server, whatever the lists say. A bare address stands for all its ports. */
  readonly own: readonly string[];
}

export type NotAdmitted = "denied" | "banned";

/**
 * Whether a source is listened to: asked before anything it has sent is read. Bans are kept with their ends, so that a thread of its own needs no word when one is over.
 */
export class AccessFilter {
  #allow: Networks | undefined;
  #deny: Networks | undefined;
  #own = new Set<string>();
  #trunks: Networks | undefined;
  readonly #banned = new Map<string, Millis>();

  constructor(lists?: AccessLists) {
    if (lists !== undefined) this.replace(lists);
  }

  /** Takes other lists; bans stay. Throws RangeError for a network that is none, and then has changed nothing. */
  replace({ allow, deny, own, trunks }: AccessLists): void {
    const lists = [allow, deny, trunks].map((list) => (list.length === 0 ? undefined : new Networks(list)));
    [this.#allow, this.#deny, this.#trunks] = lists;
    this.#own = new Set(own);
  }

  /** Whether a trunk is recognised by that address. */
  isTrunk(address: string): boolean {
    return this.#trunks?.contains(address) === true;
  }

  /** Bans a source, as `sourceOf` names it, until `until`. */
  ban(source: string, until: Millis): void {
    this.#banned.set(source, until);
  }

  lift(source: string): void {
    this.#banned.delete(source);
  }

  /** Why nothing of that address is read; undefined where it is. */
  refusal(address: string, port: number, now: Millis): NotAdmitted | undefined {
    const listed = this.#allow !== undefined || this.#deny !== undefined;
    if (!listed && this.#banned.size === 0) return undefined;
    if (this.#own.size > 0 && (this.#own.has(address) || this.#own.has(`${address}:${port}`))) return undefined;
    if (this.#deny?.contains(address) === true) return "denied";
    if (this.#allow?.contains(address) === false) return "denied";
    if (this.#banned.size === 0) return undefined;
    const source = sourceOf(address);
    const until = this.#banned.get(source);
    if (until === undefined) return undefined;
    if (until > now) return "banned";
    this.#banned.delete(source);
    return undefined;
  }
}
