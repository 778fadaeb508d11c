/** The media servers compared: each with its SIP address and its process. */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { startAsterisk } from "../../test/support/asterisk.ts";
import { asteriskInstalled } from "../../test/support/asterisk-install.ts";

export interface Candidate {
  readonly name: string;
  /** host:port; `sip:conf-N@` joins conference N. */
  readonly sip: string;
  readonly pid: number;
  stop(): Promise<void>;
}

/** CPU seconds a process has used. */
export function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Resident bytes of a process. */
export function residentBytes(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]) * 4096;
}

/** Keeps a process to one core, where there are several. */
export function pin(pid: number, core: number): void {
  spawn("taskset", ["-a", "-c", "-p", String(core), String(pid)], { stdio: "ignore" }).on("error", () => {});
}

export async function embedded(): Promise<Candidate> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "embedded.ts")], { stdio: ["ignore", "pipe", "inherit"] });
  const port = await new Promise<string>((resolve, reject) => {
    child.stdout.on("data", (data: Buffer) => resolve(/sip (\d+)/.exec(data.toString())?.[1] ?? ""));
    child.once("exit", () => reject(new Error("the embedded server ended")));
  });
  return {
    name: "embedded",
    sip: `127.0.0.1:${port}`,
    pid: child.pid!,
    stop: async () => {
      child.kill("SIGTERM");
      await new Promise((resolve) => child.once("exit", resolve));
    },
  };
}

/** FREESWITCH_SIP=host:port and FREESWITCH_PID name a running one whose dialplan has `conf-(.+)`. */
export function freeswitch(): Candidate | undefined {
  const sip = process.env["FREESWITCH_SIP"];
  const pid = Number(process.env["FREESWITCH_PID"]);
  return sip === undefined || !pid ? undefined : { name: "FreeSWITCH", sip, pid, stop: async () => {} };
}

const PJSIP = `[global]
type=global
[udp]
type=transport
protocol=udp
bind=127.0.0.1:35060
[anonymous]
type=endpoint
context=bench
disallow=all
allow=ulaw
direct_media=no
`;

export async function asterisk(): Promise<Candidate | undefined> {
  if (!asteriskInstalled("asterisk")) return undefined;
  const server = await startAsterisk({
    name: "bench",
    ip: "127.0.0.1",
    rtpStart: 36000,
    rtpPorts: 4000,
    pjsip: PJSIP,
    extensions: `[bench]\nexten => _co[n]f-.,1,Answer()\n same => n,ConfBridge(\${EXTEN})\n`,
  });
  return { name: "Asterisk", sip: "127.0.0.1:35060", pid: server.pid, stop: () => server.stop() };
}
