/**
 * SIP messages. Header fields are an ordered list of byte strings, kept as received until somebody sets them;
 * the typed views (From, Via, CSeq …) are read on demand and cached, since most messages need only a few of them.
 */
import { ParseError } from "../../base/errors.ts";
import { type CSeq, parseCSeq } from "./fields.ts";
import { headerKey, headerSpelling } from "./header-names.ts";
import { type NameAddr, tagOf, tryParseNameAddr } from "./name-addr.ts";
import { bytes, parseNumber, splitList } from "./text.ts";
import { tryParseUri, type Uri } from "./uri.ts";
import { tryParseVia, type Via } from "./via.ts";

/** One header field line. */
export interface HeaderField {
  /** Lower-case long name, the key to compare by. */
  readonly key: string;
  /** Name as it is written. */
  readonly name: string;
  /** Value, unfolded and trimmed; a byte string. */
  readonly value: string;
  /** The line as received without its end, where it is not simply `name: value`. */
  readonly raw?: string;
}

const EMPTY = Buffer.alloc(0);

/** What requests and responses share. */
export abstract class SipMessageBase {
  /** Fields in order. Do not change it from outside; use the methods. */
  headers: HeaderField[] = [];
  /** The body; empty when there is none. */
  body: Buffer = EMPTY;
  /** First structural defect the parser met and could read past; `checkMessage` refuses such requests. */
  defect: string | undefined = undefined;
  /** Bytes the message had on the wire, 0 when it was not received. */
  size = 0;

  #via: Via | undefined;
  #cseq: CSeq | undefined;

  /** First line without its end. */
  abstract get startLine(): string;

  /** Value of the first field of that name (any form, any case), or undefined. */
  get(name: string): string | undefined {
    const key = headerKey(name);
    const headers = this.headers;
    for (let i = 0; i < headers.length; i++) if (headers[i]!.key === key) return headers[i]!.value;
    return undefined;
  }

  /** Values of all fields of that name, a line each. */
  getAll(name: string): string[] {
    const key = headerKey(name);
    const out: string[] = [];
    for (const h of this.headers) if (h.key === key) out.push(h.value);
    return out;
  }

  /** Elements of a list field (Via, Route, Contact, Require …) over all its lines. */
  list(name: string): string[] {
    const key = headerKey(name);
    const out: string[] = [];
    for (const h of this.headers) {
      if (h.key !== key) continue;
      if (h.value.includes(",")) for (const v of splitList(h.value)) out.push(v);
      else if (h.value !== "") out.push(h.value);
    }
    return out;
  }

  has(name: string): boolean {
    const key = headerKey(name);
    return this.headers.some((h) => h.key === key);
  }

  /** Does a list of tokens such as Require, Supported or Allow hold the token (any case)? */
  lists(name: string, token: string): boolean {
    const wanted = token.toLowerCase();
    return this.list(name).some((v) => v.toLowerCase() === wanted);
  }

  /** Replaces all fields of that name by one (in the first one's place) or appends it. Line ends in the value are removed. */
  set(name: string, value: string | number): this {
    const field = makeField(name, value);
    const at = this.headers.findIndex((h) => h.key === field.key);
    this.#forget(field.key);
    if (at < 0) this.headers.push(field);
    else {
      this.headers[at] = field;
      for (let i = this.headers.length - 1; i > at; i--) if (this.headers[i]!.key === field.key) this.headers.splice(i, 1);
    }
    return this;
  }

  /** Appends a field after all others. */
  append(name: string, value: string | number): this {
    const field = makeField(name, value);
    this.#forget(field.key);
    this.headers.push(field);
    return this;
  }

  /** Puts a field before the first of the same name, or before all others. */
  prepend(name: string, value: string | number): this {
    const field = makeField(name, value);
    this.#forget(field.key);
    const at = this.headers.findIndex((h) => h.key === field.key);
    this.headers.splice(Math.max(at, 0), 0, field);
    return this;
  }

  /** Removes all fields of that name; says whether there were any. */
  remove(name: string): boolean {
    const key = headerKey(name);
    const kept = this.headers.filter((h) => h.key !== key);
    if (kept.length === this.headers.length) return false;
    this.headers = kept;
    this.#forget(key);
    return true;
  }

  /** Removes the first element of a list field (the top Via, the first Route) and returns it. */
  shift(name: string): string | undefined {
    const key = headerKey(name);
    const at = this.headers.findIndex((h) => h.key === key);
    if (at < 0) return undefined;
    this.#forget(key);
    const elements = splitList(this.headers[at]!.value);
    const first = elements.shift();
    if (elements.length === 0) this.headers.splice(at, 1);
    else this.headers[at] = makeField(this.headers[at]!.name, elements.join(", "));
    return first;
  }

  /** Replaces the first element of a list field, leaving the others as they are. */
  replaceFirst(name: string, value: string): void {
    const key = headerKey(name);
    const at = this.headers.findIndex((h) => h.key === key);
    if (at < 0) {
      this.prepend(name, value);
      return;
    }
    this.#forget(key);
    const old = this.headers[at]!;
    const rest = old.value.includes(",") ? splitList(old.value).slice(1) : [];
    this.headers[at] = makeField(old.name, [value, ...rest].join(", "));
  }

