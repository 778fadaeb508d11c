import { createCipheriv } from "node:crypto";
import type { SrtpKeying } from "./keying.ts";

/** Labels of RFC 3711 section 4.3.2. */
const Label = { RtpEncryption: 0, RtpAuthentication: 1, RtpSalt: 2, RtcpEncryption: 3, RtcpAuthentication: 4, RtcpSalt: 5 } as const;

/** HMAC-SHA1's session key, RFC 3711 section 8.2. */
const AUTHENTICATION_KEY_LENGTH = 20;

/** Keys of one direction of one protocol. */
export interface SessionKeys {
  readonly encryption: Buffer;
  /** Empty for GCM. */
  readonly authentication: Buffer;
  readonly salt: Buffer;
}

/**
 * The session keys of a master key, key derivation rate 0: derived once (RFC 3711 section 4.3.1). With AES-256 the PRF is
 * AES_256_CM_PRF (RFC 6188 section 3); a GCM suite derives with its key's size and its 96-bit salt extended by zeros (RFC 7714 section 11).
 */
export function deriveSessionKeys(keying: SrtpKeying): { rtp: SessionKeys; rtcp: SessionKeys } {
  const { suite } = keying;
  const authentication = suite.cipher === "gcm" ? 0 : AUTHENTICATION_KEY_LENGTH;
  const keys = (encryption: number, auth: number, salt: number): SessionKeys => ({
    encryption: prf(keying, encryption, suite.keyLength),
    authentication: prf(keying, auth, authentication),
    salt: prf(keying, salt, suite.saltLength),
  });
  return {
    rtp: keys(Label.RtpEncryption, Label.RtpAuthentication, Label.RtpSalt),
    rtcp: keys(Label.RtcpEncryption, Label.RtcpAuthentication, Label.RtcpSalt),
  };
}

/** AES-CM keystream from IV = (label * 2^48 XOR salt) * 2^16, RFC 3711 section 4.3.3. */
function prf({ masterKey, masterSalt }: SrtpKeying, label: number, length: number): Buffer {
  const iv = Buffer.alloc(16);
  iv.set(masterSalt);
  iv[7]! ^= label;
  const cipher = createCipheriv(masterKey.length === 32 ? "aes-256-ctr" : "aes-128-ctr", masterKey, iv);
  return cipher.update(Buffer.alloc(length));
}
