/**
 * Sockets for SIP: listeners, the table of connections, limits. Knows where bytes come from and go to, and nothing of what they mean.
 */
import { addressKey, fromOf, isSecure, isWeb, nameOf } from "./places.ts";
import { createServer, connect as connectTcp, isIP, type Server, type Socket } from "node:net";
import {
  connect as connectTls,
  createSecureContext,
  createServer as createTlsServer,
  type SecureContext,
  type Server as TlsServer,
  type TLSSocket,
} from "node:tls";
import type { WebSocket } from "ws";
import type { Clock } from "../../base/clock.ts";
import { ChallengeHandshakes } from "../../security/acme/handshakes.ts";
import { formatFault } from "../../security/certificates/faults.ts";
import type { Listener, SipTap, Source, Target, TransportName } from "../../sip/types.ts";
import { advertised, plainAddress, sourceOf } from "../addresses.ts";
import { Connection, type ConnectionSink } from "./connection.ts";
import { Handshakes } from "../handshakes.ts";
import { callerTrust, contextOptions, isStillVouchedFor, type PeerTrust, peerCertificateOf, type TlsSettings } from "../tls.ts";
import { reasonOf, TlsClients } from "../tls-clients.ts";
import { describeTls, handshakeWords } from "../tls-session.ts";
import { UdpProbes } from "./udp-probe.ts";
import { UdpSockets } from "./udp-sockets.ts";
import { openSipWebSocket, SipWebSockets } from "./websocket.ts";

/** A listener to open. */
export interface ListenSpec {
  readonly transport: TransportName;
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
  /** Host, or host:port, that others are told; the bound one by default. */
  readonly advertise?: string | undefined;
  /** UDP: an address that it is for, and nobody else; requests outside dialogs are not taken from there either. */
  readonly peer?: string | undefined;
}

/** Share of connections and handshakes that addresses of no trunk may have together. */
const STRANGERS = 0.75;

/** Bounds on what strangers can make us hold. */
export interface TransportLimits {
  /** Connections in all. */
  readonly connections: number;
  /** Connections from one source, an IPv4 address or IPv6 /64. */
  readonly perSource: number;
  /** TLS or WebSocket handshakes under way; for one more, the oldest of the source that has most is given up. */
  readonly halfOpen: number;
  /** Handshakes under way from one source, an IPv4 address or IPv6 /64. */
  readonly halfOpenPerSource: number;
  /** A handshake must be done in so many ms. */
  readonly handshake: number;
  /** An outbound connection must stand in so many ms. */
  readonly connect: number;
  /** A message once begun must be complete in so many ms. */
  readonly partial: number;
  /** A connection that never brought a message is closed after so many ms. */
  readonly silent: number;
}
const standardLimits: TransportLimits = {
  connections: 20_000,
  perSource: 1_000,
  halfOpen: 512,
  halfOpenPerSource: 64,
  handshake: 3_000,
  connect: 4_000,
  partial: 10_000,
  silent: 120_000,
};

/** What the sockets report, and ask. */
export interface TransportSink {
  /** Told what is sent; undefined while nobody looks. */
  readonly tap: SipTap | undefined;
  /** Whether anything of that address is read at all. */
  admits(address: string, port: number): boolean;
  /** Whether it is a trunk's: some places are for those only. */
  isTrunk(address: string): boolean;
  /** A peer with a verified certificate has connected from there. */
  verified(address: string): void;
  message(data: Buffer, source: Source): void;
  sendFailed(ref: number, reason: string): void;
  /** ICMP says that nothing listens where `ref` was sent. */
  portUnreachable(ref: number): void;
  connectionClosed(connection: Connection, reason: string): void;
  broken(connection: Connection, why: string, status: number): void;
  /** What came by a connection is not even the beginning of SIP: no HTTP, or no opening handshake, where a WebSocket is to be. */
  malformed(from: { readonly address: string; readonly transport: TransportName }): void;
  /** Something an operator may want to know: `refused connection (per-source limit)` and the like. */
  notice(what: string, source: { address: string; port: number }): void;
}

