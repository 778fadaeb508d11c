import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { plainAddress, sourceOf } from "../base/ip-address.ts";

export interface PlaceLimits {
  /** Connections in all, and of one source: an IPv4 address or an IPv6 /64. */
  readonly most: number;
  readonly perSource: number;
  /** Whether anything of that address is read at all. */
  readonly admits: (address: string, port: number) => boolean;
}

/** This machine's own connections are the operator's, or a proxy's: lists and bans do not shut him out. */
export const isOperators = (address: string): boolean => address === "127.0.0.1" || address === "::1";

interface Place {
  readonly socket: Socket;
  readonly source: string;
  /** Requests that are not answered yet; a WebSocket is one for as long as it is open. */
  busy: number;
}

/** Answers that wait do not keep the port shut: for a connection that is one too many, the oldest idle one of the source that has most is closed. */
export class ConnectionPlaces {
  readonly #limits: PlaceLimits;
  readonly #sources = new Map<string, Map<string, Place>>();
  #count = 0;

  constructor(server: Server, limits: PlaceLimits) {
    this.#limits = limits;
    server.on("connection", (socket: Socket) => this.#take(socket));
    server.prependListener("request", (request: IncomingMessage, response: ServerResponse) => this.#busy(request, response));
    server.prependListener("upgrade", (request: IncomingMessage) => this.#busy(request, request.socket));
  }

  get count(): number {
    return this.#count;
  }

  #take(socket: Socket): void {
    const { most, perSource, admits } = this.#limits;
    const address = plainAddress(socket.remoteAddress ?? "");
    if (!admits(address, socket.remotePort ?? 0)) {
      socket.destroy();
      return;
    }
    const source = sourceOf(address);
    const own = this.#sources.get(source);
    const full = (own?.size ?? 0) >= perSource ? own : this.#count >= most ? this.#heaviest() : undefined;
    if (full !== undefined && !this.#evict(full)) {
      socket.destroy();
      return;
    }
    const key = keyOf(socket);
    const places = this.#sources.get(source) ?? new Map<string, Place>();
    this.#sources.set(source, places.set(key, { socket, source, busy: 0 }));
    this.#count++;
    socket.once("close", () => this.#gone(source, key, socket));
  }

  /** The socket of a request over TLS is another one; its far end is the same. */
  #busy({ socket }: IncomingMessage, until: { once(event: "close", listener: () => void): unknown }): void {
    const place = this.#sources.get(sourceOf(plainAddress(socket.remoteAddress ?? "")))?.get(keyOf(socket));
    if (place === undefined) return;
    place.busy++;
    until.once("close", () => place.busy--);
  }

  #heaviest(): Map<string, Place> | undefined {
    let heaviest: Map<string, Place> | undefined;
    for (const places of this.#sources.values()) if (places.size > (heaviest?.size ?? 0)) heaviest = places;
    return heaviest;
  }

  #evict(places: Map<string, Place>): boolean {
    for (const [key, { socket, source, busy }] of places) {
      if (busy > 0) continue;
      this.#gone(source, key, socket);
      socket.destroy();
      return true;
    }
    return false;
  }

  #gone(source: string, key: string, socket: Socket): void {
    const places = this.#sources.get(source);
    if (places?.get(key)?.socket !== socket) return;
    places.delete(key);
    if (places.size === 0) this.#sources.delete(source);
    this.#count--;
  }
}

const keyOf = (socket: Socket): string => `${socket.remoteAddress} ${socket.remotePort}`;
