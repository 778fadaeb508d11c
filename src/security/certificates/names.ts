import { domainToASCII } from "node:url";
import type { X509Certificate } from "node:crypto";
import { canonicalIp, factsOf, ipText } from "./facts.ts";

/** Names of a certificate, as they decide who somebody is. */
export interface CertificateNames {
  /** `DNS:a.example`, `URI:sip:a.example`, `IP:192.0.2.1`. A name with characters that no such name has is left out. */
  readonly san: readonly string[];
  /** The common name where it may stand for a name: the subject has exactly one and the certificate no subjectAltName; else empty. */
  readonly commonName?: string | undefined;
}

/**
 * What a domain name is made of; everything else, NUL above all, makes another name of it than it seems. Labels are 1 to 63 characters long, and none stands
 * behind a final dot (RFC 5280 section 4.2.1.6 with RFC 1034 section 3.5).
 */
export function isDomain(text: string): boolean {
  if (text.length === 0 || text.length > 253) return false;
  if (text.split(".").some((label) => label.length === 0 || label.length > 63)) return false;
  for (const c of text)
    if (!((c >= "a" && c <= "z") || (c >= "A" && c <= "Z") || (c >= "0" && c <= "9") || "-._*".includes(c))) return false;
  return true;
}

function isPrintable(text: string): boolean {
  for (const c of text) if (c <= " " || c > "~") return false;
  return text.length <= 1024;
}

/** Reads the names of a certificate. */
export function namesOf(certificate: X509Certificate): { readonly san: string[]; readonly commonName: string } {
  const { alternativeNames, commonNames } = factsOf(certificate);
  const san: string[] = [];
  for (const name of alternativeNames ?? []) {
    if (name.kind === "dns" && isDomain(name.value)) san.push(`DNS:${name.value}`);
    else if (name.kind === "uri" && isPrintable(name.value)) san.push(`URI:${name.value}`);
    else if (name.kind === "ip") {
      const address = ipText(name.value);
      if (address !== undefined) san.push(`IP:${address}`);
    }
  }
  const [only, second] = commonNames;
  const stands = alternativeNames === undefined && only !== undefined && second === undefined && isDomain(only);
  return { san, commonName: stands ? only : "" };
}

function ofKind({ san }: CertificateNames, kind: string): string[] {
  return san.flatMap((name) => {
    const colon = name.indexOf(":");
    return name.slice(0, colon).toUpperCase() === kind ? [name.slice(colon + 1).trim()] : [];
  });
}

const plain = (domain: string): string => domain.toLowerCase().replace(/\.$/, "");

/** The host of `sip:host`; undefined where the URI has another scheme, a user, a port or parameters (RFC 5922 section 7.1). */
function sipUriHost(uri: string): string | undefined {
  if (uri.slice(0, 4).toLowerCase() !== "sip:") return undefined;
  const host = uri.slice(4);
  return isDomain(host) ? plain(host) : undefined;
}

/**
 * The SIP domains a certificate is for (RFC 5922 section 7.1), lower case: hosts of SIP URIs without a user; where there are none, the DNS names;
 * the common name only where there is no subjectAltName. Wildcards are no more than their letters (section 7.2) and never match a domain.
 */
export function sipDomains(names: CertificateNames): string[] {
  const hosts = ofKind(names, "URI").flatMap((uri) => sipUriHost(uri) ?? []);
  if (hosts.length > 0) return hosts;
  return dnsNames(names);
}

function dnsNames(names: CertificateNames): string[] {
  if (names.san.length > 0) return ofKind(names, "DNS").filter(isDomain).map(plain);
  return names.commonName ? [plain(names.commonName)] : [];
}

function hasAddress(names: CertificateNames, address: string): boolean {
  return ofKind(names, "IP").some((own) => canonicalIp(own) === address);
}

/** Is it the SIP domain's own (RFC 5922 section 7.2)? An address must stand as an iPAddress. */
export function matchesSipDomain(names: CertificateNames, domain: string): boolean {
  const address = canonicalIp(domain);
  if (address !== undefined) return hasAddress(names, address);
  const wanted = plain(domainToASCII(domain));
  return wanted !== "" && !wanted.includes("*") && sipDomains(names).includes(wanted);
}

/** Is it the host's (RFC 6125)? A wildcard is the whole left-most label, stands for one label, and only over a domain of two or more. */
export function matchesHost(names: CertificateNames, host: string): boolean {
  const address = canonicalIp(host);
  if (address !== undefined) return hasAddress(names, address);
  const wanted = plain(domainToASCII(host));
  if (wanted === "" || wanted.includes("*")) return false;
  return dnsNames(names).some((name) => {
    if (!name.includes("*")) return name === wanted;
    const dot = wanted.indexOf(".");
    const base = wanted.slice(dot);
    return dot > 0 && name === `*${base}` && base.indexOf(".", 1) > 0;
  });
}

/**
 * Whether one of the certificate's names is one of the trunk's. A trunk's may be a domain, `*.example.com` (one label more, never several and never none), an
 * address (of an iPAddress), or a whole URI. A wildcard in the certificate is no more than its letters: with `literally` it may be what the trunk names.
 */
export function matchesNames(names: CertificateNames, patterns: readonly string[], literally = false): boolean {
  const domains = sipDomains(names);
  return patterns.some((pattern) => {
    if (pattern.includes(":") && canonicalIp(pattern) === undefined) return ofKind(names, "URI").some((uri) => sameUri(uri, pattern));
    const address = canonicalIp(pattern);
    if (address !== undefined) return hasAddress(names, address);
    const wildcard = pattern.startsWith("*.");
    const wanted = plain(domainToASCII(wildcard ? pattern.slice(2) : pattern));
    if (wanted === "") return false;
    if (!wildcard) return domains.includes(wanted);
    if (literally && domains.includes(`*.${wanted}`)) return true;
    return domains.some((name) => {
      const label = name.slice(0, -wanted.length - 1);
      return name.endsWith(`.${wanted}`) && label !== "" && !label.includes(".") && !label.includes("*");
    });
  });
}

/** URIs by their letters, scheme and host in any case (RFC 3261 section 19.1.4). */
function sameUri(a: string, b: string): boolean {
  return loweredHost(a) === loweredHost(b);
}

function loweredHost(uri: string): string {
  const at = uri.indexOf("@");
  const colon = uri.indexOf(":") + 1;
  return at < 0 ? uri.toLowerCase() : uri.slice(0, colon).toLowerCase() + uri.slice(colon, at) + uri.slice(at).toLowerCase();
}
