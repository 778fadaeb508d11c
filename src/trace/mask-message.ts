/** SIP messages as a trace shows them, with those bodies whose every field is known; of others type and length. */
import { maskText } from "../base/pin-mask.ts";
import { parseMessage, parseParams, type SipMessage, unquote, utf8 } from "../wire/sip/index.ts";
import { ParseError } from "../base/errors.ts";
import { maskFields } from "./mask-fields.ts";
import { maskSdp } from "./mask-sdp.ts";
import { maskUri } from "./mask-uri.ts";
import { MASKED, maskedBytes, printable } from "./printable.ts";
import type { MessageText } from "./types.ts";

const MOST_PARTS = 16;
const DEEPEST = 3;

/** A message that has been parsed. `depth` is how many bodies it is inside of. */
export function maskSip(message: SipMessage, depth = 0, withBody = true): MessageText {
  const { body } = message;
  const type = message.get("content-type") ?? "";
  const lines = [startLine(message), ...maskFields(message.headers)];
  const shown = body.length > 0 && withBody ? maskBody(type, message.get("content-encoding"), body, depth) : null;
  return { summary: summaryOf(message), head: lines.join("\n"), body: shown };
}

function startLine(message: SipMessage): string {
  if (message.kind === "response") return `SIP/2.0 ${message.status} ${maskReason(message.reason)}`;
  return `${maskMethod(message.method)} ${maskUri(utf8(message.uri))} ${printable(message.version, 16)}`;
}

/** The phrase may quote what was dialled. */
function maskReason(reason: string): string {
  return printable(maskText(utf8(reason)), 128);
}

function maskMethod(method: string): string {
  return /^[A-Za-z]{1,16}$/.test(method) ? method : maskedBytes(method.length);
}

function summaryOf(message: SipMessage): string {
  const content = message.contentType === "application/sdp" ? " SDP" : "";
  if (message.kind === "request") return `${maskMethod(message.method)}${content}`;
  const method = message.cseq === undefined ? "?" : maskMethod(message.cseq.method);
  return `${message.status} ${printable(maskText(utf8(message.reason)), 40)} (${method})${content}`;
}

/** `type` is the Content-Type as received, empty for none; `encoding` the Content-Encoding. */
function maskBody(type: string, encoding: string | undefined, body: Buffer, depth = 0): string {
  const name = nameOf(type);
  if (encoding !== undefined && encoding.trim().toLowerCase() !== "identity") return notShown(`${name}, encoded`, body.length);
  switch (name) {
    case "application/sdp":
      return maskSdp(body.toString("utf8"));
    case "application/dtmf-relay":
      return maskDtmfRelay(body.toString("latin1"));
    case "message/sipfrag":
      return maskFragment(body, depth);
    default:
      if (name.startsWith("multipart/") && depth < DEEPEST) return maskParts(type, body, depth);
      return notShown(name, body.length);
  }
}

/** `application/sdp`; `unknown type` for what is no type. */
function nameOf(type: string): string {
  const semi = type.indexOf(";");
  const name = (semi < 0 ? type : type.slice(0, semi)).trim().toLowerCase();
  return /^[a-z][a-z0-9.+-]{0,60}\/[a-z0-9][a-z0-9.+_-]{0,60}$/.test(name) ? name : "unknown type";
}

function notShown(what: string, length: number): string {
  return `[${what}, ${length} bytes, not shown]`;
}

/** `Signal=5`, `Duration=160`: of which digit it is nothing is told. */
function maskDtmfRelay(text: string): string {
  const lines = text.split("\n").map((line) => line.trim());
  return lines
    .filter((line) => line !== "")
    .slice(0, MOST_PARTS)
    .map((line) => {
      const equals = line.indexOf("=");
      const name = line.slice(0, Math.max(0, equals)).trim().toLowerCase();
      if (name === "duration" && /^ ?\d{1,6}$/.test(line.slice(equals + 1))) return line;
      return name === "signal" ? `Signal=${MASKED}` : MASKED;
    })
    .join("\n");
}

/** The status of a transfer's call (RFC 3420, RFC 3515), or part of a message. */
function maskFragment(body: Buffer, depth: number): string {
  try {
    const { head, body: inner } = maskSip(parseMessage(body, { ignoreLength: true }), depth + 1);
    return inner === null ? head : `${head}\n\n${inner}`;
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    return notShown("message/sipfrag", body.length);
  }
}

function maskParts(type: string, body: Buffer, depth: number): string {
  const semi = type.indexOf(";");
  const boundary = semi < 0 ? undefined : parseParams(type, semi).params.get("boundary");
  const mark = unquote(boundary ?? "");
  if (mark === "" || mark.length > 128) return notShown(nameOf(type), body.length);
  const shown: string[] = [];
  const delimiter = Buffer.from(`--${mark}`, "latin1");
  let at = body.indexOf(delimiter);
  if (at < 0) return notShown(nameOf(type), body.length);
  while (at >= 0 && shown.length < MOST_PARTS) {
    const from = at + delimiter.length;
    if (body.toString("latin1", from, from + 2) === "--") break;
    const next = body.indexOf(delimiter, from);
    shown.push(`--part ${shown.length + 1}\n${maskPart(body.subarray(from, next < 0 ? body.length : next), depth)}`);
    at = next;
  }
  return shown.join("\n");
}

function maskPart(part: Buffer, depth: number): string {
  const lineEnd = part.indexOf("\n");
  if (lineEnd < 0) return notShown("part", part.length);
  try {
    const head = Buffer.from("PART sip:part SIP/2.0\r\n", "latin1");
    const message = parseMessage(Buffer.concat([head, part.subarray(lineEnd + 1)]), { ignoreLength: true });
    const fields = maskFields(message.headers);
    const text = maskBody(message.get("content-type") ?? "", message.get("content-encoding"), message.body, depth + 1);
    return [...fields, "", text].join("\n");
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    return printable(notShown("part", part.length));
  }
}