export interface TransportOptions {
  readonly clock: Clock;
  readonly sink: TransportSink;
  readonly tls?: TlsSettings | undefined;
  readonly limits?: Partial<TransportLimits> | undefined;
}

export class SipTransports implements ConnectionSink {
  readonly limits: TransportLimits;
  /** Of a CA that proves our names, which may ask any TLS listener. */
  readonly challenges = new ChallengeHandshakes();
  readonly #clock: Clock;
  readonly #sink: TransportSink;
  readonly #udp: UdpSockets;
  readonly #probes = new UdpProbes();
  readonly #servers: Server[] = [];
  readonly #tlsServers: TlsServer[] = [];
  readonly #connections = new Map<number, Connection>();
  /** Connections that may carry requests to an address: those we made, and those whose verified peer has asked for it (RFC 5923). */
  readonly #byAddress = new Map<string, Set<Connection>>();
  readonly #perSource = new Map<string, number>();
  readonly #handshakes: Handshakes;
  readonly #sweeper: NodeJS.Timeout;
  #tls: TlsSettings | undefined;
  #clients: TlsClients | undefined;
  #callers: PeerTrust = { anchors: [], lists: [] };
  #contexts = new Map<string, SecureContext>();
  #lastListener = 0;
  #lastConnection = 0;

