/** H.323 on the network: call signalling over TCP, both ways. RAS is in `ras-socket.ts`. */
import { randomBytes } from "node:crypto";
import { connect as connectTcp, createServer, type Server, type Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { type Clock, systemClock } from "../base/clock.ts";
import type { Address, CallConfig, CallIdentity, CallStyle, Destination, LocalCapabilities } from "../h323/index.ts";
import type { PeerCertificate } from "../wire/sip/peer-certificate.ts";
import { H323Session, type H323Limits, h323Limits, plain } from "./h323-session.ts";
import { H323Tls, type H323TlsOptions, type ServerCheck } from "./h323-tls.ts";
import type { TlsSettings } from "./tls.ts";

export interface H323EndpointOptions {
  /** Address to bind; also what peers are told unless `advertise` is given. */
  readonly host: string;
  /** 1720; 0 for any free port. */
  readonly port: number;
  readonly advertise?: string;
  readonly identity: CallIdentity;
  readonly capabilities: LocalCapabilities;
  /** How calls are set up; fast connect and tunnelling where absent. */
  readonly style?: Partial<CallStyle>;
  /** H.323 table 1; 50 where absent, so that endpoints that insist decide. */
  readonly terminalType?: number;
  readonly allowForeignControl?: boolean;
  readonly limits?: Partial<H323Limits>;
  readonly clock?: Clock;
  /** Call signalling over TLS, taken and made; not at all where absent. */
  readonly tls?: H323TlsOptions;
  /** A connection that has brought nothing yet; set `onEvent` at once. The first event is `incoming` or `released`. */
  readonly onSession: (session: H323Session) => void;
  /** Messages both ways, for debug logs. */
  readonly trace?: (peer: Address, direction: "in" | "out", kind: "signalling" | "control", bytes: Uint8Array) => void;
}

/** What a call of ours may differ in. */
export interface OutgoingOptions {
  readonly style?: Partial<CallStyle>;
  readonly identity?: CallIdentity;
  readonly endpointIdentifier?: string;
  /** Connect over TLS. Without `check` the certificate must name the host called. */
  readonly tls?: { readonly check?: ServerCheck | undefined };
  /** Runs on the new session before Setup: set `onEvent`, media. */
  readonly prepare: (session: H323Session) => void;
}

export class H323Endpoint {
  readonly #options: H323EndpointOptions;
  readonly #limits: H323Limits;
  readonly #clock: Clock;
  readonly #server: Server;
  readonly #sessions = new Set<H323Session>();
  #tls: H323Tls | undefined;

  constructor(options: H323EndpointOptions, server: Server) {
    this.#options = options;
    this.#limits = { ...h323Limits, ...options.limits };
    this.#clock = options.clock ?? systemClock;
    this.#server = server;
    server.on("connection", (socket: Socket) => this.#accept(socket, undefined));
  }

  /** Opens the TLS listener, where one is wanted. */
  async secure(): Promise<void> {
    const { tls, host } = this.#options;
    if (tls !== undefined) this.#tls = await H323Tls.listen(host, tls, (socket, certificate) => this.#accept(socket, { certificate }));
  }

  /** New certificates for handshakes from now on. Throws when they do not fit together; the old ones then stay. */
  reloadTls(settings: TlsSettings): void {
    this.#tls?.reload(settings);
  }

  /** Where call signalling is taken. */
  get address(): Address {
    const bound = this.#server.address();
    const port = bound !== null && typeof bound !== "string" ? bound.port : this.#options.port;
    return { host: this.#options.advertise ?? this.#options.host, port };
  }
  /** Port of the TLS listener; undefined without one. */
  get tlsPort(): number | undefined {
    return this.#tls?.port;
  }
  get calls(): number {
    return this.#sessions.size;
  }

  /** Connects to `peer` and places a call there. Resolves with the session once Setup is sent; rejects when the connection fails. */
  call(peer: Address, to: Destination, options: OutgoingOptions): Promise<H323Session> {
    const tls = this.#tls;
    const { host } = this.#options;
    if (options.tls !== undefined && tls === undefined) return Promise.reject(new Error("H.323 over TLS is not configured"));
    return new Promise((resolve, reject) => {
      const secure = options.tls === undefined ? undefined : tls!.connect(peer, host);
      const socket = secure ?? connectTcp({ host: peer.host, port: peer.port, localAddress: host });
      socket.setTimeout(this.#limits.connect, () => socket.destroy(new Error(`${peer.host}:${peer.port} does not answer`)));
      socket.once("error", reject);
      socket.once(secure ? "secureConnect" : "connect", () => {
        const objection = secure && tls!.objection(secure, peer.host, options.tls?.check);
        if (objection !== undefined) {
          socket.destroy(new Error(`${peer.host}:${peer.port}: ${objection}`));
          return;
        }
        socket.setTimeout(0);
        socket.off("error", reject);
        const session = this.#session(socket, { host: plain(socket.remoteAddress), port: peer.port }, "out", options, secure && {});
        options.prepare(session);
        session.start(to);
        resolve(session);
      });
    });
  }

  /** Ends every call with `cause` and stops listening. */
  async close(cause = 41): Promise<void> {
    const stopped = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const session of [...this.#sessions]) session.act((machine) => machine.release(cause, "shutting down"));
    await Promise.all([stopped, this.#tls?.close()]);
  }

  #accept(socket: Socket | TLSSocket, secure: { readonly certificate: PeerCertificate | undefined } | undefined): void {
    const host = plain(socket.remoteAddress);
    let fromHost = 0;
    for (const session of this.#sessions) if (session.peer.host === host) fromHost++;
    if (this.#sessions.size >= this.#limits.calls || fromHost >= this.#limits.perSource) {
      socket.destroy();
      return;
    }
    this.#options.onSession(this.#session(socket, { host, port: socket.remotePort ?? 0 }, "in", {}, secure));
  }

  #session(
    socket: Socket,
    peer: Address,
    direction: "in" | "out",
    options: Partial<OutgoingOptions>,
    secure: { readonly certificate?: PeerCertificate | undefined } | undefined,
  ): H323Session {
    const { identity, capabilities, style, terminalType = 50, allowForeignControl = false, trace } = this.#options;
    const config: CallConfig = {
      style: { fastStart: true, tunnelling: true, earlyControl: false, ...style, ...options.style },
      identity: options.identity ?? identity,
      capabilities,
      terminalType,
      local: {
        host: this.#options.advertise ?? plain(socket.localAddress),
        port: secure === undefined ? this.address.port : (this.tlsPort ?? this.address.port),
      },
      peer,
      random: (count) => randomBytes(count),
      allowForeignControl,
      // A control connection of its own would be in the clear, and media keys may travel in control.
      tunnelOnly: secure !== undefined,
      ...(options.endpointIdentifier === undefined ? {} : { endpointIdentifier: options.endpointIdentifier }),
    };
    const session = new H323Session({
      socket,
      config,
      clock: this.#clock,
      limits: this.#limits,
      host: plain(socket.localAddress),
      direction,
      transport: secure === undefined ? "tcp" : "tls",
      certificate: secure?.certificate,
      ended: (ended) => this.#sessions.delete(ended),
      trace: trace && ((way, kind, bytes) => trace(peer, way, kind, bytes)),
    });
    this.#sessions.add(session);
    return session;
  }
}

/** Opens the listeners; rejects when a port cannot be had. */
export function openH323Endpoint(options: H323EndpointOptions): Promise<H323Endpoint> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(options.port, options.host, () => {
      server.off("error", reject);
      const endpoint = new H323Endpoint(options, server);
      endpoint.secure().then(
        () => resolve(endpoint),
        (error: unknown) => {
          server.close();
          reject(error instanceof Error ? error : new Error(String(error)));
        },
      );
    });
  });
}
