import { words } from "../channel/variables.ts";
import type { Conference } from "./conference.ts";
import type { ConferenceApiContext, MemberCommand } from "./commands.ts";
import { list, listAll } from "./list.ts";
import type { Member } from "./member.ts";
import { memberCommands } from "./member-commands.ts";
import { roomCommands } from "./room-commands.ts";

/** `api conference …`: the answer, in FreeSWITCH's words (conference_api.c). */
export async function conferenceApi(text: string, context: ConferenceApiContext): Promise<string> {
  const args = words(text);
  const [name, commandName = "", ...rest] = args;
  if (name === undefined || name === "") return usageOfAll();
  const conference = context.conferences.find(name);
  if (!conference) {
    if (/^list$/i.test(name)) return listAll(context.conferences.all, args.slice(1));
    if (/^count$/i.test(name)) return `${context.conferences.size}`;
    if (/^(help|commands)$/i.test(name)) return usageOfAll();
    return `-ERR Conference ${name} not found\n`;
  }
  if (commandName === "") return "Conference command, not specified.\nTry 'help'\n";
  const command = commandName.toLowerCase();
  if (command === "list") return list(conference, rest);
  if (command === "count") return `${conference.count}`;
  if (command === "agc" && /^(on|off)$/i.test(rest[0] ?? "")) return switchAgc(conference, /^on$/i.test(rest[0] ?? ""));
  const forRoom = roomCommands[command];
  if (forRoom) return (await forRoom.run(conference, rest, context, afterWord(text, commandName))) ?? `${command} ${forRoom.usage}`;
  const forMember = memberCommands[command];
  if (forMember) return targetMembers(conference, command, forMember, rest);
  return `-ERR Conference command '${commandName}' not found.\n`;
}

function targetMembers(conference: Conference, name: string, command: MemberCommand, args: readonly string[]): string {
  const [target = "", argument] = args;
  const members = [...conference.members.values()];
  if (/^(all|non_moderator)$/i.test(target)) {
    const chosen = members.filter((member) => /^all$/i.test(target) || !member.moderator);
    return chosen.map((member) => command.run(member, conference, argument)).join("");
  }
  if (/^last$/i.test(target)) {
    const last = members.reduce<Member | undefined>((best, member) => (best && best.id > member.id ? best : member), undefined);
    return last ? command.run(last, conference, argument) : "";
  }
  const id = Number.parseInt(target, 10);
  if (id > 0) {
    const member = conference.members.get(id);
    return member ? command.run(member, conference, argument) : `-ERR Non-Existant ID ${id}\n`;
  }
  const pair = /^([^=]+)=(.*)$/.exec(target);
  if (pair) {
    const member = members.find((m) => m.channel.variables.get(pair[1] ?? "") === pair[2]);
    return member ? command.run(member, conference, argument) : "-ERR Non-Existant member\n";
  }
  return `${name} ${command.usage}`;
}

// FreeSWITCH 1.11 knows only levels for members and answers this with its usage; drachtio-fsmrf still asks for it, and here it does what it says.
function switchAgc(conference: Conference, on: boolean): string {
  conference.setAgc(on);
  return `+OK agc ${on ? "on" : "off"}\n`;
}

function usageOfAll(): string {
  const lines = Object.entries({ ...roomCommands, ...memberCommands }).map(([name, { usage }]) => `<conf name> ${name} ${usage}\n`);
  return `<conf name> list [delim <string>]|[count]\n<conf name> count \n${lines.join("")}`;
}

/** The text after the first occurrence of a word, trimmed on the left. */
function afterWord(text: string, word: string): string {
  const at = text.indexOf(word, text.indexOf(" "));
  return at === -1 ? "" : text.slice(at + word.length).trimStart();
}
