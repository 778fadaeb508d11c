import type { OcspPolicy } from "../security/certificates/ocsp.ts";
import type { TraceLevel } from "../trace/index.ts";
import type { Trust } from "../meetings/model.ts";
import type { DigestAlgorithm } from "./digest.ts";
import type { Dialling } from "./numbering.ts";

/** SRTP policy of a trunk: `required` refuses plain RTP, `preferred` takes the best both have, `none` never encrypts. */
export type SrtpPolicy = "required" | "preferred" | "none";

/** What is at a trunk's other end: a set of defaults (`kinds.ts`). */
export type TrunkKind =
  | "cube-edge-audio"
  | "expressway"
  | "carrier-register"
  | "carrier-ip"
  | "pbx"
  | "private-interconnect"
  | "teams-style-sbc";

export type SipTransport = "udp" | "tcp" | "tls" | "ws" | "wss";

/** Fields of an INVITE that say who calls. */
export type CallerField = "p-asserted-identity" | "remote-party-id" | "diversion" | "history-info" | "from";

/** How a trunk is recognised. Every kind that is given must match (decision 0006). */
export interface TrunkIdentity {
  /** Names (SAN DNS or SIP URI; CN where there is no SAN), exact or `*.example.com`, of the verified client certificate. */
  readonly certificateNames?: readonly string[];
  /** PEM file of the CAs that its certificate is verified by, as caller and as callee; `certificates.ca` otherwise. */
  readonly ca?: string;
  /** `server-allowed` takes a caller's certificate without the client purpose, where all else about it is right. `client` where absent. */
  readonly certificatePurpose?: "client" | "server-allowed";
  /** Revocation lists, files. */
  readonly crl?: readonly string[];
  /** What is asked of the OCSP response that it staples to its certificate in calls to it. `off` where absent. */
  readonly ocsp?: OcspPolicy;
  /** Source networks, CIDR. */
  readonly networks?: readonly string[];
  /** Digest credentials (RFC 7616) it must answer with. The password stays out of logs and answers. */
  readonly digest?: {
    readonly username: string;
    readonly password: string;
    readonly realm?: string;
    readonly algorithms?: readonly DigestAlgorithm[];
  };
  /** File of a module that is asked whether a caller is this trunk. */
  readonly module?: string;
  /** It must have registered with us: its calls come over the flow of a binding. */
  readonly registration?: RegistrationIdentity;
}

/** Whom our registrar takes for a trunk (RFC 3261 section 10). */
export interface RegistrationIdentity {
  /** Also the user part of the address-of-record. */
  readonly username: string;
  /** Stays out of logs and answers. */
  readonly password: string;
  readonly realm?: string;
  /** Of the challenge, in order; SHA-256 and MD5 where absent. */
  readonly algorithms?: readonly DigestAlgorithm[];
  /** A shorter registration is answered 423, a longer one shortened; seconds. */
  readonly minSeconds: number;
  readonly maxSeconds: number;
  /** Most contacts at a time; the oldest goes for one more. */
  readonly maxContacts: number;
}

/** Where we register for a trunk, as its client. */
export interface RegisterSetup {
  /** Registrars, for example `sip:carrier.example;transport=tls`; the next is tried where one does not answer. */
  readonly registrars: readonly string[];
  /** User part of our address-of-record and of our contact. */
  readonly username: string;
  /** Stays out of logs and answers. */
  readonly password: string;
  /** User name of the credentials; `username` where absent. */
  readonly authUsername?: string;
  /** Host part of our address-of-record; the first registrar's host where absent. */
  readonly domain?: string;
  /** How long we ask to be registered, seconds; the registrar may say otherwise. */
  readonly seconds: number;
}

/** A peer that brings or takes calls. */
export interface Trunk {
  /** What is seen of its calls' messages, where that is not what holds for all. */
  readonly log?: { readonly sip: TraceLevel };
  readonly name: string;
  /** What it was configured as; its defaults are in the keys below. */
  readonly kind?: TrunkKind;
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
  /** Whose media are believed where no SRTP proves them: of the signalled address only, of the host that signalling comes from too (where absent), of anybody. */
  readonly media?: { readonly latch: "signalled" | "source" | "any" };
  /** Transports it may use; all where absent. */
  readonly transports?: readonly SipTransport[];
  /** We register with it; calls from the registrar's address are its own where `identity` says nothing. */
  readonly register?: RegisterSetup;
  /** Where calls to it go, for example `sip:10.0.0.1:5061;transport=tls`; null for a trunk that only brings calls. */
  readonly target: string | null;
  /** Most calls at a time; 0 for no limit. */
  readonly maxCalls: number;
  /** Most new calls a second; 0 for no limit. */
  readonly maxCallsPerSecond: number;
  /** Known `x-cisco-site-uuid` values; a call naming another is answered 404. Absent: not looked at. */
  readonly siteUuids?: readonly string[];
  readonly tenant: string | null;
  /** Which fields say who calls, the first that does; From alone where absent. */
  readonly callerNumber?: readonly CallerField[];
  /** How it writes telephone numbers; as they come where absent. */
  readonly dialling?: Dialling;
  /** Session timers of its calls (RFC 4028), seconds; the configuration's where absent. */
  readonly sessionTimer?: { readonly expires: number; readonly minSe: number };
  /** Whether its calls may have pictures: video, shared screens. True where absent. */
  readonly video?: boolean;
  /** Files of the certificate that calls to it show, with its chain, and its key; the configuration's where absent. */
  readonly clientCertificate?: { readonly certificate: string; readonly key: string };
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
  /** Why the last OPTIONS got no answer, in words, a certificate's fault with its code; null where one came or none is sent. */
  readonly unreachableReason: string | null;
  /** What its certificate must be for; null where it is not known by one. */
  readonly certificatePurpose: "client" | "server-allowed" | null;
  /** Its registrations with us; null where it needs none. */
  readonly contacts: readonly ContactView[] | null;
  /** Our registration with it; null where there is none. */
  readonly registration: RegistrationView | null;
}

/** A binding at our registrar. */
export interface ContactView {
  readonly uri: string;
  /** `tcp:192.0.2.1:41000`: where it came from, and where calls to it go. */
  readonly flow: string;
  /** ISO 8601. */
  readonly expiresAt: string;
  readonly userAgent: string | null;
}

/** Our registration with a trunk. */
export interface RegistrationView {
  readonly state: "registering" | "registered" | "failed";
  readonly registrar: string;
  /** ISO 8601; null while we are not registered. */
  readonly expiresAt: string | null;
  /** Why the last attempt failed, in words an operator can act on; null after one that did not. */
  readonly error: string | null;
}
