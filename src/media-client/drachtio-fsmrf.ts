import { createRequire } from "node:module";
import type { Socket } from "node:net";
import type { Dialog, Srf } from "../legs/sip/drachtio.ts";

/**
 * drachtio-fsmrf and its event-socket library as this application uses them, typed by what their code does; they come without declarations.
 */

export interface EslEvent {
  getHeader(name: string): string | undefined;
  getBody(): string;
}

export interface EslConnection {
  /** What came in reply to `connect`. */
  channelData: Pick<EslEvent, "getHeader"> | null;
  /** Null once it is closed. */
  readonly socket: Socket | null;
  send: (command: string, headers?: Readonly<Record<string, string>>) => void;
  /** Its reader: what of the stream is not a whole message yet. */
  readonly parser: { buffer: Buffer };
  /** The library's own reconnecting, which is called off when a connection is let go of. */
  readonly reconnectVars?: { readonly retryTimer?: NodeJS.Timeout };
  on(event: string, listener: (event: EslEvent) => void): void;
  once(event: string, listener: (event: EslEvent) => void): void;
  removeListener(event: string, listener: (event: EslEvent) => void): void;
  connected(): boolean;
  disconnect(): void;
  getInfo(): EslEvent;
}

export interface Endpoint {
  readonly uuid: string;
  readonly conn: EslConnection | null;
  readonly conf: { memberId?: number; name?: string };
  api(command: string, args: string | readonly string[]): Promise<EslEvent>;
  execute(application: string, argument: string): Promise<EslEvent>;
  join(conference: string, options: { profile?: string; flags?: Record<string, boolean> }): Promise<{ memberId: number; confUuid: string }>;
  confMute(): Promise<unknown>;
  confUnmute(): Promise<unknown>;
  confKick(): Promise<unknown>;
  confPlay(file: string): Promise<unknown>;
  on(event: "dtmf", listener: (key: { dtmf: string; duration?: string }) => void): void;
  once(event: "destroy", listener: (detail?: { reason?: string }) => void): void;
  removeAllListeners(): void;
}

/** A callback connection that is awaited: the media server names the call by the token we sent. */
export interface PendingConnection {
  fn: (connection: EslConnection) => void;
  connTimeout: NodeJS.Timeout;
}

export interface MediaServer {
  readonly conn: EslConnection;
  readonly pendingConnections: Map<string, PendingConnection>;
  readonly advertisedAddress: string;
  readonly advertisedPort: number;
  readonly sip: { readonly ipv4: { readonly udp: { readonly address?: string } } };
  connected(): boolean;
  api(command: string): Promise<string>;
  disconnect(): void;
  on(event: "end", listener: () => void): void;
  on(event: "error", listener: (error: Error) => void): void;
}

export interface ConnectOptions {
  readonly address: string;
  readonly port: number;
  readonly secret: string;
  readonly listenAddress: string;
  readonly advertisedAddress?: string;
  readonly advertisedPort?: number;
  readonly profile?: string;
  /** What calls to the embedded media server prove their sender by. FreeSWITCH knows of none. */
  readonly callSecret?: string;
}

interface Mrf {
  connect(options: ConnectOptions): Promise<MediaServer>;
}

const load = createRequire(import.meta.url);

export function createMrf(srf: Srf): Mrf {
  const Constructor = load("drachtio-fsmrf") as new (srf: Srf) => Mrf;
  return new Constructor(srf);
}

/**
 * Makes one write of what is sent in a turn of the event loop. The library writes a command line by line, some forty writes a call, each of which wakes the
 * media server, or waits until the one before is acknowledged.
 */
export function gather(connection: EslConnection): void {
  const { socket } = connection;
  if (!socket) return;
  socket.setNoDelay(true);
  const send = connection.send.bind(connection);
  connection.send = (command, headers) => {
    if (socket.writableCorked === 0) {
      socket.cork();
      process.nextTick(() => socket.uncork());
    }
    send(command, headers);
  };
}

const nothing = Buffer.alloc(0);

/**
 * Makes a call's connection fit to be kept for hours, once its endpoint is made. The library keeps the hundred and more headers of the channel's
 * beginning to find its id among them, and the whole of every chunk that was read until the next one comes.
 */
export function slim(connection: EslConnection): void {
  const uuid = connection.getInfo().getHeader("Unique-ID");
  connection.channelData = { getHeader: (name) => (name === "Unique-ID" || name === "Channel-Unique-ID" ? uuid : undefined) };
  const { parser, socket } = connection;
  const letGo = () => {
    if (parser.buffer.length === 0) parser.buffer = nothing;
  };
  letGo();
  socket?.on("data", letGo);
}

/** An endpoint from a SIP dialog with the media server and the connection that the media server made back to us. */
export function createEndpoint(connection: EslConnection, dialog: Dialog, server: MediaServer): Endpoint {
  const Constructor = load("drachtio-fsmrf/lib/endpoint.js") as new (
    connection: EslConnection,
    dialog: Dialog,
    server: MediaServer,
    options: object,
  ) => Endpoint;
  return new Constructor(connection, dialog, server, { is3pcc: false });
}
