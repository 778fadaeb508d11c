/** What the SIP machines and their driver tell each other. */
import type { PeerCertificate } from "../wire/sip/peer-certificate.ts";

/** Transports a message can travel by. */
export type TransportName = "udp" | "tcp" | "tls" | "ws" | "wss";

/** Does the transport deliver by itself, so that nothing is retransmitted over it? */
export function isReliable(transport: TransportName): boolean {
  return transport !== "udp";
}

/** An address we listen on, as the far end should see it. */
export interface Listener {
  /** The driver's number for it, unique in a layer. */
  readonly id: number;
  readonly transport: TransportName;
  /** Address bound; `0.0.0.0` or `::` for all. */
  readonly address: string;
  readonly port: number;
  /** Host and port for Via and Contact; a name or an address without brackets. */
  readonly advertisedHost: string;
  readonly advertisedPort: number;
  /** The one address that is spoken with by it; everybody where absent. */
  readonly peer?: string;
}

/** Where a message came from. */
export interface Source {
  readonly transport: TransportName;
  /** Address without brackets. */
  readonly address: string;
  readonly port: number;
  readonly localAddress: string;
  readonly localPort: number;
  /** The driver's number of the connection; 0 for datagrams. */
  readonly connection: number;
  /** The listener it arrived at; 0 for a connection that we opened. */
  readonly listener: number;
  /** Who is at the far end, where TLS asked. */
  readonly peer?: PeerCertificate | undefined;
  /** Version, suite and group of its TLS; undefined where there is none. */
  readonly tls?: string | undefined;
}

/** Where a message is to go. */
export interface Target {
  readonly transport: TransportName;
  readonly address: string;
  readonly port: number;
  /** Connection to prefer while it lives; else one that may carry requests to the address and `serverName`, else a new one. */
  readonly connection?: number;
  /** `connection` or nothing: the far end can be reached, or is meant to be, by it alone. */
  readonly only?: boolean;
  /** Listener to send datagrams from. */
  readonly listener?: number;
  /** Name the far end's certificate must carry (RFC 5922), where TLS is used. */
  readonly serverName?: string;
  /** Trunk whose CAs the far end's certificate must be signed under, and whose client certificate is shown, where TLS is used. */
  readonly trunk?: string;
}

/** Told every message as it is on the wire, `out` as it is handed to its socket. */
export type SipTap = (
  direction: "in" | "out",
  data: Buffer,
  at: Pick<Source, "transport" | "address" | "port" | "localAddress" | "localPort">,
) => void;

/** DNS questions (RFC 3263). `ADDR` asks for both address families. */
export interface Lookup {
  readonly type: "NAPTR" | "SRV" | "ADDR";
  readonly name: string;
}
export interface NaptrRecord {
  readonly order: number;
  readonly preference: number;
  readonly flags: string;
  readonly service: string;
  readonly replacement: string;
}
export interface SrvRecord {
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
  readonly name: string;
}
/** Answer to a lookup; empty when the name has no such record or the lookup failed. */
export type LookupAnswer = readonly NaptrRecord[] | readonly SrvRecord[] | readonly string[];

/** What a layer wants done. */
export type Output =
  /** Send bytes. When it cannot be done and `ref` is not 0, tell the layer by `sendFailed(ref)`. */
  | { readonly kind: "send"; readonly target: Target; readonly data: Buffer; readonly ref: number }
  /** Find out whether anything listens at a UDP target; when ICMP says that nothing does, tell the layer by `portUnreachable(ref)`. */
  | { readonly kind: "probe"; readonly target: Target; readonly ref: number }
  /** Look a name up and tell the layer by `lookupDone(id, answer)`. */
  | { readonly kind: "lookup"; readonly id: number; readonly lookup: Lookup }
  /** The connection also serves targets with its address and this port whose name its certificate carries (RFC 5923 section 8). */
  | { readonly kind: "alias"; readonly connection: number; readonly port: number };
