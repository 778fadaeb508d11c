import type { TransportAddress as H225Address } from "../wire/h225/index.ts";
import type { TransportAddress as H245Address } from "../wire/h245/index.ts";

/** An IP address literal (v4 or v6, no brackets) and a port. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Where RAS comes from and goes to: by UDP, or inside the TCP connection of that number (H.460.17). */
export interface RasAddress extends Address {
  readonly connection?: number;
}

/** Whether an address that a peer at `from` says of itself leads to it: not its own loopback, not any. */
export function leadsBack({ host }: Address, from: Address): boolean {
  const inward = (address: string) => address === "::1" || address.startsWith("127.");
  return host !== "0.0.0.0" && host !== "::" && (!inward(host) || inward(from.host));
}

/** Octets of an IP address literal: 4 or 16. Throws RangeError on anything else. */
export function ipOctets(host: string): Uint8Array {
  if (/^\d{1,3}(\.\d{1,3}){3}$/.test(host)) {
    const octets = host.split(".").map(Number);
    if (octets.every((o) => o < 256)) return Uint8Array.from(octets);
  }
  const [head = "", tail, ...more] = host.split("::");
  const groups = (text: string) => (text === "" ? [] : text.split(":"));
  const front = groups(head);
  const back = groups(tail ?? "");
  const missing = 8 - front.length - back.length;
  const all = tail === undefined ? front : [...front, ...Array.from({ length: Math.max(0, missing) }, () => "0"), ...back];
  if (more.length > 0 || all.length !== 8 || all.some((g) => !/^[0-9a-fA-F]{1,4}$/.test(g)))
    throw new RangeError(`"${host}" is not an IP address`);
  return Uint8Array.from(all.flatMap((g) => [Number.parseInt(g, 16) >>> 8, Number.parseInt(g, 16) & 0xff]));
}

/** Literal of 4 or 16 octets. */
export function ipText(octets: Uint8Array): string {
  if (octets.length === 4) return [...octets].join(".");
  const groups = Array.from({ length: 8 }, (_, i) => ((octets[i * 2]! << 8) | octets[i * 2 + 1]!).toString(16));
  // RFC 5952 section 4.2: the longest run of zero groups, two or more, is left out.
  let [from, length] = [0, 1];
  for (let i = 0; i < 8; i++) {
    let end = i;
    while (groups[end] === "0") end++;
    if (end - i > length) [from, length] = [i, end - i];
  }
  return length === 1 ? groups.join(":") : `${groups.slice(0, from).join(":")}::${groups.slice(from + length).join(":")}`;
}

/** Which of two addresses is numerically smaller, octet by octet, then by port: negative when `a` is (H.323 8.2 settles who keeps its connection by that). */
export function compareAddresses(a: Address, b: Address): number {
  return Buffer.compare(ipOctets(a.host), ipOctets(b.host)) || a.port - b.port;
}

export function toH225({ host, port }: Address): H225Address {
  const ip = ipOctets(host);
  return ip.length === 4 ? { ipAddress: { ip, port } } : { ip6Address: { ip, port } };
}

/** Undefined for addresses of other networks. */
export function fromH225(address: H225Address | undefined): Address | undefined {
  const ip = address?.ipAddress ?? address?.ip6Address;
  return ip === undefined ? undefined : { host: ipText(ip.ip), port: ip.port };
}

export function toH245({ host, port }: Address): H245Address {
  const network = ipOctets(host);
  return {
    unicastAddress:
      network.length === 4 ? { iPAddress: { network, tsapIdentifier: port } } : { iP6Address: { network, tsapIdentifier: port } },
  };
}

export function fromH245(address: H245Address | undefined): Address | undefined {
  const ip = address?.unicastAddress?.iPAddress ?? address?.unicastAddress?.iP6Address;
  return ip === undefined ? undefined : { host: ipText(ip.network), port: ip.tsapIdentifier };
}
