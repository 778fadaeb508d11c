/**
 * Cuts a byte stream (TCP, TLS) into messages by Content-Length (RFC 3261 section 18.3) and finds keepalives (RFC 5626 section 3.5.1).
 * Holds at most one incomplete message; past 64 KiB it gives up with an error, after which the connection is to be closed.
 */
import { ByteQueue } from "../../base/byte-queue.ts";
import { ParseError } from "../../base/errors.ts";
import { MAX_MESSAGE_SIZE } from "./parse.ts";
import { parseNumber } from "./text.ts";

/** What the framer found. */
export type Frame =
  /** One whole message, to be given to `parseMessage`. */
  | { readonly kind: "message"; readonly data: Buffer }
  /** Double CRLF: answer with a single CRLF. */
  | { readonly kind: "ping" }
  /** Single CRLF: the answer to our ping. */
  | { readonly kind: "pong" };

/** One stream's framer. */
export class StreamFramer {
  readonly #queue = new ByteQueue();
  #scanned = 0;
  #needed = 0;
  readonly #limit: number;

  constructor(limit = MAX_MESSAGE_SIZE) {
    this.#limit = limit;
  }

  /** Bytes of an incomplete message held at the moment. */
  get pending(): number {
    return this.#queue.length;
  }

  /**
   * Takes received bytes and returns what they completed. Throws ParseError when the stream cannot be followed any further:
   * status 513 when a message is above the limit, 400 when its Content-Length is malformed.
   */
  push(chunk: Buffer): Frame[] {
    let data = this.#queue.push(chunk);
    const out: Frame[] = [];
    while (data.length > 0) {
      if (data.length < this.#needed) break;
      const first = data[0];
      if (first === 0x0d || first === 0x0a) {
        const taken = blank(data);
        if (taken === 0) break;
        out.push({ kind: taken === 4 ? "ping" : "pong" });
        data = data.subarray(taken);
        continue;
      }
      const end = this.#needed > 0 ? this.#needed : this.#messageEnd(data);
      if (end < 0 || end > data.length) break;
      out.push({ kind: "message", data: data.subarray(0, end) });
      data = data.subarray(end);
      this.#scanned = 0;
      this.#needed = 0;
    }
    if (data.length > this.#limit) throw new ParseError("message too large for a stream", undefined, 513);
    this.#queue.keep(data.length);
    return out;
  }

  #messageEnd(data: Buffer): number {
    const headEnd = data.indexOf("\r\n\r\n", Math.max(0, this.#scanned - 3), "latin1");
    if (headEnd < 0) {
      this.#scanned = data.length;
      return -1;
    }
    const length = contentLength(data.toString("latin1", 0, headEnd));
    const end = headEnd + 4 + length;
    if (end > this.#limit) throw new ParseError("message too large for a stream", undefined, 513);
    this.#needed = end;
    return end;
  }
}

/** 4 for a ping, 2 for a pong, 1 for a stray LF, 0 when more bytes are needed to tell. */
function blank(data: Buffer): number {
  if (data[0] === 0x0a) return 1;
  if (data.length < 2) return 0;
  if (data[1] !== 0x0a) return 1;
  if (data.length >= 4 && data[2] === 0x0d && data[3] === 0x0a) return 4;
  return 2;
}

const LENGTH = /\r\n(?:content-length|l)[ \t]*:[ \t\r\n]*([^\r\n]*)/gi;

/** Content-Length of a message's head; 0 when missing, since a stream can then only be cut at the empty line. */
function contentLength(head: string): number {
  let value: number | undefined;
  LENGTH.lastIndex = 0;
  for (let match = LENGTH.exec(head); match !== null; match = LENGTH.exec(head)) {
    const length = parseNumber(match[1]!.trim());
    // Two different lengths: nobody can say where the next message starts, and guessing lets one be smuggled in.
    if (length === undefined || (value !== undefined && value !== length)) throw new ParseError("malformed Content-Length on a stream");
    value = length;
  }
  return value ?? 0;
}