  /** Call-ID; empty when missing. */
  get callId(): string {
    return this.get("call-id") ?? "";
  }
  /** From, or undefined when missing or malformed. */
  get from(): NameAddr | undefined {
    const value = this.get("from");
    return value === undefined ? undefined : tryParseNameAddr(value);
  }
  /** To, or undefined when missing or malformed. */
  get to(): NameAddr | undefined {
    const value = this.get("to");
    return value === undefined ? undefined : tryParseNameAddr(value);
  }
  /** From's tag; empty when there is none. */
  get fromTag(): string {
    const value = this.get("from");
    return (value === undefined ? undefined : tagOf(value)) ?? "";
  }
  /** To's tag; empty when there is none. */
  get toTag(): string {
    const value = this.get("to");
    return (value === undefined ? undefined : tagOf(value)) ?? "";
  }
  /** CSeq, or undefined when missing or malformed. */
  get cseq(): CSeq | undefined {
    if (this.#cseq === undefined) {
      const value = this.get("cseq");
      if (value !== undefined) this.#cseq = parseCSeq(value);
    }
    return this.#cseq;
  }
  /** The topmost Via, or undefined when missing or malformed. */
  get topVia(): Via | undefined {
    if (this.#via === undefined) {
      const value = this.get("via");
      if (value !== undefined) this.#via = tryParseVia(value.includes(",") ? splitList(value)[0]! : value);
    }
    return this.#via;
  }
  /** First Contact, or undefined when missing, `*` or malformed. */
  get contact(): NameAddr | undefined {
    const value = this.list("contact")[0];
    return value === undefined || value === "*" ? undefined : tryParseNameAddr(value);
  }
  /** Content-Length as received, or undefined when missing or malformed. */
  get contentLength(): number | undefined {
    return parseNumber(this.get("content-length"));
  }
  /** Content-Type without parameters, lower-case; empty when there is none. */
  get contentType(): string {
    const value = this.get("content-type") ?? "";
    const semi = value.indexOf(";");
    return (semi < 0 ? value : value.slice(0, semi)).trim().toLowerCase();
  }

  /** Sets body and Content-Type. */
  setBody(body: Buffer | string, contentType?: string): this {
    this.body = typeof body === "string" ? Buffer.from(body, "utf8") : body;
    if (contentType !== undefined) this.set("Content-Type", contentType);
    if (this.body.length === 0) this.remove("content-type");
    return this;
  }

  /** Everything before the body, with the empty line and a correct Content-Length; a byte string. */
  headText(): string {
    let text = `${this.startLine}\r\n`;
    let length = -1;
    for (const h of this.headers) {
      if (h.key === "content-length") {
        if (length >= 0) continue;
        length = this.body.length;
        text += parseNumber(h.value) === length ? `${h.raw ?? `${h.name}: ${h.value}`}\r\n` : `${h.name}: ${length}\r\n`;
      } else text += h.raw === undefined ? `${h.name}: ${h.value}\r\n` : `${h.raw}\r\n`;
    }
    return length < 0 ? `${text}Content-Length: ${this.body.length}\r\n\r\n` : `${text}\r\n`;
  }

  /** The message as bytes. Untouched fields go out as they came in. */
  toBuffer(): Buffer {
    const head = this.headText();
    if (this.body.length === 0) return Buffer.from(head, "latin1");
    const out = Buffer.allocUnsafe(head.length + this.body.length);
    out.write(head, 0, "latin1");
    out.set(this.body, head.length);
    return out;
  }

  /** The message as a byte string, body included. */
  toByteString(): string {
    return this.body.length === 0 ? this.headText() : this.headText() + this.body.toString("latin1");
  }

  #forget(key: string): void {
    if (key === "via") this.#via = undefined;
    else if (key === "cseq") this.#cseq = undefined;
  }

  protected copyInto<T extends SipMessageBase>(copy: T): T {
    copy.headers = this.headers.slice();
    copy.body = this.body;
    copy.defect = this.defect;
    copy.size = this.size;
    return copy;
  }
}

/** A request. */
export class SipRequest extends SipMessageBase {
  readonly kind = "request";
  /** Case-sensitive method. */
  method: string;
  /** Request-URI as text; `requestUri` is it taken apart. */
  uri: string;
  /** `SIP/2.0`, or what was received in its place. */
  version = "SIP/2.0";
  /** The strict router (RFC 2543) to send to, whatever Route says: its URI stands in the Request-URI (RFC 3261 section 12.2.1.1). Never on the wire. */
  strictRouter: Uri | undefined;

