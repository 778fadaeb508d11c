import type { Meeting } from "../../../src/meetings/model.ts";
import type { NewParticipant } from "../../../src/meetings/room.ts";

export function meeting(changes: Partial<Meeting> = {}): Meeting {
  return {
    id: "1000",
    name: "Open",
    aliases: [],
    language: "en",
    guestPin: null,
    hostPin: null,
    lobby: false,
    waitForHost: false,
    endWithHost: false,
    endToEndEncrypted: false,
    locked: false,
    maxParticipants: 0,
    muteOnJoin: false,
    announcements: "tone",
    tenant: null,
    ...changes,
  };
}

export function newcomer(id: string, changes: Partial<NewParticipant> = {}): NewParticipant {
  return { id, callId: `call-${id}`, displayName: id, address: `sip:${id}@example.com`, protocol: "sip", trust: "unverified", ...changes };
}
