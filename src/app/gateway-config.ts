import { SIGNALLING_PORT } from "../h323/index.ts";
import type { Config } from "./config/config.ts";
import type { GatewayConfig, H323Listeners, OverloadLimits, UpstreamSettings } from "../gateway/options.ts";
import type { TlsMaterial } from "./tls-material.ts";

/** Of gatekeepers, UDP. */
const RAS_PORT = 1719;

/** The part of the configuration that is the gateway's. */
export function gatewayConfig(config: Config): GatewayConfig {
  const { h323, ivr, sip } = config;
  return {
    meetings: config.meetings,
    trunks: config.trunks,
    defaultTrunk: config.unknownCallers,
    accessNumbers: config.accessNumbers,
    numbers: config.numbers,
    language: config.language,
    ivr: {
      tries: ivr.attempts,
      entrySeconds: ivr.entrySeconds,
      firstDigitSeconds: ivr.firstDigitSeconds,
      interDigitSeconds: ivr.interDigitSeconds,
      hostSeconds: ivr.hostSeconds,
      lobbySeconds: ivr.lobbySeconds,
    },
    overload: overloadOf(config),
    sessionTimer: { expires: sip.sessionExpires, minSe: sip.minSe },
    codecs: config.media.codecs,
    video: config.video.enabled
      ? {
          codecs: config.video.codecs,
          profileLevelId: config.video.profileLevelId.toLowerCase(),
          maxBitrate: config.video.maxKilobits * 1000,
          floor: { host: config.listen, advertise: config.media.advertise ?? config.listen, ports: config.video.ports },
        }
      : null,
    callerUser: sip.callerUser,
    ...(sip.callerHost ? { callerHost: sip.callerHost } : {}),
    ringSeconds: sip.ringSeconds,
    trunkOptionsSeconds: sip.optionsSeconds,
    gatekeeper: { ...h323.gatekeeper, neighbours: h323.gatekeeper.neighbours.map(({ host, port }) => ({ host, port: port ?? RAS_PORT })) },
    upstream: h323.upstream && upstreamOf(h323.upstream),
  };
}

/** Limits that are left to the gateway are not in it. */
function overloadOf({ limits, media }: Pick<Config, "limits" | "media">): OverloadLimits {
  const { callsPerSecondPerSource, callsPerSource, ...rest } = limits;
  return {
    ...rest,
    ...(callsPerSecondPerSource === null ? {} : { callsPerSecondPerSource }),
    ...(callsPerSource === null ? {} : { callsPerSource }),
    mediaPorts: media.ports.max - media.ports.min + 1,
  };
}

/** Where H.323 is taken, call signalling on port `signalling`. */
export function h323Listeners({ h323, listen, media }: Config, signalling: number, material: TlsMaterial | null): H323Listeners {
  const { ras, keepAliveSeconds: timeToLive, multiplex } = h323;
  return {
    host: listen,
    signalling,
    ras,
    mediaPorts: media.ports,
    digits: h323.digits,
    ...(h323.traversal ? { traversal: { timeToLive, ...(multiplex === null ? {} : { multiplex }) } } : {}),
    ...(h323.tls === null || material === null ? {} : { tls: { port: h323.tls, material } }),
    ...(media.advertise === null ? {} : { advertise: media.advertise }),
  };
}

function upstreamOf({ user, password, method, gatekeeper, ...rest }: NonNullable<Config["h323"]["upstream"]>): UpstreamSettings {
  const port = gatekeeper.port ?? (rest.traversal === "h46017" ? SIGNALLING_PORT.tcp : RAS_PORT);
  return {
    ...rest,
    gatekeeper: { host: gatekeeper.host, port },
    credentials: password === null ? null : { user: user ?? rest.aliases[0]!, password, method },
  };
}
