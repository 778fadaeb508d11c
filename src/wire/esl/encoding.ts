// switch_url_encode's unsafe set, plus everything that is not printable ASCII.
const UNSAFE = /[^!$'()*,\-./0-9A-Z_a-z~]/gu;
const NEEDS = /[^!$'()*,\-./0-9A-Z_a-z~]/u;

/** Percent-encodes a header value for the plain form (switch_utils.c, switch_url_encode). UTF-8, upper-case hex. */
export function encodeValue(value: string): string {
  if (!NEEDS.test(value)) return value;
  return value.replace(UNSAFE, (c) => {
    const code = c.charCodeAt(0);
    if (code < 0x80) return `%${hex(code)}`;
    return [...Buffer.from(c)].map((byte) => `%${hex(byte)}`).join("");
  });
}

/** Undoes encodeValue; a stray percent sign stands for itself, bad UTF-8 becomes U+FFFD. Never throws. */
export function decodeValue(value: string): string {
  if (!value.includes("%")) return value;
  try {
    return decodeURIComponent(value);
  } catch {
    const pieces = value.split(/(%[0-9A-Fa-f]{2})/);
    const bytes = pieces.map((piece, i) => (i % 2 === 1 ? Buffer.from(piece.slice(1), "hex") : Buffer.from(piece)));
    return Buffer.concat(bytes).toString("utf8");
  }
}

function hex(byte: number): string {
  return byte.toString(16).toUpperCase().padStart(2, "0");
}
