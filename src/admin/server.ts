import type { AddressInfo, Socket } from "node:net";
import type { Server as TlsServer } from "node:tls";
import type { z } from "zod";
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { type Challenge, ChallengeFiles } from "../security/acme/challenges.ts";
import { ChallengeHandshakes } from "../security/acme/handshakes.ts";
import { type ApiIdentity, ApiTokens } from "../security/api-tokens.ts";
import { ClientAddresses } from "../security/client-address.ts";
import { faultOf } from "../security/http-request.ts";
import { AllowedMethods } from "./allowed-methods.ts";
import { systemClock } from "../base/clock.ts";
import { Defence } from "../security/defence.ts";
import { CallTraces } from "../trace/index.ts";
import { ConnectionPlaces, isOperators } from "./connection-places.ts";
import { EventHub } from "./events.ts";
import { Gate } from "./gate.ts";
import { HostCheck } from "./host-check.ts";
import { Idempotency, type KeptAnswer } from "./idempotency.ts";
import { type MetricsSource, serveMetrics } from "./metrics-server.ts";
import { WebOffences } from "./offences.ts";
import { openApi } from "./openapi.ts";
import { type Pages, servePages } from "./pages.ts";
import { type Page, pageOf, pageQuery } from "./paging.ts";
import { AdminError, type GatewayControl } from "./ports.ts";
import { InvalidInput, problem, send, toProblem } from "./problem.ts";
import type { Route, RouteRequest } from "./route.ts";
import { routes } from "./routes.ts";
import { WEB_TLS } from "./web-tls.ts";
import { securityHeaders, strictTransport } from "./security-headers.ts";

export interface AdminServerOptions {
  readonly gateway: GatewayControl;
  /** The admin token. */
  readonly token: string;
  /** All tokens of the API; the admin token alone where absent. */
  readonly tokens?: ApiTokens;
  /** Whose word on clients' addresses is believed; nobody's where absent. */
  readonly clients?: ClientAddresses;
  /** Names by which the listener may be asked for; `localhost` and addresses where absent. */
  readonly hosts?: HostCheck;
  /** Signs what browsers join with; null or absent where there is no meeting page. */
  readonly joinTokens?: RouteRequest["joinTokens"];
  /** Whom the process listens to, and whom it has banned; everybody and nobody where absent. */
  readonly defence?: Defence;
  /** Messages of calls; none where absent. */
  readonly traces?: CallTraces;
  readonly version: string;
  /** Requests a second of one address. */
  readonly requestsPerSecond?: number;
  /** PEM; HTTPS where given. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** The Prometheus text of `/metrics`, and its content type. */
  readonly metrics?: MetricsSource;
  /** From where `/metrics` is read without a token; this machine where absent. */
  readonly metricsNetworks?: readonly string[];
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
  /** Challenges of a CA that proves our names, answered from now on: by path, and over TLS by `acme-tls/1`. */
  answerChallenges(challenges: readonly Challenge[]): void;
  /** Ends event streams and connections. */
  close(): Promise<void>;
  /** For tests: answers without a socket. */
  readonly inject: FastifyInstance["inject"];
}

const maxBody = 64 * 1024;
const consolePages: Pages = { folder: new URL("./console/", import.meta.url), path: "/" };
/** Connections to the web port. */
const PLACES = { most: 1_000, perSource: 250 };
const LOOPBACK = ["127.0.0.0/8", "::1"];

