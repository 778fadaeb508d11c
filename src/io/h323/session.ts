/** The sockets of one H.323 call: its signalling connection, its control connection, its timer. Decides nothing; the machine does. */
import { createServer, type Server, connect as connectTcp, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { MachineDriver } from "../../base/machine-driver.ts";
import type { Clock, Millis } from "../../base/clock.ts";
import { TokenBucket } from "../../base/token-bucket.ts";
import {
  type Address,
  type CallConfig,
  type CallEvent,
  CallMachine,
  type CallOutput,
  compareAddresses,
  type Destination,
} from "../../h323/index.ts";
import { TpktReader, tpkt } from "../../wire/h225/index.ts";
import type { PeerCertificate } from "../../wire/sip/peer-certificate.ts";
import { plainAddress } from "../addresses.ts";

/** Bounds on what a peer can make us hold. */
export interface H323Limits {
  /** Calls in all. */
  readonly calls: number;
  /** Calls from one address. */
  readonly perSource: number;
  /** Longest frame taken, octets. */
  readonly frame: number;
  /** A connection must bring a Setup, and a frame once begun must be complete, in so many ms. */
  readonly patience: number;
  /** An outbound connection must stand in so many ms. */
  readonly connect: number;
  /** Frames a second from one connection, ten seconds' worth at once. */
  readonly framesPerSecond: number;
}
export const h323Limits: H323Limits = {
  calls: 5_000,
  perSource: 200,
  frame: 32_768,
  patience: 10_000,
  connect: 4_000,
  framesPerSecond: 200,
};

/** How often something must pass a firewall, or it forgets the connection; H323Plus gives up after 50 s of silence. */
const KEEP_ALIVE_MS = 20_000;

export interface H323SessionOptions {
  /** Call signalling: a connection, or this call's part of one. */
  readonly socket: Duplex;
  /** Asked about the first message of a connection that has come in: where it is no new call's, answers with who takes the connection over. */
  readonly claim?: ((payload: Uint8Array) => ((socket: Duplex) => void) | undefined) | undefined;
  readonly config: CallConfig;
  readonly clock: Clock;
  readonly limits: H323Limits;
  /** Binds control listeners. */
  readonly host: string;
  readonly direction: "in" | "out";
  readonly transport?: "tcp" | "tls";
  /** What a TLS peer showed, verified or not. */
  readonly certificate?: PeerCertificate | undefined;
  readonly ended: (session: H323Session) => void;
  /** Something came that cannot be read. */
  readonly malformed?: (() => void) | undefined;
  /** Told every message both ways; decoded only by who wants to. */
  readonly trace?: ((direction: "in" | "out", kind: "signalling" | "control", bytes: Uint8Array, by: Duplex) => void) | undefined;
}

/** One call and its connections. Use the machine through `act`, so that what it leaves is sent. */
export class H323Session {
  readonly machine: CallMachine;
  readonly direction: "in" | "out";
  readonly peer: Address;
  /** What signalling travels on. */
  readonly transport: "tcp" | "tls";
  readonly certificate: PeerCertificate | undefined;
  /** Told everything the machine tells; set it in the turn the session is handed over. */
  onEvent: (event: CallEvent, now: Millis) => void = () => {};
  readonly #options: H323SessionOptions;
  readonly #signalling: Duplex;
  /** Through a firewall: empty frames keep the connections open. */
  #keepAlive: NodeJS.Timeout | undefined;
  /** Stops following the signalling connection. */
  #detach: () => void = () => {};
  #control: Socket | undefined;
  /** The loser of two control connections opened at once: still read, never written. */
  #spare: Socket | undefined;
  /** Where ours goes that we have opened; where theirs comes. */
  #opened: Address | undefined;
  #listening: Address | undefined;
  #listener: Server | undefined;
  readonly #driver: MachineDriver<CallOutput, CallMachine>;
  #closed = false;

  constructor(options: H323SessionOptions) {
    this.#options = options;
    this.direction = options.direction;
    this.peer = options.config.peer;
    this.transport = options.transport ?? "tcp";
    this.certificate = options.certificate;
    this.machine = new CallMachine(options.config);
    this.#driver = new MachineDriver({ machine: this.machine, clock: options.clock, perform: (output) => this.#perform(output) });
    this.#signalling = options.socket;
    this.#follow(options.socket, "signalling");
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Runs something on the machine and does what it then asks for. */
  act(action: (machine: CallMachine, now: Millis) => void): void {
    this.#driver.act(action);
    if (this.machine.traversal !== undefined && !this.#closed)
      this.#keepAlive ??= setInterval(() => this.#sayNothing(), KEEP_ALIVE_MS).unref();
  }

  /** Caller: once connected. */
  start(to: Destination): void {
    this.act((machine, now) => machine.start(to, now));
  }

  #follow(socket: Duplex, kind: "signalling" | "control"): void {
    const { limits, clock, trace } = this.#options;
    const reader = new TpktReader(limits.frame);
    let patience: NodeJS.Timeout | undefined;
    const wait = (needed: boolean) => {
      if (needed === (patience !== undefined)) return;
      clearTimeout(patience);
      patience = needed ? setTimeout(() => gone("nothing complete came"), limits.patience).unref() : undefined;
    };
    const allowance = new TokenBucket(limits.framesPerSecond, limits.framesPerSecond * 10);
    const gone = (reason: string) => {
      clearTimeout(patience);
      socket.destroy();
      if (kind === "control") {
        if (socket !== this.#control) return;
        // The other of two connections opened at once carries on.
        if (this.#spare?.writable) {
          this.#control = this.#spare;
          this.act((machine, now) => machine.controlConnected(now));
          return;
        }
      }
      this.act((machine) => (kind === "signalling" ? machine.signallingClosed(reason) : machine.controlClosed(reason)));
    };
    if (socket instanceof Socket) socket.setNoDelay(true).setKeepAlive(true, 30_000);
    const data = (chunk: Uint8Array) => {
      let payloads: Uint8Array[];
      try {
        payloads = reader.push(chunk);
      } catch (error) {
        this.#options.malformed?.();
        gone(error instanceof Error ? error.message : String(error));
        return;
      }
      if (!allowance.take(clock.now(), payloads.length)) {
        gone("too many messages");
        return;
      }
      wait(reader.pending > 0 || (kind === "signalling" && this.machine.state === "null" && payloads.length === 0));
      for (const [i, payload] of payloads.entries()) {
        trace?.("in", kind, payload, socket);
        const unread = () => Buffer.concat([...payloads.slice(i + 1).map(tpkt), reader.rest()]);
        if (kind === "signalling" && this.#handedOver(payload, unread)) {
          clearTimeout(patience);
          return;
        }
        this.act((machine, at) => (kind === "signalling" ? machine.signalling(payload, at) : machine.controlMessage(payload, at)));
      }
    };
    const failed = (error: Error) => gone(error.message);
    const ended = () => gone("closed by the peer");
    const closed = () => gone("closed");
    socket.on("data", data).on("error", failed).on("end", ended).on("close", closed);
    if (kind === "signalling") this.#detach = () => socket.off("data", data).off("error", failed).off("end", ended).off("close", closed);
    socket.resume();
    if (this.direction === "in" && kind === "signalling") wait(true);
  }

  #perform(output: CallOutput): void {
    if (output.type === "signalling") this.#write(this.#signalling, "signalling", output.bytes);
    else if (output.type === "control") this.#write(this.#control, "control", output.bytes);
    else if (output.type === "connect-control") this.#connect(output.to);
    else if (output.type === "listen-control") this.#listen();
    else if (output.type === "close") this.#close();
    else {
      if (output.event.type === "ignored" && output.event.malformed) this.#options.malformed?.();
      this.onEvent(output.event, this.#options.clock.now());
    }
  }

  /** Whether the connection is somebody else's, by its first message; then it has been handed over with what was read too much. */
  #handedOver(payload: Uint8Array, unread: () => Uint8Array): boolean {
    if (this.machine.state !== "null" || this.direction !== "in") return false;
    const taker = this.#options.claim?.(payload);
    if (taker === undefined) return false;
    this.#closed = true;
    this.#driver.close();
    this.#options.ended(this);
    this.#signalling.pause();
    this.#detach();
    const rest = unread();
    if (rest.length > 0) this.#signalling.unshift(rest);
    taker(this.#signalling);
    return true;
  }

  #write(socket: Duplex | undefined, kind: "signalling" | "control", payload: Uint8Array): void {
    if (socket === undefined || !socket.writable) return;
    this.#options.trace?.("out", kind, payload, socket);
    socket.write(tpkt(payload));
    // A peer that does not read is not worth keeping.
    if (socket.writableLength > 1 << 20) socket.destroy(new Error("the peer does not read"));
  }

  #sayNothing(): void {
    for (const socket of [this.#signalling, this.#control]) if (socket?.writable) socket.write(tpkt(new Uint8Array(0)));
  }

  #connect({ host, port }: Address): void {
    const socket = connectTcp({ host, port, localAddress: this.#options.host });
    socket.setTimeout(this.#options.limits.connect, () => socket.destroy(new Error("not connected in time")));
    this.#control = socket;
    this.#opened = { host, port };
    this.#follow(socket, "control");
    socket.once("connect", () => {
      socket.setTimeout(0);
      this.act((machine, now) => machine.controlConnected(now));
    });
  }

  #listen(): void {
    const { host, config } = this.#options;
    const server = createServer((socket) => {
      const from = plainAddress(socket.remoteAddress ?? "");
      if (this.#spare !== undefined || from !== config.peer.host) {
        socket.destroy();
        return;
      }
      server.close();
      this.#arrived(socket);
    });
    this.#listener = server;
    server.once("error", (error) => this.act((machine) => machine.release(41, `no control listener: ${error.message}`)));
    server.listen(0, host, () => {
      const address = server.address();
      if (address === null || typeof address === "string") return;
      this.#listening = { host: config.local.host, port: address.port };
      this.act((machine, now) => machine.controlListening(this.#listening!, now));
    });
  }

  /** The peer has connected; we may have too. Then the side with the smaller address gives up the connection it has opened (H.323 8.2). */
  #arrived(socket: Socket): void {
    const ours = this.#control;
    const yields = ours !== undefined && compareAddresses(this.#listening!, this.#opened!) < 0;
    if (ours !== undefined) this.#spare = yields ? ours : socket;
    if (ours === undefined || yields) this.#control = socket;
    this.#follow(socket, "control");
    if (yields) ours.end();
    if (this.#control === socket) this.act((machine, now) => machine.controlConnected(now));
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#driver.close();
    clearInterval(this.#keepAlive);
    this.#listener?.close();
    for (const socket of [this.#control, this.#spare, this.#signalling]) {
      if (socket === undefined) continue;
      socket.end();
      // A peer that never closes its side is closed for.
      setTimeout(() => socket.destroy(), 2_000).unref();
    }
    // The event of the end was handed over before; who is told now counts calls.
    this.#options.ended(this);
  }
}
