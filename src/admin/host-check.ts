import { isIP } from "node:net";

/**
 * Names by which the web port may be asked for. A page of another site whose name is made to point here (DNS rebinding) sends that name as Host, and is of the same
 * origin as we are for its browser. Addresses are always good: no other site has them in its address bar.
 */
export class HostCheck {
  readonly #names: ReadonlySet<string>;

  /** Names and `*.example.com`, without ports. */
  constructor(names: readonly string[]) {
    this.#names = new Set(["localhost", ...names.map((name) => plainHost(name) ?? "")].filter((name) => name !== ""));
  }

  /** `host` is the Host field; absent in HTTP/1.0 only, which no browser speaks. */
  allows(host: string | undefined): boolean {
    if (host === undefined) return true;
    const name = plainHost(host);
    if (name === null) return false;
    if (isIP(name) !== 0 || this.#names.has(name)) return true;
    const dot = name.indexOf(".");
    return dot > 0 && this.#names.has(`*${name.slice(dot)}`);
  }
}

/** Name or address of `name`, `name:port`, `[2001:db8::1]:port`; null for what is no Host field (RFC 9110 section 7.2). */
function plainHost(host: string): string | null {
  if (host.length > 262) return null;
  let name = host.toLowerCase();
  let port = "";
  if (name.startsWith("[")) {
    const end = name.indexOf("]");
    if (end < 0) return null;
    port = name.slice(end + 1);
    name = name.slice(1, end);
    if (isIP(name) !== 6) return null;
  } else if (isIP(name) !== 6) {
    const colon = name.indexOf(":");
    if (colon >= 0) [name, port] = [name.slice(0, colon), name.slice(colon)];
  }
  if (port !== "" && (!/^:\d{0,5}$/.test(port) || Number(port.slice(1)) > 65_535)) return null;
  if (name.endsWith(".")) name = name.slice(0, -1);
  return name === "" || !/^[a-z0-9.:*_-]+$/.test(name) ? null : name;
}
