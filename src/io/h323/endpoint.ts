/** H.323 on the network: call signalling over TCP, both ways. RAS is in `ras-socket.ts`. */
import { randomBytes } from "node:crypto";
import { connect as connectTcp, createServer, type Server, Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { type Clock, systemClock } from "../../base/clock.ts";
import {
  type Address,
  type CallConfig,
  type CallIdentity,
  type CallStyle,
  composeArrival,
  type Destination,
  type IndicatedCall,
  type LocalCapabilities,
  type MediaPolicy,
  readArrival,
  readTunnelledRas,
  type TraversalPolicy,
} from "../../h323/index.ts";
import { RateLimiter } from "../../base/rate-limit.ts";
import { TokenBucket } from "../../base/token-bucket.ts";
import { tpkt } from "../../wire/h225/index.ts";
import { CertificateError } from "../../security/certificates/faults.ts";
import type { PeerCertificate } from "../../wire/sip/peer-certificate.ts";
import { plainAddress, sourceOf } from "../addresses.ts";
import { H323Session, type H323Limits, h323Limits } from "./session.ts";
import { reasonOf } from "../tls-clients.ts";
import { H323Tls, type H323TlsOptions } from "./tls.ts";
import { SignallingTunnel } from "./tunnel.ts";
import type { TlsSettings } from "../tls.ts";

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
  /** What we can be where media cross a firewall (H.460.19); none is crossed where absent. */
  readonly traversal?: TraversalPolicy;
  /** Whether media are to be encrypted by H.235.6; not at all where absent. */
  readonly encryption?: MediaPolicy;
  readonly limits?: Partial<H323Limits>;
  readonly clock?: Clock;
  /** Call signalling over TLS, taken and made; not at all where absent. */
  readonly tls?: H323TlsOptions;
  /** A connection whose first message carries RAS (H.460.17); refused where absent. Set `onRas` at once. */
  readonly onTunnel?: (tunnel: SignallingTunnel) => void;
  /** Whether anything of that address is read at all; everything where absent. */
  readonly admits?: (address: string, port: number) => boolean;
  /** Whether an address is a trunk's: a quarter of the places is for those. */
  readonly isTrunk?: (address: string) => boolean;
  /** A connection that has brought nothing yet; set `onEvent` at once. The first event is `incoming` or `released`. */
  readonly onSession: (session: H323Session) => void;
  /**
   * A connection, or a call inside one, that is not taken: `calls` there are as many as may be, `source` as many from that address, `rate` more
   * connections a second than strangers may make.
   */
  readonly onTurnedAway?: (peer: Address, limit: "calls" | "source" | "rate") => void;
  /** A TLS handshake has come to nothing, and why. */
  readonly onHandshakeFailed?: (peer: Address, why: string) => void;
  /** Something came from there, by TCP or TLS, that cannot be read. */
  readonly onMalformed?: (peer: Address, transport: "tcp" | "tls") => void;
  /** Told every message both ways; decoded only by who wants to. */
  readonly trace?: H323Tap;
}

/** One message of a call. `local` and `remote` are the ends of the connection it travels by; undefined inside a tunnel (H.460.17). */
export type H323Tap = (
  session: H323Session,
  message: { readonly direction: "in" | "out"; readonly kind: "signalling" | "control"; readonly bytes: Uint8Array },
  ends: { readonly local: Address; readonly remote: Address } | undefined,
) => void;

/** What a call of ours may differ in. */
export interface OutgoingOptions {
  /** The call's identifier where it is known before: 16 octets, hexadecimal. */
  readonly callIdentifier?: string;
  /** With it, where a gatekeeper has been asked. */
  readonly conferenceId?: string;
  readonly callReference?: number;
  readonly style?: Partial<CallStyle>;
  readonly identity?: CallIdentity;
  readonly endpointIdentifier?: string;
  /** Instead of the endpoint's. */
  readonly traversal?: TraversalPolicy;
  readonly encryption?: MediaPolicy;
  /** Connect over TLS, with what the settings have for the trunk. The certificate must name the host called, or be one of the trunk's names. */
  readonly tls?: { readonly trunk?: string | undefined };
  /** Runs on the new session before Setup: set `onEvent`, media. */
  readonly prepare: (session: H323Session) => void;
}

