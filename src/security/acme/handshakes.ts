import type { Socket } from "node:net";
import type { Server as TlsServer } from "node:tls";
import { ACME_PROTOCOL, type Challenge, challengeServer } from "./challenges.ts";
import { MAX_CLIENT_HELLO, readClientHello } from "./client-hello.ts";

/** A connection has so many ms to say what it is. */
const PATIENCE = 10_000;

/**
 * Answers tls-alpn-01 (RFC 8737) on a TLS listener of the gateway's. While names are being proven, the first message of each connection is looked at, and one that offers
 * `acme-tls/1` alone for such a name is shown the challenge's certificate; every other connection goes on as if nobody had looked, and is shown ours. Node.js
 * itself chooses a certificate before it knows the protocol, and refuses peers that offer protocols of which it has none.
 */
export class ChallengeHandshakes {
  readonly #known = new Map<string, Challenge>();
  readonly #server = challengeServer(this.#known);

  /** The challenges of which names are being proven from now on; none ends it. */
  replace(challenges: readonly Challenge[]): void {
    this.#known.clear();
    for (const challenge of challenges) if (challenge.certificate !== undefined) this.#known.set(challenge.domain, challenge);
  }

  /** Puts itself before what the server does with its connections. */
  guard(server: TlsServer): void {
    const others = server.listeners("connection") as ((socket: Socket) => void)[];
    server.removeAllListeners("connection");
    server.on("connection", (socket: Socket) =>
      this.take(socket, () => {
        for (const other of others) other.call(server, socket);
      }),
    );
  }

  /** Takes a connection of a CA's; `others` is called for every other one, at once while no name is being proven. */
  take(socket: Socket, others: () => void): void {
    if (this.#known.size === 0) others();
    else this.#look(socket, others);
  }

  #look(socket: Socket, others: () => void): void {
    const waiting = setTimeout(() => socket.destroy(), PATIENCE);
    const failed = (): void => void socket.destroy();
    let read = Buffer.alloc(0);
    const done = (): void => {
      clearTimeout(waiting);
      socket.off("readable", more).off("close", done).off("error", failed);
    };
    const more = (): void => {
      for (let chunk = socket.read() as Buffer | null; chunk !== null; chunk = socket.read() as Buffer | null)
        read = Buffer.concat([read, chunk]);
      const hello = readClientHello(read);
      if (hello === "more" && read.length <= MAX_CLIENT_HELLO) return;
      done();
      socket.unshift(read);
      const [protocol, second] = typeof hello === "object" ? hello.protocols : [];
      const name = typeof hello === "object" ? (hello.serverName ?? "") : "";
      if (protocol === ACME_PROTOCOL && second === undefined && this.#known.has(name)) this.#server.emit("connection", socket);
      else others();
    };
    socket.on("readable", more).once("close", done).once("error", failed);
  }
}
