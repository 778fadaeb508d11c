import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { createServer, type Server, type Socket as TcpSocket } from "node:net";
import { ByteQueue } from "../base/byte-queue.ts";
import { BINDING_REQUEST, checkedFragment, isGenuine, isStun, repairAnswer, repairCheck, stunType } from "./stun.ts";

/** The library's ICE agent of one connection, and how checks meant for it are told. */
export interface Agent {
  readonly fragment: string;
  readonly password: string;
  /** Where the agent's own socket is. */
  readonly address: string;
  readonly port: number;
}

/** An address and port as one word. */
export function transportAddress({ address, port }: { readonly address: string; readonly port: number }): string {
  return `${address} ${port}`;
}

/** Remote addresses of one connection at most. */
const MAX_PATHS = 16;
/** A TCP connection has so long to show whose it is. */
const FIRST_CHECK_MS = 10_000;
const MAX_TCP = 2_000;
/** RFC 4571 allows 65535; no packet of ours or a browser's is larger. */
const MAX_FRAME = 4_096;

/** One remote address on its way to one agent: to the agent it is a local socket. */
class Path {
  readonly agent: Agent;
  /** Of the local socket; 0 before it has one. */
  port = 0;
  readonly #inner: Socket;

  constructor(agent: Agent, send: (packet: Buffer) => void, remote: { readonly address: string; readonly port: number }) {
    this.agent = agent;
    this.#inner = createSocket({ type: agent.address.includes(":") ? "udp6" : "udp4", lookup: (host, _, done) => done(null, host, 4) });
    this.#inner.on("error", () => {});
    this.#inner.on("listening", () => {
      this.port = this.#inner.address().port;
    });
    this.#inner.bind({ address: agent.address, port: 0, exclusive: true });
    this.#inner.on("message", (packet, from) => {
      if (from.port !== agent.port) return;
      if (isStun(packet)) repairAnswer(packet, remote, agent.password);
      send(packet);
    });
  }

  toAgent(packet: Buffer): void {
    if (isStun(packet) && stunType(packet) === BINDING_REQUEST) repairCheck(packet, this.agent.password);
    this.#inner.send(packet, this.agent.port, this.agent.address);
  }

  close(): void {
    this.#inner.close();
  }
}

/**
 * A way round the library's own sockets, one UDP and one TCP port for all connections: for browsers without UDP (ICE-TCP, RFC 6544, which the library does
 * not have), and for those that come by TURN over TCP, whose checks the library refuses. Whoever comes is told by the first check: it must be meant for a
 * connection of ours, and be sealed with its password.
 */
export class Detour {
  readonly #agents = new Map<string, Agent>();
  readonly #paths = new Map<string, Path>();
  readonly #udp: Socket;
  readonly #tcp: Server;

