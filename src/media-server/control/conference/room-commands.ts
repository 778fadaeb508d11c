import { atoi } from "../channel/variables.ts";
import type { ConferenceApiContext, RoomCommand } from "./commands.ts";
import type { Conference } from "./conference.ts";

function lock(on: boolean): RoomCommand {
  return {
    usage: "",
    run: (conference) => {
      conference.locked = on;
      conference.fire(on ? "lock" : "unlock");
      return `+OK ${conference.name} ${on ? "locked" : "unlocked"}\n`;
    },
  };
}

async function play(conference: Conference, args: readonly string[], { sounds }: ConferenceApiContext): Promise<string | undefined> {
  const words = args.filter((arg) => arg !== "" && !/^(vol|full-screen|png_ms)=/.test(arg) && !/^nomux$/i.test(arg));
  const asynchronous = /^async$/i.test(words.at(-1) ?? "");
  if (asynchronous) words.pop();
  const [file, id] = words;
  if (file === undefined) return undefined;
  const source = sounds.resolve(file, conference.rate);
  if (id === undefined) {
    if (!(await conference.play(file, source, undefined, asynchronous))) return `-ERR (play) File: ${file} not found.\n`;
    conference.fire("play-file", undefined, { File: file, Async: String(asynchronous) });
    return `+OK (play) Playing file ${file}\n`;
  }
  const member = conference.members.get(atoi(id));
  if (!member) return `-ERR Member: ${atoi(id)} not found.\n`;
  if (!(await conference.play(file, source, member, false))) return `-ERR (play) File: ${file} not found.\n`;
  conference.fire("play-file-member", member, { File: file });
  return `+OK (play) Playing file ${file} to member ${member.id}\n`;
}

function stop(conference: Conference, [which = "all", id]: readonly string[]): string | undefined {
  if (!/^(current|all|async|last)$/i.test(which)) return undefined;
  const all = !/^current$/i.test(which);
  if (id === undefined) return `+OK Stopped ${conference.stopPlaying(all)} files.\n`;
  const member = conference.members.get(atoi(id));
  return member ? `+OK Stopped ${conference.stopPlaying(all, member)} files.\n` : `-ERR Member: ${id} not found.\n`;
}

function record(conference: Conference, [file]: readonly string[], { place }: ConferenceApiContext): string | undefined {
  if (file === undefined) return undefined;
  if (conference.recordings.has(file)) return `-ERR file [${file}] is already being used for recording.\n`;
  const path = place(file);
  if (path === undefined) return `-ERR file [${file}] may not be recorded to.\n`;
  conference.record(file, path);
  return `+OK Record file ${file}\n`;
}

function stopRecording(conference: Conference, [file]: readonly string[]): string | undefined {
  if (file === undefined) return undefined;
  const all = /^all$/i.test(file);
  const ending = [...conference.recordings].filter(([path]) => all || path === file);
  for (const [path, job] of ending) {
    job.stop();
    conference.recordings.delete(path);
  }
  const stopped = ending.map(([path]) => `Stopped recording file ${path}\n`).join("");
  const missing = ending.length === 0 && !all ? `-ERR non-existant recording '${file}'\n` : "";
  return `${stopped}${missing}+OK Stopped recording ${ending.length} file${ending.length === 1 ? "" : "s"}\n`;
}

function pauseRecording(paused: boolean) {
  return (conference: Conference, [file]: readonly string[]): string | undefined => {
    if (file === undefined) return undefined;
    const answer = `+OK ${paused ? "Pause" : "Resume"} recording file ${file}\n`;
    const job = conference.recordings.get(file);
    if (!job) return `${answer}-ERR non-existant recording '${file}'\n`;
    job.pause(paused);
    conference.fire(paused ? "pause-recording" : "resume-recording", undefined, {
      Path: file,
      "Other-Recordings": String(conference.recordings.size > 0),
    });
    return answer;
  };
}

function checkRecording(conference: Conference): string {
  if (conference.recordings.size === 0) return "-ERR Conference is not being recorded.\n";
  return [...conference.recordings.keys()].map((path) => `+OK Record file ${path}\n`).join("");
}

function recording(conference: Conference, args: readonly string[], context: ConferenceApiContext): string | undefined {
  const [verb = "", file] = args;
  const target = file === undefined && /^(stop|check)$/i.test(verb) ? ["all"] : args.slice(1);
  switch (verb.toLowerCase()) {
    case "start":
      return record(conference, target, context);
    case "stop":
      return stopRecording(conference, target);
    case "check":
      return checkRecording(conference);
    case "pause":
      return pauseRecording(true)(conference, target);
    case "resume":
      return pauseRecording(false)(conference, target);
    default:
      return file === undefined ? record(conference, args, context) : undefined;
  }
}

