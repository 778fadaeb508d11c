/**
 * What `npm pack` runs before and after (`prepack`, `postpack`). The checkout runs as TypeScript; Node.js strips no types under node_modules, so the
 * package holds JavaScript in dist/, declarations of its doors, and a package.json whose `exports` and `bin` lead there. That package.json stands in
 * the checkout only while npm packs it.
 */
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import ts from "typescript";
import { doorTypes, withoutTs } from "./declarations.ts";
import { readManifest, root } from "./doors.ts";

const dist = join(root, "dist");
const manifestFile = join(root, "package.json");
const kept = join(root, "package.json.checkout");

/** Every source file as JavaScript, and what stands beside: prompts, pages, the demo configuration. */
function buildSources(): void {
  for (const name of globSync("**/*.*", { cwd: join(root, "src") })) {
    const from = join(root, "src", name);
    if (name.endsWith(".md")) continue;
    if (!name.endsWith(".ts")) {
      cpSync(from, join(dist, name), { recursive: true });
      if (name.endsWith(".mjs")) writeFileSync(join(dist, name), withoutTs(readFileSync(from, "utf8")));
      continue;
    }
    const { outputText } = ts.transpileModule(readFileSync(from, "utf8"), {
      fileName: from,
      compilerOptions: { target: ts.ScriptTarget.ES2024, module: ts.ModuleKind.ESNext, verbatimModuleSyntax: true },
    });
    const to = join(dist, `${name.slice(0, -3)}.js`);
    mkdirSync(dirname(to), { recursive: true });
    writeFileSync(to, withoutTs(outputText));
  }
}

function buildTypes(): void {
  mkdirSync(join(dist, "report"), { recursive: true });
  for (const { door, declarations, report } of doorTypes()) {
    writeFileSync(join(dist, "exports", `${door}.d.ts`), declarations);
    writeFileSync(join(dist, "report", `${door}.api.md`), report);
  }
}

/** The package's own package.json. */
function publishedManifest(): string {
  const { private: _, scripts: _s, devDependencies: _d, ...manifest } = readManifest();
  const exports = Object.entries(manifest.exports).map(([name, target]) => {
    if (!target.endsWith(".ts")) return [name, target];
    const file = target.replace("./src/", "./dist/").slice(0, -3);
    return [name, { types: `${file}.d.ts`, default: `${file}.js` }];
  });
  const bin = Object.entries(manifest.bin).map(([name, target]) => [name, target.replace("src/", "dist/")]);
  return `${JSON.stringify({ ...manifest, bin: Object.fromEntries(bin), exports: Object.fromEntries(exports) }, null, 2)}\n`;
}

function restore(): void {
  if (existsSync(kept)) renameSync(kept, manifestFile);
}

restore();
if (process.argv[2] !== "restore") {
  rmSync(dist, { recursive: true, force: true });
  buildSources();
  buildTypes();
  const manifest = publishedManifest();
  cpSync(manifestFile, kept);
  writeFileSync(manifestFile, manifest);
}
