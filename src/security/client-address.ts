import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import { plainAddress } from "../base/ip-address.ts";
import { Networks } from "./networks.ts";

/** Where an HTTP request comes from, as far as that can be believed. */
export interface ClientAddress {
  /** The client's IP address; the proxy's where it says nothing usable. */
  readonly address: string;
  /** Whether the client itself speaks TLS, to us or to a trusted proxy. */
  readonly secure: boolean;
  /** Whether a proxy that is not trusted says that it forwards for somebody: `address` is then the proxy's. */
  readonly forwarded: boolean;
  /** Whether the connection is a trusted proxy's, and `address` another's. */
  readonly proxied: boolean;
}

/** More hops than any path of proxies has. */
const MAX_HOPS = 32;

/**
 * The addresses of HTTP clients behind proxies (`web.trustedProxies`). `X-Forwarded-For` and `Forwarded` (RFC 7239) are believed from trusted proxies only, and
 * read from the right: each proxy adds the address of its own client at the end, so the first address that is no trusted proxy is the client.
 */
export class ClientAddresses {
  readonly #trusted: Networks;

  /** Throws RangeError for what is no network. */
  constructor(trustedProxies: readonly string[]) {
    this.#trusted = new Networks(trustedProxies);
  }

  /** Whether an address is a trusted proxy's: of its clients it says where they are. */
  isProxy(address: string): boolean {
    return this.#trusted.contains(address);
  }

  of(request: IncomingMessage): ClientAddress {
    const peer = plainAddress(request.socket.remoteAddress ?? "");
    const encrypted = (request.socket as { encrypted?: boolean }).encrypted === true;
    const forwardedFor = joined(request.headers["x-forwarded-for"]);
    const forwarded = joined(request.headers.forwarded);
    const says = forwardedFor !== null || forwarded !== null || request.headers.via !== undefined;
    if (!this.#trusted.contains(peer)) return { address: peer, secure: encrypted, forwarded: says, proxied: false };
    const byList = forwardedFor === null ? null : this.#client(forwardedFor.split(","), peer);
    const byField = forwarded === null ? null : this.#client(forwarded === "" ? [] : forwardedNodes(forwarded), peer);
    // A proxy writes one of the two fields and may pass the other on as its client wrote it: where they differ, neither is believed.
    const address = byList !== null && byField !== null && byList !== byField ? peer : (byList ?? byField ?? peer);
    const scheme = joined(request.headers["x-forwarded-proto"])?.split(",").at(-1)?.trim().toLowerCase();
    return { address, secure: encrypted || scheme === "https", forwarded: false, proxied: address !== peer };
  }

  #client(hops: readonly string[], peer: string): string {
    let client = peer;
    for (const hop of hops.slice(-MAX_HOPS).toReversed()) {
      const address = addressOf(hop.trim());
      // "unknown", "_hidden" (RFC 7239 section 6) or nonsense: what lies further left is nobody's word
      if (address === null) return client;
      client = address;
      if (!this.#trusted.contains(address)) return client;
    }
    return client;
  }
}

function joined(field: string | readonly string[] | undefined): string | null {
  if (field === undefined) return null;
  return typeof field === "string" ? field : field.join(",");
}

/** `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]:4711`; null for anything else. */
function addressOf(node: string): string | null {
  let host = node;
  if (host.startsWith("[")) {
    const end = host.indexOf("]");
    if (end < 0) return null;
    host = host.slice(1, end);
  } else if (host.indexOf(":") === host.lastIndexOf(":") && host.includes(":")) host = host.slice(0, host.indexOf(":"));
  return isIP(host) === 0 ? null : plainAddress(host);
}

/** The `for` node of each element of a Forwarded field, in order; an empty string where an element has none or cannot be read. */
function forwardedNodes(field: string): string[] {
  const nodes: string[] = [];
  let at = 0;
  while (at <= field.length) {
    let node = "";
    // one element: pairs separated by semicolons
    for (;;) {
      const equals = next(field, at, "=;,");
      const name = field.slice(at, equals).trim().toLowerCase();
      at = equals;
      if (field[at] === "=") {
        const { value, end } = readValue(field, at + 1);
        if (name === "for") node = value;
        at = next(field, end, ";,");
      }
      if (field[at] !== ";") break;
      at++;
    }
    nodes.push(node);
    at++;
  }
  return nodes;
}

/** A token or a quoted string (RFC 9110 section 5.6.4). */
function readValue(field: string, start: number): { value: string; end: number } {
  if (field[start] !== '"') {
    const end = next(field, start, ";,");
    return { value: field.slice(start, end).trim(), end };
  }
  let value = "";
  let at = start + 1;
  for (; at < field.length && field[at] !== '"'; at++) {
    if (field[at] === "\\") at++;
    value += field[at] ?? "";
  }
  return { value, end: at + 1 };
}

/** Where one of these characters is next; the end where none is. */
function next(text: string, from: number, characters: string): number {
  let at = from;
  while (at < text.length && !characters.includes(text[at]!)) at++;
  return at;
}
