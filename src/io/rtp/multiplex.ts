/** One pair of UDP ports on which many calls are received, told apart by a number before each packet (H.460.19). */
import { randomInt } from "node:crypto";
import { type Address, demultiplexed, type LineMedia } from "../../h323/index.ts";
import { bindFixed, closePair, type MediaKind, type PortPair } from "./port-pairs.ts";

type Receiver = (packet: Uint8Array, kind: MediaKind, from: { readonly address: string; readonly port: number }) => void;

export class MultiplexPort {
  readonly #pair: PortPair;
  readonly #host: string;
  readonly #members = new Map<number, Receiver>();
  #strays = 0;

  constructor(pair: PortPair, host: string) {
    this.#pair = pair;
    this.#host = host;
    for (const kind of ["rtp", "rtcp"] as const)
      pair[kind].on("message", (datagram, from) => {
        const parts = demultiplexed(datagram);
        const member = parts && this.#members.get(parts.id);
        if (parts === undefined || member === undefined) this.#strays++;
        else member(parts.packet, kind, from);
      });
  }

  /** What far ends are told. */
  get media(): LineMedia {
    const at = (port: number): Address => ({ host: this.#host, port });
    return { rtp: at(this.#pair.port), rtcp: at(this.#pair.port + 1) };
  }
  /** Datagrams for nobody. */
  get strays(): number {
    return this.#strays;
  }

  /** A number nobody has and nobody can guess soon; packets that carry it go to `receiver`. It cannot be the beginning of RTP or RTCP, whose first bit is set. */
  join(receiver: Receiver): number {
    let id = randomInt(1, 2 ** 31);
    while (this.#members.has(id)) id = randomInt(1, 2 ** 31);
    this.#members.set(id, receiver);
    return id;
  }
  leave(id: number): void {
    this.#members.delete(id);
  }
  send(datagram: Uint8Array, kind: MediaKind, port: number, host: string): void {
    this.#pair[kind].send(datagram, port, host);
  }
  close(): void {
    this.#members.clear();
    closePair(this.#pair);
  }
}

/** Binds `port` for RTP and the next for RTCP; 0 for any free. Rejects when they are taken. */
export async function openMultiplexPort(host: string, port: number, advertise = host): Promise<MultiplexPort> {
  return new MultiplexPort(await bindFixed(host, port), advertise);
}
