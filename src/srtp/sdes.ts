import { trimEndOf } from "../base/text.ts";
import type { SdpCrypto } from "../wire/sdp/crypto.ts";
import type { SrtpKeying } from "./keying.ts";
import { findSuite } from "./suites.ts";

/** Packets a master key may protect at most (RFC 3711 section 9.2); a lifetime beyond is an error (RFC 4568 section 6.1). */
const MAX_LIFETIME = 2 ** 48;

/** A crypto attribute whose key we can use. */
export interface UsableCrypto {
  readonly usable: true;
  readonly tag: number;
  /** The suite as the peer spells it: the answer repeats this. */
  readonly suiteName: string;
  readonly keying: SrtpKeying;
  /** Whether its base64 had the padding its length asks for. */
  readonly padded: boolean;
}

/** One we cannot use, and why, in words for a log. Holds no key. */
export interface UnusableCrypto {
  readonly usable: false;
  readonly tag: number;
  readonly suiteName: string;
  readonly reason: string;
}

/**
 * Decides whether a crypto attribute can be used as it is (RFC 4568 section 5.1.2: one that cannot be supported in full is not selected).
 * One inline key, with or without base64 padding; an MKI of up to 128 bytes is honoured; of the session parameters only those that change
 * nothing for us are accepted: KDR=0, WSH, and unknown ones marked optional by a dash (section 6.3.7).
 */
export function readCrypto(crypto: SdpCrypto): UsableCrypto | UnusableCrypto {
  const { tag, suite: suiteName, keys, sessionParams } = crypto;
  const refuse = (reason: string): UnusableCrypto => ({ usable: false, tag, suiteName, reason });
  const suite = findSuite(suiteName);
  if (!suite) return refuse("unknown suite");
  const bad = sessionParams.find((param) => !isAcceptableParameter(param));
  if (bad !== undefined) return refuse(`session parameter ${bad.slice(0, 32)} is not supported`);
  const [key] = keys;
  if (!key || keys.length !== 1) return refuse("more than one master key");
  if (key.method.toLowerCase() !== "inline") return refuse("key method is not inline");
  if (key.lifetime !== undefined && !(key.lifetime >= 1 && key.lifetime <= MAX_LIFETIME)) return refuse("key lifetime out of range");
  const bytes = decodeBase64(key.keySalt);
  if (!bytes) return refuse("key is not base64");
  if (bytes.length !== suite.keyLength + suite.saltLength) {
    return refuse(`key and salt of ${bytes.length} bytes, the suite takes ${suite.keyLength + suite.saltLength}`);
  }
  let mki: Uint8Array | undefined;
  if (key.mki) {
    const { value, length } = key.mki;
    if (length < 1 || length > 128 || value >= 1n << BigInt(8 * length)) return refuse("MKI does not fit its length");
    mki = Buffer.from(value.toString(16).padStart(2 * length, "0"), "hex");
  }
  return {
    usable: true,
    tag,
    suiteName,
    padded: key.keySalt.endsWith("=") || bytes.length % 3 === 0,
    keying: {
      suite,
      masterKey: bytes.subarray(0, suite.keyLength),
      masterSalt: bytes.subarray(suite.keyLength),
      ...(mki && { mki }),
    },
  };
}

/** How {@link cryptoOf} writes a key. */
export interface CryptoStyle {
  readonly tag: number;
  /** Spelling of the suite; its registered name when absent. */
  readonly suiteName?: string;
  /** False for a peer that wrote its own key without base64 padding. */
  readonly padded?: boolean;
}

/** The crypto attribute that announces a key. */
export function cryptoOf(keying: SrtpKeying, { tag, suiteName = keying.suite.name, padded = true }: CryptoStyle): SdpCrypto {
  const base64 = Buffer.concat([keying.masterKey, keying.masterSalt]).toString("base64");
  const mki = keying.mki && { value: BigInt(`0x${Buffer.from(keying.mki).toString("hex")}`), length: keying.mki.length };
  const key = { method: "inline", keySalt: padded ? base64 : trimEndOf(base64, "="), ...(mki && { mki }) };
  return { tag, suite: suiteName, keys: [key], sessionParams: [] };
}

function isAcceptableParameter(param: string): boolean {
  // WSH is a hint; our window is larger than any a peer may ask for (at least 64, section 6.3.6). KDR=0 is the default.
  if (/^KDR=0$/i.test(param) || /^WSH=\d{1,4}$/i.test(param)) return true;
  return param.startsWith("-");
}

/** Strict base64 of the standard alphabet; padding may be missing. */
function decodeBase64(text: string): Buffer | undefined {
  const bare = text.replace(/={1,2}$/, "");
  if (!/^[A-Za-z0-9+/]+$/.test(bare) || bare.length % 4 === 1) return undefined;
  if (bare.length !== text.length && text.length % 4 !== 0) return undefined;
  return Buffer.from(bare, "base64");
}
