/**
 * Masks what may be a PIN in dialled addresses and in texts that quote them. Used wherever an address that somebody dialled is shown: log, record, API,
 * trace. A PIN follows a number behind a separator (`2000**1234`), but callers write it in ways no meeting understands (`2000*1234`, `2000**12x4`,
 * `2000;pin=1234`): every run of digits behind the first separator is masked, whatever the form. All functions take one pass over the text.
 */

const MASK = "x";
const LETTER = /[\p{L}\p{M}]/u;
const DIGIT = /\p{Nd}/u;

/** Parameters whose digits are no PIN (RFC 3261 section 25.1 and what edges add). */
const PLAIN_PARAMETERS = new Set(
  "transport ttl maddr user method lr ob locale tag expires q received rport alias phone-context x-cisco-site-uuid keep comp cause".split(
    " ",
  ),
);
const SCHEMES = ["sips", "sip", "tel", "h323", "web", "im", "xmpp", "callto"];

interface Character {
  /** With its escapes undone. */
  readonly plain: string;
  /** Where the next one begins. */
  readonly end: number;
}

/** The character at `at`: `%2A` is `*`, and so is `%252A`, which something on the way has escaped again. */
function characterAt(text: string, at: number): Character {
  let plain = String.fromCodePoint(text.codePointAt(at)!);
  let end = at + plain.length;
  while (plain === "%") {
    const code = hexAt(text, end);
    if (code === undefined) break;
    plain = String.fromCharCode(code);
    end += 2;
  }
  return { plain, end };
}

