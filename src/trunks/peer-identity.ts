import type { CertificateNames } from "../security/certificates/names.ts";

/** What of a peer's certificate recognises a trunk; shape of wire/sip's PeerCertificate. */
export interface PeerIdentity extends CertificateNames {
  /** The chain verified against one of the listener's certificate authorities. */
  readonly verified: boolean;
  /** `CN=a,O=b`: for people. */
  readonly subject: string;
  /** SHA-256 of the trusted certificates that vouch for it, lower-case hex. */
  readonly roots: readonly string[];
  /** Those that vouch for it as a server's certificate, where it is not a client's. */
  readonly serverRoots?: readonly string[];
  /** Why it is not verified. */
  readonly fault?: { readonly code: string; readonly words: string } | undefined;
}
