/** Runs drachtio-srf's own tests, as its npm package carries them, against a server that speaks drachtio's protocol. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { listening } from "../../support/listening.ts";
import { portsOf } from "../../support/ports.ts";
import { copyScenarios, readCompose } from "./scenarios.ts";

/** A server under test. */
export interface SuiteServer {
  readonly host: string;
  readonly port: number;
  readonly secret: string;
  /** Its UDP address, host:port. */
  readonly sip: string;
}

export interface SuiteOptions {
  readonly sut: SuiteServer;
  /** A second server: the REFER test has one calling the other. */
  readonly second: SuiteServer;
  /** Names of test files without `.js`; all by default. */
  readonly files?: readonly string[];
  /** First of 1,000 ports for SIPp's signalling, and of about 1,900 for its media. */
  readonly sippPort?: number;
  readonly mediaPort?: number;
  /** Who reads messages in drachtio-srf: its own parser, or what the gateway puts in that one's place (`src/legs/sip/srf-reader.ts`). */
  readonly reader?: SuiteReader | undefined;
  /** Keep TAP output and SIPp logs here. */
  readonly logDir?: string | undefined;
}

export type SuiteReader = "drachtio-srf" | "crosspoint";

export interface FileResult {
  readonly file: string;
  readonly pass: number;
  readonly fail: number;
  /** Lines that say what failed, and the end of the output where the file did not finish. */
  readonly failed: readonly string[];
  readonly complete: boolean;
  readonly seconds: number;
}

export interface SuiteResult {
  readonly files: readonly FileResult[];
  readonly pass: number;
  readonly fail: number;
}

export const SUITE_FILES = ["b2b", "reinvite-tests", "uac", "uas", "proxy", "utils", "refer"] as const;
const require = createRequire(import.meta.url);
const here = dirname(fileURLToPath(import.meta.url));
const srf = dirname(dirname(require.resolve("drachtio-srf")));
const HOST = "127.0.0.1";
const FILE_TIMEOUT = 240_000;

function preloads(reader: SuiteReader | undefined): string[] {
  return reader === "crosspoint" ? ["--require", join(here, "our-reader.cjs")] : [];
}

/** Version of the package whose tests are run. */
export function srfVersion(): string {
  return (JSON.parse(readFileSync(join(srf, "package.json"), "utf8")) as { version: string }).version;
}

export async function runSrfSuite(options: SuiteOptions): Promise<SuiteResult> {
  const sippPort = options.sippPort ?? portsOf("drachtio-srf-suite");
  const mediaPort = options.mediaPort ?? portsOf("drachtio-srf-suite") + 1000;
  const work = mkdtempSync(join(tmpdir(), "srf-suite-"));
  const logDir = options.logDir ?? work;
  const children = new Set<ChildProcess>();
  try {
    const containers = readCompose(join(srf, "test", "docker-compose-testbed.yaml"));
    const hosts: Record<string, string> = { "sipp-uas-b-teardown": `${HOST}:${sippPort + 200}` };
    const answering = containers.flatMap((c) =>
      c.scenario === undefined || c.address === undefined
        ? []
        : [{ ...c, scenario: c.scenario, port: sippPort + Number(c.address.split(".").pop()) }],
    );
    for (const { name, address, port } of answering) hosts[name] = hosts[address!] = `${HOST}:${port}`;
    for (const [name, server] of [
      ["drachtio-sut", options.sut],
      ["drachtio-uas", options.second],
    ] as const) {
      hosts[name] = server.sip;
      const address = containers.find((c) => c.name === name)?.address;
      if (address !== undefined) hosts[address] = server.sip;
    }
    const scenarios = join(work, "scenarios");
    copyScenarios(join(srf, "test", "scenarios"), scenarios, hosts);
    answering.forEach(({ name, scenario, port }, i) => {
      const log = openSync(join(logDir, `${name}.log`), "w");
      const media = ["-mi", HOST, "-mp", String(mediaPort + 1050 + 8 * i)];
      const args = [
        "-sf",
        join(scenarios, scenario),
        "-i",
        HOST,
        "-p",
        String(port),
        ...media,
        "-nostdin",
        "-watchdog_interval",
        "3600000",
      ];
      const child = spawn("sipp", args, { cwd: work, stdio: ["ignore", log, log], env: { ...process.env, TERM: "dumb" } });
      closeSync(log);
      children.add(child);
      child.on("error", () => children.delete(child));
      child.on("exit", () => children.delete(child));
    });
    await Promise.all(answering.map(({ port }) => listening(port, { address: HOST })));
    const results: FileResult[] = [];
    for (const [i, file] of (options.files ?? SUITE_FILES).entries()) {
      const suite = {
        srf,
        hosts,
        scenarios,
        sipp: "sipp",
        host: HOST,
        sut: options.sut.sip,
        callerPort: sippPort + 300 + 100 * i,
        mediaPort: mediaPort + 150 * i,
      };
      const config = { "drachtio-sut": connectTo(options.sut), "drachtio-uas": connectTo(options.second) };
      results.push(
        await runFile(file, work, logDir, preloads(options.reader), {
          SRF_SUITE: JSON.stringify(suite),
          NODE_CONFIG: JSON.stringify(config),
        }),
      );
    }
    return { files: results, pass: sum(results, "pass"), fail: sum(results, "fail") };
  } finally {
    for (const child of children) child.kill("SIGKILL");
    rmSync(work, { recursive: true, force: true });
  }
}

