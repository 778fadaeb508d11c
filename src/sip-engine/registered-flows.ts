/**
 * Connections over which a REGISTER or SUBSCRIBE was accepted, and whose they are (RFC 5626 in spirit; drachtio does so for browsers).
 * A flow serves requests for its own bindings only: those an application sends by it on purpose (a route `sip:address:port;transport=tls;ob=user`,
 * with the user of the address-of-record that registered over it), and those for a Contact that no other way leads to, one in `.invalid`
 * (RFC 7118 section 5). A device that registers another's number as its Contact gets nothing by it.
 */
import type { Millis } from "../base/clock.ts";
import type { Source, Target } from "../sip/types.ts";
import { bareHost, type Uri, unescapeUri } from "../wire/sip/uri.ts";

interface Flow {
  /** User of the address-of-record. */
  readonly owner: string;
  readonly target: Target;
  readonly connection: number;
  readonly until: Millis;
}

/** Parameter of a route that names a flow; its value is the user of the address-of-record, escaped. */
export const FLOW_PARAM = "ob";
const MAX_FLOWS = 50_000;

export class RegisteredFlows {
  readonly #flows = new Map<string, Flow>();
  readonly #max: number;

  constructor(max = MAX_FLOWS) {
    this.#max = max;
  }

  get size(): number {
    return this.#flows.size;
  }

  /** A REGISTER of `user` with this Contact was accepted over a connection until then; at once over, for one that was taken back. */
  remember(user: string, contact: Uri, source: Source, until: Millis, now: Millis): void {
    const { transport, address, port, connection } = source;
    if (connection === 0) return;
    const keys = [routeKey(user, transport, address, port), ...(isReachableByFlowOnly(contact) ? [contactKey(contact)] : [])];
    for (const key of keys) {
      const known = this.#flows.get(key);
      // A contact is not taken over by its name while its owner's connection stands.
      if (known !== undefined && known.owner !== user && known.until > now) continue;
      this.#flows.delete(key);
      if (until > now)
        this.#flows.set(key, { owner: user, target: { transport, address, port, connection, only: true }, connection, until });
    }
    if (this.#flows.size > this.#max) for (const [key, flow] of this.#flows) if (flow.until < now) this.#flows.delete(key);
  }

  /** Does a route name a flow? */
  isFlow(route: Uri): boolean {
    const transport = route.params.get("transport")?.toLowerCase() ?? "udp";
    return route.params.has(FLOW_PARAM) && transport !== "udp";
  }

  /** The connection that a route names; undefined when it is gone, or is somebody else's now. */
  byRoute(route: Uri, now: Millis): Target | undefined {
    const transport = route.params.get("transport")?.toLowerCase() ?? "udp";
    const user = unescapeUri(route.params.get(FLOW_PARAM) ?? "");
    return this.#alive(routeKey(user, transport, bareHost(route.host), route.port ?? 0), now);
  }

  /** The connection by which alone a registered Contact is reached. */
  byContact(contact: Uri, now: Millis): Target | undefined {
    return isReachableByFlowOnly(contact) ? this.#alive(contactKey(contact), now) : undefined;
  }

  /** A connection is gone. */
  forget(connection: number): void {
    for (const [key, flow] of this.#flows) if (flow.connection === connection) this.#flows.delete(key);
  }

  #alive(key: string, now: Millis): Target | undefined {
    const flow = this.#flows.get(key);
    return flow !== undefined && flow.until > now ? flow.target : undefined;
  }
}

function isReachableByFlowOnly(contact: Uri): boolean {
  return contact.host.toLowerCase().endsWith(".invalid");
}

function routeKey(user: string, transport: string, address: string, port: number): string {
  return `${transport}|${address.toLowerCase()}|${port}|${user}`;
}

function contactKey({ user, host }: Uri): string {
  return `${user ?? ""}@${host.toLowerCase()}`;
}
