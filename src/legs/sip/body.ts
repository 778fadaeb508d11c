/** Session descriptions in message bodies: alone, or as one part of several (RFC 2046 section 5.1, RFC 5621). */
import type { SipMessage } from "./drachtio.ts";

/** What a message's body is to us. */
export type Body =
  | { readonly kind: "none" }
  | { readonly kind: "sdp"; readonly text: string }
  /** Answer 415 with {@link ACCEPT} (RFC 3261 section 21.4.13, RFC 5621 section 8.2). */
  | { readonly kind: "unsupported" };

export const ACCEPT = "application/sdp, multipart/mixed";

/** More parts, and parts deeper within each other, are not looked at. */
const MOST_PARTS = 16;
const DEEPEST = 3;

interface Part {
  readonly type: string | undefined;
  readonly disposition: string | undefined;
  readonly text: string;
}

/** What a message brings: its session description, nothing, or what we cannot take. */
export function readBody(message: Pick<SipMessage, "body" | "get">): Body {
  if (!message.body) return { kind: "none" };
  return readPart({ type: message.get("Content-Type"), disposition: message.get("Content-Disposition"), text: message.body }, 0);
}

/** The session description of a message, "" where it has none. */
export function sessionDescription(message: Pick<SipMessage, "body" | "get">): string {
  const body = readBody(message);
  return body.kind === "sdp" ? body.text : "";
}

function readPart({ type, disposition, text }: Part, depth: number): Body {
  const name = mediaType(type);
  if (name === "" || name === "application/sdp") return { kind: "sdp", text };
  if (name.startsWith("multipart/") && depth < DEEPEST) return readParts(name, splitParts(text, parameter(type, "boundary")), depth);
  return handling(disposition) === "optional" ? { kind: "none" } : { kind: "unsupported" };
}

/** Of alternatives one is enough; else a part that must be understood, and is not, costs the request (RFC 5621 section 8.2). */
function readParts(name: string, parts: readonly Part[], depth: number): Body {
  const read = parts.map((part) => ({ part, body: readPart(part, depth + 1) }));
  const demanded = read.some(({ part, body }) => body.kind === "unsupported" && handling(part.disposition) === "required");
  if (demanded && name !== "multipart/alternative") return { kind: "unsupported" };
  return read.find(({ part, body }) => body.kind === "sdp" && mediaType(part.type) !== "")?.body ?? { kind: "unsupported" };
}

/** The parts between the boundaries; what is before the first and behind the last is nobody's. */
function splitParts(text: string, boundary: string): Part[] {
  if (boundary === "") return [];
  const parts: Part[] = [];
  let lines: string[] | undefined;
  for (const line of text.split("\n")) {
    const bare = line.endsWith("\r") ? line.slice(0, -1) : line;
    const marker = bare.trimEnd();
    if (marker === `--${boundary}` || marker === `--${boundary}--`) {
      if (lines) parts.push(readLines(lines));
      if (marker.length > boundary.length + 2 || parts.length === MOST_PARTS) return parts;
      lines = [];
    } else lines?.push(bare);
  }
  // the last boundary is missing
  if (lines) parts.push(readLines(lines));
  return parts;
}

function readLines(lines: readonly string[]): Part {
  const empty = lines.indexOf("");
  const headers = new Map<string, string>();
  let last = "";
  for (const line of lines.slice(0, Math.max(0, empty))) {
    const colon = line.indexOf(":");
    if ((line.startsWith(" ") || line.startsWith("\t")) && last !== "") headers.set(last, `${headers.get(last)} ${line.trim()}`);
    else if (colon > 0) {
      last = line.slice(0, colon).trim().toLowerCase();
      headers.set(last, line.slice(colon + 1).trim());
    }
  }
  const body = lines.slice(empty + 1);
  const text = body.length === 0 ? "" : `${body.join("\r\n").trimEnd()}\r\n`;
  return { type: headers.get("content-type") ?? headers.get("c"), disposition: headers.get("content-disposition"), text };
}

function mediaType(field: string | undefined): string {
  return (field ?? "").split(";", 1)[0]!.trim().toLowerCase();
}

function handling(disposition: string | undefined): string {
  return parameter(disposition, "handling").toLowerCase();
}

/** A parameter's value without quotes; "" where there is none. */
function parameter(field: string | undefined, name: string): string {
  let rest = field ?? "";
  for (let semicolon = rest.indexOf(";"); semicolon >= 0; semicolon = rest.indexOf(";")) {
    rest = rest.slice(semicolon + 1);
    const equals = rest.indexOf("=");
    if (equals < 0) return "";
    if (rest.slice(0, equals).trim().toLowerCase() !== name) continue;
    const value = rest.slice(equals + 1).trimStart();
    if (value.startsWith('"')) return value.slice(1).split('"', 1)[0]!;
    return value.split(";", 1)[0]!.trim();
  }
  return "";
}
