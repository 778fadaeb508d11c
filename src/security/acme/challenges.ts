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

/** Answers challenges on a port of its own, which is open from `listen` to `close` only: while a certificate is asked for. */
export interface Responder {
  add(challenge: Challenge): void;
  close(): Promise<void>;
}

/** A CA asks from a few places at once; more than this many connections are somebody else's. */
const CONNECTIONS = 64;
/** A connection is done in so many ms. */
const PATIENCE = 10_000;
const PATH = "/.well-known/acme-challenge/";
const ALPN = "acme-tls/1";

/** Opens the listener; rejects with the system's error where the port cannot be had. */
export async function listenForChallenges(kind: ChallengeKind, host: string, port: number): Promise<Responder> {
  const known = new Map<string, Challenge>();
  const server = kind === "http-01" ? httpServer(known) : alpnServer(known);
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
    add: (challenge) => void known.set(kind === "http-01" ? challenge.token : challenge.domain, challenge),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** One path is answered, by GET, and nothing else. */
function httpServer(known: ReadonlyMap<string, Challenge>): HttpServer {
  return createHttpServer({ requestTimeout: PATIENCE, headersTimeout: PATIENCE, maxHeaderSize: 8_192 }, (request, response) => {
    const path = request.url ?? "";
    const asked = request.method === "GET" && path.startsWith(PATH) ? known.get(path.slice(PATH.length)) : undefined;
    response.setHeader("Connection", "close");
    if (asked === undefined) {
      response.writeHead(404, { "Content-Type": "text/plain" }).end("not found\n");
      return;
    }
    response.writeHead(200, { "Content-Type": "application/octet-stream" }).end(asked.keyAuthorization);
  });
}

/** Speaks `acme-tls/1` alone, for names that are being proven, with their challenge's certificate; every handshake ends the connection. */
function alpnServer(known: ReadonlyMap<string, Challenge>): Server {
  const server = createTlsServer(
    {
      minVersion: "TLSv1.2",
      handshakeTimeout: PATIENCE,
      ALPNCallback: ({ protocols }) => (protocols.includes(ALPN) ? ALPN : undefined),
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
