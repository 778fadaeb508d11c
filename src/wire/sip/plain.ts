/**
 * A message as an application is given it: written anew from what this parser has read, so that whoever reads it next reads the same.
 * Long names, no folding, no runs of white space, addresses, Via, CSeq and Content-Type from their parsed form, one field where there may be
 * one only, and no field larger than the application's readers are meant for. What cannot be read is left out; `objection` says what a
 * request is refused for before it comes to that.
 */
import type { Problem } from "./check.ts";
import { parseCSeq } from "./fields.ts";
import { headerSpelling, isKnownHeader, singleFields } from "./header-names.ts";
import type { SipMessage, SipMessageBase } from "./message.ts";
import { formatNameAddr, tryParseNameAddr } from "./name-addr.ts";
import { type Params, isToken, parseParams, skipQuoted, splitList } from "./text.ts";
import { tryParseUri } from "./uri.ts";
import { formatVia, tryParseVia } from "./via.ts";

/** A field of a message in its plain form. */
export interface PlainField {
  /** Lower-case long name. */
  readonly key: string;
  /** Name in its usual spelling. */
  readonly name: string;
  /** One line, bounded; a byte string. */
  readonly value: string;
}

/** Bounds, in bytes. */
export const plainLimits = {
  /** A Request-URI. */
  uri: 2_048,
  /** A field line, but for the following. */
  field: 2_048,
  /** Credentials and challenges: several algorithms, or a ticket. */
  credentials: 4_096,
  /** Fields that each hop or each diversion adds to, and signed identities (RFC 8224). */
  chain: 8_192,
  /** A field's name. */
  name: 64,
  /** Call-ID, and each tag. */
  identifier: 256,
  /** All that precedes the body, unless the sender's certificate is verified. */
  head: 16_384,
  /** A datagram. */
  datagram: 16_384,
  /** Fields of names that mean nothing to us: how many lines, and how much in all. */
  unknownFields: 48,
  unknownBytes: 8_192,
  /** Parameters of one address or Via. */
  params: 32,
} as const;

const chains = new Set(["via", "route", "record-route", "path", "service-route", "contact", "history-info", "diversion", "identity"]);
const credentials = new Set(["authorization", "proxy-authorization", "www-authenticate", "proxy-authenticate", "authentication-info"]);
const address = new Set(["from", "to", "refer-to", "referred-by", "reply-to"]);
const addresses = new Set([
  "contact",
  "route",
  "record-route",
  "path",
  "service-route",
  "p-asserted-identity",
  "p-preferred-identity",
  "remote-party-id",
  "diversion",
  "history-info",
]);
/** What somebody tells of the caller; nothing is decided by it, and the text is better than nothing. */
const told = new Set(["p-asserted-identity", "p-preferred-identity", "remote-party-id", "diversion", "history-info"]);
/** Of these there is one in a message, besides those that `checkMessage` refuses twice. */
const once = new Set([...singleFields, "replaces", "referred-by", "target-dialog", "join", "reply-to", "subscription-state", "user-agent"]);
const neededInResponses = new Set(["via", "from", "to", "cseq"]);
const neededInRequests = new Set([
  ...neededInResponses,
  "contact",
  "route",
  "record-route",
  "refer-to",
  "content-type",
  "require",
  "proxy-require",
]);
/** What a dialog is made of, besides. */
const neededInDialogs = new Set([...neededInResponses, "contact", "record-route"]);
/** Two of these contradict each other about another call (RFC 3891 section 3, RFC 3892, RFC 3911, RFC 4538). */
const contradicting = new Set(["replaces", "referred-by", "target-dialog", "join"]);
/** How the names of fields begin that this gateway's parts use among each other (lower case): an application is given none from the network. */
export const OWN_NAMES = "x-crosspoint-";

/** The most that a line of the field may hold. */
function limitOf(key: string): number {
  return chains.has(key) ? plainLimits.chain : credentials.has(key) ? plainLimits.credentials : plainLimits.field;
}

/** Is it a field name that every reader reads alike: a token without escapes, of a bounded length? */
export function isPlainName(name: string): boolean {
  return name.length <= plainLimits.name && isToken(name) && !name.includes("%");
}

