/** Smaller fields: CSeq, RAck, credentials and challenges, Event, Replaces, Session-Expires, Retry-After. */
import { trimOf } from "../../base/text.ts";
import { isToken, type Params, parseNumber, parseParams, skipQuoted, unquote } from "./text.ts";

/** CSeq (RFC 3261 section 20.16). */
export interface CSeq {
  /** 0 … 2^31-1. */
  readonly seq: number;
  readonly method: string;
}

const CSEQ = /^\s*(\d+)\s+(\S+)\s*$/;

/** Reads a CSeq, or returns undefined: malformed or 2^31 and above (section 8.1.1.5). */
export function parseCSeq(value: string): CSeq | undefined {
  const match = CSEQ.exec(value);
  if (match === null) return undefined;
  const seq = parseNumber(match[1]!.replace(/^0+(?=\d)/, ""), 0x7fffffff);
  return seq === undefined || !isToken(match[2]!) ? undefined : { seq, method: match[2]! };
}

/** RAck (RFC 3262 section 7.2). */
export interface RAck {
  readonly rseq: number;
  readonly cseq: number;
  readonly method: string;
}

/** Reads a RAck, or returns undefined when malformed. */
export function parseRAck(value: string): RAck | undefined {
  const match = /^\s*(\d+)\s+(\d+)\s+(\S+)\s*$/.exec(value);
  if (match === null) return undefined;
  const rseq = parseNumber(match[1]);
  const cseq = parseNumber(match[2], 0x7fffffff);
  return rseq === undefined || cseq === undefined ? undefined : { rseq, cseq, method: match[3]! };
}

/** A challenge or credentials: scheme and its comma-separated parameters, unquoted (RFC 3261 section 20.7, 20.44). */
export interface AuthField {
  /** Scheme as received; compare without case. */
  readonly scheme: string;
  readonly params: ReadonlyMap<string, string>;
}

/** Reads WWW-Authenticate, Authorization and their Proxy- forms; undefined when there is no scheme. */
export function parseAuth(value: string): AuthField | undefined {
  const match = /^\s*([^\s,=]+)(?:\s+|$)/.exec(value);
  if (match === null) return undefined;
  const params = new Map<string, string>();
  let i = match[0].length;
  while (i < value.length) {
    const equals = value.indexOf("=", i);
    if (equals < 0) break;
    const name = trimOf(value.slice(i, equals), ", \t\r\n").toLowerCase();
    let from = equals + 1;
    while (value.charCodeAt(from) === 0x20 || value.charCodeAt(from) === 0x09) from++;
    let end: number;
    if (value.charCodeAt(from) === 0x22) {
      end = skipQuoted(value, from);
      if (end < 0) return undefined;
    } else {
      end = value.indexOf(",", from);
      if (end < 0) end = value.length;
    }
    if (name !== "" && !params.has(name)) params.set(name, unquote(value.slice(from, end).trim()));
    const comma = value.indexOf(",", end);
    if (comma < 0) break;
    i = comma + 1;
  }
  return { scheme: match[1]!, params };
}

/** A value followed by parameters: Event, Session-Expires, Content-Type, Subscription-State, Replaces, Reason … */
export function parseValueParams(value: string): { value: string; params: Params } {
  const semi = value.indexOf(";");
  if (semi < 0) return { value: value.trim(), params: new Map() };
  return { value: value.slice(0, semi).trim(), params: parseParams(value, semi).params };
}

/** A Replaces field (RFC 3891 section 6.1). */
export interface Replaces {
  readonly callId: string;
  readonly toTag: string;
  readonly fromTag: string;
  readonly earlyOnly: boolean;
}

/** Reads one Replaces field; undefined where it is none: a part missing, given twice, or more than one field in a line. */
export function parseReplaces(field: string): Replaces | undefined {
  const semi = field.indexOf(";");
  const callId = (semi < 0 ? field : field.slice(0, semi)).trim();
  if (semi < 0 || callId === "" || field.includes(",") || callId.includes(" ") || callId.includes('"')) return undefined;
  const { params, clean } = parseParams(field, semi);
  const tags = { toTag: params.get("to-tag"), fromTag: params.get("from-tag") };
  if (!clean || !tags.toTag || !tags.fromTag) return undefined;
  let given = 0;
  for (const part of field.slice(semi + 1).split(";")) {
    const name = part.split("=", 1)[0]?.trim().toLowerCase();
    if (name === "to-tag" || name === "from-tag" || name === "early-only") given++;
  }
  const earlyOnly = params.has("early-only");
  if (given !== (earlyOnly ? 3 : 2)) return undefined;
  return { callId, toTag: tags.toTag, fromTag: tags.fromTag, earlyOnly };
}

/** Delta seconds before any parameter or comment (Session-Expires, Retry-After, Expires), or undefined. */
export function parseSeconds(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const match = /^\s*(\d+)\s*(?:[;(,]|$)/.exec(value);
  return match === null ? undefined : parseNumber(match[1]);
}