/** A terminal (H.323 table 1), so that endpoints that insist on being master decide. */
const TERMINAL_TYPE = 50;
/** Share of the places that addresses of no trunk may have together. */
const STRANGERS = 0.75;
/** Connections a second of addresses of no trunk, and how many at once: each costs the thread that takes calls. */
const KNOCKS = { ofSource: { perSecond: 20, burst: 100 }, ofAll: { perSecond: 100, burst: 200 } };
/** In calls that come to us by a connection of ours to a server beyond a firewall. */
const BEHIND: Partial<OutgoingOptions> = { traversal: { allowed: ["client"] } };
/** An endpoint that was told of a call has so long to come for it. */
const COME_MS = 8_000;

export class H323Endpoint {
  readonly #options: H323EndpointOptions;
  readonly #limits: H323Limits;
  readonly #clock: Clock;
  readonly #server: Server;
  readonly #sessions = new Set<H323Session>();
  /** Calls and tunnels by source. */
  readonly #bySource = new Map<string, number>();
  readonly #knocks = new RateLimiter(KNOCKS.ofSource);
  readonly #allKnocks = new TokenBucket(KNOCKS.ofAll.perSecond, KNOCKS.ofAll.burst);
  /** Connections that carry RAS and calls. */
  readonly #tunnels = new Set<SignallingTunnel>();
  /** Calls of ours whose callee is to come for them (H.460.18), by identifier. */
  readonly #awaited = new Map<string, (socket: Duplex) => void>();
  #tls: H323Tls | undefined;

