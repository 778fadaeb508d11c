import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import type { Page } from "playwright-core";
import { random } from "./mutate.ts";

export interface PoorNetwork {
  /** Share of media packets that are lost each way, 0 to 1. */
  loss: number;
  /** Bits per second towards the browser; what would wait longer than a quarter of a second is lost. Null: no limit. */
  downlink: number | null;
  /** Media packets lost so far. */
  readonly lost: number;
  close(): void;
}

/** Longest a packet waits for its turn. */
const QUEUE_MS = 250;

/**
 * Puts a poor network between a meeting page and the gateway: what the gateway tells of its addresses is changed to a forwarder's, and what the browser tells
 * of its own is kept back. To be called before the page is opened. STUN and DTLS pass unharmed: connections come up.
 */
export async function poorNetwork(
  page: Page,
  { loss = 0, downlink = null }: { loss?: number; downlink?: number | null } = {},
): Promise<PoorNetwork> {
  const fronts = new Map<number, { readonly port: number }>();
  const sockets: Socket[] = [];
  const dice = random(7);
  const close = () => {
    for (const one of sockets.splice(0)) one.close();
  };
  const network = { loss, downlink, lost: 0, close };
  const open = async (): Promise<Socket> => {
    const socket = createSocket({ type: "udp4", recvBufferSize: 1 << 20 });
    sockets.push(socket);
    socket.on("error", () => {});
    socket.bind(0, "127.0.0.1");
    await once(socket, "listening");
    return socket;
  };
  const lose = (packet: Buffer): boolean => {
    const media = packet[0]! >= 128 && packet[0]! < 192;
    const lost = media && dice() < network.loss;
    if (lost) network.lost++;
    return lost;
  };
  let free = 0;
  /** When a packet towards the browser is through; null where the queue is full. */
  const turn = (packet: Buffer): number | null => {
    if (network.downlink === null || packet[0]! < 128) return 0;
    const now = performance.now();
    const from = Math.max(now, free);
    if (from - now > QUEUE_MS) {
      network.lost++;
      return null;
    }
    free = from + (packet.length * 8000) / network.downlink;
    return free - now;
  };
  const frontOf = async (port: number): Promise<number> => {
    const known = fronts.get(port);
    if (known) return known.port;
    const [front, back] = await Promise.all([open(), open()]);
    let browser: { address: string; port: number } | undefined;
    front.on("message", (packet, from) => {
      browser = from;
      if (!lose(packet)) back.send(packet, port, "127.0.0.1");
    });
    back.on("message", (packet) => {
      if (lose(packet)) return;
      const wait = turn(packet);
      const send = () => browser && sockets.includes(front) && front.send(packet, browser.port, browser.address);
      if (wait === 0) send();
      else if (wait !== null) setTimeout(send, wait);
    });
    fronts.set(port, { port: front.address().port });
    return front.address().port;
  };
  const pattern = /( udp \d+ )\S+ (\d+)( typ host)/i;
  await page.routeWebSocket(/\/api\/v1\/join/, (socket) => {
    const server = socket.connectToServer();
    socket.onMessage((text) => {
      const message = JSON.parse(text.toString()) as { type: string; sdp?: string };
      if (message.type === "candidate") return;
      server.send(JSON.stringify(message.sdp ? { ...message, sdp: message.sdp.replace(/a=candidate:[^\r]*\r\n/g, "") } : message));
    });
    // in the order they came
    let before = Promise.resolve();
    server.onMessage((text) => {
      before = before.then(async () => {
        const message = JSON.parse(text.toString()) as { type: string; candidate?: string };
        const port = message.type === "candidate" ? pattern.exec(message.candidate!)?.[2] : undefined;
        if (message.type === "candidate" && port === undefined) return;
        if (port !== undefined) message.candidate = message.candidate!.replace(pattern, `$1127.0.0.1 ${await frontOf(Number(port))}$3`);
        socket.send(JSON.stringify(message));
      });
    });
  });
  return network;
}
