/**
/**
 * The verified identity of a TLS peer, as the SIP engine, where TLS ends, tells it to the application: in the leader of the frame that carries
 * the request, in the place drachtio's protocol has for a session token. Nothing of the network's text stands there. Form, before it is
 * escaped as in a URI:
 * `verified=1;subject="CN=a";issuer="CN=b";san="DNS:a.example,URI:sip:x";cn="";ca="<sha256 hex>,...";fingerprint="<sha256 hex>"`, and for one
 * that is not verified `fault=certificate-expired;words="...";serverca="<sha256 hex>,..."`. Parameters that are not known are skipped.
 */
import { parseParams, quote, unquote } from "./text.ts";

/**
 * On a request of the application's: the trunk it is for. The SIP engine verifies the far end by that trunk's CAs and shows its client certificate. Never sent.
 */
export const TRUNK_HEADER = "X-Crosspoint-Trunk";

/**
 * On an INVITE and on responses, as the embedded SIP engine gives them to its application: what TLS has agreed on, `TLSv1.3, TLS_AES_256_GCM_SHA384, X25519MLKEM768`.
 * What the network writes so is taken away.
 */
export const TLS_HEADER = "Crosspoint-Tls";

/** Who is at the far end of a TLS connection. */
export interface PeerCertificate {
  /** Did the chain verify against one of the configured certificate authorities? Nothing else may be trusted when not. */
  readonly verified: boolean;
  /** Distinguished names, `CN=a,O=b`: for people. */
  readonly subject: string;
  readonly issuer: string;
  /** Subject alternative names, each with its kind: `DNS:a.example`, `URI:sip:a.example`, `IP:192.0.2.1`. */
  readonly san: readonly string[];
  /** The common name where it may stand for a name (RFC 5922 section 7.1): the only one, of a certificate without SAN; else empty. */
  readonly commonName: string;
  /** SHA-256 of the trusted certificates that vouch for it, lower-case hex; empty when not verified. */
  readonly roots: readonly string[];
  /** As `roots`, for a client's certificate that is a server's only: a trunk may take it all the same. */
  readonly serverRoots: readonly string[];
  /** Why it is not verified: a stable code, and words for the operator. */
  readonly fault?: { readonly code: string; readonly words: string } | undefined;
  /** SHA-256 of the peer's certificate, lower-case hex. */
  readonly fingerprint: string;
}

/** The identity as text. */
export function formatPeerCertificate(peer: PeerCertificate): string {
  // A comma separates the names, so one inside a name is escaped as in a URI.
  const san = peer.san.map((name) => name.replace(/[%,]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)).join(",");
  const clean = (text: string) => quote(text.replace(/[^\x20-\x7e]/g, "?"));
  const fault = peer.fault ? `;fault=${peer.fault.code};words=${clean(peer.fault.words)}` : "";
  const server = peer.serverRoots.length > 0 ? `;serverca=${quote(peer.serverRoots.join(","))}` : "";
  return (
    `verified=${peer.verified ? 1 : 0};subject=${clean(peer.subject)};issuer=${clean(peer.issuer)};san=${clean(san)};cn=${clean(peer.commonName)}` +
    `;ca=${quote(peer.roots.join(","))};fingerprint=${quote(peer.fingerprint)}${fault}${server}`
  );
}

/** Reads the text; undefined when it is not of this form. */
export function parsePeerCertificate(value: string | undefined): PeerCertificate | undefined {
  if (value === undefined) return undefined;
  const { params, clean } = parseParams(`;${value}`);
  const verified = params.get("verified");
  if (!clean || (verified !== "1" && verified !== "0")) return undefined;
  const text = (name: string) => unquote(params.get(name) ?? "");
  const list = (name: string) =>
    text(name)
      .split(",")
      .filter((item) => item !== "");
  const san = text("san");
  const fault = params.get("fault");
  return {
    verified: verified === "1",
    subject: text("subject"),
    issuer: text("issuer"),
    san:
      san === ""
        ? []
        : san.split(",").map((name) => name.replace(/%(25|2C)/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))),
    commonName: text("cn"),
    roots: list("ca"),
    serverRoots: list("serverca"),
    ...(fault ? { fault: { code: fault, words: text("words") } } : {}),
    fingerprint: text("fingerprint"),
  };
}

/** The identity as it stands in a frame's leader: without `|` and line ends. */
export function peerToken(peer: PeerCertificate): string {
  return encodeURIComponent(formatPeerCertificate(peer));
}

/** Reads what stands in a frame's leader; undefined when nothing does. */
export function parsePeerToken(token: string | undefined): PeerCertificate | undefined {
  if (token === undefined || token === "") return undefined;
  try {
    return parsePeerCertificate(decodeURIComponent(token));
  } catch {
    return undefined;
  }
}
