/** Columns of a terminal that a text takes. */

/** Text cut to at most `most` columns, with an ellipsis where something is missing. */
export function cutTo(text: string, most: number, ellipsis = "…"): string {
  if (widthOf(text) <= most) return text;
  let out = "";
  let width = 0;
  const room = most - widthOf(ellipsis);
  for (const c of text) {
    const wide = widthOfCharacter(c.codePointAt(0)!);
    if (width + wide > room) break;
    out += c;
    width += wide;
  }
  return most < 1 ? "" : out + ellipsis;
}

/** Spaces behind `text` up to `width` columns. */
export function pad(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - widthOf(text)));
}

export function widthOf(text: string): number {
  let width = 0;
  for (const c of text) width += widthOfCharacter(c.codePointAt(0)!);
  return width;
}

/** 0 for marks that stand on the character before, 2 for East Asian wide characters and pictographs. */
function widthOfCharacter(code: number): number {
  if (code < 0x300) return 1;
  if ((code >= 0x300 && code <= 0x36f) || (code >= 0x20d0 && code <= 0x20ff) || (code >= 0xfe00 && code <= 0xfe0f)) return 0;
  const wide =
    (code >= 0x1100 && code <= 0x115f) ||
    (code >= 0x2e80 && code <= 0xa4cf) ||
    (code >= 0xac00 && code <= 0xd7a3) ||
    (code >= 0xf900 && code <= 0xfaff) ||
    (code >= 0xfe30 && code <= 0xfe6f) ||
    (code >= 0xff00 && code <= 0xff60) ||
    (code >= 0xffe0 && code <= 0xffe6) ||
    (code >= 0x1f300 && code <= 0x1faff) ||
    (code >= 0x20000 && code <= 0x3fffd);
  return wide ? 2 : 1;
}
