/** Reads DER (X.690): as much of it as certificates, revocation lists and OCSP responses need. Every length is checked against what is there. */

/** One element. `tag` is the identifier octet as it stands; numbers above 30 do not occur in what is read here. */
export interface Der {
  readonly tag: number;
  /** The content. */
  readonly body: Buffer;
  /** Identifier, length and content: what a signature is over. */
  readonly whole: Buffer;
}

/** Tags by their usual names. */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  enumerated: 0x0a,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** The element that starts at `at`. Throws RangeError for what is no DER. */
export function readDer(bytes: Buffer, at = 0): Der {
  const tag = bytes[at];
  const first = bytes[at + 1];
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) throw new RangeError("not DER");
  let start = at + 2;
  let length = first;
  if (first > 0x7f) {
    const octets = first & 0x7f;
    if (octets === 0 || octets > 4 || start + octets > bytes.length) throw new RangeError("not DER: length");
    length = bytes.readUIntBE(start, octets);
    start += octets;
  }
  if (start + length > bytes.length) throw new RangeError("not DER: cut off");
  return { tag, body: bytes.subarray(start, start + length), whole: bytes.subarray(at, start + length) };
}

/** The elements that a constructed one is made of. */
export function children({ body }: Pick<Der, "body">): Der[] {
  const out: Der[] = [];
  for (let at = 0; at < body.length; ) {
    const next = readDer(body, at);
    out.push(next);
    at += next.whole.length;
  }
  return out;
}

/** `1.2.840.113549` of an OBJECT IDENTIFIER's content. */
export function oidText(body: Buffer): string {
  const numbers: bigint[] = [];
  let value = 0n;
  for (const octet of body) {
    value = (value << 7n) | BigInt(octet & 0x7f);
    if (octet & 0x80) continue;
    numbers.push(value);
    value = 0n;
  }
  const first = numbers.shift() ?? 0n;
  const top = first < 80n ? first / 40n : 2n;
  return [top, first - top * 40n, ...numbers].join(".");
}

/** Octets of a BIT STRING; the count of unused bits is left out. */
export const bitString = ({ body }: Der): Buffer => body.subarray(1);

/** UTCTime or GeneralizedTime in UTC (RFC 5280 section 4.1.2.5), ms since 1970; NaN for another form. */
export function timeOf({ tag, body }: Der): number {
  let text = body.toString("latin1");
  if (tag === TAG.utcTime) text = (Number(text.slice(0, 2)) < 50 ? "20" : "19") + text;
  if (text.length !== 15 || !text.endsWith("Z")) return Number.NaN;
  const part = (from: number, to: number) => text.slice(from, to);
  return Date.parse(`${part(0, 4)}-${part(4, 6)}-${part(6, 8)}T${part(8, 10)}:${part(10, 12)}:${part(12, 14)}Z`);
}
