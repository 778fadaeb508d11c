/**
 * Masks what may be a PIN in dialled addresses and in texts that quote them. Used wherever an address that somebody dialled is shown: log, record, API,
 * trace. A PIN follows a number behind a separator (`2000**1234`), but callers write it in ways no meeting understands (`2000*1234`, `2000**12x4`,
 * `2000;pin=1234`, `2000-1234`, `20001234`): every run of digits behind the first separator, and behind a number that is known to reach a meeting, is masked, whatever
 * the form. Ordinary telephone numbers and names are not. All functions take one pass over the text.
 */
import { characterAt, isDigit, isLetter, pinIn } from "./pin-in-number.ts";
import { plainNumber, reachedBy } from "./known-numbers.ts";

const MASK = "x";

/** Parameters whose digits are no PIN (RFC 3261 section 25.1 and what edges add). */
const PLAIN_PARAMETERS = new Set(
  "transport ttl maddr user method lr ob locale tag expires q received rport alias phone-context x-cisco-site-uuid keep comp cause".split(
    " ",
  ),
);
const SCHEMES = ["sips", "sip", "tel", "h323", "web", "im", "xmpp", "callto"];

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
  if (at >= start) {
    const end = hostEnd(address, at + 1);
    const host = isNumber(address.slice(at + 1, end))
      ? maskDigits(address, at, end) + maskHost(address, end)
      : "@" + maskHost(address, at + 1);
    return head + maskUser(address, start, at) + host;
  }
  if (isIpv6(address.slice(start))) return address;
  if (scheme !== "sip" && scheme !== "sips") return head + maskUser(address, start, address.length);
  const end = hostEnd(address, start);
  return isNumber(address.slice(start, end))
    ? head + maskUser(address, start, end) + maskHost(address, end)
    : head + maskHost(address, start);
}

function hostEnd(text: string, from: number): number {
  let at = from;
  while (at < text.length && text[at] !== ";" && text[at] !== "?") at++;
  return at;
}

/** Whether what stands in a host's place is a number, and no address: no host is without a letter. */
function isNumber(host: string): boolean {
  if (host.length > 256 || isIpv6(host) || /^\d{1,3}(\.\d{1,3}){3}(:\d{1,5})?$/.test(host)) return false;
  let digits = false;
  for (const c of host) {
    if (isLetter(c) || c === "*" || c === "#" || c === ":") return false;
    digits ||= isDigit(c);
  }
  return digits;
}

function isIpv6(text: string): boolean {
  // eight groups, or `::` for some of them: `7700:1234:1` is none
  const colons = text.split(":").length - 1;
  return colons > 1 && (colons === 7 || text.includes("::")) && /^\[?[0-9a-fA-F:.]+\]?$/.test(text);
}

