/**
 * URIs of SIP: `sip:`, `sips:` (RFC 3261 section 19.1), `tel:` (RFC 3966) and, untouched, any other absolute URI.
 * Tolerated: `;` in the user part (RFC 4475 3.1.1.9), raw `#` in the user part (dial strings such as 2000##1234), an empty user.
 */

import { ParseError } from "../../base/errors.ts";
import { maskText } from "../../base/pin-mask.ts";
import { formatParams, type Params, parseNumber, parseParams } from "./text.ts";

/** A URI taken apart. */
export interface Uri {
  /** Lower-case scheme: `sip`, `sips`, `tel` or another. */
  readonly scheme: string;
  /** User part as received (escapes kept); for `tel` the number; for other schemes everything after the colon. */
  readonly user: string | undefined;
  readonly password: string | undefined;
  /** Host as received; an IPv6 address keeps its brackets. Empty for `tel` and other schemes. */
  readonly host: string;
  readonly port: number | undefined;
  readonly params: Params;
  /** What follows `?`, as received. */
  readonly headers: string | undefined;
}

const NO_PARAMS: Params = new Map();
const HOSTNAME = /^(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?\.)*[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?\.?$/;
const IPV6 = /^\[[0-9A-Fa-f:.]+(?:%[0-9A-Za-z]+)?\]$/;
const SCHEME = /^[A-Za-z][A-Za-z0-9+.-]*$/;

/** Is the text a host of a SIP URI or Via: a name, an IPv4 address or an IPv6 reference in brackets? */
export function isHost(text: string): boolean {
  return HOSTNAME.test(text) || (text.charCodeAt(0) === 0x5b && IPV6.test(text));
}

/** Splits `host[:port]`. Returns undefined when either is malformed. */
export function parseHostPort(text: string): { host: string; port: number | undefined } | undefined {
  let end: number;
  if (text.charCodeAt(0) === 0x5b) {
    end = text.indexOf("]") + 1;
    if (end === 0) return undefined;
  } else {
    end = text.indexOf(":");
    if (end < 0) end = text.length;
  }
  const host = text.slice(0, end).trimEnd();
  if (!isHost(host)) return undefined;
  const rest = text.slice(end).trim();
  if (rest === "") return { host, port: undefined };
  if (rest.charCodeAt(0) !== 0x3a) return undefined;
  const port = parseNumber(rest.slice(1).trim(), 65535);
  return port === undefined ? undefined : { host, port };
}

/** Parses a URI. Throws ParseError (400) when it is malformed; an unknown scheme is not an error here. */
export function parseUri(text: string): Uri {
  const uri = tryParseUri(text);
  if (uri === undefined) throw new ParseError(`not a URI: ${maskText(text.slice(0, 80))}`);
  return uri;
}

/** Parses a URI, or returns undefined when it is malformed. */
export function tryParseUri(text: string): Uri | undefined {
  const colon = text.indexOf(":");
  if (colon < 1) return undefined;
  const given = text.slice(0, colon);
  const scheme = given === "sip" ? given : given.toLowerCase();
  if (scheme === "sip" || scheme === "sips") return parseSipUri(scheme, text, colon + 1);
  if (!SCHEME.test(scheme) || /[\s<>]/.test(text)) return undefined;
  if (scheme === "tel") {
    const semi = text.indexOf(";", colon);
    const number = text.slice(colon + 1, semi < 0 ? text.length : semi);
    if (number === "") return undefined;
    const params = semi < 0 ? NO_PARAMS : parseParams(text, semi).params;
    return { scheme, user: number, password: undefined, host: "", port: undefined, params, headers: undefined };
  }
  return { scheme, user: text.slice(colon + 1), password: undefined, host: "", port: undefined, params: NO_PARAMS, headers: undefined };
}

function parseSipUri(scheme: string, text: string, start: number): Uri | undefined {
  for (let i = start; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c <= 0x20 || c === 0x3c || c === 0x3e || c === 0x22) return undefined;
  }
  let user: string | undefined;
  let password: string | undefined;
  // The user part may hold ; ? & = so the last @ before any header part decides; headers escape @ as %40, yet some do not.
  let at = text.indexOf("@", start);
  if (at >= 0) {
    const question = text.indexOf("?", at);
    const last = text.lastIndexOf("@", question < 0 ? text.length : question);
    if (last > at) at = last;
    const info = text.slice(start, at);
    const colon = info.indexOf(":");
    user = colon < 0 ? info : info.slice(0, colon);
    password = colon < 0 ? undefined : info.slice(colon + 1);
    start = at + 1;
  }
  const question = text.indexOf("?", start);
  const end = question < 0 ? text.length : question;
  let semi = text.indexOf(";", start);
  if (semi < 0 || semi > end) semi = end;
  const hostPort = parseHostPort(text.slice(start, semi));
  if (hostPort === undefined) return undefined;
  const params = semi === end ? NO_PARAMS : parseParams(text.slice(semi, end)).params;
  const headers = question < 0 ? undefined : text.slice(question + 1);
  return { scheme, user, password, host: hostPort.host, port: hostPort.port, params, headers };
}

