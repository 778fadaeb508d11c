import type { Conference } from "./conference.ts";

/** `list [delim <string>] | [count] | [summary] | [pretty]`. */
interface ListOptions {
  readonly delimiter: string;
  readonly pretty: boolean;
  readonly summary: boolean;
  readonly count: boolean;
}

function optionsOf(args: readonly string[]): ListOptions {
  const has = (word: string) => args.some((arg) => arg.toLowerCase() === word);
  const delim = args.findIndex((arg) => arg.toLowerCase() === "delim");
  return { delimiter: delim === -1 ? ";" : (args[delim + 1] ?? ";"), pretty: has("pretty"), summary: has("summary"), count: has("count") };
}

/** Members of one conference, one a line (conference_list). */
export function list(conference: Conference, args: readonly string[]): string {
  const options = optionsOf(args);
  if (options.count) return `${conference.count}`;
  return members(conference, options);
}

/** Every conference, with its members unless `summary` is asked for. */
export function listAll(conferences: Iterable<Conference>, args: readonly string[]): string {
  const options = optionsOf(args);
  let text = "";
  for (const conference of conferences) {
    const { count } = conference;
    const flags = [
      conference.locked && "locked",
      conference.waitingForModerator && "wait_mod",
      "running",
      "answered",
      "dynamic",
      conference.recordings.size > 0 && "recording",
    ].filter((flag) => flag !== false);
    text += `+OK Conference ${conference.name} (${count} member${count === 1 ? "" : "s"} rate: ${conference.rate}${conference.locked ? " locked" : ""} flags: ${flags.join("|")})\n`;
    if (!options.summary) text += members(conference, options);
  }
  return text === "" ? "+OK No active conferences.\n" : text;
}

function members(conference: Conference, { delimiter, pretty }: ListOptions): string {
  let text = "";
  for (const member of conference.members.values()) {
    const { name, number } = member.channel.caller;
    if (pretty) {
      text += `${member.id}) ${name} (${number})\n`;
      continue;
    }
    const flags = [
      !member.hold && member.hear && "hear",
      !member.hold && member.speak && "speak",
      !member.hold && member.talking && "talking",
      member.hold && "hold",
      member.id === conference.floor && "floor",
      member.moderator && "moderator",
      member.ghost && "ghost",
    ].filter((flag) => flag !== false);
    const fields = [
      member.id,
      member.channel.name,
      member.channel.uuid,
      name,
      number,
      flags.join("|"),
      member.volumeIn,
      member.volumeOut,
      member.energyLevel,
    ];
    text += `${fields.join(delimiter)}\n`;
  }
  return text;
}
