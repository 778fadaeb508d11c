/** A UDP socket with a RAS machine on it: a client's or our gatekeeper's. */
import { createSocket, type Socket } from "node:dgram";
import { type Clock, systemClock } from "../base/clock.ts";
import type { Address, Gatekeeper, GatekeeperEvent, RasAddress, RasClient, RasEvent } from "../h323/index.ts";

/** Longest datagram looked at. */
const LONGEST = 8192;
/** Datagrams looked at from one host in ten seconds, and hosts counted in that time: more are dropped unread. */
const MOST_FROM_HOST = 500;
const MOST_HOSTS = 20_000;
const WINDOW = 10_000;

export interface RasSocketOptions<E> {
  readonly host: string;
  /** 1719; 0 for any free port. */
  readonly port: number;
  readonly clock?: Clock;
  readonly onEvent: (event: E) => void;
  /** Sends by the TCP connection of that number (H.460.17); what comes by it is given to `receive`. */
  readonly tunnelled?: (connection: number, bytes: Uint8Array) => void;
}

/** Runs the machine until closed. Use the machine through `act`, so that what it leaves is sent. */
export class RasSocket<M extends RasClient | Gatekeeper, E extends RasEvent | GatekeeperEvent> {
  readonly machine: M;
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #onEvent: (event: E) => void;
  readonly #tunnelled: RasSocketOptions<E>["tunnelled"];
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  /** Datagrams not yet handed to the system, and what is to be done when there are none. */
  #sending = 0;
  #sent = (): void => {};
  #window = 0;
  readonly #heard = new Map<string, number>();

  constructor(socket: Socket, machine: M, options: RasSocketOptions<E>) {
    this.machine = machine;
    this.#socket = socket;
    this.#clock = options.clock ?? systemClock;
    this.#onEvent = options.onEvent;
    this.#tunnelled = options.tunnelled;
    socket.on("message", (bytes, from) => this.receive(bytes, { host: from.address, port: from.port }));
    // A peer's port that is closed comes back as an error of the next send: the machine's timers see to it.
    socket.on("error", () => {});
  }

  /** A RAS message, by whatever way. */
  receive(bytes: Uint8Array, from: RasAddress): void {
    if (bytes.length <= LONGEST && this.#admits(from.host)) this.act((m, now) => m.received(bytes, from, now));
  }

  /** Counts datagrams by host: decoding costs more than sending. */
  #admits(host: string): boolean {
    const now = this.#clock.now();
    if (now - this.#window > WINDOW) {
      this.#window = now;
      this.#heard.clear();
    }
    const count = this.#heard.get(host) ?? 0;
    if (count >= MOST_FROM_HOST || (count === 0 && this.#heard.size >= MOST_HOSTS)) return false;
    this.#heard.set(host, count + 1);
    return true;
  }

  get address(): Address {
    const { address, port } = this.#socket.address();
    return { host: address, port };
  }

  act(action: (machine: M, now: number) => void): void {
    if (this.#closed) return;
    action(this.machine, this.#clock.now());
    for (let outputs = this.machine.takeOutputs(); outputs.length > 0; outputs = this.machine.takeOutputs())
      for (const output of outputs) {
        if (output.type === "send") this.#send(output.to, output.bytes);
        else this.#onEvent(output.event as E);
      }
    clearTimeout(this.#timer);
    const next = this.machine.nextTimeout();
    if (next !== undefined)
      this.#timer = setTimeout(
        () => this.act((m, now) => m.timeout(now)),
        Math.ceil(Math.max(0, Math.min(next - this.#clock.now(), 2 ** 31 - 1))),
      );
  }

  #send({ host, port, connection }: RasAddress, bytes: Uint8Array): void {
    if (connection !== undefined) {
      this.#tunnelled?.(connection, bytes);
      return;
    }
    this.#sending++;
    this.#socket.send(bytes, port, host, () => {
      if (--this.#sending === 0) this.#sent();
    });
  }

  /** A client is unregistered first. */
  close(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    if ("stop" in this.machine) this.act((m, now) => (m as RasClient).stop(now));
    this.#closed = true;
    clearTimeout(this.#timer);
    return new Promise((resolve) => {
      const close = () => this.#socket.close(() => resolve());
      // What is still on its way out, such as that we leave, goes with the socket.
      if (this.#sending === 0) close();
      else this.#sent = close;
    });
  }
}

/** Binds a socket for the machine that `make` builds once the address is known. Rejects when the port cannot be had. */
export function openRasSocket<M extends RasClient | Gatekeeper, E extends M extends RasClient ? RasEvent : GatekeeperEvent>(
  options: RasSocketOptions<E>,
  make: (address: Address) => M,
): Promise<RasSocket<M, E>> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(options.host.includes(":") ? "udp6" : "udp4");
    socket.once("error", reject);
    socket.bind(options.port, options.host, () => {
      socket.off("error", reject);
      const { address, port } = socket.address();
      resolve(new RasSocket(socket, make({ host: address, port }), options));
    });
  });
}
