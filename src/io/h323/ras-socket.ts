/** A UDP socket with a RAS machine on it: a client's or our gatekeeper's. */
import { createSocket, type Socket } from "node:dgram";
import { type Clock, systemClock } from "../../base/clock.ts";
import type { Address, Gatekeeper, GatekeeperEvent, RasAddress, RasClient, RasEvent } from "../../h323/index.ts";
import { RasAnswers } from "./ras-answers.ts";
import { type RasCarrier, RasRunner } from "./ras-runner.ts";

/** `peer` has a `connection` where the message travels by a TCP connection (H.460.17). */
export type RasTap = (direction: "in" | "out", bytes: Uint8Array, peer: RasAddress, local: Address) => void;

export interface RasSocketOptions<E> {
  readonly host: string;
  /** 1719; 0 for any free port. */
  readonly port: number;
  readonly clock?: Clock;
  readonly onEvent: (event: E) => void;
  /** Whether anything of that address is read at all; everything where absent. */
  readonly admits?: (address: string, port: number) => boolean;
  /** Sends by the TCP connection of that number (H.460.17); what comes by it is given to `receive`. */
  /** Told every message both ways; decoded only by who wants to. */
  readonly trace?: RasTap | undefined;
  readonly tunnelled?: (connection: number, bytes: Uint8Array) => void;
}

/** Runs the machine until closed. Use the machine through `act`, so that what it leaves is sent. */
export class RasSocket<M extends RasClient | Gatekeeper, E extends RasEvent | GatekeeperEvent> implements RasCarrier<M> {
  readonly machine: M;
  readonly #socket: Socket;
  readonly #runner: RasRunner<M, E>;
  readonly #tunnelled: RasSocketOptions<E>["tunnelled"];
  readonly #trace: RasTap | undefined;
  readonly #clock: Clock;
  readonly #answers = new RasAnswers();
  /** Whose datagram is being answered. */
  #answering: string | undefined;
  #closed = false;
  /** Datagrams not yet handed to the system, and what is to be done when there are none. */
  #sending = 0;
  #sent = (): void => {};

  constructor(socket: Socket, machine: M, options: RasSocketOptions<E>) {
    this.machine = machine;
    this.#socket = socket;
    this.#tunnelled = options.tunnelled;
    this.#trace = options.trace;
    this.#clock = options.clock ?? systemClock;
    this.#runner = new RasRunner(machine, {
      clock: options.clock,
      send: (to, bytes) => this.#send(to, bytes),
      onEvent: options.onEvent,
    });
    socket.on("message", (bytes, from) => {
      if (options.admits?.(from.address, from.port) === false) return;
      this.#answers.received(from.address, from.port, bytes.length, this.#clock.now());
      this.#answering = from.address;
      try {
        this.receive(bytes, { host: from.address, port: from.port });
      } finally {
        this.#answering = undefined;
      }
    });
    // A peer's port that is closed comes back as an error of the next send: the machine's timers see to it.
    socket.on("error", () => {});
  }

  /** A RAS message, by whatever way. */
  receive(bytes: Uint8Array, from: RasAddress): void {
    this.#trace?.("in", bytes, from, this.address);
    this.#runner.receive(bytes, from);
  }

  get address(): Address {
    const { address, port } = this.#socket.address();
    return { host: address, port };
  }

  act(action: (machine: M, now: number) => void): void {
    this.#runner.act(action);
  }

  #send(to: RasAddress, bytes: Uint8Array): void {
    const { host, port, connection } = to;
    if (connection !== undefined) {
      this.#trace?.("out", bytes, to, this.address);
      this.#tunnelled?.(connection, bytes);
      return;
    }
    if (host === this.#answering && !this.#answers.admits(host, port, bytes.length, this.#clock.now())) return;
    this.#trace?.("out", bytes, to, this.address);
    this.#sending++;
    this.#socket.send(bytes, port, host, () => {
      if (--this.#sending === 0) this.#sent();
    });
  }

  /** A client is unregistered first. */
  close(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#closed = true;
    this.#runner.stop(true);
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