  private constructor(udp: Socket, tcp: Server) {
    this.#udp = udp;
    this.#tcp = tcp;
    udp.on("message", (packet, from) => this.#datagram(packet, from));
    udp.on("error", () => {});
    tcp.on("connection", (socket) => this.#connection(socket));
    tcp.maxConnections = MAX_TCP;
  }

  /** On the same number for both, the first of `ports` that is free for both. Rejects when none is. */
  static async open(address: string | null, ports: Iterable<number>): Promise<Detour> {
    for (const port of ports) {
      const udp = await bindUdp(address, port);
      if (!udp) continue;
      const tcp = await listenTcp(address, port);
      if (tcp) return new Detour(udp, tcp);
      udp.close();
    }
    throw new Error("no port is free for ICE-TCP");
  }

  get port(): number {
    return this.#udp.address().port;
  }

  add(agent: Agent): void {
    this.#agents.set(agent.fragment, agent);
  }

  remove(fragment: string): void {
    this.#agents.delete(fragment);
    for (const [key, path] of this.#paths) {
      if (path.agent.fragment !== fragment) continue;
      this.#paths.delete(key);
      path.close();
    }
  }

  /** How packets come that a connection's agent has from this local port: over TCP or not, and from where; undefined where they do not come by us. */
  wayOf(fragment: string, port: number): { readonly tcp: boolean; readonly from: string } | undefined {
    for (const [key, path] of this.#paths)
      if (path.agent.fragment === fragment && path.port === port) return { tcp: key.startsWith("tcp "), from: key };
    return undefined;
  }

  close(): void {
    for (const path of this.#paths.values()) path.close();
    this.#paths.clear();
    this.#udp.close();
    this.#tcp.close();
  }

  #datagram(packet: Buffer, from: RemoteInfo): void {
    const key = transportAddress(from);
    let path = this.#paths.get(key);
    const agent = path ? undefined : this.#meant(packet);
    if (agent) {
      path = new Path(agent, (back) => this.#udp.send(back, from.port, from.address), from);
      this.#paths.set(key, path);
    }
    path?.toAgent(packet);
  }

  /** RFC 4571: each packet behind its length, in two octets. */
  #connection(socket: TcpSocket): void {
    const remote = { address: socket.remoteAddress?.replace(/^::ffff:/, "") ?? "", port: socket.remotePort ?? 0 };
    const key = `tcp ${transportAddress(remote)}`;
    let path: Path | undefined;
    const queue = new ByteQueue();
    const timer = setTimeout(() => path ?? socket.destroy(), FIRST_CHECK_MS);
    socket.setNoDelay(true);
    socket.on("error", () => socket.destroy());
    socket.on("data", (chunk) => {
      let buffer = queue.push(chunk);
      while (buffer.length >= 2) {
        const end = 2 + buffer.readUInt16BE(0);
        if (end > MAX_FRAME) return socket.destroy();
        if (buffer.length < end) break;
        const packet = Buffer.from(buffer.subarray(2, end));
        buffer = buffer.subarray(end);
        if (!path) {
          const agent = this.#meant(packet);
          if (!agent) return socket.destroy();
          path = new Path(agent, (back) => frame(socket, back), remote);
          this.#paths.set(key, path);
        }
        path.toAgent(packet);
      }
      queue.keep(buffer.length);
    });
    socket.on("close", () => {
      clearTimeout(timer);
      if (path && this.#paths.get(key) === path) {
        this.#paths.delete(key);
        path.close();
      }
    });
  }

  /** The agent that a first packet is meant for, when it is a genuine check and the agent has not got too many addresses already. */
  #meant(packet: Buffer): Agent | undefined {
    if (!isStun(packet) || stunType(packet) !== BINDING_REQUEST) return undefined;
    const agent = this.#agents.get(checkedFragment(packet) ?? "");
    if (!agent || !isGenuine(packet, agent.password)) return undefined;
    let count = 0;
    for (const path of this.#paths.values()) if (path.agent === agent) count++;
    return count < MAX_PATHS ? agent : undefined;
  }
}

/** A stream that does not keep up loses packets, as a network would; it does not fill our memory. */
function frame(socket: TcpSocket, packet: Buffer): void {
  if (socket.destroyed || socket.writableLength > 256 * 1024) return;
  const head = Buffer.allocUnsafe(2);
  head.writeUInt16BE(packet.length, 0);
  socket.write(Buffer.concat([head, packet]));
}

function bindUdp(address: string | null, port: number): Promise<Socket | null> {
  const family = address?.includes(":") ? 6 : 4;
  const socket = createSocket({ type: family === 6 ? "udp6" : "udp4", lookup: (host, _, done) => done(null, host, family) });
  return new Promise((resolve) => {
    socket.once("error", () => resolve(null));
    socket.bind({ port, exclusive: true, ...(address === null ? {} : { address }) }, () => resolve(socket));
  });
}

function listenTcp(address: string | null, port: number): Promise<Server | null> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once("error", () => resolve(null));
    server.listen({ port, host: address ?? "0.0.0.0", exclusive: true }, () => resolve(server));
  });
}
