import { BlockList, isIP } from "node:net";
import { groupsOf, plainAddress } from "../base/ip-address.ts";

/** A network as it is compared: IPv4 by its own bits, however it is written. Undefined for what is no network. */
function readNetwork(network: string): { readonly address: string; readonly bits: number; readonly family: 4 | 6 } | undefined {
  const [base = "", prefix] = network.split("/");
  const address = plainAddress(base);
  const family = isIP(address);
  if (family === 0 || (prefix !== undefined && !/^\d{1,3}$/.test(prefix))) return undefined;
  const most = family === 4 ? 32 : 128;
  // the prefix of a mapped address counts the 96 bits before it
  const mapped = family === 4 && base.includes(":") ? 96 : 0;
  const bits = prefix === undefined ? most : Number(prefix) - mapped;
  return bits < 0 || bits > most ? undefined : { address, bits, family: family as 4 | 6 };
}

export const isNetwork = (network: string): boolean => readNetwork(network) !== undefined;

/** Networks in CIDR notation, IPv4 and IPv6; a bare address is a network of one. */
export class Networks {
  readonly #list = new BlockList();
  readonly size: number;

  /** Throws RangeError naming the entry that is no network. */
  constructor(networks: readonly string[]) {
    this.size = networks.length;
    for (const network of networks) {
      const read = readNetwork(network);
      if (read === undefined) throw new RangeError(`${network} is no network`);
      this.#list.addSubnet(read.address, read.bits, read.family === 4 ? "ipv4" : "ipv6");
    }
  }

  contains(address: string): boolean {
    const plain = plainAddress(address);
    const family = isIP(plain);
    return family !== 0 && this.#list.check(plain, family === 4 ? "ipv4" : "ipv6");
  }
}

/** First and last address of a network, as numbers of their family; no range is of both. */
interface Range {
  readonly family: 4 | 6;
  readonly from: bigint;
  readonly to: bigint;
}

function rangeOf(network: string): Range {
  const read = readNetwork(network);
  if (read === undefined) throw new RangeError(`${network} is no network`);
  const { address, bits, family } = read;
  const host = BigInt((family === 4 ? 32 : 128) - bits);
  const number = family === 4 ? numberOf(address.split(".").map(Number), 8n) : numberOf(groupsOf(address) ?? [], 16n);
  const from = (number >> host) << host;
  return { family, from, to: from + (1n << host) - 1n };
}

const numberOf = (parts: readonly number[], bits: bigint): bigint => parts.reduce((sum, part) => (sum << bits) | BigInt(part), 0n);

/** How much of a network is within others, taken together. Throws RangeError for what is no network. */
export function coverage(network: string, others: readonly string[]): "all" | "part" | "none" {
  const { family, from, to } = rangeOf(network);
  const within = others
    .map(rangeOf)
    .filter((other) => other.family === family && other.from <= to && other.to >= from)
    .sort((a, b) => (a.from < b.from ? -1 : 1));
  if (within.length === 0) return "none";
  let next = from;
  for (const other of within) {
    if (other.from > next) return "part";
    if (other.to >= next) next = other.to + 1n;
  }
  return next > to ? "all" : "part";
}
