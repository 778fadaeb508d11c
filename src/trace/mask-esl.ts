/**
 * Commands and events of the event socket as a trace shows them. Of commands those arguments are shown that are identifiers or words of the protocol; of events the
 * fields listed here, since a channel's have the SDP with its keys and every field of the caller's INVITE among them.
 */
import { maskText } from "../base/pin-mask.ts";
import { MASKED, maskedBytes, printable } from "./printable.ts";
import { maskSdp } from "./mask-sdp.ts";
import type { MessageText } from "./types.ts";

/** Commands of the socket itself whose arguments are shown. */
const PLAIN_COMMANDS = new Set([
  "connect",
  "event",
  "filter",
  "linger",
  "nolinger",
  "myevents",
  "noevents",
  "divert_events",
  "nolog",
  "exit",
  "resume",
  "getvar",
]);
/** API commands whose arguments are identifiers and words. */
const PLAIN_API = new Set(
  (
    "uuid_offer_media uuid_release_media uuid_break uuid_dump uuid_set_media_stats uuid_kill uuid_exists uuid_answer uuid_park uuid_hold uuid_debug_media " +
    "global_getvar module_exists sofia status version uptime strftime"
  ).split(" "),
);
const CONFERENCE_ACTIONS = new Set(
  "list json_list xml_list count get mute unmute tmute deaf undeaf kick hup lock unlock energy volume_in volume_out stop exit_sound relate floor vid-floor".split(
    " ",
  ),
);
const PLAYING = new Set(["playback", "endless_playback", "record", "displace_session", "loop_playback"]);
/** Words of prompts that spell a digit, in the languages that prompts are in. */
const NUMBER_WORDS = new Set(
  "zero one two three four five six seven eight nine star hash pound null eins zwei zwo drei vier fünf fuenf sechs sieben acht neun stern raute oh".split(
    " ",
  ),
);
const EVENT_FIELDS = [
  "Content-Type",
  "Reply-Text",
  "Event-Name",
  "Event-Subclass",
  "Unique-ID",
  "Job-UUID",
  "Application-UUID",
  "Application",
  "Application-Response",
  "Channel-State",
  "Channel-Call-State",
  "Answer-State",
  "Hangup-Cause",
  "Conference-Name",
  "Conference-Unique-ID",
  "Conference-Size",
  "Member-ID",
  "Member-Type",
  "Action",
  "Talking",
  "Floor",
  "Content-Disposition",
] as const;

/** `headers` are the lines that follow the command. */
export function maskCommand(command: string, headers: Readonly<Record<string, string>> | undefined): MessageText {
  const first = maskCommandLine(command);
  const fields = Object.entries(headers ?? {}).map(([name, value]) => `${printable(name, 64)}: ${maskCommandField(name, value, headers!)}`);
  const application = headers?.["execute-app-name"];
  const summary = application === undefined ? first : `execute ${word(application)}`;
  return { summary: printable(summary, 80), head: [first, ...fields].join("\n"), body: null };
}

function maskCommandLine(line: string): string {
  const [verb = "", ...rest] = line.trim().split(" ");
  const name = verb.toLowerCase();
  if (PLAIN_COMMANDS.has(name)) return printable([name, ...rest].join(" "), 256);
  if (name === "sendmsg") return `sendmsg ${identifier(rest[0] ?? "")}`.trim();
  if (name !== "api" && name !== "bgapi") return word(name) === MASKED ? MASKED : `${name}${rest.length === 0 ? "" : ` ${MASKED}`}`;
  const [command = "", ...args] = rest;
  return `${name} ${maskApi(command.toLowerCase(), args)}`;
}

function maskApi(command: string, args: readonly string[]): string {
  if (PLAIN_API.has(command)) return printable([command, ...args].join(" "), 256);
  if (command === "conference") {
    const [conference = "", action = "", ...rest] = args;
    const shown = CONFERENCE_ACTIONS.has(action) ? [action, ...rest] : action === "play" ? [action, ...rest.map(maskFile)] : [MASKED];
    return printable(["conference", word(conference), ...shown].join(" "), 256);
  }
  if (word(command) === MASKED) return MASKED;
  return [command, ...args.slice(0, 1).map(identifier), ...(args.length > 1 ? [MASKED] : [])].join(" ");
}

