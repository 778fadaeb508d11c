import { createHash, X509Certificate } from "node:crypto";
import { isRevoked, type RevocationList, type Signed, hasSigned, signedParts } from "./crl.ts";
import { children, type Der, oidText, readDer, TAG, timeOf } from "./der.ts";
import { factsOf, hexNumber, KEY_USAGE, USAGE } from "./facts.ts";
import { datesOf, isWeak } from "./path.ts";

/** What a trunk asks of the OCSP response that a server staples to its certificate (RFC 6066 section 8). */
export const ocspPolicies = ["off", "if-present", "required"] as const;
export type OcspPolicy = (typeof ocspPolicies)[number];

export interface StapleQuestion {
  readonly leaf: X509Certificate;
  /** Certificates among which the leaf's issuer is looked for. */
  readonly issuers: readonly X509Certificate[];
  /** For the certificate of a responder. */
  readonly lists?: readonly RevocationList[];
  /** ms since 1970. */
  readonly now: number;
}

/** What a response says of the certificate; `words` continue "the stapled OCSP response". */
export type StapleVerdict =
  | { readonly status: "good" }
  | { readonly status: "revoked" }
  | { readonly status: "unusable"; readonly words: string };

/** Clocks may differ by so many ms. */
const SKEW = 300_000;
/** A response that does not say when the next is due counts for so long, ms: it might be shown for ever. */
const WITHOUT_NEXT = 86_400_000;
/** Certificates of responders that are looked at. */
const RESPONDERS = 4;

const BASIC = "1.3.6.1.5.5.7.48.1.1";
const HASHES: Readonly<Record<string, string>> = { "1.3.14.3.2.26": "sha1", "2.16.840.1.101.3.4.2.1": "sha256" };
const STATUS = { good: 0x80, revoked: 0xa1 } as const;
/** OCSPResponseStatus (RFC 6960 section 4.2.1). */
const FAILURES: Readonly<Record<number, string>> = {
  1: "malformedRequest",
  2: "internalError",
  3: "tryLater",
  5: "sigRequired",
  6: "unauthorized",
};

/** A BasicOCSPResponse, as far as it is judged. */
interface Basic {
  readonly signed: Signed;
  readonly responder: Der;
  readonly answers: readonly Answer[];
  readonly certificates: readonly Buffer[];
  readonly critical: boolean;
}

interface Answer {
  readonly hash: string;
  readonly name: Buffer;
  readonly key: Buffer;
  readonly serial: string;
  readonly status: Der;
  readonly thisUpdate: number;
  /** Undefined where there is none. */
  readonly nextUpdate: number | undefined;
  readonly critical: boolean;
}

/** Judges a response (RFC 6960 section 3.2). One that is out of date still revokes, as a revocation list does. */
export function judgeStaple(response: Buffer, question: StapleQuestion): StapleVerdict {
  try {
    return judge(readResponse(response), question);
  } catch {
    // whatever part of it is no DER, or not there
    return unusable("cannot be read");
  }
}

function judge(basic: Basic | string, { leaf, issuers, lists = [], now }: StapleQuestion): StapleVerdict {
  if (typeof basic === "string") return unusable(basic);
  const issuer = issuers.find((ca) => leaf.checkIssued(ca) && leaf.verify(ca.publicKey));
  if (issuer === undefined)
    return unusable("cannot be judged: the certificate's issuer is not known, have the far end send its whole chain");
  const answers = basic.answers.filter((answer) => isAbout(answer, leaf, issuer));
  if (answers.length === 0) return unusable("is about another certificate");
  if (!isSignedFor(basic, issuer, lists, now)) return unusable("is signed neither by the certificate's issuer nor by a responder of its");
  if (answers.some(({ status }) => status.tag === STATUS.revoked)) return { status: "revoked" };
  const faults = answers.map((answer) => faultOf(answer, basic.critical, now));
  return faults.includes(undefined) ? { status: "good" } : unusable(faults[0]!);
}

const unusable = (words: string): StapleVerdict => ({ status: "unusable", words });

/** Why an answer that does not revoke is not a good one. */
function faultOf({ status, thisUpdate, nextUpdate, critical }: Answer, unknown: boolean, now: number): string | undefined {
  if (status.tag !== STATUS.good) return "says that the responder does not know the certificate";
  if (critical || unknown) return "has a critical extension that is not known here";
  const until = nextUpdate ?? thisUpdate + WITHOUT_NEXT;
  if (Number.isNaN(thisUpdate) || Number.isNaN(until)) return "has times that cannot be read";
  if (thisUpdate > now + SKEW) return `counts from ${new Date(thisUpdate).toISOString()} on: one of the clocks is wrong`;
  return until < now - SKEW ? `is out of date since ${new Date(until).toISOString()}` : undefined;
}

