/** Header fields of SIP (and of parts of its bodies) as a trace shows them, each by its name. A field that is not known here is shown by name and length alone. */
import { maskText } from "../base/pin-mask.ts";
import { type HeaderField, headerSpelling, isToken, parseAuth, splitList, tryParseVia, utf8 } from "../wire/sip/index.ts";
import { parseValueParams } from "../wire/sip/index.ts";
import { maskAddresses, maskParams, maskUri } from "./mask-uri.ts";
import { MASKED, maskedBytes, printable } from "./printable.ts";

const ADDRESSES = new Set(
  (
    "from to contact route record-route path service-route refer-to referred-by reply-to p-asserted-identity p-preferred-identity p-called-party-id " +
    "p-associated-uri remote-party-id diversion history-info"
  ).split(" "),
);
/** Protocol elements: tokens, numbers, identifiers of dialogs. */
const PLAIN = new Set(
  (
    "call-id content-encoding content-language content-id mime-version allow allow-events supported " +
    "require proxy-require unsupported accept accept-encoding accept-language event subscription-state " +
    "date timestamp privacy replaces join target-dialog in-reply-to refer-sub request-disposition accept-contact reject-contact info-package " +
    "recv-info priority session-id sip-etag sip-if-match answer-mode priv-answer-mode p-early-media cisco-guid x-cisco-site-uuid x-esl-outbound security-client " +
    "security-server security-verify resource-priority"
  ).split(" "),
);
/** A number, and parameters. */
const NUMBERS = new Set("max-forwards content-length expires min-expires session-expires min-se rseq retry-after".split(" "));
const NUMBER_PARAMETERS = new Set(["refresher", "duration"]);
/** Numbers, then a method (RFC 3261 section 20.16, RFC 3262 section 7.2). */
const COUNTED = new Set(["cseq", "rack"]);
const DISPOSITION_PARAMETERS = new Set(["handling"]);
/** Words of people and products, which may quote what was dialled. */
const TEXTS = new Set(["subject", "reason", "warning", "organization", "user-agent", "server"]);
const URLS = new Set(["call-info", "alert-info", "error-info", "identity-info"]);
const CHALLENGES = new Set(["www-authenticate", "proxy-authenticate"]);
const CREDENTIALS = new Set(["authorization", "proxy-authorization", "authentication-info", "proxy-authentication-info"]);
const VIA_PARAMETERS = new Set(["branch", "received", "rport", "ttl", "maddr", "alias", "keep", "comp", "oc", "oc-algo"]);
const URL_PARAMETERS = new Set(["purpose", "appearance", "info"]);
const CHALLENGE_PARAMETERS = new Set(["realm", "algorithm", "qop", "stale", "charset", "userhash"]);
const TYPE_PARAMETERS = new Set(["charset", "boundary", "type", "start", "version", "base", "method"]);
/** Names by which the media server is asked to call back hold the word that it proves itself by. */
const CALLBACK = "drachtio-fsmrf:";

/** The fields, a line each, under their usual names. */
export function maskFields(fields: readonly HeaderField[]): string[] {
  return fields.map(({ key, name, value, raw }) => {
    if (key === "") return `[unreadable line, ${(raw ?? value).length} bytes]`;
    return `${printable(maskText(headerSpelling(name)), 64)}: ${maskValue(key, value)}`;
  });
}

function maskValue(key: string, value: string): string {
  if (value === "") return "";
  if (ADDRESSES.has(key)) return maskAddresses(value);
  if (PLAIN.has(key)) return printable(utf8(value), 1_024);
  if (NUMBERS.has(key)) return maskValued(value, NUMBER_PARAMETERS, isNumber);
  if (COUNTED.has(key)) return isCount(value) ? value.trim() : maskedBytes(value.length);
  if (key === "content-disposition") return maskValued(value, DISPOSITION_PARAMETERS, (text) => isToken(text) && text.length <= 32);
  if (TEXTS.has(key)) return maskWords(value);
  if (CHALLENGES.has(key)) return maskChallenge(value);
  if (CREDENTIALS.has(key)) return `${schemeOf(value)}${MASKED}`;
  if (URLS.has(key)) return maskUrls(value);
  if (key === "via") return maskVia(value);
  if (key === "content-type") {
    const { value: type, params } = parseValueParams(value);
    return isType(type) ? `${type.trim()}${maskParams(params, TYPE_PARAMETERS)}` : maskedBytes(value.length);
  }
  return maskedBytes(value.length);
}

const isNumber = (text: string): boolean => /^\d{1,10}$/.test(text);

function isCount(value: string): boolean {
  const words = value.trim().split(/[ \t]+/, 4);
  const method = words.pop() ?? "";
  return words.length > 0 && words.length <= 2 && words.every(isNumber) && isToken(method) && method.length <= 32;
}

/** A value of a form that holds no secret, with the parameters that hold none. */
function maskValued(text: string, parameters: ReadonlySet<string>, isPlain: (value: string) => boolean): string {
  const { value, params } = parseValueParams(text);
  return isPlain(value.trim()) ? `${value.trim()}${maskParams(params, parameters)}` : maskedBytes(text.length);
}

function maskWords(value: string): string {
  const text = utf8(value);
  return text.startsWith(CALLBACK) ? `${CALLBACK}${MASKED}` : printable(maskText(text), 512);
}

function isType(text: string): boolean {
  const slash = text.indexOf("/");
  return slash > 0 && text.length <= 128 && isToken(text.slice(0, slash).trim()) && isToken(text.slice(slash + 1).trim());
}

/** `Digest `, or nothing for what is no scheme. */
function schemeOf(value: string): string {
  const scheme = value.trimStart().split(" ", 1)[0]!;
  return ["digest", "basic", "bearer"].includes(scheme.toLowerCase()) ? `${scheme} ` : "";
}

function maskChallenge(value: string): string {
  const field = parseAuth(value);
  if (field === undefined) return `${schemeOf(value)}${MASKED}`;
  const params = [...field.params]
    .filter(([name]) => isToken(name) && name.length <= 32)
    .map(([name, text]) => `${name}=${CHALLENGE_PARAMETERS.has(name) ? printable(maskText(utf8(text ?? "")), 128) : MASKED}`);
  return `${schemeOf(value)}${params.join(", ")}`;
}

function maskUrls(value: string): string {
  return splitList(value)
    .map((element) => {
      const open = element.indexOf("<");
      const close = element.indexOf(">", open);
      if (open < 0 || close < 0) return maskedBytes(element.length);
      const { params } = parseValueParams(`x${element.slice(close + 1)}`);
      return `<${maskUri(utf8(element.slice(open + 1, close)))}>${maskParams(params, URL_PARAMETERS)}`;
    })
    .join(", ");
}

function maskVia(value: string): string {
  return splitList(value)
    .map((element) => {
      const via = tryParseVia(element);
      if (via === undefined) return maskedBytes(element.length);
      const host = `${printable(via.host, 256)}${via.port === undefined ? "" : `:${via.port}`}`;
      return `SIP/2.0/${printable(via.transport, 16)} ${host}${maskParams(via.params, VIA_PARAMETERS)}`;
    })
    .join(", ");
}
