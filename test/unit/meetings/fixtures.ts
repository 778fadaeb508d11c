import { defaultMeeting, type Meeting } from "../../../src/meetings/model.ts";
import type { NewParticipant } from "../../../src/meetings/room.ts";

export function meeting(changes: Partial<Meeting> = {}): Meeting {
  return { ...defaultMeeting("1000", "en"), name: "Open", ...changes };
}

export function newcomer(id: string, changes: Partial<NewParticipant> = {}): NewParticipant {
  return { id, callId: `call-${id}`, displayName: id, address: `sip:${id}@example.com`, protocol: "sip", trust: "unverified", ...changes };
}
