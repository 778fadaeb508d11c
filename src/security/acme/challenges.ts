import { createServer as createHttpServer, type Server as HttpServer } from "node:http";
import type { Server, Socket } from "node:net";
import { createSecureContext, createServer as createTlsServer, type SecureContext } from "node:tls";

/** How a CA makes sure that a name is ours: RFC 8555 section 8.3, RFC 8737. */
export const challengeKinds = ["http-01", "tls-alpn-01"] as const;
export type ChallengeKind = (typeof challengeKinds)[number];

/** The ports at which public CAs look. */
export const challengePorts: Readonly<Record<ChallengeKind, number>> = { "http-01": 80, "tls-alpn-01": 443 };

/** What a CA will ask for, and what it is to be shown. */
export interface Challenge {
  readonly domain: string;
  readonly token: string;
  readonly keyAuthorization: string;
  /** Of tls-alpn-01: the certificate that stands for the key authorization, PEM. */
  readonly certificate?: { readonly cert: string; readonly key: string } | undefined;
}

/** Answers challenges, until it is closed. */
export interface Responder {
  /** Resolves once the challenge would be answered. */
  add(challenge: Challenge): Promise<void>;
  close(): Promise<void>;
}

/** A CA asks from a few places at once; more than this many connections are somebody else's. */
const CONNECTIONS = 64;
/** A connection is done in so many ms. */
const PATIENCE = 10_000;
const PATH = "/.well-known/acme-challenge/";
/** Protocol of tls-alpn-01 in ALPN. */
export const ACME_PROTOCOL = "acme-tls/1";

/** Answers of http-01, by the path that a CA asks for (RFC 8555 section 8.3). */
export class ChallengeFiles {
  readonly #known = new Map<string, Challenge>();

  /** What is answered from now on, instead of whatever was. */
  replace(challenges: readonly Challenge[]): void {
    this.#known.clear();
    for (const challenge of challenges) this.#known.set(challenge.token, challenge);
  }

  add(challenge: Challenge): void {
    this.#known.set(challenge.token, challenge);
  }

  /** The file's content for GET of a path without its query; undefined where there is no such file. */
  at(method: string, path: string): string | undefined {
    return method === "GET" && path.startsWith(PATH) ? this.#known.get(path.slice(PATH.length))?.keyAuthorization : undefined;
  }
}

/** Opens a port of its own, which answers challenges alone and is open until `close`; rejects with the system's error where the port cannot be had. */
export async function listenForChallenges(kind: ChallengeKind, host: string, port: number): Promise<Responder> {
  const files = new ChallengeFiles();
  const known = new Map<string, Challenge>();
  const server = kind === "http-01" ? httpServer(files) : challengeServer(known);
  server.maxConnections = CONNECTIONS;
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
  server.on("error", () => {});
  return {
    async add(challenge) {
      files.add(challenge);
      known.set(challenge.domain, challenge);
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** One path is answered, by GET, and nothing else. */
function httpServer(files: ChallengeFiles): HttpServer {
  return createHttpServer({ requestTimeout: PATIENCE, headersTimeout: PATIENCE, maxHeaderSize: 8_192 }, (request, response) => {
    const content = files.at(request.method ?? "", request.url ?? "");
    response.setHeader("Connection", "close");
    if (content === undefined) {
      response.writeHead(404, { "Content-Type": "text/plain" }).end("not found\n");
      return;
    }
    response.writeHead(200, { "Content-Type": "application/octet-stream" }).end(content);
  });
}

/** Speaks `acme-tls/1` alone, for names that are being proven, with their challenge's certificate; every handshake ends the connection. */
export function challengeServer(known: ReadonlyMap<string, Challenge>): Server {
  const server = createTlsServer(
    {
      minVersion: "TLSv1.2",
      handshakeTimeout: PATIENCE,
      ALPNCallback: ({ protocols }) => (protocols.includes(ACME_PROTOCOL) ? ACME_PROTOCOL : undefined),
      SNICallback: (name, done) => {
        const context = contextOf(known.get(name.toLowerCase()));
        done(context === undefined ? new Error("no such challenge") : null, context);
      },
    },
    (socket) => {
      socket.on("error", () => {});
      socket.end();
    },
  );
  server.on("tlsClientError", (_error, socket) => socket.destroy());
  return server;
}

function contextOf(challenge: Challenge | undefined): SecureContext | undefined {
  return challenge?.certificate && createSecureContext(challenge.certificate);
}
