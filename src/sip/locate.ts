/**
 * Where a URI's server is (RFC 3263), as a generator: it yields the DNS questions it has and is resumed with their answers.
 * Yields nothing for an address. The result is the list of targets to try in turn (section 4.3), at most `MAX_TARGETS`.
 */
import { bareHost, defaultPort, hostToReach, isIpAddress, type Uri } from "../wire/sip/uri.ts";
import type { Lookup, LookupAnswer, NaptrRecord, SrvRecord, Target, TransportName } from "./types.ts";

export interface LocateOptions {
  /** Transports we can send by, most wanted first. */
  readonly supported: readonly TransportName[];
  /** 0 ≤ n < 1, for the choice by weight (RFC 2782). */
  readonly random: () => number;
  /** The request is too large for UDP (RFC 3261 section 18.1.1): where nothing else says, use TCP and keep UDP as the last resort. */
  readonly large?: boolean;
}

const MAX_TARGETS = 8;
const services: Record<string, TransportName> = {
  "SIP+D2U": "udp",
  "SIP+D2T": "tcp",
  "SIPS+D2T": "tls",
  "SIP+D2W": "ws",
  "SIPS+D2W": "wss",
};

/** What was found. */
export interface Located {
  readonly targets: Target[];
  /** Why there are none, in words. */
  readonly why?: string;
}

/** Targets of a URI. */
export function* locate(uri: Uri, options: LocateOptions): Generator<Lookup, Located, LookupAnswer> {
  const secure = uri.scheme === "sips";
  const host = bareHost(hostToReach(uri).toLowerCase());
  if (host === "") return { targets: [] };
  const wanted = transportParam(uri, secure);
  if (wanted === "unknown") return { targets: [], why: `no such transport: ${uri.params.get("transport")}` };
  const usable = options.supported.filter((t) => !secure || t === "tls" || t === "wss");
  const open: TransportName = !options.supported.includes("udp") && options.supported.includes("tcp") ? "tcp" : "udp";
  const plain: TransportName = wanted ?? (secure ? "tls" : open);
  // Section 4.1: an address or a port leaves nothing to discover.
  if (isIpAddress(host) || uri.port !== undefined) {
    const port = uri.port ?? defaultPort(plain);
    const addresses = isIpAddress(host) ? [host] : ((yield { type: "ADDR", name: host }) as readonly string[]);
    const targets = addresses.slice(0, MAX_TARGETS).map((address) => target(plain, address, port, host));
    return found(withLarge(targets, wanted, secure, options), host);
  }

  let named: { transport: TransportName; name: string }[] = [];
  if (wanted === undefined && host.includes(".")) {
    const records = [...((yield { type: "NAPTR", name: host }) as readonly NaptrRecord[])];
    records.sort((a, b) => a.order - b.order || a.preference - b.preference);
    for (const record of records) {
      const transport = services[record.service.toUpperCase()];
      if (record.flags.toLowerCase() === "s" && transport !== undefined && usable.includes(transport))
        named.push({ transport, name: record.replacement });
    }
  }
  // A name without a dot is nobody's domain: asking for its services only delays the call.
  if (named.length === 0 && host.includes(".")) {
    const transports = wanted !== undefined ? [wanted] : usable.filter((t) => t !== "ws" && t !== "wss");
    named = transports.map((transport) => ({ transport, name: srvName(transport, host) }));
  }
  const targets: Target[] = [];
  let refused = false;
  for (const { transport, name } of named) {
    const records = (yield { type: "SRV", name }) as readonly SrvRecord[];
    for (const record of orderSrv(records, options.random)) {
      // RFC 2782: a target of "." says that the service is decidedly not there.
      if (record.name === "." || record.name === "") {
        refused = true;
        continue;
      }
      for (const address of (yield { type: "ADDR", name: record.name }) as readonly string[]) {
        // The name to find in the certificate is the domain asked for, not the one DNS gave (RFC 5922 section 7.1).
        if (targets.length < MAX_TARGETS) targets.push(target(transport, address, record.port, host));
      }
      if (targets.length >= MAX_TARGETS) return { targets };
    }
  }
  if (targets.length > 0) return { targets };
  // The domain has spoken of its services: its own addresses are none (RFC 3263 section 4.2).
  if (refused) return { targets, why: `${host} offers no such service (its SRV target is ".")` };
  const addresses = (yield { type: "ADDR", name: host }) as readonly string[];
  const own = addresses.slice(0, MAX_TARGETS).map((address) => target(plain, address, defaultPort(plain), host));
  return found(withLarge(own, wanted, secure, options), host);
}

function found(targets: Target[], host: string): Located {
  return targets.length > 0 ? { targets } : { targets, why: `no address found for ${host}` };
}

function transportParam(uri: Uri, secure: boolean): TransportName | undefined | "unknown" {
  const param = uri.params.get("transport")?.toLowerCase();
  switch (param) {
    case undefined:
    case "":
      return undefined;
    case "udp":
      return secure ? "unknown" : "udp";
    case "tcp":
      return secure ? "tls" : "tcp";
    case "tls":
      return "tls";
    case "ws":
      return secure ? "wss" : "ws";
    case "wss":
      return "wss";
    default:
      return "unknown";
  }
}

function target(transport: TransportName, address: string, port: number, name: string): Target {
  return transport === "tls" || transport === "wss" ? { transport, address, port, serverName: name } : { transport, address, port };
}

function withLarge(targets: Target[], wanted: TransportName | undefined, secure: boolean, options: LocateOptions): Target[] {
  if (options.large !== true || wanted !== undefined || secure || !options.supported.includes("tcp")) return targets;
  return [...targets.map((t) => ({ ...t, transport: "tcp" as const })), ...targets];
}

function srvName(transport: TransportName, host: string): string {
  const secure = transport === "tls" || transport === "wss";
  const proto = transport === "tls" ? "tcp" : transport === "wss" ? "ws" : transport;
  return `_${secure ? "sips" : "sip"}._${proto}.${host}`;
}

/** SRV records in the order to try them: by priority, within one by weighted chance (RFC 2782). */
export function orderSrv(records: readonly SrvRecord[], random: () => number): SrvRecord[] {
  const out: SrvRecord[] = [];
  const byPriority = [...records].sort((a, b) => a.priority - b.priority || a.weight - b.weight);
  while (byPriority.length > 0) {
    const priority = byPriority[0]!.priority;
    const group = byPriority.splice(0, byPriority.filter((r) => r.priority === priority).length);
    while (group.length > 0) {
      const total = group.reduce((sum, r) => sum + r.weight, 0);
      let pick = random() * (total + 1);
      let at = 0;
      while (at < group.length - 1 && (pick -= group[at]!.weight) > 0) at++;
      out.push(...group.splice(at, 1));
    }
  }
  return out;
}
