import { accessSync, constants, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "pino";
import { HostCheck } from "../admin/host-check.ts";
import type { createMetricsServer } from "../admin/metrics-server.ts";
import type { AdminServer } from "../admin/server.ts";
import { ensureDevelopmentCertificates } from "../security/development.ts";
import { privateFolder } from "../security/files.ts";
import { ApiTokens } from "../security/api-tokens.ts";
import { ClientAddresses } from "../security/client-address.ts";
import { JoinTokens } from "../security/join-token.ts";
import { keptToken } from "../security/token.ts";
import type { Config } from "./config/config.ts";
import { projectRoot } from "./config/load.ts";
import { accessLists, banPolicy, createDefence } from "./defences.ts";
import { janusSfu, startMedia, startSip, startVideo } from "./engines.ts";
import { FileWatch } from "./file-watch.ts";
import type { GatewayConfig } from "../gateway/options.ts";
import { gatewayConfig, h323Listeners } from "./gateway-config.ts";
import { explainBindFailure, StartError } from "./bind-errors.ts";
import { AcmeRenewal, standInForAcme } from "./acme.ts";
import { expiries, readTlsMaterial, trunkRoots, warnOfExpiry, watchedFiles } from "./tls-material.ts";
import { withToldAddress } from "./advertised-address.ts";
import { version } from "./version.ts";
import { webHosts } from "./web-hosts.ts";
import { loadMeetingPage, meetingPage, prepareWeb } from "./web-callers.ts";

/** A running Crosspoint. */
export interface Running {
  /** Actual ports of the SIP listeners, by transport; empty with drachtio-server. */
  readonly sip: Readonly<Record<string, number>>;
  readonly webPort: number | null;
  readonly token: string;
  /** Where a made token is kept; null for one that was configured. */
  readonly tokenFile: string | null;
  /** Takes meetings, trunks, timings and certificates of another configuration, without losing a call. Throws, and changes nothing, when its files cannot be read. */
  reload(config: Config): Promise<void>;
  /** Ends calls, keeps records, closes everything. A drain waits for calls to end first. */
  stop(drainSeconds?: number): Promise<void>;
}

const hour = 3_600_000;

/** Starts everything that the configuration names. What has been started is stopped again when something fails. Throws StartError for what an operator can mend. */
export async function startCrosspoint(config: Config, logger: Logger): Promise<Running> {
  const undo: (() => unknown)[] = [];
  try {
    return await start(config, logger, undo);
  } catch (error) {
    for (const step of undo.reverse()) await Promise.resolve(step()).catch(() => {});
    throw error;
  }
}

async function start(first: Config, logger: Logger, undo: (() => unknown)[]): Promise<Running> {
  let config = withToldAddress(first);
  prepareData(config.data);
  if (config.certificates.development) {
    const { made } = await ensureDevelopmentCertificates(config.certificates.development);
    if (made) logger.info({ folder: config.certificates.development }, "development certificates made");
  }
  if (await standInForAcme(config)) logger.warn("a self-signed certificate stands in until one is issued by ACME");
  let tls = readTlsMaterial(config);
  const defence = createDefence(config, logger);
  // The engines come up in their threads while the gateway and the admin API are loaded in this one.
  const engines = Promise.all([
    startStoppable(startSip(config, tls, defence, logger), undo),
    startStoppable(startMedia(config, logger), undo),
  ]);
  engines.catch(() => {});
  const starting = startVideo(config, logger);
  undo.push(async () => (await starting.catch(() => null))?.stop());
  const [{ createAdminServer }, { Metrics }, { SqliteRecordStore }, { KeptMeetings }, { createGateway }] = await Promise.all([
    import("../admin/server.ts"),
    import("../admin/metrics.ts"),
    import("../records/store.ts"),
    import("./meeting-persistence.ts"),
    import("../gateway/gateway.ts"),
  ]);
  const records = new SqliteRecordStore({
    file: join(config.data, "records.sqlite"),
    retentionDays: config.records.retentionDays,
    masking: config.records.maskCallers,
    maxRecords: config.records.maxRecords,
    maxBytes: config.records.maxMegabytes * 1_000_000,
    log: logger,
  });
  undo.push(() => records.close());
  const web = await prepareWeb(config, logger.child({ engine: "webrtc" }));
  if (web) undo.push(() => web.stop());
  if (web && config.web.port !== null) await loadMeetingPage();
  const [sipEngine, mediaServer] = await engines;
  const setAccess = async (from: Config): Promise<void> => {
    const lists = accessLists(from, [mediaServer.sipSource]);
    defence.replace(banPolicy(from), lists);
    await sipEngine.setAccess(lists);
  };
  await setAccess(config);
  const video = await starting;

  const figures = {
    ...(sipEngine.stats ? { sip: () => sipEngine.stats!() } : {}),
    ...(mediaServer.stats ? { media: () => mediaServer.stats!() } : {}),
  };
  const metrics = new Metrics({
    version,
    engines: figures,
    certificates: () => expiries(config),
    ...(video ? { pictures: () => video.figures() } : {}),
    ...(web ? { browsers: () => web.options.webrtc.figures() } : {}),
  });
  const forGateway = (from: Config): GatewayConfig => ({ ...gatewayConfig(from), ...trunkRoots(from) });
  const gateway = await createGateway({
    config: forGateway(config),
    logger,
    drachtio: sipEngine.address,
    sipEngine: config.engine.sip,
    freeswitch: mediaServer.address,
    records,
    promptsRoot: (config.engine.media === "freeswitch" && config.engine.freeswitch.prompts) || join(projectRoot, "src/ivr/prompts"),
    version,
    metrics,
    defence,
    rehearse: config.engine.media === "embedded",
    ...(video ? { video } : {}),
    ...(config.sfu === "janus" ? { sfu: janusSfu(config, logger, (up) => metrics.engine("janus", up)) } : {}),
    ...(web ? { web: web.options } : {}),
    ...(config.h323.signalling === null ? {} : { h323: h323Listeners(config, config.h323.signalling, tls) }),
  }).catch(async (error: unknown) => {
    throw await explainBindFailure(config, error, (key) => key.startsWith("h323."));
  });
  undo.push(() => gateway.stop());
  metrics.watch(gateway);
  const meetings = new KeptMeetings(gateway, join(config.data, "meetings.sqlite"), logger);
  undo.push(() => meetings.close());
  await meetings.restore();

  const made = config.admin.token === null ? keptToken(config.data) : null;
  const token = config.admin.token ?? made!.token;
  const apiTokens = openKept(join(config.data, "api-tokens.json"), (file) => new ApiTokens(file, token, config.admin.tokens));
  const joinTokens = openKept(join(config.data, "join-tokens.json"), (file) => new JoinTokens(file));
  // a meeting made later under the same number is another one
  undo.push(
    gateway.onEvent((event) => {
      if (event.type !== "meeting-deleted") return;
      try {
        joinTokens.revoke(event.meetingId);
      } catch (error) {
        logger.error(
          { event: "revocation-not-kept", meeting: event.meetingId, err: error },
          "join tokens are revoked until a restart only",
        );
      }
    }),
  );
  let admin: AdminServer | null = null;
  let webPort: number | null = null;
  if (config.web.port !== null) {
    const clients = new ClientAddresses(config.web.trustedProxies);
    const hosts = new HostCheck(webHosts(config, tls));
    const ownMetrics = config.web.metrics.port !== null;
    const page = gateway.pages && (await meetingPage(config, gateway.pages, joinTokens, { clients, hosts, defence }, logger));
    admin = createAdminServer({
      ...(page ? { extend: page.extend } : {}),
      gateway: meetings,
      defence,
      token,
      tokens: apiTokens,
      clients,
      hosts,
      joinTokens: page ? joinTokens : null,
      version,
      requestsPerSecond: config.admin.requestsPerSecond,
      ...(ownMetrics ? {} : { metrics }),
      metricsNetworks: config.web.metrics.networks,
      log: logger,
      ...(config.web.tls && tls ? { tls: { cert: tls.cert, key: tls.key } } : {}),
    });
    undo.push(async () => {
      await gateway.pages?.close();
      page?.close();
      await admin!.close();
    });
    webPort = await admin.listen(config.listen, config.web.port).catch(async (error: unknown) => {
      throw await explainBindFailure(config, error, (key) => key === "web.port");
    });
  }
  let metricsServer: ReturnType<typeof createMetricsServer> | null = null;
  if (config.web.metrics.port !== null) {
    const { createMetricsServer } = await import("../admin/metrics-server.ts");
    const server = createMetricsServer({
      metrics,
      networks: config.web.metrics.networks,
      clients: new ClientAddresses(config.web.trustedProxies),
      hosts: new HostCheck(webHosts(config, tls)),
      tokens: apiTokens,
      requestsPerSecond: config.admin.requestsPerSecond,
      log: logger,
      ...(config.web.tls && tls ? { tls: { cert: tls.cert, key: tls.key } } : {}),
    });
    metricsServer = server;
    undo.push(() => server.close());
    const port = await server.listen(config.listen, config.web.metrics.port).catch(async (error: unknown) => {
      throw await explainBindFailure(config, error, (key) => key === "web.metrics.port");
    });
    logger.info({ port }, "metrics listen on a port of their own");
  }
  if (made && !config.demo) logger.info({ file: made.file }, made.made ? "admin token made" : "admin token read");

  const takeCertificates = async (from: Config): Promise<void> => {
    const next = readTlsMaterial(from);
    if (!next) return;
    await sipEngine.reloadTls(next);
    gateway.reloadTls(next);
    if (from.web.tls) for (const server of [admin, metricsServer]) server?.reloadTls(next);
    tls = next;
    warnOfExpiry(from, logger);
  };
  const watch = new FileWatch(watchedFiles(config), () => {
    takeCertificates(config).then(
      () => logger.info({ files: watchedFiles(config) }, "certificates re-read"),
      (error: Error) => logger.error({ error: error.message }, "changed certificates cannot be used; the old ones stay"),
    );
  });
  undo.push(() => watch.close());
  const acme = new AcmeRenewal(config, {
    logger: logger.child({ component: "acme" }),
    async apply() {
      await takeCertificates(config);
      watch.replace(watchedFiles(config));
    },
    async show(challenges) {
      admin?.answerChallenges(challenges);
      await sipEngine.setChallenges(challenges);
    },
    tried: (result) => metrics.renewal(result),
  });
  undo.push(() => acme.close());
  warnOfExpiry(config, logger);
  const daily = setInterval(() => warnOfExpiry(config, logger), 24 * hour);
  daily.unref();
  undo.push(() => clearInterval(daily));

  let stopped: Promise<void> | null = null;
  return {
    sip: Object.fromEntries(sipEngine.listeners.map(({ transport, port }) => [transport, port])),
    webPort,
    token,
    tokenFile: made?.file ?? null,
    async reload(changed) {
      const next = withToldAddress(changed);
      await standInForAcme(next);
      const forNext = forGateway(next);
      await takeCertificates(next);
      watch.replace(watchedFiles(next));
      await setAccess(next);
      apiTokens.configure(next.admin.token ?? token, next.admin.tokens);
      const report = await gateway.reload(forNext);
      config = next;
      acme.reload(next);
      logger.info(report, "configuration reloaded");
    },
    stop(drainSeconds = 0) {
      stopped ??= stop(drainSeconds);
      return stopped;
    },
  };

  async function stop(drainSeconds: number): Promise<void> {
    if (drainSeconds > 0) {
      logger.info({ seconds: drainSeconds }, "draining: new calls are refused, those that are up may end");
      await Promise.race([gateway.drain(true), new Promise((resolve) => setTimeout(resolve, drainSeconds * 1000).unref())]);
    }
    for (const step of undo.reverse()) {
      try {
        await step();
      } catch (error) {
        logger.warn({ error: (error as Error).message }, "something could not be stopped");
      }
    }
  }
}

/** Waits for an engine, and sees to it that it is stopped, also when it comes up after something else has failed. */
function startStoppable<T extends { stop(): Promise<void> }>(starting: Promise<T>, undo: (() => unknown)[]): Promise<T> {
  undo.push(async () => (await starting.catch(() => null))?.stop());
  return starting;
}

/** Opens what is kept in a file of the data folder. Throws StartError where that file holds something else. */
function openKept<T>(file: string, open: (file: string) => T): T {
  try {
    return open(file);
  } catch (error) {
    throw new StartError(
      `${file} cannot be used (${(error as Error).message}): restore it, or move it away to begin without the tokens in it`,
    );
  }
}

/** The data folder, there and writable. */
function prepareData(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    accessSync(folder, constants.W_OK);
    privateFolder(folder, (name) => name.endsWith(".sqlite") || name === "admin-token");
  } catch (error) {
    throw new StartError(
      `data: ${folder} cannot be written (${(error as NodeJS.ErrnoException).code}): choose another with --set data=FOLDER or CROSSPOINT_DATA`,
    );
  }
}
