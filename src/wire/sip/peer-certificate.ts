/**
 * `X-Crosspoint-Peer`: the verified identity of a TLS peer, stamped on a request by the SIP engine, where TLS ends, for the application.
 * The same field is removed from everything that comes from outside. Form:
 * `verified=1;subject="CN=a";issuer="CN=b";san="DNS:a.example,URI:sip:x";ca="<sha256 hex>";fingerprint="<sha256 hex>"`.
 */
import { parseParams, quote, unquote } from "./text.ts";

/** Name of the field. */
export const PEER_HEADER = "X-Crosspoint-Peer";

/** On a response that the SIP engine made itself, because no far end was reached; its Warning says why. Removed from what comes from outside. */
export const LOCAL_HEADER = "X-Crosspoint-Local";

/** Who is at the far end of a TLS connection. */
export interface PeerCertificate {
  /** Did the chain verify against one of the configured certificate authorities? Nothing else may be trusted when not. */
  readonly verified: boolean;
  /** Distinguished names, `CN=a,O=b`. */
  readonly subject: string;
  readonly issuer: string;
  /** Subject alternative names, each with its kind: `DNS:a.example`, `URI:sip:a.example`, `IP:192.0.2.1`. */
  readonly san: readonly string[];
  /** SHA-256 of the root certificate that verified the chain, lower-case hex; empty when not verified. */
  readonly ca: string;
  /** SHA-256 of the peer's certificate, lower-case hex. */
  readonly fingerprint: string;
}

/** The field's value. */
export function formatPeerCertificate(peer: PeerCertificate): string {
  // A comma separates the names, so one inside a name is escaped as in a URI.
  const san = peer.san.map((name) => name.replace(/[%,]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)).join(",");
  const clean = (text: string) => quote(text.replace(/[^\x20-\x7e]/g, "?"));
  return (
    `verified=${peer.verified ? 1 : 0};subject=${clean(peer.subject)};issuer=${clean(peer.issuer)};san=${clean(san)}` +
    `;ca=${quote(peer.ca)};fingerprint=${quote(peer.fingerprint)}`
  );
}

/** Reads the field's value; undefined when it is not of this form. */
export function parsePeerCertificate(value: string | undefined): PeerCertificate | undefined {
  if (value === undefined) return undefined;
  const { params, clean } = parseParams(`;${value}`);
  const verified = params.get("verified");
  if (!clean || (verified !== "1" && verified !== "0")) return undefined;
  const text = (name: string) => unquote(params.get(name) ?? "");
  const san = text("san");
  return {
    verified: verified === "1",
    subject: text("subject"),
    issuer: text("issuer"),
    san:
      san === ""
        ? []
        : san.split(",").map((name) => name.replace(/%(25|2C)/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))),
    ca: text("ca"),
    fingerprint: text("fingerprint"),
  };
}
