/** TLS for SIP and H.323: versions, ciphers, whom to trust, and what a peer's certificate says. */
import type { SecureContextOptions, TLSSocket } from "node:tls";
import type { PeerCertificate as NodePeerCertificate } from "node:tls";
import { constants, X509Certificate } from "node:crypto";
import { type RevocationList, readRevocationLists } from "../security/certificates/crl.ts";
import { isLegible } from "../security/certificates/facts.ts";
import { type Fault, nameOfCertificate } from "../security/certificates/faults.ts";
import { namesOf } from "../security/certificates/names.ts";
import type { OcspPolicy } from "../security/certificates/ocsp.ts";
import { fingerprintOf, type Purpose, verifyPath } from "../security/certificates/path.ts";
import type { PeerCertificate } from "../wire/sip/peer-certificate.ts";

/** A certificate with its chain, and its key; PEM. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

/** What one trunk has of its own. */
export interface TlsTrunk {
  /** The CAs that calls to it are verified by, in the place of the settings' own. */
  readonly cas: readonly string[];
  /** Shown in calls to it. */
  readonly client?: KeyPair | undefined;
  /** Names by which the far end may be known beside the domain that is called. */
  readonly names?: readonly string[] | undefined;
  /** What is asked of the OCSP response that comes with the far end's certificate. `off` where absent. */
  readonly ocsp?: OcspPolicy | undefined;
}

