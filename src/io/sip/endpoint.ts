/** A SIP user agent on real sockets in one call: for engines that talk SIP to a neighbour, and for tests. */
import type { Millis } from "../../base/clock.ts";
import type { SipResponse } from "../../wire/sip/message.ts";
import type { ServerTransaction } from "../../sip/layer-api.ts";
import type { Session } from "../../sip/session.ts";
import { type InviteOptions, UserAgent } from "../../sip/user-agent.ts";
import type { Listener, Source, TransportName } from "../../sip/types.ts";
import type { TimerBase } from "../../sip/timers.ts";
import { SipDriver } from "./driver.ts";
import type { TransportLimits } from "./transports.ts";
import type { TlsSettings } from "../tls.ts";

export interface SipEndpointOptions {
  readonly host: string;
  /** 0 for any free port. With several transports, TCP and UDP share the port; TLS gets the next one. */
  readonly port: number;
  /** Default UDP and TCP. */
  readonly transports?: readonly TransportName[];
  /** Host, or host:port, that others are told. */
  readonly advertise?: string | undefined;
  readonly contactUser?: string;
  readonly product?: string;
  readonly timers?: TimerBase;
  readonly tls?: TlsSettings | undefined;
  readonly limits?: Partial<TransportLimits>;
  /** A call comes in: set `session.events`, then ring, answer or reject. */
  onInvite(session: Session, now: Millis): void;
  /** A request outside any dialog, other than INVITE. Default: 200 to OPTIONS, 405 to others. */
  onRequest?(transaction: ServerTransaction, now: Millis): void;
  /** Something unusable arrived. */
  onRejected?(why: string, source: Source): void;
}

/** An open endpoint, as a program uses it. */
export interface SipEndpoint {
  readonly listeners: readonly Listener[];
  /** Monotonic ms, as sessions want them. */
  now(): Millis;
  /** Places a call. */
  invite(options: InviteOptions): Session;
  /** Sends a request outside a dialog and waits for the final response; undefined when none came. */
  request(method: string, options: InviteOptions): Promise<SipResponse | undefined>;
  close(): Promise<void>;
}

/** An open endpoint with what it is made of. */
export interface OpenSipEndpoint extends SipEndpoint {
  readonly agent: UserAgent;
  readonly driver: SipDriver;
}

/** The free port that UDP is given may be somebody's TCP port: so often another one is tried. */
const PORT_TRIES = 20;

/** Opens the sockets. Rejects when an address cannot be bound. */
export async function openSipEndpoint(options: SipEndpointOptions): Promise<OpenSipEndpoint> {
  for (let tries = 1; ; tries++) {
    try {
      return await openOnce(options);
    } catch (error) {
      if (options.port !== 0 || tries === PORT_TRIES || (error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
    }
  }
}

async function openOnce(options: SipEndpointOptions): Promise<OpenSipEndpoint> {
  const { onInvite, onRequest, onRejected } = options;
  const agent = new UserAgent({
    handler: {
      onInvite: onInvite.bind(options),
      ...(onRequest === undefined ? {} : { onRequest: onRequest.bind(options) }),
      ...(onRejected === undefined ? {} : { onRejected: onRejected.bind(options) }),
    },
    ...(options.contactUser === undefined ? {} : { contactUser: options.contactUser }),
    ...(options.product === undefined ? {} : { product: options.product }),
    ...(options.timers === undefined ? {} : { timers: options.timers }),
  });
  const driver = new SipDriver({
    layer: agent.layer,
    tls: options.tls,
    limits: options.limits,
    onConnectionClosed: (closed, now) => agent.connectionClosed(closed, now),
  });
  const listeners: Listener[] = [];
  let { port } = options;
  try {
    for (const transport of options.transports ?? ["udp", "tcp"]) {
      const secure = transport === "tls" || transport === "wss";
      const listener = await driver.listen({
        transport,
        host: options.host,
        port: secure && options.port !== 0 ? options.port + 1 : secure ? 0 : port,
        advertise: options.advertise,
      });
      listeners.push(listener);
      if (!secure && port === 0) port = listener.port;
    }
  } catch (error) {
    await driver.close();
    throw error;
  }
  return {
    agent,
    driver,
    listeners,
    now: () => driver.now(),
    invite: (invite) => agent.invite(invite, driver.now()),
    request: (method, request) => new Promise((done) => agent.request(method, request, driver.now(), done)),
    close: () => driver.close(),
  };
}
