import type { AddressInfo } from "node:net";
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { RateLimiter } from "../security/rate-limit.ts";
import { sameSecret } from "../security/token.ts";
import { EventHub } from "./events.ts";
import { openApi } from "./openapi.ts";
import { type Pages, servePages } from "./pages.ts";
import type { GatewayControl } from "./ports.ts";
import { InvalidInput, problem, toProblem } from "./problem.ts";
import type { Route, RouteRequest } from "./route.ts";
import { routes } from "./routes.ts";

export interface AdminServerOptions {
  readonly gateway: GatewayControl;
  readonly token: string;
  /** Signs what browsers join with; null or absent where there is no meeting page. */
  readonly joinTokens?: RouteRequest["joinTokens"];
  readonly version: string;
  /** Requests a second of one address. */
  readonly requestsPerSecond?: number;
  /** PEM; HTTPS where given. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** The Prometheus text of `/metrics`, and its content type. */
  readonly metrics?: { text(): Promise<string>; readonly contentType: string };
  readonly log: { warn(fields: object, message: string): void; error(fields: object, message: string): void };
  readonly heartbeatSeconds?: number;
  /** Puts further routes on the listener, before it listens: the meeting page. */
  readonly extend?: (app: FastifyInstance) => void;
}

export interface AdminServer {
  /** Listens; resolves with the actual port. Rejects with the system's error (EADDRINUSE). */
  listen(host: string, port: number): Promise<number>;
  /** Takes new certificates without a restart. */
  reloadTls(tls: { readonly cert: string; readonly key: string }): void;
  /** Ends event streams and connections. */
  close(): Promise<void>;
  /** For tests: answers without a socket. */
  readonly inject: FastifyInstance["inject"];
}

const maxBody = 64 * 1024;
const consolePages: Pages = { folder: new URL("./console/", import.meta.url), path: "/" };

/** Nothing from elsewhere, no frames, no guessing of types. */
const securityHeaders: Readonly<Record<string, string>> = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
};

