import type { Millis } from "../base/clock.ts";
import type { SipRequest } from "../wire/sip/message.ts";
import { bareHost, hostToReach } from "../wire/sip/uri.ts";
import { DeadServers } from "./dead-servers.ts";
import type { SendOptions } from "./layer-api.ts";
import { type Located, locate } from "./locate.ts";
import { approximateSize, nextHop } from "./next-hop.ts";
import type { Listener, Lookup, LookupAnswer, Target } from "./types.ts";

export interface TargetSearchOptions {
  readonly random: () => number;
  /** Requests longer than this, bytes, do not go by UDP where the URI leaves the transport open (RFC 3261 section 18.1.1); 0 for no such limit. */
  readonly udpLimit: number;
  readonly listenerFor: (target: Target) => Listener | undefined;
  /** Asks for a look-up; its answer comes by {@link TargetSearch.answered} under the same identifier. */
  readonly ask: (lookup: Lookup) => number;
}

/** Where requests go (RFC 3263), with servers that did not answer last. */
export class TargetSearch {
  readonly servers = new DeadServers();
  readonly #options: TargetSearchOptions;
  readonly #lookups = new Map<number, (answer: LookupAnswer, now: Millis) => void>();

  constructor(options: TargetSearchOptions) {
    this.#options = options;
  }

  /** Look-ups that have not been answered. */
  get pending(): number {
    return this.#lookups.size;
  }

  /** Calls `done` with the targets in order, at once where nothing has to be looked up; with none, and why, where there are none. */
  find(
    request: SipRequest,
    options: Omit<SendOptions, "user">,
    now: Millis,
    done: (targets: Target[], now: Millis, why?: string) => void,
  ): void {
    const ofTrunk = (target: Target): Target => (options.trunk === undefined ? target : { ...target, trunk: options.trunk });
    if (options.target !== undefined) {
      done([ofTrunk(options.target)], now);
      return;
    }
    const uri = options.via ?? nextHop(request);
    if (uri === undefined) {
      done([], now);
      return;
    }
    const { random, udpLimit, listenerFor, ask } = this.#options;
    const address = bareHost(hostToReach(uri));
    const supported = (["udp", "tcp", "tls", "ws", "wss"] as const).filter((transport) => listenerFor({ transport, address, port: 0 }));
    const search = locate(uri, { supported, random, large: udpLimit > 0 && approximateSize(request) > udpLimit });
    const { near } = options;
    const hasConnection = (target: Target): boolean => near?.transport === target.transport && near.address === target.address;
    const step = (result: IteratorResult<Lookup, Located>, at: Millis): void => {
      if (result.done === true) {
        const found = this.servers.order(result.value.targets, at).map(ofTrunk);
        const reached = near === undefined ? found : found.map((t) => (hasConnection(t) ? { ...t, connection: near.connection } : t));
        done(reached, at, result.value.why);
        return;
      }
      this.#lookups.set(ask(result.value), (answer, then) => step(search.next(answer), then));
    };
    step(search.next(), now);
  }

  /** The answer to a look-up. */
  answered(id: number, answer: LookupAnswer, now: Millis): void {
    const resume = this.#lookups.get(id);
    this.#lookups.delete(id);
    resume?.(answer, now);
  }
}
