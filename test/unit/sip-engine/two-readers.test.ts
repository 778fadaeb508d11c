/**
 * The engine reads a message, and drachtio-srf in the gateway reads what the engine hands on: both must have read the same in everything that
 * decides anything, whatever a stranger wrote. 100,000 damaged messages, or MUTATIONS of them by hand.
 */
import { createRequire } from "node:module";
import { expect, test } from "vitest";
import { ParseError } from "../../../src/base/errors.ts";
import { installReader } from "../../../src/legs/sip/srf-reader.ts";
import {
  checkMessage,
  isToken,
  objection,
  parseAuth,
  parseMessage,
  parseSeconds,
  parseValueParams,
  plainText,
  splitList,
  type SipMessage,
  tidy,
  tryParseNameAddr,
  utf8,
} from "../../../src/wire/sip/index.ts";
import { FUZZ_TIMEOUT, MUTATIONS, mutate, random } from "../../support/mutate.ts";
import { torture } from "../wire/sip/rfc4475.ts";

interface Address {
  readonly uri: string;
  readonly params: Readonly<Record<string, string | undefined>>;
}
interface SrfMessage {
  readonly type: string;
  readonly method?: string;
  readonly uri?: string;
  readonly status?: number;
  readonly body?: string;
  readonly headers: Readonly<Record<string, string>>;
  get(name: string): string | undefined;
  has(name: string): boolean;
  getParsedHeader(name: string): unknown;
}
interface SrfParser {
  parseSipMessage(
    text: string,
    lazy: true,
  ): { method?: string; status?: number; body?: string; headers: Record<string, string> } | undefined;
}

const require = createRequire(import.meta.url);
/** drachtio-srf's parser as it came, which other applications of the engine have. */
const original: SrfParser = { ...(require("drachtio-srf/lib/sip-parser/parser.js") as SrfParser) };
installReader(require);
const SrfMessageClass = require("drachtio-srf/lib/sip-parser/message.js") as new (text: string) => SrfMessage;

const COUNT = Math.max(100_000, MUTATIONS);

const from = { datagram: true, verified: false };
const common = [
  "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa;rport",
  "Via: SIP/2.0/TLS proxy.example;branch=z9hG4bKb, SIP/2.0/TCP [2001:db8::1]:5062;branch=z9hG4bKc",
  'From: "A \\"b\\" c" <sip:alice@a.example;user=phone>;tag=from-1;x="a;tag=no"',
  "To: Bob B <sip:2000@gw.example>;tag=to-1",
  "Call-ID: a84b4c76e66710@pc33",
];
const rest = [
  'Contact: "A, b" <sip:alice@192.0.2.1:5060;transport=tcp>;expires=60, <sip:b@192.0.2.2>',
  "Max-Forwards: 70",
  "Route: <sip:gw.example;lr>, <sip:other.example;lr>",
  "Record-Route: <sip:p.example;lr>",
  "Supported: timer, 100rel",
  "Require: 100rel",
  "Session-Expires: 1800;refresher=uac",
  "Replaces: other@call;to-tag=1;from-tag=2;early-only",
  "Refer-To: <sip:carol@c.example?Replaces=a%40b%3Bto-tag%3D1>",
  "Referred-By: <sip:dave@d.example>",
  'P-Asserted-Identity: "P" <sip:+49123@carrier.example>, <tel:+49123>',
  'Authorization: Digest username="alice", realm="gw , x", nonce="n=1", uri="sip:gw.example", response="0123", qop=auth, nc=00000001, cnonce="c"',
  "X-Custom: value",
  "Content-Type: application/sdp ; charset=utf-8",
];
const body = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n\r\ns=-\r\n";
const whole = (start: string, cseq: string): Buffer =>
  Buffer.from(`${[start, ...common, `CSeq: ${cseq}`, ...rest, `Content-Length: ${body.length}`].join("\r\n")}\r\n\r\n${body}`, "latin1");
const methods = ["INVITE", "REGISTER", "OPTIONS", "REFER", "BYE", "ACK", "CANCEL", "PRACK", "INFO", "MESSAGE", "UPDATE", "NOTIFY"];
const seeds = [
  ...methods.map((method) => whole(`${method} sip:2000*1@gw.example;x=y SIP/2.0`, `17 ${method}`)),
  ...[180, 200, 401, 503].map((status) => whole(`SIP/2.0 ${status} A reason`, "17 INVITE")),
  ...Object.values(torture).map((text) => Buffer.from(text, "latin1")),
];

