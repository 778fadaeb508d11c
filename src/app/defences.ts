import type { Logger } from "pino";
import { systemClock } from "../base/clock.ts";
import type { AccessLists } from "../security/access.ts";
import type { BanPolicy } from "../security/bans.ts";
import { Defence, NO_BANS } from "../security/defence.ts";
import { Networks } from "../security/networks.ts";
import { STRANGER_CALLS_PER_SECOND } from "../trunks/limits.ts";
import type { Config } from "./config/config.ts";

/** All strangers together bring as many new calls a second as so many sources may. */
const SOURCES_AT_ONCE = 5;

/** Who is listened to, and what bans: one for the whole process. */
export function createDefence(config: Config, log: Logger): Defence {
  return new Defence({ clock: systemClock, log, policy: banPolicy(config), lists: accessLists(config) });
}

/** `allow`, `deny` and the trunks. `own` are addresses, with or without ports, that are let in all the same: our media server's. */
export function accessLists(config: Pick<Config, "allow" | "deny" | "trunks" | "limits">, own: readonly string[] = []): AccessLists {
  const perSource = config.limits.callsPerSecondPerSource ?? STRANGER_CALLS_PER_SECOND;
  return {
    allow: config.allow,
    deny: config.deny,
    trunks: trunkNetworks(config),
    strangerCalls: perSource === 0 ? null : { perSource, all: perSource * SOURCES_AT_ONCE },
    trunksFirst: config.trunks.length > 0 && config.limits.keptForTrunks > 0,
    own,
  };
}

/** Networks that trunks are recognised by: their callers are no strangers, whatever else they have to show. */
export function trunkNetworks({ trunks }: Pick<Config, "trunks">): string[] {
  return trunks.flatMap(({ identity }) => identity.networks ?? []);
}

export function banPolicy(config: Config): BanPolicy {
  const { bans } = config;
  if (bans === null) return NO_BANS;
  const exempt = new Networks([...bans.exempt, ...(bans.trunks ? [] : trunkNetworks(config))]);
  return {
    limits: {
      "wrong-pin": bans.wrongPins,
      "wrong-credentials": bans.wrongCredentials,
      "wrong-token": bans.wrongTokens,
      scanner: bans.scanners,
      malformed: bans.malformed,
    },
    window: bans.windowSeconds * 1000,
    first: bans.seconds * 1000,
    longest: bans.maxSeconds * 1000,
    exempt: (address) => exempt.contains(address),
  };
}