function transfer(conference: Conference, [name, ...ids]: readonly string[]): string | undefined {
  if (name === undefined || ids.length === 0) return undefined;
  let text = "";
  for (const id of ids) {
    const member = conference.members.get(atoi(id));
    if (!member) {
      text += `-ERR No Member ${id} in conference ${conference.name}.\n`;
      continue;
    }
    const { channel } = member;
    conference.fire("transfer", member, { "Old-Conference-Name": conference.name, "New-Conference-Name": name });
    channel.variables.set("last_transfered_conference", name);
    channel.executor.break(true);
    channel.endsWithApplication = true;
    channel.executor.run({ app: "conference", arg: name.includes("@") ? name : `${name}@default` });
    text += `+OK Member '${member.id}' sent to conference ${name}.\n`;
  }
  return text;
}

/** What `get` and `set` know. */
function get(conference: Conference, [name = ""]: readonly string[]): string | undefined {
  switch (name.toLowerCase()) {
    case "run_time":
      return String(Math.floor((conference.core.clock.now() - conference.startedAt) / 1000));
    case "count":
      return String(conference.count);
    case "count_ghosts":
      return String(conference.ghosts);
    case "max_members":
      return String(conference.maxMembers);
    case "rate":
      return String(conference.rate);
    case "profile_name":
      return conference.profile;
    case "sound_prefix":
      return conference.soundPrefix;
    case "caller_id_name":
      return conference.callerIdName;
    case "caller_id_number":
      return conference.callerIdNumber;
    case "is_locked":
      return conference.locked ? "locked" : "";
    case "endconference_grace_time":
      return String(conference.endGraceSeconds);
    case "uuid":
      return conference.uuid;
    case "wait_mod":
      return conference.waitingForModerator ? "true" : "";
    default:
      return undefined;
  }
}

/** Sets a parameter; answers the old value. */
function set(conference: Conference, [name = "", value]: readonly string[]): string | undefined {
  if (value === undefined || value === "") return undefined;
  const number = atoi(value);
  const old = get(conference, [name]);
  switch (name.toLowerCase()) {
    case "max_members":
      if (number < 0) return undefined;
      conference.maxMembers = number;
      return old;
    case "endconference_grace_time":
      if (number < 0) return undefined;
      conference.endGraceSeconds = number;
      return old;
    case "sound_prefix":
      conference.soundPrefix = value;
      return old;
    case "caller_id_name":
      conference.callerIdName = value;
      return old;
    case "caller_id_number":
      conference.callerIdNumber = value;
      return old;
    default:
      return undefined;
  }
}

function moh(conference: Conference, [what = ""]: readonly string[]): string {
  if (!/^(on|off|toggle)$/i.test(what)) return "-ERR invalid moh param\n";
  conference.setMusic(/^on$/i.test(what) || (/^toggle$/i.test(what) && conference.musicOff));
  return "+OK moh\n";
}

/** drachtio's FreeSWITCH tags members; without tags everybody is one that does not match. */
function gettag(conference: Conference, [tag = "", match]: readonly string[]): string {
  const matching = !/^nomatch$/i.test(match ?? "");
  const ids = [...conference.members.values()]
    .filter((m) => (m.channel.variables.get("conference_tag") === tag) === matching)
    .map((m) => m.id);
  return ids.join(",");
}

/** Commands of `conference <name> <command>`. */
export const roomCommands: Readonly<Record<string, RoomCommand>> = {
  lock: lock(true),
  unlock: lock(false),
  play: { usage: "<file_path> [async|<member_id> [nomux]]", run: play },
  stop: { usage: "<[current|all|async|last]> [<member_id>]", run: stop },
  play_status: {
    usage: "[<member_id>]",
    run: (conference) => (conference.playing === undefined ? "-ERR Nothing is playing\n" : `+OK 0/0 ${conference.playing}\n`),
  },
  moh: { usage: "<file_path>|toggle|[on|off]", run: moh },
  record: { usage: "<filename>", run: record },
  norecord: { usage: "<[filename|all]>", run: stopRecording },
  chkrecord: { usage: "<confname>", run: checkRecording },
  pause: { usage: "<filename>", run: pauseRecording(true) },
  resume: { usage: "<filename>", run: pauseRecording(false) },
  recording: { usage: "[start|stop|check|pause|resume] [<filename>|all]", run: recording },
  transfer: { usage: "<conference_name> <member id> [...<member id>]", run: transfer },
  get: { usage: "<parameter-name>", run: get },
  set: { usage: "<max_members|sound_prefix|caller_id_name|caller_id_number|endconference_grace_time> <value>", run: set },
  getvar: { usage: "<varname>", run: (conference, [name = ""]) => conference.variables.get(name) ?? "" },
  setvar: {
    usage: "<varname> <value>",
    run: (conference, [name, ...value]) => {
      if (name === undefined) return undefined;
      conference.variables.set(name, value.join(" "));
      return "+OK\n";
    },
  },
  pin: { usage: "<pin#>", run: () => "-ERR the pin is given when the conference is created\n" },
  gettag: { usage: "<tag> [nomatch]", run: gettag },
  say: { usage: "<text>", run: () => "-ERR (say) Error!\n" },
  saymember: { usage: "<member_id> <text>", run: () => "-ERR (saymember) Error!\n" },
};
