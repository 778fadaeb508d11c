/** A live engine in its thread, and raw peers to torment it with. */
import { createSocket } from "node:dgram";
import { connect, type Socket } from "node:net";
import { type SipEngine, type SipEngineOptions, startSipEngine } from "../../../src/sip-engine/index.ts";
import { parseMessage, type SipMessage, StreamFramer } from "../../../src/wire/sip/index.ts";
import { encodeFrame, FrameReader } from "../../../src/wire/drachtio/index.ts";

export const SECRET = "for tests only";

export async function startEngine(options: Partial<SipEngineOptions> = {}): Promise<SipEngine> {
  return startSipEngine({
    drachtio: { host: "127.0.0.1", port: 0, secret: SECRET },
    listeners: [
      { transport: "udp", host: "127.0.0.1", port: 0 },
      { transport: "tcp", host: "127.0.0.1", port: 0 },
    ],
    ...options,
  });
}

export function portOf(engine: SipEngine, transport: string): number {
  const listener = engine.listeners.find((l) => l.transport === transport);
  if (listener === undefined) throw new Error(`no ${transport} listener`);
  return listener.port;
}

/** Messages in order of arrival, to be waited for one at a time. */
export class Inbox<T> {
  readonly #arrived: T[] = [];
  readonly #waiting: ((item: T) => void)[] = [];
  get size(): number {
    return this.#arrived.length;
  }
  put(item: T): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#arrived.push(item);
    else next(item);
  }
  next(): Promise<T> {
    const item = this.#arrived.shift();
    return item === undefined ? new Promise((done) => this.#waiting.push(done)) : Promise.resolve(item);
  }
  /** The next that fits; others before it are dropped. */
  async find(fits: (item: T) => boolean): Promise<T> {
    for (;;) {
      const item = await this.next();
      if (fits(item)) return item;
    }
  }
}

/** An application that answers every request with what `answer` returns, and collects what it gets. */
export class LiveApp {
  readonly inbox = new Inbox<{ tokens: string[]; sip: SipMessage }>();
  readonly replies = new Inbox<{ tokens: string[]; sip: string }>();
  readonly #socket: Socket;
  #next = 0;

  private constructor(socket: Socket, answer: ((request: SipMessage) => string | undefined) | undefined) {
    this.#socket = socket;
    const reader = new FrameReader();
    socket.on("error", () => {});
    socket.on("data", (chunk: Buffer) => {
      for (const frame of reader.push(chunk)) {
        const end = frame.indexOf("\r\n");
        const tokens = frame.toString("latin1", 0, end < 0 ? frame.length : end).split("|");
        if (tokens[1] === "response") this.replies.put({ tokens, sip: end < 0 ? "" : frame.toString("latin1", end + 2) });
        if (tokens[1] !== "sip") continue;
        const sip = parseMessage(frame.subarray(end + 2));
        const response = sip.kind === "request" && tokens[2] === "network" ? answer?.(sip) : undefined;
        if (response !== undefined) this.send(`sip|${tokens[8]}|\r\n${response}CSeq: ${sip.get("cseq")}\r\n\r\n`);
        this.inbox.put({ tokens, sip });
      }
    });
  }

  static async open(engine: SipEngine, verbs: string[], answer?: (request: SipMessage) => string | undefined): Promise<LiveApp> {
    const socket = connect(engine.drachtioPort, "127.0.0.1");
    await new Promise((done) => socket.once("connect", done));
    const app = new LiveApp(socket, answer);
    app.send(`authenticate|${SECRET}|`);
    for (const verb of verbs) app.send(`route|${verb}`);
    for (let i = 0; i <= verbs.length; i++) await app.replies.next();
    return app;
  }

  send(content: string): void {
    this.#socket.write(encodeFrame(`m${++this.#next}|${content}`), "latin1");
  }
  close(): void {
    this.#socket.destroy();
  }
}

/** A UDP peer. */
export async function udpPeer(): Promise<{
  inbox: Inbox<SipMessage>;
  port: number;
  send(data: string | Buffer, port: number): void;
  close(): void;
}> {
  const socket = createSocket("udp4");
  const inbox = new Inbox<SipMessage>();
  socket.on("message", (data) => inbox.put(parseMessage(data)));
  await new Promise<void>((done) => socket.bind(0, "127.0.0.1", done));
  socket.setRecvBufferSize(4 << 20);
  return {
    inbox,
    port: socket.address().port,
    send: (data, port) => socket.send(data, port, "127.0.0.1"),
    close: () => socket.close(),
  };
}

/** A stream peer on any socket that is connected. */
export function streamPeer(socket: Socket): { inbox: Inbox<SipMessage | "pong">; closed: Promise<void>; socket: Socket } {
  const inbox = new Inbox<SipMessage | "pong">();
  const framer = new StreamFramer(1 << 20);
  socket.on("data", (chunk: Buffer) => {
    for (const frame of framer.push(chunk))
      if (frame.kind === "message") inbox.put(parseMessage(frame.data));
      else inbox.put("pong");
  });
  socket.on("error", () => {});
  return { inbox, closed: new Promise((done) => socket.once("close", () => done())), socket };
}

export async function tcpPeer(port: number): Promise<ReturnType<typeof streamPeer>> {
  const socket = connect(port, "127.0.0.1");
  const peer = streamPeer(socket);
  await new Promise((done) => socket.once("connect", done));
  return peer;
}

let sequence = 0;
/** A request as text. */
export function requestText(method: string, options: { via?: string; headers?: string; body?: string; port?: number } = {}): string {
  const n = ++sequence;
  const body = options.body ?? "";
  return (
    `${method} sip:x@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/${options.via ?? "UDP"} 127.0.0.1:${options.port ?? 5060};rport;branch=z9hG4bKl${n}\r\n` +
    `From: <sip:t@127.0.0.1>;tag=t${n}\r\nTo: <sip:x@127.0.0.1>\r\nCall-ID: live-${n}\r\nCSeq: 1 ${method}\r\nMax-Forwards: 70\r\n` +
    `Contact: <sip:t@127.0.0.1:${options.port ?? 5060}>\r\n${options.headers ?? ""}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
  );
}
