import type { Address } from "../h323/index.ts";
import type { Trunk } from "../trunks/model.ts";
import { plainAddress } from "../trunks/networks.ts";

/** Signalling ports: H.225.0 over TCP, and over TLS. */
export const SIGNALLING_PORT = { tcp: 1720, tls: 1300 } as const;

/** An H.323 URL (H.323 annex O) with the parameter `transport`. */
export interface H323Uri {
  /** Alias or number; undefined where only a host is named. */
  readonly user: string | undefined;
  /** Undefined where only an alias is named. */
  readonly host: string | undefined;
  readonly port: number | undefined;
  readonly transport: "tcp" | "tls" | undefined;
}

/** Reads `h323:alias@host:port;transport=tls`, `h323:host` and `h323:alias`; what has no dot and is no address is an alias. Undefined when it is none of them. */
export function parseH323Uri(uri: string): H323Uri | undefined {
  const match = /^h323:(?:([^@;\s]*)@)?(\[[0-9a-f:.]+\]|[^@:;\s]*)(?::(\d{1,5}))?((?:;[^\s;]+)*)$/i.exec(uri);
  if (match === null) return undefined;
  const [, user, place = "", port, parameters = ""] = match;
  const named = /;transport=([a-z]+)/i.exec(parameters)?.[1]?.toLowerCase();
  if (named !== undefined && named !== "tcp" && named !== "tls") return undefined;
  const isHost = user !== undefined || port !== undefined || /[.[]/.test(place) || place === "localhost";
  if (place === "" || Number(port ?? 1) > 65_535 || Number(port ?? 1) === 0) return undefined;
  return {
    user: isHost ? (user === undefined || user === "" ? undefined : decoded(user)) : decoded(place),
    host: isHost ? plainAddress(place) : undefined,
    port: port === undefined ? undefined : Number(port),
    transport: named,
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Where an H.323 call goes. */
export interface H323Target {
  readonly trunk: Trunk;
  readonly user: string;
  readonly transport: "tcp" | "tls";
  /** A host (name or address) and port; undefined when whoever knows the alias is to be asked: our gatekeeper, or the one we are registered with. */
  readonly peer: Address | undefined;
}

/**
 * Chooses the trunk and the address of a call: the trunk that was named, else that whose target is the host called, else the default trunk's policy. A trunk's
 * `h323:` target says transport and port where the URI does not, and the host where the URI has none and the trunk was named.
 */
export function h323Target(
  uri: string,
  {
    named,
    trunks,
    defaultTrunk,
  }: { readonly named: Trunk | undefined; readonly trunks: readonly Trunk[]; readonly defaultTrunk: Trunk | null },
): H323Target | undefined {
  const wanted = parseH323Uri(uri);
  if (wanted === undefined) return undefined;
  const targetOf = (trunk: Trunk) => (trunk.target === null ? undefined : parseH323Uri(trunk.target));
  const fits = (trunk: Trunk) =>
    targetOf(trunk)?.host === wanted.host ||
    (trunk.target !== null && /^sips?:/i.test(trunk.target) && sipHost(trunk.target) === wanted.host);
  const ours = wanted.host === undefined ? undefined : trunks.find(fits);
  const trunk = named ?? ours ?? defaultTrunk;
  if (trunk === null) return undefined;
  const target = targetOf(trunk);
  const user = wanted.user ?? "";
  if (wanted.host === undefined && (named === undefined || target?.host === undefined))
    return { trunk, user, transport: "tcp", peer: undefined };
  const host = wanted.host ?? target!.host!;
  const same = target?.host === host;
  const transport = wanted.transport ?? (same ? target?.transport : undefined) ?? "tcp";
  const configured = same && (target?.transport ?? "tcp") === transport ? target?.port : undefined;
  return { trunk, user, transport, peer: { host, port: wanted.port ?? configured ?? SIGNALLING_PORT[transport] } };
}

function sipHost(target: string): string | undefined {
  const match = /^sips?:(?:[^@]*@)?(\[[0-9a-f:.]+\]|[^:;?]+)/i.exec(target);
  return match === null ? undefined : plainAddress(match[1]!);
}
