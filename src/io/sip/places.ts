import type { Socket } from "node:net";
import { plainAddress } from "../../base/ip-address.ts";
import type { Target, TransportName } from "../../sip/types.ts";

/** Over TLS. */
export const isSecure = (transport: TransportName): boolean => transport === "tls" || transport === "wss";
/** Over a WebSocket (RFC 7118). */
export const isWeb = (transport: TransportName): boolean => transport === "ws" || transport === "wss";
/** Where a connection comes from. */
export const fromOf = (socket: Socket) => ({ address: plainAddress(socket.remoteAddress ?? ""), port: socket.remotePort ?? 0 });

/** Name that the far end's certificate must carry (RFC 5922); lower-case. */
export function nameOf({ serverName, address }: Target): string {
  return (serverName ?? address).toLowerCase();
}

/** A place as a key of a table. */
export function addressKey(transport: TransportName, address: string, port: number): string {
  return `${transport}|${address}|${port}`;
}