const names =
  /^(Via|From|To|Call-ID|CSeq|Contact|Route|Supported|Require|Session-Expires|Replaces|Refer-To|Authorization|Content-Type|Content-Length)(?=:)/i;
const compact: Record<string, string> = {
  via: "v", from: "f", to: "t", "call-id": "i", contact: "m", supported: "k", "session-expires": "x", "refer-to": "r", "content-type": "c",
  "content-length": "l",
}; // biome-ignore format: a table

/** Damage that knows where a field begins: other spellings, copies, folds, smuggled fields. */
function respell(data: Buffer, next: () => number): Buffer {
  const lines = data.toString("latin1").split("\r\n");
  const pick = <T>(all: readonly T[]): T => all[Math.floor(next() * all.length)]!;
  const end = Math.max(2, lines.indexOf(""));
  const at = 1 + Math.floor(next() * (end - 1));
  const line = lines[at] ?? "";
  const name = names.exec(line)?.[0] ?? line.split(":", 1)[0]!;
  const value = line.slice(name.length + 1);
  const hex = (c: string) => `%${c.charCodeAt(0).toString(16)}`;
  const letter = Math.floor(next() * name.length);
  switch (Math.floor(next() * 9)) {
    case 0:
      lines[at] = `${name.slice(0, letter)}${hex(name[letter] ?? "x")}${name.slice(letter + 1)}:${value}`;
      break;
    case 1:
      lines[at] = `${compact[name.toLowerCase()] ?? name.toUpperCase()}${pick(["", " ", "\t", "  "])}:${value}`;
      break;
    case 2:
      lines.splice(
        at,
        0,
        `${pick([name, name.toLowerCase(), compact[name.toLowerCase()] ?? name])}: ${pick(["<sip:evil@e.example>;tag=evil", "0", "evil", "*", ""])}`,
      );
      break;
    case 3:
      lines[at] = line.replace(pick([" ", ";", ",", ":"]), (c) => `${c}${pick(["\r\n ", "\r\n\t  ", "\n", "\r", "  \t "])}`);
      break;
    case 4:
      lines.splice(
        at,
        0,
        `${pick(["X-Crosspoint-Peer", "%58-Crosspoint-Peer", "X-Crosspoint-Pee%72", "x-crosspoint-peer", "__proto__", "constructor", "X-Crosspoint-Peer\0"])}: verified=1`,
      );
      break;
    case 5:
      lines[at] = `${name}:${value};tag=${pick(["evil", '"evil', "a|b", "", "x[", "e\xa0"])}`;
      break;
    case 6:
      lines[at] = `${name}:${value.replace(/[<>";,]/, () => pick(["<", ">", '"', ";", ",", "\\", ""]))}`;
      break;
    case 7:
      lines[0] = lines[0]!.replace(/[A-Z2]/, hex);
      break;
    default:
      lines.push(pick(["", "Call-ID: evil", "\r\n\r\nCall-ID: evil"]));
  }
  return Buffer.from(lines.join("\r\n"), "latin1");
}

/** What the engine has read, by the names the application's reader has for it. */
function decided(message: SipMessage): Record<string, unknown> {
  const { topVia: via, contact } = message;
  const firstContact = message.list("contact")[0];
  const expires = message.get("session-expires");
  return {
    method: message.kind === "request" ? message.method : undefined,
    uri: message.kind === "request" ? utf8(message.uri) : undefined,
    status: message.kind === "response" ? message.status : undefined,
    callId: message.callId,
    from: [utf8(message.from!.uriText), message.fromTag],
    to: [utf8(message.to!.uriText), message.toTag],
    cseq: [message.cseq!.seq, message.cseq!.method],
    via: [via!.transport, via!.host, via!.port, word(via!.params.get("branch"))],
    contact:
      message.kind === "response" && message.status >= 300
        ? undefined
        : contact === undefined
          ? firstContact === "*"
            ? "*"
            : undefined
          : utf8(contact.uriText),
    route: utf8(tryParseNameAddr(message.list("route")[0] ?? "")?.uriText ?? ""),
    body: message.body.toString("utf8"),
    // white space around the slash is the grammar's (SLASH)
    type: message.contentType.replace(/[ \t]/g, ""),
    credentials: words(message.getAll("authorization").map(tidy).join(",")),
    require: tags(message.list("require")),
    supported: tags(message.list("supported")),
    session: [parseSeconds(expires), refresher(expires)],
    referTo: utf8(tryParseNameAddr(message.get("refer-to") ?? "")?.uriText ?? ""),
    replaces: utf8(tidy(message.get("replaces") ?? "")),
  };
}

