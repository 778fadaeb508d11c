/** TLS for SIP: versions, ciphers, whom to trust, and what a peer's certificate says. */
import type { SecureContextOptions, TLSSocket } from "node:tls";
import { checkServerIdentity, type DetailedPeerCertificate, type PeerCertificate as NodePeerCertificate } from "node:tls";
import { isIP } from "node:net";
import type { PeerCertificate } from "../wire/sip/peer-certificate.ts";

/** Certificates and policy; everything PEM. */
export interface TlsSettings {
  /** Our certificate with its chain. */
  readonly cert: string;
  readonly key: string;
  /** Roots that peers are verified against. Empty: nobody is verified. */
  readonly cas: readonly string[];
  /** Also offer the older TLS 1.2 suites without forward secrecy or with SHA-1. */
  readonly legacyCiphers?: boolean | undefined;
  /** Verify the certificate and name of servers we connect to. Default true. */
  readonly verifyServers?: boolean | undefined;
  /** Further certificates by server name asked for (SNI), lower-case. */
  readonly names?: Readonly<Record<string, { readonly cert: string; readonly key: string }>> | undefined;
}

const tls13 = ["TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"];
const modern = ["AES256-GCM-SHA384", "AES128-GCM-SHA256", "AES256-SHA384", "AES128-SHA256"];
const legacy = [
  "AES256-GCM-SHA384",
  "AES128-GCM-SHA256",
  "ECDHE-RSA-AES256-SHA",
  "ECDHE-ECDSA-AES256-SHA",
  "ECDHE-RSA-AES128-SHA",
  "ECDHE-ECDSA-AES128-SHA",
];

/** The cipher list in our order of preference: GCM with 256 bits first, RSA and ECDSA forms beside each other. */
export function cipherList(withLegacy: boolean): string {
  const suites = modern.flatMap((suite) => [`ECDHE-RSA-${suite}`, `ECDHE-ECDSA-${suite}`]);
  return [...tls13, ...suites, ...(withLegacy ? legacy : [])].join(":");
}

/** Options of a context, for both directions. */
export function contextOptions(settings: TlsSettings): SecureContextOptions {
  return {
    cert: settings.cert,
    key: settings.key,
    // Without this the system's roots would vouch for callers.
    ca: [...settings.cas],
    minVersion: "TLSv1.2",
    maxVersion: "TLSv1.3",
    ciphers: cipherList(settings.legacyCiphers === true),
    honorCipherOrder: true,
  };
}

/** What a TLS peer's certificate says and whether it verified; undefined when it showed none. */
export function peerCertificateOf(socket: TLSSocket): PeerCertificate | undefined {
  const certificate = socket.getPeerCertificate(true);
  if (certificate?.raw === undefined) return undefined;
  const verified = socket.authorized;
  return {
    verified,
    subject: distinguishedName(certificate.subject),
    issuer: distinguishedName(certificate.issuer),
    san: alternativeNames(certificate.subjectaltname),
    ca: verified ? hex(rootOf(certificate).fingerprint256) : "",
    fingerprint: hex(certificate.fingerprint256),
  };
}

function rootOf(certificate: DetailedPeerCertificate): DetailedPeerCertificate {
  let at = certificate;
  for (let depth = 0; depth < 16; depth++) {
    const issuer = at.issuerCertificate;
    if (issuer === undefined || issuer === at || issuer.fingerprint256 === at.fingerprint256) break;
    at = issuer;
  }
  return at;
}

function hex(fingerprint: string): string {
  return fingerprint.replaceAll(":", "").toLowerCase();
}

function distinguishedName(name: NodePeerCertificate["subject"] | undefined): string {
  return Object.entries(name ?? {})
    .flatMap(([key, value]) => (Array.isArray(value) ? value : [value]).map((v) => `${key}=${v}`))
    .join(",");
}

/** `DNS:a, URI:sip:a, IP Address:192.0.2.1` → one entry each. Names with special characters come as JSON strings. */
function alternativeNames(text: string | undefined): string[] {
  if (text === undefined) return [];
  const out: string[] = [];
  for (const match of text.matchAll(/(?:^|, )([A-Za-z0-9 ]+):("(?:[^"\\]|\\.)*"|[^,]*)/g)) {
    const value = match[2]!.startsWith('"') ? (JSON.parse(match[2]!) as string) : match[2]!;
    out.push(`${match[1] === "IP Address" ? "IP" : match[1]}:${value}`);
  }
  return out;
}

/**
 * Does a verified peer's certificate carry a name, so that a connection of its own making may take requests meant for that name (RFC 5923
 * section 8)? Subject alternative names only, without wildcards (RFC 5922 section 7.2).
 */
export function carriesName(peer: PeerCertificate | undefined, name: string): boolean {
  if (peer?.verified !== true) return false;
  const wanted = name.toLowerCase();
  const entries = isIP(wanted) === 0 ? [`dns:${wanted}`, `uri:sip:${wanted}`] : [`ip:${wanted}`];
  return peer.san.some((entry) => entries.includes(entry.toLowerCase()));
}

/** Does a server's certificate name the domain we wanted (RFC 5922 section 7.2: a sip URI or a DNS name)? */
export function checkSipIdentity(domain: string, certificate: NodePeerCertificate): Error | undefined {
  const wanted = `URI:sip:${domain.toLowerCase()}`;
  if (isIP(domain) === 0 && alternativeNames(certificate.subjectaltname).some((n) => n.toLowerCase() === wanted)) return undefined;
  return checkServerIdentity(domain, certificate);
}
