/**
 * `npm run test:changed [-- REF]`: for a developer's minute. Type check, then the unit tests that import what has changed since REF (HEAD where it is not
 * given: what is not committed yet), and those that lie beside it as `test/unit` lies beside `src`: a page, a prompt or a worker is imported by no test.
 */
import { spawnSync } from "node:child_process";
import { existsSync, globSync } from "node:fs";
import { basename, dirname, join } from "node:path";

const root = join(import.meta.dirname, "..");
const bin = join(root, "node_modules/.bin");
const ref = process.argv[2] ?? "HEAD";

function lines(command: string, args: readonly string[]): string[] {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: root, encoding: "utf8" });
  if (status !== 0) {
    process.stderr.write(stderr || stdout);
    process.exit(1);
  }
  return stdout.split("\n").filter((line) => line !== "");
}

/** The tests beside a file of src: those of its name, or all of its folder where it is no source. */
function beside(file: string): string[] {
  if (!file.startsWith("src/")) return [];
  let folder = join("test/unit", dirname(file).slice("src/".length));
  while (!existsSync(join(root, folder))) folder = dirname(folder);
  // of src itself, or of a module that has no tests
  if (folder === "test/unit") return [];
  const pattern = file.endsWith(".ts") ? `${basename(file, ".ts")}*.test.ts` : "*.test.ts";
  return globSync(join(folder, pattern), { cwd: root });
}

const changed = [...lines("git", ["diff", "--name-only", ref]), ...lines("git", ["ls-files", "--others", "--exclude-standard"])];
const listed = lines(join(bin, "vitest"), ["list", "--project", "unit", "--filesOnly", "--changed", ref]);
const importing = listed.flatMap((line) => /^(?:\[unit\] )?(test\/unit\/\S{1,300}\.test\.ts)$/.exec(line)?.[1] ?? []);
const tests = [...new Set([...importing, ...changed.flatMap(beside)])].sort();
console.log(`${changed.length} files changed since ${ref}, ${tests.length} test files`);
const steps: [string, string[]][] = [["tsc", ["-p", "."]]];
if (tests.length > 0) steps.push(["vitest", ["run", "--project", "unit", ...tests]]);
for (const [program, args] of steps) {
  const { status } = spawnSync(join(bin, program), args, { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
  if (status !== 0) process.exit(1);
}
