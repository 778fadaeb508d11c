import type { X509Certificate } from "node:crypto";
import { allowsNames } from "./constraints.ts";
import { isRevoked, type RevocationList } from "./crl.ts";
import { type CertificateFacts, factsOf, KEY_USAGE, USAGE } from "./facts.ts";
import { day, type Fault, nameOfCertificate, shortName } from "./faults.ts";

/** What a certificate is to be used for (RFC 5280 section 4.2.1.12). */
export type Purpose = "client" | "server";

export interface PathQuestion {
  readonly leaf: X509Certificate;
  /** Whatever else the peer has sent, in any order. */
  readonly presented: readonly X509Certificate[];
  /** Certificates that are trusted by themselves: roots, intermediates, or the peer's own. */
  readonly anchors: readonly X509Certificate[];
  readonly purpose: Purpose;
  readonly lists?: readonly RevocationList[];
  /** ms since 1970. */
  readonly now: number;
}

export interface PathVerdict {
  /** SHA-256, lower-case hex, of every anchor that vouches for it. Empty: it is not verified. */
  readonly roots: readonly string[];
  /** Why it is not verified. */
  readonly fault: Fault | undefined;
}

/** Certificates above the leaf. */
const DEPTH = 8;
/** Signatures computed for one peer: what strangers present is theirs to choose. */
const SIGNATURES = 48;

export const fingerprintOf = (certificate: X509Certificate): string => certificate.fingerprint256.replaceAll(":", "").toLowerCase();

/**
 * Verifies a certificate (RFC 5280 section 6) by following signatures from it to every anchor there is a way to; names decide nothing by themselves. Judged on
 * each way: dates, CA flags, path length, purposes, name constraints, revocation lists, strength.
 */
export function verifyPath(question: PathQuestion): PathVerdict {
  const { leaf, anchors } = question;
  const trusted = new Map(anchors.map((anchor) => [fingerprintOf(anchor), anchor]));
  const pool = [...trusted.values(), ...question.presented];
  const roots = new Set<string>();
  let fault: Fault | undefined;
  let signatures = 0;
  const follow = (chain: readonly X509Certificate[]): void => {
    const last = chain.at(-1)!;
    const print = fingerprintOf(last);
    if (trusted.has(print)) {
      const found = faultOf(chain, question);
      if (found === undefined) roots.add(print);
      else fault ??= found;
    }
    if (chain.length > DEPTH) return;
    const tried = new Set(chain.map(fingerprintOf));
    for (const issuer of pool) {
      const own = fingerprintOf(issuer);
      if (tried.has(own) || !last.checkIssued(issuer)) continue;
      tried.add(own);
      if (++signatures > SIGNATURES) return;
      if (last.verify(issuer.publicKey)) follow([...chain, issuer]);
    }
  };
  follow([leaf]);
  if (roots.size > 0) return { roots: [...roots], fault: undefined };
  return { roots: [], fault: fault ?? falseAuthority(leaf, question.presented) ?? unknownAuthority(leaf) };
}

/** A certificate that somebody has signed who is no CA, and has sent along. */
function falseAuthority(leaf: X509Certificate, presented: readonly X509Certificate[]): Fault | undefined {
  const named = presented.filter((other) => other.subject === leaf.issuer && fingerprintOf(other) !== fingerprintOf(leaf)).slice(0, 4);
  const signer = named.find((other) => !leaf.checkIssued(other) && signedIt(other, leaf));
  if (signer === undefined) return undefined;
  const words = `the certificate ${nameOfCertificate(leaf)} is signed with the certificate ${nameOfCertificate(signer)}, which is no CA's: the peer needs one of a CA`;
  return { code: "certificate-invalid", words };
}

function unknownAuthority(leaf: X509Certificate): Fault {
  const own = leaf.subject === leaf.issuer ? "signed by itself" : `issued by '${shortName(leaf.issuer ?? "")}'`;
  return {
    code: "certificate-unknown-ca",
    words: `the certificate ${nameOfCertificate(leaf)} is ${own}, and no CA that is trusted here vouches for it: name its CA, or have it send its whole chain`,
  };
}

/** The first fault of a way from the leaf to an anchor; undefined for a good one. */
function faultOf(chain: readonly X509Certificate[], { lists = [], now, purpose }: PathQuestion): Fault | undefined {
  for (const [i, certificate] of chain.slice(0, -1).entries()) {
    if (isRevoked(certificate, chain[i + 1]!, lists))
      return {
        code: "certificate-revoked",
        words: `the certificate ${nameOfCertificate(certificate)} is revoked by its CA's list: the peer needs a new one`,
      };
  }
  for (const certificate of chain) {
    const dated = datesOf(certificate, now);
    if (dated) return dated;
  }
  for (const [i, certificate] of chain.entries()) {
    const what = structureOf(certificate, i, chain);
    if (what) return { code: "certificate-invalid", words: `the certificate ${nameOfCertificate(certificate)} ${what}` };
  }
  for (const [i, certificate] of chain.entries()) {
    // An anchor is trusted for what it is configured for.
    if ((i > 0 && i === chain.length - 1) || allows(factsOf(certificate), purpose, i === 0)) continue;
    return { code: "certificate-purpose", words: purposeWords(certificate, purpose) };
  }
  return undefined;
}

