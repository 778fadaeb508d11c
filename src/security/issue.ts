import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from "node:crypto";
import { isIP } from "node:net";
import { promisify } from "node:util";
import forge from "node-forge";

/**
 * Makes certificates and requests. node-forge writes the ASN.1 (names, extensions, requests); keys and signatures are node:crypto's, which is
 * faster and also has ECDSA, which node-forge does not: the public key and the signature are set into forge's structures as DER.
 */

const { asn1, pki } = forge;
type Asn1 = forge.asn1.Asn1;

/** Kinds of keys that can be made. RSA is what every room system takes; P-256 is smaller and faster where peers allow it. */
export type KeyKind = "rsa-2048" | "rsa-3072" | "ecdsa-p256" | "ecdsa-p384";

/** A certificate with its private key, both PEM. `chain` is the certificate and all its issuers, the root last. */
export interface Issued {
  readonly cert: string;
  readonly chain: string;
  readonly key: string;
}

/** What a certificate or a request says of its holder. */
export interface Subject {
  readonly commonName: string;
  readonly organization?: string;
  /** Subject alternative names: DNS names, IP addresses, or URIs (`sip:example.com`). The common name is added where it is a name. */
  readonly names?: readonly string[];
}

const generate = promisify(generateKeyPair);

async function makeKey(kind: KeyKind): Promise<KeyObject> {
  const pair =
    kind === "rsa-2048" || kind === "rsa-3072"
      ? await generate("rsa", { modulusLength: kind === "rsa-2048" ? 2048 : 3072 })
      : await generate("ec", { namedCurve: kind === "ecdsa-p256" ? "P-256" : "P-384" });
  return pair.privateKey;
}

const keyPem = (key: KeyObject): string => key.export({ type: "pkcs8", format: "pem" }).toString();

/** DER to forge's ASN.1 tree and back. forge's buffers are strings of bytes. Bit strings stay bytes: a key's are no ASN.1 to be looked into. */
const fromDer = (der: Buffer): Asn1 => asn1.fromDer(forge.util.createBuffer(der.toString("binary")), { decodeBitStrings: false } as never);
const toDer = (tree: Asn1): Buffer => Buffer.from(asn1.toDer(tree).getBytes(), "binary");
const node = (type: forge.asn1.Type, value: Asn1[] | string): Asn1 =>
  asn1.create(asn1.Class.UNIVERSAL, type, typeof value !== "string", value);

/** Signature algorithms by the signer's key: RFC 4055 section 5, RFC 5758 section 3.2. */
function signatureAlgorithm(key: KeyObject): { digest: string; identifier: Asn1 } {
  const curve = key.asymmetricKeyDetails?.namedCurve;
  const digest = curve === "secp384r1" ? "sha384" : "sha256";
  const oid =
    key.asymmetricKeyType === "rsa" ? "1.2.840.113549.1.1.11" : digest === "sha384" ? "1.2.840.10045.4.3.3" : "1.2.840.10045.4.3.2";
  const parts = [node(asn1.Type.OID, asn1.oidToDer(oid).getBytes())];
  if (key.asymmetricKeyType === "rsa") parts.push(node(asn1.Type.NULL, ""));
  return { digest, identifier: node(asn1.Type.SEQUENCE, parts) };
}

/** Signs a to-be-signed structure and wraps it: SEQUENCE { tbs, algorithm, signature }. */
function seal(tbs: Asn1, key: KeyObject, label: string): string {
  const { digest, identifier } = signatureAlgorithm(key);
  const signature = sign(digest, toDer(tbs), key);
  const whole = node(asn1.Type.SEQUENCE, [tbs, identifier, node(asn1.Type.BITSTRING, "\0" + signature.toString("binary"))]);
  const body = toDer(whole)
    .toString("base64")
    .replace(/.{1,64}/g, "$&\n");
  return `-----BEGIN ${label}-----\n${body}-----END ${label}-----\n`;
}

const spki = (key: KeyObject): Buffer => createPublicKey(key as never).export({ type: "spki", format: "der" });

/** RFC 5280 section 4.2.1.2, method 1: SHA-1 of the key's bit string. */
function keyIdentifier(publicKeyDer: Buffer): Buffer {
  const bits = (fromDer(publicKeyDer).value as Asn1[])[1]!;
  const raw = Buffer.from(bits.value as unknown as string, "binary");
  return createHash("sha1").update(raw.subarray(1)).digest();
}

/** Stands in for the key until its DER is set in; forge only knows RSA. */
const placeholderKey = pki.setRsaPublicKey(new forge.jsbn.BigInteger("3"), new forge.jsbn.BigInteger("3"));

function attributes(subject: Subject): forge.pki.CertificateField[] {
  const fields: forge.pki.CertificateField[] = [{ name: "commonName", value: subject.commonName, valueTagClass: asn1.Type.UTF8 as never }];
  if (subject.organization) fields.push({ name: "organizationName", value: subject.organization, valueTagClass: asn1.Type.UTF8 as never });
  return fields;
}

/** GeneralName (RFC 5280 section 4.2.1.6): 2 DNS, 6 URI, 7 IP address. */
function alternativeNames(subject: Subject): object[] {
  const names = [...(subject.names ?? [])];
  const named = isIP(subject.commonName) !== 0 || /^(\*\.)?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$/.test(subject.commonName);
  if (named && !names.includes(subject.commonName)) names.unshift(subject.commonName);
  return names.map((name) => {
    if (isIP(name)) return { type: 7, ip: name };
    return /^[a-z][a-z0-9+.-]*:/i.test(name) ? { type: 6, value: name } : { type: 2, value: name };
  });
}

