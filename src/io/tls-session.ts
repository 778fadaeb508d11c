/** What a TLS handshake came to: version, suite, key exchange group. */
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

/** The group by which keys were agreed; undefined where it cannot be told. Node.js tells clients only: a server's stands in its session. */
export function groupOf(socket: TLSSocket): string | undefined {
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
