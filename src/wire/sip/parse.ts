/**
 * Bytes → message (RFC 3261 section 7, 25).
 * Tolerated beyond the grammar: empty lines before the start line (section 7.5), whitespace before a colon, bare LF line ends,
 * a missing empty line at the end of a datagram, more than one space in the start line, header lines that are no header lines
 * (kept, marked as a defect). What a request deserves for its defects is `checkMessage`'s to say.
 */

import { ParseError } from "../../base/errors.ts";
import { maskText } from "../../base/pin-mask.ts";
import { trimOf } from "../../base/text.ts";
import { headerKey } from "./header-names.ts";
import { type HeaderField, type SipMessage, SipRequest, SipResponse } from "./message.ts";
import { isToken, parseNumber } from "./text.ts";

/** Largest message read anywhere, in bytes. */
export const MAX_MESSAGE_SIZE = 65536;
/** More header lines than this are nobody's call. */
const MAX_HEADERS = 512;

/**
 * Parses one message that fills `data` (a datagram, or what the framer cut out).
 * Octets beyond Content-Length are dropped (section 18.3), unless `ignoreLength` says that the body is all there is. Throws ParseError when there is no start line of SIP to be found.
 */
export function parseMessage(data: Buffer, options: { readonly ignoreLength?: boolean } = {}): SipMessage {
  let start = 0;
  while (start < data.length && (data[start] === 0x0d || data[start] === 0x0a)) start++;
  if (start === data.length) throw new ParseError("empty message", 0);
  let headEnd = data.indexOf("\r\n\r\n", start, "latin1");
  let bodyStart = headEnd + 4;
  let defect: string | undefined;
  let head: string;
  if (headEnd < 0) {
    const text = data.toString("latin1", start);
    const empty = /\r?\n\r?\n/.exec(text);
    headEnd = empty === null ? data.length : start + empty.index;
    bodyStart = empty === null ? data.length : headEnd + empty[0].length;
    head = text.slice(0, headEnd - start).replace(/\r?\n/g, "\r\n");
    while (head.endsWith("\r\n")) head = head.slice(0, -2);
  } else head = data.toString("latin1", start, headEnd);
  if (head.length > MAX_MESSAGE_SIZE) throw new ParseError("message too large", 0, 513);

  let lineEnd = head.indexOf("\r\n");
  if (lineEnd < 0) lineEnd = head.length;
  const message = parseStartLine(head.slice(0, lineEnd));
  const headers = message.headers;
  let pos = lineEnd + 2;
  while (pos < head.length) {
    let end = head.indexOf("\r\n", pos);
    let folded = false;
    while (end >= 0 && end + 2 < head.length) {
      const next = head.charCodeAt(end + 2);
      if (next !== 0x20 && next !== 0x09) break;
      folded = true;
      end = head.indexOf("\r\n", end + 2);
    }
    if (end < 0) end = head.length;
    if (headers.length >= MAX_HEADERS) throw new ParseError("too many header fields", start + pos);
    const field = parseField(head, pos, end, folded);
    if (field.key === "" && defect === undefined) defect = "a line that is no header field";
    headers.push(field);
    pos = end + 2;
  }

  message.size = data.length;
  const available = data.length - bodyStart;
  const given = message.get("content-length");
  if (given === undefined || options.ignoreLength === true) message.body = available > 0 ? data.subarray(bodyStart) : message.body;
  else {
    const length = parseNumber(given);
    if (length === undefined) defect ??= "malformed Content-Length";
    else if (length > available) {
      defect ??= "body shorter than Content-Length";
      message.body = data.subarray(bodyStart);
    } else if (length > 0) message.body = data.subarray(bodyStart, bodyStart + length);
  }
  message.defect = message.defect ?? defect;
  return message;
}

function parseField(head: string, pos: number, end: number, folded: boolean): HeaderField {
  // Not indexOf: on each line without a colon it would read all the lines that follow.
  let colon = pos;
  while (colon < end && head.charCodeAt(colon) !== 0x3a) colon++;
  if (colon >= end) return { key: "", name: "", value: "", raw: head.slice(pos, end) };
  let nameEnd = colon;
  while (nameEnd > pos && isBlank(head.charCodeAt(nameEnd - 1))) nameEnd--;
  let from = colon + 1;
  while (from < end && isBlank(head.charCodeAt(from))) from++;
  let to = end;
  while (to > from && isBlank(head.charCodeAt(to - 1))) to--;
  const name = head.slice(pos, nameEnd);
  const key = headerKey(name);
  if (!isToken(name)) return { key: "", name, value: "", raw: head.slice(pos, end) };
  if (!folded) {
    const value = head.slice(from, to);
    if (nameEnd === colon && from === colon + 2 && to === end && head.charCodeAt(colon + 1) === 0x20) return { key, name, value };
    return { key, name, value, raw: head.slice(pos, end) };
  }
  return { key, name, value: unfold(head.slice(from, to)), raw: head.slice(pos, end) };
}

/** A folded value on one line: each line end, with the blanks around it, becomes one space (section 7.3.1). */
function unfold(value: string): string {
  return value
    .split("\r\n")
    .map((line) => trimOf(line, " \t"))
    .join(" ")
    .trim();
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === 0x0d || code === 0x0a;
}

const STATUS = /^SIP\/2\.0 +(\d{1,10})(?: (.*)|\s*)$/i;

function parseStartLine(line: string): SipMessage {
  if (line.startsWith("SIP/")) {
    const match = STATUS.exec(line);
    const status = match === null ? Number.NaN : Number(match[1]);
    if (!(status >= 100 && status <= 699)) throw new ParseError(`not a status line: ${maskText(line.slice(0, 60))}`, 0);
    return new SipResponse(status, match![2] ?? "");
  }
  const first = line.indexOf(" ");
  const last = line.trimEnd().lastIndexOf(" ");
  if (first <= 0 || last <= first) throw new ParseError(`not a request line: ${maskText(line.slice(0, 60))}`, 0);
  const method = line.slice(0, first);
  const version = line.slice(last + 1);
  if (!isToken(method) || !/^SIP\/\d+\.\d+\s*$/i.test(version))
    throw new ParseError(`not a request line: ${maskText(line.slice(0, 60))}`, 0);
  const uri = line.slice(first + 1, last);
  const request = new SipRequest(method, uri);
  request.version = version.length === 7 && version.toUpperCase() === "SIP/2.0" ? "SIP/2.0" : version;
  if (uri.trim() !== uri || /[\s<>]/.test(uri) || version !== version.trimEnd()) request.defect = "malformed request line";
  return request;
}
