import type { Sounds } from "../channel/sounds.ts";
import type { Conference } from "./conference.ts";
import type { Conferences } from "./conferences.ts";
import type { Member } from "./member.ts";

/** What the commands need from around them. */
export interface ConferenceApiContext {
  readonly conferences: Conferences;
  readonly sounds: Sounds;
  /** Makes an absolute path of a recording's name. */
  readonly place: (path: string) => string | undefined;
}

/** A command for the whole conference: its arguments after its name; undefined means wrong arguments, the usage is answered. */
export interface RoomCommand {
  readonly usage: string;
  run(
    conference: Conference,
    args: readonly string[],
    context: ConferenceApiContext,
    text: string,
  ): Promise<string | undefined> | string | undefined;
}

/** A command for members: `<member_id|all|last|non_moderator> [argument]`. */
export interface MemberCommand {
  readonly usage: string;
  run(member: Member, conference: Conference, argument: string | undefined): string;
}
