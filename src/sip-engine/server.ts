/** Where applications connect: TCP, one connection each, frames in and out. */
import { createServer, type Server, type Socket } from "node:net";
import type { Millis } from "../base/clock.ts";
import { ParseError } from "../base/errors.ts";
import { encodeFrame, FrameReader } from "../wire/drachtio/frame.ts";
import type { AppConnection, AppHandle } from "./core.ts";

export interface AppServer {
  readonly port: number;
  close(): Promise<void>;
}

/** An application that leaves so many bytes unread is not there. */
const UNREAD_MAX = 64 << 20;

/** Listens for applications. */
export async function listenForApps(
  address: { host: string; port: number },
  connect: (connection: AppConnection) => AppHandle,
  now: () => Millis,
  /** A fault of ours while a frame was handled: it costs that frame, not the engine. */
  onFault: (error: unknown) => void,
): Promise<AppServer> {
  const sockets = new Set<Socket>();
  const server: Server = createServer({ noDelay: true, keepAlive: true }, (socket) => {
    sockets.add(socket);
    const handle = connect(new SocketConnection(socket));
    const reader = new FrameReader();
    socket.on("data", (chunk: Buffer) => {
      let frames: Buffer[];
      try {
        frames = reader.push(chunk);
      } catch (error) {
        if (!(error instanceof ParseError)) onFault(error);
        socket.destroy();
        return;
      }
      for (const frame of frames) {
        try {
          handle.receive(frame, now());
        } catch (error) {
          onFault(error);
        }
      }
    });
    socket.on("error", () => socket.destroy());
    socket.on("end", () => socket.end());
    socket.on("close", () => {
      sockets.delete(socket);
      handle.gone(now());
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(address.port, address.host, () => {
      server.off("error", reject);
      resolve();
    });
  });
  const bound = server.address();
  if (bound === null || typeof bound === "string") throw new Error("no address");
  return {
    port: bound.port,
    close: async () => {
      const closed = new Promise<void>((done) => server.close(() => done()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** Frames of one turn of the event loop leave in one write: under load that is several calls' at once. */
class SocketConnection implements AppConnection {
  readonly #socket: Socket;
  #queued = "";

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  send(content: string): void {
    if (this.#queued === "") setImmediate(this.#flush);
    this.#queued += encodeFrame(content);
  }

  close(): void {
    this.#flush();
    this.#socket.end();
  }

  readonly #flush = (): void => {
    const text = this.#queued;
    this.#queued = "";
    if (text === "" || this.#socket.destroyed) return;
    this.#socket.write(text, "latin1");
    if (this.#socket.writableLength > UNREAD_MAX) this.#socket.destroy();
  };
}
