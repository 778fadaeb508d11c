/** Runs a SIP layer on sockets: feeds it, does what it asks for, keeps its one timer. */
import { type Clock, type Millis, systemClock } from "../../base/clock.ts";
import { MachineDriver } from "../../base/machine-driver.ts";
import { readFault } from "../../security/certificates/faults.ts";
import type { SipLayer } from "../../sip/layer.ts";
import type { Listener, Output, SipTap, Source, TransportName } from "../../sip/types.ts";
import type { Connection } from "./connection.ts";
import { type DnsClient, dnsClient } from "./dns.ts";
import { type ListenSpec, SipTransports, type TransportLimits, type TransportSink } from "./transports.ts";
import type { TlsSettings } from "../tls.ts";

/** A connection that is gone. */
export interface ClosedConnection {
  readonly connection: number;
  readonly transport: TransportName;
  readonly address: string;
  readonly port: number;
  readonly reason: string;
  /** It carried requests that named its address only, besides those that named it. */
  readonly shared: boolean;
}

export interface SipDriverOptions {
  readonly layer: SipLayer;
  /** Told of every connection's end, after the layer was. By default the layer alone is told. */
  readonly onConnectionClosed?: (closed: ClosedConnection, now: Millis) => void;
  /** Whether anything of that address is read at all; everything where absent. */
  readonly admits?: (address: string, port: number) => boolean;
  /** Whether an address is a trunk's; none where absent. */
  readonly isTrunk?: (address: string) => boolean;
  /** A peer with a verified certificate has connected from there. */
  readonly onVerified?: (address: string) => void;
  /** A stream that could not be followed. */
  readonly onBroken?: (why: string, source: Source) => void;
  /** What came by a connection that was to become a WebSocket is no opening handshake. */
  readonly onNoHandshake?: (from: Pick<Source, "address" | "transport">) => void;
  /** Something an operator may want to know; limit what you do with it. */
  readonly onNotice?: (what: string, source: { address: string; port: number }) => void;
  /**
   * A fault of ours while a message or a timer was handled. With a handler the fault costs that message only; without one it is thrown,
   * which ends the thread.
   */
  readonly onError?: (error: unknown) => void;
  readonly tls?: TlsSettings | undefined;
  readonly limits?: Partial<TransportLimits> | undefined;
  readonly clock?: Clock | undefined;
  readonly dns?: DnsClient | undefined;
}

export class SipDriver implements TransportSink {
  readonly layer: SipLayer;
  readonly transports: SipTransports;
  /** Told every message both ways. Set it to look, and to undefined to look no more: then it costs nothing. */
  tap: SipTap | undefined;
  readonly #clock: Clock;
  readonly #dns: DnsClient;
  readonly #options: SipDriverOptions;
  readonly #driver: MachineDriver<Output, SipLayer>;
  #flushQueued = false;
  #closed = false;

  constructor(options: SipDriverOptions) {
    this.layer = options.layer;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#dns = options.dns ?? dnsClient();
    this.transports = new SipTransports({ clock: this.#clock, sink: this, tls: options.tls, limits: options.limits });
    const { layer, onError } = options;
    this.#driver = new MachineDriver({ machine: layer, clock: this.#clock, perform: (output) => this.#perform(output), onError });
    this.layer.wake = () => {
      if (this.#flushQueued) return;
      this.#flushQueued = true;
      queueMicrotask(this.#flush);
    };
  }

  now(): Millis {
    return this.#clock.now();
  }

  /** Opens a listener and tells the layer. */
  async listen(spec: ListenSpec): Promise<Listener> {
    const listener = await this.transports.listen(spec);
    this.layer.addListener(listener);
    return listener;
  }

  /** Stops everything; what is queued to be sent is handed to the sockets first. */
  async close(): Promise<void> {
    this.#flush();
    this.#closed = true;
    this.#driver.close();
    this.layer.wake = () => {};
    await this.transports.close();
  }

  // ── what the sockets report ──────────────────────────────────────────────────────────────────────────────────────────────────────

  message(data: Buffer, source: Source): void {
    this.tap?.("in", data, source);
    this.#guarded(() => this.layer.receive(data, source, this.#clock.now()));
  }
  sendFailed(ref: number, reason: string): void {
    this.layer.sendFailed(ref, reason, this.#clock.now());
  }
  portUnreachable(ref: number): void {
    this.#guarded(() => this.layer.portUnreachable(ref, this.#clock.now()));
  }
  connectionClosed(connection: Connection, reason: string): void {
    if (this.#closed) return;
    const { transport, source } = connection;
    const closed: ClosedConnection = {
      connection: connection.id,
      transport,
      address: source.address,
      port: source.port,
      reason,
      shared: connection.addresses.size > 0,
    };
    const now = this.#clock.now();
    this.layer.connectionClosed({ ...closed, trunk: connection.trunk, why: readFault(reason) && reason }, now);
    this.#options.onConnectionClosed?.(closed, now);
  }
  malformed(from: Pick<Source, "address" | "transport">): void {
    this.#options.onNoHandshake?.(from);
  }

  broken(connection: Connection, why: string, status: number): void {
    // A stateless answer would need the request's Via, which may not have come: the connection's end is the answer.
    this.notice(`unreadable stream (${status} ${why})`, connection.source);
    this.#options.onBroken?.(why, connection.source);
  }
  admits(address: string, port: number): boolean {
    return this.#options.admits?.(address, port) ?? true;
  }
  isTrunk(address: string): boolean {
    return this.#options.isTrunk?.(address) ?? false;
  }
  verified(address: string): void {
    this.#options.onVerified?.(address);
  }
  notice(what: string, source: { address: string; port: number }): void {
    this.#options.onNotice?.(what, source);
  }

  readonly #flush = (): void => {
    this.#flushQueued = false;
    this.#driver.flush();
  };

  #perform(output: Output): void {
    if (output.kind === "send") this.transports.send(output.target, output.data, output.ref);
    else if (output.kind === "probe") this.transports.probe(output.target, output.ref);
    else if (output.kind === "alias") this.transports.alias(output.connection, output.port);
    else {
      const { id } = output;
      void this.#dns(output.lookup).then((answer) => this.layer.lookupDone(id, answer, this.#clock.now()));
    }
  }

  #guarded(work: () => void): void {
    const { onError } = this.#options;
    if (onError === undefined) {
      work();
      return;
    }
    try {
      work();
    } catch (error) {
      onError(error);
    }
  }
}
