import { lookup } from "node:dns/promises";
import { readFileSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import { dirname } from "node:path";
import { acmeDoors, acmeStanding, failureWords, standingWords, warnDaysOf } from "../app/acme-standing.ts";
import type { Config } from "../app/config/config.ts";
import { type LoadOptions, loadConfig, showMistake } from "../app/config/load.ts";
import { bindAdvice, bindFailure, configuredListeners } from "../app/bind-errors.ts";
import { certificateFiles } from "../app/tls-material.ts";
import { checkChain, readCertificates } from "../security/inspect.ts";
import { clockDrift, clockOffset } from "./doctor-clock.ts";
import { askDrachtio, askFreeSwitch } from "./doctor-engines.ts";
import { pingTarget, within } from "./doctor-trunks.ts";

/** So long one thing may take, in ms: DNS alone has some seconds for each name. */
const LOOK_MS = 15_000;

export interface DoctorOptions {
  readonly ntp: string;
  readonly json?: boolean;
}

/** One thing looked at. `fail` keeps calls from working, `warn` may. */
export interface Finding {
  readonly check: string;
  readonly status: "ok" | "warn" | "fail";
  readonly detail: string;
  /** What to do; null when all is well. */
  readonly mend: string | null;
}

const ok = (check: string, detail: string): Finding => ({ check, status: "ok", detail, mend: null });
const warn = (check: string, detail: string, mend: string): Finding => ({ check, status: "warn", detail, mend });
const fail = (check: string, detail: string, mend: string): Finding => ({ check, status: "fail", detail, mend });

const count = (many: number, what: string): string => `${many} ${what}${many === 1 ? "" : "s"}`;

/** `crosspoint doctor`: exit code 1 when something would keep calls from working. */
export async function doctor(load: LoadOptions, options: DoctorOptions): Promise<number> {
  const findings = await examine(load, options.ntp);
  const failed = findings.filter(({ status }) => status === "fail").length;
  if (options.json) process.stdout.write(`${JSON.stringify({ ok: failed === 0, findings }, null, 2)}\n`);
  else {
    for (const { check, status, detail, mend } of findings) {
      process.stdout.write(
        `${status === "ok" ? "ok  " : status.toUpperCase()}  ${check}: ${detail}\n${mend ? `      mend: ${mend}\n` : ""}`,
      );
    }
    process.stdout.write(failed === 0 ? "\nNothing keeps calls from working.\n" : `\n${failed} thing${failed === 1 ? "" : "s"} to mend.\n`);
  }
  return failed === 0 ? 0 : 1;
}

async function examine(load: LoadOptions, ntp: string): Promise<Finding[]> {
  const { config: whole, mistakes, warnings, rest } = loadConfig(load);
  // What is wrong in one key keeps nothing else from being looked at.
  const config = whole ?? rest ?? null;
  const findings: Finding[] = [node()];
  for (const mistake of mistakes)
    findings.push(fail("configuration", showMistake(mistake), "correct the key; docs/operate/configuration.md has them all"));
  for (const warning of warnings) findings.push(warn("configuration", showMistake(warning), "see docs/operate/configuration.md"));
  if (config) {
    findings.push(
      ok(
        "configuration",
        `${load.file ?? "the demo's"}, ${count(config.meetings.length, "meeting")}, ${count(config.trunks.length, "trunk")}`,
      ),
    );
  }
  const looks: [string, () => Finding[] | Promise<Finding[]>][] = config
    ? [
        ["ports", () => ports(config)],
        ["media.ports", () => [mediaPorts(config)]],
        ["certificates", () => certificates(config)],
        ["engines", () => engines(config)],
        ["disk", async () => [await disk(config)]],
        ["DNS", () => names(config)],
        ["trunks", () => trunks(config)],
      ]
    : [];
  looks.push(["clock", async () => [await clock(ntp)]], ["open files", () => [openFiles()]]);
  for (const found of await Promise.all(looks.map(([check, look]) => alone(check, look)))) findings.push(...found);
  return findings;
}

/** One thing looked at by itself: a fault of it, or its taking too long, is a finding and hides no other. */
async function alone(check: string, look: () => Finding[] | Promise<Finding[]>): Promise<Finding[]> {
  try {
    const found = await within(LOOK_MS, Promise.resolve().then(look));
    return (
      found ?? [fail(check, `nothing is known after ${LOOK_MS / 1000} s`, "check the network and DNS of this machine (/etc/resolv.conf)")]
    );
  } catch (error) {
    return [fail(check, `could not be looked at: ${(error as Error).message}`, "mend what it says, and look again")];
  }
}

/** Whether each trunk's target is there: what a call to it would find. */
async function trunks(config: Config): Promise<Finding[]> {
  const { cert, key, ca } = config.certificates;
  const asked = config.trunks.map(async ({ name, target, identity }) => {
    if (target === null || !/^sips?:/i.test(target)) return [];
    const own = [identity.ca ?? []].flat();
    const there = (file: string | null) => file !== null && readFirst(file) !== null;
    const files = there(cert) && there(key) ? { cert, key } : { cert: null, key: null };
    const { reached, detail } = await pingTarget(target, { ...files, ca: (own.length > 0 ? own : ca).filter(there) });
    return reached
      ? [ok(`trunk ${name}`, detail)]
      : [
          warn(
            `trunk ${name}`,
            `${target}: ${detail}`,
            "check the target, its port and transport, and the firewalls between; calls to it fail",
          ),
        ];
  });
  return (await Promise.all(asked)).flat();
}

function node(): Finding {
  const { node: version } = process.versions;
  return Number(version.split(".")[0]) >= 24
    ? ok("Node.js", version)
    : warn("Node.js", `${version}; the project is tested on 24`, "npm ci without --omit=optional brings the pinned one");
}

async function ports(config: Config): Promise<Finding[]> {
  const own = Object.values(networkInterfaces()).flatMap((list) => list?.map(({ address }) => address) ?? []);
  const any = config.listen === "0.0.0.0" || config.listen === "::";
  if (!any && !own.includes(config.listen)) {
    return [
      fail("listen", `${config.listen} is no address of this machine`, `use one of ${own.join(", ")}, and media.advertise behind NAT`),
    ];
  }
  const running = config.web.port !== null && (await isCrosspoint(config));
  const found: Finding[] = [];
  for (const listener of configuredListeners(config)) {
    const code = listener.port === 0 ? null : await bindFailure(listener.protocol, listener.host, listener.port);
    const what = `${listener.protocol.toUpperCase()} ${listener.host}:${listener.port}`;
    if (code === null) found.push(ok(listener.key, `${what} can be opened`));
    else if (code === "EADDRINUSE" && running) found.push(ok(listener.key, `${what} is open: Crosspoint is running`));
    else found.push(fail(listener.key, `${what}: ${code}`, bindAdvice(listener, code)));
  }
  return found;
}

async function isCrosspoint(config: Config): Promise<boolean> {
  const host = config.listen.includes(":") ? `[${config.listen}]` : config.listen === "0.0.0.0" ? "127.0.0.1" : config.listen;
  try {
    const response = await fetch(`${config.web.tls ? "https" : "http"}://${host}:${config.web.port}/api/v1/health`, {
      signal: AbortSignal.timeout(1000),
    });
    const body = (await response.json()) as { engines?: unknown; uptimeSeconds?: unknown };
    return body.engines !== undefined && body.uptimeSeconds !== undefined;
  } catch {
    return false;
  }
}

function mediaPorts(config: Config): Finding {
  const { min, max } = config.media.ports;
  const range = readFirst("/proc/sys/net/ipv4/ip_local_port_range")?.trim().split(/\s+/).map(Number);
  const [low = 0, high = 0] = range ?? [];
  const check = "media.ports";
  const calls = Math.floor((max - min + 1) / 8);
  if (range && min <= high && max >= low) {
    return warn(
      check,
      `${min}-${max} overlaps the system's own ports (${low}-${high}): some will be taken`,
      "choose a range below, or set net.ipv4.ip_local_reserved_ports",
    );
  }
  return calls < 10
    ? warn(check, `${min}-${max} is enough for ${calls} calls`, "widen the range")
    : ok(check, `${min}-${max}, enough for ${calls} calls with video and content`);
}

function certificates(config: Config): Finding[] {
  const { cert, key, development, ca, acme } = config.certificates;
  if (cert === null || key === null) return [ok("certificates", "none are needed: no listener speaks TLS")];
  const renewal = acmeFindings(config);
  if (acme !== undefined && acmeStanding(config, acme).validity === null) return renewal;
  try {
    const read = (file: string) => readFileSync(file, "utf8");
    const authorities = certificateFiles(config)
      .filter((file) => file !== cert)
      .flatMap((file) => readCertificates(read(file)));
    const chain = readCertificates(read(cert));
    const problems = checkChain({ chain, key: read(key), authorities, warnDays: warnDaysOf(config.certificates, chain) }).filter(
      // a public CA's root is with who verifies
      ({ code }) => acme === undefined || code !== "unrooted",
    );
    const found = problems.map(({ serious, message }) =>
      (serious ? fail : warn)("certificates", `${cert}: ${message}`, "crosspoint certs issue, or csr for a public CA; then SIGHUP"),
    );
    if (ca.length === 0)
      found.push(
        warn(
          "certificates",
          "certificates.ca is empty",
          "name the CAs of peers: without, no client certificate and no server's can be verified",
        ),
      );
    if (found.length > 0) return [...found, ...renewal];
    return [...renewal, ok("certificates", `${cert}: valid, with names, both usages and its chain`)];
  } catch (error) {
    if (development && (error as NodeJS.ErrnoException).code === "ENOENT")
      return [ok("certificates", `made at the first start, in ${development}`)];
    return [fail("certificates", (error as Error).message, "name files that are there and hold PEM")];
  }
}

/** The certificate that is renewed by itself. */
function acmeFindings(config: Config): Finding[] {
  const { acme } = config.certificates;
  if (acme === undefined) return [];
  const standing = acmeStanding(config, acme);
  const what = standingWords(standing);
  if (standing.failure)
    return [
      warn(
        "certificates.acme",
        `${what}; ${failureWords(standing.failure)}`,
        `see to it that ${acme.directory} answers, and that the CA's questions for the names come to ${acmeDoors(config, acme)} here`,
      ),
    ];
  return [ok("certificates.acme", what)];
}

async function engines(config: Config): Promise<Finding[]> {
  const { drachtio, freeswitch, sip, media } = config.engine;
  const found: Finding[] = [];
  if (sip === "drachtio") {
    const answer = await askDrachtio(drachtio.host, drachtio.port, drachtio.secret);
    found.push(
      answer.ok ? ok("engine.sip", `drachtio-server ${answer.version}: ${answer.detail}`) : fail("engine.sip", answer.reason, answer.mend),
    );
  } else found.push(ok("engine.sip", "embedded"));
  if (media === "freeswitch") {
    const answer = await askFreeSwitch(freeswitch.host, freeswitch.port, freeswitch.password, freeswitch.profile);
    found.push(
      answer.ok ? ok("engine.media", `FreeSWITCH ${answer.version}: ${answer.detail}`) : fail("engine.media", answer.reason, answer.mend),
    );
  } else found.push(ok("engine.media", "embedded"));
  return found;
}

async function disk(config: Config): Promise<Finding> {
  let folder = config.data;
  for (;;) {
    try {
      const { bavail, bsize } = await statfs(folder);
      const free = Math.floor((bavail * bsize) / 1e6);
      const detail = `${free} MB free for ${config.data}`;
      if (free < 50) return fail("disk", detail, "make room: records and meetings cannot be kept");
      return free < 1000 ? warn("disk", detail, "make room before it is full; shorten records.retentionDays") : ok("disk", detail);
    } catch (error) {
      // Not yet made: its parent tells as well.
      const parent = dirname(folder);
      if (parent === folder) return warn("disk", (error as Error).message, "check the data folder");
      folder = parent;
    }
  }
}

/** Hosts that trunks and engines name are found; `localhost` stands in where none do. */
async function names(config: Config): Promise<Finding[]> {
  const hosts = config.trunks.flatMap(({ target }) => /^sips?:(\[[^\]]+\]|[^:;?]+)/i.exec(target ?? "")?.[1] ?? []);
  const found: Finding[] = [];
  for (const host of new Set(hosts.length > 0 ? hosts : ["localhost"])) {
    try {
      const { address } = await lookup(host.replace(/^\[|\]$/g, ""));
      found.push(ok("DNS", `${host} is ${address}`));
    } catch (error) {
      // SRV alone is enough for SIP (RFC 3263); the resolver has to say so.
      const { resolveSrv } = await import("node:dns/promises");
      const srv = await Promise.any(["_sips._tcp", "_sip._tcp", "_sip._udp"].map((service) => resolveSrv(`${service}.${host}`))).catch(
        () => null,
      );
      if (srv) found.push(ok("DNS", `${host} has SRV records: ${srv.map((record) => `${record.name}:${record.port}`).join(", ")}`));
      else found.push(fail("DNS", `${host}: ${(error as NodeJS.ErrnoException).code}`, "check the trunk's target and /etc/resolv.conf"));
    }
  }
  return found;
}