  constructor(options: TransportOptions) {
    this.#clock = options.clock;
    this.#sink = options.sink;
    this.#udp = new UdpSockets(options.sink);
    this.limits = { ...standardLimits, ...options.limits };
    const { handshake, halfOpen, halfOpenPerSource } = this.limits;
    this.#handshakes = new Handshakes({
      timeout: handshake,
      most: halfOpen,
      perSource: halfOpenPerSource,
      strangers: Math.ceil(halfOpen * STRANGERS),
      isTrunk: (address) => options.sink.isTrunk(address),
    });
    if (options.tls !== undefined) this.reloadTls(options.tls);
    this.#sweeper = setInterval(() => this.#sweep(), Math.max(100, Math.min(5_000, this.limits.partial / 2)));
    this.#sweeper.unref();
  }

  get tap(): SipTap | undefined {
    return this.#sink.tap;
  }

  get connectionCount(): number {
    return this.#connections.size;
  }
  get halfOpenCount(): number {
    return this.#handshakes.size;
  }

  /** Opens a listener. Rejects when the address cannot be bound, or TLS is asked for without certificates. */
  async listen(spec: ListenSpec): Promise<Listener> {
    const id = ++this.#lastListener;
    const bound = spec.transport === "udp" ? await this.#udp.bind(id, spec.host, spec.port, spec.peer) : await this.#listenStream(id, spec);
    const [host, port] = advertised(spec.advertise, bound);
    const listener: Listener = {
      id,
      transport: spec.transport,
      address: bound.address,
      port: bound.port,
      advertisedHost: host,
      advertisedPort: port,
      ...(spec.peer === undefined ? {} : { peer: spec.peer }),
    };
    if (spec.transport === "udp") this.#udp.add(listener);
    return listener;
  }

  /**
   * Takes new certificates for handshakes from now on. Connections that stand, WebSockets too, stay, but for those whose verified peer would not be verified now: its authority
   * is no longer among ours or no longer its trunk's, or its certificate is revoked or out of date. Throws when they do not fit together, and then has changed nothing.
   */
  reloadTls(settings: TlsSettings): void {
    createSecureContext(contextOptions(settings));
    const clients = new TlsClients(settings);
    const callers = callerTrust(settings);
    const contexts = new Map<string, SecureContext>();
    for (const [name, pair] of Object.entries(settings.names ?? {}))
      contexts.set(name.toLowerCase(), createSecureContext(contextOptions({ ...settings, ...pair })));
    this.#tls = settings;
    this.#clients = clients;
    this.#callers = callers;
    this.#contexts = contexts;
    for (const server of this.#tlsServers) server.setSecureContext(contextOptions(settings));
    for (const connection of [...this.#connections.values()])
      if (!this.#isStillGood(connection)) connection.close("its certificate is no longer trusted");
  }

  #isStillGood({ transport, outbound, connected, socket, source, serverName, trunk }: Connection): boolean {
    if (!isSecure(transport) || !connected) return true;
    const secure = socket as TLSSocket;
    if (outbound) return this.#clients?.judgeAgain(secure, { domain: serverName }, trunk) === undefined;
    return isStillVouchedFor(secure, source.peer, this.#callers, "client");
  }

  /** Sends, on a connection that stands or a new one. A failure is reported for `ref` unless that is 0. */
  send(target: Target, data: Buffer, ref: number): void {
    if (target.transport === "udp") this.#udp.send(target, data, ref);
    else this.#sendStream(target, data, ref);
  }

  /** Finds out whether anything listens at a UDP target. */
  probe(target: Target, ref: number): void {
    if (target.port > 0 && target.port < 65_536) this.#probes.ask(target.address, target.port, () => this.#sink.portUnreachable(ref));
  }

  /** Lets a connection also serve requests to its address and `port`, for the names its certificate carries (RFC 5923). */
  alias(connectionId: number, port: number): void {
    const connection = this.#connections.get(connectionId);
    if (connection === undefined || connection.addresses.size >= MAX_ALIASES) return;
    this.#serve(connection, addressKey(connection.transport, connection.source.address, port));
  }

  #serve(connection: Connection, key: string): void {
    const serving = this.#byAddress.get(key) ?? new Set();
    serving.add(connection);
    this.#byAddress.set(key, serving);
    connection.addresses.add(key);
  }

  closeConnection(id: number, reason: string): void {
    this.#connections.get(id)?.close(reason);
  }

  /** Closes connections that have come in from addresses that are not admitted any more. */
  closeNotAdmitted(): void {
    for (const { outbound, source, id } of [...this.#connections.values()])
      if (!outbound && !this.#sink.admits(source.address, source.port)) this.closeConnection(id, "not admitted any more");
  }

  /** Closes everything. */
  async close(): Promise<void> {
    clearInterval(this.#sweeper);
    const ends: Promise<void>[] = [];
    for (const server of this.#servers) ends.push(new Promise((done) => server.close(() => done())));
    this.#handshakes.close();
    for (const connection of [...this.#connections.values()]) connection.close("shutting down");
    this.#probes.close();
    ends.push(this.#udp.close());
    await Promise.all(ends);
  }

  // ── streams ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  async #listenStream(id: number, spec: ListenSpec): Promise<{ address: string; port: number }> {
    const secure = isSecure(spec.transport);
    const tlsServer = secure ? this.#createTlsServer() : undefined;
    const accepted = (socket: Socket, web?: WebSocket): void => {
      this.#handshakes.done(socket);
      const peer = tlsServer === undefined ? undefined : peerCertificateOf(socket as TLSSocket, this.#callers, "client");
      const tls = tlsServer === undefined ? undefined : describeTls(socket as TLSSocket);
      this.#adopt(spec.transport, socket, { ...this.#sourceOf(spec.transport, socket, id, peer), tls }, false, { web });
    };
    // The time of a handshake is that of TLS and the upgrade together.
    const webSockets = isWeb(spec.transport)
      ? new SipWebSockets(
          this.#clock,
          (web, socket) => accepted(socket, web),
          (socket) => this.#sink.malformed({ address: plainAddress(socket.remoteAddress ?? ""), transport: spec.transport }),
        )
      : undefined;
    const server = createServer({ noDelay: true }, (socket) => {
      socket.on("error", ignore);
      const from = fromOf(socket);
      if (!this.#sink.admits(from.address, from.port)) {
        socket.destroy();
        return;
      }
      const refused = this.#refusal(from.address);
      if (refused !== undefined) {
        socket.destroy();
        this.#sink.notice(`refused connection (${refused})`, from);
        return;
      }
      this.#count(from.address, 1);
      socket.once("close", () => this.#count(from.address, -1));
      if (tlsServer === undefined) {
        if (webSockets === undefined) accepted(socket);
        else {
          this.#handshakes.begin(socket, from);
          webSockets.take(socket);
        }
        return;
      }
      this.#handshakes.begin(socket, from);
      this.challenges.take(socket, () => tlsServer.emit("connection", socket));
    });
    tlsServer?.on("secureConnection", (socket: TLSSocket) => {
      this.#sink.notice(`TLS connection from a peer (${describeTls(socket)})`, fromOf(socket));
      if (webSockets === undefined) accepted(socket);
      else webSockets.take(socket);
    });
    tlsServer?.on("tlsClientError", (error, socket) => {
      this.#sink.notice(`TLS handshake failed (${handshakeWords(error)})`, {
        address: plainAddress(socket.remoteAddress ?? ""),
        port: socket.remotePort ?? 0,
      });
      socket.destroy();
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ port: spec.port, host: spec.host, backlog: 1024 }, () => {
        server.off("error", reject);
        resolve();
      });
    });
    server.on("error", ignore);
    this.#servers.push(server);
    const bound = server.address();
    if (bound === null || typeof bound === "string") throw new Error("no address");
    return bound;
  }

  #createTlsServer(): TlsServer {
    if (this.#tls === undefined) throw new Error("a TLS listener needs a certificate and its key");
    const server = createTlsServer({
      ...contextOptions(this.#tls),
      requestCert: true,
      // We judge ourselves: whether a certificate is demanded is the trunk's policy, not the listener's.
      rejectUnauthorized: false,
      handshakeTimeout: this.limits.handshake,
      SNICallback: (name, done) => done(null, this.#contexts.get(name.toLowerCase())),
    });
    this.#tlsServers.push(server);
    return server;
  }

  #refusal(address: string): string | undefined {
    // A quarter of the places is for the addresses of trunks.
    const places = this.#sink.isTrunk(address) ? this.limits.connections : Math.ceil(this.limits.connections * STRANGERS);
    if (this.#connections.size >= places) return "too many connections";
    if ((this.#perSource.get(sourceOf(address)) ?? 0) >= this.limits.perSource) return "too many connections from one address";
    return undefined;
  }

  #count(address: string, by: number): void {
    const source = sourceOf(address);
    const count = (this.#perSource.get(source) ?? 0) + by;
    if (count <= 0) this.#perSource.delete(source);
    else this.#perSource.set(source, count);
  }

  #sourceOf(transport: TransportName, socket: Socket, listener: number, peer: Source["peer"]): Source {
    return {
      transport,
      address: plainAddress(socket.remoteAddress ?? ""),
      port: socket.remotePort ?? 0,
      localAddress: plainAddress(socket.localAddress ?? ""),
      localPort: socket.localPort ?? 0,
      connection: ++this.#lastConnection,
      listener,
      peer,
    };
  }

  #adopt(
    transport: TransportName,
    socket: Socket,
    source: Source,
    outbound: boolean,
    { web, serverName }: { web?: WebSocket | undefined; serverName?: string } = {},
  ): Connection {
    if (!outbound && source.peer?.verified === true) this.#sink.verified(source.address);
    const connection = new Connection({
      id: source.connection,
      transport,
      socket,
      source,
      outbound,
      sink: this,
      now: () => this.#clock.now(),
      web,
      upgrades: outbound && isWeb(transport),
      ...(serverName === undefined ? {} : { serverName }),
    });
    this.#connections.set(connection.id, connection);
    if (outbound) this.#serve(connection, addressKey(transport, source.address, source.port));
    return connection;
  }

  #sendStream(target: Target, data: Buffer, ref: number): void {
    let connection = target.connection === undefined ? undefined : this.#connections.get(target.connection);
    if (connection?.closed === true) connection = undefined;
    if (connection === undefined && target.only !== true) connection = this.#servingOf(target);
    if (connection === undefined) {
      if (target.only === true || !(target.port > 0 && target.port < 65_536)) {
        if (ref !== 0) queueMicrotask(() => this.#sink.sendFailed(ref, "the connection is gone"));
        return;
      }
      connection = this.#connect(target);
    }
    connection.send(data, ref);
  }

  /**
   * A connection that may carry a request to the target: one we made to it for the same trunk and name, or one of a peer whose certificate would do: signed under
   * the trunk's CAs, with the target's name (RFC 5923 section 8).
   */
  #servingOf(target: Target): Connection | undefined {
    const name = nameOf(target);
    for (const connection of this.#byAddress.get(addressKey(target.transport, target.address, target.port)) ?? []) {
      if (connection.closed) continue;
      const own = connection.serverName === name && connection.trunk === target.trunk;
      if (!isSecure(target.transport) || own || this.#clients?.serves(connection.source.peer, name, target.trunk) === true)
        return connection;
    }
    return undefined;
  }

  #connect(target: Target): Connection {
    const { address, port, trunk } = target;
    const name = nameOf(target);
    let socket: Socket;
    const secure = isSecure(target.transport);
    if (secure) {
      const where = { host: address, port, servername: isIP(name) === 0 ? name : "" };
      socket = this.#clients?.connect(where, trunk) ?? connectTls(where);
      socket.on("error", (error) => connection.close(reasonOf(error)));
    } else socket = connectTcp({ host: address, port });
    const source: Source = {
      transport: target.transport,
      address,
      port,
      localAddress: "",
      localPort: 0,
      connection: ++this.#lastConnection,
      listener: 0,
    };
    const connection = this.#adopt(target.transport, socket, source, true, { serverName: name });
    connection.trunk = trunk;
    const timer = setTimeout(() => connection.close("timed out while connecting"), this.limits.connect);
    timer.unref();
    socket.once("close", () => clearTimeout(timer));
    socket.once(secure ? "secureConnect" : "connect", () => {
      if (!isWeb(target.transport)) clearTimeout(timer);
      Object.assign(source, { localAddress: plainAddress(socket.localAddress ?? ""), localPort: socket.localPort ?? 0 });
      if (secure) {
        const judged = this.#clients?.judge(socket as TLSSocket, { domain: name }, trunk);
        if (judged?.fault) {
          connection.close(formatFault(judged.fault));
          return;
        }
        const tls = describeTls(socket as TLSSocket);
        Object.assign(source, { peer: judged?.peer, tls });
        this.#sink.notice(`TLS connection to a peer (${tls})`, source);
      }
      if (isWeb(target.transport)) openSipWebSocket(connection, this.#clock, () => clearTimeout(timer));
      else connection.ready();
    });
    return connection;
  }

  // ── what connections report ──────────────────────────────────────────────────────────────────────────────────────────────────────

  message(data: Buffer, source: Source): void {
    this.#sink.message(data, source);
  }

  broken(connection: Connection, why: string, status: number): void {
    this.#sink.broken(connection, why, status);
  }

  closed(connection: Connection, reason: string): void {
    this.#connections.delete(connection.id);
    for (const key of connection.addresses) {
      const serving = this.#byAddress.get(key);
      if (serving?.delete(connection) === true && serving.size === 0) this.#byAddress.delete(key);
    }
    for (const { ref } of connection.waiting) if (ref !== 0) this.#sink.sendFailed(ref, reason);
    connection.waiting = [];
    this.#sink.connectionClosed(connection, reason);
  }

  #sweep(): void {
    const now = this.#clock.now();
    for (const connection of [...this.#connections.values()]) {
      connection.look(now);
      if (connection.partialSince !== undefined && now - connection.partialSince > this.limits.partial)
        connection.close("incomplete message");
      // Keepalives alone do not hold a connection open.
      else if (!connection.outbound && connection.messages === 0 && now - connection.since > this.limits.silent) connection.close("silent");
    }
  }
}

const ignore = (): void => {};
/** Addresses that one connection may be asked to serve. */
const MAX_ALIASES = 4;
