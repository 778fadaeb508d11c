import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import { type Clock, systemClock } from "../base/clock.ts";
import { sourceOf } from "../base/ip-address.ts";
import { RateLimiter } from "../base/rate-limit.ts";
import type { ClientAddress, ClientAddresses } from "../security/client-address.ts";
import type { Defence } from "../security/defence.ts";
import { faultOf, isScannersPath } from "../security/http-request.ts";
import type { JoinTokenVerdict } from "../security/join-token.ts";
import { type GatewayMessage, type JoinMessage, type PageMessage, readPageMessage } from "./messages.ts";
import type { PageLink, PageSource, Visit, VisitHost } from "./ports.ts";

/** The WebSocket's path on the web port. */
const JOIN_PATH = "/api/v1/join";

/** Descriptions are the largest messages. */
const MAX_MESSAGE = 64 * 1024;
const MAX_SOCKETS_PER_ADDRESS = 100;
const FIRST_MESSAGE_MS = 10_000;
const BEAT_MS = 5_000;
/** RFC 6455 section 7.4.1: the page has been left. Firefox sends this, and nothing more that the page would still say. */
const GOING_AWAY = 1001;

export interface PageDoorOptions {
  readonly host: VisitHost;
  /** Checks a join token. */
  readonly tokens: { verify(token: string): JoinTokenVerdict };
  /** Further origins whose pages may speak to us, `https://example.com`; the gateway's own always may. */
  readonly origins: readonly string[];
  readonly clients: ClientAddresses;
  /** Whether the listener may be asked for by this Host. */
  readonly hosts: { allows(host: string | undefined): boolean };
  /** Who is not listened to, and where guesses of tokens are reported. */
  readonly defence?: Pick<Defence, "refusal" | "offence">;
  readonly log: { warn(fields: object, message: string): void; error(fields: object, message: string): void };
  readonly clock?: Clock;
}

