import { trimOf } from "../base/text.ts";

/** What of a peer's certificate recognises a trunk; shape of wire/sip's PeerCertificate. */
export interface PeerIdentity {
  /** The chain verified against one of the listener's certificate authorities. */
  readonly verified: boolean;
  /** `CN=a,O=b`. */
  readonly subject: string;
  /** `DNS:a.example`, `URI:sip:a.example`. */
  readonly san: readonly string[];
  /** SHA-256 of the root that verified it, lower-case hex. */
  readonly ca: string;
}

/**
 * Names a certificate may be recognised by, lower case (RFC 5922 section 7.1): the host of each SIP URI and each DNS name among its SANs; the common
 * name only where there is neither.
 */
export function certificateNames(peer: PeerIdentity): string[] {
  const names: string[] = [];
  for (const san of peer.san) {
    const colon = san.indexOf(":");
    const kind = san.slice(0, colon).toUpperCase();
    const value = san
      .slice(colon + 1)
      .trim()
      .toLowerCase();
    if (kind === "DNS") names.push(value);
    else if (kind === "URI") {
      names.push(value);
      const host = /^sips?:([^@;:?]+)$/.exec(value);
      if (host) names.push(host[1]!);
    }
  }
  if (names.length > 0) return names;
  const common = commonName(peer.subject);
  return common === undefined ? [] : [common.toLowerCase()];
}

/**
 * Whether one of the certificate's names is one of the trunk's. A trunk may be given as `*.example.com`, which is one label more, never several and
 * never none. A wildcard in the certificate is no more than its letters (RFC 5922 section 7.2).
 */
export function matchesNames(peer: PeerIdentity, patterns: readonly string[]): boolean {
  const names = certificateNames(peer);
  return patterns.some((pattern) => {
    const wanted = pattern.toLowerCase();
    if (!wanted.startsWith("*.")) return names.includes(wanted);
    const suffix = wanted.slice(1);
    return names.some((name) => name.endsWith(suffix) && name.length > suffix.length && !name.slice(0, -suffix.length).includes("."));
  });
}

/** The first common name of a subject such as `CN=a,O=b`, without quotes. */
function commonName(subject: string): string | undefined {
  for (const attribute of subject.split(/[,\n/+]/)) {
    const equals = attribute.indexOf("=");
    if (equals < 0 || attribute.slice(0, equals).trim().toUpperCase() !== "CN") continue;
    const name = trimOf(attribute.slice(equals + 1).trim(), '"').trim();
    if (name !== "") return name;
  }
  return undefined;
}