/** The URI as text. */
export function formatUri(uri: Uri): string {
  if (uri.scheme !== "sip" && uri.scheme !== "sips") return `${uri.scheme}:${uri.user ?? ""}${formatParams(uri.params)}`;
  const info = uri.user === undefined ? "" : `${uri.user}${uri.password === undefined ? "" : `:${uri.password}`}@`;
  const port = uri.port === undefined ? "" : `:${uri.port}`;
  return `${uri.scheme}:${info}${uri.host}${port}${formatParams(uri.params)}${uri.headers === undefined ? "" : `?${uri.headers}`}`;
}

/** A copy with some parts changed. */
export function withUri(uri: Uri, change: Partial<Uri>): Uri {
  return { ...uri, ...change };
}

/** Resolves `%41`-style escapes in a user part or parameter; a malformed escape stays as it is. The result is a byte string. */
export function unescapeUri(text: string): string {
  return text.includes("%") ? text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))) : text;
}

/** Port a URI means when it names none (RFC 3261 section 19.1.2). */
export function defaultPort(transport: string): number {
  return transport === "tls" ? 5061 : transport === "ws" ? 80 : transport === "wss" ? 443 : 5060;
}

/** The host to send to: maddr overrides the URI's own (RFC 3261 section 19.1.1). */
export function hostToReach(uri: Uri): string {
  return uri.params.get("maddr") || uri.host;
}

/** Removes the brackets of an IPv6 reference. */
export function bareHost(host: string): string {
  return host.charCodeAt(0) === 0x5b ? host.slice(1, -1) : host;
}

/** Adds brackets to an IPv6 address; anything else as it is. */
export function bracketHost(host: string): string {
  return host.includes(":") && host.charCodeAt(0) !== 0x5b ? `[${host}]` : host;
}

/** Is the bare host an IP address (either family)? */
export function isIpAddress(host: string): boolean {
  return host.includes(":") || /^(?:\d{1,3}\.){3}\d{1,3}$/.test(host);
}

/** Do two URIs name the same thing (RFC 3261 section 19.1.4)? */
export function sameUri(a: Uri, b: Uri): boolean {
  if (a.scheme !== b.scheme || unescapeUri(a.user ?? "") !== unescapeUri(b.user ?? "") || (a.user === undefined) !== (b.user === undefined))
    return false;
  if (a.password !== b.password || a.host.toLowerCase() !== b.host.toLowerCase() || a.port !== b.port) return false;
  for (const name of ["user", "ttl", "method", "maddr", "transport"]) {
    if ((a.params.get(name) ?? "").toLowerCase() !== (b.params.get(name) ?? "").toLowerCase() || a.params.has(name) !== b.params.has(name))
      return false;
  }
  for (const [name, value] of a.params)
    if (b.params.has(name) && (b.params.get(name) ?? "").toLowerCase() !== (value ?? "").toLowerCase()) return false;
  const sorted = (h: string | undefined) => (h === undefined ? "" : h.split("&").sort().join("&"));
  return sorted(a.headers) === sorted(b.headers);
}
