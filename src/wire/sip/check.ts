/**
 * What is wrong with a message, and which status to refuse a request with (RFC 3261 section 8.2, 16.3, 18.3; RFC 4475).
 * Split from parsing so that a malformed request can still be answered: whoever refuses needs its Via, From, To, Call-ID and CSeq.
 */
import { singleFields } from "./header-names.ts";
import type { SipMessage, SipRequest } from "./message.ts";
import { tryParseNameAddr, uriOf } from "./name-addr.ts";
import { isToken, parseNumber, splitList } from "./text.ts";
import { tryParseUri } from "./uri.ts";
import { tryParseVia } from "./via.ts";

/** A reason to refuse. */
export interface Problem {
  /** Status for a request; for a response it only means "drop". */
  readonly status: number;
  readonly reason: string;
}

/** First problem of a message, or undefined when it is fit for use. A response with a problem is to be dropped (section 18.1.2). */
export function checkMessage(message: SipMessage): Problem | undefined {
  if (message.kind === "request") {
    if (message.version !== "SIP/2.0")
      return /^SIP\/2\.0/i.test(message.version) ? bad("malformed request line") : { status: 505, reason: "Version Not Supported" };
  }
  if (message.defect !== undefined) return bad(message.defect);
  let seen = 0;
  let vias = 0;
  const once = new Set<string>();
  for (const h of message.headers) {
    switch (h.key) {
      case "via":
        if (vias++ === 0) seen |= 1;
        for (const v of splitList(h.value)) if (tryParseVia(v) === undefined) return bad("malformed Via");
        break;
      case "from":
      case "to": {
        const address = tryParseNameAddr(h.value);
        if (address === undefined || !address.clean) return bad(`malformed ${h.name}`);
        if (tryParseUri(address.uriText) === undefined) return bad(`malformed ${h.name}`);
        seen |= h.key === "from" ? 2 : 4;
        break;
      }
      case "call-id":
        if (h.value === "" || /\s/.test(h.value)) return bad("malformed Call-ID");
        seen |= 8;
        break;
      case "cseq":
        if (message.cseq === undefined) return bad("malformed CSeq");
        seen |= 16;
        break;
      case "contact":
        if (h.value !== "*" && message.kind === "request") {
          for (const v of splitList(h.value)) {
            const address = tryParseNameAddr(v);
            if (address === undefined || !address.clean || uriOf(address) === undefined) return bad("malformed Contact");
          }
        }
        break;
      case "max-forwards":
        if (parseNumber(h.value, 255) === undefined) return bad("malformed Max-Forwards");
        break;
      case "expires":
        // RFC 3261 section 20.19 (and 4475 3.1.2.4): a malformed Expires is 3600 in REGISTER, but a value above 2^32-1 is refused.
        if (/^\d{11,}$/.test(h.value)) return bad("Expires out of range");
        break;
    }
    if (singleFields.has(h.key)) {
      if (once.has(h.key)) return bad(`more than one ${h.name}`);
      once.add(h.key);
    }
  }
  if (seen !== 31) return bad(`missing ${missing(seen)}`);
  return message.kind === "request" ? checkRequest(message) : vias === 0 ? bad("missing Via") : undefined;
}

function checkRequest(request: SipRequest): Problem | undefined {
  if (request.cseq!.method !== request.method) return bad("CSeq method does not match");
  const uri = request.requestUri;
  if (uri === undefined) return bad("malformed Request-URI");
  if (uri.scheme !== "sip" && uri.scheme !== "sips" && uri.scheme !== "tel") return { status: 416, reason: "Unsupported URI Scheme" };
  return undefined;
}

/** The tags in Require that are not among `supported`: answer them with 420 and Unsupported (RFC 3261 section 8.2.2.3). */
export function unsupportedExtensions(request: SipRequest, supported: ReadonlySet<string>): string[] {
  return request.list("require").filter((tag) => isToken(tag) && !supported.has(tag.toLowerCase()));
}

function bad(what: string): Problem {
  return { status: 400, reason: `Bad Request - ${what}` };
}

function missing(seen: number): string {
  const names = ["Via", "From", "To", "Call-ID", "CSeq"];
  return names.filter((_, i) => (seen & (1 << i)) === 0).join(", ");
}
