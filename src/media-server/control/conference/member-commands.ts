import { sendDtmf } from "../apps/basic.ts";
import { atoi } from "../channel/variables.ts";
import type { MemberCommand } from "./commands.ts";
import type { Conference } from "./conference.ts";
import { type Member, clampVolume } from "./member.ts";

const target = "<[member_id|all]|last|non_moderator>";

/** Sets what a member may do, tells the mixer, and fires the event. `quiet` says nothing to the member; nothing is said here anyway. */
function change(field: "speak" | "hear" | "hold", value: boolean, word: string, action: string): MemberCommand["run"] {
  return (member, conference) => {
    member[field] = value;
    conference.update(member);
    conference.fire(action, member);
    return `+OK ${word} ${member.id}\n`;
  };
}

const mute = change("speak", false, "mute", "mute-member");
const unmute = change("speak", true, "unmute", "unmute-member");

/** Video does not exist here: what is asked about it is granted, so that an application written for both goes on. */
function video(word: string): MemberCommand {
  const run: MemberCommand["run"] = (member, conference) => {
    conference.fire(`${word}-member`, member);
    return `+OK ${word} ${member.id}\n`;
  };
  return { usage: `${target} [<quiet>]`, run };
}

/** Ends a member's stay; `quietly` is hup, without a sound, as every exit is here. */
function remove(word: "kick" | "hup", done: string): MemberCommand["run"] {
  return (member, conference) => {
    conference.fire(`${word}-member`, member);
    member.leave();
    return `+OK ${done} ${member.id}\n`;
  };
}

type Level = "volumeIn" | "volumeOut" | "energyLevel" | "agc";

/** Reads or sets a number; `up` and `down` move it by `step`. */
function level(
  field: Level,
  step: number,
  limit: (n: number) => number,
  answer: (member: Member) => string,
  action: string,
  header: string,
): MemberCommand["run"] {
  return (member: Member, conference: Conference, argument: string | undefined) => {
    if (argument !== undefined) {
      const moved = /^up$/i.test(argument) ? member[field] + step : /^down$/i.test(argument) ? member[field] - step : atoi(argument);
      member[field] = limit(moved);
      conference.update(member);
      conference.fire(action, member, { [header]: member[field] });
    }
    return answer(member);
  };
}

const positive = (n: number) => Math.max(0, n);

/** Commands of `conference <name> <command> <member>`. */
export const memberCommands: Readonly<Record<string, MemberCommand>> = {
  mute: { usage: `${target} [<quiet>]`, run: mute },
  unmute: { usage: `${target} [<quiet>]`, run: unmute },
  tmute: {
    usage: `${target} [<quiet>]`,
    run: (member, conference, argument) => (member.speak ? mute : unmute)(member, conference, argument),
  },
  deaf: { usage: target, run: change("hear", false, "deaf", "deaf-member") },
  undeaf: { usage: target, run: change("hear", true, "undeaf", "undeaf-member") },
  hold: { usage: `${target} [file]`, run: change("hold", true, "hold", "hold-member") },
  unhold: { usage: target, run: change("hold", false, "unhold", "unhold-member") },
  vmute: video("vmute"),
  unvmute: video("unvmute"),
  tvmute: video("vmute"),
  "vmute-snap": { usage: target, run: () => "-ERR Conference is not in mixing mode\n" },
  kick: { usage: "<[member_id|all|last|non_moderator]> [<optional sound file>]", run: remove("kick", "kicked") },
  hup: { usage: "<[member_id|all|last|non_moderator]>", run: remove("hup", "hup") },
  dtmf: {
    usage: "<[member_id|all|last|non_moderator]> <digits>",
    run: (member, conference, digits = "") => {
      if (digits === "") return "-ERR Invalid input!\n";
      sendDtmf(member.channel, digits);
      conference.fire("dtmf-member", member, { Digits: digits });
      return `+OK sent ${digits} to ${member.id}\n`;
    },
  },
  energy: {
    usage: "<member_id|all|last|non_moderator> [<newval>]",
    run: level("energyLevel", 200, positive, (m) => `Energy ${m.id} = ${m.energyLevel}\n`, "energy-level-member", "Energy-Level"),
  },
  agc: {
    usage: "<member_id|all|last|non_moderator> [<newval>]",
    run: level("agc", 200, positive, (m) => `Agc ${m.id} = ${m.agc}\n`, "agc-level-member", "Agc-Level"),
  },
  volume_in: {
    usage: "<member_id|all|last|non_moderator> [<newval>]",
    run: level("volumeIn", 1, clampVolume, (m) => `+OK Volume IN ${m.id} = ${m.volumeIn}\n`, "volume-in-member", "Volume-Level"),
  },
  volume_out: {
    usage: "<member_id|all|last|non_moderator> [<newval>]",
    run: level("volumeOut", 1, clampVolume, (m) => `+OK Volume OUT ${m.id} = ${m.volumeOut}\n`, "volume-out-member", "Volume-Level"),
  },
  floor: {
    usage: "<member_id|last>",
    run: (member, conference) => {
      if (conference.floor === member.id) {
        conference.setFloor(undefined);
        return "+OK floor none\n";
      }
      if (conference.floor !== undefined) return `-ERR floor is held by ${conference.floor}\n`;
      conference.setFloor(member.id);
      return `+OK floor ${member.id}\n`;
    },
  },
  "get-uuid": { usage: "<member_id|last>", run: (member) => member.channel.uuid },
};
