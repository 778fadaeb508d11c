import type { Logger } from "pino";
import type { GatewayEvent } from "../admin/ports.ts";
import type { MemoryDirectory } from "../meetings/directory.ts";
import type { PinLockout } from "../meetings/pin-lockout.ts";
import type { TrunkRecognition, TrunkSetup } from "../trunks/recognition.ts";
import type { Registrar } from "../trunks/registrar.ts";
import type { Control } from "./admin-control.ts";
import type { H323Gateway } from "./h323/incoming.ts";
import type { LiveMeetings } from "./meeting/active-meetings.ts";
import { compareTrunks, configuredMeetings } from "./meeting/define-meeting.ts";
import type { GatewayConfig, ReloadReport } from "./options.ts";
import type { Settings } from "./settings.ts";
import type { TrunkProbe } from "./sip/options-ping.ts";
import type { Registrations } from "./sip/trunk-registrations.ts";

/** Everything that has a part of the configuration of its own. */
export interface ReloadParts {
  readonly settings: Settings & { config: GatewayConfig };
  readonly log: Logger;
  readonly recognition: TrunkRecognition;
  readonly directory: MemoryDirectory;
  readonly lockout: PinLockout;
  readonly meetings: LiveMeetings;
  readonly control: Control;
  readonly probe: TrunkProbe;
  readonly registrar: Registrar;
  readonly registrations: Registrations;
  readonly h323: H323Gateway;
  emit(event: GatewayEvent): void;
}

/** By what callers are recognised. */
export function trunkSetup({ trunks, defaultTrunk, roots, commonRoots, identityChecks }: GatewayConfig): TrunkSetup {
  return {
    trunks,
    defaultTrunk,
    ...(roots ? { roots } : {}),
    ...(commonRoots ? { commonRoots } : {}),
    ...(identityChecks ? { identityChecks } : {}),
  };
}

/** Meetings, trunks and timings anew; calls that are up go on. Rejects, and has changed nothing, where the configuration cannot be. */
export async function reload(parts: ReloadParts, next: GatewayConfig): Promise<ReloadReport> {
  const { settings, log, recognition, directory, lockout, meetings, control, probe, registrar, registrations, h323 } = parts;
  const definitions = await configuredMeetings(next, directory);
  const trunks = compareTrunks(settings.config.trunks, next.trunks);
  recognition.replace(trunkSetup(next));
  const { added, changed, removed } = directory.replaceConfiguration(definitions);
  settings.config = next;
  for (const id of changed) {
    lockout.clear(id);
    const meeting = directory.get(id);
    if (meeting) meetings.update(meeting);
  }
  for (const id of removed) parts.emit({ type: "meeting-deleted", meetingId: id });
  for (const id of added) parts.emit({ type: "meeting", meeting: control.meeting(id)! });
  probe.start();
  registrar.keep(new Set(next.trunks.filter(({ identity }) => identity.registration).map(({ name }) => name)));
  registrations.start();
  h323
    .reload()
    .catch((error: unknown) => log.error({ event: "h323-reload-failed", err: error }, "H.323 does not register as it should now"));
  const report = { meetings: { added: added.length, changed: changed.length, removed: removed.length }, trunks };
  log.info({ event: "reloaded", ...report }, "the configuration was reloaded");
  return report;
}
