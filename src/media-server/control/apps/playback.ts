import type { PlayResult } from "../../messages.ts";
import { type Channel, rateOf } from "../channel/channel.ts";
import { fileType, type Sounds } from "../channel/sounds.ts";
import { words } from "../channel/variables.ts";
import { DigitCollector, matchesAll } from "./collect.ts";
import type { Application, ApplicationContext } from "./types.ts";

/** How a playback was ended, besides by itself. */
interface PlayOptions {
  readonly seek?: number;
  /** Called for each digit; true ends the playback and the digit is taken. */
  readonly onDigit?: (digit: string) => boolean;
}

/** The applications that play. `sounds` finds files. */
export function playApplications(sounds: Sounds): Readonly<Record<string, Application>> {
  const play = (context: ApplicationContext, files: string, options: PlayOptions = {}) => playFiles(context, sounds, files, options);

  const playback: Application = {
    long: true,
    async run(context) {
      const { channel, arg } = context;
      const { file, seek } = splitSeek(arg);
      channel.variables.set("playback_terminator_used", undefined);
      const result = await play(context, file, { seek, onDigit: (digit) => isTerminator(channel, digit) });
      if (result.reason === "not-found") return "FILE NOT FOUND";
      return result.reason === "timeout" || result.reason === "error" ? "PLAYBACK ERROR" : "FILE PLAYED";
    },
  };

  const endless: Application = {
    long: true,
    async run(context) {
      let on = true;
      context.onBreak(() => {
        on = false;
      });
      while (on) {
        const { reason } = await play(context, context.arg);
        if (reason !== "done") return reason === "not-found" ? "FILE NOT FOUND" : "FILE PLAYED";
      }
      return "FILE PLAYED";
    },
  };

  const loop: Application = {
    long: true,
    async run(context) {
      // `+3 file`: how often, then what.
      const head = /^\+(-?\d+)\s/.exec(context.arg);
      const rounds = head ? Number(head[1]) : 1;
      const file = head ? context.arg.slice(head[0].length).trimStart() : context.arg;
      for (let i = 0; rounds < 0 || i < rounds; i++) {
        const { reason } = await play(context, file);
        if (reason !== "done") return reason === "not-found" ? "FILE NOT FOUND" : "FILE PLAYED";
      }
      return "FILE PLAYED";
    },
  };

  const gentones: Application = {
    long: true,
    async run(context) {
      const [script = "", loops] = context.arg.split("|");
      await play(context, `tone_stream://${script}${loops ? `;loops=${loops}` : ""}`);
      return undefined;
    },
  };

  const say: Application = {
    long: true,
    async run(context) {
      // <language> <type> <method> [<gender>] <text>
      const [language = "en", type = "", method = "", ...rest] = words(context.arg);
      if (/^(feminine|masculine|neuter)$/i.test(rest[0] ?? "") && rest.length > 1) rest.shift();
      const files = sounds.say(language, type, method, rest.join(" "));
      for (const file of files) {
        const { reason } = await play(context, file);
        if (reason === "stopped") break;
      }
      return undefined;
    },
  };

  return {
    playback,
    endless_playback: endless,
    loop_playback: loop,
    gentones,
    say,
    speak: { run: ({ channel }) => noSpeech(channel) },
    play_and_get_digits: collectApplication(play),
    read: readApplication(play),
  };
}

function noSpeech(channel: Channel): string {
  channel.core.log("warn", "speak: there is no speech synthesis here", { uuid: channel.uuid });
  return "-ERR no speech engine";
}

/** `file@@samples` starts so far into the file. */
function splitSeek(arg: string): { file: string; seek: number } {
  const match = /^(.*)@@(\d+)$/s.exec(arg);
  return match ? { file: match[1] ?? "", seek: Number(match[2]) } : { file: arg, seek: 0 };
}

/** Whether playback_terminators ends a playback at this digit; notes which it was. `none` is none, the default `*`. */
export function isTerminator(channel: Channel, digit: string): boolean {
  const terminators = channel.variables.get("playback_terminators") ?? "*";
  if (/^none$/i.test(terminators)) return false;
  if (!/^any$/i.test(terminators) && !terminators.includes(digit)) return false;
  channel.variables.set("playback_terminator_used", digit);
  return true;
}

