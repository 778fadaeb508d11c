/** TLS for H.323 call signalling (port 1300): a listener that asks for a client certificate, and connections of ours. */
import { createServer, isIP, type Server, type Socket } from "node:net";
import {
  type ConnectionOptions,
  createSecureContext,
  createServer as createTlsServer,
  type Server as TlsServer,
  type TLSSocket,
} from "node:tls";
import type { Millis } from "../../base/clock.ts";
import type { Address } from "../../h323/index.ts";
import { CertificateError, type Fault } from "../../security/certificates/faults.ts";
import type { PeerCertificate } from "../../wire/sip/peer-certificate.ts";
import { plainAddress } from "../addresses.ts";
import { Handshakes } from "../handshakes.ts";
import { callerTrust, contextOptions, isStillVouchedFor, type PeerTrust, peerCertificateOf, type TlsSettings } from "../tls.ts";
import { TlsClients } from "../tls-clients.ts";
import { handshakeWords } from "../tls-session.ts";

/** The listener and what it is to do. */
export interface H323TlsOptions {
  /** 1300; 0 for any free port; null takes no calls, only makes them (then `cert` may be empty). */
  readonly port: number | null;
  readonly settings: TlsSettings;
  /** Whether an address is a trunk's, for which places are kept; none where absent. */
  readonly isTrunk?: ((address: string) => boolean) | undefined;
  /** Whether anything of that address is read at all; everything where absent. */
  readonly admits?: ((address: string, port: number) => boolean) | undefined;
  /** A handshake has come to nothing, and why. */
  readonly onHandshakeFailed?: ((peer: Address, why: string) => void) | undefined;
}

/** A handshake must be done in so many ms. */
const HANDSHAKE: Millis = 3_000;
/** Handshakes under way at a time, in all and from one address: each costs more to us than to who asks for it. */
const MOST_HANDSHAKES = 500;
const MOST_OF_STRANGERS = 375;
const MOST_FROM_ONE = 20;

export class H323Tls {
  readonly #tls: TlsServer;
  readonly #raw: Server;
  readonly #handshakes: Handshakes;
  readonly #admits: H323TlsOptions["admits"];
  #clients: TlsClients;
  #callers: PeerTrust;
  /** Connections that stand, and what vouched for their peers. */
  readonly #accepted = new Map<TLSSocket, PeerCertificate | undefined>();
  /** Connections of ours whose server has been judged, and by what. */
  readonly #made = new Map<TLSSocket, { readonly host: string; readonly trunk: string | undefined }>();

  private constructor(options: H323TlsOptions, accept: (socket: TLSSocket, certificate: PeerCertificate | undefined) => void) {
    this.#handshakes = new Handshakes({
      timeout: HANDSHAKE,
      most: MOST_HANDSHAKES,
      perSource: MOST_FROM_ONE,
      strangers: MOST_OF_STRANGERS,
      isTrunk: options.isTrunk ?? (() => false),
    });
    this.#admits = options.admits;
    this.#clients = new TlsClients(options.settings);
    this.#callers = callerTrust(options.settings);
    this.#tls = createTlsServer({
      ...contextOptions(options.settings),
      requestCert: true,
      // Whether a certificate is demanded is the trunk's policy, not the listener's.
      rejectUnauthorized: false,
      handshakeTimeout: HANDSHAKE,
    });
    this.#raw = createServer({ noDelay: true }, (socket) => this.#begin(socket));
    this.#tls.on("secureConnection", (socket: TLSSocket) => {
      socket.on("error", () => {});
      this.#handshakes.done(socket);
      const certificate = peerCertificateOf(socket, this.#callers, "client");
      this.#accepted.set(socket, certificate);
      socket.once("close", () => this.#accepted.delete(socket));
      accept(socket, certificate);
    });
    this.#tls.on("tlsClientError", (error, socket) => {
      const peer = { host: plainAddress(socket.remoteAddress ?? ""), port: socket.remotePort ?? 0 };
      options.onHandshakeFailed?.(peer, handshakeWords(error));
      socket.destroy();
    });
  }

  /** Opens the listener; rejects when the port cannot be had, throws when certificate and key do not fit. */
  static async listen(
    host: string,
    options: H323TlsOptions,
    accept: (socket: TLSSocket, certificate: PeerCertificate | undefined) => void,
  ): Promise<H323Tls> {
    const tls = new H323Tls(options, accept);
    if (options.port === null) return tls;
    const { port } = options;
    await new Promise<void>((resolve, reject) => {
      tls.#raw.once("error", reject);
      tls.#raw.listen(port, host, () => {
        tls.#raw.off("error", reject);
        resolve();
      });
    });
    return tls;
  }

  /** Undefined where no calls are taken. */
  get port(): number | undefined {
    const bound = this.#raw.address();
    return bound !== null && typeof bound !== "string" ? bound.port : undefined;
  }

  /**
   * New certificates for handshakes from now on. Connections that stand stay, and the calls on them, but for those whose peer was verified and would not be
   * now. Throws when they do not fit together; the old ones then stay.
   */
  reload(settings: TlsSettings): void {
    createSecureContext(contextOptions(settings));
    const clients = new TlsClients(settings);
    this.#callers = callerTrust(settings);
    this.#clients = clients;
    this.#tls.setSecureContext(contextOptions(settings));
    for (const [socket, certificate] of [...this.#accepted])
      if (!isStillVouchedFor(socket, certificate, this.#callers, "client"))
        socket.destroy(new Error("the caller's certificate is no longer trusted"));
    for (const [socket, { host, trunk }] of [...this.#made]) {
      const fault = this.#clients.judgeAgain(socket, { host }, trunk);
      if (fault !== undefined) socket.destroy(new CertificateError(fault, host));
    }
  }

  /** Connects, with what the settings have for the trunk; the handshake is done when `secureConnect` comes. Who answers is judged by `objection`. */
  connect(peer: Address, localAddress: string, trunk?: string): TLSSocket {
    const where: ConnectionOptions & { readonly localAddress: string } = {
      host: peer.host,
      port: peer.port,
      localAddress,
      servername: isIP(peer.host) === 0 ? peer.host : "",
    };
    return this.#clients.connect(where, trunk);
  }

  /** Why the server at the other end is not the one that was called; undefined when it is. */
  objection(socket: TLSSocket, host: string, trunk?: string): Fault | undefined {
    const { fault } = this.#clients.judge(socket, { host }, trunk);
    if (fault === undefined) {
      this.#made.set(socket, { host, trunk });
      socket.once("close", () => this.#made.delete(socket));
    }
    return fault;
  }

  close(): Promise<void> {
    this.#handshakes.close();
    return this.#raw.listening ? new Promise((resolve) => this.#raw.close(() => resolve())) : Promise.resolve();
  }

  #begin(socket: Socket): void {
    socket.on("error", () => {});
    if (this.#admits?.(plainAddress(socket.remoteAddress ?? ""), socket.remotePort ?? 0) === false) {
      socket.destroy();
      return;
    }
    this.#handshakes.begin(socket);
    this.#tls.emit("connection", socket);
  }
}