/** Certificates and policy; everything PEM. */
export interface TlsSettings {
  /** Our certificate with its chain. */
  readonly cert: string;
  readonly key: string;
  /** CAs that peers are verified against. Empty: nobody is verified. */
  readonly cas: readonly string[];
  /** Shown in calls that we place; `cert` where absent. */
  readonly client?: KeyPair | undefined;
  /** Revocation lists, files as they are. */
  readonly crls?: readonly Uint8Array[] | undefined;
  /** By trunk's name. Their CAs verify callers too; whose call it is then is decided by the CA that did. */
  readonly trunks?: Readonly<Record<string, TlsTrunk>> | undefined;
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

/**
 * Options of a listener's context: callers of every trunk come by it. It has no CAs: Node.js does not show the chain of a client that OpenSSL has verified, and
 * without the chain nobody can tell which CA has. Clients are verified by `peerCertificateOf`.
 */
export function contextOptions(settings: TlsSettings): SecureContextOptions {
  const { cert, key } = settings;
  return { ...common(settings, []), ...(cert === "" ? {} : { cert, key }) };
}

/** Options of a context for calls that we place: to a trunk, or to nobody in particular. */
export function clientContextOptions(settings: TlsSettings, trunk?: TlsTrunk): SecureContextOptions {
  const { cert, key } = trunk?.client ?? settings.client ?? settings;
  return { ...common(settings, trunk?.cas ?? settings.cas), ...(cert === "" ? {} : { cert, key }) };
}

function common(settings: TlsSettings, cas: readonly string[]): SecureContextOptions {
  return {
    // Without this the system's roots would vouch for callers.
    ca: [...cas],
    // Whoever is named is trusted by himself, an intermediate CA or a pinned certificate too.
    allowPartialTrustChain: true,
    minVersion: "TLSv1.2",
    maxVersion: "TLSv1.3",
    ciphers: cipherList(settings.legacyCiphers === true),
    honorCipherOrder: true,
    // TLS 1.2 lets a client ask for a new handshake as often as it likes, each at our cost
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
  };
}

function allCas({ cas, trunks = {} }: TlsSettings): string[] {
  return [...new Set([...cas, ...Object.values(trunks).flatMap((trunk) => trunk.cas)])];
}

/** Whom to believe, read once for many handshakes. */
export interface PeerTrust {
  readonly anchors: readonly X509Certificate[];
  readonly lists: readonly RevocationList[];
}

/** For callers: every CA there is. Throws for what cannot be read. */
export function callerTrust(settings: TlsSettings): PeerTrust {
  return trustIn(settings, allCas(settings));
}

/** For who is called. */
export function calleeTrust(settings: TlsSettings, trunk?: TlsTrunk): PeerTrust {
  return trustIn(settings, trunk?.cas ?? settings.cas);
}

function trustIn({ crls = [] }: TlsSettings, cas: readonly string[]): PeerTrust {
  return { anchors: cas.map((ca) => new X509Certificate(ca)), lists: crls.flatMap((file) => readRevocationLists(Buffer.from(file))) };
}

/** What a TLS peer's certificate says and whether it verified for what the peer is; undefined when it showed none. */
export function peerCertificateOf(socket: TLSSocket, trust: PeerTrust, peer: Purpose): PeerCertificate | undefined {
  const shown = certificatesOf(socket);
  if (shown === undefined) return undefined;
  const { leaf, presented } = shown;
  if (!isLegible(leaf)) return illegible(leaf);
  const question = { leaf, presented, ...trust, now: Date.now() };
  const verdict = verifyPath({ ...question, purpose: peer });
  // A server's chain OpenSSL has verified too.
  const verified = verdict.roots.length > 0 && (peer === "client" || socket.authorized);
  const serverOnly = peer === "client" && verdict.fault?.code === "certificate-purpose";
  const serverRoots = serverOnly ? verifyPath({ ...question, purpose: "server" }).roots : [];
  if (verified || serverRoots.length > 0) remember(leaf, presented);
  const legacy = leaf.toLegacyObject();
  return {
    verified,
    subject: distinguishedName(legacy.subject),
    issuer: distinguishedName(legacy.issuer),
    ...namesOf(leaf),
    roots: verified ? verdict.roots : [],
    serverRoots,
    ...(verified ? {} : { fault: verdict.fault ?? otherFault(socket) }),
    fingerprint: fingerprintOf(leaf),
  };
}

/**
 * Whether everything that vouched for a peer when it connected still does, after a reload: its authorities are among those trusted, its certificate is in date and
 * on no revocation list. True for a peer that nothing vouched for.
 */
export function isStillVouchedFor(socket: TLSSocket, before: PeerCertificate | undefined, trust: PeerTrust, peer: Purpose): boolean {
  if (before === undefined || before.roots.length + before.serverRoots.length === 0) return true;
  const now = peerCertificateOf(socket, trust, peer);
  return (
    now !== undefined &&
    before.roots.every((root) => now.roots.includes(root)) &&
    before.serverRoots.every((root) => now.serverRoots.includes(root))
  );
}

/** Who shows a certificate that cannot be read is nobody, by no name. */
function illegible(leaf: X509Certificate): PeerCertificate {
  const words = `the certificate ${nameOfCertificate(leaf)} cannot be read (an extension that is no DER, a key or a date of no known form): its owner needs a new one`;
  return {
    verified: false,
    subject: "",
    issuer: "",
    san: [],
    commonName: "",
    roots: [],
    serverRoots: [],
    fault: { code: "certificate-invalid", words },
    fingerprint: fingerprintOf(leaf),
  };
}

function otherFault(socket: TLSSocket): Fault {
  return { code: "certificate-invalid", words: `the certificate is not accepted (${String(socket.authorizationError ?? "")})` };
}

/** A session that is taken up again brings the certificate without its chain (RFC 8446 section 2.2): it is the first handshake's. */
const chains = new Map<string, readonly X509Certificate[]>();
const CHAINS = 2_000;

/** A peer's certificate, and whatever else it has sent. */
interface Shown {
  readonly leaf: X509Certificate;
  readonly presented: readonly X509Certificate[];
}

const shownBy = new WeakMap<TLSSocket, Shown>();

/** What the peer has shown; undefined for nothing. Node.js hands a server's certificate out once only. */
export function certificatesOf(socket: TLSSocket): Shown | undefined {
  const before = shownBy.get(socket);
  if (before) return before;
  const leaf = socket.getPeerX509Certificate();
  if (leaf === undefined) return undefined;
  const shown = { leaf, presented: presentedBy(socket, leaf).filter(isLegible) };
  shownBy.set(socket, shown);
  return shown;
}

function presentedBy(socket: TLSSocket, leaf: X509Certificate): readonly X509Certificate[] {
  if (socket.isSessionReused()) return chains.get(fingerprintOf(leaf)) ?? [];
  const presented: X509Certificate[] = [];
  for (let at = leaf.issuerCertificate; at !== undefined && presented.length < 16; at = at.issuerCertificate) presented.push(at);
  return presented;
}

/** Only of peers that are believed: a stranger's chain is not kept. */
function remember(leaf: X509Certificate, presented: readonly X509Certificate[]): void {
  if (presented.length === 0) return;
  const key = fingerprintOf(leaf);
  chains.delete(key);
  chains.set(key, presented);
  if (chains.size > CHAINS) chains.delete(chains.keys().next().value!);
}

function distinguishedName(name: NodePeerCertificate["subject"] | undefined): string {
  return Object.entries(name ?? {})
    .flatMap(([key, value]) => (Array.isArray(value) ? value : [value]).map((v) => `${key}=${String(v).replace(/[,\\]/g, "\\$&")}`))
    .join(",");
}
