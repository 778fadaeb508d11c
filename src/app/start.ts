import { accessSync, constants, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "pino";
import { ensureDevelopmentCertificates } from "../security/development.ts";
import { privateFolder } from "../security/files.ts";
import type { Config } from "./config/config.ts";
import { accessLists, banPolicy, createDefence } from "./defences.ts";
import { chosenSfu, promptsFolder, startMedia, startSip, startVideo } from "./engines.ts";
import { CertificateWatch } from "./certificate-watch.ts";
import type { Gateway, GatewayConfig } from "../gateway/options.ts";
import { gatewayConfig, h323Listeners } from "./gateway-config.ts";
import { explainBindFailure, StartError } from "./bind-errors.ts";
import { AcmeRenewal, standInForAcme } from "./acme.ts";
import { identityChecks } from "./modules.ts";
import { expiries, readTlsMaterial, trunkRoots } from "./tls-material.ts";
import { openTokenStores, revokeWithMeetings } from "./token-stores.ts";
import { withToldAddress } from "./advertised-address.ts";
import { createTraces, traceSettings } from "./traces.ts";
import { version } from "./version.ts";
import { loadMeetingPage, prepareWeb } from "./web-callers.ts";

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
  await makeCertificates(config, logger);
  const tls = readTlsMaterial(config);
  const defence = createDefence(config, logger);
  const traces = createTraces(config, logger);
  // The engines come up in their threads while the gateway and the admin API are loaded in this one.
  const engines = Promise.all([
    startStoppable(startSip(config, tls, { defence, traces }, logger), undo),
    startStoppable(startMedia(config, logger), undo),
  ]);
  engines.catch(() => {});
  const starting = startVideo(config, logger);
  undo.push(async () => (await starting.catch(() => null))?.stop());
  const [{ openMetricsPort, openWebPort }, { Metrics }, { SqliteRecordStore }, { KeptMeetings }, { createGateway }] = await Promise.all([
    import("./web-ports.ts"),
    import("../admin/metrics.ts"),
    import("../records/store.ts"),
    import("./meeting-persistence.ts"),
    import("../gateway/gateway.ts"),
  ]);
  const records = new SqliteRecordStore({ ...recordsOf(config), log: logger });
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

  const metrics = new Metrics({
    version,
    engines: {
      ...(sipEngine.stats ? { sip: () => sipEngine.stats!() } : {}),
      ...(mediaServer.stats ? { media: () => mediaServer.stats!() } : {}),
    },
    certificates: () => expiries(config),
    ...(video ? { pictures: () => video.figures() } : {}),
    ...(web ? { browsers: () => web.options.webrtc.figures() } : {}),
  });
  const forGateway = async (from: Config): Promise<GatewayConfig> => ({
    ...gatewayConfig(from),
    ...trunkRoots(from),
    identityChecks: await identityChecks(from, logger),
  });
  const sfu = await chosenSfu(config, logger, (up) => metrics.engine("janus", up));
  const gateway = await createGateway({
    config: await forGateway(config),
    logger,
    drachtio: sipEngine.address,
    sipEngine: config.engine.sip,
    freeswitch: mediaServer.address,
    records,
    promptsRoot: (config.engine.media === "freeswitch" && config.engine.freeswitch.prompts) || promptsFolder,
    version,
    metrics,
    traces,
    defence,
    rehearse: config.engine.media === "embedded",
    ...(video ? { video } : {}),
    ...(sfu ? { sfu } : {}),
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

  const tokens = openTokenStores(config);
  undo.push(revokeWithMeetings(gateway, tokens.join, logger));
  const webPort = await openWebPort(config, { gateway, meetings, tokens, metrics, defence, traces, tls, logger });
  if (webPort) undo.push(() => webPort.close());
  const metricsPort = await openMetricsPort(config, { metrics, tokens, defence, tls, logger });
  if (metricsPort) undo.push(() => metricsPort.close());
  if (tokens.kept && !config.demo) logger.info({ file: tokens.kept.file }, tokens.kept.made ? "admin token made" : "admin token read");

  const certificates = new CertificateWatch(config, logger, async (next, from) => {
    await sipEngine.reloadTls(next);
    gateway.reloadTls(next);
    if (from.web.tls) for (const server of [webPort?.admin, metricsPort]) server?.reloadTls(next);
  });
  undo.push(() => certificates.close());
  const acme = new AcmeRenewal(config, {
    logger: logger.child({ component: "acme" }),
    async apply() {
      await certificates.take();
      certificates.follow();
    },
    async show(challenges) {
      webPort?.admin.answerChallenges(challenges);
      await sipEngine.setChallenges(challenges);
    },
    tried: (result) => metrics.renewal(result),
  });
  undo.push(() => acme.close());

  let stopped: Promise<void> | null = null;
  return {
    sip: Object.fromEntries(sipEngine.listeners.map(({ transport, port }) => [transport, port])),
    webPort: webPort?.port ?? null,
    token: tokens.token,
    tokenFile: tokens.kept?.file ?? null,
    async reload(changed) {
      const next = withToldAddress(changed);
      await standInForAcme(next);
      const forNext = await forGateway(next);
      await certificates.take(next);
      certificates.follow(next);
      await setAccess(next);
      traces.configure(traceSettings(next));
      tokens.api.configure(next.admin.token ?? tokens.token, next.admin.tokens);
      const report = await gateway.reload(forNext);
      config = next;
      acme.reload(next);
      logger.info(report, "configuration reloaded");
    },
    stop(drainSeconds = 0) {
      stopped ??= stopAll(gateway, undo, drainSeconds, logger);
      return stopped;
    },
  };
}

/** Waits for calls to end, no longer than so many seconds, and takes everything back that was started, the last first. */
async function stopAll(gateway: Gateway, undo: (() => unknown)[], drainSeconds: number, logger: Logger): Promise<void> {
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

/** Certificates that the gateway makes itself: for development, and until ACME has issued one. */
async function makeCertificates(config: Config, logger: Logger): Promise<void> {
  const { development } = config.certificates;
  if (development) {
    const { made } = await ensureDevelopmentCertificates(development);
    if (made) logger.info({ folder: development }, "development certificates made");
  }
  if (await standInForAcme(config)) logger.warn("a self-signed certificate stands in until one is issued by ACME");
}

function recordsOf({ data, records }: Config) {
  return {
    file: join(data, "records.sqlite"),
    retentionDays: records.retentionDays,
    masking: records.maskCallers,
    maxRecords: records.maxRecords,
    maxBytes: records.maxMegabytes * 1_000_000,
  };
}

/** Waits for an engine, and sees to it that it is stopped, also when it comes up after something else has failed. */
function startStoppable<T extends { stop(): Promise<void> }>(starting: Promise<T>, undo: (() => unknown)[]): Promise<T> {
  undo.push(async () => (await starting.catch(() => null))?.stop());
  return starting;
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