  constructor(options: H323EndpointOptions, server: Server) {
    this.#options = options;
    this.#limits = { ...h323Limits, ...options.limits };
    this.#clock = options.clock ?? systemClock;
    this.#server = server;
    server.on("connection", (socket: Socket) => {
      if (this.#admits(peerOf(socket))) this.#accept(socket, undefined);
      else socket.destroy();
    });
  }

  /** Opens the TLS listener, where one is wanted. */
  async secure(): Promise<void> {
    const { tls, host, isTrunk, onHandshakeFailed } = this.#options;
    const admits = (address: string, port: number) => this.#admits({ host: address, port });
    if (tls !== undefined)
      this.#tls = await H323Tls.listen(host, { ...tls, admits, isTrunk, onHandshakeFailed }, (socket, certificate) =>
        this.#accept(socket, { certificate }),
      );
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
      const secure = options.tls === undefined ? undefined : tls!.connect(peer, host, options.tls.trunk);
      const socket = secure ?? connectTcp({ host: peer.host, port: peer.port, localAddress: host });
      socket.setTimeout(this.#limits.connect, () => socket.destroy(new Error(`${peer.host}:${peer.port} does not answer`)));
      const failed = (error: Error) => reject(secure && !(error instanceof CertificateError) ? asHandshakeError(error) : error);
      socket.once("error", failed);
      socket.once(secure ? "secureConnect" : "connect", () => {
        const objection = secure && tls!.objection(secure, peer.host, options.tls?.trunk);
        if (objection !== undefined) {
          socket.destroy(new CertificateError(objection, `${peer.host}:${peer.port}`));
          return;
        }
        socket.setTimeout(0);
        socket.off("error", failed);
        const session = this.#session(socket, peerOf(socket), "out", options, secure && {});
        options.prepare(session);
        session.start(to);
        resolve(session);
      });
    });
  }

  /**
   * Places a call to an endpoint behind a firewall that has been told of it: waits until it connects and says that it has come for this call. Resolves once
   * Setup is sent; rejects when it does not come in time.
   */
  callWhenCome(callIdentifier: string, to: Destination, options: OutgoingOptions): Promise<H323Session> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#awaited.delete(callIdentifier);
        reject(new Error("the endpoint has not come for its call"));
      }, COME_MS);
      this.#awaited.set(callIdentifier, (socket) => {
        clearTimeout(timer);
        this.#awaited.delete(callIdentifier);
        resolve(this.#place(socket, to, { ...options, callIdentifier }));
      });
    });
  }

  /** Places a call inside a connection that the callee holds open (H.460.17). */
  callThrough(tunnel: SignallingTunnel, to: Destination, options: OutgoingOptions): H323Session {
    return this.#place(tunnel.channel(), to, options, tunnel.peer);
  }

  /** Connects for a call that waits for us (H.460.18): it then comes in as any other, with us as client where media cross the firewall. */
  come({ to, callIdentifier }: IndicatedCall): void {
    const socket = connectTcp({ host: to.host, port: to.port, localAddress: this.#options.host });
    socket.setTimeout(this.#limits.connect, () => socket.destroy());
    socket.once("error", () => {});
    socket.once("connect", () => {
      socket.setTimeout(0);
      if (!this.#room(to)) {
        socket.destroy();
        return;
      }
      socket.write(tpkt(composeArrival(callIdentifier)));
      this.#options.onSession(this.#session(socket, to, "in", BEHIND, undefined));
    });
  }

  /** Opens a connection that carries RAS and calls to and from a gatekeeper (H.460.17); we are client in them. Rejects when it cannot be had. */
  openTunnel(peer: Address): Promise<SignallingTunnel> {
    return new Promise((resolve, reject) => {
      const socket = connectTcp({ host: peer.host, port: peer.port, localAddress: this.#options.host });
      socket.setTimeout(this.#limits.connect, () => socket.destroy(new Error(`${peer.host}:${peer.port} does not answer`)));
      socket.once("error", reject);
      socket.once("connect", () => {
        socket.setTimeout(0);
        socket.off("error", reject);
        resolve(this.#tunnel(socket, peer, BEHIND));
      });
    });
  }

  /** Ends every call with `cause` and stops listening. */
  async close(cause = 41): Promise<void> {
    const stopped = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const session of [...this.#sessions]) session.act((machine) => machine.release(cause, "shutting down"));
    for (const tunnel of this.#tunnels) tunnel.close();
    await Promise.all([stopped, this.#tls?.close()]);
  }

  #place(socket: Duplex, to: Destination, options: OutgoingOptions, peer = peerOf(socket)): H323Session {
    const session = this.#session(socket, peer, "out", options, undefined);
    options.prepare(session);
    session.start(to);
    return session;
  }

  /** Who takes a connection over whose first message is no Setup. */
  #claim(payload: Uint8Array): ((socket: Duplex) => void) | undefined {
    const callIdentifier = readArrival(payload);
    const awaited = callIdentifier === undefined ? undefined : this.#awaited.get(callIdentifier);
    if (awaited !== undefined) return awaited;
    const { onTunnel } = this.#options;
    if (onTunnel === undefined || readTunnelledRas(payload) === undefined) return undefined;
    return (socket) => {
      const tunnel = this.#tunnel(socket, peerOf(socket));
      onTunnel(tunnel);
      tunnel.take(payload);
    };
  }

  #tunnel(socket: Duplex, peer: Address, options: Partial<OutgoingOptions> = {}): SignallingTunnel {
    const tunnel = new SignallingTunnel(socket, peer, this.#limits, this.#clock);
    this.#tunnels.add(tunnel);
    this.#count(peer, 1);
    tunnel.onCall = (channel) => {
      if (this.#room(peer)) this.#options.onSession(this.#session(channel, peer, "in", options, undefined));
      else channel.destroy();
    };
    tunnel.onMalformed = () => this.#options.onMalformed?.(peer, "tcp");
    tunnel.ended.then(() => {
      this.#tunnels.delete(tunnel);
      this.#count(peer, -1);
    });
    return tunnel;
  }

  /** Whether there is room for one more from there. */
  #room(peer: Address): boolean {
    const fromHost = this.#bySource.get(sourceOf(peer.host)) ?? 0;
    const places = this.#options.isTrunk?.(peer.host) === false ? Math.ceil(this.#limits.calls * STRANGERS) : this.#limits.calls;
    const full = this.#sessions.size + this.#tunnels.size >= places;
    if (!full && fromHost < this.#limits.perSource) return true;
    this.#options.onTurnedAway?.(peer, full ? "calls" : "source");
    return false;
  }

  #count({ host }: Address, by: 1 | -1): void {
    const source = sourceOf(host);
    const count = (this.#bySource.get(source) ?? 0) + by;
    if (count > 0) this.#bySource.set(source, count);
    else this.#bySource.delete(source);
  }

  /** Whether a new connection is looked at. */
  #admits(peer: Address): boolean {
    const { admits, isTrunk, onTurnedAway } = this.#options;
    if (admits?.(peer.host, peer.port) === false) return false;
    if (isTrunk?.(peer.host) !== false) return true;
    const now = this.#clock.now();
    if (this.#knocks.take(sourceOf(peer.host), now) && this.#allKnocks.take(now)) return true;
    onTurnedAway?.(peer, "rate");
    return false;
  }

  #accept(socket: Socket | TLSSocket, secure: { readonly certificate: PeerCertificate | undefined } | undefined): void {
    const peer = peerOf(socket);
    if (!this.#room(peer)) {
      socket.destroy();
      return;
    }
    this.#options.onSession(this.#session(socket, peer, "in", {}, secure));
  }

  #session(
    socket: Duplex,
    peer: Address,
    direction: "in" | "out",
    options: Partial<OutgoingOptions>,
    secure: { readonly certificate?: PeerCertificate | undefined } | undefined,
  ): H323Session {
    const { identity, capabilities, style, trace } = this.#options;
    const bound = socket instanceof Socket ? plainAddress(socket.localAddress ?? "") : this.#options.host;
    const config: CallConfig = {
      style: { fastStart: true, tunnelling: true, earlyControl: false, ...style, ...options.style },
      identity: options.identity ?? identity,
      capabilities,
      terminalType: TERMINAL_TYPE,
      local: {
        host: this.#options.advertise ?? bound,
        port: secure === undefined ? this.address.port : (this.tlsPort ?? this.address.port),
      },
      peer,
      random: (count) => randomBytes(count),
      // A control connection of its own would be in the clear, and media keys may travel in control.
      tunnelOnly: secure !== undefined,
      callIdentifier: options.callIdentifier,
      conferenceId: options.conferenceId,
      callReference: options.callReference,
      traversal: options.traversal ?? this.#options.traversal,
      encryption: options.encryption ?? this.#options.encryption ?? "none",
      ...(options.endpointIdentifier === undefined ? {} : { endpointIdentifier: options.endpointIdentifier }),
    };
    const session: H323Session = new H323Session({
      socket,
      config,
      clock: this.#clock,
      limits: this.#limits,
      host: bound,
      direction,
      claim: socket instanceof Socket ? (payload) => this.#claim(payload) : undefined,
      transport: secure === undefined ? "tcp" : "tls",
      certificate: secure?.certificate,
      malformed: direction === "in" ? () => this.#options.onMalformed?.(peer, secure === undefined ? "tcp" : "tls") : undefined,
      ended: (ended) => {
        if (this.#sessions.delete(ended)) this.#count(peer, -1);
      },
      trace: trace && ((way, kind, bytes, by) => trace(session, { direction: way, kind, bytes }, endsOf(by))),
    });
    this.#sessions.add(session);
    this.#count(peer, 1);
    return session;
  }
}

const peerOf = (socket: Duplex): Address =>
  socket instanceof Socket ? { host: plainAddress(socket.remoteAddress ?? ""), port: socket.remotePort ?? 0 } : { host: "", port: 0 };

const endsOf = (socket: Duplex): { local: Address; remote: Address } | undefined =>
  socket instanceof Socket
    ? { local: { host: plainAddress(socket.localAddress ?? ""), port: socket.localPort ?? 0 }, remote: peerOf(socket) }
    : undefined;

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

/** A handshake that failed, in words; `cause` is OpenSSL's error. */
function asHandshakeError(error: NodeJS.ErrnoException): Error {
  const words = reasonOf(error);
  return words === error.message ? error : Object.assign(new Error(words, { cause: error }), { code: error.code });
}
