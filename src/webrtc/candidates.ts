import { isIP } from "node:net";

/** A candidate of ours (RFC 8839 section 5.1), as far as we look into it. */
export interface Candidate {
  readonly foundation: string;
  readonly priority: number;
  readonly address: string;
  readonly port: number;
  readonly type: string;
}

export function readCandidate(text: string): Candidate | undefined {
  const [, foundation, priority, address, port, type] = /^candidate:(\S{1,32}) 1 udp (\d+) (\S+) (\d+) typ (\S+)/i.exec(text) ?? [];
  if (type === undefined) return undefined;
  return { foundation: foundation!, priority: Number(priority), address: address!, port: Number(port), type };
}

/** A host candidate as the outside sees it, behind a NAT that maps ports one to one (RFC 8839 section 5.1); null where there is no other. */
export function advertised(candidate: string, advertise: string | null): string | null {
  const [foundation, component, transport, priority, address, port, , type, ...rest] = candidate.split(" ");
  if (advertise === null || type !== "host" || address === undefined || address === advertise) return null;
  if (isIP(advertise) === 0 || isIP(advertise) !== isIP(address)) return null;
  return [`${foundation}9`, component, transport, priority, advertise, port, "typ", "host", ...rest].join(" ");
}

/** The same host by the detour's port, behind everything else in order of preference: by UDP where that is asked for, and by TCP (RFC 6544). */
export function detours({ foundation, address, type }: Candidate, port: number, udp: boolean): string[] {
  if (type !== "host") return [];
  const by = (digit: number, transport: string, preference: number, rest: string): string =>
    `candidate:${foundation}${digit} 1 ${transport} ${preference * 2 ** 24 + 65_535 * 256 + 255} ${address} ${port} typ host${rest}`;
  return [...(udp ? [by(7, "UDP", 80, "")] : []), by(8, "TCP", 60, " tcptype passive")];
}
