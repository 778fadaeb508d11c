/** The crypto suites this gateway speaks, under their SDES names (IANA "SDP Security Descriptions", exact spelling). */
export type SrtpSuiteName =
  | "AEAD_AES_256_GCM"
  | "AEAD_AES_128_GCM"
  | "AES_256_CM_HMAC_SHA1_80"
  | "AES_256_CM_HMAC_SHA1_32"
  | "AES_CM_128_HMAC_SHA1_80"
  | "AES_CM_128_HMAC_SHA1_32";

/** What a suite fixes. Lengths in bytes. */
export interface SrtpSuite {
  readonly name: SrtpSuiteName;
  readonly cipher: "gcm" | "cm";
  /** Master and session encryption key. */
  readonly keyLength: 16 | 32;
  /** Master salt: 14 for counter mode, 12 for GCM (RFC 7714 section 12). */
  readonly saltLength: 12 | 14;
  readonly rtpTagLength: 4 | 10 | 16;
  /** The _32 suites shorten only SRTP's tag; SRTCP's stays 80 bits (RFC 4568 section 6.2.2). */
  readonly rtcpTagLength: 10 | 16;
}

function gcm(name: SrtpSuiteName, keyLength: 16 | 32): SrtpSuite {
  return Object.freeze({ name, cipher: "gcm", keyLength, saltLength: 12, rtpTagLength: 16, rtcpTagLength: 16 });
}

function cm(name: SrtpSuiteName, keyLength: 16 | 32, rtpTagLength: 4 | 10): SrtpSuite {
  return Object.freeze({ name, cipher: "cm", keyLength, saltLength: 14, rtpTagLength, rtcpTagLength: 10 });
}

/** RFC 7714 section 14.2, RFC 6188 section 7, RFC 4568 section 6.2. */
export const SRTP_SUITES: Readonly<Record<SrtpSuiteName, SrtpSuite>> = Object.freeze({
  AEAD_AES_256_GCM: gcm("AEAD_AES_256_GCM", 32),
  AEAD_AES_128_GCM: gcm("AEAD_AES_128_GCM", 16),
  AES_256_CM_HMAC_SHA1_80: cm("AES_256_CM_HMAC_SHA1_80", 32, 10),
  AES_256_CM_HMAC_SHA1_32: cm("AES_256_CM_HMAC_SHA1_32", 32, 4),
  AES_CM_128_HMAC_SHA1_80: cm("AES_CM_128_HMAC_SHA1_80", 16, 10),
  AES_CM_128_HMAC_SHA1_32: cm("AES_CM_128_HMAC_SHA1_32", 16, 4),
});

/** Spellings of RFC 6188's suites from its drafts, still sent by products. */
const ALIASES: Readonly<Record<string, SrtpSuiteName>> = {
  AES_CM_256_HMAC_SHA1_80: "AES_256_CM_HMAC_SHA1_80",
  AES_CM_256_HMAC_SHA1_32: "AES_256_CM_HMAC_SHA1_32",
};

/**
 * The suite of a name in SDP, undefined for one we do not speak. The whole name is compared: AEAD_AES_256_GCM_8, which contains another
 * suite's name and differs from it in the tag, is not that suite.
 */
export function findSuite(name: string): SrtpSuite | undefined {
  const canonical = ALIASES[name] ?? name;
  return Object.hasOwn(SRTP_SUITES, canonical) ? SRTP_SUITES[canonical as SrtpSuiteName] : undefined;
}
