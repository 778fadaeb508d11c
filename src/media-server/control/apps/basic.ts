import { causeOf } from "../channel/causes.ts";
import type { Channel } from "../channel/channel.ts";
import { atoi, isTrue, words } from "../channel/variables.ts";
import type { Application } from "./types.ts";

const quick = (run: (channel: Channel, arg: string) => string | undefined): Application => ({
  run: ({ channel, arg }) => run(channel, arg),
});

/** `name=value`; without a value the variable goes. */
export function assign(channel: Channel, text: string): void {
  const equals = text.indexOf("=");
  const name = (equals === -1 ? text : text.slice(0, equals)).trim();
  if (name === "") return;
  const value = equals === -1 ? undefined : text.slice(equals + 1).trim();
  channel.variables.set(name, value === "_undef_" ? undefined : value);
}

/** Adds a name to `export_vars`, without which exporting has no effect on a later leg. */
function exportVariable(channel: Channel, text: string): void {
  const plain = text.replace(/^nolocal:/, "");
  assign(channel, plain);
  const name = plain.split("=")[0]?.trim() ?? "";
  const names = new Set((channel.variables.get("export_vars") ?? "").split(",").filter((n) => n !== ""));
  names.add(name);
  channel.variables.set("export_vars", [...names].join(","));
}

/** The pieces of `multiset`: separated by spaces, or by the character after `^^`. */
function multisetPieces(arg: string): string[] {
  const own = /^\^\^(.)/.exec(arg);
  return own?.[1] ? arg.slice(3).split(own[1]) : words(arg);
}

/** Runs until broken off. */
const park: Application = {
  long: true,
  run: ({ channel, onBreak }) =>
    new Promise((resolve) => {
      channel.fire("CHANNEL_PARK");
      onBreak(() => {
        if (channel.isUp) channel.fire("CHANNEL_UNPARK");
        resolve(undefined);
      });
    }),
};

const sleep: Application = {
  long: true,
  run: ({ arg, onBreak }) =>
    new Promise((resolve) => {
      const timer = setTimeout(() => resolve(undefined), atoi(arg));
      onBreak(() => {
        clearTimeout(timer);
        resolve(undefined);
      });
    }),
};

/** `set_mute read|write|both true|false`: `read` is what we hear of the far end. */
function setMute(channel: Channel, arg: string): undefined {
  const [side = "", value] = words(arg);
  const on = isTrue(value);
  if (/^(read|both)$/i.test(side)) channel.leg.mute({ read: on });
  if (/^(write|both)$/i.test(side)) channel.leg.mute({ write: on });
  return undefined;
}

/** `send_dtmf digits[@ms]`; `w` waits half a second, `W` a second. */
export function sendDtmf(channel: Channel, arg: string): void {
  const at = arg.indexOf("@");
  const digits = (at === -1 ? arg : arg.slice(0, at)).replace(/[^0-9*#A-Da-dwW]/g, "");
  const duration = at === -1 ? 250 : atoi(arg.slice(at + 1));
  if (digits !== "") channel.leg.sendDtmf(digits, Math.min(10_000, Math.max(50, duration || 250)));
}

/** The applications that are over at once, and those that only wait. */
export const basicApplications: Readonly<Record<string, Application>> = {
  set: quick((channel, arg) => void assign(channel, arg)),
  unset: quick((channel, arg) => void channel.variables.set(arg.trim(), undefined)),
  multiset: quick((channel, arg) => {
    for (const piece of multisetPieces(arg)) assign(channel, piece);
    return undefined;
  }),
  multiunset: quick((channel, arg) => {
    for (const name of multisetPieces(arg)) channel.variables.set(name.trim(), undefined);
    return undefined;
  }),
  export: quick((channel, arg) => void exportVariable(channel, arg)),
  // The profile has answered before an application sees the call, so these have nothing left to do.
  answer: quick(() => undefined),
  pre_answer: quick(() => undefined),
  ring_ready: quick(() => undefined),
  log: quick((channel, arg) => void channel.core.log("info", "application log", { uuid: channel.uuid, text: arg })),
  info: quick(() => undefined),
  verbose_events: quick(() => undefined),
  hangup: quick((channel, arg) => void channel.hangup(causeOf(arg))),
  set_mute: { run: ({ channel, arg }) => setMute(channel, arg) },
  send_dtmf: quick((channel, arg) => void sendDtmf(channel, arg)),
  queue_dtmf: quick((channel, arg) => void sendDtmf(channel, arg)),
  flush_dtmf: quick((channel) => void channel.digits.flush()),
  start_dtmf: quick((channel) => void channel.leg.detectDtmf(true)),
  stop_dtmf: quick((channel) => void channel.leg.detectDtmf(false)),
  spandsp_start_dtmf: quick((channel) => void channel.leg.detectDtmf(true)),
  spandsp_stop_dtmf: quick((channel) => void channel.leg.detectDtmf(false)),
  // Every leg sends telephone events, or tones where the peer takes none, without being asked.
  start_dtmf_generate: quick(() => undefined),
  stop_dtmf_generate: quick(() => undefined),
  break: quick((channel) => void channel.executor.break()),
  park,
  sleep,
};
