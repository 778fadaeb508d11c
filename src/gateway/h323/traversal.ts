import { randomBytes } from "node:crypto";
import type { OpenRelay } from "../../legs/h323/media-encryption.ts";
import type { Destination, Gatekeeper, GatekeeperEvent, Registration, TraversalPolicy } from "../../h323/index.ts";
import {
  type H323Endpoint,
  type H323Session,
  type MultiplexPort,
  type OutgoingOptions,
  openMultiplexPort,
  openRtpRelay,
  type RasSocket,
  type SignallingTunnel,
} from "../../io/index.ts";
import type { H323Listeners } from "../options.ts";

/** Endpoints behind firewalls: how they are heard and called (H.460.17, .18), and how their media come through (H.460.19). */
export class H323Traversal {
  readonly #listeners: H323Listeners;
  readonly #tunnels = new Map<number, SignallingTunnel>();
  #last = 0;
  #gatekeeper: RasSocket<Gatekeeper, GatekeeperEvent> | undefined;
  #multiplex: MultiplexPort | undefined;

  constructor(listeners: H323Listeners) {
    this.#listeners = listeners;
  }

  /** Rejects when the shared media ports cannot be had. */
  async open(): Promise<void> {
    const { host, advertise, traversal } = this.#listeners;
    if (traversal?.multiplex !== undefined) this.#multiplex = await openMultiplexPort(host, traversal.multiplex, advertise);
  }
  close(): void {
    this.#multiplex?.close();
  }

  /** Seconds that registrations from behind firewalls live; undefined where they are not taken. */
  get timeToLive(): number | undefined {
    return this.#listeners.traversal?.timeToLive;
  }
  /** What a caller of ours may be answered to be. */
  get policy(): TraversalPolicy {
    return { allowed: this.#listeners.traversal === undefined ? [] : ["server"] };
  }

  /** RAS of those who register by a connection of theirs is given to `gatekeeper`. */
  serve(gatekeeper: RasSocket<Gatekeeper, GatekeeperEvent>): void {
    this.#gatekeeper = gatekeeper;
  }

  /** A connection that begins with RAS. */
  accept(tunnel: SignallingTunnel): void {
    const gatekeeper = this.#gatekeeper;
    if (gatekeeper === undefined || this.#listeners.traversal === undefined) {
      tunnel.close();
      return;
    }
    const connection = ++this.#last;
    this.#tunnels.set(connection, tunnel);
    tunnel.onRas = (bytes) => gatekeeper.receive(bytes, { ...tunnel.peer, connection });
    void tunnel.ended.then(() => {
      this.#tunnels.delete(connection);
      gatekeeper.act((machine) => machine.disconnected(connection));
    });
  }

  /** Answers to what came by a connection. */
  send(connection: number, bytes: Uint8Array): void {
    this.#tunnels.get(connection)?.sendRas(bytes);
  }

  /** Calls an endpoint that registered from behind a firewall. Rejects when it does not come, or its connection is gone. */
  async call(endpoint: H323Endpoint, registration: Registration, to: Destination, options: OutgoingOptions): Promise<H323Session> {
    const outgoing: OutgoingOptions = { ...options, traversal: { role: "server", allowed: [] } };
    const { connection } = registration.ras;
    if (connection !== undefined) {
      const tunnel = this.#tunnels.get(connection);
      if (tunnel === undefined) throw new Error("the endpoint's connection is gone");
      return endpoint.callThrough(tunnel, to, outgoing);
    }
    const callIdentifier = randomBytes(16).toString("hex");
    const come = endpoint.callWhenCome(callIdentifier, to, outgoing);
    this.#gatekeeper?.act((machine, now) => machine.summon(registration, callIdentifier, now));
    return await come;
  }

  /** Relays for a call's media, where they need any. */
  relays(session: H323Session): OpenRelay {
    const { host, advertise, mediaPorts: ports } = this.#listeners;
    return (server) => {
      const serves = session.machine.traversal === "server";
      return openRtpRelay({
        host,
        server,
        ports,
        sources: [session.peer.host],
        learn: serves,
        ...(advertise === undefined ? {} : { advertise }),
        ...(serves && this.#multiplex !== undefined ? { multiplex: this.#multiplex } : {}),
      });
    };
  }
}
