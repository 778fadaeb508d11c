import { isIP } from "node:net";
import type { X509Certificate } from "node:crypto";
import { bitString, children, type Der, oidText, readDer, TAG } from "./der.ts";

/** A GeneralName (RFC 5280 section 4.2.1.6) of the kinds that name a peer. `ip` of name constraints has the mask behind the address. */
export type GeneralName =
  | { readonly kind: "dns" | "uri" | "email"; readonly value: string }
  | { readonly kind: "ip"; readonly value: Buffer }
  /** A whole Name. */
  | { readonly kind: "directory"; readonly value: Buffer }
  | { readonly kind: "other" };

/** What stands in a certificate and Node.js's X509Certificate does not say, read from the DER itself: no text has to be taken apart. */
export interface CertificateFacts {
  /** Common names of the subject, each attribute's value as it is. */
  readonly commonNames: readonly string[];
  /** Undefined where there is no subjectAltName extension. */
  readonly alternativeNames: readonly GeneralName[] | undefined;
  /** Hexadecimal, lower case, without leading zeros. */
  readonly serial: string;
  readonly version: number;
  /** The whole Name. */
  readonly issuer: Buffer;
  readonly subject: Buffer;
  /** The key's bits, over which RFC 6960 has its hash. */
  readonly keyBits: Buffer;
  readonly signatureAlgorithm: string;
  /** Of basicConstraints. */
  readonly pathLength: number | undefined;
  /** Bits of keyUsage, the first octet; undefined where the extension is absent. */
  readonly keyUsage: number | undefined;
  /** Extended key usages; undefined where the extension is absent, which allows all. */
  readonly usages: readonly string[] | undefined;
  readonly constraints: { readonly permitted: readonly GeneralName[]; readonly excluded: readonly GeneralName[] } | undefined;
  /** Critical extensions that nothing here judges. */
  readonly unknownCritical: readonly string[];
}

export const USAGE = { server: "1.3.6.1.5.5.7.3.1", client: "1.3.6.1.5.5.7.3.2", ocsp: "1.3.6.1.5.5.7.3.9" } as const;
/** keyUsage (RFC 5280 section 4.2.1.3). */
export const KEY_USAGE = { digitalSignature: 0x80, keyEncipherment: 0x20, keyAgreement: 0x08, keyCertSign: 0x04, cRLSign: 0x02 } as const;

const COMMON_NAME = "2.5.4.3";
const EXTENSION = {
  keyUsage: "2.5.29.15",
  alternativeNames: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  nameConstraints: "2.5.29.30",
  policies: "2.5.29.32",
  usages: "2.5.29.37",
} as const;

const known = new WeakMap<X509Certificate, CertificateFacts>();

/** Reads a certificate; the same one only once. */
export function factsOf(certificate: X509Certificate): CertificateFacts {
  const before = known.get(certificate);
  if (before) return before;
  const facts = readFacts(certificate.raw);
  known.set(certificate, facts);
  return facts;
}

/** Whether a certificate can be read: OpenSSL takes extensions whose content is no DER, keys of no kind it knows and times that are none. */
export function isLegible(certificate: X509Certificate): boolean {
  try {
    factsOf(certificate);
    // the getter throws for a key that cannot be decoded
    return certificate.publicKey !== undefined && !Number.isNaN(certificate.validFromDate.getTime() + certificate.validToDate.getTime());
  } catch {
    return false;
  }
}

