/** Handshakes under way: how many, whose, and the end of those that take too long or stand in the way of others. */
import type { Socket } from "node:net";
import { plainAddress, sourceOf } from "./addresses.ts";

export interface HandshakeLimits {
  /** A handshake is given so many ms. */
  readonly timeout: number;
  /** Under way in all. */
  readonly most: number;
  /** Of one source, an IPv4 address or IPv6 /64. */
  readonly perSource: number;
  /** Of all addresses together that are no trunk's: the rest of the places is for trunks. */
  readonly strangers: number;
  readonly isTrunk: (address: string) => boolean;
}

interface Begun {
  readonly source: string;
  readonly trunk: boolean;
}

/**
 * Nobody is turned away: where there are too many, the oldest of the source that has most is given up. A peer that means it is done long before its turn
 * comes; one that opens connections to hold them only displaces its own.
 */
export class Handshakes {
  readonly #limits: HandshakeLimits;
  readonly #begun = new Map<Socket, Begun>();
  /** The sockets of each source, the oldest first. */
  readonly #sources = new Map<string, Set<Socket>>();
  #strangers = 0;
  /** Given up for others, since the start. */
  evicted = 0;

  constructor(limits: HandshakeLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#begun.size;
  }

  /** One begins: its socket is closed when it is not {@link done} in time, or when others need its place. */
  begin(socket: Socket, from: { readonly address: string } = { address: plainAddress(socket.remoteAddress ?? "") }): void {
    const { timeout, most, perSource, strangers, isTrunk } = this.#limits;
    const source = sourceOf(from.address);
    const trunk = isTrunk(from.address);
    const own = this.#sources.get(source);
    if (own !== undefined && own.size >= perSource) this.#evict(own);
    else if (!trunk && this.#strangers >= strangers) this.#evict(this.#heaviest(true));
    else if (this.#begun.size >= most) this.#evict(this.#heaviest(this.#strangers > 0));
    this.#begun.set(socket, { source, trunk });
    const sockets = this.#sources.get(source) ?? new Set();
    this.#sources.set(source, sockets.add(socket));
    if (!trunk) this.#strangers++;
    const timer = setTimeout(() => {
      if (this.#begun.has(socket)) socket.destroy();
    }, timeout);
    timer.unref();
    socket.once("close", () => {
      clearTimeout(timer);
      this.#end(socket);
    });
  }

  /** The same connection may be known by another socket: TLS hands on one of its own. */
  done(socket: Socket): void {
    if (this.#end(socket)) return;
    const source = sourceOf(plainAddress(socket.remoteAddress ?? ""));
    for (const begun of this.#sources.get(source) ?? [])
      if (begun.remotePort === socket.remotePort && begun.remoteAddress === socket.remoteAddress) {
        this.#end(begun);
        return;
      }
  }

  close(): void {
    for (const socket of [...this.#begun.keys()]) socket.destroy();
  }

  #end(socket: Socket): boolean {
    const begun = this.#begun.get(socket);
    if (begun === undefined) return false;
    this.#begun.delete(socket);
    if (!begun.trunk) this.#strangers--;
    const sockets = this.#sources.get(begun.source);
    sockets?.delete(socket);
    if (sockets?.size === 0) this.#sources.delete(begun.source);
    return true;
  }

  #evict(sockets: ReadonlySet<Socket> | undefined): void {
    const oldest = sockets?.values().next().value;
    if (oldest === undefined) return;
    this.evicted++;
    this.#end(oldest);
    oldest.destroy();
  }

  /** The source with most handshakes, of strangers only where there are any. */
  #heaviest(strangersOnly: boolean): ReadonlySet<Socket> | undefined {
    let heaviest: Set<Socket> | undefined;
    for (const sockets of this.#sources.values()) {
      if (heaviest !== undefined && sockets.size <= heaviest.size) continue;
      if (strangersOnly && this.#begun.get(sockets.values().next().value!)?.trunk === true) continue;
      heaviest = sockets;
    }
    return heaviest;
  }
}
