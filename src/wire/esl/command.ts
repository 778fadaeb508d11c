import { type EslBlock, type EslLimits, EslReader } from "./reader.ts";

/** A command of a client: the first line, the headers below it (sendmsg, bgapi, sendevent), the body. */
export interface EslCommand {
  /** The whole first line. */
  readonly line: string;
  /** Its first word, lower case. */
  readonly verb: string;
  /** The rest of the line, trimmed on the left. */
  readonly args: string;
  /** Names in lower case. Values as they are: clients do not encode them. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string | undefined;
}

/** Reads commands off a stream. Throws ParseError beyond the limits. */
export class EslCommandReader {
  readonly #reader: EslReader;
  constructor(limits?: EslLimits) {
    this.#reader = new EslReader(limits);
  }
  /** Takes bytes, gives the commands they complete. */
  push(chunk: Uint8Array): EslCommand[] {
    return this.#reader.push(chunk).map(commandOf);
  }
}

function commandOf(block: EslBlock): EslCommand {
  const line = (block.lines[0] ?? "").trim();
  const space = line.search(/\s/);
  const verb = (space === -1 ? line : line.slice(0, space)).toLowerCase();
  const args = space === -1 ? "" : line.slice(space).trimStart();
  return { line, verb, args, headers: headersOf(block.lines.slice(1)), body: block.body };
}

/** Header lines by lower-case name; a line without a colon is nothing. The first of two wins, as a look-up in FreeSWITCH finds it. */
function headersOf(lines: readonly string[]): Map<string, string> {
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    if (colon <= 0) continue;
    const name = line.slice(0, colon).trim().toLowerCase();
    if (!headers.has(name)) headers.set(name, line.slice(colon + 1).replace(/^ /, ""));
  }
  return headers;
}
