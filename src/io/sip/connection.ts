/** One connection that carries SIP, a stream or a WebSocket: keepalive, and the signs of a peer that wastes our time. */
import type { Socket } from "node:net";
import type { WebSocket } from "ws";
import type { Millis } from "../../base/clock.ts";
import { ParseError } from "../../base/errors.ts";
import type { SipTap, Source, TransportName } from "../../sip/types.ts";
import { type Frame, StreamFramer } from "../../wire/sip/framer.ts";

/** What a connection reports. */
export interface ConnectionSink {
  /** Told what is sent; undefined, and nothing is made for it, while nobody looks. */
  readonly tap: SipTap | undefined;
  message(data: Buffer, source: Source): void;
  closed(connection: Connection, reason: string): void;
  /** The stream could not be followed; `status` is what its sender deserves. */
  broken(connection: Connection, why: string, status: number): void;
}

const PONG = Buffer.from("\r\n");
/** A peer that lets so much pile up does not read. */
const UNREAD_MAX = 1 << 20;
/** A WebSocket whose peer does not answer our close frame is cut off after so long, ms. */
const CLOSE_TIMEOUT = 500;
/** RFC 6455 section 7.4.1. */
const GOING_AWAY = 1001;

export class Connection {
  readonly id: number;
  readonly transport: TransportName;
  readonly socket: Socket;
  readonly source: Source;
  readonly outbound: boolean;
  /** TLS: the name that the far end's certificate was asked for; empty for connections we accepted. */
  readonly serverName: string;
  /** Addresses it is found by, for requests that name no connection. */
  readonly addresses = new Set<string>();
  /** References of sends that wait for the connection to be made. */
  waiting: { data: Buffer; ref: number }[] = [];
  connected: boolean;
  /** Since when it stands. */
  readonly since: Millis;
  /** Since when an incomplete message is pending; for the sweeper. */
  partialSince: Millis | undefined;
  messages = 0;
  /** One that we opened: the trunk whose certificates it is under. */
  trunk: string | undefined;
  closed = false;
  readonly #sink: ConnectionSink;
  #web: WebSocket | undefined;
  readonly #framer = new StreamFramer();
  readonly #now: () => Millis;
  /** Bytes read when the last WebSocket message was whole. */
  #settled = 0;

  constructor(options: {
    id: number;
    transport: TransportName;
    socket: Socket;
    source: Source;
    outbound: boolean;
    serverName?: string;
    sink: ConnectionSink;
    now: () => Millis;
    web?: WebSocket | undefined;
    /** It becomes a WebSocket once it stands: `upgraded` is called then. */
    upgrades?: boolean;
  }) {
    this.id = options.id;
    this.transport = options.transport;
    this.socket = options.socket;
    this.source = options.source;
    this.outbound = options.outbound;
    this.serverName = options.serverName ?? "";
    this.connected = !options.outbound;
    this.#sink = options.sink;
    this.#now = options.now;
    this.since = options.now();
    this.#web = options.web;
    const { socket } = options;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 30_000);
    if (this.#web !== undefined) this.#follow(this.#web);
    else if (options.upgrades !== true) {
      socket.on("data", (chunk: Buffer) => this.#onData(chunk));
      socket.on("end", () => this.close("closed by the peer"));
    }
    socket.on("error", (error: Error) => this.close(error.message));
    socket.on("close", () => this.close("closed"));
  }

  /** Sends a message now or when the connection stands. */
  send(data: Buffer, ref: number): void {
    if (this.connected) this.#writeMessage(data);
    else this.waiting.push({ data, ref });
  }

  /** The connection stands: sends what waited. */
  ready(): void {
    this.connected = true;
    const waiting = this.waiting;
    this.waiting = [];
    for (const { data } of waiting) this.#writeMessage(data);
  }

  /** The far end speaks SIP over WebSocket: sends what waited. */
  upgraded(web: WebSocket): void {
    this.#web = web;
    this.#follow(web);
    this.ready();
  }

  /** Closes at once, a WebSocket by its closing handshake; reported once. */
  close(reason: string): void {
    if (this.closed) return;
    this.closed = true;
    if (this.#web === undefined) this.socket.destroy();
    else this.#closeWeb(this.#web);
    this.#sink.closed(this, reason);
  }

  /** Notes whether an incomplete message is pending. */
  look(now: Millis): void {
    if (this.#web === undefined) return;
    if (this.socket.bytesRead === this.#settled) this.partialSince = undefined;
    else this.partialSince ??= now;
  }

  #writeMessage(data: Buffer): void {
    if (!this.closed) this.#sink.tap?.("out", data, this.source);
    this.#write(data);
  }

  #write(data: Buffer): void {
    if (this.closed) return;
    if (this.#web === undefined) this.socket.write(data);
    else if (this.#web.readyState === this.#web.OPEN) this.#web.send(data, { binary: false });
    if (Math.max(this.socket.writableLength, this.#web?.bufferedAmount ?? 0) > UNREAD_MAX) this.close("the peer does not read");
  }

  #onData(chunk: Buffer): void {
    if (this.closed) return;
    let frames: Frame[];
    try {
      frames = this.#framer.push(chunk);
    } catch (error) {
      if (!(error instanceof ParseError)) throw error;
      this.#sink.broken(this, error.message, error.advice.sipStatus ?? 400);
      this.close(error.message);
      return;
    }
    for (const frame of frames) {
      if (frame.kind === "ping") this.#write(PONG);
      else if (frame.kind === "message") {
        this.#message(frame.data);
        if (this.closed) return;
      }
    }
    if (this.#framer.pending === 0) this.partialSince = undefined;
    else this.partialSince ??= this.#now();
  }

  #follow(web: WebSocket): void {
    this.#settled = this.socket.bytesRead;
    web.on("message", (data: Buffer) => {
      if (this.closed) return;
      this.#settled = this.socket.bytesRead;
      this.partialSince = undefined;
      const text = data.length <= 4 ? data.toString("latin1") : "";
      if (text === "\r\n\r\n") this.#write(PONG);
      else if (text !== "\r\n" && data.length > 0) this.#message(data);
    });
    for (const event of ["ping", "pong"] as const)
      web.on(event, () => {
        this.#settled = this.socket.bytesRead;
      });
    // ws has sent its close frame with the reason; what cannot be followed is the peer's fault.
    web.on("error", (error: Error) => {
      if (!this.closed) this.#sink.broken(this, error.message, 400);
      this.close(error.message);
    });
    web.on("close", () => this.close("closed by the peer"));
  }

  #message(data: Buffer): void {
    this.messages++;
    this.#sink.message(data, this.source);
  }

  #closeWeb(web: WebSocket): void {
    web.close(GOING_AWAY);
    setTimeout(() => web.terminate(), CLOSE_TIMEOUT).unref();
  }
}
