import { randomBytes } from "node:crypto";
import { mkdirSync, rmSync } from "node:fs";
import { lookup } from "node:dns/promises";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Logger } from "pino";
import type { MediaServerOptions } from "../media-server/index.ts";
import { JanusSfu } from "../sfu/janus/janus.ts";
import type { Challenge } from "../security/acme/challenges.ts";
import type { AccessLists } from "../security/access.ts";
import type { Defence } from "../security/defence.ts";
import type { SipEngine, SipEngineOptions } from "../sip-engine/index.ts";
import type { RunningVideoRelay } from "../video-relay/index.ts";
import { type Config, isLoopback } from "./config/config.ts";
import { codecNames } from "./config/trunk-schema.ts";
import { SUPPORTED_EXTENSIONS } from "../legs/sip/extensions.ts";
import type { EngineAddress, GatewayOptions, MediaServerAddress } from "../gateway/options.ts";
import { accessLists } from "./defences.ts";
import { sfuOfModule } from "./modules.ts";
import { explainBindFailure } from "./bind-errors.ts";
import { Supervisor } from "../threads/supervisor.ts";
import { type CallTraces, maskKnownNumbers } from "../trace/index.ts";
import type { TlsMaterial } from "./tls-material.ts";

const loopback = "127.0.0.1";
/** The prompts that ship: `<language>/<id>.wav`. */
export const promptsFolder = fileURLToPath(new URL("../ivr/prompts", import.meta.url));

type ListenSpec = SipEngineOptions["listeners"][number];

/** The SIP engine, embedded or not, as the rest of the application sees it. */
export interface RunningSipEngine {
  readonly address: EngineAddress;
  /** Actual listeners of the embedded engine; empty for drachtio-server, whose own configuration has them. */
  readonly listeners: readonly { readonly transport: string; readonly port: number }[];
  stats?(): Promise<unknown>;
  /** Rejects when certificate and key do not fit; the old ones then stay. */
  reloadTls(material: TlsMaterial): Promise<void>;
  /** Challenges of a CA that its TLS listeners answer; drachtio-server's do not. */
  setChallenges(challenges: readonly Challenge[]): Promise<void>;
  /** Whom it listens to from now on. drachtio-server is not told: the gateway asks for every request of its. */
  setAccess(lists: AccessLists): Promise<void>;
  stop(): Promise<void>;
}

export interface RunningMediaServer {
  readonly address: MediaServerAddress;
  /** From where it speaks SIP to us: `host:port`, or a host. */
  readonly sipSource: string;
  stats?(): Promise<unknown>;
  stop(): Promise<void>;
}

/** Starts the embedded SIP engine, or tells where drachtio-server is. */
export async function startSip(
  config: Config,
  tls: TlsMaterial | null,
  { defence, traces }: { readonly defence: Defence; readonly traces: CallTraces },
  logger: Logger,
): Promise<RunningSipEngine> {
  if (config.engine.sip === "drachtio") {
    const nothing = async () => {};
    return {
      address: { ...config.engine.drachtio },
      listeners: [],
      reloadTls: nothing,
      setChallenges: nothing,
      setAccess: nothing,
      stop: nothing,
    };
  }
  const { startSipEngine } = await import("../sip-engine/index.ts");
  let material = tls;
  let access = accessLists(config);
  const configured = (["udp", "tcp", "tls", "ws", "wss"] as const).flatMap((transport) => {
    const port = config.sip[transport];
    return port === null
      ? []
      : [{ transport, host: config.listen, port, ...(config.sip.advertise ? { advertise: config.sip.advertise } : {}) }];
  });
  const inward = await inwardListener(config);
  const options = (): SipEngineOptions => ({
    drachtio: { host: loopback, port: 0, secret },
    listeners: inward ? [...configured, inward] : configured,
    ...(material ? { tls: material } : {}),
    limits: { handshake: config.sip.handshakeSeconds * 1000 },
    tryingMs: 200,
    supportedExtensions: SUPPORTED_EXTENSIONS,
    access,
    trace: traces.wish,
    ...(config.sip.requestsPerSecond === 0 ? {} : { requestsPerSource: config.sip.requestsPerSecond }),
  });
  const secret = randomBytes(24).toString("base64url");
  const log = logger.child({ engine: "sip" });
  const start = (wanted: SipEngineOptions) =>
    startSipEngine(
      wanted,
      ({ level, what, fields }) => log[level](fields, what),
      (offences) => {
        for (const { address, kind, ...details } of offences)
          if (kind === "shed") defence.shed(address, details);
          else defence.offence(address, kind, details);
      },
      (messages) => {
        for (const message of messages) traces.add(maskKnownNumbers(message));
      },
    );
  const running = await start(options()).catch(async (error: unknown) => {
    throw await explainBindFailure(config, error, (key) => key.startsWith("sip."));
  });
  const supervisor = new Supervisor({
    name: "sip",
    logger,
    running,
    ended: (engine) => engine.ended,
    again: async (before) => {
      const wanted = options();
      const bound = ({ transport, peer, port }: ListenSpec) =>
        before.listeners.find((listener) => listener.transport === transport && listener.peer === peer)?.port ?? port;
      const engine = await start({
        ...wanted,
        drachtio: { ...wanted.drachtio, port: before.drachtioPort },
        listeners: wanted.listeners.map((spec) => ({ ...spec, port: bound(spec) })),
      });
      defence.tell({
        banned: (source, milliseconds) => unlessGone(engine.ban(source, milliseconds)),
        recognised: (source) => unlessGone(engine.recognised(source)),
      });
      return engine;
    },
  });
  defence.follow({
    banned: (source, milliseconds) => unlessGone(supervisor.current.ban(source, milliseconds)),
    lifted: (source) => unlessGone(supervisor.current.lift(source)),
    recognised: (source) => unlessGone(supervisor.current.recognised(source)),
  });
  traces.onWish = (wish) => unlessGone(supervisor.current.trace(wish));
  return {
    address: { host: loopback, port: running.drachtioPort, secret },
    listeners: running.listeners.filter(({ peer }) => peer === undefined),
    stats: () => supervisor.current.stats(),
    async reloadTls(next) {
      await supervisor.current.reloadTls(next);
      material = next;
    },
    setChallenges: (challenges) => supervisor.current.setChallenges(challenges),
    async setAccess(lists) {
      access = lists;
      await supervisor.current.setAccess(lists);
    },
    stop: () => supervisor.stop(),
  };
}

