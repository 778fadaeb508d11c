/** Runs drachtio-fsmrf's tests and reads their TAP. */
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { Named, SuiteServers } from "./servers.ts";

const require = createRequire(import.meta.url);
const packageFile: string = require.resolve("drachtio-fsmrf/package.json");

/** What came of a run. */
export interface SuiteResult {
  readonly pass: number;
  /** `not ok` lines with what follows them. */
  readonly failed: readonly string[];
  /** The plan was printed: every test ran to its end. */
  readonly complete: boolean;
  readonly output: string;
}

export function fsmrfVersion(): string {
  return (require(packageFile) as { version: string }).version;
}

/** The configuration that the tests read, with these servers in it. */
function configuration(servers: SuiteServers): string {
  // fsmrf takes the first address that is not loopback to listen at, unless told.
  const media = (named: Named, more: object = {}) => ({
    address: named.address,
    port: named.port,
    secret: named.secret,
    listenAddress: "127.0.0.1",
    ...more,
  });
  const sip = ({ address, port, secret }: Named) => ({ host: address, port, secret });
  return JSON.stringify({
    "drachtio-uac": sip(servers.callerSip),
    "drachtio-sut": sip(servers.sutSip),
    "freeswitch-uac": media(servers.callerMedia),
    "freeswitch-sut": media(servers.sutMedia),
    "freeswitch-custom-profile-uac": media(servers.customMedia, { profile: servers.customMedia.profile }),
    "call-generator": { uri: servers.sutSip.uri, drachtio: sip(servers.callerSip), freeswitch: media(servers.callerMedia) },
  });
}

/** Runs the tests (all files, or those named) to their end. */
export function runFsmrfSuite(servers: SuiteServers, files?: readonly string[]): Promise<SuiteResult> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "run.cjs")], {
    env: {
      ...process.env,
      NODE_CONFIG_DIR: join(dirname(packageFile), "config"),
      NODE_CONFIG: configuration(servers),
      SUPPRESS_NO_CONFIG_WARNING: "1",
      ...(servers.stockFreeswitch ? { FSMRF_MEND_RECVONLY: "1" } : {}),
      ...(files ? { FSMRF_FILES: files.join(",") } : {}),
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  child.stdout.on("data", (text: Buffer) => (output += text.toString()));
  child.stderr.on("data", (text: Buffer) => (output += text.toString()));
  const timer = setTimeout(() => child.kill("SIGKILL"), 300_000);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", () => {
      clearTimeout(timer);
      const pass = output.match(/^ok \d+/gm)?.length ?? 0;
      const failed = output.match(/^not ok .*(?:\n {2}.*)*/gm) ?? [];
      resolve({ pass, failed, complete: /^1\.\.\d+$/m.test(output), output });
    });
  });
}
