/** IP addresses as text: one spelling for each, and the source that limits and bans count by. */

/** One spelling: no brackets, no zone, lower case, IPv4 out of its IPv6 mapping (`::ffff:192.0.2.1`, `::ffff:c000:201`). */
export function plainAddress(address: string): string {
  if (!address.includes(":")) return address;
  let bare = address.startsWith("[") && address.endsWith("]") ? address.slice(1, -1) : address;
  const zone = bare.indexOf("%");
  if (zone >= 0) bare = bare.slice(0, zone);
  const groups = groupsOf(bare);
  if (groups?.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    const [high, low] = [groups[6]!, groups[7]!];
    return `${high >> 8}.${high & 0xff}.${low >> 8}.${low & 0xff}`;
  }
  return bare.toLowerCase();
}

/**
 * The source that limits and bans count by: an IPv4 address, or the /64 of an IPv6 address (`2001:db8:0:1::/64`), since one host has a whole /64.
 * A network that is a source already, and text that is no address, are left as they are.
 */
export function sourceOf(address: string): string {
  if (!address.includes(":") || address.includes("/")) return address;
  const plain = plainAddress(address);
  if (!plain.includes(":")) return plain;
  const groups = groupsOf(plain);
  if (groups === undefined) return plain;
  const network = groups.slice(0, 4);
  while (network.length > 0 && network.at(-1) === 0) network.pop();
  return `${network.map((group) => group.toString(16)).join(":")}::/64`;
}

/** The eight groups of an IPv6 address; undefined where the text is none. */
export function groupsOf(address: string): number[] | undefined {
  if (address.length > 45) return undefined;
  const gap = address.indexOf("::");
  const head = readGroups(gap < 0 ? address : address.slice(0, gap), gap < 0);
  const tail = gap < 0 ? [] : readGroups(address.slice(gap + 2), true);
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (gap < 0 ? missing !== 0 : missing < 1) return undefined;
  return [...head, ...new Array<number>(missing).fill(0), ...tail];
}

/** Groups of one side of `::`; the last may be an IPv4 address where `dotted`. */
function readGroups(text: string, dotted: boolean): number[] | undefined {
  if (text === "") return [];
  const out: number[] = [];
  const parts = text.split(":");
  for (const [i, part] of parts.entries()) {
    if (dotted && i === parts.length - 1 && part.includes(".")) {
      const octets = part.split(".").map((octet) => (/^\d{1,3}$/.test(octet) ? Number(octet) : 256));
      if (octets.length !== 4 || octets.some((octet) => octet > 255)) return undefined;
      out.push(octets[0]! * 256 + octets[1]!, octets[2]! * 256 + octets[3]!);
    } else if (/^[0-9a-f]{1,4}$/i.test(part)) out.push(Number.parseInt(part, 16));
    else return undefined;
  }
  return out;
}

/**
 * An IP address in the one form in which two spellings of it are the same text: lower case, the shortest notation (RFC 5952), without brackets and zone,
 * IPv4 out of its IPv6 mapping. What is no IPv6 address comes back in lower case.
 */
export function canonicalAddress(address: string): string {
  if (!address.includes(":")) return address.toLowerCase();
  const open = address.startsWith("[") ? 1 : 0;
  let end = address.endsWith("]") ? address.length - 1 : address.length;
  const zone = address.indexOf("%");
  if (zone !== -1 && zone < end) end = zone;
  const bare = address.slice(open, end);
  if (!URL.canParse(`http://[${bare}]`)) return bare.toLowerCase();
  const canonical = new URL(`http://[${bare}]`).hostname.slice(1, -1);
  if (!canonical.startsWith("::ffff:")) return canonical;
  const [high, low, more] = canonical.slice("::ffff:".length).split(":");
  if (high === undefined || low === undefined || more !== undefined) return canonical;
  const [a, b] = [Number.parseInt(high, 16), Number.parseInt(low, 16)];
  return `${a >> 8}.${a & 0xff}.${b >> 8}.${b & 0xff}`;
}
