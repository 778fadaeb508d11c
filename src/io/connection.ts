/** One stream connection that carries SIP: framing, keepalive, and the signs of a peer that wastes our time. */
import type { Socket } from "node:net";
import type { Millis } from "../base/clock.ts";
import { ParseError } from "../base/errors.ts";
import type { Source, TransportName } from "../sip/types.ts";
import { type Frame, StreamFramer } from "../wire/sip/framer.ts";

/** What a connection reports. */
export interface ConnectionSink {
  message(data: Buffer, source: Source): void;
  closed(connection: Connection, reason: string): void;
  /** The stream could not be followed; `status` is what its sender deserves. */
  broken(connection: Connection, why: string, status: number): void;
}

/** A way to send and receive on a stream other than as it is (WebSocket). */
export interface Framing {
  push(chunk: Buffer): Frame[];
  readonly pending: number;
  /** Wraps a message to be sent. */
  wrap(data: Buffer): Buffer;
  /** Answer to a keepalive. */
  readonly pong: Buffer;
}

const PONG = Buffer.from("\r\n");
/** A peer that lets so much pile up does not read. */
const UNREAD_MAX = 1 << 20;

export class Connection {
  readonly id: number;
  readonly transport: TransportName;
  readonly socket: Socket;
  readonly source: Source;
  readonly outbound: boolean;
  /** References of sends that wait for the connection to be made. */
  waiting: { data: Buffer; ref: number }[] = [];
  connected: boolean;
  /** When the last bytes came, and since when an incomplete message is pending; for the sweeper. */
  lastInput: Millis;
  partialSince: Millis | undefined;
  messages = 0;
  closed = false;
  readonly #sink: ConnectionSink;
  readonly #framing: Framing;
  readonly #now: () => Millis;

  constructor(options: {
    id: number;
    transport: TransportName;
    socket: Socket;
    source: Source;
    outbound: boolean;
    sink: ConnectionSink;
    now: () => Millis;
    framing?: Framing | undefined;
  }) {
    this.id = options.id;
    this.transport = options.transport;
    this.socket = options.socket;
    this.source = options.source;
    this.outbound = options.outbound;
    this.connected = !options.outbound;
    this.#sink = options.sink;
    this.#now = options.now;
    this.lastInput = options.now();
    this.#framing = options.framing ?? new PlainFraming();
    const { socket } = options;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 30_000);
    socket.on("data", (chunk: Buffer) => this.#onData(chunk));
    socket.on("error", (error: Error) => this.close(error.message));
    socket.on("end", () => this.close("closed by the peer"));
    socket.on("close", () => this.close("closed"));
  }

  /** Sends a message now or when the connection stands. */
  send(data: Buffer, ref: number): void {
    if (!this.connected) {
      this.waiting.push({ data, ref });
      return;
    }
    this.#write(this.#framing.wrap(data));
  }

  /** The connection stands: sends what waited. */
  ready(): void {
    this.connected = true;
    this.lastInput = this.#now();
    const waiting = this.waiting;
    this.waiting = [];
    for (const { data } of waiting) this.#write(this.#framing.wrap(data));
  }

  /** Closes at once; reported once. */
  close(reason: string): void {
    if (this.closed) return;
    this.closed = true;
    this.socket.destroy();
    this.#sink.closed(this, reason);
  }

  #write(bytes: Buffer): void {
    if (this.closed) return;
    this.socket.write(bytes);
    if (this.socket.writableLength > UNREAD_MAX) this.close("the peer does not read");
  }

  #onData(chunk: Buffer): void {
    if (this.closed) return;
    this.lastInput = this.#now();
    let frames: Frame[];
    try {
      frames = this.#framing.push(chunk);
    } catch (error) {
      if (!(error instanceof ParseError)) throw error;
      this.#sink.broken(this, error.message, error.advice.sipStatus ?? 400);
      this.close(error.message);
      return;
    }
    for (const frame of frames) {
      if (frame.kind === "ping") this.#write(this.#framing.pong);
      else if (frame.kind === "message") {
        this.messages++;
        this.#sink.message(frame.data, this.source);
        if (this.closed) return;
      }
    }
    if (this.#framing.pending === 0) this.partialSince = undefined;
    else this.partialSince ??= this.lastInput;
  }
}

class PlainFraming implements Framing {
  readonly pong = PONG;
  readonly #framer = new StreamFramer();
  push(chunk: Buffer): Frame[] {
    return this.#framer.push(chunk);
  }
  get pending(): number {
    return this.#framer.pending;
  }
  wrap(data: Buffer): Buffer {
    return data;
  }
}
