import { verify, type KeyObject, type X509Certificate } from "node:crypto";
import { bitString, children, type Der, oidText, readDer, TAG, timeOf } from "./der.ts";
import { factsOf, hexNumber, KEY_USAGE } from "./facts.ts";

/** A certificate revocation list (RFC 5280 section 5). */
export interface RevocationList {
  /** The issuer's whole Name. */
  readonly issuer: Buffer;
  /** When it was made, and when the next is due, ms; NaN where it does not say. */
  readonly thisUpdate: number;
  readonly nextUpdate: number;
  /** Serial numbers, hexadecimal. */
  readonly revoked: ReadonlySet<string>;
  readonly signed: Signed;
}

/** What a signature is over, by which algorithm. */
export interface Signed {
  readonly over: Buffer;
  readonly algorithm: string;
  readonly signature: Buffer;
}

const DIGESTS: Readonly<Record<string, string | null>> = {
  "1.2.840.113549.1.1.11": "sha256",
  "1.2.840.113549.1.1.12": "sha384",
  "1.2.840.113549.1.1.13": "sha512",
  "1.2.840.10045.4.3.2": "sha256",
  "1.2.840.10045.4.3.3": "sha384",
  "1.2.840.10045.4.3.4": "sha512",
  // Ed25519, Ed448: the digest is the algorithm's own
  "1.3.101.112": null,
  "1.3.101.113": null,
};

/** Whether the key has signed it. False for an algorithm that is too weak or not known. */
export function hasSigned(key: KeyObject, { over, algorithm, signature }: Signed): boolean {
  const digest = DIGESTS[algorithm];
  if (digest === undefined) return false;
  try {
    return verify(digest, over, key, signature);
  } catch {
    return false;
  }
}

/** The three parts of every signed structure of PKIX. */
export function signedParts(whole: Der): { readonly tbs: Der; readonly signed: Signed } {
  const [tbs, algorithm, signature] = children(whole);
  return {
    tbs: tbs!,
    signed: { over: tbs!.whole, algorithm: oidText(children(algorithm!)[0]!.body), signature: bitString(signature!) },
  };
}

const BEGIN = "-----BEGIN X509 CRL-----";
const END = "-----END X509 CRL-----";

/** Every list of a file, PEM or DER. Throws where there is none, or one cannot be read. */
export function readRevocationLists(file: Buffer): RevocationList[] {
  if (file[0] === TAG.sequence) return [readList(file)];
  const text = file.toString("latin1");
  const lists: RevocationList[] = [];
  for (let at = text.indexOf(BEGIN); at >= 0; at = text.indexOf(BEGIN, at)) {
    const end = text.indexOf(END, at);
    if (end < 0) throw new Error("is cut off: no -----END X509 CRL-----");
    lists.push(readList(Buffer.from(text.slice(at + BEGIN.length, end), "base64")));
    at = end;
  }
  if (lists.length === 0) throw new Error("holds no revocation list (-----BEGIN X509 CRL-----, or DER)");
  return lists;
}

function readList(der: Buffer): RevocationList {
  try {
    const { tbs, signed } = signedParts(readDer(der));
    const parts = children(tbs);
    if (parts[0]!.tag === TAG.integer) parts.shift();
    const [, issuer, thisUpdate, ...rest] = parts;
    const next = rest[0]?.tag === TAG.utcTime || rest[0]?.tag === TAG.generalizedTime ? rest.shift() : undefined;
    const entries = rest[0]?.tag === TAG.sequence ? children(rest[0]) : [];
    return {
      issuer: issuer!.whole,
      thisUpdate: timeOf(thisUpdate!),
      nextUpdate: next ? timeOf(next) : Number.NaN,
      revoked: new Set(entries.map((entry) => hexNumber(children(entry)[0]!.body))),
      signed,
    };
  } catch {
    throw new Error("holds a revocation list that cannot be read");
  }
}

/** Whether a list that its issuer has signed names the certificate. One that is out of date still revokes what it names. */
export function isRevoked(certificate: X509Certificate, issuer: X509Certificate, lists: readonly RevocationList[]): boolean {
  const { serial, issuer: name } = factsOf(certificate);
  return lists.some((list) => list.revoked.has(serial) && list.issuer.equals(name) && signedBy(list, issuer));
}

/** Whether a list is the authority's. */
export function signedBy(list: RevocationList, issuer: X509Certificate): boolean {
  const { subject, keyUsage } = factsOf(issuer);
  return (
    list.issuer.equals(subject) &&
    (keyUsage === undefined || (keyUsage & KEY_USAGE.cRLSign) !== 0) &&
    hasSigned(issuer.publicKey, list.signed)
  );
}
