/** SIP over WebSocket (RFC 7118), both sides: the upgrade, by the `ws` library (RFC 6455), and its bounds. Each WebSocket message is one SIP message. */
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { Socket } from "node:net";
import { WebSocket, WebSocketServer } from "ws";
import type { Clock } from "../../base/clock.ts";
import { TokenBucket } from "../../base/token-bucket.ts";
import type { Connection } from "./connection.ts";
import { isMalformed, isScannersPath } from "../../security/http-request.ts";
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

/** The same whoever has opened the connection. */
const BOUNDS = {
  perMessageDeflate: false,
  maxPayload: MAX_MESSAGE_SIZE,
  maxFragments: MAX_FRAGMENTS,
  maxBufferedChunks: MAX_BUFFERED_CHUNKS,
  // Answered below, where it is counted what is left unread.
  autoPong: false,
  // Bodies of SIP may be anything.
  skipUTF8Validation: true,
} as const;

/** Takes sockets, plain or TLS, of which each is to become a WebSocket; whoever hands them in bounds the time that takes. */
export class SipWebSockets {
  readonly #http: Server;
  readonly #clock: Clock;
  readonly #accepted: (web: WebSocket, socket: Socket) => void;
  readonly #malformed: (socket: Socket) => void;
  readonly #server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    ...BOUNDS,
    handleProtocols: () => "sip",
  });

  /** `malformed`: what came is neither HTTP nor a WebSocket's opening handshake. */
  constructor(clock: Clock, accepted: (web: WebSocket, socket: Socket) => void, malformed: (socket: Socket) => void) {
    this.#clock = clock;
    this.#accepted = accepted;
    this.#malformed = malformed;
    this.#http = createServer({ maxHeaderSize: HEAD_MAX, keepAlive: false }, (request, response) => {
      if (isScannersPath(request.url ?? "")) this.#malformed(request.socket);
      response.writeHead(426, { connection: "close", upgrade: "websocket", "content-length": "0" }).end();
    });
    this.#http.on("upgrade", (request, socket, head) => this.#upgrade(request, socket as Socket, head));
    this.#http.on("clientError", (error, socket) => {
      if (isMalformed(error)) this.#malformed(socket as Socket);
      socket.destroy();
    });
    this.#server.on("wsClientError", (_error, socket) => {
      this.#malformed(socket as Socket);
      socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    });
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
      boundControl(web, this.#clock);
      this.#accepted(web, socket);
    });
  }
}

/** Control frames are few, and their answers read. */
function boundControl(web: WebSocket, clock: Clock): void {
  const control = new TokenBucket(CONTROL.perSecond, CONTROL.burst);
  const counted = (): boolean => {
    if (control.take(clock.now())) return true;
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

/**
 * Asks the far end of a connection of ours that stands, and whose TLS is done, to speak SIP over WebSocket (RFC 7118 section 4.1); `opened` is told when it does. When it does not, the
 * connection is closed. Whoever asks bounds the time that takes.
 */
export function openSipWebSocket(connection: Connection, clock: Clock, opened: () => void): void {
  const { socket, serverName, source } = connection;
  const host = serverName.includes(":") ? `[${serverName}]` : serverName;
  // TLS, if any, is the socket's affair: to the library all are plain
  const options = { ...BOUNDS, createConnection: () => socket, followRedirects: false, maxHeaderSize: HEAD_MAX };
  const web = new WebSocket(`ws://${host}:${source.port}/`, ["sip"], options);
  const failed = (error: Error) => connection.close(`it does not speak SIP over WebSocket (${error.message})`);
  web.once("error", failed);
  web.once("open", () => {
    web.off("error", failed);
    boundControl(web, clock);
    opened();
    connection.upgraded(web);
  });
}
