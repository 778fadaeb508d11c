import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { doorNames, readManifest, root } from "../../../tools/package/doors.ts";

/** Packs a copy of the checkout, as `npm pack` does for who publishes it, and installs the tarball where nothing of the checkout is. */
describe("the package", () => {
  let folder: string;
  let checkout: string;
  let consumer: string;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "crosspoint-package-"));
    checkout = join(folder, "checkout");
    for (const name of ["package.json", "tsconfig.json", "src", "tools", "README.md", "LICENSE", "CHANGELOG.md"])
      cpSync(join(root, name), join(checkout, name), { recursive: true });
    symlinkSync(join(root, "node_modules"), join(checkout, "node_modules"));
    run("npm", ["pack", "--silent"], checkout);

    consumer = join(folder, "consumer");
    const modules = join(consumer, "node_modules");
    mkdirSync(modules, { recursive: true });
    run("tar", ["-xf", join(checkout, `crosspoint-${String(readManifest()["version"])}.tgz`), "-C", modules], folder);
    cpSync(join(modules, "package"), join(modules, "crosspoint"), { recursive: true });
    rmSync(join(modules, "package"), { recursive: true });
    // what npm would install beside it, and the compiler's types of Node.js
    const { dependencies, optionalDependencies } = installed();
    for (const name of [...Object.keys({ ...dependencies, ...optionalDependencies }), "@types/node"]) {
      if (!existsSync(join(root, "node_modules", name))) continue;
      mkdirSync(dirname(join(modules, name)), { recursive: true });
      symlinkSync(join(root, "node_modules", name), join(modules, name));
    }
    writeFileSync(join(consumer, "package.json"), JSON.stringify({ name: "consumer", type: "module" }));
    cpSync(join(import.meta.dirname, "consumer.ts"), join(consumer, "consumer.ts"));
  }, 300_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  interface Installed {
    readonly dependencies: Record<string, string>;
    readonly optionalDependencies: Record<string, string>;
    readonly exports: Record<string, string | { readonly types: string; readonly default: string }>;
  }
  const installed = () => JSON.parse(readFileSync(join(consumer, "node_modules/crosspoint/package.json"), "utf8")) as Installed;
  const run = (command: string, args: readonly string[], cwd: string) =>
    execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], timeout: 240_000 });

  test("every door of it is JavaScript with declarations, and the checkout is as it was", () => {
    for (const [name, target] of Object.entries(installed().exports)) {
      const files = typeof target === "string" ? [target] : [target.types, target.default];
      if (name !== "./package.json") expect(files.map((file) => file.split(".").at(-1))).toEqual(["ts", "js"]);
      for (const file of files) expect(existsSync(join(consumer, "node_modules/crosspoint", file)), file).toBe(true);
    }
    expect(readFileSync(join(checkout, "package.json"), "utf8")).toBe(readFileSync(join(root, "package.json"), "utf8"));
    expect(existsSync(join(consumer, "node_modules/crosspoint/src"))).toBe(false);
  });

  test("a program compiles against its types and runs on its doors", () => {
    const strict = ["--strict", "--noUncheckedIndexedAccess", "--module", "nodenext", "--target", "es2024", "--types", "node"];
    run(join(root, "node_modules/.bin/tsc"), [...strict, "--outDir", "built", "consumer.ts"], consumer);
    const words = JSON.parse(run(process.execPath, ["built/consumer.js"], consumer).trim().split("\n").at(-1)!) as unknown;
    expect(words).toEqual({ sip: "answered 200", h323: "connected to callee", engines: "up", srtp: "hi", per: 7, meetings: 5 });
  }, 240_000);

  test("its command line runs", () => {
    const words = run(process.execPath, ["node_modules/crosspoint/dist/cli/crosspoint.mjs", "check", "--json"], consumer);
    expect(JSON.parse(words)).toMatchObject({ mistakes: [] });
  }, 60_000);

  test.each(doorNames())(
    "the public API of %s is the one in docs/api; after a change on purpose `npm run api:update` writes it",
    (door) => {
      const made = readFileSync(join(checkout, "dist/report", `${door}.api.md`), "utf8");
      expect(made).toBe(readFileSync(join(root, "docs/api", `${door}.api.md`), "utf8"));
    },
  );

  test("docs/api has a report of every door and of nothing else", () => {
    expect(readdirSync(join(root, "docs/api")).sort()).toEqual(
      doorNames()
        .map((door) => `${door}.api.md`)
        .sort(),
    );
  });
});
