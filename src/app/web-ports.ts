import type { Logger } from "pino";
import { HostCheck } from "../admin/host-check.ts";
import type { Metrics } from "../admin/metrics.ts";
import type { createMetricsServer } from "../admin/metrics-server.ts";
import type { GatewayControl } from "../admin/ports.ts";
import { type AdminServer, createAdminServer } from "../admin/server.ts";
import type { Gateway } from "../gateway/options.ts";
import { ClientAddresses } from "../security/client-address.ts";
import type { Defence } from "../security/defence.ts";
import type { CallTraces } from "../trace/index.ts";
import { explainBindFailure } from "./bind-errors.ts";
import type { Config } from "./config/config.ts";
import type { TlsMaterial } from "./tls-material.ts";
import type { TokenStores } from "./token-stores.ts";
import { version } from "./version.ts";
import { meetingPage } from "./web-callers.ts";
import { webHosts } from "./web-hosts.ts";

/** What the web port and the port of the metrics serve. */
export interface WebPortParts {
  /** For its pages. */
  readonly gateway: Pick<Gateway, "pages">;
  /** The API, with meetings that are kept. */
  readonly meetings: GatewayControl;
  readonly tokens: TokenStores;
  readonly metrics: Metrics;
  readonly defence: Defence;
  readonly traces: CallTraces;
  readonly tls: TlsMaterial | null;
  readonly logger: Logger;
}

/** The web port: API, console, meeting pages. Null where there is none. Rejects with StartError when it cannot be had. */
export async function openWebPort(
  config: Config,
  { gateway, meetings, tokens, metrics, defence, traces, tls, logger }: WebPortParts,
): Promise<{ readonly admin: AdminServer; readonly port: number; close(): Promise<void> } | null> {
  if (config.web.port === null) return null;
  const clients = new ClientAddresses(config.web.trustedProxies);
  const hosts = new HostCheck(webHosts(config, tls));
  const page = gateway.pages && (await meetingPage(config, gateway.pages, tokens.join, { clients, hosts, defence }, logger));
  const admin = createAdminServer({
    ...(page ? { extend: page.extend } : {}),
    gateway: meetings,
    defence,
    traces,
    token: tokens.token,
    tokens: tokens.api,
    clients,
    hosts,
    joinTokens: page ? tokens.join : null,
    version,
    requestsPerSecond: config.admin.requestsPerSecond,
    ...(config.web.metrics.port === null ? { metrics } : {}),
    metricsNetworks: config.web.metrics.networks,
    log: logger,
    ...(config.web.tls && tls ? { tls: { cert: tls.cert, key: tls.key } } : {}),
  });
  const close = async () => {
    await gateway.pages?.close();
    page?.close();
    await admin.close();
  };
  try {
    return { admin, port: await admin.listen(config.listen, config.web.port), close };
  } catch (error) {
    await close();
    throw await explainBindFailure(config, error, (key) => key === "web.port");
  }
}

/** The port of the metrics alone. Null where they have none. Rejects with StartError when it cannot be had. */
export async function openMetricsPort(
  config: Config,
  { metrics, tokens, defence, tls, logger }: Omit<WebPortParts, "gateway" | "meetings" | "traces">,
): Promise<ReturnType<typeof createMetricsServer> | null> {
  if (config.web.metrics.port === null) return null;
  const { createMetricsServer: create } = await import("../admin/metrics-server.ts");
  const server = create({
    metrics,
    networks: config.web.metrics.networks,
    clients: new ClientAddresses(config.web.trustedProxies),
    hosts: new HostCheck(webHosts(config, tls)),
    tokens: tokens.api,
    requestsPerSecond: config.admin.requestsPerSecond,
    defence,
    log: logger,
    ...(config.web.tls && tls ? { tls: { cert: tls.cert, key: tls.key } } : {}),
  });
  try {
    const port = await server.listen(config.listen, config.web.metrics.port);
    logger.info({ port }, "metrics listen on a port of their own");
  } catch (error) {
    await server.close();
    throw await explainBindFailure(config, error, (key) => key === "web.metrics.port");
  }
  return server;
}