  constructor(method: string, uri: string) {
    super();
    this.method = method;
    this.uri = uri;
  }
  override get startLine(): string {
    return `${this.method} ${this.uri} ${this.version}`;
  }
  /** The Request-URI, or undefined when malformed. */
  get requestUri(): Uri | undefined {
    return tryParseUri(this.uri);
  }
  /** A copy; changing it leaves this one alone (bodies are shared). */
  clone(): SipRequest {
    return this.copyInto(Object.assign(new SipRequest(this.method, this.uri), { version: this.version }));
  }
}

/** A response. */
export class SipResponse extends SipMessageBase {
  readonly kind = "response";
  /** 100 … 699. */
  status: number;
  /** Reason phrase; a byte string, may be empty. */
  reason: string;

  constructor(status: number, reason: string = reasonPhrase(status)) {
    super();
    this.status = status;
    this.reason = reason;
  }
  override get startLine(): string {
    return `SIP/2.0 ${this.status} ${this.reason}`;
  }
  clone(): SipResponse {
    return this.copyInto(new SipResponse(this.status, this.reason));
  }
}

export type SipMessage = SipRequest | SipResponse;

function makeField(name: string, value: string | number): HeaderField {
  const key = headerKey(name);
  let text = typeof value === "number" ? String(value) : value;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c > 0xff) {
      text = bytes(text);
      break;
    }
  }
  // A line end in a value would let whoever supplied it write fields of their own.
  if (text.includes("\n") || text.includes("\r")) text = text.replace(/[\r\n]+[ \t]*/g, " ").trim();
  if (name === "" || /[\s:]/.test(name)) throw new ParseError(`not a header name: ${JSON.stringify(name.slice(0, 40))}`);
  return { key, name: name.length === 1 ? name : key === name ? headerSpelling(name) : name, value: text };
}

const reasons: Record<number, string> = {
  100: "Trying",
  180: "Ringing",
  181: "Call Is Being Forwarded",
  182: "Queued",
  183: "Session Progress",
  199: "Early Dialog Terminated",
  200: "OK",
  202: "Accepted",
  204: "No Notification",
  300: "Multiple Choices",
  301: "Moved Permanently",
  302: "Moved Temporarily",
  305: "Use Proxy",
  380: "Alternative Service",
  400: "Bad Request",
  401: "Unauthorized",
  402: "Payment Required",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  406: "Not Acceptable",
  407: "Proxy Authentication Required",
  408: "Request Timeout",
  410: "Gone",
  412: "Conditional Request Failed",
  413: "Request Entity Too Large",
  414: "Request-URI Too Long",
  415: "Unsupported Media Type",
  416: "Unsupported URI Scheme",
  417: "Unknown Resource-Priority",
  420: "Bad Extension",
  421: "Extension Required",
  422: "Session Interval Too Small",
  423: "Interval Too Brief",
  428: "Use Identity Header",
  429: "Provide Referrer Identity",
  430: "Flow Failed",
  433: "Anonymity Disallowed",
  436: "Bad Identity-Info",
  437: "Unsupported Certificate",
  438: "Invalid Identity Header",
  439: "First Hop Lacks Outbound Support",
  440: "Max-Breadth Exceeded",
  469: "Bad Info Package",
  470: "Consent Needed",
  480: "Temporarily Unavailable",
  481: "Call/Transaction Does Not Exist",
  482: "Loop Detected",
  483: "Too Many Hops",
  484: "Address Incomplete",
  485: "Ambiguous",
  486: "Busy Here",
  487: "Request Terminated",
  488: "Not Acceptable Here",
  489: "Bad Event",
  491: "Request Pending",
  493: "Undecipherable",
  494: "Security Agreement Required",
  500: "Server Internal Error",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Server Time-out",
  505: "Version Not Supported",
  513: "Message Too Large",
  555: "Push Notification Service Not Supported",
  580: "Precondition Failure",
  600: "Busy Everywhere",
  603: "Decline",
  604: "Does Not Exist Anywhere",
  606: "Not Acceptable",
  607: "Unwanted",
  608: "Rejected",
};

/** The usual reason phrase of a status; empty when it has none. */
function reasonPhrase(status: number): string {
  return reasons[status] ?? "";
}

/**
 * A response to a request with the fields every response copies: all Via, From, To, Call-ID, CSeq (RFC 3261 section 8.2.6.2),
 * and for 100 the Timestamp. `toTag` is added unless the request's To has a tag or the status is 100.
 */
export function createResponse(request: SipRequest, status: number, reason?: string, toTag?: string): SipResponse {
  const response = new SipResponse(status, reason ?? reasonPhrase(status));
  const copied = response.headers;
  for (const h of request.headers) {
    switch (h.key) {
      case "to":
        if (toTag !== undefined && status !== 100 && tagOf(h.value) === undefined) {
          // Without brackets a parameter would belong to the field either way (section 20.10), so appending is right for both forms.
          copied.push({ key: "to", name: h.name, value: `${h.value};tag=${toTag}` });
          break;
        }
        copied.push(h);
        break;
      case "via":
      case "from":
      case "call-id":
      case "cseq":
        copied.push(h);
        break;
      case "timestamp":
        if (status === 100) copied.push(h);
        break;
    }
  }
  return response;
}
