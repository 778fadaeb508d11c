/** The datagram side of SIP's transports. */
import { createSocket, type Socket } from "node:dgram";
import { isIP } from "node:net";
import type { Listener, SipTap, Source, Target } from "../../sip/types.ts";
import { isLoopback, plainAddress } from "../addresses.ts";

/** What datagram sockets report. */
export interface UdpSink {
  /** Told what is sent; undefined, and nothing is made for it, while nobody looks. */
  readonly tap: SipTap | undefined;
  message(data: Buffer, source: Source): void;
  sendFailed(ref: number, reason: string): void;
  /** Whether anything of that address is read at all; asked of every datagram but those of a listener's own peer. */
  admits(address: string, port: number): boolean;
}

export class UdpSockets {
  readonly #sink: UdpSink;
  readonly #sockets = new Map<number, Socket>();
  readonly #listeners: Listener[] = [];

  constructor(sink: UdpSink) {
    this.#sink = sink;
  }

  /** Binds a socket, which hears `peer` alone where one is given. Rejects when that cannot be done. */
  async bind(id: number, host: string, port: number, peer?: string): Promise<{ address: string; port: number }> {
    const six = isIP(host) === 6;
    // Addresses only ever: looking one up through the resolver's queue costs more than sending it.
    const socket = createSocket({ type: six ? "udp6" : "udp4", lookup: (name, _options, done) => done(null, name, six ? 6 : 4) });
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      socket.bind(port, host, () => {
        socket.off("error", reject);
        resolve();
      });
    });
    try {
      socket.setRecvBufferSize(4 << 20);
      socket.setSendBufferSize(2 << 20);
    } catch {
      // The system's limit is lower; its default will do.
    }
    const bound = socket.address();
    socket.on("error", () => {});
    socket.on("message", (data, from) => {
      // One or two line ends are a keepalive of phones (RFC 5626 has STUN for datagrams): nothing to do.
      if (data.length <= 4 || from.address !== (peer ?? from.address)) return;
      if (peer === undefined && !this.#sink.admits(plainAddress(from.address), from.port)) return;
      this.#sink.message(data, {
        transport: "udp",
        address: from.address,
        port: from.port,
        localAddress: bound.address,
        localPort: bound.port,
        connection: 0,
        listener: id,
      });
    });
    this.#sockets.set(id, socket);
    return bound;
  }

  /** A bound socket's place among those that requests may leave by. */
  add(listener: Listener): void {
    this.#listeners.push(listener);
  }

  send(target: Target, data: Buffer, ref: number): void {
    const socket =
      (target.listener === undefined ? undefined : this.#sockets.get(target.listener)) ??
      this.#sockets.get(this.#listenerFor(target.address) ?? 0);
    if (socket === undefined || !(target.port > 0 && target.port < 65_536)) {
      if (ref !== 0) queueMicrotask(() => this.#sink.sendFailed(ref, socket === undefined ? "no UDP socket" : "no such port"));
      return;
    }
    this.#sink.tap?.("out", data, { transport: "udp", address: target.address, port: target.port, ...localOf(socket) });
    if (ref === 0) socket.send(data, target.port, target.address, ignore);
    else {
      socket.send(data, target.port, target.address, (error) => {
        if (error !== null) this.#sink.sendFailed(ref, error.message);
      });
    }
  }

  async close(): Promise<void> {
    const sockets = [...this.#sockets.values()];
    this.#sockets.clear();
    await Promise.all(sockets.map((socket) => new Promise<void>((done) => socket.close(() => done()))));
  }

  #listenerFor(address: string): number | undefined {
    const six = address.includes(":");
    const loop = isLoopback(address);
    const fit = this.#listeners.filter((l) => l.address.includes(":") === six && (l.peer ?? address) === address);
    return (fit.find((l) => l.peer !== undefined) ?? fit.find((l) => isLoopback(l.address) === loop) ?? fit[0])?.id;
  }
}

function localOf(socket: Socket): { localAddress: string; localPort: number } {
  const { address, port } = socket.address();
  return { localAddress: address, localPort: port };
}

const ignore = (): void => {};
