import { createSocket, type Socket } from "node:dgram";

/** An RTP session's two sockets: RTP on an even port, RTCP on the next. */
export interface PortPair {
  readonly rtp: Socket;
  readonly rtcp: Socket;
  readonly port: number;
}

/** Gives out pairs of ports from a range, each one as late as possible again after its last use: packets of an old call do not reach a new one. */
export class PortAllocator {
  readonly #host: string;
  readonly #first: number;
  readonly #pairs: number;
  readonly #receiveBuffer: number | undefined;
  #next: number;

  /**
   * `start` spreads threads that share a range: the share of it, 0 to 1, at which this one begins. `receiveBuffer` is the kernel's for RTP, in
   * bytes; without it the system's default.
   */
  constructor(host: string, minPort: number, maxPort: number, start: number, receiveBuffer?: number) {
    this.#host = host;
    this.#receiveBuffer = receiveBuffer;
    this.#first = minPort + (minPort & 1);
    this.#pairs = Math.floor((maxPort - this.#first + 1) / 2);
    this.#next = Math.floor(this.#pairs * start);
  }

  /** Binds a free pair. Rejects when the range is used up. */
  async open(): Promise<PortPair> {
    for (let tried = 0; tried < this.#pairs; tried++) {
      const port = this.#first + 2 * this.#next;
      this.#next = (this.#next + 1) % this.#pairs;
      const pair = await this.openAt(port);
      if (pair) return pair;
    }
    throw new Error(`no free ports among ${this.#pairs} pairs from ${this.#first}`);
  }

  /** Binds this pair; undefined when one of its ports is taken. */
  async openAt(port: number): Promise<PortPair | undefined> {
    const rtp = await bind(this.#host, port, this.#receiveBuffer);
    if (!rtp) return undefined;
    const rtcp = await bind(this.#host, port + 1);
    if (rtcp) return { rtp, rtcp, port };
    rtp.close();
    return undefined;
  }
}

/** A bound socket, or undefined when the port is taken. Addresses are numeric throughout, so sending looks nothing up. */
function bind(host: string, port: number, recvBufferSize?: number): Promise<Socket | undefined> {
  const buffer = recvBufferSize === undefined ? {} : { recvBufferSize };
  const socket = createSocket({ type: host.includes(":") ? "udp6" : "udp4", lookup: noLookup, ...buffer });
  return new Promise((resolve, reject) => {
    socket.once("error", (error: NodeJS.ErrnoException) => {
      socket.close();
      if (error.code === "EADDRINUSE" || error.code === "EACCES") resolve(undefined);
      else reject(error);
    });
    socket.bind({ address: host, port, exclusive: true }, () => {
      socket.removeAllListeners("error");
      // An ICMP refusal of a far end that is gone is no concern of ours.
      socket.on("error", () => {});
      resolve(socket);
    });
  });
}

function noLookup(hostname: string, _options: unknown, callback: (error: Error | null, address: string, family: number) => void): void {
  callback(null, hostname, hostname.includes(":") ? 6 : 4);
}
