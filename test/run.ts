/**
 * The one test command: type check, lint, then every vitest project, after installing the real peers where that is possible.
 * Ends with the plain line `N passed, N failed, N skipped`; exit code 1 when anything failed or nothing ran.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { failed as isFailed, laneCount, peerFiles, runInLanes, type VitestReport } from "./support/lanes.ts";
import { canInstall, installPeers, PEERS, type PeerName, peerAvailable } from "./support/peer-packages.ts";
import { PORTS } from "./support/ports.ts";

const bin = join(import.meta.dirname, "..", "node_modules", ".bin");
const started = performance.now();
let passed = 0;
let failed = 0;
let skipped = 0;

function step(name: string, command: string, args: readonly string[]): void {
  console.log(`\n== ${name}`);
  const { status } = spawnSync(join(bin, command), args, { stdio: ["ignore", "inherit", "inherit"] });
  if (status === 0) passed++;
  else failed++;
  console.log(`${name}: ${status === 0 ? "passed" : "FAILED"}`);
}

/** The bill of materials (CycloneDX) of what is tested, into the checkout. */
function billOfMaterials(): void {
  const { status, stdout } = spawnSync("npm", ["run", "--silent", "sbom"], { encoding: "utf8", maxBuffer: 1 << 26 });
  if (status === 0) writeFileSync(join(import.meta.dirname, "..", "sbom.cdx.json"), stdout);
  else failed++;
  console.log(`bill of materials: ${status === 0 ? "written to sbom.cdx.json" : "FAILED"}`);
}

function vitest(project: string, extra: readonly string[]): void {
  console.log(`\n== ${project} tests`);
  const folder = mkdtempSync(join(tmpdir(), "crosspoint-report-"));
  const file = join(folder, "report.json");
  const { status } = spawnSync(
    join(bin, "vitest"),
    ["run", "--project", project, "--reporter=default", "--reporter=json", `--outputFile.json=${file}`, ...extra],
    { stdio: ["ignore", "inherit", "inherit"] },
  );
  count(existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as VitestReport) : undefined, status);
  rmSync(folder, { recursive: true, force: true });
}

function count(report: VitestReport | undefined, status: number | null): void {
  if (report === undefined) {
    failed++;
    return;
  }
  passed += report.numPassedTests;
  failed += report.numFailedTests;
  skipped += report.numPendingTests + report.numTodoTests;
  for (const result of report.testResults) {
    // A file that failed to load has no tests to count.
    if (result.status === "failed" && result.assertionResults.every(({ status }) => status !== "failed")) failed++;
    for (const test of result.assertionResults) if (test.status === "pending") console.log(`skipped: ${test.fullName}`);
  }
  if (status !== 0 && report.numFailedTests === 0 && report.testResults.every((result) => result.status !== "failed")) failed++;
}

/** Tests with real peers: side by side where each file can have a network of its own, else one after the other. */
async function peers(filters: readonly string[]): Promise<void> {
  const files = peerFiles(join(import.meta.dirname, "peers"), filters);
  const lanes = laneCount();
  if (lanes < 2 || files.length < 2) {
    vitest("peers", filters);
    return;
  }
  console.log(`\n== peers tests, ${lanes} files side by side`);
  const runs = await runInLanes(join(bin, "vitest"), files, lanes, (run, again) => {
    console.log(run.output.trimEnd());
    const word = isFailed(run) ? (again ? "failed, will be run once more alone" : "FAILED") : "passed";
    console.log(`-- ${run.file}: ${word}, ${Math.round(run.seconds)} s`);
  });
  for (const run of runs) count(run.report, run.status);
}

if (canInstall()) installPeers((line) => console.log(line));
for (const peer of Object.keys(PEERS) as PeerName[]) {
  if (!peerAvailable(peer))
    console.log(`peer not here: ${peer}; suites that need it are skipped${process.env["CI"] === "true" ? ", which fails in CI" : ""}`);
}
const range = "/proc/sys/net/ipv4/ip_local_port_range";
const outgoing = existsSync(range) ? Number.parseInt(readFileSync(range, "utf8"), 10) : Number.POSITIVE_INFINITY;
if (outgoing <= PORTS.at(-1)!.last)
  console.log(
    `net.ipv4.ip_local_port_range begins at ${outgoing}: outgoing connections may hold ports that tests listen on (test/support/ports.ts)`,
  );
const only = process.argv.slice(2);
if (only.length === 0) {
  step("type check", "tsc", ["-p", "."]);
  step("room imports", "depcruise", ["--config", ".dependency-cruiser.cjs", "src"]);
  step("lint", "biome", ["lint", "--error-on-warnings", "."]);
  step("format", "biome", ["format", "."]);
  step("unused files, exports and dependencies", "knip", ["--no-progress"]);
  step("fuzz", "node", [join(import.meta.dirname, "fuzz/run.ts")]);
  step("regular expressions", "node", [join(import.meta.dirname, "../tools/regexps/lint.ts")]);
}
if (only.length === 0 && process.env["CI"] === "true") billOfMaterials();
vitest("unit", only);
await peers(only);
console.log(`\n${Math.round((performance.now() - started) / 1000)} s`);
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exit(failed > 0 || passed === 0 ? 1 : 0);
