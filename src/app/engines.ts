import { randomBytes } from "node:crypto";
import { isLoopback } from "./config/checks.ts";
import type { Config } from "./config/config.ts";
import type { EngineAddress, MediaServerAddress } from "./gateway-options.ts";
import { explainBindFailure } from "./ports.ts";
import type { TlsMaterial } from "./tls-material.ts";

const loopback = "127.0.0.1";

/** The SIP engine, embedded or not, as the rest of the application sees it. */
export interface RunningSipEngine {
  readonly address: EngineAddress;
  /** Actual listeners of the embedded engine; empty for drachtio-server, whose own configuration has them. */
  readonly listeners: readonly { readonly transport: string; readonly host: string; readonly port: number }[];
  stats?(): unknown;
  reloadTls(material: TlsMaterial): void;
  stop(): Promise<void>;
}

export interface RunningMediaServer {
  readonly address: MediaServerAddress;
  stats?(): unknown;
  stop(): Promise<void>;
}

/** What the SIP engine offers; see src/sip-engine. */
interface SipEngineModule {
  startSipEngine(options: object): Promise<{
    readonly drachtioPort: number;
    readonly listeners: readonly { readonly transport: string; readonly host: string; readonly port: number }[];
    reloadTls(tls: TlsMaterial): unknown;
    stats(): unknown;
    stop(): Promise<void>;
  }>;
}
/** What the media server offers; see src/media-server. */
interface MediaServerModule {
  startMediaServer(
    options: object,
  ): Promise<{ readonly eslPort: number; readonly sipPort: number; stats(): unknown; stop(): Promise<void> }>;
}

/** Starts the embedded SIP engine, or tells where drachtio-server is. */
export async function startSip(config: Config, tls: TlsMaterial | null): Promise<RunningSipEngine> {
  if (config.engine.sip === "drachtio") {
    return { address: { ...config.engine.drachtio }, listeners: [], reloadTls: () => {}, stop: async () => {} };
  }
  const { startSipEngine } = (await import(sipEngine)) as SipEngineModule;
  const secret = randomBytes(24).toString("base64url");
  const listeners = (["udp", "tcp", "tls", "ws", "wss"] as const).flatMap((transport) => {
    const port = config.sip[transport];
    return port === null
      ? []
      : [{ transport, host: config.listen, port, ...(config.sip.advertise ? { advertise: config.sip.advertise } : {}) }];
  });
  const options = {
    drachtio: { host: loopback, port: 0, secret },
    listeners,
    ...(tls ? { tls } : {}),
    handshakeSeconds: config.sip.handshakeSeconds,
  };
  const engine = await startSipEngine(options).catch(async (error: unknown) => {
    throw await explainBindFailure(config, error, (key) => key.startsWith("sip."));
  });
  return {
    address: { host: loopback, port: engine.drachtioPort, secret },
    listeners: engine.listeners,
    stats: () => engine.stats(),
    reloadTls: (material) => void engine.reloadTls(material),
    stop: () => engine.stop(),
  };
}

/** Starts the embedded media server, or tells where FreeSWITCH is. */
export async function startMedia(config: Config): Promise<RunningMediaServer> {
  const { freeswitch } = config.engine;
  if (config.engine.media === "freeswitch") {
    const { host, port, password, profile, listenAddress, advertise } = freeswitch;
    const listen = listenAddress ?? (isLoopback(host) ? loopback : config.listen);
    return {
      address: { host, port, secret: password, profile, listenAddress: listen, ...(advertise ? { advertisedAddress: advertise } : {}) },
      stop: async () => {},
    };
  }
  const { startMediaServer } = (await import(mediaServer)) as MediaServerModule;
  const password = randomBytes(24).toString("base64url");
  const server = await startMediaServer({
    esl: { host: loopback, port: 0, password },
    sip: { host: loopback, port: 0 },
    rtp: { host: config.listen, minPort: config.media.ports.min, maxPort: config.media.ports.max },
    rtpTimeoutSeconds: config.media.timeoutSeconds,
    ...(config.media.workers > 0 ? { workers: config.media.workers } : {}),
    ...(config.media.advertise ? { advertise: config.media.advertise } : {}),
  });
  return {
    address: { host: loopback, port: server.eslPort, secret: password, listenAddress: loopback },
    stats: () => server.stats(),
    stop: () => server.stop(),
  };
}

const sipEngine: string = "../sip-engine/index.ts";
const mediaServer: string = "../media-server/index.ts";
