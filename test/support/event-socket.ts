/** An event socket client for tests: inbound, and a listener for the connections that calls make. */
import { connect, createServer, type Server, type Socket } from "node:net";
import { type EslEvent, type EslMessage, EslMessageReader } from "../../src/wire/esl/index.ts";

export class EventSocket {
  readonly events: EslEvent[] = [];
  /** The channel's data, on an outbound connection. */
  data: ReadonlyMap<string, string> = new Map();
  closed = false;
  readonly #socket: Socket;
  readonly #replies: ((message: EslMessage) => void)[] = [];
  readonly #waiting: { match: (event: EslEvent) => boolean; resolve: (event: EslEvent) => void }[] = [];

  constructor(socket: Socket) {
    this.#socket = socket;
    const reader = new EslMessageReader();
    socket.on("data", (bytes) => {
      for (const message of reader.push(bytes)) this.#take(message);
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      this.closed = true;
    });
  }

  #take(message: EslMessage): void {
    if (message.event) {
      this.events.push(message.event);
      for (const waiting of [...this.#waiting]) {
        if (!waiting.match(message.event)) continue;
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        waiting.resolve(message.event);
      }
    } else if (message.contentType !== "auth/request" && message.contentType !== "text/disconnect-notice") this.#replies.shift()?.(message);
  }

  /** Sends a command with headers; its reply. */
  command(line: string, headers: Record<string, string> = {}): Promise<EslMessage> {
    return new Promise((resolve) => {
      this.#replies.push(resolve);
      this.#socket.write(
        `${line}\n${Object.entries(headers)
          .map(([name, value]) => `${name}: ${value}\n`)
          .join("")}\n`,
      );
    });
  }

  async api(command: string): Promise<string> {
    return (await this.command(`api ${command}`)).body ?? "";
  }

  execute(app: string, arg = "", uuid = crypto.randomUUID()): Promise<EslEvent> {
    const done = this.event((event) => event.name === "CHANNEL_EXECUTE_COMPLETE" && event.get("Application-UUID") === uuid);
    void this.command(`sendmsg ${this.data.get("Unique-ID") ?? ""}`, {
      "call-command": "execute",
      "execute-app-name": app,
      "execute-app-arg": arg,
      "Event-UUID": uuid,
    });
    return done;
  }

  /** The first event, past or to come, that matches. */
  event(match: (event: EslEvent) => boolean): Promise<EslEvent> {
    const known = this.events.find(match);
    if (known) return Promise.resolve(known);
    return new Promise((resolve) => this.#waiting.push({ match, resolve }));
  }

  /** Raw bytes. */
  write(text: string): void {
    this.#socket.write(text);
  }
  /** Stops reading, as a client that hangs. */
  stall(): void {
    this.#socket.pause();
  }
  close(): void {
    this.#socket.destroy();
  }
}

/** Connects as an application does, and subscribes to every event. */
export async function connectEventSocket(port: number, password: string, events = "ALL"): Promise<EventSocket> {
  const socket = connect(port, "127.0.0.1");
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
  const client = new EventSocket(socket);
  const reply = await client.command(`auth ${password}`);
  if (reply.headers.get("Reply-Text") !== "+OK accepted") throw new Error(reply.headers.get("Reply-Text"));
  if (events !== "") await client.command(`event json ${events}`);
  return client;
}

/** Listens for the event sockets of calls. */
export class CallListener {
  readonly #server: Server;
  readonly #arrived: EventSocket[] = [];
  readonly #waiting: ((client: EventSocket) => void)[] = [];

  private constructor(server: Server) {
    this.#server = server;
    server.on("connection", (socket) => {
      const client = new EventSocket(socket);
      void client.command("connect").then(async (reply) => {
        client.data = reply.headers;
        await client.command("event json ALL");
        await client.command(`filter Unique-ID ${client.data.get("Unique-ID")}`);
        const waiting = this.#waiting.shift();
        if (waiting) waiting(client);
        else this.#arrived.push(client);
      });
    });
  }

  static async open(): Promise<CallListener> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new CallListener(server);
  }

  /** host:port for X-esl-outbound. */
  get address(): string {
    const address = this.#server.address();
    return `127.0.0.1:${typeof address === "object" && address ? address.port : 0}`;
  }

  next(): Promise<EventSocket> {
    const arrived = this.#arrived.shift();
    return arrived ? Promise.resolve(arrived) : new Promise((resolve) => this.#waiting.push(resolve));
  }

  close(): void {
    this.#server.close();
  }
}
