import { createPrivateKey, X509Certificate } from "node:crypto";
import { isLegible } from "./certificates/facts.ts";
import { signedIt, weaknessOf } from "./certificates/path.ts";

/** What stands in a certificate, for people and for checks. */
export interface CertificateInfo {
  readonly subject: string;
  readonly issuer: string;
  readonly serial: string;
  /** `DNS:a.example`, `IP:192.0.2.1`, `URI:sip:a.example`. */
  readonly names: readonly string[];
  readonly authority: boolean;
  readonly selfSigned: boolean;
  /** Extended key usages that matter here; both when there is no such extension. */
  readonly server: boolean;
  readonly client: boolean;
  readonly key: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** SHA-256, lower-case hexadecimal. */
  readonly fingerprint: string;
}

const serverAuth = "1.3.6.1.5.5.7.3.1";
const clientAuth = "1.3.6.1.5.5.7.3.2";

/** Every certificate in a PEM text, in order. Throws where there is none, or one cannot be read. */
export function readCertificates(pem: string): X509Certificate[] {
  const blocks = certificateBlocks(pem);
  if (blocks.length === 0)
    throw new Error(
      /-----BEGIN/.test(pem) ? "holds no certificate (it is something else in PEM)" : "is not PEM: no -----BEGIN CERTIFICATE-----",
    );
  return blocks.map((block, i) => {
    try {
      const certificate = new X509Certificate(block);
      if (!isLegible(certificate)) throw new Error("illegible");
      return certificate;
    } catch {
      throw new Error(`certificate ${i + 1} cannot be read`);
    }
  });
}

const BEGIN = "-----BEGIN CERTIFICATE-----";
const END = "-----END CERTIFICATE-----";

function certificateBlocks(pem: string): string[] {
  const blocks: string[] = [];
  for (let begin = pem.indexOf(BEGIN); begin >= 0; ) {
    const dash = pem.indexOf("-", begin + BEGIN.length);
    if (dash < 0) break;
    if (pem.startsWith(END, dash)) blocks.push(pem.slice(begin, dash + END.length));
    begin = pem.indexOf(BEGIN, dash);
  }
  return blocks;
}

export function describeCertificate(cert: X509Certificate): CertificateInfo {
  const usages = cert.keyUsage as string[] | undefined;
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = cert.publicKey;
  return {
    subject: oneLine(cert.subject),
    issuer: oneLine(cert.issuer),
    serial: cert.serialNumber.toLowerCase(),
    names: splitNames(cert.subjectAltName),
    authority: cert.ca,
    selfSigned: cert.subject === cert.issuer && cert.verify(cert.publicKey),
    server: usages === undefined || usages.includes(serverAuth),
    client: usages === undefined || usages.includes(clientAuth),
    key: type === "rsa" ? `RSA ${details?.modulusLength ?? "?"}` : `${type?.toUpperCase()} ${details?.namedCurve ?? ""}`.trim(),
    notBefore: cert.validFromDate,
    notAfter: cert.validToDate,
    fingerprint: cert.fingerprint256.replaceAll(":", "").toLowerCase(),
  };
}

const oneLine = (name: string | undefined): string => (name ?? "").split("\n").join(", ");

function splitNames(san: string | undefined): string[] {
  // Node quotes a name that holds a comma; such a name is no DNS name of ours and may stay as it is.
  return (san ?? "")
    .split(/, (?=(?:DNS|IP Address|URI|email|DirName|othername|Registered ID):)/i)
    .filter((name) => name !== "")
    .map((name) => name.replace(/^IP Address:/, "IP:"));
}

/** Days from now until a certificate expires; negative after. */
export function daysLeft(cert: X509Certificate, now = Date.now()): number {
  return Math.floor((cert.validToDate.getTime() - now) / 86_400_000);
}

/** Something wrong with a certificate, and what to do. `serious` keeps calls from working. */
export interface CertificateProblem {
  readonly code:
    | "none"
    | "not-yet-valid"
    | "expired"
    | "expires-soon"
    | "no-names"
    | "no-server-usage"
    | "no-client-usage"
    | "authority"
    | "other-key"
    | "encrypted-key"
    | "unreadable-key"
    | "weak"
    | "self-signed"
    /** One in the file has signed the one before it and is no CA. */
    | "no-authority"
    | "order"
    /** The chain ends below a root that is neither in the file nor known here. */
    | "unrooted"
    | "unreadable";
  readonly serious: boolean;
  readonly message: string;
}