function readResponse(response: Buffer): Basic | string {
  const [status, wrapped] = children(readDer(response));
  const code = status!.tag === TAG.enumerated && status!.body.length === 1 ? status!.body[0]! : -1;
  if (code !== 0) return `is an error of the responder's (${FAILURES[code] ?? code})`;
  const [type, octets] = children(readDer(wrapped!.body));
  if (oidText(type!.body) !== BASIC) return "is of a type that is not known here";
  const whole = readDer(octets!.body);
  const { tbs, signed } = signedParts(whole);
  const parts = children(tbs);
  if (parts[0]!.tag === 0xa0) parts.shift();
  const [responder, , answers, extensions] = parts;
  const certificates = children(whole)[3];
  return {
    signed,
    responder: responder!,
    answers: children(answers!).map(readAnswer),
    certificates: certificates ? children(readDer(certificates.body)).map((certificate) => certificate.whole) : [],
    critical: hasCritical(extensions),
  };
}

function readAnswer(single: Der): Answer {
  const [id, status, thisUpdate, ...rest] = children(single);
  const [hash, name, key, serial] = children(id!);
  const next = rest.find(({ tag }) => tag === 0xa0);
  return {
    hash: oidText(children(hash!)[0]!.body),
    name: name!.body,
    key: key!.body,
    serial: hexNumber(serial!.body),
    status: status!,
    thisUpdate: timeOf(thisUpdate!),
    nextUpdate: next && timeOf(readDer(next.body)),
    critical: hasCritical(rest.find(({ tag }) => tag === 0xa1)),
  };
}

/** Whether there is a critical one among extensions; nothing here knows any. */
function hasCritical(extensions: Der | undefined): boolean {
  if (extensions === undefined) return false;
  return children(readDer(extensions.body)).some((extension) => {
    const second = children(extension)[1];
    return second?.tag === TAG.boolean && second.body[0] !== 0;
  });
}

function isAbout({ hash, name, key, serial }: Answer, leaf: X509Certificate, issuer: X509Certificate): boolean {
  const algorithm = HASHES[hash];
  if (algorithm === undefined || serial !== factsOf(leaf).serial) return false;
  const digest = (of: Buffer): Buffer => createHash(algorithm).update(of).digest();
  return digest(factsOf(leaf).issuer).equals(name) && digest(factsOf(issuer).keyBits).equals(key);
}

/** Whether the issuer has signed the response, or a responder to whom it has given that right (RFC 6960 section 4.2.2.2). */
function isSignedFor(basic: Basic, issuer: X509Certificate, lists: readonly RevocationList[], now: number): boolean {
  if (isResponder(basic.responder, issuer) && hasSigned(issuer.publicKey, basic.signed)) return true;
  return basic.certificates.slice(0, RESPONDERS).some((raw) => {
    try {
      const certificate = new X509Certificate(raw);
      return (
        isResponder(basic.responder, certificate) &&
        mayRespond(certificate, issuer, now) &&
        !isRevoked(certificate, issuer, lists) &&
        hasSigned(certificate.publicKey, basic.signed)
      );
    } catch {
      return false;
    }
  });
}

/** ResponderID: a Name, or SHA-1 of the key. */
function isResponder({ tag, body }: Der, certificate: X509Certificate): boolean {
  const { subject, keyBits } = factsOf(certificate);
  if (tag === 0xa1) return subject.equals(body);
  return tag === 0xa2 && createHash("sha1").update(keyBits).digest().equals(readDer(body).body);
}

function mayRespond(certificate: X509Certificate, issuer: X509Certificate, now: number): boolean {
  const { usages, keyUsage, unknownCritical, signatureAlgorithm } = factsOf(certificate);
  return (
    usages?.includes(USAGE.ocsp) === true &&
    (keyUsage === undefined || (keyUsage & KEY_USAGE.digitalSignature) !== 0) &&
    unknownCritical.length === 0 &&
    !isWeak(signatureAlgorithm) &&
    datesOf(certificate, now) === undefined &&
    certificate.checkIssued(issuer) &&
    certificate.verify(issuer.publicKey)
  );
}
