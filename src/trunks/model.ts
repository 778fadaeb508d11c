import type { Trust } from "../meetings/model.ts";

/** SRTP policy of a trunk: `required` refuses plain RTP, `preferred` takes the best both have, `none` never encrypts. */
export type SrtpPolicy = "required" | "preferred" | "none";

export type SipTransport = "udp" | "tcp" | "tls" | "ws" | "wss";

/** How a trunk is recognised. Every kind that is given must match (design decision 6). */
export interface TrunkIdentity {
  /** Names (SAN DNS or URI; CN where there is no SAN), exact or `*.example.com`, of the verified client certificate. */
  readonly certificateNames?: readonly string[];
  /** PEM file whose root must have verified the client certificate; any of the listener's CAs otherwise. */
  readonly ca?: string;
  /** Source networks, CIDR. */
  readonly networks?: readonly string[];
  /** Digest credentials (RFC 7616) it must answer with. The password stays out of logs and answers. */
  readonly digest?: { readonly username: string; readonly password: string; readonly realm?: string };
}

/** A peer that brings or takes calls. */
export interface Trunk {
  readonly name: string;
  readonly identity: TrunkIdentity;
  /** How far its callers are trusted once it is recognised. */
  readonly trust: Trust;
  readonly srtp: SrtpPolicy;
  /** Suites allowed, RFC 4568 names in order of preference; the project's own order where absent. */
  readonly suites?: readonly string[];
  /** Audio codecs of its calls, best first; the configuration's `media.codecs` where absent. */
  readonly codecs?: readonly string[];
  /** Keys are accepted over unencrypted signalling: the network is private, on the operator's word. */
  readonly privateNetwork: boolean;
  /** Transports it may use; all where absent. */
  readonly transports?: readonly SipTransport[];
  /** Where calls to it go, for example `sip:10.0.0.1:5061;transport=tls`; null for a trunk that only brings calls. */
  readonly target: string | null;
  /** Most calls at a time; 0 for no limit. */
  readonly maxCalls: number;
  /** Most new calls a second; 0 for no limit. */
  readonly maxCallsPerSecond: number;
  /** Known `x-cisco-site-uuid` values; a call naming another is answered 404. Absent: not looked at. */
  readonly siteUuids?: readonly string[];
  readonly tenant: string | null;
  /** Whether its calls may have pictures: video, shared screens. True where absent. */
  readonly video?: boolean;
  /** Turns on the TLS 1.2 suites without forward secrecy for the listener. */
  readonly legacyCiphers: boolean;
}

/** A trunk as the admin API shows it. */
export interface TrunkView {
  readonly name: string;
  readonly trust: Trust;
  readonly srtp: SrtpPolicy;
  readonly calls: number;
  readonly maxCalls: number;
  readonly target: string | null;
  readonly tenant: string | null;
  /** Answer to the last OPTIONS sent to `target`, null where none is sent. */
  readonly reachable: boolean | null;
}
