import type { IncomingMessage, Server } from "node:http";
import type { Socket } from "node:net";
import { plainAddress } from "../base/ip-address.ts";
import type { ClientAddresses } from "../security/client-address.ts";
import type { Defence } from "../security/defence.ts";
import { isMalformed, isScannersPath } from "../security/http-request.ts";

/** Reports what comes to a web port that nobody sends by mistake: no HTTP, requests that two readers take differently, scanners' paths. */
export class WebOffences {
  readonly #clients: ClientAddresses;
  readonly #defence: Pick<Defence, "offence"> | undefined;

  constructor(clients: ClientAddresses, defence: Pick<Defence, "offence"> | undefined) {
    this.#clients = clients;
    this.#defence = defence;
  }

  malformed(request: IncomingMessage): void {
    const { address, secure } = this.#clients.of(request);
    this.#defence?.offence(address, "malformed", { transport: secure ? "https" : "http" });
  }

  /** Nothing is at the request's path. */
  notFound(request: IncomingMessage, path: string): void {
    if (isScannersPath(path)) this.#scanner(request);
  }

  #scanner(request: IncomingMessage): void {
    const { address, secure } = this.#clients.of(request);
    this.#defence?.offence(address, "scanner", { transport: secure ? "https" : "http" });
  }

  /** A connection on which nothing can be read any more. Answers and closes it. */
  unreadable(error: Error & { readonly code?: string }, socket: Socket): void {
    if (error.code === "ECONNRESET" || socket.destroyed) {
      socket.destroy();
      return;
    }
    const address = plainAddress(socket.remoteAddress ?? "");
    // of a proxy's clients nothing is known here but the proxy
    if (isMalformed(error) && !this.#clients.isProxy(address)) {
      const secure = (socket as { encrypted?: boolean }).encrypted === true;
      this.#defence?.offence(address, "malformed", { transport: secure ? "https" : "http" });
    }
    const status =
      error.code === "ERR_HTTP_REQUEST_TIMEOUT"
        ? "408 Request Timeout"
        : error.code === "HPE_HEADER_OVERFLOW"
          ? "431 Request Header Fields Too Large"
          : "400 Bad Request";
    if (socket.writable) socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    // whoever goes on sending is not waited for
    setTimeout(() => socket.destroy(), 1_000).unref();
  }

  /** Those who take the port for a proxy. */
  follow(server: Server): void {
    server.on("connect", (request: IncomingMessage, socket: Socket) => {
      this.#scanner(request);
      socket.destroy();
    });
  }
}