function maskUser(text: string, from: number, to: number): string {
  const pin = pinIn(text, from, to);
  return pin < 0 ? text.slice(from, to) : text.slice(from, pin) + maskDigits(text, pin, to);
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
const MAY_MATTER = /[*#%@:0-9]|pin|\uff0a|\uff03/i;
/** Digits that follow a meeting's number in a text by chance, as milliseconds do, are mostly fewer. */
const LEAST_IN_TEXT = 4;

/**
 * Masks a text that may quote a dialled address, whole or in pieces: a request line that cannot be read, a header, a display name. From the first `*` or `#`
 * of a line on digits are masked up to the host that follows, or to the line's end; URIs are masked by themselves; so are digits behind the word PIN, and behind a meeting's number
 * with something between them.
 */
export function maskText(text: string): string {
  if (!MAY_MATTER.test(text)) return text;
  return text
    .split("\n")
    .map((line) => maskLine(line))
    .join("\n");
}

/** Masks a name that somebody gave himself, which may be a dialled address, or its user part alone: `7700 612622`. */
export function maskName(name: string): string {
  const masked = maskText(name);
  const pin = pinIn(masked, 0, masked.length);
  if (pin < 0) return masked;
  // `Room 12-3` is a name: digits are a PIN's here where a meeting's number stands before them
  const before = plainNumber(masked.slice(0, pin));
  return reachedBy(before) === undefined && !isDigits(before) ? masked : masked.slice(0, pin) + maskDigits(masked, pin, masked.length);
}

function isDigits(text: string): boolean {
  for (const c of text) if (!isDigit(c)) return false;
  return text !== "";
}

function maskLine(line: string): string {
  let masked = "";
  let open = false;
  for (let at = 0; at < line.length; ) {
    if (ENDS.includes(line[at]!)) {
      masked += line[at++];
      continue;
    }
    const end = endOfToken(line, at);
    const token = line.slice(at, end);
    const separated = separatorIn(token, 0) >= 0;
    const uri = uriIn(token);
    if (separated || uri >= 0) {
      const head = uri > 0 && !open && !separated ? uri : 0;
      masked += token.slice(0, head) + maskDialled(open ? `*${token}` : token.slice(head)).slice(open ? 1 : 0);
      open = ((open || separated) && !token.includes("@")) || (uri >= 0 && isCutInTwo(line, token, end));
    } else if (open) {
      masked += token.includes("@") ? maskDialled(`*${token}`).slice(1) : maskDigits(token, 0, token.length);
      open = !token.includes("@");
    } else masked += maskPinWord(maskBehindKnown(token));
    // `PIN: 1234`
    if (/^["(]?pin[:=]?$/i.test(token)) open = true;
    at = end;
  }
  return masked;
}

function endOfToken(line: string, at: number): number {
  let end = at;
  while (end < line.length && !ENDS.includes(line[end]!)) end++;
  return end;
}

/** Where in a word a URI begins: at its beginning, or behind something else, as in `To:sip:2000@host`; -1 where none does. */
function uriIn(token: string): number {
  let word = 0;
  for (let at = 0; at < token.length; at++) {
    const c = token[at]!;
    if (c === ":" && SCHEMES.includes(token.slice(Math.max(word, at - 7), at).toLowerCase())) return Math.max(word, at - 7);
    if (!/[A-Za-z0-9]/.test(c)) word = at + 1;
  }
  return -1;
}

/** `sip:2000 1234@host`: a space in the user part, which is no URI and is quoted all the same. */
function isCutInTwo(line: string, token: string, end: number): boolean {
  if (token.includes("@") || line[end] !== " ") return false;
  let next = end;
  while (line[next] === " ") next++;
  const rest = line.slice(next, endOfToken(line, next));
  return rest !== "" && isDigit(rest[0]!) && (rest.includes("@") || (rest.length >= LEAST_IN_TEXT && isDigits(rest)));
}

/** `7700-612622`, `(7700/612622)`, where 7700 is a meeting. Not in UUIDs, dates, addresses, where runs are short or stand in the middle. */
function maskBehindKnown(token: string): string {
  for (let at = 0; at < token.length; ) {
    if (!isDigit(token[at]!)) {
      at++;
      continue;
    }
    let end = at;
    while (end < token.length && isDigit(token[end]!)) end++;
    if ((at === 0 || "(+=:,/[{".includes(token[at - 1]!)) && reachedBy(token.slice(at, end)) !== undefined) {
      let next = end;
      while (next < token.length && !isDigit(token[next]!) && !isLetter(token[next]!)) next++;
      let last = next;
      while (last < token.length && isDigit(token[last]!)) last++;
      if (next > end && last - next >= LEAST_IN_TEXT) return token.slice(0, next) + maskDigits(token, next, token.length);
    }
    at = end;
  }
  return token;
}

/** `pin=1234`, `guestPin:1234`. */
function maskPinWord(token: string): string {
  const word = token.toLowerCase().indexOf("pin");
  if (word < 0) return token;
  const next = token[word + 3] ?? "";
  return next === "=" || next === ":" || isDigit(next) ? token.slice(0, word) + maskDigits(token, word, token.length) : token;
}
