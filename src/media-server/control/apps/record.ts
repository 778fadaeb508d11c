import type { RecordResult } from "../../messages.ts";
import type { Channel } from "../channel/channel.ts";
import type { RecordJob } from "../media/media-jobs.ts";
import { atoi, words } from "../channel/variables.ts";
import { isTerminator } from "./playback.ts";
import type { Application } from "./types.ts";

/** The recordings of a channel that go on beside everything else (record_session), by path. */
const taps = new WeakMap<Channel, Map<string, RecordJob>>();

/** Applications that record. `place` makes an absolute path of what a client names; undefined where it may not record. */
export function recordApplications(place: (path: string) => string | undefined): Readonly<Record<string, Application>> {
  const record: Application = {
    long: true,
    async run({ channel, arg, onBreak }) {
      const [path = "", limit = "", threshold, hits] = words(arg);
      if (path === "") return "-ERR no file";
      const file = place(path);
      if (file === undefined) return refused(channel, path);
      const { variables } = channel;
      variables.set("playback_terminator_used", undefined);
      const job = channel.leg.record(file, {
        limitMs: atoi(limit.replace(/^\+/, "")) * 1000,
        silenceThreshold: atoi(threshold),
        silenceHits: atoi(hits),
        append: variables.isTrue("record_append"),
        rate: atoi(variables.get("record_sample_rate") ?? variables.get("record_rate")),
      });
      const unlisten = channel.digits.listen((digit) => {
        const ends = isTerminator(channel, digit);
        if (ends) job.stop();
        return ends;
      });
      onBreak(() => job.stop());
      if (await job.started) channel.fire("RECORD_START", { "Record-File-Path": path });
      const result = await job.done;
      unlisten();
      tellEnd(channel, path, result);
      return undefined;
    },
  };

  return {
    record,
    record_session: { run: ({ channel, arg }) => startTap(channel, arg, place) },
    stop_record_session: { run: ({ channel, arg }) => void stopTap(channel, arg.trim()) },
    record_session_pause: { run: ({ channel, arg }) => void taps.get(channel)?.get(arg.trim())?.pause(true) },
    record_session_resume: { run: ({ channel, arg }) => void taps.get(channel)?.get(arg.trim())?.pause(false) },
  };
}

/** Starts recording the whole call beside everything else: `path [+seconds]`. */
export function startTap(channel: Channel, arg: string, place: (path: string) => string | undefined): undefined {
  const [path = "", limit = ""] = words(arg);
  if (path === "") return undefined;
  const { variables } = channel;
  const own = taps.get(channel) ?? new Map<string, RecordJob>();
  taps.set(channel, own);
  if (own.has(path)) return undefined;
  const file = place(path);
  if (file === undefined) return void refused(channel, path);
  const side = variables.isTrue("record_read_only") ? "read" : variables.isTrue("record_write_only") ? "write" : "both";
  const job = channel.leg.tap(file, {
    limitMs: atoi(limit.replace(/^\+/, "")) * 1000,
    stereo: variables.isTrue("record_stereo"),
    side,
  });
  own.set(path, job);
  void job.started.then((ok) => {
    if (ok) channel.fire("RECORD_START", { "Record-File-Path": path });
  });
  void job.done.then((result) => {
    own.delete(path);
    tellEnd(channel, path, result);
  });
  return undefined;
}

function refused(channel: Channel, path: string): string {
  channel.core.log("warn", "a recording outside the folders of recordings was refused", { uuid: channel.uuid, path });
  return "-ERR not allowed";
}

/** Ends one recording of a channel, or with "all" each. Returns how many. */
export function stopTap(channel: Channel, path: string): number {
  const own = taps.get(channel);
  const jobs = path.toLowerCase() === "all" ? [...(own?.values() ?? [])] : [own?.get(path)].filter((job) => job !== undefined);
  for (const job of jobs) job.stop();
  return jobs.length;
}

function tellEnd(channel: Channel, path: string, result: RecordResult): void {
  const { variables } = channel;
  const ms = Math.floor(result.samples / (result.rate / 1000));
  variables.set("record_seconds", Math.floor(ms / 1000));
  variables.set("record_ms", ms);
  variables.set("record_samples", result.samples);
  variables.set("record_file_size", result.bytes);
  if (result.reason === "silence") variables.set("silence_hits_exhausted", "true");
  const causes: Record<RecordResult["reason"], string> = {
    stopped: "stopped",
    limit: "limit_reached",
    silence: "silence",
    hangup: "hangup",
    error: "error",
    "not-opened": "error",
  };
  channel.fire("RECORD_STOP", {
    "Record-File-Path": path,
    "Record-Completion-Cause": causes[result.reason],
    // A file that cannot be opened, a disk that fills up end the recording, not the call (FreeSWITCH hangs up for the first); whoever asked is told here.
    "Record-Error": result.message,
  });
  if (result.message !== undefined)
    channel.core.log("error", "a recording ended early", { uuid: channel.uuid, path, reason: result.message });
}