/** Fields of a message in order, in plain form, without Content-Length (the body says it). */
export function plainFields(message: SipMessageBase): PlainField[] {
  const out: PlainField[] = [];
  const seen = new Set<string>();
  let unknown = 0;
  let unknownBytes = 0;
  for (const { key, name, value } of message.headers) {
    if (key === "content-length" || !isPlainName(name) || key.startsWith(OWN_NAMES) || (once.has(key) && seen.has(key))) continue;
    if (value.length > limitOf(key)) continue;
    const known = isKnownHeader(key);
    if (!known && (++unknown > plainLimits.unknownFields || (unknownBytes += value.length) > plainLimits.unknownBytes)) continue;
    const plain = plainValue(key, value);
    if (plain === undefined) continue;
    seen.add(key);
    out.push({ key, name: known ? headerSpelling(key) : name, value: plain });
  }
  return out;
}

/** The message in plain form, as a byte string. */
export function plainText(message: SipMessage): string {
  let text = `${oneLine(message.startLine)}\r\n`;
  for (const { name, value } of plainFields(message)) text += `${name}: ${value}\r\n`;
  text += `Content-Length: ${message.body.length}\r\n\r\n`;
  return message.body.length === 0 ? text : text + message.body.toString("latin1");
}

/**
 * Why a message from the network is not for an application: a request is refused with the problem's status, a response dropped. To be asked
 * after `checkMessage`. `verified` is a sender known by its certificate.
 */
export function objection(message: SipMessage, from: { readonly datagram: boolean; readonly verified: boolean }): Problem | undefined {
  if (from.datagram && message.size > plainLimits.datagram) return { status: 513, reason: "Message Too Large" };
  if (!from.verified && message.size - message.body.length > plainLimits.head) return { status: 513, reason: "Message Too Large" };
  if (!isIdentifier(message.callId)) return bad("malformed Call-ID");
  for (const tag of [message.fromTag, message.toTag]) if (tag !== "" && !(isIdentifier(tag) && isWord(tag))) return bad("malformed tag");
  if (message.kind === "response") return unreadable(message);
  if (message.method.length > plainLimits.name || message.method.includes("%")) return { status: 501, reason: "Not Implemented" };
  if (message.uri.length > plainLimits.uri) return { status: 414, reason: "Request-URI Too Long" };
  if (hasControl(message.uri)) return bad("malformed Request-URI");
  const seen = new Set<string>();
  for (const { key, name, value } of message.headers) {
    if (!isPlainName(name)) return bad("a field name that is no plain token");
    if (isBroken(value)) return bad(`control characters in ${headerSpelling(name)}`);
    if (!isKnownHeader(key)) continue;
    if (value.length > limitOf(key)) return bad(`${headerSpelling(name)} too long`);
    if (contradicting.has(key) && seen.has(key)) return bad(`more than one ${headerSpelling(name)}`);
    seen.add(key);
  }
  return unreadable(message);
}

/** The first field that has to be understood and cannot be. Where a response does not make a dialog its Contact is of no account. */
function unreadable(message: SipMessage): Problem | undefined {
  const needed = message.kind === "request" ? neededInRequests : message.status < 300 ? neededInDialogs : neededInResponses;
  for (const { key, value } of message.headers) {
    if (message.kind === "response" && isBroken(value) && isKnownHeader(key)) return bad(`control characters in ${headerSpelling(key)}`);
    if (needed.has(key) && (value.length > limitOf(key) || plainValue(key, value) === undefined))
      return bad(`malformed ${headerSpelling(key)}`);
  }
  return undefined;
}

function bad(what: string): Problem {
  return { status: 400, reason: `Bad Request - ${what}` };
}

/** The value of one line in plain form, or undefined where it cannot be read as what it is to be. */
function plainValue(key: string, value: string): string | undefined {
  if (address.has(key)) return plainAddress(value);
  if (addresses.has(key) && !(key === "contact" && value === "*")) {
    const list = listOf(value, plainAddress);
    if (list !== undefined || !told.has(key) || isBroken(value)) return list;
    const text = tidy(value);
    return text === "" ? undefined : (listOf(text, plainAddress) ?? text);
  }
  switch (key) {
    case "via":
      return listOf(value, (one) => {
        const via = tryParseVia(one);
        return via && formatVia({ ...via, params: plainParams(via.params) });
      });
    case "cseq": {
      const cseq = parseCSeq(value);
      return cseq && `${cseq.seq} ${cseq.method}`;
    }
    case "content-type":
      return plainType(value);
    case "require":
    case "proxy-require": {
      const tags = elements(value);
      return tags.every(isToken) ? tags.join(", ") : undefined;
    }
    case "supported":
    case "unsupported":
    case "allow":
      return elements(value).filter(isToken).join(", ");
    default:
      return isBroken(value) ? undefined : tidy(value);
  }
}

