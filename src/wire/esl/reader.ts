import { ByteQueue } from "../../base/byte-queue.ts";
import { ParseError } from "../../base/errors.ts";

/** How much a peer may make us hold. */
export interface EslLimits {
  /** Bytes from the first line to the blank line. */
  readonly headerBytes: number;
  /** Content-Length. */
  readonly bodyBytes: number;
}

/** What FreeSWITCH itself allows is 10 MiB; nothing an application sends comes near a tenth of that. */
export const defaultLimits: EslLimits = { headerBytes: 256 * 1024, bodyBytes: 4 * 1024 * 1024 };

/** Lines up to a blank line, and the Content-Length bytes after it. */
export interface EslBlock {
  readonly lines: readonly string[];
  readonly body: string | undefined;
}

const LF = 0x0a;
const CR = 0x0d;

/**
 * Cuts a TCP stream into blocks: header lines ended by LF or CRLF, a blank line, and a body of Content-Length bytes.
 * Both directions of the event socket are framed so. Throws ParseError beyond the limits; the connection is then of no more use.
 */
export class EslReader {
  readonly #limits: EslLimits;
  readonly #queue = new ByteQueue();
  // What the queue holds, while a chunk is read.
  #buffer: Buffer = Buffer.alloc(0);
  // How far the search for the blank line has come, so that a slow sender does not cost quadratic time.
  #scanned = 0;
  #lines: string[] | undefined;
  #bodyLength = 0;

  constructor(limits: EslLimits = defaultLimits) {
    this.#limits = limits;
  }

  /** Bytes held back until the block is whole. */
  get pending(): number {
    return this.#queue.length;
  }

  /** Takes bytes, gives the blocks they complete. */
  push(chunk: Uint8Array): EslBlock[] {
    this.#buffer = this.#queue.push(chunk);
    const blocks: EslBlock[] = [];
    for (let block = this.#next(); block !== undefined; block = this.#next()) blocks.push(block);
    this.#queue.keep(this.#buffer.length);
    this.#buffer = Buffer.alloc(0);
    return blocks;
  }

  #next(): EslBlock | undefined {
    if (this.#lines === undefined && !this.#readHeaders()) return undefined;
    const lines = this.#lines ?? [];
    if (this.#buffer.length < this.#bodyLength) return undefined;
    const body = this.#bodyLength > 0 ? this.#buffer.toString("utf8", 0, this.#bodyLength) : undefined;
    this.#buffer = this.#buffer.subarray(this.#bodyLength);
    this.#lines = undefined;
    this.#bodyLength = 0;
    return { lines, body };
  }

  #readHeaders(): boolean {
    this.#skipBlankLines();
    const end = this.#findBlankLine();
    if (end === undefined) {
      if (this.#buffer.length > this.#limits.headerBytes) throw new ParseError(`no blank line within ${this.#limits.headerBytes} bytes`);
      return false;
    }
    if (end.start > this.#limits.headerBytes) throw new ParseError(`headers of ${end.start} bytes`);
    const lines = this.#buffer.toString("utf8", 0, end.start).split(/\r?\n/);
    this.#buffer = this.#buffer.subarray(end.after);
    this.#scanned = 0;
    this.#bodyLength = contentLength(lines, this.#limits.bodyBytes);
    this.#lines = lines;
    return true;
  }

  // Blank lines between blocks are nothing (telnet users press return).
  #skipBlankLines(): void {
    let start = 0;
    while (start < this.#buffer.length && (this.#buffer[start] === LF || this.#buffer[start] === CR)) start++;
    if (start > 0) {
      this.#buffer = this.#buffer.subarray(start);
      this.#scanned = 0;
    }
  }

  #findBlankLine(): { start: number; after: number } | undefined {
    const buffer = this.#buffer;
    for (let at = buffer.indexOf(LF, this.#scanned); at !== -1; at = buffer.indexOf(LF, at + 1)) {
      if (buffer[at + 1] === LF) return { start: trimCr(buffer, at), after: at + 2 };
      if (buffer[at + 1] === CR && buffer[at + 2] === LF) return { start: trimCr(buffer, at), after: at + 3 };
    }
    this.#scanned = Math.max(0, buffer.length - 3);
    return undefined;
  }
}

function trimCr(buffer: Buffer, at: number): number {
  return at > 0 && buffer[at - 1] === CR ? at - 1 : at;
}

const NAME = "content-length:";

function contentLength(lines: readonly string[], limit: number): number {
  for (const line of lines) {
    if (line.slice(0, NAME.length).toLowerCase() !== NAME) continue;
    const text = line.slice(NAME.length).trim();
    if (!/^\d{1,10}$/.test(text)) throw new ParseError(`Content-Length "${text.slice(0, 20)}"`);
    const length = Number(text);
    if (length > limit) throw new ParseError(`Content-Length ${length} is more than ${limit}`);
    return length;
  }
  return 0;
}
