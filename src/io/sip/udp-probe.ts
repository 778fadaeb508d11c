/**
 * Whether anything listens at a UDP port. A socket that sends to many addresses hears of no ICMP message; one that is connected to the
 * address does (RFC 1122 section 4.1.3.3). It sends one keepalive of RFC 5626, which SIP servers ignore, and lives for a moment.
 */
import { createSocket } from "node:dgram";
import { isIP } from "node:net";

/** How long ICMP may take, in ms. */
const ANSWER = 1_000;
/** Probes under way at once; there is no more than one for a place. */
const MAX_PROBES = 64;
const KEEPALIVE = Buffer.from("\r\n\r\n");

export class UdpProbes {
  readonly #asked = new Map<string, { close(): void; readonly refused: (() => void)[] }>();

  /** Calls `refused` when ICMP says that the port is unreachable; nothing where there is no such message, or no place for a probe. */
  ask(address: string, port: number, refused: () => void): void {
    const key = `${address}|${port}`;
    const known = this.#asked.get(key);
    if (known !== undefined) {
      known.refused.push(refused);
      return;
    }
    if (this.#asked.size >= MAX_PROBES || isIP(address) === 0) return;
    const socket = createSocket(isIP(address) === 6 ? "udp6" : "udp4");
    const told = [refused];
    const close = (): void => {
      if (!this.#asked.delete(key)) return;
      clearTimeout(timer);
      socket.close();
    };
    const timer = setTimeout(close, ANSWER);
    timer.unref();
    this.#asked.set(key, { close, refused: told });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      close();
      if (error.code === "ECONNREFUSED") for (const tell of told) tell();
    });
    socket.connect(port, address, () => {
      if (this.#asked.has(key)) socket.send(KEEPALIVE, () => {});
    });
    socket.unref();
  }

  close(): void {
    for (const { close } of [...this.#asked.values()]) close();
  }
}