/** Takes pages' WebSockets: who may open one, how often, how much they may say, and whether they are still there. */
export class PageDoor {
  readonly #options: PageDoorOptions;
  readonly #clock: Clock;
  readonly #server = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_MESSAGE,
    maxFragments: 64,
    maxBufferedChunks: 256,
    perMessageDeflate: false,
  });
  readonly #knocks = new RateLimiter({ perSecond: 2, burst: 30 });
  /** Wrong tokens of one address: ten at once, then one in six seconds. */
  readonly #guesses = new RateLimiter({ perSecond: 1 / 6, burst: 10 });
  readonly #messages = new RateLimiter({ perSecond: 30, burst: 150 });
  /** WebSockets open, by source. */
  readonly #addresses = new Map<string, number>();
  readonly #beat: NodeJS.Timeout;
  readonly #answered = new WeakSet<WebSocket>();
  #count = 0;

  constructor(options: PageDoorOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#server.on("wsClientError", (_error, socket, request) => {
      this.#malformed(this.#options.clients.of(request));
      socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    });
    this.#beat = setInterval(() => this.#beats(), BEAT_MS).unref();
  }

  /** Takes the upgrades of `server`; nobody else does. */
  attach(server: Server): void {
    server.on("upgrade", (request, socket, head) => this.#upgrade(request, socket, head));
  }

  close(): void {
    clearInterval(this.#beat);
    for (const socket of this.#server.clients) socket.close(1001, "the gateway is being stopped");
    setTimeout(() => {
      for (const socket of this.#server.clients) socket.terminate();
    }, 500).unref();
    this.#server.close();
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer) {
    socket.on("error", () => socket.destroy());
    const client = this.#options.clients.of(request);
    const { address } = client;
    const source = sourceOf(address);
    const refuse = (status: string): void => {
      socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    };
    if (faultOf(request) !== null) {
      this.#malformed(client);
      return refuse("400 Bad Request");
    }
    if ((request.url ?? "").split("?")[0] !== JOIN_PATH) {
      if (isScannersPath(request.url ?? "")) this.#options.defence?.offence(address, "scanner", { transport: transportOf(client) });
      return refuse("404 Not Found");
    }
    // behind a proxy the connection is the proxy's, whoever its client is
    if (client.proxied && this.#options.defence?.refusal(address) !== undefined) return refuse("403 Forbidden");
    if (!this.#options.hosts.allows(request.headers.host)) return refuse("421 Misdirected Request");
    if (!this.#sameOrigin(request)) {
      this.#options.log.warn({ from: address, origin: String(request.headers.origin).slice(0, 200) }, "a page of another origin wanted in");
      return refuse("403 Forbidden");
    }
    if (!this.#knocks.take(source, this.#clock.now()) || (this.#addresses.get(source) ?? 0) >= MAX_SOCKETS_PER_ADDRESS)
      return refuse("429 Too Many Requests\r\nRetry-After: 5");
    this.#server.handleUpgrade(request, socket, head, (opened) => this.#opened(opened, request, client));
  }

  /** Bans count it: what nobody who speaks the protocol sends. */
  #malformed(client: ClientAddress): void {
    this.#options.defence?.offence(client.address, "malformed", { transport: transportOf(client) });
  }

  /** Browsers always say where a page came from; what says nothing is no page, and has no user's cookies or network to abuse. */
  #sameOrigin(request: IncomingMessage): boolean {
    const { origin, host } = request.headers;
    if (origin === undefined) return true;
    if (this.#options.origins.includes(origin)) return true;
    return URL.canParse(origin) && new URL(origin).host === host;
  }

  #opened(socket: WebSocket, request: IncomingMessage, client: ClientAddress): void {
    const source = sourceOf(client.address);
    const key = `${source} ${this.#count++}`;
    this.#addresses.set(source, (this.#addresses.get(source) ?? 0) + 1);
    this.#answered.add(socket);
    const link: PageLink = {
      send: (message: GatewayMessage) => {
        if (socket.readyState === socket.OPEN) socket.send(JSON.stringify(message));
      },
      close: () => socket.close(1000),
    };
    const timer = setTimeout(() => socket.close(4408, "nothing was said"), FIRST_MESSAGE_MS);
    let visit: Visit | undefined;
    socket.on("pong", () => this.#answered.add(socket));
    socket.on("error", (error: Error & { readonly code?: string }) => {
      if (error.code?.startsWith("WS_ERR_")) this.#malformed(client);
      socket.terminate();
    });
    socket.on("message", (data, binary) => {
      if (!this.#messages.take(key, this.#clock.now())) return socket.close(4429, "too many messages");
      const message = binary ? undefined : readPageMessage(data.toString());
      if (!message) {
        this.#malformed(client);
        return socket.close(4400, "not a message of this protocol");
      }
      try {
        if (visit && message.type !== "join" && message.type !== "resume") return visit.receive(message);
        if (visit || (message.type !== "join" && message.type !== "resume")) return socket.close(4400, "join or resume comes first, once");
        clearTimeout(timer);
        const begun = this.#first(message, request, client, link);
        if (begun === "throttled") return socket.close(4429, "too many tokens that are not taken");
        visit = begun;
        if (!visit) socket.close(4404, "no such visit");
      } catch (error) {
        this.#options.log.error({ event: "page-failed", err: error, type: message.type }, "a page's message failed");
        socket.close(1011, "failed");
      }
    });
    socket.once("close", (code) => {
      clearTimeout(timer);
      const left = (this.#addresses.get(source) ?? 1) - 1;
      if (left > 0) this.#addresses.set(source, left);
      else this.#addresses.delete(source);
      visit?.detached(link, code === GOING_AWAY);
    });
  }

  #first(
    message: Extract<PageMessage, { type: "join" | "resume" }>,
    request: IncomingMessage,
    { address, secure }: ClientAddress,
    link: PageLink,
  ): Visit | "throttled" | undefined {
    const { host } = this.#options;
    if (message.type === "resume") return host.resume(message.visit, message.secret, link);
    const token = this.#verify(message, request);
    if (token !== null && "fault" in token) {
      if (token.fault === "invalid") this.#options.defence?.offence(address, "wrong-token", { transport: transportOf({ secure }) });
      const within = this.#guesses.take(sourceOf(address), this.#clock.now());
      if (!within) return "throttled";
      this.#options.log.warn(
        { event: "join-token-refused", from: address, code: token.fault },
        "a page brought a join token that is not taken",
      );
    }
    const userAgent = request.headers["user-agent"]?.slice(0, 200);
    return host.join(message, { address, transport: transportOf({ secure }), token, userAgent } satisfies PageSource, link);
  }

  /** The join token of the message or, from programs, of the Authorization header. One that is right is taken however many wrong ones came before. */
  #verify(message: JoinMessage, request: IncomingMessage): JoinTokenVerdict | null {
    const [scheme, bearer] = (request.headers.authorization ?? "").split(" ");
    const token = message.token ?? (scheme?.toLowerCase() === "bearer" ? bearer : undefined);
    return token === undefined || token === "" ? null : this.#options.tokens.verify(token);
  }

  #beats(): void {
    for (const socket of this.#server.clients) {
      if (!this.#answered.delete(socket)) {
        socket.terminate();
        continue;
      }
      socket.ping();
      socket.send('{"type":"beat"}');
    }
  }
}

const transportOf = ({ secure }: Pick<ClientAddress, "secure">): "ws" | "wss" => (secure ? "wss" : "ws");