/** The admin API, the console and /metrics, on one listener. */
export function createAdminServer(options: AdminServerOptions): AdminServer {
  const limits = {
    bodyLimit: maxBody,
    connectionTimeout: 60_000,
    requestTimeout: 15_000,
    keepAliveTimeout: 30_000,
    routerOptions: { maxParamLength: 256 },
  } as const;
  const app: FastifyInstance = fastify({
    ...limits,
    logger: false,
    forceCloseConnections: true,
    ...(options.tls ? { https: { ...options.tls, minVersion: "TLSv1.2" } } : {}),
  } as object);
  app.removeContentTypeParser("text/plain");
  app.server.maxConnections = 1000;
  // An event stream may be idle between heartbeats; everything else must not.
  app.server.headersTimeout = 10_000;
  const hub = new EventHub(options.gateway, { heartbeatSeconds: options.heartbeatSeconds ?? 15 });
  const gate = new Gate(options);

  app.addHook("onRequest", async (request, reply) => {
    reply.headers(securityHeaders);
    if (request.url.startsWith("/api/")) reply.header("cache-control", "no-store");
  });
  app.setErrorHandler((error, request, reply) => fail(error, request, reply));
  app.setNotFoundHandler((request, reply) =>
    send(reply, problem(404, "not-found", `there is nothing at ${request.method} ${request.url.split("?")[0]}`)),
  );

  function fail(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const { problem: told, unexpected } = toProblem(error);
    if (unexpected) options.log.error({ err: error, method: request.method, route: request.routeOptions.url }, "admin request failed");
    return send(reply, told);
  }

  let document: string | undefined;
  for (const route of routes) {
    app.route({
      method: route.method,
      url: `/api/v1${route.path.replace(/\{(\w+)\}/g, ":$1")}`,
      onRequest: async (request, reply) => (route.open ? undefined : gate.check(request, reply)),
      handler: async (request, reply) => {
        if (route.id === "openapi") {
          document ??= JSON.stringify(openApi(routes, options.version));
          return reply.type("application/json").send(document);
        }
        if (route.id === "events") return stream(request, reply);
        if (route.id === "health") {
          const health = options.gateway.health();
          return reply.code(health.status === "ok" ? 200 : 503).send(health);
        }
        return answer(route, request, reply);
      },
    });
  }

  async function answer(route: Route, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    const query = route.query?.safeParse(request.query);
    if (query && !query.success) throw new InvalidInput(query.error);
    const body = route.body?.safeParse(request.body ?? {});
    if (body && !body.success) throw new InvalidInput(body.error);
    const params = request.params as Record<string, string>;
    const result = await route.handle!({
      gateway: options.gateway,
      joinTokens: options.joinTokens ?? null,
      params,
      query: query?.data ?? {},
      body: body?.data,
    });
    if (route.status === 201 && route.located !== false)
      reply.header("location", `/api/v1${route.path}/${encodeURIComponent((result as { id: string }).id)}`);
    reply.code(route.status);
    return route.answer ? reply.send(result) : reply.send();
  }

  function stream(request: FastifyRequest, reply: FastifyReply): FastifyReply {
    if (hub.full) return send(reply, problem(503, "too-many-listeners", "too many listen to events already"));
    reply.hijack();
    request.raw.socket.setTimeout(0);
    hub.add(reply.raw, request.headers["last-event-id"] as string | undefined, securityHeaders);
    return reply;
  }

  servePages(app, consolePages);
  app.get("/metrics", async (_request, reply) => {
    if (!options.metrics) return send(reply, problem(404, "not-found", "metrics are off"));
    return reply.type(options.metrics.contentType).send(await options.metrics.text());
  });

  options.extend?.(app);

  return {
    async listen(host, port) {
      await app.listen({ host, port });
      return (app.server.address() as AddressInfo).port;
    },
    reloadTls(tls) {
      (app.server as { setSecureContext?(context: object): void }).setSecureContext?.({ ...tls, minVersion: "TLSv1.2" });
    },
    async close() {
      hub.close();
      await app.close();
    },
    inject: app.inject.bind(app) as FastifyInstance["inject"],
  };
}

function send(reply: FastifyReply, told: ReturnType<typeof problem>): FastifyReply {
  return reply
    .code(told.status)
    .type("application/problem+json")
    .send(Buffer.from(JSON.stringify(told)));
}

/** Who may ask: the token, and not too often. */
class Gate {
  readonly #options: AdminServerOptions;
  readonly #requests: RateLimiter;
  /** Wrong tokens of one address: ten at once, then one in six seconds. */
  readonly #guesses = new RateLimiter({ perSecond: 1 / 6, burst: 10 });

  constructor(options: AdminServerOptions) {
    this.#options = options;
    const perSecond = options.requestsPerSecond ?? 50;
    this.#requests = new RateLimiter({ perSecond, burst: perSecond * 4 });
  }

  check(request: FastifyRequest, reply: FastifyReply): FastifyReply | undefined {
    const now = performance.now();
    const from = request.ip;
    if (!this.#requests.take(from, now) || this.#guesses.level(from, now) < 1) {
      return send(
        reply.header("retry-after", "6"),
        problem(429, "too-many-requests", "too many requests from this address; try again later"),
      );
    }
    const [scheme, token, ...rest] = (request.headers.authorization ?? "").split(" ");
    if (scheme?.toLowerCase() === "bearer" && token && rest.length === 0 && sameSecret(token, this.#options.token)) return undefined;
    if (token) {
      this.#guesses.take(from, now);
      this.#options.log.warn({ from, route: request.routeOptions.url }, "admin request with a wrong token");
    }
    return send(
      reply.header("www-authenticate", 'Bearer realm="crosspoint"'),
      problem(401, "unauthorized", "send the admin token: Authorization: Bearer TOKEN"),
    );
  }
}