function hexAt(text: string, at: number): number | undefined {
  const high = hexDigit(text.charCodeAt(at));
  const low = hexDigit(text.charCodeAt(at + 1));
  return high < 0 || low < 0 ? undefined : high * 16 + low;
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

const isDigit = (plain: string): boolean => (plain < "\u0080" ? plain >= "0" && plain <= "9" : DIGIT.test(plain));
const isLetter = (plain: string): boolean => (plain < "\u0080" ? /[A-Za-z]/.test(plain) : LETTER.test(plain));
/** What separates a number from a PIN in dial strings that are understood, and full-width forms of it. */
const isDialSeparator = (plain: string): boolean => plain === "*" || plain === "#" || plain === "\uff0a" || plain === "\uff03";

/** Copies `text` from `from` to `to`; each run of digits becomes one `x`, so that not even the length of a PIN is shown. */
function maskDigits(text: string, from: number, to: number): string {
  let masked = "";
  let inRun = false;
  for (let at = from; at < to; ) {
    const { plain, end } = characterAt(text, at);
    const digit = isDigit(plain);
    if (!digit) masked += text.slice(at, end);
    else if (!inRun) masked += MASK;
    inRun = digit;
    at = end;
  }
  return masked;
}

/**
 * Masks a dialled address: a URI of any scheme, a dial string, an H.323 alias. The number itself, the host and parameters that are known to be none of the
 * caller's PIN stay as they are.
 */
export function maskDialled(address: string): string {
  const colon = address.indexOf(":");
  const scheme = colon > 0 ? address.slice(0, colon).trim().toLowerCase() : "";
  const start = SCHEMES.includes(scheme) ? colon + 1 : 0;
  const at = address.lastIndexOf("@");
  const head = address.slice(0, start);
  if (at >= start) return head + maskUser(address, start, at) + "@" + maskHost(address, at + 1);
  if (isIpv6(address.slice(start))) return address;
  return head + (scheme === "sip" || scheme === "sips" ? maskHost(address, start) : maskUser(address, start, address.length));
}

function isIpv6(text: string): boolean {
  return text.split(":").length > 2 && /^\[?[0-9a-fA-F:.]+\]?$/.test(text);
}

/** Numbers have letters, digits and `. - ( ) + _`; anything else may be a separator, and so are `p`, `w`, `x` and words between digits. */
function maskUser(text: string, from: number, to: number): string {
  let digits = false;
  let letters = 0;
  for (let at = from; at < to; ) {
    const { plain, end } = characterAt(text, at);
    if (isDigit(plain)) {
      if (digits && letters > 0 && isPause(text.slice(at - letters, at))) return text.slice(from, at) + maskDigits(text, at, to);
      digits = true;
      letters = 0;
    } else if (isLetter(plain)) letters += end - at;
    else if (".-()+_".includes(plain)) letters = 0;
    else if (plain.trim() !== "" || digits) return text.slice(from, at) + maskDigits(text, at, to);
    at = end;
  }
  return text.slice(from, to);
}

/** Letters between digits that dial a pause or an extension: `2000p1234`, `2000x1234`, `2000pin1234`. */
function isPause(letters: string): boolean {
  return ["p", "w", "x", "t", "pin", "ext", "pw", "code", "pp", "ww"].includes(letters.toLowerCase());
}

/** Host, port, parameters and headers. */
function maskHost(text: string, from: number): string {
  let parameter = text.length;
  let numberOnly = true;
  for (let at = from; at < text.length; ) {
    const { plain, end } = characterAt(text, at);
    // no host is a number alone: `sip:2000:1234`
    const separated = plain === ":" && numberOnly && at > from;
    numberOnly &&= isDigit(plain);
    if (separated || isDialSeparator(plain) || "?,&=<>\"' \t".includes(plain))
      return text.slice(from, at) + maskDigits(text, at, text.length);
    if (plain === ";") {
      parameter = at;
      break;
    }
    at = end;
  }
  let masked = text.slice(from, parameter);
  while (parameter < text.length) {
    const next = text.indexOf(";", parameter + 1);
    const end = next < 0 ? text.length : next;
    const whole = text.slice(parameter, end);
    const equals = whole.indexOf("=");
    const name = whole
      .slice(1, equals < 0 ? undefined : equals)
      .trim()
      .toLowerCase();
    const headers = whole.includes("?");
    masked += PLAIN_PARAMETERS.has(name) && !headers ? maskFromSeparator(whole) : maskDigits(whole, 0, whole.length);
    if (headers) return masked + maskDigits(text, end, text.length);
    parameter = end;
  }
  return masked;
}

/** Masks only behind `*` or `#`: what is none of a dial string's own stays. */
function maskFromSeparator(text: string): string {
  const from = separatorIn(text, 0);
  return from < 0 ? text : text.slice(0, from) + maskDigits(text, from, text.length);
}

/** Where `*` or `#`, escaped or not, stands in `text` from `from` on; -1 where there is none. A wildcard name (`*.example.com`) is none. */
function separatorIn(text: string, from: number): number {
  for (let at = from; at < text.length; ) {
    const { plain, end } = characterAt(text, at);
    const wildcard = plain === "*" && text[end] === "." && isLetter(text[end + 1] ?? "") && !isDigit(text[at - 1] ?? "");
    if (isDialSeparator(plain) && !wildcard) return at;
    at = end;
  }
  return -1;
}

/** Ends an address in a text. */
const ENDS = " \t\r\n<>\"'`|";
const MAY_MATTER = /[*#%@:]|pin|\uff0a|\uff03/i;

/**
 * Masks a text that may quote a dialled address, whole or in pieces: a request line that cannot be read, a header, a display name. From the first `*` or `#`
 * of a line on digits are masked up to the host that follows, or to the line's end; URIs are masked by themselves; so are digits behind the word PIN.
 */
export function maskText(text: string): string {
  if (!MAY_MATTER.test(text)) return text;
  return text
    .split("\n")
    .map((line) => maskLine(line))
    .join("\n");
}

function maskLine(line: string): string {
  let masked = "";
  let open = false;
  for (let at = 0; at < line.length; ) {
    if (ENDS.includes(line[at]!)) {
      masked += line[at++];
      continue;
    }
    let end = at;
    while (end < line.length && !ENDS.includes(line[end]!)) end++;
    const token = line.slice(at, end);
    const separated = separatorIn(token, 0) >= 0;
    if (separated || isUri(token)) {
      masked += maskDialled(open ? `*${token}` : token).slice(open ? 1 : 0);
      open = (open || separated) && !token.includes("@");
    } else if (open) {
      masked += token.includes("@") ? maskDialled(`*${token}`).slice(1) : maskDigits(token, 0, token.length);
      open = !token.includes("@");
    } else masked += maskPinWord(token);
    // `PIN: 1234`
    if (/^["(]?pin[:=]?$/i.test(token)) open = true;
    at = end;
  }
  return masked;
}

function isUri(token: string): boolean {
  const colon = token.indexOf(":");
  return colon > 0 && SCHEMES.includes(token.slice(0, colon).toLowerCase());
}

/** `pin=1234`, `guestPin:1234`. */
function maskPinWord(token: string): string {
  const word = token.toLowerCase().indexOf("pin");
  if (word < 0) return token;
  const next = token[word + 3] ?? "";
  return next === "=" || next === ":" || isDigit(next) ? token.slice(0, word) + maskDigits(token, word, token.length) : token;
}
