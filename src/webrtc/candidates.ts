import { isIP } from "node:net";

/** A host candidate as the outside sees it, behind a NAT that maps ports one to one (RFC 8839 section 5.1); null where there is no other. */
export function advertised(candidate: string, advertise: string | null): string | null {
  const [foundation, component, transport, priority, address, port, , type] = candidate.split(" ");
  if (advertise === null || type !== "host" || address === undefined || address === advertise) return null;
  if (isIP(advertise) === 0 || isIP(advertise) !== isIP(address)) return null;
  return `${foundation}9 ${component} ${transport} ${priority} ${advertise} ${port} typ host`;
}