/** Looks a chain over: validity, SAN, both usages, order of the chain, whether a given CA signed it, whether the key is its own. */
export function checkChain(options: {
  readonly chain: readonly X509Certificate[];
  readonly key?: string;
  readonly authorities?: readonly X509Certificate[];
  readonly now?: number;
  readonly warnDays?: number;
}): CertificateProblem[] {
  const { chain, authorities = [], now = Date.now(), warnDays = 30 } = options;
  const problems: CertificateProblem[] = [];
  const say = (code: CertificateProblem["code"], serious: boolean, message: string): void => void problems.push({ code, serious, message });
  const leaf = chain[0];
  if (!leaf) return [{ code: "none", serious: true, message: "holds no certificate" }];
  for (const cert of chain) {
    const who = oneLine(cert.subject);
    const left = daysLeft(cert, now);
    if (cert.validFromDate.getTime() > now)
      say("not-yet-valid", true, `${who}: not valid before ${cert.validFromDate.toISOString()}; is the clock right?`);
    else if (left < 0) say("expired", true, `${who}: expired on ${cert.validToDate.toISOString().slice(0, 10)}; issue a new one`);
    else if (left < warnDays)
      say(
        "expires-soon",
        false,
        `${who}: expires in ${left} day${left === 1 ? "" : "s"}, on ${cert.validToDate.toISOString().slice(0, 10)}; issue a new one`,
      );
  }
  const info = describeCertificate(leaf);
  if (info.names.length === 0)
    say("no-names", true, "has no subject alternative name: peers that check names refuse it (RFC 5922 section 4.1)");
  if (!info.server) say("no-server-usage", true, "lacks the extended key usage serverAuth: callers refuse it");
  if (!info.client)
    say("no-client-usage", false, "lacks the extended key usage clientAuth: peers that ask for our certificate refuse calls we place");
  if (info.authority) say("authority", false, "is a CA's own certificate, used as the server's");
  if (info.selfSigned && !info.authority)
    say("self-signed", false, "is signed by itself: only peers that trust this very certificate believe it");
  const key = options.key === undefined ? undefined : keyProblem(leaf, options.key);
  if (key) say(key.code, true, key.message);
  for (const [i, cert] of chain.entries()) {
    const weak = weaknessOf(cert, i > 0 && cert.subject === cert.issuer);
    if (weak) say("weak", true, `${oneLine(cert.subject)}: ${weak}: peers refuse it`);
  }
  for (const [i, cert] of chain.slice(0, -1).entries()) {
    const issuer = chain[i + 1]!;
    if (cert.checkIssued(issuer) && issuer.ca && cert.verify(issuer.publicKey)) continue;
    if (signedIt(issuer, cert))
      say("no-authority", true, `${oneLine(issuer.subject)}: has signed certificate ${i + 1} in the file and is no CA: peers refuse it`);
    else say("order", true, `certificate ${i + 2} in the file did not sign certificate ${i + 1}: put the chain in order, our own first`);
  }
  const last = chain.at(-1)!;
  const rooted = last.subject === last.issuer || authorities.some((ca) => last.checkIssued(ca) && last.verify(ca.publicKey));
  if (!rooted)
    say(
      "unrooted",
      false,
      `the chain ends at "${oneLine(last.subject)}", whose issuer is not in the file: append the intermediate certificates and the root`,
    );
  return problems;
}

/** Why a private key (PEM) is not the certificate's; undefined where it is. */
export function keyProblem(
  cert: X509Certificate,
  key: string,
): { readonly code: "other-key" | "encrypted-key" | "unreadable-key"; readonly message: string } | undefined {
  const encrypted = key.includes("-----BEGIN ENCRYPTED PRIVATE KEY-----") || key.includes("Proc-Type: 4,ENCRYPTED");
  if (encrypted)
    return {
      code: "encrypted-key",
      message:
        "its private key is encrypted with a passphrase, which nobody could type at a start: decrypt it (openssl pkey -in FILE -out FILE)",
    };
  try {
    if (cert.checkPrivateKey(createPrivateKey(key))) return undefined;
  } catch {
    return { code: "unreadable-key", message: "its private key cannot be read: a PEM file with -----BEGIN PRIVATE KEY----- is wanted" };
  }
  return { code: "other-key", message: "does not belong to the private key" };
}

/** Whether a private key (PEM) is the certificate's. False for a key that cannot be read. */
export function matchesKey(cert: X509Certificate, key: string): boolean {
  return keyProblem(cert, key) === undefined;
}