function leafExtensions(subject: Subject, rsa: boolean): object[] {
  const altNames = alternativeNames(subject);
  return [
    { name: "basicConstraints", cA: false },
    { name: "keyUsage", critical: true, digitalSignature: true, keyEncipherment: rsa },
    // Both: the same certificate answers calls and places them. Cisco's edges ask for that.
    { name: "extKeyUsage", serverAuth: true, clientAuth: true },
    ...(altNames.length > 0 ? [{ name: "subjectAltName", altNames }] : []),
  ];
}

function certificate(options: {
  subject: Subject;
  issuer: forge.pki.CertificateField[];
  key: KeyObject;
  signer: KeyObject;
  signerId: Buffer;
  extensions: object[];
  from: Date;
  days: number;
}): string {
  const cert = pki.createCertificate();
  const der = spki(options.key);
  const serial = randomBytes(16);
  serial[0] = (serial[0]! & 0x7f) | 0x40;
  cert.serialNumber = serial.toString("hex");
  cert.publicKey = placeholderKey;
  // An hour back: clocks of peers differ.
  cert.validity.notBefore = new Date(options.from.getTime() - 3_600_000);
  cert.validity.notAfter = new Date(options.from.getTime() + options.days * 86_400_000);
  cert.setSubject(attributes(options.subject));
  cert.setIssuer(options.issuer);
  const ownId = node(asn1.Type.OCTETSTRING, keyIdentifier(der).toString("binary"));
  const signerId = node(asn1.Type.SEQUENCE, [asn1.create(asn1.Class.CONTEXT_SPECIFIC, 0, false, options.signerId.toString("binary"))]);
  cert.setExtensions([
    ...options.extensions,
    { id: "2.5.29.14", value: asn1.toDer(ownId).getBytes() },
    { id: "2.5.29.35", value: asn1.toDer(signerId).getBytes() },
  ]);
  const bare = cert as unknown as { siginfo: { algorithmOid: string } };
  bare.siginfo.algorithmOid = pki.oids["sha256WithRSAEncryption"]!;
  const tbs = (pki as unknown as { getTBSCertificate(c: forge.pki.Certificate): Asn1 }).getTBSCertificate(cert);
  const parts = tbs.value as Asn1[];
  parts[2] = signatureAlgorithm(options.signer).identifier;
  parts[6] = fromDer(der);
  return seal(tbs, options.signer, "CERTIFICATE");
}

/** Makes a certificate authority: a self-signed root that signs server and client certificates, nothing below it. */
export async function createAuthority(options: { subject: Subject; kind?: KeyKind; days?: number; from?: Date }): Promise<Issued> {
  const key = await makeKey(options.kind ?? "rsa-2048");
  const cert = certificate({
    subject: options.subject,
    issuer: attributes(options.subject),
    key,
    signer: key,
    signerId: keyIdentifier(spki(key)),
    extensions: [
      { name: "basicConstraints", critical: true, cA: true, pathLenConstraint: 0 },
      { name: "keyUsage", critical: true, keyCertSign: true, cRLSign: true },
    ],
    from: options.from ?? new Date(),
    days: options.days ?? 3650,
  });
  return { cert, chain: cert, key: keyPem(key) };
}

/** Makes a certificate with SAN and both extended key usages (server and client), signed by the authority, for a key of its own. */
export async function issueCertificate(
  authority: Issued,
  options: { subject: Subject; kind?: KeyKind; days?: number; from?: Date },
): Promise<Issued> {
  const key = await makeKey(options.kind ?? "rsa-2048");
  const signer = createPrivateKey(authority.key);
  const root = new X509Certificate(authority.cert);
  if (!root.checkPrivateKey(signer)) throw new Error("the authority's certificate and key do not belong together");
  const cert = certificate({
    subject: options.subject,
    issuer: issuerFields(authority.cert),
    key,
    signer,
    signerId: keyIdentifier(root.publicKey.export({ type: "spki", format: "der" })),
    extensions: leafExtensions(options.subject, key.asymmetricKeyType === "rsa"),
    from: options.from ?? new Date(),
    days: options.days ?? 825,
  });
  return { cert, chain: cert + authority.chain, key: keyPem(key) };
}

/** The authority's subject as a forge issuer; read from the DER by hand, since forge refuses certificates with ECDSA keys. */
function issuerFields(pem: string): forge.pki.CertificateField[] {
  const tbs = (fromDer(new X509Certificate(pem).raw).value as Asn1[])[0]!;
  const subject = (tbs.value as Asn1[])[5]!;
  return (pki as unknown as { RDNAttributesAsArray(rdn: Asn1): forge.pki.CertificateField[] }).RDNAttributesAsArray(subject);
}

/** Makes a key and a request (PKCS #10, RFC 2986) that a public CA can sign, with the SAN and both usages asked for. */
export async function createRequest(subject: Subject, kind: KeyKind = "rsa-2048"): Promise<{ csr: string; key: string }> {
  const key = await makeKey(kind);
  const request = pki.createCertificationRequest();
  request.publicKey = placeholderKey;
  request.setSubject(attributes(subject));
  request.setAttributes([{ name: "extensionRequest", extensions: leafExtensions(subject, key.asymmetricKeyType === "rsa") } as never]);
  const info = (
    pki as unknown as { getCertificationRequestInfo(r: forge.pki.CertificateSigningRequest): Asn1 }
  ).getCertificationRequestInfo(request);
  (info.value as Asn1[])[2] = fromDer(spki(key));
  return { csr: seal(info, key, "CERTIFICATE REQUEST"), key: keyPem(key) };
}
