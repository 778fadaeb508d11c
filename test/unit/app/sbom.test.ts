import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "../../..");

interface Component {
  readonly type: string;
  readonly name: string;
  readonly version: string;
  readonly "bom-ref": string;
  readonly purl: string;
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
}
interface Sbom {
  readonly bomFormat: string;
  readonly specVersion: string;
  readonly serialNumber: string;
  readonly version: number;
  readonly metadata: { readonly timestamp: string; readonly component: Component };
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

test("npm run sbom makes a CycloneDX bill of materials of every package in the lock file", () => {
  const text = execFileSync("npm", ["run", "--silent", "sbom"], { cwd: root, encoding: "utf8", maxBuffer: 1 << 26 });
  const bom = JSON.parse(text) as Sbom;
  expect(bom).toMatchObject({
    bomFormat: "CycloneDX",
    version: 1,
    metadata: { component: { "bom-ref": "crosspoint@0.1.0", type: "application" } },
  });
  expect(bom.specVersion).toMatch(/^1\.[5-9]$/);
  expect(bom.serialNumber).toMatch(/^urn:uuid:[0-9a-f-]{36}$/);
  expect(Number.isNaN(Date.parse(bom.metadata.timestamp))).toBe(false);

  const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as {
    packages: Record<string, { name?: string; version?: string }>;
  };
  const locked = Object.entries(lock.packages)
    .filter(([path]) => path !== "")
    .map(([path, { name, version }]) => `${name ?? path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length)}@${version}`);
  expect(new Set(bom.components.map(({ name, version }) => `${name}@${version}`))).toEqual(new Set(locked));

  const refs = new Set([bom.metadata.component["bom-ref"], ...bom.components.map((one) => one["bom-ref"])]);
  expect(refs.size).toBe(bom.components.length + 1);
  for (const { purl, name, version } of bom.components) expect(decodeURIComponent(purl)).toBe(`pkg:npm/${name}@${version}`);
  for (const { ref, dependsOn } of bom.dependencies) for (const one of [ref, ...dependsOn]) expect(refs, one).toContain(one);
}, 60_000);

test("no package of the lock file asks for a newer Node.js than the one that installs it", () => {
  const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as {
    packages: Record<string, { engines?: { node?: string } }>;
  };
  const asking = Object.entries(lock.packages).filter(([, { engines }]) => engines?.node !== undefined && !takesNode20(engines.node));
  expect(asking).toEqual([]);
});

/** Whether a range of versions takes 20.20: alternatives of comparators, as far as packages use them. */
function takesNode20(range: string): boolean {
  return range.split("||").some((alternative) =>
    [...alternative.trim().matchAll(/(>=|<=|>|<|\^|~|=)?\s*v?(\d+)(?:\.(\d+|x|\*))?\S*/g)].every(([, operator = "=", major, minor]) => {
      const [a, b] = [Number(major), minor === undefined || /[x*]/.test(minor) ? null : Number(minor)];
      if (operator === ">=" || operator === ">") return a < 20 || (a === 20 && (b ?? 0) <= 20);
      if (operator === "<" || operator === "<=") return a > 20 || (a === 20 && (b ?? 99) > 20);
      return a === 20 && (operator === "=" ? b === null || b === 20 : (b ?? 0) <= 20);
    }),
  );
}
