/**
 * The small grammar under every field (RFC 3261 section 25.1): tokens, quoted strings, lists, parameters.
 * Everything works on byte strings and never throws on strange input: a caller that must refuse does so by the result.
 */

/** Parameters in order; names lower-case, values as received (quotes kept), null for a parameter without a value. */
export type Params = Map<string, string | null>;

const TOKEN = new Uint8Array(256);
for (const c of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.!%*_+`'~") TOKEN[c.charCodeAt(0)] = 1;

/** Is `text` a token of RFC 3261 (at least one character)? */
export function isToken(text: string): boolean {
  if (text.length === 0) return false;
  for (let i = 0; i < text.length; i++) if (TOKEN[text.charCodeAt(i) & 0xff] !== 1 || text.charCodeAt(i) > 0x7f) return false;
  return true;
}

/** A byte string as a reader sees it: UTF-8 decoded. */
export function utf8(byteString: string): string {
  for (let i = 0; i < byteString.length; i++) {
    if (byteString.charCodeAt(i) > 0x7f) return Buffer.from(byteString, "latin1").toString("utf8");
  }
  return byteString;
}

/** Text with any Unicode as the byte string that header fields hold (UTF-8, RFC 3261 section 7.3). */
export function bytes(text: string): string {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return Buffer.from(text, "utf8").toString("latin1");
  return text;
}

/** Index just past a quoted string that starts at `i` (which must be a quote), or -1 when it does not end. */
export function skipQuoted(text: string, i: number): number {
  for (let p = i + 1; p < text.length; p++) {
    const c = text.charCodeAt(p);
    if (c === 0x5c) p++;
    else if (c === 0x22) return p + 1;
  }
  return -1;
}

/** The content of a quoted string with its escapes resolved; anything else as it is. */
export function unquote(text: string): string {
  if (text.length < 2 || text.charCodeAt(0) !== 0x22 || text.charCodeAt(text.length - 1) !== 0x22) return text;
  const inner = text.slice(1, -1);
  return inner.includes("\\") ? inner.replace(/\\([\s\S])/g, "$1") : inner;
}

/** A quoted string: backslashes and quotes escaped, line ends removed (they would end the field). */
export function quote(text: string): string {
  return `"${text.replace(/[\r\n]/g, "").replace(/[\\"]/g, "\\$&")}"`;
}

/** Splits a field's value at commas that are outside quotes and angle brackets. Empty elements are kept for the checker to see. */
export function splitList(value: string): string[] {
  if (!value.includes(",")) return [value.trim()];
  const out: string[] = [];
  let start = 0;
  let angle = false;
  for (let i = 0; i < value.length; i++) {
    const c = value.charCodeAt(i);
    if (c === 0x22 && !angle) {
      const end = skipQuoted(value, i);
      if (end < 0) break;
      i = end - 1;
    } else if (c === 0x3c) angle = true;
    else if (c === 0x3e) angle = false;
    else if (c === 0x2c && !angle) {
      out.push(value.slice(start, i).trim());
      start = i + 1;
    }
  }
  out.push(value.slice(start).trim());
  return out;
}

/**
 * Reads `;name=value;name` from index `i` of `text`. Whitespace around `;` and `=` is allowed, values may be quoted.
 * Returns the parameters and whether the text was well formed to its end.
 */
export function parseParams(text: string, i = 0): { params: Params; clean: boolean } {
  const params: Params = new Map();
  const n = text.length;
  let clean = true;
  while (i < n) {
    let c = text.charCodeAt(i);
    if (c === 0x20 || c === 0x09) {
      i++;
      continue;
    }
    if (c !== 0x3b) return { params, clean: false };
    i++;
    while (i < n && ((c = text.charCodeAt(i)) === 0x20 || c === 0x09)) i++;
    const start = i;
    while (i < n && (c = text.charCodeAt(i)) !== 0x3b && c !== 0x3d) i++;
    const name = text.slice(start, i).trim().toLowerCase();
    let value: string | null = null;
    if (c === 0x3d && i < n) {
      i++;
      while (i < n && ((c = text.charCodeAt(i)) === 0x20 || c === 0x09)) i++;
      const from = i;
      if (text.charCodeAt(i) === 0x22) {
        const end = skipQuoted(text, i);
        i = end < 0 ? n : end;
        if (end < 0) clean = false;
        value = text.slice(from, i);
      } else {
        while (i < n && text.charCodeAt(i) !== 0x3b) i++;
        value = text.slice(from, i).trim();
      }
    }
    if (name === "") {
      if (value !== null || i >= n) clean = false;
      else clean = false;
    } else if (!params.has(name)) params.set(name, value);
  }
  return { params, clean };
}

/** `;name=value;name` from parameters. */
export function formatParams(params: Params): string {
  let out = "";
  for (const [name, value] of params) out += value === null ? `;${name}` : `;${name}=${value}`;
  return out;
}

const DIGITS = /^[0-9]+$/;

/** A non-negative decimal of at most `max`, or undefined when the text is anything else. */
export function parseNumber(text: string | undefined, max = 0xffffffff): number | undefined {
  if (text === undefined || text.length > 10 || !DIGITS.test(text)) return undefined;
  const value = Number(text);
  return value <= max ? value : undefined;
}