/** A branch that is of the grammar; another is the engine's to match transactions by, and no application's. */
function word(branch: string | null | undefined): string | undefined {
  return /^[!#-+\--:=?-~]+$|^"[^"\\]*"$/.test(branch ?? "") ? branch! : undefined;
}

/** Option tags (RFC 3261 section 19.2): what is no token asks for nothing. */
function tags(list: readonly string[]): string[] {
  return list.map((tag) => tag.trim().toLowerCase()).filter(isToken);
}

function refresher(expires: string | undefined): string | undefined {
  const value = parseValueParams(expires ?? "")
    .params.get("refresher")
    ?.toLowerCase();
  return value === "uac" || value === "uas" ? value : undefined;
}

function words(credentials: string): unknown {
  const read = parseAuth(utf8(credentials));
  return read && [read.scheme, [...read.params]];
}

/** The same as the application has it. */
function seen(message: SrfMessage): Record<string, unknown> {
  const address = (name: string): [string, string] => {
    const { uri, params } = message.getParsedHeader(name) as Address;
    return [uri, params["tag"] ?? ""];
  };
  const list = (name: string) => tags((message.get(name) ?? "").split(","));
  const first = <T>(name: string): T | undefined => (message.has(name) ? (message.getParsedHeader(name) as T[])[0] : undefined);
  const cseq = message.getParsedHeader("cseq") as { seq: number; method: string };
  const via = first<{ protocol: string; host: string; port?: number; params: Record<string, string> }>("via")!;
  const expires = message.get("Session-Expires");
  const type = message.get("Content-Type") ?? "";
  return {
    method: message.method,
    uri: message.uri,
    status: message.status,
    callId: message.get("Call-ID"),
    from: address("from"),
    to: address("to"),
    cseq: [cseq.seq, cseq.method],
    via: [via.protocol, via.host, via.port, via.params["branch"]],
    contact: (message.status ?? 0) >= 300 ? undefined : first<Address>("contact")?.uri,
    route: tryParseNameAddr(splitList(message.get("Route") ?? "")[0]!)?.uriText ?? "",
    body: message.body,
    type: type.split(";", 1)[0],
    credentials: words(message.get("Authorization") ?? ""),
    require: list("Require"),
    supported: list("Supported"),
    session: [parseSeconds(expires), refresher(expires)],
    referTo: message.has("refer-to") ? (message.getParsedHeader("refer-to") as Address).uri : "",
    replaces: message.get("Replaces") ?? "",
  };
}

test(`${COUNT} damaged messages are read alike by the engine and by the application`, { timeout: 3 * FUZZ_TIMEOUT + COUNT }, () => {
  const next = random(58);
  let taken = 0;
  for (let i = 0; i < COUNT; i++) {
    let data = seeds[i % seeds.length]!;
    for (let times = Math.floor(next() * 2); times >= 0; times--) data = next() < 0.7 ? respell(data, next) : mutate(data, next);
    let message: SipMessage;
    try {
      message = parseMessage(data);
    } catch (error) {
      if (error instanceof ParseError) continue;
      throw error;
    }
    // what would be refused is looked at too: an ACK is not
    const text = plainText(message);
    const heard = Buffer.from(text, "latin1").toString("utf8");
    expect(plainText(parseMessage(Buffer.from(text, "latin1")))).toBe(text);
    if (checkMessage(message) !== undefined || objection(message, from) !== undefined) continue;
    taken++;
    const app = new SrfMessageClass(heard);
    const wanted = decided(message);
    const got = seen(app);
    // in a response nobody is sent anywhere by these
    if (message.kind === "response") for (const one of [wanted, got]) for (const name of ["referTo", "route", "type"]) delete one[name];
    // compared as text first: a million calls of `expect` take minutes
    if (JSON.stringify(got) !== JSON.stringify(wanted)) expect(got, JSON.stringify(data.toString("latin1"))).toEqual(wanted);
    for (const name of Object.keys(app.headers)) if (/%|^x-crosspoint-/i.test(name)) throw new Error(`the application sees ${name}`);
    const plain = original.parseSipMessage(heard, true);
    if (plain === undefined || heard.includes("\ufffd")) continue;
    const theirs = [plain.method, plain.status, plain.headers["call-id"], plain.body ?? ""];
    if (JSON.stringify(theirs) !== JSON.stringify([wanted["method"], wanted["status"], wanted["callId"], wanted["body"]]))
      expect(theirs, JSON.stringify(data.toString("latin1"))).toEqual([
        wanted["method"],
        wanted["status"],
        wanted["callId"],
        wanted["body"],
      ]);
  }
  expect(taken).toBeGreaterThan(COUNT * 0.1);
});
