/** Where a call's floor control is spoken: a UDP port or a TCP connection of its own (RFC 8855 section 6). */

import { createSocket } from "node:dgram";
import { connect, createServer, isIP, type Socket } from "node:net";
import { ByteQueue } from "../base/byte-queue.ts";
import { systemClock } from "../base/clock.ts";
import { canonicalAddress } from "../base/ip-address.ts";
import { TokenBucket } from "../base/token-bucket.ts";
import { type BfcpMessage, bfcpLength, parseBfcp, writeBfcp } from "../wire/bfcp/index.ts";
import type { PortRange } from "./rtp/port-pairs.ts";

const TRIES = 50;
/** Longest message looked at; a room's have some dozens of bytes. */
const LONGEST = 4_096;
/** A connection that has said nothing of ours by then is closed. */
const STRANGER_MS = 10_000;
const MAX_CONNECTIONS = 4;
/** Over UDP, messages a second that are not ours and come from the far end's address, of it or of a stranger there: it is told its mistake, and nobody is flooded. */
const MISTAKEN_RATE = 5;

export interface BfcpChannelOptions {
  readonly host: string;
  readonly range: PortRange;
  /** Whether a message is this call's; a source is taken for the far end with its first one that is. Of others only what comes from its address is passed on. */
  readonly ours: (message: BfcpMessage) => boolean;
  readonly onMessage: (message: BfcpMessage) => void;
  /** The far end's TCP connection has ended. */
  readonly onLost?: () => void;
}

export interface BfcpChannel {
  readonly port: number;
  /** Does nothing while the far end is not known. */
  send(message: BfcpMessage): void;
  /**
   * Where the far end is by its description; TCP connects to it when we are the active side. `sources`: hosts it may speak from besides, that of its
   * signalling; null: any. Others are not heard.
   */
  reach(address: string, port: number, sources: readonly string[] | null): void;
  close(): void;
}

/** Hosts the far end may speak from. */
class Hosts {
  #known: ReadonlySet<string> | null = new Set();

  set(address: string, sources: readonly string[] | null): void {
    this.#known = sources && new Set([address, ...sources].map(canonicalAddress));
  }

  has(address: string): boolean {
    return this.#known === null || this.#known.has(canonicalAddress(address));
  }
}

/** A port of the range, tried at random. Rejects when none is free. */
async function bound<T>(range: PortRange, bind: (port: number) => Promise<T | undefined>): Promise<T> {
  for (let tries = 0; tries < TRIES; tries++) {
    const taken = await bind(range.min + Math.floor(Math.random() * (range.max - range.min + 1)));
    if (taken !== undefined) return taken;
  }
  throw new Error(`no free port in ${range.min}-${range.max}`);
}

/** Floor control over UDP. Answers go where the far end's messages come from, which need not be what its description says (NAT). */
export async function openBfcpUdp(options: BfcpChannelOptions): Promise<BfcpChannel> {
  const { host, range, ours, onMessage } = options;
  const socket = await bound(
    range,
    (port) =>
      new Promise<ReturnType<typeof createSocket> | undefined>((resolve) => {
        const made = createSocket(isIP(host) === 6 ? "udp6" : "udp4");
        made.once("error", () => {
          made.close();
          resolve(undefined);
        });
        made.bind(port, host, () => {
          made.removeAllListeners("error");
          // a closed port at the far end: the machine's timers see to it
          made.on("error", () => undefined);
          resolve(made);
        });
      }),
  );
  const mistakes = new TokenBucket(MISTAKEN_RATE, MISTAKEN_RATE);
  const hosts = new Hosts();
  let told: { address: string; port: number } | undefined;
  let latched: { address: string; port: number } | undefined;
  /** Whom an answer is for, while a message is being looked at. */
  let asking: { address: string; port: number } | undefined;
  socket.on("message", (bytes, from) => {
    if (bytes.length > LONGEST || !hosts.has(from.address)) return;
    const message = parseBfcp(bytes);
    if (!message) return;
    const source = { address: from.address, port: from.port };
    // Floor control is a word a minute: who has the identifiers and is where the far end is, is the far end.
    if (ours(message)) latched = source;
    else if ((latched ?? told)?.address !== source.address || !mistakes.take(systemClock.now())) return;
    asking = source;
    try {
      onMessage(message);
    } finally {
      asking = undefined;
    }
  });
  return {
    port: socket.address().port,
    send: (message) => {
      const to = asking ?? latched ?? told;
      if (to && isIP(to.address) !== 0) socket.send(writeBfcp(message), to.port, to.address);
    },
    reach: (address, port, sources) => {
      hosts.set(address, sources);
      if (told && (told.address !== address || told.port !== port)) latched = undefined;
      told = { address, port };
    },
    close: () => socket.close(),
  };
}

/** Floor control over TCP; `active`: we connect (RFC 4145). */
export async function openBfcpTcp(options: BfcpChannelOptions & { readonly active: boolean }): Promise<BfcpChannel> {
  const { host, range, ours, onMessage, onLost, active } = options;
  let current: Socket | undefined;
  let closed = false;
  const sockets = new Set<Socket>();
  const hosts = new Hosts();

  function attend(socket: Socket): void {
    sockets.add(socket);
    const queue = new ByteQueue();
    const stranger = setTimeout(() => socket.destroy(), STRANGER_MS);
    socket.setNoDelay(true);
    socket.on("error", () => undefined);
    socket.on("close", () => {
      clearTimeout(stranger);
      sockets.delete(socket);
      if (current !== socket) return;
      current = undefined;
      if (!closed) onLost?.();
    });
    socket.on("data", (bytes) => {
      let buffer = queue.push(bytes);
      for (;;) {
        const length = bfcpLength(buffer);
        if (length === undefined) break;
        if (length > LONGEST) return void socket.destroy();
        if (buffer.length < length) break;
        const message = parseBfcp(buffer.subarray(0, length));
        buffer = buffer.subarray(length);
        if (!message) return void socket.destroy();
        if (current !== socket) {
          if (!ours(message) || !hosts.has(socket.remoteAddress ?? "")) return void socket.destroy();
          clearTimeout(stranger);
          current?.destroy();
          current = socket;
        }
        onMessage(message);
      }
      queue.keep(buffer.length);
    });
  }

  const server = active
    ? undefined
    : await bound(
        range,
        (port) =>
          new Promise<ReturnType<typeof createServer> | undefined>((resolve) => {
            const made = createServer((socket) => (sockets.size >= MAX_CONNECTIONS ? socket.destroy() : attend(socket)));
            made.once("error", () => resolve(undefined));
            made.listen(port, host, () => resolve(made));
          }),
      );
  const address = server?.address();
  let reached = "";
  return {
    // the discard port, as RFC 4145 section 4.1 has it for those who connect
    port: typeof address === "object" && address ? address.port : 9,
    send: (message) => void current?.write(writeBfcp(message)),
    reach: (to, port, sources) => {
      hosts.set(to, sources);
      if (!active || closed || isIP(to) === 0 || port === 0 || reached === `${to}:${port}`) return;
      reached = `${to}:${port}`;
      const socket = connect({ host: to, port, ...(isIP(host) ? { localAddress: host } : {}) });
      attend(socket);
      socket.once("connect", () => {
        current = socket;
      });
    },
    close: () => {
      closed = true;
      server?.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
