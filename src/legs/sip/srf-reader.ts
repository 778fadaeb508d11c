/**
 * What drachtio-srf reads messages with, in the place of its own parser: this project's, whose work grows with a message's length and no
 * faster. Its own unescapes field names, joins what is one field, and backtracks for seconds over a line of 3 kB; with drachtio-server as
 * engine it gets what the network wrote. Here a message is read as `wire/sip` reads it, in its plain form and bounded (`plainFields`).
 * The shapes returned are drachtio-srf's.
 */
import { ParseError } from "../../base/errors.ts";
import {
  headerKey,
  type Params,
  parseCSeq,
  parseMessage,
  parseParams,
  plainFields,
  plainLimits,
  skipQuoted,
  splitList,
  tryParseNameAddr,
  tryParseUri,
  tryParseVia,
  unquote,
  utf8,
} from "../../wire/sip/index.ts";

/** The text a parser of one field is given. */
interface Cursor {
  readonly s: string;
}
type Words = Record<string, string | undefined>;

/** drachtio-srf's name for a field: as written where it is private, else in lower case and long. */
export function getHeaderName(name: string): string {
  const kept = process.env["DRACHTIO_PRESERVE_HEADER_NAMES"];
  if (kept?.split(",").some((one) => one.trim() === name)) return name;
  const asWritten = name.startsWith("X-") || (name.startsWith("P-") && !name.startsWith("P-Asserted")) || name === "Diversion";
  return asWritten ? name : headerKey(name);
}

interface Read {
  version: string;
  method?: string;
  uri?: string;
  status?: number;
  reason?: string;
  headers: Record<string, unknown>;
  body: string;
  payload: { type: string | null | undefined; content: string | undefined }[];
}

/** A message, or undefined where there is none in the text. `lazy`: fields stay text, joined by commas where there are several of a name. */
export function parseSipMessage(text: string | Buffer, lazy?: boolean): Read | undefined {
  let message: ReturnType<typeof parseMessage>;
  // drachtio-srf hands on decoded text. A body that was no UTF-8 has other bytes now than were counted; it ends where the frame does.
  const ignoreLength = typeof text === "string" && text.includes("\ufffd");
  try {
    message = parseMessage(typeof text === "string" ? Buffer.from(text, "utf8") : text, { ignoreLength });
  } catch (error) {
    if (error instanceof ParseError) return undefined;
    throw error;
  }
  // No prototype: a field may be called `constructor`.
  const headers: Record<string, string> = Object.create(null) as Record<string, string>;
  const spelling = new Map<string, string>();
  for (const { key, name, value } of plainFields(message)) {
    const named = spelling.get(key) ?? getHeaderName(name);
    spelling.set(key, named);
    const before = headers[named];
    headers[named] = before === undefined ? utf8(value) : `${before},${utf8(value)}`;
  }
  const body = message.body.toString("utf8");
  if (message.has("content-length")) headers["content-length"] = String(message.body.length);
  const read: Record<string, unknown> = {};
  if (lazy !== true) for (const [name, value] of Object.entries(headers)) read[name] = getParser(name)({ s: value });
  const rest = { headers: lazy === true ? headers : read, body, payload: payloadOf(headers["content-type"], body) };
  if (message.kind === "response") return { version: "2.0", status: message.status, reason: utf8(message.reason), ...rest };
  return { version: message.version.slice(4), method: message.method, uri: utf8(message.uri), ...rest };
}

/** Parts of a multipart body (RFC 2046 section 5.1) as drachtio-srf has them; the whole body is the one part of any other. */
function payloadOf(type: string | undefined, body: string): Read["payload"] {
  const whole = [{ type, content: body }];
  if (type === undefined || !type.toLowerCase().startsWith("multipart/")) return whole;
  const semi = type.indexOf(";");
  const boundary = semi < 0 ? "" : unquote(parseParams(type, semi).params.get("boundary") ?? "");
  if (boundary === "" || boundary.length > 70) return whole;
  const segments = body.split(`--${boundary}\r\n`, 33);
  if (segments[0] === "") segments.shift();
  return segments.map((segment) => {
    const [head = "", content] = segment.split("\r\n\r\n", 2);
    const line = head.split("\r\n", 64).find((one) => one.slice(0, 13).toLowerCase() === "content-type:");
    return { type: line === undefined ? null : line.slice(13).trim(), content };
  });
}

