import { execFileSync, spawn } from "node:child_process";
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { ASTERISKS, type AsteriskName } from "./asterisk-install.ts";
import { owned } from "./processes.ts";

/** What one Asterisk instance is to be. Every listener binds `ip`. */
export interface AsteriskOptions {
  /** Which of them; 16 where absent. */
  readonly release?: AsteriskName;
  /** Names its folder; letters and digits. */
  readonly name: string;
  /** Address of the loopback range (or of a namespace of the test's own). */
  readonly ip: string;
  /** First of 100 RTP ports, or of `rtpPorts`. */
  readonly rtpStart: number;
  readonly rtpPorts?: number;
  /** Text of pjsip.conf; without it chan_pjsip is not loaded. */
  readonly pjsip?: string;
  /** Text of ooh323.conf; without it chan_ooh323 is not loaded. */
  readonly ooh323?: string;
  /** Text of extensions.conf, beside the built-in contexts `in` and `out`. */
  readonly extensions?: string;
  /** Files put into its folder, by name; `/peers/NAME/files/<name>` inside. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
  /** Runs it inside this network namespace. */
  readonly namespace?: string;
}

/** A running Asterisk. */
export interface Asterisk {
  readonly pid: number;
  /** Runs a CLI command and returns what it prints. */
  cli(command: string): string;
  /** The log so far: verbose, dtmf, warnings, errors. */
  log(): string;
  /** Absolute path, outside the chroot, of one of its files. */
  path(name: string): string;
  /** Waits until the log matches; throws with the log's end after `ms`. */
  waitForLog(pattern: RegExp, ms?: number): Promise<void>;
  stop(): Promise<void>;
}

const MODULES = [
  /^res_(timing_timerfd|sorcery_(config|memory|astdb)|crypto|srtp|http_websocket|rtp_asterisk|pjproject|statsd|musiconhold|clioriginate|stasis(_.*)?|format_attr_.*)\.so$/,
  /^(func|codec|format|bridge)_.*\.so$/,
  /^(pbx_config|chan_bridge_media)\.so$/,
  /^app_(dial|playback|echo|confbridge|senddtmf|read|stack|verbose|playtones|milliwatt|originate|transfer|waitfor.*|userevent|exec|record|mixmonitor)\.so$/,
];
const PJSIP = /^(res_pjsip(_.*)?|chan_pjsip)\.so$/;
const UNWANTED =
  /^(func_(odbc|periodic_hook|curl|aes.*|speex|enum)|res_pjsip_(notify|phoneprov.*|config_wizard|history|stir.*|geoloc.*|aoc.*|xpidf.*)|res_stasis_broadcast)\.so$/;

const EXTENSIONS = `[globals]
[in]
exten => 600,1,Answer()
 same => n,Echo()
exten => 601,1,Answer()
 same => n,Milliwatt()
exten => 602,1,Answer()
 same => n,Set(TIMEOUT(digit)=2)
 same => n,Read(DIG,,5,,1,6)
 same => n,Verbose(1,GOT-DTMF \${DIG})
 same => n,Wait(1)
 same => n,Hangup(16)
exten => 603,1,Ringing()
 same => n,Wait(1)
 same => n,Answer()
 same => n,Milliwatt()
exten => 610,1,Answer()
 same => n,ConfBridge(room1)
exten => 617,1,Wait(0.3)
 same => n,Hangup(17)
[out]
exten => wait,1,Wait(300)
 same => n,Hangup()
exten => tone,1,Milliwatt()
`;

const rootOf = ({ release = "asterisk" }: AsteriskOptions): string => ASTERISKS[release].root;

function modules(options: AsteriskOptions, folder: string): string {
  const wanted = readdirSync(join(rootOf(options), folder)).filter(
    (file) =>
      !UNWANTED.test(file) &&
      (MODULES.some((pattern) => pattern.test(file)) ||
        (options.pjsip !== undefined && PJSIP.test(file)) ||
        (options.ooh323 !== undefined && file === "chan_ooh323.so")),
  );
  return `[modules]\nautoload=no\n${wanted.map((file) => `load = ${file}\n`).join("")}`;
}

