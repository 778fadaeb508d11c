import { randomUUID } from "node:crypto";
import { VERSION } from "../core.ts";
import type { ApiContext } from "./context.ts";
import type { ApiCommand } from "./types.ts";

const plural = (n: number, unit: string) => `${n} ${unit}${n === 1 ? "" : "s"}`;

/** `0 years, 0 days, 1 hour, ...` as FreeSWITCH writes a duration. */
export function longDuration(ms: number): string {
  const whole = Math.floor(ms);
  const days = Math.floor(whole / 86_400_000);
  return [
    plural(Math.floor(days / 365), "year"),
    plural(days % 365, "day"),
    plural(Math.floor(whole / 3_600_000) % 24, "hour"),
    plural(Math.floor(whole / 60_000) % 60, "minute"),
    plural(Math.floor(whole / 1000) % 60, "second"),
    plural(whole % 1000, "millisecond"),
    plural(Math.floor((ms - whole) * 1000), "microsecond"),
  ].join(", ");
}

/** Commands about the server as a whole. */
export function serverCommands(context: ApiContext): Readonly<Record<string, ApiCommand>> {
  const { core, channels } = context;
  return {
    version: (args) =>
      /short/i.test(args) ? VERSION.split("-")[0]! : `FreeSWITCH Version ${VERSION} (Crosspoint embedded media server)\n`,
    status: async () => {
      const { total, lastSecond, peak } = context.totals();
      const idle = await idleCpu(context);
      return [
        `UP ${longDuration(core.uptimeMs())}`,
        `FreeSWITCH (Version ${VERSION}) is ready`,
        `${total} session(s) since startup`,
        `${channels.size} session(s) - peak ${peak}, last 5min ${peak} `,
        `${lastSecond} session(s) per Sec out of max 500, peak ${lastSecond}, last 5min ${lastSecond} `,
        `${context.maxSessions} session(s) max`,
        `min idle cpu 0.00/${idle.toFixed(2)}`,
        "",
      ].join("\n");
    },
    uptime: (args) => {
      const scale = /^(s|seconds)?$/i.test(args)
        ? 1000
        : /^(ms|milliseconds)$/i.test(args)
          ? 1
          : /^(m|minutes)$/i.test(args)
            ? 60_000
            : 1000;
      return `${Math.floor(core.uptimeMs() / scale)}\n`;
    },
    hostname: () => core.hostname,
    switchname: () => core.hostname,
    create_uuid: () => randomUUID(),
    echo: (args) => args,
    strepoch: () => String(Math.floor(core.clock.wall() / 1000)),
    strmicroepoch: () => String(Math.floor(core.clock.wall() * 1000)),
    module_exists: (args) =>
      String(/^mod_(sofia|conference|dptools|commands|event_socket|sndfile|tone_stream|local_stream|opus|spandsp)$/.test(args)),
    load: () => "-ERR there are no modules to load\n",
    reload: () => "-ERR there are no modules to load\n",
    reloadxml: () => "+OK [Success]\n",
    fsctl: (args) => (/^(loglevel|debug_level)/i.test(args) ? "+OK log level: INFO [6]\n" : "-ERR not supported here\n"),
    console: () => "+OK\n",
    global_getvar: (args) =>
      /^(hostname|switchname)$/.test(args)
        ? core.hostname
        : /^local_ip_v4$/.test(args)
          ? core.address
          : /^core_uuid$/.test(args)
            ? core.uuid
            : "",
    sofia: (args) => sofia(context, args),
    show: (args) => show(context, args),
    workers: async () => JSON.stringify(await context.pool.loads()),
  };
}

/** Share of the media threads' time that is free, per cent; FreeSWITCH's Idle-CPU is of the machine, this is of what limits us. */
export async function idleCpu({ pool }: Pick<ApiContext, "pool">): Promise<number> {
  const loads = await pool.loads();
  const busiest = loads.reduce((most, load) => Math.max(most, load.busy), 0);
  return 100 * (1 - Math.min(1, busiest));
}

/** `sofia status [profile NAME]`: the table drachtio-fsmrf reads the addresses from. */
function sofia({ profile, channels }: ApiContext, args: string): string {
  const { name, host, port, tlsPort } = profile();
  const url = `sip:mod_sofia@${host}:${port}`;
  if (/^status\s+profile/i.test(args))
    return `Name             \t${name}\nURL              \t${url}\nBIND-URL         \t${url};transport=udp,tcp\nCALLS-IN         \t${channels.size}\nCALLS-OUT        \t0\n`;
  if (!/^status/i.test(args)) return "-ERR Unknown command!\n";
  const line = "=".repeat(98);
  const row = (type: string, data: string, state: string) => `${name.padStart(25)}\t${type}\t  ${data.padStart(40)}\t${state}\n`;
  let text = `${"Name".padStart(25)}\t   Type\t  ${"Data".padStart(40)}\tState\n${line}\n`;
  text += row("profile", url, `RUNNING (${channels.size})`);
  if (tlsPort !== undefined) text += row("profile", `sip:mod_sofia@${host}:${tlsPort}`, `RUNNING (${channels.size}) (TLS)`);
  return `${text}${line}\n1 profile 0 aliases\n\n`;
}

const columns = [
  "uuid",
  "direction",
  "created",
  "created_epoch",
  "name",
  "state",
  "cid_name",
  "cid_num",
  "ip_addr",
  "dest",
  "application",
  "application_data",
  "read_codec",
  "read_rate",
  "secure",
  "callstate",
  "call_uuid",
] as const;

/** `show channels|calls [count] [as json|delim X]`. */
function show({ channels }: ApiContext, args: string): string {
  const json = /\bas\s+json\b/i.test(args);
  if (!/^(channels|calls|bridged_calls|detailed_calls)\b/i.test(args)) return json ? '{"row_count":0}' : "\n0 total.\n";
  if (/\bcount\b/i.test(args)) return json ? `{"row_count":${channels.size}}` : `\n${channels.size} total.\n`;
  const delimiter = /\bas\s+delim\s+(\S)/i.exec(args)?.[1] ?? ",";
  const rows = [...channels.values()].map((channel) => {
    const { variables, caller } = channel;
    const seconds = Math.floor(channel.createdAt / 1000);
    const values: Record<(typeof columns)[number], string> = {
      uuid: channel.uuid,
      direction: "inbound",
      created: new Date(channel.createdAt).toISOString().slice(0, 19).replace("T", " "),
      created_epoch: String(seconds),
      name: channel.name,
      state: channel.state,
      cid_name: caller.name,
      cid_num: caller.number,
      ip_addr: caller.networkAddress,
      dest: caller.destination,
      application: variables.get("current_application") ?? "",
      application_data: variables.get("current_application_data") ?? "",
      read_codec: channel.codec?.name ?? "",
      read_rate: variables.get("rtp_use_codec_rate") ?? "",
      secure: channel.secure ? "srtp" : "",
      callstate: channel.callState,
      call_uuid: channel.uuid,
    };
    return values;
  });
  if (json) return JSON.stringify(rows.length === 0 ? { row_count: 0 } : { row_count: rows.length, rows });
  if (rows.length === 0) return "\n0 total.\n";
  const lines = [
    columns.join(delimiter),
    ...rows.map((row) => columns.map((column) => row[column].replaceAll(delimiter, " ")).join(delimiter)),
  ];
  return `${lines.join("\n")}\n\n${rows.length} total.\n`;
}