// ── fields ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

const parsers: Readonly<Record<string, (field: Cursor) => unknown>> = {
  to: readAddress,
  from: readAddress,
  "refer-to": readAddress,
  "referred-by": readAddress,
  "p-asserted-identity": readAddress,
  "remote-party-id": readAddress,
  contact: ({ s }) => splitList(s).map((one) => readAddress({ s: one })),
  route: readRoutes,
  "record-route": readRoutes,
  path: readRoutes,
  via: ({ s }) => splitList(s).flatMap(readVia),
  cseq: ({ s }) => parseCSeq(s) ?? { seq: 0, method: "" },
  "content-length": ({ s }) => Number(s),
  "www-authenticate": readCredentials,
  "proxy-authenticate": readCredentials,
  authorization: readCredentials,
  "proxy-authorization": readCredentials,
  "authentication-info": ({ s }) => readWords(s)[0] ?? {},
};

/** The parser of a field by its lower-case name; the text itself where there is none. */
export function getParser(name: string): (field: Cursor) => unknown {
  return (Object.hasOwn(parsers, name) ? parsers[name] : undefined) ?? (({ s }) => s);
}

function readAddress({ s }: Cursor): { name: string | undefined; uri: string; params: Words } {
  const [first = ""] = splitList(s.trim());
  const address = tryParseNameAddr(first);
  if (address === undefined) return { name: undefined, uri: first === "*" ? first : "", params: {} };
  return { name: address.name === undefined ? undefined : nameAsWritten(first), uri: address.uriText, params: wordsOf(address.params) };
}

/** With its quotes, as drachtio-srf has it. */
function nameAsWritten(text: string): string {
  return text.startsWith('"') ? text.slice(0, skipQuoted(text, 0)) : text.slice(0, text.indexOf("<")).trim();
}

function wordsOf(params: Params): Words {
  const words: Words = {};
  for (const [name, value] of params) if (name !== "__proto__") words[name] = value ?? undefined;
  return words;
}

function readRoutes({ s }: Cursor): unknown[] {
  return splitList(s).map((one) => {
    const address = readAddress({ s: one });
    return { ...address, uri: parseUri(address.uri) };
  });
}

function readVia(text: string): unknown[] {
  const via = tryParseVia(text);
  return via === undefined
    ? []
    : [{ version: "2.0", protocol: via.transport, host: via.host, port: via.port, params: wordsOf(via.params) }];
}

function readCredentials({ s }: Cursor): Words[] {
  return readWords(s).filter(({ scheme }) => scheme !== undefined);
}

/**
 * Challenges and credentials (RFC 3261 section 25.1, several of them separated by commas like their own parameters): a word without `=` is a
 * scheme and begins the next; what stands before any scheme is of one without. Values as written.
 */
function readWords(s: string): Words[] {
  const all: Words[] = [];
  let i = 0;
  while (i < s.length) {
    const start = skip(s, i, " \t,");
    let end = start;
    while (end < s.length && !' \t,="'.includes(s[end]!)) end++;
    const word = s.slice(start, end);
    i = skip(s, end, " \t");
    if (s[i] !== "=") {
      if (word !== "") all.push({ scheme: word });
      // neither a word nor its value: step over it
      i = Math.max(i, start + 1);
      continue;
    }
    const from = skip(s, i + 1, " \t");
    i = from;
    if (s[from] === '"') {
      i = skipQuoted(s, from);
      if (i < 0) return all;
    } else while (i < s.length && !" \t,".includes(s[i]!)) i++;
    if (all.length === 0) all.push({});
    const into = all.at(-1)!;
    if (word !== "" && word !== "__proto__" && word !== "scheme" && !Object.hasOwn(into, word)) into[word] = s.slice(from, i);
  }
  return all;
}

function skip(s: string, from: number, blanks: string): number {
  let i = from;
  while (i < s.length && blanks.includes(s[i]!)) i++;
  return i;
}

