/** Pairs of UDP ports for media. */
import { createSocket, type Socket } from "node:dgram";

export type MediaKind = "rtp" | "rtcp";

/** An RTP session's two sockets: RTP on an even port, RTCP on the next. */
export interface PortPair<S = Socket> {
  readonly rtp: S;
  readonly rtcp: S;
  readonly port: number;
}

/** How sockets of one kind are bound. */
export interface Binder<S> {
  /** Undefined when the port is taken. `buffer` is the kernel's in bytes. */
  bind(host: string, port: number, buffer?: number): Promise<S | undefined>;
}

export interface PortRange {
  readonly min: number;
  readonly max: number;
}

/** How many pairs are tried at random before a range counts as full. */
const TRIES = 50;

/** Pairs bound ahead, and the size of a range, in pairs, from which on they are. */
const AHEAD = 2;
const LARGE_RANGE = 64;

/** Sockets of node:dgram. */
const NODE_SOCKETS: Binder<Socket> = { bind: bindSocket };

/** Gives out pairs of ports from a range, each one as late as possible again after its last use: packets of an old call do not reach a new one. */
export class PortAllocator<S extends { close(): void }> {
  readonly #host: string;
  readonly #first: number;
  readonly #pairs: number;
  readonly #receiveBuffer: number | undefined;
  readonly #binder: Binder<S>;
  #next: number;
  /** Bound ahead of their calls. */
  readonly #ready: PortPair<S>[] = [];
  #keepsReady = false;
  #binding = false;

  /**
   * `binder` binds its sockets. `start` spreads threads that share a range: the share of it, 0 to 1, at which this one begins. `receiveBuffer` is the kernel's
   * for RTP, in bytes; without it the system's default.
   */
  constructor(binder: Binder<S>, host: string, minPort: number, maxPort: number, start: number, receiveBuffer?: number) {
    this.#binder = binder;
    this.#host = host;
    this.#receiveBuffer = receiveBuffer;
    this.#first = minPort + (minPort & 1);
    this.#pairs = Math.floor((maxPort - this.#first + 1) / 2);
    this.#next = Math.floor(this.#pairs * start);
  }

  /** A pair that is bound already, or is bound now. Rejects when the range is used up. */
  async open(): Promise<PortPair<S>> {
    const ready = this.#ready.shift();
    if (this.#keepsReady) this.#refill();
    return ready ?? this.#bind();
  }

  /** From now on keeps a few pairs bound ahead: that is four turns of the event loop less on a call's way. Not of a range so small that others miss them. */
  keepReady(): void {
    this.#keepsReady = this.#pairs >= LARGE_RANGE;
    if (this.#keepsReady) this.#refill();
  }

  /** Lets go of what was bound ahead. Pairs given out are their users' to close. */
  close(): void {
    this.#keepsReady = false;
    for (const pair of this.#ready.splice(0)) closePair(pair);
  }

  #refill(): void {
    if (this.#binding || this.#ready.length >= AHEAD) return;
    this.#binding = true;
    setImmediate(async () => {
      const pair = await this.#bind().catch(() => undefined);
      this.#binding = false;
      if (!pair) return;
      if (!this.#keepsReady) {
        closePair(pair);
        return;
      }
      this.#ready.push(pair);
      this.#refill();
    });
  }

  async #bind(): Promise<PortPair<S>> {
    for (let tried = 0; tried < this.#pairs; tried++) {
      const port = this.#first + 2 * this.#next;
      this.#next = (this.#next + 1) % this.#pairs;
      const pair = await this.openAt(port);
      if (pair) return pair;
    }
    throw new Error(`no free ports among ${this.#pairs} pairs from ${this.#first}`);
  }

  /** Binds this pair; undefined when one of its ports is taken. */
  openAt(port: number): Promise<PortPair<S> | undefined> {
    return pairAt(this.#binder, this.#host, port, this.#receiveBuffer);
  }
}

/** Binds an even port of `range` and the next, at random, so that others who take ports of the same range are seldom in the way. Rejects when none is free. */
export async function bindPair(host: string, { min, max }: PortRange): Promise<PortPair> {
  const first = min + (min & 1);
  const pairs = Math.floor((max - first + 1) / 2);
  if (pairs < 1) throw new RangeError(`no pair of ports in ${min}-${max}`);
  for (let tries = 0; tries < TRIES; tries++) {
    const pair = await pairAt(NODE_SOCKETS, host, first + 2 * Math.floor(Math.random() * pairs));
    if (pair) return pair;
  }
  throw new Error(`no free pair of ports in ${min}-${max} on ${host}`);
}

/** Binds `port` and the next, 0 for any free; rejects when either is taken. */
export async function bindFixed(host: string, port: number): Promise<PortPair> {
  const pair = await pairAt(NODE_SOCKETS, host, port, undefined, (rtp) => rtp.address().port);
  if (!pair) throw new Error(`UDP ports ${port} and ${port + 1} are not free on ${host}`);
  return pair;
}

export function closePair({ rtp, rtcp }: PortPair<{ close(): void }>): void {
  rtp.close();
  rtcp.close();
}

/** `portOf` tells which port it has become, where `port` may be 0. */
async function pairAt<S extends { close(): void }>(
  binder: Binder<S>,
  host: string,
  port: number,
  receiveBuffer?: number,
  portOf: (rtp: S) => number = () => port,
): Promise<PortPair<S> | undefined> {
  const rtp = await binder.bind(host, port, receiveBuffer);
  if (!rtp) return undefined;
  const at = portOf(rtp);
  try {
    const rtcp = await binder.bind(host, at + 1);
    if (rtcp) return { rtp, rtcp, port: at };
  } catch (error) {
    rtp.close();
    throw error;
  }
  rtp.close();
  return undefined;
}

/** A bound socket, or undefined when the port is taken. Addresses are numeric throughout, so sending looks nothing up. */
export function bindSocket(host: string, port: number, recvBufferSize?: number): Promise<Socket | undefined> {
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
