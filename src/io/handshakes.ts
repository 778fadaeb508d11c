/** Handshakes under way: how many, whose, and the end of those that take too long. */
import type { Socket } from "node:net";
import { plainAddress } from "./addresses.ts";

export class Handshakes {
  readonly #timeout: number;
  readonly #addresses = new Map<Socket, string>();
  readonly #perSource = new Map<string, number>();

  /** A handshake is given `timeout` ms. */
  constructor(timeout: number) {
    this.#timeout = timeout;
  }

  get size(): number {
    return this.#addresses.size;
  }

  /** How many are under way from an address. */
  from(address: string): number {
    return this.#perSource.get(address) ?? 0;
  }

  /** One begins: its socket is closed when it is not {@link done} in time. */
  begin(socket: Socket): void {
    const address = plainAddress(socket.remoteAddress ?? "");
    this.#addresses.set(socket, address);
    this.#perSource.set(address, this.from(address) + 1);
    const timer = setTimeout(() => {
      if (this.#addresses.has(socket)) socket.destroy();
    }, this.#timeout);
    timer.unref();
    socket.once("close", () => {
      clearTimeout(timer);
      this.done(socket);
    });
  }

  done(socket: Socket): void {
    const address = this.#addresses.get(socket);
    if (address === undefined) return;
    this.#addresses.delete(socket);
    const left = this.from(address) - 1;
    if (left > 0) this.#perSource.set(address, left);
    else this.#perSource.delete(address);
  }

  /** The same, known by the far end's port: TLS hands on a socket of its own. */
  doneWith(remoteAddress: string | undefined, remotePort: number | undefined): void {
    for (const socket of this.#addresses.keys())
      if (socket.remotePort === remotePort && socket.remoteAddress === remoteAddress) this.done(socket);
  }

  close(): void {
    for (const socket of [...this.#addresses.keys()]) socket.destroy();
  }
}
