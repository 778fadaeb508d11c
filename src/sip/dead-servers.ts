/**
 * Servers that have not answered, so that requests to a place with several servers begin with those that do (RFC 3263 section 4.3): a dead
 * one is tried last for a while. One that answers counts as alive at once.
 */
import type { Millis } from "../base/clock.ts";
import type { Source, Target } from "./types.ts";

/** How long a server that was not reached is tried last, in ms. */
const REMEMBERED = 60_000;
/** The longest time a server itself may ask for by Retry-After (RFC 3261 section 21.5.4), in ms. */
const LONGEST_PAUSE = 300_000;
/** An ICMP message is held to have been wrong where the server answers within so many ms of it. */
const CONTRADICTED = 32_000;
const MAX_SERVERS = 1_000;

type Place = Pick<Target | Source, "transport" | "address" | "port">;

export class DeadServers {
  readonly #until = new Map<string, Millis>();
  readonly #unreachable = new Map<string, Millis>();
  /** Servers that have answered although ICMP said that nobody was there, as behind a firewall that rejects all other ports. */
  readonly #misreported = new Set<string>();

  /** Nothing came back from there, or a refusal. `pause` ms where the server said itself for how long. */
  failed(place: Place, now: Millis, pause = REMEMBERED): void {
    remember(this.#until, keyOf(place), now + Math.min(pause, LONGEST_PAUSE));
  }

  /** ICMP says that nobody is there. False where that was wrong before: nothing is to be made of it. */
  unreachable(place: Place, now: Millis): boolean {
    const key = keyOf(place);
    if (this.#misreported.has(key)) return false;
    remember(this.#unreachable, key, now);
    return true;
  }

  /** A response came from there. */
  answered(place: Place, now: Millis): void {
    if (this.#until.size === 0 && this.#unreachable.size === 0) return;
    const key = keyOf(place);
    this.#until.delete(key);
    const reported = this.#unreachable.get(key);
    if (reported === undefined) return;
    this.#unreachable.delete(key);
    if (now - reported < CONTRADICTED && this.#misreported.size < MAX_SERVERS) this.#misreported.add(key);
  }

  /** The targets in the order to try them: those that are dead last, each group as it was. */
  order(targets: Target[], now: Millis): Target[] {
    if (this.#until.size === 0 || targets.length < 2) return targets;
    const dead = targets.filter((t) => (this.#until.get(keyOf(t)) ?? 0) > now);
    return dead.length === 0 ? targets : [...targets.filter((t) => !dead.includes(t)), ...dead];
  }
}

const keyOf = ({ transport, address, port }: Place): string => `${transport}|${address}|${port}`;

/** Sets an entry as the youngest; the oldest one goes where there are too many. */
function remember(entries: Map<string, Millis>, key: string, value: Millis): void {
  entries.delete(key);
  if (entries.size >= MAX_SERVERS) entries.delete(entries.keys().next().value!);
  entries.set(key, value);
}
