/** Pairs of UDP ports for media: RTP even, RTCP the next. */
import { createSocket, type Socket } from "node:dgram";
import { isIP } from "node:net";

export type MediaKind = "rtp" | "rtcp";

/** Two bound sockets. */
export interface PortPair {
  readonly rtp: Socket;
  readonly rtcp: Socket;
  readonly port: number;
}

export interface PortRange {
  readonly min: number;
  readonly max: number;
}

/** How many pairs are tried before a range counts as full. */
const TRIES = 50;

/** Binds an even port of `range` and the next, at random, so that others who take ports of the same range are seldom in the way. Rejects when none is free. */
export async function bindPair(host: string, range: PortRange): Promise<PortPair> {
  const first = range.min + (range.min & 1);
  const pairs = Math.floor((range.max - first + 1) / 2);
  if (pairs < 1) throw new RangeError(`no pair of ports in ${range.min}-${range.max}`);
  for (let tries = 0; tries < TRIES; tries++) {
    const port = first + 2 * Math.floor(Math.random() * pairs);
    const rtp = await bind(host, port);
    if (rtp === undefined) continue;
    const rtcp = await bind(host, port + 1);
    if (rtcp !== undefined) return { rtp, rtcp, port };
    rtp.close();
  }
  throw new Error(`no free pair of ports in ${range.min}-${range.max} on ${host}`);
}

/** Binds one pair at fixed ports; rejects when either is taken. */
export async function bindFixed(host: string, port: number): Promise<PortPair> {
  const rtp = await bind(host, port);
  const bound = rtp?.address().port ?? port;
  const rtcp = rtp === undefined ? undefined : await bind(host, bound + 1);
  if (rtp === undefined || rtcp === undefined) {
    rtp?.close();
    throw new Error(`UDP ports ${port} and ${port + 1} are not free on ${host}`);
  }
  return { rtp, rtcp, port: bound };
}

function bind(host: string, port: number): Promise<Socket | undefined> {
  const six = isIP(host) === 6;
  return new Promise((resolve) => {
    // Addresses only ever: no packet waits for the resolver.
    const socket = createSocket({ type: six ? "udp6" : "udp4", lookup: (name, _options, done) => done(null, name, six ? 6 : 4) });
    socket.once("error", () => {
      socket.close();
      resolve(undefined);
    });
    socket.bind(port, host, () => {
      socket.removeAllListeners("error");
      // A closed port at the far end comes back as an error of a later send: media have no answer to that.
      socket.on("error", () => {});
      resolve(socket);
    });
  });
}
