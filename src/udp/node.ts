import type { Socket } from "node:dgram";
import { bindSocket } from "../io/rtp/port-pairs.ts";
import { isPort, type TakeDatagram, type Udp, type UdpSocket } from "./port.ts";

/** Sockets of node:dgram, on every platform. */
export class NodeUdp implements Udp {
  readonly kind = "node";
  readonly aead = undefined;
  readonly #sockets = new Set<NodeSocket>();

  async bind(host: string, port: number, buffer?: number): Promise<UdpSocket | undefined> {
    const bound = await bindSocket(host, port, buffer);
    if (!bound) return undefined;
    const socket = new NodeSocket(bound, () => this.#sockets.delete(socket));
    this.#sockets.add(socket);
    return socket;
  }

  look(): void {}

  memory(size: number): Buffer {
    return Buffer.alloc(size);
  }

  close(): void {
    for (const socket of [...this.#sockets]) socket.close();
  }
}

class NodeSocket implements UdpSocket {
  readonly port: number;
  readonly #socket: Socket;
  readonly #closing: () => void;
  #open = true;

  constructor(socket: Socket, closing: () => void) {
    this.#socket = socket;
    this.#closing = closing;
    this.port = socket.address().port;
  }

  receive(take: TakeDatagram): void {
    this.#socket.on("message", (datagram, from) => {
      if (this.#open) take(datagram, from.address, from.port);
    });
  }

  send(datagram: Buffer, port: number, address: string): boolean {
    if (!this.#open || !isPort(port)) return false;
    this.#socket.send(datagram, port, address);
    return this.#socket.getSendQueueCount() > 0;
  }

  close(closed?: () => void): void {
    if (!this.#open) {
      if (closed) setImmediate(closed);
      return;
    }
    this.#open = false;
    this.#closing();
    this.#socket.close(closed);
  }
}