/** drachtio-srf's mocha unit tests: how many passed and failed. */
export async function runSrfUnitTests(reader?: SuiteReader): Promise<{ pass: number; fail: number; output: string }> {
  const mocha = join(dirname(require.resolve("mocha/package.json")), "bin", "mocha.js");
  const args = [mocha, ...preloads(reader), "--exit", "--reporter", "json", join(srf, "test", "unit-tests")];
  const output = await new Promise<string>((done) => {
    execFile(process.execPath, args, { cwd: srf, env: { ...process.env, NODE_ENV: "test" }, maxBuffer: 1 << 26 }, (_error, stdout) =>
      done(stdout),
    );
  });
  const stats = /"passes":\s*(\d+)[\s\S]*?"failures":\s*(\d+)/.exec(output);
  return { pass: Number(stats?.[1] ?? 0), fail: Number(stats?.[2] ?? -1), output };
}

function connectTo(server: SuiteServer): { host: string; port: number; secret: string } {
  return { host: server.host, port: server.port, secret: server.secret };
}

function sum(results: readonly FileResult[], what: "pass" | "fail"): number {
  return results.reduce((total, r) => total + r[what], 0);
}

async function runFile(
  file: string,
  work: string,
  logDir: string,
  preload: readonly string[],
  env: Record<string, string>,
): Promise<FileResult> {
  const from = performance.now();
  const child = spawn(process.execPath, [...preload, "--require", join(here, "preload.cjs"), join(srf, "test", `${file}.js`)], {
    cwd: work,
    env: { ...process.env, NODE_ENV: "test", TERM: "dumb", NODE_CONFIG_DIR: join(srf, "config"), SUPPRESS_NO_CONFIG_WARNING: "y", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let tap = "";
  const add = (data: Buffer): void => {
    tap += data.toString();
    if (process.env["VERBOSE"] !== undefined) process.stdout.write(data);
  };
  child.stdout.on("data", add);
  child.stderr.on("data", add);
  let summary = 0;
  const watch = setInterval(() => {
    const now = performance.now();
    if (summary === 0 && /^# (pass|fail)\s+\d+/m.test(tap)) summary = now;
    // The summary is out, but connections keep the process alive.
    if ((summary > 0 && now - summary > 3_000) || now - from > FILE_TIMEOUT) child.kill("SIGKILL");
  }, 250);
  await new Promise<void>((done) => child.on("close", () => done()));
  clearInterval(watch);
  writeFileSync(join(logDir, `${file}.tap`), tap);
  const complete = /^# tests\s+\d+/m.test(tap);
  const failed = [...(tap.match(/^not ok .*/gm) ?? []), ...(complete ? [] : [tap.slice(-2000)])];
  return {
    file,
    pass: (tap.match(/^ok \d+/gm) ?? []).length,
    fail: (tap.match(/^not ok \d+/gm) ?? []).length,
    failed,
    complete,
    seconds: Math.round((performance.now() - from) / 100) / 10,
  };
}
