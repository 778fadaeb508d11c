import { BlockList, isIP } from "node:net";
import { plainAddress } from "../base/ip-address.ts";

/** Networks in CIDR notation, IPv4 and IPv6; a bare address is a network of one. */
export class Networks {
  readonly #list = new BlockList();
  readonly size: number;

  /** Throws RangeError naming the entry that is no network. */
  constructor(networks: readonly string[]) {
    this.size = networks.length;
    for (const network of networks) {
      const [base = "", prefix] = network.split("/");
      const address = plainAddress(base);
      const family = isIP(address);
      const bits = prefix === undefined ? (family === 4 ? 32 : 128) : Number(prefix);
      const whole = prefix === undefined || /^\d{1,3}$/.test(prefix);
      if (family === 0 || !whole || bits > (family === 4 ? 32 : 128)) throw new RangeError(`${network} is no network`);
      this.#list.addSubnet(address, bits, family === 4 ? "ipv4" : "ipv6");
    }
  }

  contains(address: string): boolean {
    const plain = plainAddress(address);
    const family = isIP(plain);
    return family !== 0 && this.#list.check(plain, family === 4 ? "ipv4" : "ipv6");
  }
}
