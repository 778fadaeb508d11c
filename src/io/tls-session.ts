/** What a TLS handshake came to: version, suite, key exchange group, or why it came to nothing. */
import type { TLSSocket } from "node:tls";
import { children, readDer } from "../security/certificates/der.ts";

/** Groups by their number (RFC 8446 section 4.2.7, draft-ietf-tls-ecdhe-mlkem). */
const GROUPS: Readonly<Record<number, string>> = {
  23: "P-256",
  24: "P-384",
  25: "P-521",
  29: "X25519",
  30: "X448",
  4587: "SecP256r1MLKEM768",
  4588: "X25519MLKEM768",
  4589: "SecP384r1MLKEM1024",
};
/** OpenSSL's SSL_SESSION holds the group in field 19. */
const GROUP_TAG = 0xb3;

/** OpenSSL's own names of some. */
const SPELLINGS: Readonly<Record<string, string>> = { prime256v1: "P-256", secp384r1: "P-384", secp521r1: "P-521" };

/** The group by which keys were agreed; undefined where it cannot be told. Node.js tells clients only: a server's stands in its session. */
export function groupOf(socket: TLSSocket): string | undefined {
  // null for a server
  const told = socket.getEphemeralKeyInfo();
  if (told !== null && "name" in told) return SPELLINGS[String(told.name)] ?? String(told.name);
  try {
    const session = socket.getSession();
    const field = session && children(readDer(session)).find(({ tag }) => tag === GROUP_TAG);
    return field && GROUPS[Number.parseInt(readDer(field.body).body.toString("hex"), 16)];
  } catch {
    return undefined;
  }
}

/** `TLSv1.3, TLS_AES_256_GCM_SHA384, X25519MLKEM768`. */
export function describeTls(socket: TLSSocket): string {
  const { standardName, name } = socket.getCipher();
  return [socket.getProtocol(), standardName ?? name, groupOf(socket)].filter(Boolean).join(", ");
}

/** What OpenSSL finds of a handshake that has nothing to do with certificates, by the code of its error. */
const FAILURES: Readonly<Record<string, string>> = {
  ERR_SSL_UNSUPPORTED_PROTOCOL: "it offers no version of TLS that we take: TLS 1.2 and 1.3",
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: "it takes no version of TLS that we offer: TLS 1.2 and 1.3",
  ERR_SSL_WRONG_VERSION_NUMBER: "it does not speak TLS on this port",
  ERR_SSL_HTTP_REQUEST: "it does not speak TLS on this port",
  ERR_SSL_NO_SHARED_CIPHER: "it offers no cipher suite that we take",
  "ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE": "it takes none of our cipher suites, or no certificate of our kind of key",
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: "it takes none of our cipher suites, or no certificate of our kind of key",
};

/** Why a handshake with a peer failed, in words where OpenSSL has only its own. */
export function handshakeWords(error: Error): string {
  return FAILURES[(error as NodeJS.ErrnoException).code ?? ""] ?? error.message.slice(0, 120);
}
