/** Text of strangers that a terminal can be given: no control characters, none that change the direction of what follows, and bounded. */

export const MASKED = "[masked]";

/** In the place of text that is not shown: only how much there was. */
export function maskedBytes(length: number): string {
  return `[masked, ${length} bytes]`;
}

/** `text` on one line, of at most `most` characters. Control and format characters are written as `\xNN` or `\u{NNNN}`. */
export function printable(text: string, most = 2_048): string {
  let out = "";
  for (const c of text) {
    if (out.length >= most) return `${out}...`;
    const code = c.codePointAt(0)!;
    out += isHarmless(code) ? c : code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`;
  }
  return out;
}

function isHarmless(code: number): boolean {
  if (code < 0x7f) return code >= 0x20;
  if (code < 0xa0) return false;
  // soft hyphen, marks of direction, zero width, line and paragraph separators, isolates, byte order mark, lone surrogates, tags
  if (code === 0xad || code === 0x61c || code === 0x180e || code === 0xfeff) return false;
  if ((code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) || (code >= 0x2060 && code <= 0x206f)) return false;
  return !(code >= 0xd800 && code <= 0xdfff) && !(code >= 0xfff0 && code <= 0xfffb) && code < 0xe0000;
}
