import type { Config } from "../app/config/config.ts";
import { maskDialled } from "../base/pin-mask.ts";
import { dialTarget } from "../gateway/sip/dial-targets.ts";
import type { MeetingDefinition } from "../gateway/options.ts";
import { parseDialString } from "../meetings/dial-string.ts";
import { firstMeeting, MemoryDirectory } from "../meetings/directory.ts";
import { defaultMeeting } from "../meetings/model.ts";
import { AccessNumbers } from "../trunks/access-numbers.ts";
import type { Trunk } from "../trunks/model.ts";
import { outward } from "../trunks/numbering.ts";

/** What would happen to a number, one way. */
export interface Route {
  /** In words, one after the other; no digits of a PIN. */
  readonly steps: readonly string[];
  /** Whether it leads anywhere. */
  readonly leads: boolean;
}

/** Whether some of it is masked wherever it is shown, and not because a PIN was dialled as PINs are. */
const hidesPin = (dialled: string): boolean => maskDialled(dialled) !== dialled;

/** A caller of the trunk dials the number; the trunk of unknown callers where `trunk` is null. */
export async function routeIn(config: Config, dialled: string, trunk: Trunk | null): Promise<Route> {
  const caller = trunk ?? config.unknownCallers;
  if (!caller)
    return { leads: false, steps: ["a caller whom no trunk recognises: unknownCallers is off, refused with 403 (trunk-unknown)"] };
  const steps = [trunk ? `a call by trunk ${trunk.name}, ${trunk.trust}` : `a caller whom no trunk recognises, ${caller.trust}`];
  const { number, pin, shown } = parseDialString(dialled);
  if (pin === null && hidesPin(dialled)) {
    const words = `what stands behind ${shown} may be a PIN: it is not read further; a PIN stands behind ** or ##, a number is written without separators`;
    return { leads: false, steps: [...steps, words, `no meeting has ${shown}: 404 (no-such-meeting)`] };
  }
  if (pin !== null) steps.push(`a PIN stands behind the number ${number}: it is not shown, and asked for again only where it is wrong`);
  const { access, asks, meetings, steps: conversion } = new AccessNumbers(config).locate(number, caller);
  steps.push(...conversion);
  if (access) {
    const words = [access.cost === "unknown" ? null : access.cost, access.language && `prompts in ${access.language}`].filter(Boolean);
    steps.push(`${access.number} is one of numbers${words.length > 0 ? ` (${words.join(", ")})` : ""}`);
  }
  if (asks) return { leads: true, steps: [...steps, "it asks for the meeting's number, then for its PIN where it has one"] };
  const meeting = await meetingOf(config, meetings, caller.tenant);
  if (!meeting) {
    const whose = caller.tenant === null ? "" : ` of tenant ${caller.tenant}`;
    return {
      leads: false,
      steps: [
        ...steps,
        `no meeting${whose} in the configuration has ${maskDialled(access?.meeting ?? number)}: 404 (no-such-meeting), unless the API has made one`,
      ],
    };
  }
  const { leads, steps: further } = entry(meeting, caller, { pinDialled: pin !== null, language: access?.language ?? meeting.language });
  return { leads, steps: [...steps, `meeting ${meeting.id}`, ...further] };
}

async function meetingOf(config: Config, numbers: readonly string[], tenant: string | null): Promise<MeetingDefinition | undefined> {
  const directory = new MemoryDirectory();
  for (const { id, aliases = [], tenant: owner = null } of config.meetings)
    directory.put({ ...defaultMeeting(id, config.language), aliases, tenant: owner }, "configuration");
  const found = await firstMeeting(directory, numbers, tenant);
  return found && config.meetings.find(({ id }) => id === found.id);
}

/** From the meeting on: what it refuses, and what it asks. */
function entry(
  meeting: MeetingDefinition,
  caller: Trunk,
  { pinDialled, language }: { readonly pinDialled: boolean; readonly language: string | undefined },
): Route {
  if (meeting.endToEndEncrypted) return { leads: false, steps: ["it is end-to-end encrypted: 488 (end-to-end-encrypted)"] };
  const pins = [meeting.guestPin && "guests", meeting.hostPin && "hosts"].filter(Boolean);
  const steps: string[] = [];
  if (meeting.locked) steps.push("it is locked: 603 (meeting-locked), but for a host who has dialled the PIN");
  if (pins.length > 0 && !pinDialled) steps.push(`it asks for a PIN: there is one for ${pins.join(" and one for ")}`);
  if (meeting.lobby && caller.trust === "unverified") steps.push("the caller waits in the lobby until a host admits them");
  if (meeting.waitForHost) steps.push("guests wait until a host is there");
  return { leads: true, steps: [...steps, `the caller joins, prompts in ${language}`] };
}

/** `POST /calls` with `tel:` and the number, by the trunk named or the first that takes it. */
export function routeOut(config: Config, dialled: string, trunk: Trunk | null): Route {
  const { number, shown } = parseDialString(dialled);
  if (hidesPin(dialled)) return { leads: false, steps: [`what stands behind ${shown} may be a PIN: it is not called`] };
  const found = dialTarget(`tel:${number}`, trunk ? [trunk] : config.trunks, null, true);
  if (!found) {
    const why = trunk ? `trunk ${trunk.name} has no target` : "no trunk has a target";
    return { leads: false, steps: [`${why}, or ${maskDialled(number)} is no telephone number: 400 (no-route)`] };
  }
  const { trunk: by, target } = found;
  const steps = [`by trunk ${by.name}${trunk ? "" : ", the first with a target"}`, ...outward(number, by.dialling).steps];
  steps.push(`INVITE ${maskDialled(target.uri)}`, `to ${target.host} over ${target.transport}, SRTP ${by.srtp}`);
  if (by.maxCalls > 0) steps.push(`at most ${by.maxCalls} calls at a time: 503 (trunk-limit) beyond`);
  return { leads: true, steps };
}