/** The admin API, the console and /metrics, on one listener. */
export function createAdminServer(options: AdminServerOptions): AdminServer {
  const limits = {
    bodyLimit: maxBody,
    connectionTimeout: 60_000,
    requestTimeout: 15_000,
    keepAliveTimeout: 30_000,
    routerOptions: { maxParamLength: 256 },
  } as const;
  const clients = options.clients ?? new ClientAddresses([]);
  const offences = new WebOffences(clients, options.defence);
  const app: FastifyInstance = fastify({
    ...limits,
    logger: false,
    forceCloseConnections: true,
    clientErrorHandler: (error: Error, socket: Socket) => offences.unreadable(error, socket),
    frameworkErrors: (error: unknown, request: FastifyRequest, reply: FastifyReply) => {
      const told = toProblem(error).problem;
      if (told.status === 400) offences.malformed(request.raw);
      return send(reply.headers(securityHeaders), told);
    },
    ...(options.tls ? { https: { ...options.tls, ...WEB_TLS } } : {}),
  } as object);
  const traces = options.traces ?? new CallTraces({ level: "off", trunks: new Map(), keepMinutes: 0 });
  const defence = options.defence ?? new Defence({ clock: systemClock, log: { ...options.log, info: () => {} } });
  const challengeFiles = new ChallengeFiles();
  const challengeHandshakes = new ChallengeHandshakes();
  if (options.tls) challengeHandshakes.guard(app.server as unknown as TlsServer);
  new ConnectionPlaces(app.server, {
    ...PLACES,
    admits: (address, port) => isOperators(address) || defence.refusal(address, port) === undefined,
  });
  // An event stream may be idle between heartbeats; everything else must not.
  app.server.headersTimeout = 10_000;
  const hub = new EventHub(options.gateway, { heartbeatSeconds: options.heartbeatSeconds ?? 15 });
  const tokens = options.tokens ?? new ApiTokens(null, options.token, []);
  const hosts = options.hosts ?? new HostCheck([]);
  const gate = new Gate({
    tokens,
    clients,
    requestsPerSecond: options.requestsPerSecond ?? 50,
    log: options.log,
    offence: (address) => options.defence?.offence(address, "wrong-token"),
  });
  const identities = new WeakMap<FastifyRequest, ApiIdentity>();
  const allowed = new AllowedMethods();
  const idempotency = new Idempotency();
  takeBodies(app);

  offences.follow(app.server);
  app.addHook("onRoute", ({ url, method }) => allowed.add(url, [method].flat()));
  app.addHook("onRequest", async (request, reply) => {
    reply.headers(securityHeaders);
    const client = clients.of(request.raw);
    if (client.secure) reply.headers(strictTransport);
    // behind a proxy the connection is the proxy's, whoever its client is
    if (client.proxied && defence.refusal(client.address) !== undefined)
      return send(reply, problem(403, "address-not-allowed", "nothing is answered to this address: allow, deny or a ban"));
    const path = request.url.split("?")[0]!;
    // by whatever name: it is not among ours before it is proven
    const file = challengeFiles.at(request.method, path);
    if (file !== undefined) return reply.type("application/octet-stream").send(file);
    if (path.startsWith("/api/")) reply.header("cache-control", "no-store");
    const fault = faultOf(request.raw);
    if (fault !== null) {
      offences.malformed(request.raw);
      return send(reply.header("connection", "close"), problem(fault.status, "malformed-request", fault.detail));
    }
    if (!hosts.allows(request.headers.host))
      return send(reply, problem(421, "host-not-allowed", "this gateway is not asked for by this name: web.hosts lists those it has"));
    if (request.is404) {
      offences.notFound(request.raw, request.url);
      return nothingAt(request.method, path, reply);
    }
  });
  app.setErrorHandler((error, request, reply) => fail(error, request, reply));
  app.setNotFoundHandler((request, reply) => nothingAt(request.method, request.url.split("?")[0]!, reply));

  /** Before anything of the body is read: what there is at the path does not depend on it. */
  function nothingAt(method: string, path: string, reply: FastifyReply): FastifyReply {
    const methods = allowed.at(path);
    if (methods.length === 0) return send(reply, problem(404, "not-found", `there is nothing at ${path.slice(0, 200)}`));
    return send(
      reply.header("allow", methods.join(", ")),
      problem(405, "method-not-allowed", `${method} is none of ${methods.join(", ")}`),
    );
  }

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
      config: { takesBody: route.body !== undefined },
      onRequest: async (request, reply) => {
        if (route.open) return;
        const identity = gate.identify(request, reply);
        if (identity === null || !gate.permits(identity, route, request, reply)) return reply;
        identities.set(request, identity);
      },
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
    const identity = identities.get(request)!;
    const key = request.headers["idempotency-key"];
    if (route.method !== "POST" || typeof key !== "string") return give(reply, await carryOut(route, request, identity));
    const said = JSON.stringify([request.url, request.body ?? null]);
    const { repeated, ...kept } = await idempotency.once(key, identity.id, said, () => carryOut(route, request, identity));
    if (repeated) reply.header("idempotency-replayed", "true");
    return give(reply, kept);
  }

  function give(reply: FastifyReply, { status, headers, body }: KeptAnswer): FastifyReply {
    reply.code(status).headers(headers);
    return body === undefined ? reply.send() : reply.send(body);
  }

  /** Checks a request and does what it asks for. Throws AdminError. */
  async function carryOut(route: Route, request: FastifyRequest, identity: ApiIdentity): Promise<KeptAnswer> {
    const query = (route.paged ? pageQuery : route.query)?.safeParse(request.query);
    if (query && !query.success) throw new InvalidInput(query.error);
    if (route.body && request.body === undefined) throw new AdminError(400, "body-required", "send a JSON object, {} at least");
    const body = route.body?.safeParse(request.body);
    if (body && !body.success) throw new InvalidInput(body.error);
    const result = await route.handle!({
      gateway: options.gateway,
      joinTokens: options.joinTokens ?? null,
      defence,
      traces,
      tokens,
      inScope: scopeOf(identity),
      params: request.params as Record<string, string>,
      query: query?.data ?? {},
      body: body?.data,
    });
    const { status } = route;
    if (!route.answer) return { status, headers: {}, body: undefined };
    if (route.paged) return listed(request, pageOf(result as { id: string }[], query!.data as z.output<typeof pageQuery>));
    if (route.id === "listRecords") return listed(request, result as Page<unknown>);
    const location =
      status === 201 && route.located !== false && `/api/v1${route.path}/${encodeURIComponent((result as { id: string }).id)}`;
    return { status, headers: location ? { location } : {}, body: result };
  }

  /** A page of a list: the entries, and beside them how many there are and where the next page is (RFC 8288). */
  function listed(request: FastifyRequest, { items, total, next }: Page<unknown>): KeptAnswer {
    const headers: Record<string, string> = { "x-total-count": String(total) };
    if (next !== null) {
      const [path, search = ""] = request.url.split("?");
      const query = new URLSearchParams(search);
      query.delete("before");
      query.set("cursor", next);
      Object.assign(headers, { "x-next-cursor": next, link: `<${path}?${query}>; rel="next"` });
    }
    return { status: 200, headers, body: items };
  }

  function stream(request: FastifyRequest, reply: FastifyReply): FastifyReply {
    if (hub.full) return send(reply, problem(503, "too-many-listeners", "too many listen to events already"));
    reply.hijack();
    request.raw.socket.setTimeout(0);
    const identity = identities.get(request)!;
    hub.add(reply.raw, request.headers["last-event-id"] as string | undefined, reply.getHeaders() as Record<string, string>, {
      good: () => tokens.good(identity),
      inScope: scopeOf(identity),
    });
    return reply;
  }

  servePages(app, consolePages);
  const { metrics } = options;
  if (metrics) serveMetrics(app, { metrics, networks: options.metricsNetworks ?? LOOPBACK, clients, gate });

  options.extend?.(app);

  return {
    async listen(host, port) {
      await app.listen({ host, port });
      return (app.server.address() as AddressInfo).port;
    },
    reloadTls(tls) {
      (app.server as { setSecureContext?(context: object): void }).setSecureContext?.({ ...tls, ...WEB_TLS });
    },
    answerChallenges(challenges) {
      challengeFiles.replace(challenges);
      challengeHandshakes.replace(challenges);
    },
    async close() {
      hub.close();
      await app.close();
    },
    inject: app.inject.bind(app) as FastifyInstance["inject"],
  };
}

function scopeOf({ meetings }: ApiIdentity): (meetingId: string | null) => boolean {
  return meetings === null ? () => true : (meetingId) => meetingId !== null && meetings.includes(meetingId);
}

/** JSON where a route takes a body; where it takes none, what a client sends all the same is not looked at. An empty body is none, whatever type it has. */
function takeBodies(app: FastifyInstance): void {
  const json = app.getDefaultJsonParser("error", "error");
  const takesBody = (request: FastifyRequest): boolean => (request.routeOptions.config as { takesBody?: boolean }).takesBody === true;
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "string" }, (request, body, done) => {
    if (body === "" || !takesBody(request)) done(null, undefined);
    else json(request, body as string, done);
  });
  app.addContentTypeParser("*", { parseAs: "buffer" }, (request, body, done) => {
    if (body.length === 0 || !takesBody(request)) done(null, undefined);
    else done(Object.assign(new Error("the body must be application/json"), { statusCode: 415 }));
  });
}
