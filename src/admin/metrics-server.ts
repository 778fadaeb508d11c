import type { AddressInfo, Socket } from "node:net";
import { WEB_TLS } from "./web-tls.ts";
import fastify, { type FastifyInstance } from "fastify";
import type { ApiTokens } from "../security/api-tokens.ts";
import type { ClientAddresses } from "../security/client-address.ts";
import type { Defence } from "../security/defence.ts";
import { faultOf } from "../security/http-request.ts";
import { Networks } from "../security/networks.ts";
import { plainAddress } from "../base/ip-address.ts";
import { isOperators } from "./connection-places.ts";
import { Gate } from "./gate.ts";
import type { HostCheck } from "./host-check.ts";
import { WebOffences } from "./offences.ts";
import { problem, send, toProblem } from "./problem.ts";
import { securityHeaders } from "./security-headers.ts";

/** The Prometheus text of `/metrics`, and its content type. */
export interface MetricsSource {
  text(): Promise<string>;
  readonly contentType: string;
}

export interface MetricsRouteOptions {
  readonly metrics: MetricsSource;
  /** From where it is read without a token. */
  readonly networks: readonly string[];
  readonly clients: ClientAddresses;
  readonly gate: Gate;
}

/** Puts `/metrics` on a listener. */
export function serveMetrics(app: FastifyInstance, { metrics, networks, clients, gate }: MetricsRouteOptions): void {
  const open = new Networks(networks);
  app.get("/metrics", {
    onRequest: async (request, reply) => {
      const { address, forwarded } = clients.of(request.raw);
      // behind a proxy that web.trustedProxies does not name, every client has the proxy's address
      if (!forwarded && open.contains(address) && request.headers.authorization === undefined) return;
      const identity = gate.identify(request, reply);
      if (identity === null || !gate.permits(identity, { method: "GET" }, request, reply)) return reply;
    },
    handler: async (_request, reply) => reply.type(metrics.contentType).send(await metrics.text()),
  });
}

export interface MetricsServerOptions extends Omit<MetricsRouteOptions, "gate"> {
  readonly tokens: ApiTokens;
  readonly hosts: HostCheck;
  readonly requestsPerSecond: number;
  /** Whom the process listens to; where offences are reported. */
  readonly defence?: Defence;
  readonly tls?: { readonly cert: string; readonly key: string };
  readonly log: { warn(fields: object, message: string): void; error(fields: object, message: string): void };
}

/** A listener for `/metrics` alone (`web.metrics.port`). */
export function createMetricsServer({ tokens, hosts, requestsPerSecond, tls, log, defence, ...rest }: MetricsServerOptions) {
  const offences = new WebOffences(rest.clients, defence);
  const limits = { bodyLimit: 1024, connectionTimeout: 60_000, requestTimeout: 15_000, keepAliveTimeout: 30_000 } as const;
  const app: FastifyInstance = fastify({
    ...limits,
    logger: false,
    forceCloseConnections: true,
    clientErrorHandler: (error: Error, socket: Socket) => offences.unreadable(error, socket),
    ...(tls ? { https: { ...tls, ...WEB_TLS } } : {}),
  } as object);
  app.server.maxConnections = 100;
  offences.follow(app.server);
  if (defence)
    app.server.prependListener("connection", (socket: Socket) => {
      const address = plainAddress(socket.remoteAddress ?? "");
      if (!isOperators(address) && defence.refusal(address, socket.remotePort ?? 0) !== undefined) socket.destroy();
    });
  app.server.headersTimeout = 10_000;
  app.addHook("onRequest", async (request, reply) => {
    reply.headers(securityHeaders);
    const fault = faultOf(request.raw);
    if (fault !== null) {
      offences.malformed(request.raw);
      return send(reply.header("connection", "close"), problem(fault.status, "malformed-request", fault.detail));
    }
    if (!hosts.allows(request.headers.host))
      return send(reply, problem(421, "host-not-allowed", "web.hosts lists the names of this gateway"));
    if (request.is404) {
      offences.notFound(request.raw, request.url);
      return send(reply, problem(404, "not-found", "there is nothing but /metrics here"));
    }
  });
  app.setErrorHandler((error, _request, reply) => {
    const { problem: told, unexpected } = toProblem(error);
    if (unexpected) log.error({ err: error }, "metrics request failed");
    return send(reply, told);
  });
  serveMetrics(app, {
    ...rest,
    gate: new Gate({
      tokens,
      clients: rest.clients,
      requestsPerSecond,
      log,
      offence: (address) => defence?.offence(address, "wrong-token"),
    }),
  });
  return {
    /** Listens; resolves with the actual port. Rejects with the system's error (EADDRINUSE). */
    async listen(host: string, port: number): Promise<number> {
      await app.listen({ host, port });
      return (app.server.address() as AddressInfo).port;
    },
    /** Shows another certificate in handshakes from now on. */
    reloadTls(next: { readonly cert: string; readonly key: string }): void {
      (app.server as { setSecureContext?(context: object): void }).setSecureContext?.({ ...next, ...WEB_TLS });
    },
    close: () => app.close(),
  };
}