// ── URIs, numbers and names ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** A URI taken apart as drachtio-srf does it: undefined where it is none, `port` NaN where it names none. */
export function parseUri(text: unknown): unknown {
  if (typeof text !== "string") return text;
  const bare = text.trim();
  const uri =
    bare.length > plainLimits.chain ? undefined : tryParseUri(bare.startsWith("<") && bare.endsWith(">") ? bare.slice(1, -1) : bare);
  if (uri === undefined) return undefined;
  const params: Record<string, string | null> = {};
  for (const [name, value] of uri.params) if (name !== "__proto__") params[name] = value === "" ? null : value;
  if (uri.scheme === "tel") return { scheme: "tel", number: uri.user, context: params["phone-context"] ?? null, params };
  if (uri.scheme !== "sip" && uri.scheme !== "sips") return undefined;
  const headers: Record<string, string> = {};
  for (const header of (uri.headers ?? "").split("&", plainLimits.params)) {
    const equals = header.indexOf("=");
    const name = header.slice(0, equals);
    if (equals > 0 && name !== "__proto__") headers[name] = header.slice(equals + 1);
  }
  const { scheme, user, password, host, port = Number.NaN } = uri;
  return { family: host.startsWith("[") ? "ipv6" : "ipv4", scheme, user, password, host, port, params, headers };
}

/** A message of drachtio-srf, as far as names and numbers are read from it. */
interface Fields {
  readonly uri: string | undefined;
  has(name: string): boolean;
  get(name: string): string | undefined;
}

/** Addresses of P-Asserted-Identity where there is one, else From. */
function callers(message: Fields): { name: string | undefined; user: string }[] {
  return splitList(identityOf(message)).flatMap((one) => {
    const address = tryParseNameAddr(one);
    const uri = tryParseUri(address?.uriText ?? "");
    const sip = uri !== undefined && uri.scheme !== "tel" && uri.host !== "" && uri.user !== undefined;
    return sip ? [{ name: address!.name, user: uri.user! }] : [];
  });
}

export function callingNumber(message: Fields): string {
  const caller = callers(message)[0]?.user ?? userIn(identityOf(message));
  return caller.split(";", 1)[0] ?? "";
}

/** What stands between `sip:` and `@` in a text that is no address. */
function userIn(text: string): string {
  const scheme = text.indexOf("sip");
  const colon = scheme < 0 ? -1 : text.indexOf(":", scheme);
  const at = text.indexOf("@", colon);
  const named = colon === scheme + 3 || (colon === scheme + 4 && text[scheme + 3] === "s");
  return colon < 0 || at < 0 || !named ? "" : text.slice(colon + 1, at);
}

function identityOf(message: Fields): string {
  return (message.has("p-asserted-identity") ? message.get("p-asserted-identity") : message.get("from")) ?? "";
}

export function callingName(message: Fields): string {
  return callers(message).find(({ name }) => name !== undefined && name !== "")?.name ?? "";
}

export function calledNumber({ uri }: Fields): string {
  const parsed = tryParseUri(uri ?? "");
  return parsed === undefined || parsed.scheme === "tel" ? "" : (parsed.user?.split(";", 1)[0] ?? "");
}

/** The parameters of the first Digest challenge, unquoted (drachtio-srf answers one). */
export function parseChallenge(text: unknown): Record<string, string> {
  const found = typeof text === "string" ? readWords(text).find(({ scheme }) => scheme?.toLowerCase() === "digest") : undefined;
  const params: Record<string, string> = {};
  for (const [name, value] of Object.entries(found ?? {})) if (name !== "scheme" && value !== undefined) params[name] = unquote(value);
  return params;
}

// ── installing ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

interface MessageClass {
  parseUri: unknown;
  readonly prototype: Fields & object;
}

/**
 * Puts all this in drachtio-srf's place. Before anything else of the package is loaded: its dialogs keep the parser they find.
 * @param load a `require` that finds drachtio-srf
 */
export function installReader(load: (name: string) => unknown): void {
  const parser = load("drachtio-srf/lib/sip-parser/parser.js") as Record<string, unknown>;
  Object.assign(parser, { parseSipMessage, parseUri, getParser, getHeaderName });
  const message = load("drachtio-srf/lib/sip-parser/message.js") as MessageClass;
  message.parseUri = parseUri;
  const getter = (read: (message: Fields) => string): PropertyDescriptor => ({
    configurable: true,
    get(this: Fields) {
      return read(this);
    },
  });
  Object.defineProperties(message.prototype, {
    callingNumber: getter(callingNumber),
    callingName: getter(callingName),
    calledNumber: getter(calledNumber),
  });
  const digest = load("drachtio-srf/lib/digest-client.js") as { readonly prototype: Record<string, unknown> };
  digest.prototype["_parseChallenge"] = parseChallenge;
}
