import { assign, sendDtmf } from "../apps/basic.ts";
import { startTap, stopTap } from "../apps/record.ts";
import { bridge, unbridge } from "../channel/bridge.ts";
import { causeOf } from "../channel/causes.ts";
import { type Channel, setStats } from "../channel/channel.ts";
import { words } from "../channel/variables.ts";
import type { ApiContext } from "./context.ts";
import type { ApiCommand } from "./types.ts";

const noChannel = "-ERR No such channel!\n";
const ok = "+OK\n";

/** Commands about calls: `uuid_…`. */
export function callCommands(context: ApiContext): Readonly<Record<string, ApiCommand>> {
  const { channels, core } = context;

  /** A command whose first word is a channel. */
  const onChannel =
    (usage: string, run: (channel: Channel, args: readonly string[], text: string) => Promise<string> | string): ApiCommand =>
    (text) => {
      const [uuid, ...args] = words(text);
      if (uuid === undefined) return `-USAGE: ${usage}\n`;
      const channel = channels.get(uuid);
      return channel ? run(channel, args, text.slice(text.indexOf(uuid) + uuid.length).trimStart()) : noChannel;
    };

  return {
    uuid_exists: (args) => String(channels.has(args.trim())),
    uuid_kill: onChannel("<uuid> [cause]", (channel, [cause]) => {
      channel.hangup(causeOf(cause ?? ""));
      return ok;
    }),
    hupall: (args) => {
      for (const channel of [...channels.values()]) channel.hangup(causeOf(args, "MANAGER_REQUEST"));
      return `+OK hangup all channels with cause ${causeOf(args, "MANAGER_REQUEST")}\n`;
    },
    uuid_dump: onChannel("<uuid> [format]", (channel, [format = "txt"]) => {
      const event = core.event("CHANNEL_DATA", "uuid_dump");
      channel.describe(event);
      if (/^json$/i.test(format)) return event.toJson();
      return /^xml$/i.test(format) ? event.toXml() : event.toPlain();
    }),
    uuid_set_media_stats: async (uuid) => {
      const channel = channels.get(uuid);
      if (!channel) return `-ERR No such channel ${uuid}!\n`;
      const stats = await channel.leg.stats();
      if (stats) {
        setStats(channel.variables, stats.counters);
        channel.variables.set("rtp_audio_rtt_ms", stats.roundTripMs < 0 ? undefined : Math.round(stats.roundTripMs));
        channel.variables.set("remote_media_ip", stats.remoteAddress || channel.variables.get("remote_media_ip"));
        channel.variables.set("remote_media_port", stats.remotePort || channel.variables.get("remote_media_port"));
        channel.variables.set("rtp_srtp_auth_failures", stats.authFailures);
      }
      return "+OK:\n";
    },
    uuid_getvar: onChannel("<uuid> <var>", (channel, [name = ""]) => channel.variables.get(name) ?? "_undef_"),
    uuid_setvar: onChannel("<uuid> <var> [value]", (channel, [name = ""], text) => {
      channel.variables.set(name, text.slice(name.length).trim());
      return ok;
    }),
    uuid_setvar_multi: onChannel("<uuid> <var>=<value>;<var>=<value>...", (channel, _args, text) => {
      for (const pair of text.split(";")) assign(channel, pair);
      return ok;
    }),
    /** Not FreeSWITCH's: lets out what an offer with `a=x-crosspoint-held` has held back. */
    uuid_release_media: onChannel("<uuid>", (channel) => {
      channel.leg.release();
      return ok;
    }),
    /** Not FreeSWITCH's: what this server could do for a call, as an offer; the answer comes as an offer with `a=x-crosspoint-answer`. */
    uuid_offer_media: onChannel("<uuid>", (channel) => (channel.isUp ? channel.signalling.offer() : noChannel)),
    uuid_bridge: (text) => {
      const [a, b] = words(text).map((uuid) => channels.get(uuid));
      if (!a || !b || a === b || !a.isUp || !b.isUp) return "-ERR Invalid uuid\n";
      bridge(a, b);
      return `+OK ${b.uuid}\n`;
    },
    uuid_transfer: onChannel("<uuid> [-bleg|-both] <dest-exten> [<dialplan>] [<context>]", (channel, args) => transfer(channel, args)),
    uuid_park: onChannel("<uuid>", (channel) => transfer(channel, ["park", "inline"])),
    uuid_break: onChannel("<uuid> [all]", (channel, args) => {
      channel.executor.break(args.some((arg) => /^all$/i.test(arg)));
      return ok;
    }),
    uuid_broadcast: onChannel("<uuid> <path> [aleg|bleg|both]", (channel, [path = ""]) => {
      const app = /^([a-z_]+)::(.*)$/i.exec(path);
      channel.executor.run(app ? { app: app[1] ?? "", arg: app[2] ?? "" } : { app: "playback", arg: path });
      return "+OK Message sent\n";
    }),
    uuid_send_dtmf: onChannel("<uuid> <dtmf_data>", (channel, _args, text) => {
      sendDtmf(channel, text);
      return ok;
    }),
    uuid_recv_dtmf: onChannel("<uuid> <dtmf_data>", (channel, [digits = ""]) => {
      for (const digit of digits.split("@")[0]!.replace(/[^0-9*#A-D]/gi, "")) channel.receiveDigit(digit, 250, "APP");
      return ok;
    }),
    uuid_flush_dtmf: onChannel("<uuid>", (channel) => {
      channel.digits.flush();
      return ok;
    }),
    uuid_record: onChannel("<uuid> [start|stop|mask|unmask] <path> [<limit>]", (channel, [verb = "", path = "", limit = ""]) => {
      if (/^start$/i.test(verb)) startTap(channel, `${path} ${limit === "" ? "" : `+${limit}`}`, context.place);
      else if (!/^stop$/i.test(verb) || stopTap(channel, path) === 0) return "-ERR Cannot record session!\n";
      return "+OK Success\n";
    }),
    uuid_audio: onChannel("<uuid> [start [read|write] [mute|level <level>]|stop]", (channel, args) => audio(channel, args)),
    uuid_answer: onChannel("<uuid>", () => ok),
    // drachtio's modules: asked for by drachtio-fsmrf, not claimed here.
    ...Object.fromEntries(
      [
        "uuid_audio_fork",
        "uuid_dub",
        "uuid_vad_detect",
        "uuid_vad_silero",
        "uuid_google_transcribe",
        "uuid_aws_transcribe",
        "uuid_azure_transcribe",
        "uuid_jambonz_transcribe",
      ].map((name): [string, ApiCommand] => [name, () => `-ERR ${name} Command not found!\n`]),
    ),
  };
}

/** `park inline`, `conference:NAME inline`, `playback:FILE inline` and the like: the inline dialplan's `app:arg,app:arg`. */
function transfer(channel: Channel, args: readonly string[]): string {
  const both = /^-both$/i.test(args[0] ?? "");
  const other = /^-bleg$/i.test(args[0] ?? "");
  const [destination = "", dialplan = ""] = args[0]?.startsWith("-") ? args.slice(1) : args;
  if (destination === "") return "-ERR\n";
  if (!/^inline$/i.test(dialplan)) return "-ERR only the inline dialplan is known here\n";
  const targets = other ? [channel.bridged ?? channel] : both && channel.bridged ? [channel.bridged, channel] : [channel];
  for (const target of targets) {
    unbridge(target);
    target.executor.break(true);
    for (const step of destination.split(",")) {
      const colon = step.indexOf(":");
      const app = colon === -1 ? step : step.slice(0, colon);
      target.endsWithApplication = app !== "park";
      if (app !== "park") target.executor.run({ app, arg: colon === -1 ? "" : step.slice(colon + 1), locked: true });
      else target.fire("CHANNEL_PARK");
    }
  }
  return ok;
}

/** `start read|write mute|level N`: levels are FreeSWITCH's -4 to 4, here 3 dB each. */
function audio(channel: Channel, args: readonly string[]): string {
  const [verb = "", side = "", kind = "", level = "0"] = args;
  if (/^stop$/i.test(verb)) {
    channel.leg.gain(0, 0);
    channel.leg.mute({ read: false, write: false });
    return "+OK Success\n";
  }
  const read = /^read$/i.test(side);
  if (/^mute$/i.test(kind)) channel.leg.mute(read ? { read: true } : { write: true });
  else channel.leg.gain(read ? Number(level) * 3 : 0, read ? 0 : Number(level) * 3);
  return "+OK Success\n";
}