function maskCommandField(name: string, value: string, headers: Readonly<Record<string, string>>): string {
  switch (name.toLowerCase()) {
    case "call-command":
    case "execute-app-name":
      return word(value);
    case "event-uuid":
    case "event-lock":
    case "async":
      return identifier(value);
    case "execute-app-arg":
      return maskArgument(headers["execute-app-name"] ?? "", value);
    default:
      return maskedBytes(value.length);
  }
}

function maskArgument(application: string, value: string): string {
  if (PLAYING.has(application))
    return printable(
      value
        .split("!")
        .map((files) => files.split(" ").map(maskFile).join(" "))
        .join("!"),
      512,
    );
  if (application === "set") {
    const equals = value.indexOf("=");
    return equals < 0 ? maskedBytes(value.length) : `${word(value.slice(0, equals))}=${MASKED}`;
  }
  // NAME@PROFILE+PIN+flags{...}
  if (application === "conference") {
    const plus = value.indexOf("+");
    return plus < 0 ? printable(maskText(value), 128) : `${printable(maskText(value.slice(0, plus)), 128)}+${MASKED}`;
  }
  return value === "" ? "" : maskedBytes(value.length);
}

/** A file's own name, where it is a prompt's of words. Prompts of digits and numbers read somebody's number or PIN out. */
function maskFile(path: string): string {
  if (path === "") return "";
  const name = path.slice(path.lastIndexOf("/") + 1);
  const dot = name.lastIndexOf(".");
  const stem = (dot < 0 ? name : name.slice(0, dot)).toLowerCase();
  const words = stem.split(/[-_]/);
  const spoken = words.every((one) => /^[a-z]{2,24}$/.test(one) && !NUMBER_WORDS.has(one));
  return spoken && /^\.[a-z0-9]{2,4}$/.test(dot < 0 ? ".wav" : name.slice(dot)) ? name : MASKED;
}

/** A UUID or a number. */
function identifier(text: string): string {
  return /^[0-9a-fA-F-]{36}$/.test(text) || /^(?:true|false|all)$/.test(text) ? text : text === "" ? "" : MASKED;
}

/** A word of the protocol, a meeting's name. */
function word(text: string): string {
  return /^[A-Za-z0-9_.@-]{1,64}$/.test(text) ? text : MASKED;
}

/** What an event or a reply says: its fields by name, and its body. */
export function maskEvent(field: (name: string) => string | undefined, body: string | undefined): MessageText {
  const lines: string[] = [];
  for (const name of EVENT_FIELDS) {
    const value = field(name);
    if (typeof value === "string" && value !== "")
      lines.push(`${name}: ${printable(name === "Reply-Text" ? maskReply(value.trim()) : maskText(value), 128)}`);
  }
  if (field("DTMF-Digit") !== undefined) lines.push(`DTMF-Digit: ${MASKED}`);
  const type = field("Content-Type");
  const name = field("Event-Name") ?? (type === "api/response" ? "reply" : type === "command/reply" ? "command reply" : (type ?? "event"));
  const detail = field("Application") ?? field("Action");
  const summary = printable(`${word(name) === MASKED ? name.slice(0, 40) : name}${detail === undefined ? "" : ` ${word(detail)}`}`, 80);
  return { summary, head: lines.join("\n"), body: body === undefined || body === "" ? null : maskReplyBody(body) };
}

/** `+OK` and what names a job; `-ERR` and why. */
function maskReply(text: string): string {
  return text.startsWith("+OK") || text.startsWith("-ERR") ? maskText(text) : MASKED;
}

function maskReplyBody(body: string): string {
  if (body.startsWith("v=0")) return maskSdp(body);
  const line = body.trim();
  if ((line.startsWith("+OK") || line.startsWith("-ERR")) && line.length <= 128) return printable(maskReply(line));
  return maskedBytes(body.length);
}
