import { type Arena, AT } from "./arena.ts";
import { type Functions, Linux } from "./library.ts";

const TEXT_ROOM = 64;
const SOCKADDR_IN = 16;
const SOCKADDR_IN6 = 28;

/** An address as the kernel has it: family, and its bytes as words in memory order. */
export interface NativeAddress {
  readonly family: number;
  readonly words: Int32Array;
  readonly scope: number;
}

/** Between addresses as text and the two places in the arena where the kernel reads and writes them. */
export class Addresses {
  readonly #c: Functions;
  readonly #arena: Arena;

  constructor(c: Functions, arena: Arena) {
    this.#c = c;
    this.#arena = arena;
  }

  /** Undefined for what is no numeric address. */
  parse(text: string): NativeAddress | undefined {
    const [host = "", zone] = text.split("%", 2);
    const family = host.includes(":") ? Linux.AF_INET6 : Linux.AF_INET;
    let scope = 0;
    if (zone !== undefined) {
      if (!this.#putText(zone)) return undefined;
      scope = /^\d+$/.test(zone) ? Number(zone) : this.#c.if_nametoindex(this.#arena.at(AT.text));
    }
    if (!this.#putText(host) || this.#c.inet_pton(family, this.#arena.at(AT.text), this.#arena.at(AT.from)) !== 1) return undefined;
    return { family, words: this.#arena.words.slice(AT.from / 4, AT.from / 4 + (family === Linux.AF_INET ? 1 : 4)), scope };
  }

  /** Writes a socket address at `place`; returns its length. */
  write({ family, words, scope }: NativeAddress, port: number, place: number): number {
    const all = this.#arena.words;
    const at = place / 4;
    all[at] = family | ((((port & 0xff) << 8) | (port >>> 8)) << 16);
    if (family === Linux.AF_INET) {
      all[at + 1] = words[0]!;
      all[at + 2] = all[at + 3] = 0;
      return SOCKADDR_IN;
    }
    all[at + 1] = 0;
    for (let i = 0; i < 4; i++) all[at + 2 + i] = words[i]!;
    all[at + 6] = scope;
    return SOCKADDR_IN6;
  }

  /** The port of the socket address at {@link AT.from}. */
  get port(): number {
    const { bytes } = this.#arena;
    return (bytes[AT.from + 2]! << 8) | bytes[AT.from + 3]!;
  }

  /** The text of the address there, as the C library writes it. */
  format(): string {
    const { bytes, words } = this.#arena;
    const six = bytes[AT.from] === Linux.AF_INET6;
    const address = this.#arena.at(AT.from + (six ? 8 : 4));
    if (this.#c.inet_ntop(six ? Linux.AF_INET6 : Linux.AF_INET, address, this.#arena.at(AT.text), TEXT_ROOM) === 0) return "";
    const text = this.#text();
    const scope = six ? words[AT.from / 4 + 6]! : 0;
    if (scope === 0 || this.#c.if_indextoname(scope, this.#arena.at(AT.text)) === 0) return text;
    return `${text}%${this.#text()}`;
  }

  #text(): string {
    const { bytes } = this.#arena;
    const end = bytes.indexOf(0, AT.text);
    return bytes.toString("latin1", AT.text, Math.min(end < 0 ? AT.text : end, AT.text + TEXT_ROOM));
  }

  #putText(text: string): boolean {
    if (!/^[\x21-\x7e]{1,63}$/.test(text)) return false;
    const { bytes } = this.#arena;
    bytes.write(text, AT.text, "latin1");
    bytes[AT.text + text.length] = 0;
    return true;
  }
}