/** Plays files one after the other, as `playback_delimiter` or file_string:// separates them, and sets the variables that tell of it. */
async function playFiles(context: ApplicationContext, sounds: Sounds, files: string, options: PlayOptions): Promise<PlayResult> {
  const { channel } = context;
  const delimiter = channel.variables.get("playback_delimiter");
  const list = delimiter && files.includes(delimiter) ? files.split(delimiter) : [files];
  const timeout = Number(channel.variables.get("playback_timeout_sec") ?? 0);
  let result: PlayResult = { reason: "done", samplesIn: 0, nativeRate: 8000, position: 0 };
  let ended = false;
  context.onBreak(() => {
    ended = true;
  });
  for (const file of list) {
    if (ended || !channel.isUp) break;
    result = await playOne(context, sounds, file.trim(), { ...options, timeoutMs: timeout * 1000 });
    if (result.reason === "stopped" || result.reason === "timeout") break;
  }
  return result;
}

async function playOne(
  context: ApplicationContext,
  sounds: Sounds,
  file: string,
  options: PlayOptions & { timeoutMs: number },
): Promise<PlayResult> {
  const { channel } = context;
  const type = fileType(file);
  const about = { "Playback-File-Type": type, "Playback-File-Path": file };
  const job = channel.leg.play(sounds.resolve(file, rateOf(channel.codec)), { seek: options.seek ?? 0, timeoutMs: options.timeoutMs });
  const stop = () => job.stop();
  context.onBreak(stop);
  const { onDigit } = options;
  const unlisten = onDigit
    ? channel.digits.listen((digit) => {
        const taken = onDigit(digit);
        if (taken) stop();
        return taken;
      })
    : undefined;
  if (await job.started) channel.fire("PLAYBACK_START", about);
  const result = await job.done;
  unlisten?.();
  if (result.reason === "not-found") {
    channel.core.log("warn", "file not found", { uuid: channel.uuid, file });
    return result;
  }
  const { variables } = channel;
  variables.set("playback_last_offset_pos", result.position);
  variables.set("playback_seconds", Math.floor(result.samplesIn / result.nativeRate));
  variables.set("playback_ms", Math.floor(result.samplesIn / (result.nativeRate / 1000)));
  variables.set("playback_samples", result.samplesIn);
  channel.fire("PLAYBACK_STOP", { ...about, "Playback-Status": result.reason === "stopped" ? "break" : "done" });
  return result;
}

type Play = (context: ApplicationContext, files: string, options?: PlayOptions) => Promise<PlayResult>;

/** One prompt, then digits: as switch_ivr_read. Returns whether enough came. */
async function read(
  context: ApplicationContext,
  play: Play,
  collector: DigitCollector,
  prompt: string,
  variable: string,
): Promise<boolean> {
  const { variables, digits } = context.channel;
  variables.set("read_result", undefined);
  variables.set("read_terminator_used", undefined);
  if (variable) variables.set(variable, undefined);
  let result: PlayResult | undefined;
  const unlisten = digits.listen((digit) => collector.push(digit));
  try {
    if (prompt !== "" && !/^silence$/i.test(prompt) && !collector.started) {
      result = await play(context, prompt, { onDigit: (digit) => collector.push(digit) });
    }
    const broken = result?.reason === "stopped" && !collector.started;
    if (!broken) await collector.collect(context.onBreak);
  } finally {
    unlisten();
  }
  variables.set("read_terminator_used", collector.terminator);
  const enough = collector.enough;
  variables.set("read_result", enough ? "success" : collector.timedOut ? "timeout" : "failure");
  if (variable) variables.set(variable, collector.digits);
  return enough;
}

function collectApplication(play: Play): Application {
  return {
    long: true,
    async run(context) {
      const { channel, arg } = context;
      const [min, max, tries, timeout, terminators = "", file = "", invalidFile = "", variable = "", pattern = "", digitTimeout] =
        words(arg);
      const { variables } = channel;
      if (variable) variables.set(`${variable}_invalid`, undefined);
      for (let left = Math.max(1, Number(tries) || 1); left > 0 && channel.isUp; left--) {
        const collector = new DigitCollector({ min, max, timeout, terminators, digitTimeout });
        const enough = await read(context, play, collector, file, variable);
        if (!channel.isUp || collector.interrupted) return undefined;
        if (collector.digits === "" && collector.min === 0 && collector.terminator !== undefined) return undefined;
        if (enough && collector.digits !== "") {
          if (matchesAll(pattern, collector.digits)) return undefined;
          if (variable) {
            variables.set(variable, undefined);
            variables.set(`${variable}_invalid`, collector.digits);
          }
        }
        if (invalidFile !== "") await play(context, invalidFile);
      }
      return undefined;
    },
  };
}

function readApplication(play: Play): Application {
  return {
    long: true,
    async run(context) {
      const [min, max, file = "", variable = "", timeout = "1000", terminators = "", digitTimeout] = words(context.arg);
      await read(context, play, new DigitCollector({ min, max, timeout, terminators, digitTimeout }), file, variable);
      return undefined;
    },
  };
}
