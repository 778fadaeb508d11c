/** Our own addresses: which one a message to a place carries, and whether an address is one of them. */
import { bareHost } from "../wire/sip/uri.ts";
import type { Listener, Target } from "./types.ts";

/** The listener whose address a message to `target` should carry; undefined when none has the transport. One that is for the target alone goes first. */
export function listenerFor(listeners: readonly Listener[], target: Target): Listener | undefined {
  const fit = listeners.filter((l) => l.transport === target.transport && (l.peer ?? target.address) === target.address);
  const six = target.address.includes(":");
  return (
    fit.find((l) => l.id === target.listener) ??
    fit.find((l) => l.peer !== undefined) ??
    fit.find((l) => l.address.includes(":") === six && isLoopback(l.address) === isLoopback(target.address)) ??
    fit.find((l) => l.address.includes(":") === six) ??
    fit[0]
  );
}

/** Do host and port name one of these listeners? A missing port is the transport's default. */
export function isOneOf(listeners: readonly Listener[], host: string, port: number | undefined): boolean {
  const bare = bareHost(host).toLowerCase();
  return listeners.some(
    (l) =>
      (l.advertisedHost.toLowerCase() === bare || l.address === bare) &&
      (port ?? (l.transport === "tls" ? 5061 : 5060)) === l.advertisedPort,
  );
}

function isLoopback(address: string): boolean {
  return address === "::1" || address.startsWith("127.") || address.startsWith("::ffff:127.");
}