function readFacts(raw: Buffer): CertificateFacts {
  const [tbs, algorithm] = children(readDer(raw));
  const parts = children(tbs!);
  const version = parts[0]!.tag === 0xa0 ? parts.shift()! : undefined;
  const [serial, , issuer, , subject, key, ...rest] = parts;
  const extensions = new Map<string, { readonly critical: boolean; readonly value: Der }>();
  for (const block of rest) {
    if (block.tag !== 0xa3) continue;
    for (const extension of children(readDer(block.body))) {
      const [oid, second, third] = children(extension);
      const critical = second!.tag === TAG.boolean && second!.body[0] !== 0;
      extensions.set(oidText(oid!.body), { critical, value: readDer((third ?? second!).body) });
    }
  }
  const value = (oid: string): Der | undefined => extensions.get(oid)?.value;
  const basic = value(EXTENSION.basicConstraints);
  const length = basic && children(basic).find(({ tag }) => tag === TAG.integer);
  const usages = value(EXTENSION.usages);
  const keyUsage = value(EXTENSION.keyUsage);
  const names = value(EXTENSION.alternativeNames);
  const constraints = value(EXTENSION.nameConstraints);
  const judged = new Set<string>(Object.values(EXTENSION));
  return {
    commonNames: commonNames(subject!),
    alternativeNames: names && children(names).map(generalName),
    serial: hexNumber(serial!.body),
    version: version === undefined ? 1 : (readDer(version.body).body[0] ?? 0) + 1,
    issuer: issuer!.whole,
    subject: subject!.whole,
    keyBits: bitString(children(key!)[1]!),
    signatureAlgorithm: oidText(children(algorithm!)[0]!.body),
    pathLength: length && Number.parseInt(hexNumber(length.body), 16),
    keyUsage: keyUsage && (bitString(keyUsage)[0] ?? 0),
    usages: usages && children(usages).map(({ body }) => oidText(body)),
    constraints: constraints && nameConstraints(constraints),
    unknownCritical: [...extensions].filter(([oid, { critical }]) => critical && !judged.has(oid)).map(([oid]) => oid),
  };
}

/** A whole number as it is written in records of serials. */
export function hexNumber(body: Buffer): string {
  const hex = body.toString("hex");
  let at = 0;
  while (at < hex.length - 1 && hex[at] === "0") at++;
  return hex.slice(at);
}

function commonNames(name: Der): string[] {
  return children(name).flatMap((set) =>
    children(set).flatMap((attribute) => {
      const [oid, value] = children(attribute);
      return oid && value && oidText(oid.body) === COMMON_NAME ? [directoryString(value)] : [];
    }),
  );
}

/** DirectoryString (RFC 5280 section 4.1.2.4): UTF-8, or the older forms. */
function directoryString({ tag, body }: Der): string {
  if (tag === 0x1e && body.length % 2 === 0) return Buffer.from(body).swap16().toString("utf16le");
  return body.toString(tag === 0x0c ? "utf8" : "latin1");
}

function generalName({ tag, body }: Der): GeneralName {
  switch (tag) {
    case 0x81:
      return { kind: "email", value: body.toString("latin1") };
    case 0x82:
      return { kind: "dns", value: body.toString("latin1") };
    case 0x86:
      return { kind: "uri", value: body.toString("latin1") };
    case 0x87:
      return { kind: "ip", value: body };
    case 0xa4:
      // whoever compares it takes it apart
      children(readDer(body)).map(children);
      return { kind: "directory", value: body };
    default:
      return { kind: "other" };
  }
}

function nameConstraints(extension: Der): NonNullable<CertificateFacts["constraints"]> {
  const trees = (tag: number): GeneralName[] =>
    children(extension)
      .filter((part) => part.tag === tag)
      .flatMap((part) => children(part).map((tree) => generalName(readDer(tree.body))));
  return { permitted: trees(0xa0), excluded: trees(0xa1) };
}

/** `192.0.2.1` or `2001:db8::1` of an iPAddress; undefined for another length. */
export function ipText(bytes: Buffer): string | undefined {
  if (bytes.length === 4) return bytes.join(".");
  if (bytes.length !== 16) return undefined;
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(i * 2).toString(16));
  return canonicalIp(groups.join(":"));
}

/** One spelling of an address: IPv6 compressed, an IPv4 address in IPv6 as IPv4. Undefined for what is none. */
export function canonicalIp(text: string): string | undefined {
  const address = text.startsWith("[") && text.endsWith("]") ? text.slice(1, -1) : text;
  if (isIP(address) === 4) return address;
  if (isIP(address) !== 6 || address.includes("%")) return undefined;
  const short = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(short);
  if (!mapped) return short;
  const [high, low] = [Number.parseInt(mapped[1]!, 16), Number.parseInt(mapped[2]!, 16)];
  return [high >> 8, high & 0xff, low >> 8, low & 0xff].join(".");
}
