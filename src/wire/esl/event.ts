import { encodeValue } from "./encoding.ts";

/** How events are written to a client: `event plain|json|xml`. */
export type EslFormat = "plain" | "json" | "xml";

/** An event, or the data of a channel: ordered headers and perhaps a body. */
export class EslEvent {
  readonly headers = new Map<string, string>();
  body: string | undefined;
  // Events go to many connections: each form is made once.
  #json: string | undefined;
  #plain: string | undefined;

  constructor(headers: Iterable<readonly [string, string]> = []) {
    for (const [name, value] of headers) this.headers.set(name, value);
  }

  /** Event-Name, or "". */
  get name(): string {
    return this.headers.get("Event-Name") ?? "";
  }

  /** Event-Subclass, or "". */
  get subclass(): string {
    return this.headers.get("Event-Subclass") ?? "";
  }

  /** Sets a header (the last value wins); undefined is ignored. */
  set(name: string, value: string | number | boolean | undefined): this {
    if (value !== undefined) this.headers.set(name, String(value));
    this.#json = this.#plain = undefined;
    return this;
  }

  /** A header by name; case does not matter, as in FreeSWITCH. */
  get(name: string): string | undefined {
    const exact = this.headers.get(name);
    if (exact !== undefined) return exact;
    const wanted = name.toLowerCase();
    for (const [key, value] of this.headers) if (key.toLowerCase() === wanted) return value;
    return undefined;
  }

  /** `Name: value` lines, values percent-encoded, a blank line, the body. */
  toPlain(): string {
    if (this.#plain !== undefined) return this.#plain;
    let text = "";
    for (const [name, value] of this.headers) text += `${name}: ${encodeValue(value)}\n`;
    if (this.body !== undefined) text += `Content-Length: ${Buffer.byteLength(this.body)}\n\n${this.body}`;
    else text += "\n";
    this.#plain = text;
    return text;
  }

  /** One JSON object; the body is `_body`. */
  toJson(): string {
    if (this.#json !== undefined) return this.#json;
    const object: Record<string, string> = Object.create(null) as Record<string, string>;
    for (const [name, value] of this.headers) object[name] = value;
    if (this.body !== undefined) {
      object["Content-Length"] = String(Buffer.byteLength(this.body));
      object["_body"] = this.body;
    }
    this.#json = JSON.stringify(object);
    return this.#json;
  }

  /** `<event><headers>…</headers><body>…</body></event>`, header values percent-encoded as FreeSWITCH does. */
  toXml(): string {
    let text = "<event>\n  <headers>\n";
    for (const [name, value] of this.headers) text += `    <${name}>${xml(encodeValue(value))}</${name}>\n`;
    text += "  </headers>\n";
    if (this.body !== undefined)
      text += `  <Content-Length>${Buffer.byteLength(this.body)}</Content-Length>\n  <body>${xml(this.body)}</body>\n`;
    return `${text}</event>\n`;
  }

  /** The event in the given form, without the frame around it. */
  serialize(format: EslFormat): string {
    if (format === "json") return this.toJson();
    return format === "xml" ? this.toXml() : this.toPlain();
  }
}

function xml(text: string): string {
  return text.replace(/[&<>"]/g, (c) => (c === "&" ? "&amp;" : c === "<" ? "&lt;" : c === ">" ? "&gt;" : "&quot;"));
}
