import { DEFAULT_TIMINGS, type JoinTimings } from "../ivr/join-types.ts";
import type { SessionTimerPolicy } from "../legs/sip/session-timer.ts";
import type { Trunk } from "../trunks/model.ts";
import type { GatewayConfig, IvrTimings } from "./options.ts";

/** What of the gateway changes while it runs, but its calls. `createGateway` owns it; whoever is given it reads it when it matters. */
export interface Settings {
  /** The configuration in force; replaced as a whole by a reload. */
  readonly config: GatewayConfig;
  /** The gateway is being taken out of service: new calls are refused. */
  readonly draining: boolean;
}

/** The configured waits in milliseconds. */
export function timingsOf(ivr: IvrTimings = {}): JoinTimings {
  const ms = (seconds: number | undefined, otherwise: number) => (seconds === undefined ? otherwise : seconds * 1000);
  return {
    entryMs: ms(ivr.entrySeconds, DEFAULT_TIMINGS.entryMs),
    firstDigitMs: ms(ivr.firstDigitSeconds, DEFAULT_TIMINGS.firstDigitMs),
    interDigitMs: ms(ivr.interDigitSeconds, DEFAULT_TIMINGS.interDigitMs),
    tries: ivr.tries ?? DEFAULT_TIMINGS.tries,
    lobbyMs: ms(ivr.lobbySeconds, DEFAULT_TIMINGS.lobbyMs),
    hostMs: ms(ivr.hostSeconds, DEFAULT_TIMINGS.hostMs),
  };
}

/** Session timers of a call of this trunk; of no trunk's, the configuration's. */
export function sessionTimerOf({ sessionTimer }: GatewayConfig, trunk: Pick<Trunk, "sessionTimer"> | null): SessionTimerPolicy {
  if (trunk?.sessionTimer) return trunk.sessionTimer;
  const { expires = 1800, minSe = 90 } = sessionTimer ?? {};
  return { expires, minSe };
}

/** The trunk of this name, the default one too. */
export function trunkNamed({ trunks, defaultTrunk }: GatewayConfig, name: string | null): Trunk | undefined {
  return name === null
    ? undefined
    : (trunks.find((trunk) => trunk.name === name) ?? (defaultTrunk?.name === name ? defaultTrunk : undefined));
}
