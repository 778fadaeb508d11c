import { AdminError, type MeetingInput } from "../../admin/ports.ts";
import { defaultMeeting, type Language, type Meeting, type PinHash } from "../../meetings/model.ts";
import { checkPin, hashPin, isPin, isPinHash, samePin } from "../../meetings/pin.ts";
import type { MemoryDirectory } from "../../meetings/directory.ts";
import type { Trunk } from "../../trunks/model.ts";
import type { GatewayConfig } from "../options.ts";

const IDENTIFIER = /^[A-Za-z0-9._-]{1,64}$/;

/**
 * A meeting from what somebody wrote, over `before` where it changes one. PINs are hashed; a PIN that is the same as before keeps its hash. Throws AdminError
 * for what cannot be; no message has a PIN in it.
 */
export async function defineMeeting(
  input: MeetingInput & { readonly id: string },
  before: Meeting | undefined,
  language: Language,
): Promise<Meeting> {
  const { guestPin, hostPin, ...rest } = input;
  if (!IDENTIFIER.test(input.id))
    throw new AdminError(400, "bad-identifier", "an identifier is 1 to 64 letters, digits, dots, dashes and underscores");
  const base = before ?? defaultMeeting(input.id, language);
  const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
  await refuseSamePins(input, base);
  const [guest, host] = await Promise.all([keptOrHashed(guestPin, base.guestPin), keptOrHashed(hostPin, base.hostPin)]);
  return { ...base, ...given, guestPin: guest, hostPin: host };
}

/** Throws AdminError where a PIN that is given would be both the guests' and the hosts', with the other one given too or as it was `before`. */
export async function refuseSamePins(
  { guestPin, hostPin }: Pick<MeetingInput, "guestPin" | "hostPin">,
  before: { readonly guestPin?: string | null | undefined; readonly hostPin?: string | null | undefined } = {},
): Promise<void> {
  if (guestPin === undefined && hostPin === undefined) return;
  const guest = guestPin === undefined ? before.guestPin : guestPin;
  const host = hostPin === undefined ? before.hostPin : hostPin;
  if (guest && host && (await samePin(guest, host))) throw new AdminError(400, "same-pins", "guest PIN and host PIN must differ");
}

async function keptOrHashed(given: string | null | undefined, before: PinHash | null): Promise<PinHash | null> {
  if (given === undefined) return before;
  if (given === null) return null;
  if (isPinHash(given)) return given;
  if (!isPin(given)) throw new AdminError(400, "bad-pin", "a PIN is 1 to 32 digits");
  return before !== null && (await checkPin(given, before)) ? before : hashPin(given);
}

/** The meetings of a configuration. Only a PIN's hash is taken over from before: what the file does not say any more is as if it had never said it. */
export function configuredMeetings(
  { meetings, language }: Pick<GatewayConfig, "meetings" | "language">,
  known: Pick<MemoryDirectory, "get">,
): Promise<Meeting[]> {
  return Promise.all(
    meetings.map((definition) => {
      const before = known.get(definition.id);
      return defineMeeting(
        { guestPin: null, hostPin: null, ...definition },
        before && { ...defaultMeeting(before.id, language), guestPin: before.guestPin, hostPin: before.hostPin },
        language,
      );
    }),
  );
}

/** How many of `next` are new, differ or are missing, by name. */
export function compareTrunks(before: readonly Trunk[], next: readonly Trunk[]): { added: number; changed: number; removed: number } {
  const old = new Map(before.map((trunk) => [trunk.name, JSON.stringify(trunk)]));
  const names = new Set(next.map(({ name }) => name));
  return {
    added: next.filter(({ name }) => !old.has(name)).length,
    changed: next.filter((trunk) => old.has(trunk.name) && old.get(trunk.name) !== JSON.stringify(trunk)).length,
    removed: before.filter(({ name }) => !names.has(name)).length,
  };
}
