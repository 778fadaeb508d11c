import { EventEmitter } from "node:events";
import WebSocket from "ws";

/** How long Janus may take to answer. */
const ANSWER_MS = 5_000;
/** Janus forgets a session of which it has heard nothing for a minute; a connection that does not answer is dead. */
const KEEPALIVE_MS = 15_000;
const RETRY_MS = [250, 500, 1_000, 2_000] as const;

/** What a plugin says: fields as each plugin's documentation has them. */
export type PluginData = Readonly<Record<string, unknown>>;

/** Janus refuses, or a plugin does: with its own code and words. */
export class JanusError extends Error {
  override name = "JanusError";
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

interface JanusMessage {
  readonly janus: string;
  readonly transaction?: string;
  readonly sender?: number;
  readonly data?: { readonly id?: number };
  readonly error?: { readonly code: number; readonly reason: string };
  readonly plugindata?: { readonly data?: PluginData };
}

interface Waiting {
  resolve(message: JanusMessage): void;
  reject(error: Error): void;
  readonly timer: NodeJS.Timeout;
  /** Settled by an acknowledgement: nothing else follows. Of a plugin's request the answer does. */
  readonly onAck: boolean;
}

export interface JanusOptions {
  /** `ws://host:8188` */
  readonly url: string;
  /** `api_secret` of janus.jcfg; null where it has none. */
  readonly apiSecret: string | null;
}

interface ConnectionEvents {
  /** A session is there, at first and after each loss: whatever was at Janus before is gone. */
  up: [];
  down: [reason: string];
}

/** One plugin handle. Dead once the connection is lost; its owner gets another when it is up again. */
export class JanusHandle extends EventEmitter<{ event: [data: PluginData] }> {
  readonly id: number;
  readonly #send: (body: object) => Promise<JanusMessage>;
  readonly #detach: () => void;

  constructor(id: number, send: (body: object) => Promise<JanusMessage>, detach: () => void) {
    super();
    this.id = id;
    this.#send = send;
    this.#detach = detach;
  }

  /** Resolves with the plugin's answer, rejects with JanusError where it refuses. */
  async request(body: object): Promise<PluginData> {
    const { plugindata } = await this.#send(body);
    const data = plugindata?.data ?? {};
    if (typeof data["error_code"] === "number") throw new JanusError(data["error_code"], String(data["error"] ?? "refused"));
    return data;
  }

  /** Whoever the handle stood for leaves. */
  detach(): void {
    this.removeAllListeners();
    this.#detach();
  }
}

/** The connection to Janus by WebSocket: one session, which is made anew whenever it is lost. */
export class JanusConnection extends EventEmitter<ConnectionEvents> {
  readonly #options: JanusOptions;
  #socket: WebSocket | undefined;
  #session: number | undefined;
  #transaction = 0;
  #tries = 0;
  #closed = false;
  #timer: NodeJS.Timeout | undefined;
  /** Why it was lost, as far as that is known. */
  #reason = "the connection was closed";
  readonly #waiting = new Map<string, Waiting>();
  readonly #handles = new Map<number, JanusHandle>();

  constructor(options: JanusOptions) {
    super();
    this.#options = options;
    // every meeting listens for losses
    this.setMaxListeners(0);
  }

  get up(): boolean {
    return this.#session !== undefined;
  }

  /** Connects, and goes on trying. */
  start(): void {
    if (this.#closed) return;
    const socket = new WebSocket(this.#options.url, "janus-protocol", { handshakeTimeout: ANSWER_MS, maxPayload: 1 << 20 });
    this.#socket = socket;
    socket.on("open", () => {
      this.#create().catch((error: Error) => {
        this.#reason = error.message;
        socket.terminate();
      });
    });
    socket.on("message", (data) => this.#onMessage(String(data)));
    socket.on("error", (error) => {
      this.#reason = error.message;
    });
    socket.on("close", () => this.#onClosed(socket));
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#socket?.close();
    this.#fail("the connection to Janus is closed");
  }

  async attach(plugin: string): Promise<JanusHandle> {
    const { data } = await this.#ask({ janus: "attach", plugin });
    const id = data?.id;
    if (id === undefined) throw new Error(`Janus gave no handle for ${plugin}`);
    const handle = new JanusHandle(
      id,
      (body) => this.#ask({ janus: "message", body, handle_id: id }),
      () => {
        this.#handles.delete(id);
        if (this.up) this.#ask({ janus: "detach", handle_id: id }).catch(() => undefined);
      },
    );
    this.#handles.set(id, handle);
    return handle;
  }

  async #create(): Promise<void> {
    const { data } = await this.#ask({ janus: "create" });
    if (data?.id === undefined) throw new Error("Janus gave no session");
    this.#session = data.id;
    this.#tries = 0;
    this.#keepAlive();
    this.emit("up");
  }

  #keepAlive(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#ask({ janus: "keepalive" }).then(
        () => this.#keepAlive(),
        () => this.#socket?.terminate(),
      );
    }, KEEPALIVE_MS).unref();
  }

  #onMessage(text: string) {
    let message: JanusMessage;
    try {
      message = JSON.parse(text) as JanusMessage;
    } catch {
      return;
    }
    const waiting = message.transaction === undefined ? undefined : this.#waiting.get(message.transaction);
    if (message.janus === "ack" && !waiting?.onAck) return undefined;
    if (waiting) return this.#settle(message.transaction!, waiting, message);
    if (message.janus === "timeout") return void this.#socket?.terminate();
    const data = message.plugindata?.data;
    if (message.sender !== undefined && data) this.#handles.get(message.sender)?.emit("event", data);
  }

  #settle(transaction: string, waiting: Waiting, message: JanusMessage) {
    this.#waiting.delete(transaction);
    clearTimeout(waiting.timer);
    if (message.janus === "error") waiting.reject(new JanusError(message.error?.code ?? 0, message.error?.reason ?? "refused"));
    else waiting.resolve(message);
  }

  #ask(body: { readonly janus: string; readonly [key: string]: unknown }): Promise<JanusMessage> {
    const socket = this.#socket;
    if (socket?.readyState !== WebSocket.OPEN) return Promise.reject(new Error("Janus is not connected"));
    const transaction = String(++this.#transaction);
    const { apiSecret } = this.#options;
    const waiting = Promise.withResolvers<JanusMessage>();
    const timer = setTimeout(() => {
      this.#waiting.delete(transaction);
      waiting.reject(new Error("Janus does not answer"));
    }, ANSWER_MS);
    this.#waiting.set(transaction, { ...waiting, timer, onAck: body.janus === "keepalive" });
    socket.send(
      JSON.stringify({
        ...body,
        transaction,
        ...(this.#session === undefined ? {} : { session_id: this.#session }),
        ...(apiSecret === null ? {} : { apisecret: apiSecret }),
      }),
    );
    return waiting.promise;
  }

  #onClosed(socket: WebSocket): void {
    if (this.#socket !== socket) return;
    const was = this.up;
    this.#fail(this.#reason);
    if (this.#closed) return;
    if (was) this.emit("down", this.#reason);
    const pause = RETRY_MS[Math.min(this.#tries++, RETRY_MS.length - 1)]!;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.start(), pause);
  }

  #fail(reason: string): void {
    this.#session = undefined;
    for (const handle of this.#handles.values()) handle.removeAllListeners();
    this.#handles.clear();
    for (const [transaction, { reject, timer }] of this.#waiting) {
      clearTimeout(timer);
      this.#waiting.delete(transaction);
      reject(new Error(reason));
    }
  }
}
