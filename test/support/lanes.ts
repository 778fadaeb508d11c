/**
 * Runs the files of tests with real peers side by side, each file in a vitest and a network namespace of its own: ports, interfaces and
 * captures of one file are not seen by another, nor by anything else that listens on the machine.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { basename, join, relative } from "node:path";
import { canUnshareNetwork } from "./namespace.ts";

/** What vitest's JSON reporter says of a run, as far as it is read here. */
export interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

/** One run of one file. */
export interface FileRun {
  readonly file: string;
  /** Undefined where vitest wrote none. */
  readonly report: VitestReport | undefined;
  readonly status: number | null;
  readonly output: string;
  readonly seconds: number;
}

/**
 * Files that load both processors by themselves (browsers, pictures, floods), or judge sound that a busy machine delays. They run one at a time,
 * after the others.
 */
const ALONE = /^(web-|video-|janus|sfu-|gateway-flood|gateway-thread-death|h323-video|room-system|srtp-)/;

/** The longest first, so that no lane ends with one of them while the others have nothing left. */
const LONG = [
  "drachtio-srf-suite",
  "h323-asterisk",
  "drachtio-fsmrf-suite",
  "gateway-join",
  "interop-baresip",
  "contract",
  "gateway-cancel",
  "h323-meeting",
];

/** Files of tests with real peers below `folder`, whose path holds one of `filters` where there are any. */
export function peerFiles(folder: string, filters: readonly string[]): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".test.ts"))
    .map((entry) => relative(process.cwd(), join(entry.parentPath, entry.name)))
    .filter((file) => filters.length === 0 || filters.some((filter) => file.includes(filter)))
    .sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
}

function rank(file: string): number {
  const at = LONG.indexOf(basename(file, ".test.ts"));
  return at < 0 ? LONG.length : at;
}

/** How many files may run beside each other: 1 where a process can have no network of its own. */
export function laneCount(): number {
  return process.platform === "linux" && canUnshareNetwork() ? Math.min(3, Math.max(1, availableParallelism())) : 1;
}

/**
 * Runs the files and returns the last run of each. What fails in a lane is run once more alone at the end: a busy machine decides no test.
 * `done` hears of each run as it ends, `again` says that the file will be run once more.
 */
export async function runInLanes(
  vitest: string,
  files: readonly string[],
  lanes: number,
  done: (run: FileRun, again: boolean) => void,
): Promise<FileRun[]> {
  const results: FileRun[] = [];
  const queue = files.filter((file) => !ALONE.test(basename(file)));
  const alone = files.filter((file) => ALONE.test(basename(file)));
  const lane = async () => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
      const run = await runFile(vitest, file);
      const again = failed(run);
      done(run, again);
      if (again) alone.push(file);
      else results.push(run);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  for (const file of alone) {
    const run = await runFile(vitest, file);
    done(run, false);
    results.push(run);
  }
  return results;
}

/** Whether a run has to count as failed. */
export function failed({ status, report }: FileRun): boolean {
  return status !== 0 || report === undefined;
}

async function runFile(vitest: string, file: string): Promise<FileRun> {
  const folder = mkdtempSync(join(tmpdir(), "crosspoint-report-"));
  const json = join(folder, "report.json");
  const started = performance.now();
  const script = 'ip link set lo up && exec "$@"';
  const command = [vitest, "run", "--project", "peers", "--reporter=default", "--reporter=json", `--outputFile.json=${json}`, file];
  const child = spawn("unshare", ["-n", "sh", "-c", script, "sh", ...command], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  const status = await new Promise<number | null>((resolve) => {
    child.once("error", () => resolve(null));
    child.once("close", (code) => resolve(code));
  });
  let report: VitestReport | undefined;
  try {
    report = JSON.parse(readFileSync(json, "utf8")) as VitestReport;
  } catch {
    // vitest did not get as far as a report
  }
  rmSync(folder, { recursive: true, force: true });
  return { file, report, status, output, seconds: (performance.now() - started) / 1000 };
}
