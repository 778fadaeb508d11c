import { connect, createServer, type Server, type Socket } from "node:net";
import { trimOf } from "../../../base/text.ts";
import { EslCommandReader, type EslEvent } from "../../../wire/esl/index.ts";
import type { Api } from "../api/types.ts";
import type { Channel } from "../channel/channel.ts";
import type { Core } from "../core.ts";
import { EslSession } from "./esl-session.ts";

export interface EslServerOptions {
  readonly core: Core;
  readonly api: Api;
  readonly findChannel: (uuid: string) => Channel | undefined;
  readonly host: string;
  readonly port: number;
  readonly password: string;
}

/** What a client that does not read may make us hold; then it is cut off. */
const MAX_UNSENT = 8 * 1024 * 1024;
/** Inbound clients at once. */
const MAX_CLIENTS = 500;
/** A client must show the password within this time. */
const AUTH_MS = 30_000;
/** An outbound connection must stand within this time, and the channel waits no longer. */
const CONNECT_MS = 5_000;

/** The event socket's connections: the listener for applications, and the connections each call makes to its application. */
export class EslServer {
  readonly #options: EslServerOptions;
  readonly #connections = new Set<Connection>();
  #server: Server | undefined;

  constructor(options: EslServerOptions) {
    this.#options = options;
    options.core.listen((event) => this.#deliver(event));
  }

  get connections(): number {
    return this.#connections.size;
  }

  /** Opens the listener; gives its port. */
  open(): Promise<number> {
    const { host, port } = this.#options;
    const server = createServer({ noDelay: true, keepAlive: true }, (socket) => this.#accept(socket));
    server.maxConnections = MAX_CLIENTS;
    this.#server = server;
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, host, () => {
        server.off("error", reject);
        const address = server.address();
        resolve(typeof address === "object" && address ? address.port : port);
      });
    });
  }

  async close(): Promise<void> {
    for (const connection of this.#connections) connection.destroy();
    const server = this.#server;
    if (server) await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  #accept(socket: Socket): void {
    const { core, api, findChannel, password } = this.#options;
    const connection = new Connection(
      socket,
      core,
      (output) => new EslSession({ core, api, findChannel, password, output }),
      () => this.#connections.delete(connection),
    );
    this.#connections.add(connection);
    connection.session.start();
    const timer = setTimeout(() => {
      if (!connection.session.authenticated) connection.destroy();
    }, AUTH_MS);
    timer.unref();
    socket.once("close", () => clearTimeout(timer));
  }

  /** The `socket` application: connects a channel to its application at `host:port`. A call whose application cannot be reached has no use and ends. */
  connect(channel: Channel, address: string): void {
    const { core, api, findChannel } = this.#options;
    const target = socketTarget(address);
    if (target === undefined) {
      core.log("error", "an event socket address cannot be read", { uuid: channel.uuid, address });
      channel.hangup("NORMAL_TEMPORARY_FAILURE");
      return;
    }
    const { host, port } = target;
    channel.variables.set("socket_host", host);
    const socket = connect({ host, port, noDelay: true, keepAlive: true });
    let connected = false;
    const failed = (why: string) => {
      core.log("error", "an application's event socket cannot be reached", { uuid: channel.uuid, address, why });
      socket.destroy();
      channel.hangup("NORMAL_TEMPORARY_FAILURE");
    };
    const timer = setTimeout(() => failed("timeout"), CONNECT_MS);
    const connection = new Connection(
      socket,
      core,
      (output) => new EslSession({ core, api, findChannel, channel, output }),
      (error) => {
        clearTimeout(timer);
        this.#connections.delete(connection);
        if (!connected) {
          failed(error ?? "closed");
          return;
        }
        forget();
        // Whoever controlled the call is gone; FreeSWITCH lets the channel run to the end of its dialplan, which is here.
        channel.hangup("NORMAL_CLEARING");
      },
    );
    socket.once("connect", () => {
      connected = true;
      clearTimeout(timer);
      this.#connections.add(connection);
    });
    const forget = channel.onHangup(() => {
      if (!connected) {
        clearTimeout(timer);
        connected = true;
        socket.destroy();
      }
    });
    // Only after CHANNEL_HANGUP_COMPLETE and what else the end of a call brings.
    const onDestroyed = channel.onDestroyed;
    channel.onDestroyed = () => {
      onDestroyed();
      const linger = connection.session.channelEnded();
      if (linger === 0) connection.end();
      else setTimeout(() => connection.end(), linger * 1000).unref();
    };
  }

  #deliver(event: EslEvent): void {
    for (const { session } of this.#connections) session.deliver(event);
  }
}

/** A socket with its session: bytes in, frames out, limits. */
class Connection {
  readonly session: EslSession;
  readonly #socket: Socket;
  readonly #core: Core;
  #dead = false;

  constructor(
    socket: Socket,
    core: Core,
    make: (output: { write(frame: string): void; end(): void }) => EslSession,
    onClose: (error?: string) => void,
  ) {
    this.#socket = socket;
    this.#core = core;
    const reader = new EslCommandReader();
    this.session = make({ write: (frame) => this.#write(frame), end: () => this.end() });
    let problem: string | undefined;
    socket.on("data", (bytes) => {
      try {
        for (const command of reader.push(bytes)) this.session.receive(command);
      } catch (error) {
        core.log("warn", "an event socket client sent what cannot be read", {
          peer: `${socket.remoteAddress}:${socket.remotePort}`,
          error: String(error),
        });
        this.destroy();
      }
    });
    socket.on("error", (error) => {
      problem = error.message;
    });
    socket.on("close", () => {
      this.#dead = true;
      this.session.close();
      onClose(problem);
    });
  }

  #write(frame: string): void {
    if (this.#dead) return;
    if (this.#socket.writableLength > MAX_UNSENT) {
      this.#core.log("warn", "an event socket client does not read and is cut off", {
        peer: `${this.#socket.remoteAddress}:${this.#socket.remotePort}`,
      });
      this.destroy();
      return;
    }
    // What a turn of the event loop brings leaves in one write.
    if (this.#socket.writableCorked === 0) {
      this.#socket.cork();
      process.nextTick(() => this.#socket.uncork());
    }
    this.#socket.write(frame);
  }

  end(): void {
    if (!this.#dead) this.#socket.end();
  }

  destroy(): void {
    this.#dead = true;
    this.#socket.destroy();
  }
}

/** `host:port`, `[address]:port`, either with `/path` behind it; undefined when it is none of these. */
function socketTarget(address: string): { readonly host: string; readonly port: number } | undefined {
  const [authority = ""] = address.trim().split("/", 1);
  const colon = authority.lastIndexOf(":");
  const host = trimOf(authority.slice(0, Math.max(colon, 0)), "[]");
  const digits = authority.slice(colon + 1);
  const port = /^\d{1,5}$/.test(digits) ? Number(digits) : 0;
  return host === "" || port < 1 || port > 65535 ? undefined : { host, port };
}
