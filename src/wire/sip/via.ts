import { formatParams, type Params, parseParams } from "./text.ts";
import { parseHostPort } from "./uri.ts";

/** One hop. */
export interface Via {
  /** Upper-case protocol of the transport: UDP, TCP, TLS, WS, WSS, SCTP or an extension. */
  readonly transport: string;
  readonly host: string;
  readonly port: number | undefined;
  readonly params: Params;
}

const HEAD = /^\s*SIP\s*\/\s*2\.0\s*\/\s*([A-Za-z0-9\-.!%*_+`'~]+)\s+/i;

/** Reads one Via value, or returns undefined when malformed. */
export function tryParseVia(text: string): Via | undefined {
  let transport: string;
  let i: number;
  if (text.startsWith("SIP/2.0/UDP ")) {
    transport = "UDP";
    i = 12;
  } else {
    const head = HEAD.exec(text);
    if (head === null) return undefined;
    transport = head[1]!.toUpperCase();
    i = head[0].length;
  }
  let semi = text.indexOf(";", i);
  if (semi < 0) semi = text.length;
  // A comment in parentheses was allowed by RFC 2543 and is still met (RFC 4475 3.1.1.1 has none, older stacks do).
  const sentBy = parseHostPort(text.slice(i, semi).trim());
  if (sentBy === undefined) return undefined;
  const tail = semi === text.length ? { params: new Map() as Params, clean: true } : parseParams(text, semi);
  return { transport, host: sentBy.host, port: sentBy.port, params: tail.params };
}

/** Reads a Via of whatever version of SIP, so that the version itself can be refused (RFC 3261 section 21.5.6). */
export function tryParseViaOfAnyVersion(text: string): Via | undefined {
  const version = text.indexOf("/");
  const transport = text.indexOf("/", version + 1);
  if (version < 0 || transport < 0 || text.slice(0, version).trim().toUpperCase() !== "SIP") return undefined;
  return tryParseVia(`SIP/2.0/${text.slice(transport + 1).trimStart()}`);
}

/** The Via as text. */
export function formatVia(via: Via): string {
  return `SIP/2.0/${via.transport} ${via.host}${via.port === undefined ? "" : `:${via.port}`}${formatParams(via.params)}`;
}

/** Branches of RFC 3261 begin so; a branch that is only this is as good as none (RFC 4475 section 3.2.1). */
const MAGIC_COOKIE = "z9hG4bK";

/** Is the branch unique as RFC 3261 demands, so that it alone names the transaction? */
export function hasMagicBranch(via: Via): boolean {
  const branch = via.params.get("branch");
  return typeof branch === "string" && branch.length > MAGIC_COOKIE.length && branch.slice(0, 7).toLowerCase() === "z9hg4bk";
}
