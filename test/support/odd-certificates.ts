import { createHash, generateKeyPairSync, X509Certificate } from "node:crypto";
import forge from "node-forge";

/** Certificates and revocation lists of every odd kind, which the project itself would not issue. */
export interface Made {
  readonly pem: string;
  readonly key: string;
  readonly certificate: X509Certificate;
}

export interface Wanted {
  /** Attributes of the subject, in order: `[["CN", "a"], ["O", "b"]]`. */
  readonly subject: readonly (readonly [string, string])[];
  readonly by?: Made;
  readonly ca?: boolean;
  readonly pathLength?: number;
  /** forge's altNames: 2 DNS, 6 URI, 7 IP. */
  readonly san?: readonly { readonly type: 2 | 6 | 7; readonly value?: string; readonly ip?: string }[];
  /** Both where absent; null for no such extension. */
  readonly usages?: readonly ("serverAuth" | "clientAuth")[] | null;
  /** Days from now. */
  readonly from?: number;
  readonly to?: number;
  /** Extensions as forge takes them. */
  readonly more?: readonly object[];
  /** Without key identifiers, so that names alone lead from one to the next. */
  readonly bare?: boolean;
  readonly digest?: "sha256" | "sha1";
}

const DAY = 86_400_000;
let serial = 1;

/** A new key each time, RSA: forge signs with no other. */
export function makeCertificate(wanted: Wanted): Made {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const key = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const own = forge.pki.privateKeyFromPem(key) as forge.pki.rsa.PrivateKey;
  const cert = forge.pki.createCertificate();
  cert.publicKey = forge.pki.setRsaPublicKey(own.n, own.e);
  cert.serialNumber = (++serial).toString(16).padStart(4, "0");
  cert.validity.notBefore = new Date(Date.now() + (wanted.from ?? -1) * DAY);
  cert.validity.notAfter = new Date(Date.now() + (wanted.to ?? 30) * DAY);
  cert.setSubject(wanted.subject.map(([shortName, value]) => ({ shortName, value })));
  const signer = wanted.by && forge.pki.certificateFromPem(wanted.by.pem);
  cert.setIssuer((signer ?? cert).subject.attributes);
  const { ca = false, pathLength, usages = ["serverAuth", "clientAuth"] } = wanted;
  cert.setExtensions([
    { name: "basicConstraints", critical: true, cA: ca, ...(pathLength === undefined ? {} : { pathLenConstraint: pathLength }) },
    ca
      ? { name: "keyUsage", critical: true, keyCertSign: true, cRLSign: true }
      : { name: "keyUsage", critical: true, digitalSignature: true },
    ...(ca || usages === null ? [] : [{ name: "extKeyUsage", ...Object.fromEntries(usages.map((usage) => [usage, true])) }]),
    ...(wanted.san ? [{ name: "subjectAltName", altNames: wanted.san }] : []),
    ...(wanted.bare ? [] : [{ name: "subjectKeyIdentifier" }]),
    ...(wanted.bare || !wanted.by
      ? []
      : [{ name: "authorityKeyIdentifier", keyIdentifier: signer!.generateSubjectKeyIdentifier().getBytes() }]),
    ...(wanted.more ?? []),
  ]);
  const signingKey = wanted.by ? (forge.pki.privateKeyFromPem(wanted.by.key) as forge.pki.rsa.PrivateKey) : own;
  cert.sign(signingKey, forge.md[wanted.digest ?? "sha256"].create());
  const pem = forge.pki.certificateToPem(cert);
  return { pem, key, certificate: new X509Certificate(pem) };
}

const { asn1 } = forge;
const node = (type: number, value: forge.asn1.Asn1[] | string) =>
  asn1.create(asn1.Class.UNIVERSAL, type as forge.asn1.Type, typeof value !== "string", value);

/** A revocation list of the CA, PEM. */
export function makeRevocationList(ca: Made, revoked: readonly Made[], nextUpdate = Date.now() + DAY, key = ca.key): string {
  const time = (at: number) => node(asn1.Type.UTCTIME, asn1.dateToUtcTime(new Date(at)) as unknown as string);
  const algorithm = () =>
    node(asn1.Type.SEQUENCE, [node(asn1.Type.OID, asn1.oidToDer("1.2.840.113549.1.1.11").getBytes()), node(asn1.Type.NULL, "")]);
  const issuer = forge.pki.distinguishedNameToAsn1(forge.pki.certificateFromPem(ca.pem).subject as never);
  const entries = revoked.map(({ certificate }) =>
    node(asn1.Type.SEQUENCE, [
      node(asn1.Type.INTEGER, forge.util.hexToBytes(certificate.serialNumber.padStart(4, "0"))),
      time(Date.now() - DAY),
    ]),
  );
  const tbs = node(asn1.Type.SEQUENCE, [
    node(asn1.Type.INTEGER, "\u0001"),
    algorithm(),
    issuer,
    time(Date.now() - 2 * DAY),
    time(nextUpdate),
    ...(entries.length > 0 ? [node(asn1.Type.SEQUENCE, entries)] : []),
  ]);
  const digest = forge.md.sha256.create().update(asn1.toDer(tbs).getBytes());
  const signature = (forge.pki.privateKeyFromPem(key) as forge.pki.rsa.PrivateKey).sign(digest);
  const whole = node(asn1.Type.SEQUENCE, [tbs, algorithm(), node(asn1.Type.BITSTRING, `\0${signature}`)]);
  const der = Buffer.from(asn1.toDer(whole).getBytes(), "latin1");
  return `-----BEGIN X509 CRL-----\n${der.toString("base64").replace(/.{1,64}/g, "$&\n")}-----END X509 CRL-----\n`;
}

export const fingerprint = (pem: string): string => createHash("sha256").update(new X509Certificate(pem).raw).digest("hex");
