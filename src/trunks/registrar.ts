import type { Millis } from "../base/clock.ts";
import { type NameAddr, parseSeconds, sameUri, splitList, tryParseNameAddr, type Uri, uriOf } from "../wire/sip/index.ts";
import type { RegistrationIdentity, SipTransport } from "./model.ts";

/** Where a request came from, and where an answer finds its sender: a UDP address, or a connection. */
export interface Flow {
  readonly transport: SipTransport;
  readonly address: string;
  readonly port: number;
}

/** A REGISTER whose sender has been recognised. Fields as received; several of one name joined by commas. */
export interface RegisterRequest {
  readonly callId: string;
  readonly cseq: number;
  readonly contact: string | undefined;
  readonly expires: string | undefined;
  readonly path: string | undefined;
  readonly supported: string | undefined;
  readonly userAgent: string | undefined;
  readonly flow: Flow;
}

/** What it is answered with. */
export interface RegisterAnswer {
  readonly status: 200 | 400 | 423 | 500;
  readonly headers: Readonly<Record<string, string>>;
  /** For the log; null where nothing has changed. */
  readonly change: "registered" | "refreshed" | "unregistered" | null;
}

/** A contact that is registered. */
export interface Binding {
  readonly uri: string;
  /** Path (RFC 3327), first hop first: the way to the contact instead of its flow. */
  readonly path: readonly string[];
  readonly flow: Flow;
  readonly expiresAt: Millis;
  readonly userAgent: string | undefined;
}

interface Entry extends Binding {
  readonly parsed: Uri;
  /** Of RFC 5626: the same device and flow comes with another contact. */
  readonly instance: string | undefined;
  readonly callId: string;
  readonly cseq: number;
}

/** What a registration asks for where it says nothing. */
const DEFAULT_SECONDS = 3600;
/** Flows of devices behind NAT stay open when something passes so often (RFC 5626 section 4.4.1). */
const FLOW_TIMER_SECONDS = 120;

/**
 * Bindings of each trunk (RFC 3261 section 10.3). Who may register is known before; nothing here forgets but by time, a removal, or a connection's end.
 */
export class Registrar {
  readonly #entries = new Map<string, Entry[]>();

  /** Takes a REGISTER of trunk `name`: all of it or nothing. */
  register(
    name: string,
    { minSeconds, maxSeconds, maxContacts }: RegistrationIdentity,
    request: RegisterRequest,
    now: Millis,
  ): RegisterAnswer {
    const current = this.#current(name, now);
    const refuse = (status: 400 | 423 | 500, headers: Record<string, string> = {}): RegisterAnswer => ({ status, headers, change: null });
    if (request.contact === undefined) return this.#ok(name, request, now, null);
    const asked = parseSeconds(request.expires);
    if (request.contact.trim() === "*") {
      if (asked !== 0) return refuse(400);
      if (current.some((entry) => isOlder(request, entry))) return refuse(500);
      this.#entries.delete(name);
      return this.#ok(name, request, now, current.length > 0 ? "unregistered" : null);
    }
    const path = splitList(request.path ?? "").flatMap((value) => tryParseNameAddr(value)?.uriText ?? []);
    let next = current;
    let change: RegisterAnswer["change"] = null;
    for (const value of splitList(request.contact)) {
      const address = tryParseNameAddr(value);
      const parsed = address && uriOf(address);
      if (!address || !parsed || parsed.scheme === "tel") return refuse(400);
      const seconds = Math.min(parseSeconds(address.params.get("expires") ?? undefined) ?? asked ?? DEFAULT_SECONDS, maxSeconds);
      if (seconds > 0 && seconds < minSeconds) return refuse(423, { "Min-Expires": String(minSeconds) });
      const instance = instanceOf(address);
      const old = next.find((entry) => (instance !== undefined && entry.instance === instance) || sameUri(entry.parsed, parsed));
      if (old && isOlder(request, old)) return refuse(500);
      next = next.filter((entry) => entry !== old);
      if (seconds === 0) {
        if (old) change ??= "unregistered";
        continue;
      }
      const { flow, callId, cseq, userAgent } = request;
      next = [...next, { uri: address.uriText, parsed, path, flow, expiresAt: now + seconds * 1000, userAgent, instance, callId, cseq }];
      change = old ? (change ?? "refreshed") : "registered";
    }
    this.#entries.set(name, next.slice(-maxContacts));
    return this.#ok(name, request, now, change);
  }

  /** Bindings of a trunk, the newest first: that is the one that is there most surely. */
  bindings(name: string, now: Millis): readonly Binding[] {
    return this.#current(name, now).toReversed();
  }

  /** Whether a request that came this way came from a binding of the trunk. */
  owns(name: string, flow: Flow, now: Millis): boolean {
    return this.#current(name, now).some((entry) => sameFlow(entry.flow, flow));
  }

  /** Trunks that are not among these any more lose their bindings. */
  keep(names: ReadonlySet<string>): void {
    for (const name of [...this.#entries.keys()]) if (!names.has(name)) this.#entries.delete(name);
  }

  #current(name: string, now: Millis): Entry[] {
    const entries = this.#entries.get(name) ?? [];
    const alive = entries.filter(({ expiresAt }) => expiresAt > now);
    if (alive.length < entries.length) this.#entries.set(name, alive);
    return alive;
  }

  /** RFC 3261 section 10.3 step 8, with what RFC 3327 and RFC 5626 add. */
  #ok(name: string, { supported = "", path }: RegisterRequest, now: Millis, change: RegisterAnswer["change"]): RegisterAnswer {
    const entries = this.#current(name, now);
    const contacts = entries.map(({ uri, expiresAt }) => `<${uri}>;expires=${Math.ceil((expiresAt - now) / 1000)}`);
    const options = splitList(supported.toLowerCase());
    const outbound = options.includes("outbound") && entries.some(({ instance }) => instance !== undefined);
    return {
      status: 200,
      headers: {
        ...(contacts.length > 0 ? { Contact: contacts.join(", ") } : {}),
        ...(path !== undefined && options.includes("path") ? { Path: path } : {}),
        ...(outbound ? { Require: "outbound", "Flow-Timer": String(FLOW_TIMER_SECONDS) } : {}),
        Supported: "path, outbound",
      },
      change,
    };
  }
}

/** Whether a request must not change what a later one of the same Call-ID has said (RFC 3261 section 10.3 step 7). */
function isOlder({ callId, cseq }: RegisterRequest, entry: Entry): boolean {
  return entry.callId === callId && cseq <= entry.cseq;
}

/** Device and flow of RFC 5626, where a contact names both. */
function instanceOf({ params }: NameAddr): string | undefined {
  const [device, flow] = [params.get("+sip.instance"), params.get("reg-id")];
  return device && flow ? `${device};${flow}` : undefined;
}

function sameFlow(a: Flow, b: Flow): boolean {
  return a.transport === b.transport && a.address === b.address && a.port === b.port;
}

/** A flow as a URI that leads to it. `user` has registered over it: the embedded SIP engine takes the connection for its calls only (`ob`). */
export function flowUri({ transport, address, port }: Flow, user: string): string {
  const owner = transport === "udp" ? "" : `;ob=${encodeURIComponent(user)}`;
  return `sip:${address.includes(":") ? `[${address}]` : address}:${port};transport=${transport}${owner}`;
}
