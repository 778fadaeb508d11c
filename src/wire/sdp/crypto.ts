/**
 * The crypto attribute as syntax, RFC 4568 section 9.1:
 *
 *     "crypto:" tag 1*WSP crypto-suite 1*WSP key-params *(1*WSP session-param)
 *     key-params = key-method ":" key-info *(";" key-method ":" key-info)
 *     key-info   = key||salt in base64 ["|" lifetime] ["|" mki ":" mki-length]
 *     lifetime   = ["2^"] 1*DIGIT
 *
 * Read tolerantly: several spaces between fields. Whether the key fits the suite is the srtp room's to say.
 */

/** One key of an attribute. */
export interface SdpCryptoKey {
  /** `inline`, in whatever case it came. */
  readonly method: string;
  /** Base64 as written. Secret: never log it. */
  readonly keySalt: string;
  /** Packets the key may protect, from either form; undefined when not said. */
  readonly lifetime?: number;
  readonly mki?: { readonly value: bigint; readonly length: number };
}

export interface SdpCrypto {
  readonly tag: number;
  /** As written. */
  readonly suite: string;
  readonly keys: readonly SdpCryptoKey[];
  /** As written: `UNENCRYPTED_SRTP`, `KDR=0`, `WSH=64`, `-X`. */
  readonly sessionParams: readonly string[];
}

/** Reads the value after `crypto:`. Undefined if it is none. */
export function parseCrypto(value: string): SdpCrypto | undefined {
  const fields = value.trim().split(/[ \t]+/);
  const [tag, suite, keyParams, ...sessionParams] = fields;
  if (!tag || !suite || !keyParams || !/^\d{1,9}$/.test(tag) || !/^[A-Za-z0-9_]+$/.test(suite)) return undefined;
  const keys: SdpCryptoKey[] = [];
  for (const param of keyParams.split(";")) {
    const key = parseKey(param);
    if (!key) return undefined;
    keys.push(key);
  }
  return { tag: Number(tag), suite, keys, sessionParams };
}

function parseKey(param: string): SdpCryptoKey | undefined {
  const match = /^([A-Za-z]+):([^|]+)(?:\|((?:2\^)?\d{1,15}))?(?:\|(\d{1,39}):(\d{1,3}))?$/.exec(param);
  if (!match) return undefined;
  const [, method, keySalt, lifetime, mki, mkiLength] = match;
  return {
    method: method!,
    keySalt: keySalt!,
    ...(lifetime !== undefined && { lifetime: lifetime.startsWith("2^") ? 2 ** Number(lifetime.slice(2)) : Number(lifetime) }),
    ...(mki !== undefined && { mki: { value: BigInt(mki), length: Number(mkiLength) } }),
  };
}

/** The value after `crypto:`. A lifetime that is a power of two is written as one. */
export function formatCrypto({ tag, suite, keys, sessionParams }: SdpCrypto): string {
  return [tag, suite, keys.map(formatKey).join(";"), ...sessionParams].join(" ");
}

function formatKey({ method, keySalt, lifetime, mki }: SdpCryptoKey): string {
  const parts = [`${method}:${keySalt}`];
  if (lifetime !== undefined) {
    const exponent = Math.log2(lifetime);
    parts.push(Number.isInteger(exponent) ? `2^${exponent}` : String(lifetime));
  }
  if (mki) parts.push(`${mki.value}:${mki.length}`);
  return parts.join("|");
}