/** An engine that dies meanwhile is told when it is started again. */
function unlessGone(told: ReturnType<SipEngine["ban"]>): void {
  told.catch(() => {});
}

/**
 * A UDP listener for the media server alone, where callers' own does not do: there is none, it speaks IPv6 only, or it tells an address that is somebody
 * else's in here. Null where it does.
 */
async function inwardListener(config: Config): Promise<ListenSpec | null> {
  const { listen, sip, engine } = config;
  const { host, listenAddress } = engine.freeswitch;
  const peer = engine.media === "embedded" || isLoopback(host) ? loopback : (await lookup(host)).address;
  const ours = peer === loopback ? loopback : (listenAddress ?? listen);
  if (sip.udp !== null && !sip.advertise && listen.includes(":") === peer.includes(":")) return null;
  return { transport: "udp", host: ours, port: 0, peer };
}

/** Where meetings take place; undefined for the media server's own conference. `connected` is told whether Janus is there. */
export async function chosenSfu(config: Config, logger: Logger, connected: (up: boolean) => void): Promise<GatewayOptions["sfu"]> {
  if (config.sfu === "conference") return undefined;
  return config.sfu === "janus" ? janusSfu(config, logger, connected) : sfuOfModule(config.sfu, logger);
}

function janusSfu(config: Config, logger: Logger, connected: (up: boolean) => void): NonNullable<GatewayOptions["sfu"]> {
  const log = logger.child({ sfu: "janus" });
  return (media, relay) =>
    new JanusSfu({
      settings: config.janus,
      media,
      relay,
      connected,
      log: (level, event, fields) => log[level]({ event, ...fields }, event.replaceAll("-", " ")),
    });
}

/** Starts the video relay; null where the configuration has none. It needs no supervisor: it mends its threads itself. */
export async function startVideo(config: Config, logger: Logger): Promise<RunningVideoRelay | null> {
  if (!config.video.enabled) return null;
  const { startVideoRelay } = await import("../video-relay/index.ts");
  const log = logger.child({ engine: "video" });
  return startVideoRelay({
    rtp: { host: config.listen, minPort: config.video.ports.min, maxPort: config.video.ports.max },
    workers: config.video.workers || Math.max(1, availableParallelism() - 1),
    ...(config.media.advertise ? { advertise: config.media.advertise } : {}),
    log: ({ level, message, fields }) => log[level](fields, message),
  });
}

/** Starts the embedded media server, or tells where FreeSWITCH is. */
export async function startMedia(config: Config, logger: Logger): Promise<RunningMediaServer> {
  const { freeswitch } = config.engine;
  if (config.engine.media === "freeswitch") {
    const { host, port, password, profile, listenAddress, advertise } = freeswitch;
    const listen = listenAddress ?? (isLoopback(host) ? loopback : config.listen);
    return {
      address: { host, port, secret: password, profile, listenAddress: listen, ...(advertise ? { advertisedAddress: advertise } : {}) },
      sipSource: (await lookup(host)).address,
      stop: async () => {},
    };
  }
  const { startMediaServer } = await import("../media-server/index.ts");
  const password = randomBytes(24).toString("base64url");
  const callSecret = randomBytes(32).toString("base64url");
  const log = logger.child({ engine: "media" });
  const prompts = promptsFolder;
  // Spoken names live as long as their meeting.
  const names = resolve(config.data, "names");
  rmSync(names, { recursive: true, force: true });
  mkdirSync(names, { recursive: true, mode: 0o700 });
  const options: MediaServerOptions = {
    esl: { host: loopback, port: 0, password },
    sip: { host: loopback, port: 0, secret: callSecret },
    sounds: prompts,
    recordings: names,
    folders: { play: [prompts, names], record: [names] },
    rtp: { host: config.listen, minPort: config.media.ports.min, maxPort: config.media.ports.max },
    rtpTimeoutSeconds: config.media.timeoutSeconds,
    automaticGain: config.media.automaticGain,
    workers: config.media.workers || Math.max(1, availableParallelism() - 1),
    // all it has: which are used, and in which order, is each call's own (a trunk may have its own list)
    codecs: codecNames.map((codec) => codec.toUpperCase()),
    music: join(prompts, "common"),
    ...(config.media.advertise ? { advertise: config.media.advertise } : {}),
    log: ({ level, message, fields }) => log[level](fields, message),
  };
  const running = await startMediaServer(options);
  const supervisor = new Supervisor({
    name: "media",
    logger,
    running,
    ended: (server) => server.stopped,
    again: (before) =>
      startMediaServer({ ...options, esl: { ...options.esl, port: before.eslPort }, sip: { ...options.sip, port: before.sipPort } }),
  });
  return {
    address: { host: loopback, port: running.eslPort, secret: password, listenAddress: loopback, callSecret, names },
    sipSource: `${loopback}:${running.sipPort}`,
    stats: () => supervisor.current.stats(),
    stop: () => supervisor.stop(),
  };
}
