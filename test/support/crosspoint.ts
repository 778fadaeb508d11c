import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { MeetingView, Participant } from "../../src/meetings/model.ts";
import type { CallRecord } from "../../src/records/model.ts";
import { ensureDevelopmentCertificates } from "../../src/security/development.ts";
import { owned, runs } from "./processes.ts";
import { realDrachtio, startRealEngines } from "./real-engines.ts";

/** Where the demo's certificates are made at first start. */
const DEMO_CERTIFICATES = join(import.meta.dirname, "../../certs/demo");
/** Why a gateway may not start on a busy machine: drachtio-fsmrf gives a media server one second to begin; what a killed test has left goes by itself. */
const BUSY = /timeout waiting for connection to freeswitch|is in use by another program/;
/** A connection for each request: one that is kept may be closed by the gateway while this process waits for a program, and fails the next request. */
const ONCE = { connection: "close" };
/** A busy test machine must not look like overload, and every caller here has one address: what limits do has tests of its own. */
const UNLIMITED = ["limits.cpuPercent=0", "limits.eventLoopMs=0", "limits.callsPerSecondPerSource=0"];
const LAUNCHER = join(import.meta.dirname, "../../src/cli/crosspoint.mjs");

/** How to run the command line: as a user does, with whatever Node.js is first on the path. */
export function runCli(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): { status: number; stdout: string; stderr: string } {
  try {
    const stdout = execFileSync("node", [LAUNCHER, ...args], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...env },
      timeout: 120_000,
    });
    return { status: 0, stdout, stderr: "" };
  } catch (error) {
    const failure = error as { status?: number; stdout?: string; stderr?: string };
    return { status: failure.status ?? -1, stdout: failure.stdout ?? "", stderr: failure.stderr ?? String(error) };
  }
}

export interface CrosspointOptions {
  /** First of ten consecutive ports (ports.ts): SIP UDP/TCP +0, TLS +1, web +2, H.323 +3 and +4. */
  readonly port: number;
  /** First of 200 UDP ports for media. */
  readonly mediaPort: number;
  /** YAML of the configuration; the demo where absent. Ports, data, token, and the certificates where it names none, are set by the command line. */
  readonly config?: string;
  /** Further `key=value` settings. */
  readonly set?: readonly string[];
  /** The limits of a gateway as they are where nothing is configured; else those that a busy test machine would run into are off. */
  readonly defaultLimits?: boolean;
  readonly listen?: string;
  /** Further environment of its process. */
  readonly env?: Readonly<Record<string, string>>;
  /** Program and arguments that run it: `unshare -m sh -c '... exec "$@"' sh`, say. */
  readonly under?: readonly string[];
  /** Its data folder; one of its own where absent. */
  readonly data?: string;
}

/** A gateway in a process of its own. */
export interface Crosspoint {
  readonly sip: string;
  readonly tls: string;
  /** `http://host:port` */
  readonly web: string;
  /** Folder of the demo's ca.crt, client.crt and client.key. */
  readonly certificates: string;
  readonly process: ChildProcess;
  /** Its configuration file, where it was given one: to be changed, and read again by SIGHUP. */
  readonly configFile: string;
  /** Everything it has printed. */
  output(): string;
  /** A call of the admin API; throws on any status of 400 and above, with the answer. */
  api<T>(method: string, path: string, body?: unknown): Promise<T>;
  participants(meeting: string): Promise<Participant[]>;
  meeting(id: string): Promise<MeetingView>;
  records(): Promise<CallRecord[]>;
  /** Lines of its log with this `event`, or with this text in them. */
  logged(event: string | RegExp): Record<string, unknown>[];
  /** Kills a production server under it, and starts it anew after `ms`. */
  replaceEngine(which: "drachtio" | "freeswitch", ms: number): Promise<void>;
  /** What the embedded engines count, by `sip.dialogs`, `media.channels` and so on; empty on the production engines. */
  engineStats(): Promise<Record<string, number>>;
  /** What /metrics says of one series, `crosspoint_calls` or `crosspoint_browsers{path="udp"}`; undefined where it says nothing. */
  metric(series: string): Promise<number | undefined>;
  /** Waits until the meeting's participants satisfy `condition`; throws with what it saw after `ms`. */
  waitForParticipants(meeting: string, condition: (participants: readonly Participant[]) => boolean, ms?: number): Promise<Participant[]>;
  /** Ends every call there is, and waits until there is none. */
  endCalls(): Promise<void>;
  stop(): Promise<number | null>;
}

/**
 * Starts `crosspoint start`, on drachtio-server and FreeSWITCH where the environment names them (real-engines.ts), and waits until it answers.
 * Throws with its output when it does not within 90 s.
 */
