import { decodeValue } from "./encoding.ts";
import { EslEvent, type EslFormat } from "./event.ts";
import { type EslLimits, EslReader } from "./reader.ts";

/** `Content-Type: auth/request`: what an inbound connection is greeted with. */
export const authRequest = "Content-Type: auth/request\n\n";

/** The reply to a command: `+OK …` or `-ERR …`. `extra` are further header lines. Line breaks in the text would end the frame, so they go. */
export function commandReply(text: string, extra: Readonly<Record<string, string>> = {}): string {
  let frame = `Content-Type: command/reply\nReply-Text: ${oneLine(text)}\n`;
  for (const [name, value] of Object.entries(extra)) frame += `${name}: ${oneLine(value)}\n`;
  return `${frame}\n`;
}

/** The reply to `api`. FreeSWITCH answers a command that wrote nothing with `-ERR no reply`. */
export function apiResponse(body: string): string {
  const text = body === "" ? "-ERR no reply\n" : body;
  return `Content-Type: api/response\nContent-Length: ${Buffer.byteLength(text)}\n\n${text}`;
}

/** An event as a frame. */
export function eventFrame(event: EslEvent, format: EslFormat): string {
  const text = event.serialize(format);
  return `Content-Length: ${Buffer.byteLength(text)}\nContent-Type: text/event-${format}\n\n${text}`;
}

/** The last frame before the server closes. `lingerSeconds` is given when the connection stays open that long for late events. */
export function disconnectNotice(uuid: string | undefined, lingerSeconds?: number): string {
  const body =
    lingerSeconds === undefined
      ? "Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n"
      : `Socket lingering for ${lingerSeconds} seconds.\n`;
  let frame = "Content-Type: text/disconnect-notice\n";
  if (uuid !== undefined) frame += `Controlled-Session-UUID: ${uuid}\n`;
  frame += `Content-Disposition: ${lingerSeconds === undefined ? "disconnect" : "linger"}\n`;
  if (lingerSeconds !== undefined) frame += `Linger-Time: ${lingerSeconds}\n`;
  return `${frame}Content-Length: ${Buffer.byteLength(body)}\n\n${body}`;
}

function oneLine(text: string): string {
  return text.replace(/[\r\n]+/g, " ").trimEnd();
}

/** What a client reads: the frame's headers and body, and the event inside a text/event-* frame. */
export interface EslMessage {
  readonly contentType: string;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string | undefined;
  readonly event: EslEvent | undefined;
}

/** The client's side: reads replies and events off a stream (tests, benchmarks, tools). */
export class EslMessageReader {
  readonly #reader: EslReader;
  constructor(limits?: EslLimits) {
    this.#reader = new EslReader(limits);
  }
  push(chunk: Uint8Array): EslMessage[] {
    return this.#reader.push(chunk).map(({ lines, body }) => {
      const headers = plainHeaders(lines);
      const contentType = headers.get("Content-Type") ?? "";
      return { contentType, headers, body, event: eventIn(contentType, body) };
    });
  }
}

function plainHeaders(lines: readonly string[]): Map<string, string> {
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    if (colon > 0) headers.set(line.slice(0, colon), decodeValue(line.slice(colon + 1).trim()));
  }
  return headers;
}

function eventIn(contentType: string, body: string | undefined): EslEvent | undefined {
  if (body === undefined) return undefined;
  if (contentType === "text/event-plain") {
    const blank = body.indexOf("\n\n");
    const event = new EslEvent(plainHeaders((blank === -1 ? body : body.slice(0, blank)).split("\n")));
    if (event.headers.delete("Content-Length")) event.body = body.slice(blank + 2);
    return event;
  }
  if (contentType !== "text/event-json") return undefined;
  try {
    const object: unknown = JSON.parse(body);
    if (typeof object !== "object" || object === null) return undefined;
    const event = new EslEvent();
    for (const [name, value] of Object.entries(object)) {
      if (name === "_body") event.body = String(value);
      else event.set(name, String(value));
    }
    return event;
  } catch {
    return undefined;
  }
}
