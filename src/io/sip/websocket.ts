/** SIP over WebSocket, server side (RFC 7118): the upgrade, by the `ws` library (RFC 6455), and its bounds. Each WebSocket message is one SIP message. */
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { Socket } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";
import type { Clock } from "../../base/clock.ts";
import { TokenBucket } from "../../base/token-bucket.ts";
import { MAX_MESSAGE_SIZE } from "../../wire/sip/parse.ts";

/** Frames that one message may come in, and pieces of the stream that may wait for the end of a frame. */
const MAX_FRAGMENTS = 64;
const MAX_BUFFERED_CHUNKS = 256;
const HEAD_MAX = 8_192;
/** Pings and pongs a second of one connection, and at once. */
const CONTROL = { perSecond: 10, burst: 50 };
/** Bytes of answers that a peer may leave unread. */
const UNREAD_PONGS = 16_384;

/** RFC 6455 section 7.4.1. */
const POLICY_VIOLATION = 1008;

/** Takes sockets, plain or TLS, of which each is to become a WebSocket; whoever hands them in bounds the time that takes. */
export class SipWebSockets {
  readonly #http: Server;
  readonly #clock: Clock;
  readonly #accepted: (web: WebSocket, socket: Socket) => void;
  readonly #server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: MAX_MESSAGE_SIZE,
    maxFragments: MAX_FRAGMENTS,
    maxBufferedChunks: MAX_BUFFERED_CHUNKS,
    // Answered below, where it is counted what is left unread.
    autoPong: false,
    // Bodies of SIP may be anything.
    skipUTF8Validation: true,
    handleProtocols: () => "sip",
  });

  constructor(clock: Clock, accepted: (web: WebSocket, socket: Socket) => void) {
    this.#clock = clock;
    this.#accepted = accepted;
    this.#http = createServer({ maxHeaderSize: HEAD_MAX, keepAlive: false }, (_request, response) => {
      response.writeHead(426, { connection: "close", upgrade: "websocket", "content-length": "0" }).end();
    });
    this.#http.on("upgrade", (request, socket, head) => this.#upgrade(request, socket as Socket, head));
    this.#http.on("clientError", (_error, socket) => socket.destroy());
  }

  take(socket: Socket): void {
    this.#http.emit("connection", socket);
  }

  #upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    socket.on("error", () => socket.destroy());
    const protocols = (request.headers["sec-websocket-protocol"] ?? "").split(",").map((name) => name.trim().toLowerCase());
    if (!protocols.includes("sip")) {
      socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
      return;
    }
    this.#server.handleUpgrade(request, socket, head, (web) => {
      this.#bound(web);
      this.#accepted(web, socket);
    });
  }

  /** Control frames are few, and their answers read. */
  #bound(web: WebSocket): void {
    const control = new TokenBucket(CONTROL.perSecond, CONTROL.burst);
    const counted = (): boolean => {
      if (control.take(this.#clock.now())) return true;
      web.close(POLICY_VIOLATION, "too many control frames");
      web.emit("error", new RangeError("too many control frames"));
      return false;
    };
    web.on("ping", (data) => {
      if (!counted()) return;
      if (web.bufferedAmount > UNREAD_PONGS) web.terminate();
      else if (web.readyState === web.OPEN) web.pong(data);
    });
    web.on("pong", () => void counted());
  }
}