export async function startCrosspoint(options: CrosspointOptions): Promise<Crosspoint> {
  const listen = options.listen ?? "127.0.0.1";
  const host = listen.includes(":") ? `[${listen}]` : listen;
  const folder = mkdtempSync(join(tmpdir(), "crosspoint-test-"));
  const token = "a-token-for-tests-only";
  if (realDrachtio !== undefined) await ensureDevelopmentCertificates(DEMO_CERTIFICATES);
  const engines = await startRealEngines({ port: options.port, mediaPort: options.mediaPort, certificates: DEMO_CERTIFICATES, folder });
  const settings = [
    `listen=${listen}`,
    `sip.udp=${options.port}`,
    `sip.tcp=${options.port}`,
    `sip.tls=${options.port + 1}`,
    `web.port=${options.port + 2}`,
    `h323.signalling=${options.port + 3}`,
    `h323.ras=${options.port + 4}`,
    `media.ports=${options.mediaPort}-${options.mediaPort + 199}`,
    `data=${options.data ?? join(folder, "data")}`,
    "logging.format=json",
    ...(options.defaultLimits ? [] : UNLIMITED),
    ...(options.config === undefined || options.config.includes("certificates:") ? [] : [`certificates.development=${DEMO_CERTIFICATES}`]),
    ...engines.settings,
    ...(options.set ?? []),
  ];
  const args = ["start", ...settings.flatMap((setting) => ["--set", setting])];
  const file = join(folder, "crosspoint.yaml");
  if (options.config !== undefined) {
    writeFileSync(file, options.config);
    args.push("--config", file);
  }
  const [program = "node", ...before] = [...(options.under ?? []), "node"];
  const base = `http://${host}:${options.port + 2}/api/v1`;
  // over TLS the API of what is returned does not work: nothing here believes the certificate
  const secure = options.set?.includes("web.tls=true") === true;
  const launch = () => {
    const child = owned(
      spawn(program, [...before, LAUNCHER, ...args], {
        stdio: ["ignore", "pipe", "pipe"],
        env: { ...process.env, CROSSPOINT_ADMIN_TOKEN: token, ...options.env },
      }),
    );
    const said = { output: "" };
    const take = (data: Buffer) => (said.output += data.toString());
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
    return { child, said, exited };
  };
  let launched = launch();
  for (let tries = 1, end = Date.now() + 90_000; ; await delay(100)) {
    const { child, said, exited } = launched;
    try {
      // its own word first: at a port in use somebody else's gateway would answer
      if (/"msg":"ready"|^Crosspoint is ready/m.test(said.output) && (secure || (await fetch(`${base}/health`)).ok)) break;
    } catch {
      // not listening yet
    }
    if (runs(child) && Date.now() < end) continue;
    child.kill("SIGKILL");
    await exited;
    if (tries++ < 3 && BUSY.test(said.output)) launched = launch();
    else {
      await engines.stop();
      rmSync(folder, { recursive: true, force: true });
      throw new Error(`crosspoint did not start:\n${said.output.slice(-4000)}`);
    }
  }
  const { child, said, exited } = launched;
  const api = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const response = await fetch(base + path, {
      method,
      headers: { ...ONCE, authorization: `Bearer ${token}`, ...(body === undefined ? {} : { "content-type": "application/json" }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (response.status >= 400) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return (text === "" ? undefined : JSON.parse(text)) as T;
  };
  const metrics = async () =>
    (await fetch(`http://${host}:${options.port + 2}/metrics`, { headers: { ...ONCE, authorization: `Bearer ${token}` } })).text();
  const participants = (meeting: string) => api<Participant[]>("GET", `/meetings/${meeting}/participants`);
  return {
    sip: `${host}:${options.port}`,
    tls: `${host}:${options.port + 1}`,
    web: `http://${host}:${options.port + 2}`,
    certificates: DEMO_CERTIFICATES,
    process: child,
    configFile: file,
    output: () => said.output,
    api,
    participants,
    meeting: (id) => api("GET", `/meetings/${id}`),
    records: () => api("GET", "/records"),
    logged: (event) =>
      said.output
        .split("\n")
        .filter((line) => line.startsWith("{") && line.endsWith("}"))
        .map((line) => JSON.parse(line) as Record<string, unknown>)
        .filter((line) => (typeof event === "string" ? line["event"] === event : event.test(JSON.stringify(line)))),
    replaceEngine: engines.replace,
    async metric(series) {
      const line = (await metrics()).split("\n").find((one) => one.startsWith(`${series} `));
      return line === undefined ? undefined : Number(line.slice(series.length + 1));
    },
    async engineStats() {
      const found = (await metrics()).matchAll(/^crosspoint_(sip|media)_engine\{stat="([^"]+)"\} (\S+)$/gm);
      return Object.fromEntries([...found].map(([, engine, stat, value]) => [`${engine}.${stat}`, Number(value)]));
    },
    async waitForParticipants(meeting, condition, ms = 30_000) {
      for (const end = Date.now() + ms; ; await delay(50)) {
        const seen = await participants(meeting);
        if (condition(seen)) return seen;
        if (Date.now() > end) throw new Error(`participants of ${meeting}: ${JSON.stringify(seen)}\n${said.output.slice(-4000)}`);
      }
    },
    async endCalls() {
      for (const end = Date.now() + 30_000; ; await delay(50)) {
        const calls = await api<{ readonly id: string }[]>("GET", "/calls");
        if (calls.length === 0) return;
        if (Date.now() > end) throw new Error(`calls that do not end: ${JSON.stringify(calls)}\n${said.output.slice(-4000)}`);
        // one that has ended by itself meanwhile is not found
        for (const { id } of calls) await api("DELETE", `/calls/${id}`).catch(() => undefined);
      }
    },
    async stop() {
      if (runs(child)) child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), 30_000);
      const code = await exited;
      clearTimeout(timer);
      await engines.stop();
      rmSync(folder, { recursive: true, force: true });
      return code;
    },
  };
}