/** Starts an Asterisk and waits until it is fully booted. Throws with its output when it does not come up in 90 s. */
export async function startAsterisk(options: AsteriskOptions): Promise<Asterisk> {
  const root = rootOf(options);
  const inside = `/peers/${options.name}`;
  const base = join(root, inside);
  rmSync(base, { recursive: true, force: true });
  for (const folder of ["etc", "log", "run", "spool", "db", "keys", "files"]) mkdirSync(join(base, folder), { recursive: true });
  const moduleFolder = ["usr/lib/x86_64-linux-gnu/asterisk/modules", "usr/lib/asterisk/modules"].find((folder) =>
    existsSync(join(root, folder)),
  );
  if (moduleFolder === undefined) throw new Error(`no modules under ${root}`);
  for (const [device, minor] of [
    ["null", "3"],
    ["zero", "5"],
    ["random", "8"],
    ["urandom", "9"],
  ] as const) {
    const node = join(root, "dev", device);
    if (!existsSync(node)) execFileSync("mknod", ["-m", "666", node, "c", "1", minor]);
  }
  if (!existsSync(join(root, "etc/passwd"))) {
    writeFileSync(join(root, "etc/passwd"), "root:x:0:0:root:/:/bin/sh\n");
    writeFileSync(join(root, "etc/group"), "root:x:0:\n");
    appendFileSync(join(root, "etc/hosts"), "127.0.0.1 localhost\n");
  }
  const configuration: Record<string, string> = {
    "asterisk.conf": `[directories]\nastetcdir => ${inside}/etc\nastmoddir => /${moduleFolder}\nastvarlibdir => /var/lib/asterisk\nastdbdir => ${inside}/db\nastkeydir => ${inside}/keys\nastdatadir => /usr/share/asterisk\nastagidir => /usr/share/asterisk/agi-bin\nastspooldir => ${inside}/spool\nastrundir => ${inside}/run\nastlogdir => ${inside}/log\n[options]\nverbose = 4\nnocolor = yes\n`,
    "modules.conf": modules(options, moduleFolder),
    "logger.conf": "[general]\n[logfiles]\nmessages.log => notice,warning,error,verbose,dtmf\n",
    "rtp.conf": `[general]\nrtpstart=${options.rtpStart}\nrtpend=${options.rtpStart + (options.rtpPorts ?? 100) - 1}\n`,
    "indications.conf":
      "[general]\ncountry=us\n[us]\ndescription=us\nringcadence=2000,4000\ndial=350+440\nbusy=480+620/500,0/500\nring=440+480/2000,0/4000\n",
    "extensions.conf": EXTENSIONS + (options.extensions ?? ""),
    "confbridge.conf": "[general]\n[default_bridge]\ntype=bridge\n[default_user]\ntype=user\nquiet=yes\nannounce_user_count=no\n",
    ...(options.pjsip === undefined ? {} : { "pjsip.conf": options.pjsip }),
    ...(options.ooh323 === undefined ? {} : { "ooh323.conf": options.ooh323 }),
  };
  for (const [file, text] of Object.entries(configuration)) writeFileSync(join(base, "etc", file), text);
  for (const [file, content] of Object.entries(options.files ?? {})) writeFileSync(join(base, "files", file), content);
  const command = ["chroot", root, "/usr/sbin/asterisk", "-f", "-n", "-C", `${inside}/etc/asterisk.conf`];
  const [program, ...args] = options.namespace === undefined ? command : ["ip", "netns", "exec", options.namespace, ...command];
  const child = owned(spawn(program!, args, { stdio: ["ignore", "pipe", "pipe"] }));
  let output = "";
  child.stdout.on("data", (data: Buffer) => (output += data.toString()));
  child.stderr.on("data", (data: Buffer) => (output += data.toString()));
  let ended = false;
  const exited = new Promise<void>((resolve) =>
    child.once("exit", () => {
      ended = true;
      resolve();
    }),
  );
  const cli = (text: string) =>
    execFileSync("chroot", [root, "/usr/sbin/asterisk", "-C", `${inside}/etc/asterisk.conf`, "-rx", text], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
      timeout: 30_000,
    });
  const asterisk: Asterisk = {
    pid: child.pid ?? 0,
    cli,
    log: () => (existsSync(join(base, "log/messages.log")) ? readFileSync(join(base, "log/messages.log"), "utf8") : ""),
    path: (name) => join(base, "files", name),
    async waitForLog(pattern, ms = 30_000) {
      for (let waited = 0; !pattern.test(asterisk.log()); waited += 50) {
        if (waited >= ms || ended) throw new Error(`no ${String(pattern)} in Asterisk's log:\n${asterisk.log().slice(-3000)}`);
        await delay(50);
      }
    },
    async stop() {
      if (ended) return;
      try {
        cli("core stop now");
      } catch {
        child.kill("SIGKILL");
      }
      const timer = setTimeout(() => child.kill("SIGKILL"), 5000);
      await exited;
      clearTimeout(timer);
    },
  };
  for (const end = Date.now() + 90_000; ; ) {
    if (ended || Date.now() > end) {
      child.kill("SIGKILL");
      throw new Error(`Asterisk did not start: ${output.slice(-2000)}`);
    }
    try {
      cli("core waitfullybooted");
      return asterisk;
    } catch {
      await delay(100);
    }
  }
}