function elements(value: string): string[] {
  return splitList(value).filter((element) => element !== "");
}

function listOf(value: string, one: (text: string) => string | undefined): string | undefined {
  const out: string[] = [];
  for (const element of splitList(value)) {
    const text = one(element);
    if (text === undefined) return undefined;
    out.push(text);
  }
  return out.join(", ");
}

function plainAddress(value: string): string | undefined {
  const given = tryParseNameAddr(value);
  if (given === undefined || hasControl(given.uriText) || tryParseUri(given.uriText) === undefined) return undefined;
  const name = given.name === undefined ? undefined : oneLine(given.name);
  return formatNameAddr({ name, uriText: given.uriText, params: plainParams(given.params) });
}

function plainType(value: string): string | undefined {
  const semi = value.indexOf(";");
  const type = (semi < 0 ? value : value.slice(0, semi)).trim().toLowerCase();
  const slash = type.indexOf("/");
  const [main, sub] = [type.slice(0, slash).trim(), type.slice(slash + 1).trim()];
  if (slash < 0 || !isToken(main) || !isToken(sub)) return undefined;
  let text = `${main}/${sub}`;
  if (semi < 0) return text;
  for (const [name, given] of plainParams(parseParams(value, semi).params)) text += given === null ? `;${name}` : `;${name}=${given}`;
  return text;
}

/** The parameters that are of the grammar: a token, with nothing, a word or a whole quoted string after it. */
function plainParams(given: Params): Params {
  const params: Params = new Map();
  for (const [name, value] of given) {
    if (params.size >= plainLimits.params) break;
    if (!isToken(name) || name.length > plainLimits.name) continue;
    if (value === null || isWord(value)) params.set(name, value);
    else if (value.charCodeAt(0) === 0x22 && skipQuoted(value, 0) === value.length) params.set(name, oneLine(value));
  }
  return params;
}

/** Visible ASCII without what separates parameters and addresses; more than a token, since hosts and many a tag are no tokens. */
function isWord(text: string): boolean {
  if (text === "") return false;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c <= 0x20 || c >= 0x7f || c === 0x22 || c === 0x2c || c === 0x3b || c === 0x3c || c === 0x3e) return false;
  }
  return true;
}

/** Fit for a key of a table and for a frame's leader, which `|` separates. */
function isIdentifier(text: string): boolean {
  if (text === "" || text.length > plainLimits.identifier) return false;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c <= 0x20 || c >= 0x7f || c === 0x7c) return false;
  }
  return true;
}

function hasControl(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) < 0x20 || text.charCodeAt(i) === 0x7f) return true;
  return false;
}

/** A control character that is not escaped as in a quoted string (RFC 3261 section 25.1 allows them there, but no line ends). */
function isBroken(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 0x0a || c === 0x0d || ((c === 0x7f || (c < 0x20 && c !== 0x09)) && text.charCodeAt(i - 1) !== 0x5c)) return true;
  }
  return false;
}

/** Control characters out: a display name, a reason phrase. */
function oneLine(text: string): string {
  if (!hasControl(text)) return text;
  let out = "";
  for (const c of text) out += c < " " || c === "\x7f" ? " " : c;
  return out;
}

/** White space and control characters outside quoted strings are one space, and none at the ends. */
export function tidy(text: string): string {
  let out = "";
  let from = 0;
  let gap = false;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c > 0x20 && c !== 0x7f) {
      if (gap && out !== "") out += " ";
      gap = false;
      from = i;
      if (c === 0x22) {
        const end = skipQuoted(text, i);
        i = (end < 0 ? text.length : end) - 1;
      } else while (i + 1 < text.length && isPlain(text.charCodeAt(i + 1))) i++;
      out += c === 0x22 ? oneLine(text.slice(from, i + 1)) : text.slice(from, i + 1);
    } else gap = true;
  }
  // A quoted string that does not end may end in white space.
  let end = out.length;
  while (out.charCodeAt(end - 1) === 0x20) end--;
  return out.slice(0, end);
}

function isPlain(c: number): boolean {
  return c > 0x20 && c !== 0x7f && c !== 0x22;
}
