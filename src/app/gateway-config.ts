import { SIGNALLING_PORT } from "../h323/index.ts";
import type { Config } from "./config/config.ts";
import type { GatewayConfig, UpstreamSettings } from "./gateway/options.ts";

/** Of gatekeepers, UDP. */
const RAS_PORT = 1719;

/** The part of the configuration that is the gateway's. */
export function gatewayConfig(config: Config): GatewayConfig {
  const { h323, ivr, limits, sip } = config;
  return {
    meetings: config.meetings,
    trunks: config.trunks,
    defaultTrunk: config.unknownCallers,
    accessNumbers: config.accessNumbers,
    language: config.language,
    ivr: {
      tries: ivr.attempts,
      entrySeconds: ivr.entrySeconds,
      firstDigitSeconds: ivr.firstDigitSeconds,
      interDigitSeconds: ivr.interDigitSeconds,
      hostSeconds: ivr.hostSeconds,
      lobbySeconds: ivr.lobbySeconds,
    },
    overload: limits,
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

function upstreamOf({ user, password, method, gatekeeper, ...rest }: NonNullable<Config["h323"]["upstream"]>): UpstreamSettings {
  const port = gatekeeper.port ?? (rest.traversal === "h46017" ? SIGNALLING_PORT.tcp : RAS_PORT);
  return {
    ...rest,
    gatekeeper: { host: gatekeeper.host, port },
    credentials: password === null ? null : { user: user ?? rest.aliases[0]!, password, method },
  };
}