async function clock(ntp: string): Promise<Finding> {
  const [offset, drift] = await Promise.all([clockOffset(ntp), clockDrift()]);
  if (Math.abs(drift) > 50)
    return warn(
      "clock",
      `the wall clock moved ${Math.round(drift)} ms against the steady one in a moment`,
      "something sets the clock; let one time service do it, slowly",
    );
  if (offset === null) {
    // No server to compare with: at least not before this was written.
    const sane = new Date().getUTCFullYear() >= 2025;
    return sane
      ? ok("clock", `${new Date().toISOString()}, steady; ${ntp} does not answer, so it is not compared`)
      : fail("clock", `it says ${new Date().toISOString()}`, "set it: certificates seem not yet valid");
  }
  const off = Math.round(Math.abs(offset));
  if (off > 60_000)
    return fail(
      "clock",
      `${Math.round(off / 1000)} s away from ${ntp}`,
      "run a time service (systemd-timesyncd, chrony): certificates and digest depend on the time",
    );
  return off > 1000
    ? warn("clock", `${off} ms away from ${ntp}`, "run a time service (systemd-timesyncd, chrony)")
    : ok("clock", `${off} ms away from ${ntp}`);
}

function openFiles(): Finding {
  const line = readFirst("/proc/self/limits")
    ?.split("\n")
    .find((one) => one.startsWith("Max open files "))
    ?.split(/\s{2,}/)[1];
  if (line === undefined) return ok("open files", "the limit cannot be told here");
  const limit = line === "unlimited" ? Number.POSITIVE_INFINITY : Number(line);
  const detail = `at most ${line}`;
  if (limit < 256) return fail("open files", detail, "ulimit -n 65536, or LimitNOFILE= in the service");
  return limit < 4096
    ? warn("open files", `${detail}; each call takes about six`, "ulimit -n 65536, or LimitNOFILE= in the service")
    : ok("open files", detail);
}

function readFirst(file: string): string | null {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return null;
  }
}
