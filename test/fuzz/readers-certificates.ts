import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ParseError } from "../../src/base/errors.ts";
import { allowsNames } from "../../src/security/certificates/constraints.ts";
import { isRevoked, readRevocationLists, type RevocationList, signedBy } from "../../src/security/certificates/crl.ts";
import { factsOf, isLegible } from "../../src/security/certificates/facts.ts";
import { matchesHost, matchesNames, matchesSipDomain, namesOf, sipDomains } from "../../src/security/certificates/names.ts";
import { judgeStaple } from "../../src/security/certificates/ocsp.ts";
import { isFor, verifyPath } from "../../src/security/certificates/path.ts";
import { checkChain, describeCertificate, readCertificates } from "../../src/security/inspect.ts";
import { bytes, type Reader } from "./reader.ts";

const FOLDER = join(import.meta.dirname, "../fixtures/certificates");
const file = (name: string): Buffer => readFileSync(join(FOLDER, name));
const [rootBytes, middleBytes, leafBytes, listBytes] = ["ca.der", "intermediate.der", "leaf.der", "crl.der"].map(file) as [
  Buffer,
  Buffer,
  Buffer,
  Buffer,
];
const responses = ["ocsp-sha1.der", "ocsp-sha256.der", "ocsp-responder.der"].map(file);
const [root, middle, leaf] = [rootBytes, middleBytes, leafBytes].map((der) => new X509Certificate(der)) as [
  X509Certificate,
  X509Certificate,
  X509Certificate,
];
const lists = readRevocationLists(listBytes);
const NOW = Date.UTC(2027, 0, 1);
const armour = (kind: string, der: Buffer): string => `-----BEGIN ${kind}-----\n${der.toString("base64")}\n-----END ${kind}-----\n`;

/** The words of a reader of an operator's file are an `Error` of its own; anything else it throws is a finding. */
function inWords<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    const words = (error as Error).message;
    const meant = ["holds ", "is not PEM", "is cut off", "certificate "].some((start) => words.startsWith(start));
    throw meant && (error as Error).constructor === Error ? new ParseError(words) : error;
  }
}

/** What OpenSSL makes of the bytes; undefined where it takes none of it, which is where a connection ends. */
function certificateOf(data: Buffer): X509Certificate | undefined {
  try {
    return new X509Certificate(data);
  } catch {
    return undefined;
  }
}

/** Everything that is asked of a stranger's certificate, whichever place of a chain it has. */
function judged(certificate: X509Certificate): void {
  const names = namesOf(certificate);
  sipDomains(names);
  matchesSipDomain(names, "client.example");
  matchesHost(names, "a.rooms.example");
  matchesNames(names, ["client.example", "*.rooms.example", "sip:client.example", "192.0.2.7"]);
  isFor(certificate, "client");
  allowsNames(root, certificate);
  allowsNames(certificate, leaf);
}

/** Readers of certificates, revocation lists and OCSP responses: DER that strangers present, and files of operators. */
export const certificateReaders: readonly Reader[] = [
  // OpenSSL takes less than our own reader is given here.
  bytes("certificate", [leafBytes, middleBytes, rootBytes], (data) => {
    const certificate = { raw: data } as X509Certificate;
    try {
      factsOf(certificate);
    } catch {
      return; // told by isLegible
    }
    judged(certificate);
  }),
  bytes("certificate-chain", [leafBytes, middleBytes, rootBytes], (data) => {
    const certificate = certificateOf(data);
    if (certificate === undefined || !isLegible(certificate)) return;
    judged(certificate);
    for (const purpose of ["client", "server"] as const) {
      const question = { purpose, lists, now: NOW };
      verifyPath({ ...question, leaf: certificate, presented: [middle], anchors: [root] });
      // trusted by itself, so that everything is judged which a signature would keep from being looked at
      verifyPath({ ...question, leaf: certificate, presented: [], anchors: [certificate] });
      verifyPath({ ...question, leaf, presented: [certificate, middle], anchors: [root, certificate] });
    }
  }),
  bytes("certificate-file", [Buffer.from(armour("CERTIFICATE", leafBytes) + armour("CERTIFICATE", middleBytes))], (data) => {
    const chain = inWords(() => readCertificates(data.toString("latin1")));
    chain.map(describeCertificate);
    checkChain({ chain, authorities: [root], now: NOW });
  }),
  bytes("revocation-list", [listBytes, Buffer.from(armour("X509 CRL", listBytes))], (data) => {
    const read: RevocationList[] = inWords(() => readRevocationLists(data));
    isRevoked(leaf, middle, read);
    for (const list of read) signedBy(list, middle);
  }),
  bytes("ocsp-response", responses, (data) => {
    for (const subject of [leaf, middle]) judgeStaple(data, { leaf: subject, issuers: [middle, root], lists, now: NOW });
  }),
];