function purposeWords(certificate: X509Certificate, purpose: Purpose): string {
  const other = allows(factsOf(certificate), purpose === "client" ? "server" : "client", !certificate.ca);
  const name = nameOfCertificate(certificate);
  if (purpose === "client" && other)
    return `the certificate ${name} is for servers only (extended key usage serverAuth without clientAuth): have the peer show one with clientAuth, or take it with the trunk's identity.certificatePurpose: server-allowed`;
  return `the certificate ${name} is not for ${purpose}s (extended key usage ${purpose}Auth is missing): the peer needs another one`;
}

export function datesOf(certificate: X509Certificate, now: number): Fault | undefined {
  const [from, to] = [certificate.validFromDate.getTime(), certificate.validToDate.getTime()];
  const clock = `our clock says ${new Date(now).toISOString().slice(0, 16)}Z`;
  const name = nameOfCertificate(certificate);
  if (now > to)
    return { code: "certificate-expired", words: `the certificate ${name} expired on ${day(to)} (${clock}): its owner must renew it` };
  if (now < from)
    return {
      code: "certificate-not-yet-valid",
      words: `the certificate ${name} is valid from ${new Date(from).toISOString()} on (${clock}): one of the clocks is wrong`,
    };
  return undefined;
}

/** RFC 5280 section 6.1.4, and what OpenSSL asks at its security level 2. */
function structureOf(certificate: X509Certificate, index: number, chain: readonly X509Certificate[]): string | undefined {
  const facts = factsOf(certificate);
  const anchor = index === chain.length - 1;
  if (facts.unknownCritical.length > 0) return `has a critical extension that is not known here (${facts.unknownCritical.join(", ")})`;
  const weak = weaknessOf(certificate, anchor);
  if (weak !== undefined || index === 0) return weak;
  // Roots of the first version, before there were extensions, are what the operator takes them for.
  const old = anchor && facts.version === 1;
  if (!certificate.ca && !old) return "has signed another one and is no CA";
  if (facts.keyUsage !== undefined && (facts.keyUsage & KEY_USAGE.keyCertSign) === 0)
    return "has signed another one, which its key usage forbids";
  const below = chain.slice(1, index).filter((ca) => ca.subject !== ca.issuer).length;
  if (facts.pathLength !== undefined && below > facts.pathLength) return `allows ${facts.pathLength} CAs below it, and there are ${below}`;
  if (chain.slice(0, index).some((other) => !allowsNames(certificate, other)))
    return "does not allow the names of what it has signed (name constraints)";
  return undefined;
}

/** What is too weak about a certificate, OpenSSL's security level 2; undefined where nothing is. Nobody relies on the signature of one that is trusted by itself. */
export function weaknessOf(certificate: X509Certificate, trusted: boolean): string | undefined {
  if (!trusted && WEAK.has(factsOf(certificate).signatureAlgorithm)) return "is signed by an algorithm that is broken (MD5 or SHA-1)";
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = certificate.publicKey;
  if (type === "rsa" && (details?.modulusLength ?? 0) < 2048)
    return `has an RSA key of ${details?.modulusLength ?? "?"} bits; 2048 are the least`;
  if (type === "ec" && SHORT_CURVES.has(details?.namedCurve ?? ""))
    return `has a key on a curve that is too short (${details?.namedCurve})`;
  return undefined;
}

/** Whether a certificate has signed another one by its key, be it a CA or none. */
export const signedIt = (signer: X509Certificate, certificate: X509Certificate): boolean =>
  signer.subject === certificate.issuer && certificate.verify(signer.publicKey);

const SHORT_CURVES: ReadonlySet<string> = new Set([
  "secp112r1",
  "secp128r1",
  "secp160k1",
  "secp160r1",
  "secp160r2",
  "secp192k1",
  "prime192v1",
]);

const WEAK: ReadonlySet<string> = new Set([
  "1.2.840.113549.1.1.2",
  "1.2.840.113549.1.1.3",
  "1.2.840.113549.1.1.4",
  "1.2.840.113549.1.1.5",
  "1.2.840.10040.4.3",
  "1.2.840.10045.4.1",
]);

/** Whether an algorithm of signatures is broken. */
export const isWeak = (algorithm: string): boolean => WEAK.has(algorithm);

function allows({ usages, keyUsage }: CertificateFacts, purpose: Purpose, leaf: boolean): boolean {
  if (usages !== undefined && !usages.includes(USAGE[purpose])) return false;
  if (!leaf || keyUsage === undefined) return true;
  const needed = KEY_USAGE.digitalSignature | KEY_USAGE.keyAgreement | (purpose === "server" ? KEY_USAGE.keyEncipherment : 0);
  return (keyUsage & needed) !== 0;
}

/** Whether a certificate by itself may be used for a purpose. */
export const isFor = (certificate: X509Certificate, purpose: Purpose): boolean => allows(factsOf(certificate), purpose, true);
