import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { loadConfig, showMistake } from "../../../../src/app/config/load.ts";
import { TRUNK_KINDS, trunkKinds } from "../../../../src/trunks/kinds.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "crosspoint-kinds-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const ENV = { PASSWORD: "of-the-trunk" };

function load(...trunks: string[]) {
  writeFileSync(join(folder, "c.yaml"), `meetings: [{ id: 1000 }]\ntrunks:\n${trunks.map((trunk) => `  - ${trunk}\n`).join("")}`);
  return loadConfig({ file: "c.yaml", cwd: folder, env: ENV, settings: [`certificates.development=${folder}/certs`] });
}

it("each kind gives what the device at the other end wants, and a reason for each key", () => {
  for (const kind of trunkKinds) {
    const identity = "identity: { certificateNames: [edge.example], digest: { username: u, password: { env: PASSWORD } } }";
    const { config, mistakes, trunks } = load(`{ name: edge, kind: ${kind}, ${identity} }`);
    expect([kind, mistakes.map(showMistake)]).toEqual([kind, []]);
    expect(config!.trunks[0]).toMatchObject({ kind, ...TRUNK_KINDS[kind].defaults });
    const byKind = trunks![0]!.keys.filter(({ origin }) => origin === "kind");
    expect(byKind.map(({ path }) => path).toSorted()).toEqual(Object.keys(TRUNK_KINDS[kind].why).toSorted());
    expect(byKind.every(({ why }) => why !== null && why.length > 10)).toBe(true);
  }
});

it("what the configuration says goes before the kind, key by key", () => {
  const { config, trunks } = load(
    "{ name: cube, kind: cube-edge-audio, identity: { certificateNames: [a.example] }, codecs: [PCMU], sessionTimer: { expires: 7200 } }",
  );
  expect(config!.trunks[0]).toMatchObject({ codecs: ["PCMU"], srtp: "required", sessionTimer: { expires: 7200, minSe: 1800 } });
  const origin = (path: string) => trunks![0]!.keys.find((key) => key.path === path)?.origin;
  expect(["codecs", "sessionTimer.expires", "sessionTimer.minSe", "maxCalls"].map(origin)).toEqual([
    "configuration",
    "configuration",
    "kind",
    "default",
  ]);
});

it("a trunk of no kind is as it was", () => {
  const { config } = load("{ name: plain, identity: { networks: [192.0.2.0/24] } }");
  expect(config!.trunks[0]).toMatchObject({ trust: "verified-external", srtp: "preferred", video: true });
  expect(config!.trunks[0]).not.toHaveProperty("sessionTimer");
  expect(config!.trunks[0]).not.toHaveProperty("kind");
});

it("explains no password", () => {
  const { trunks } = load(
    "{ name: a, kind: pbx, identity: { digest: { username: u, password: { env: PASSWORD } } } }",
    '{ name: b, kind: carrier-register, register: { registrars: ["sip:c.example"], username: u, password: { env: PASSWORD } } }',
  );
  expect(JSON.stringify(trunks)).not.toContain(ENV.PASSWORD);
  expect(trunks!.map(({ keys }) => keys.find(({ path }) => path.endsWith("password"))?.value)).toEqual(["(not shown)", "(not shown)"]);
});

it("names the kinds there are for one there is not, and what contradicts a kind's defaults", () => {
  expect(load("{ name: a, kind: cube, identity: { networks: [192.0.2.0/24] } }").mistakes.map(showMistake).join()).toMatch(
    /trunks\[0\]\.kind: .*cube-edge-audio/,
  );
  // the kind demands SRTP, whose keys these transports cannot carry
  expect(
    load("{ name: a, kind: cube-edge-audio, identity: { networks: [192.0.2.0/24] }, transports: [udp] }").mistakes.map(({ path }) => path),
  ).toEqual(["trunks[0].srtp"]);
});

it("each kind has a page for its device's engineer, whose example is right", () => {
  const pages = new URL("../../../../docs/operate/trunks/", import.meta.url);
  for (const kind of trunkKinds) {
    const page = readFileSync(new URL(`${kind}.md`, pages), "utf8");
    const [, example = ""] = page.split("```yaml\n");
    writeFileSync(join(folder, "page.yaml"), example.split("```")[0]!.replace(/^ +ca: .*\n/m, ""));
    const { config, mistakes } = loadConfig({
      file: "page.yaml",
      cwd: folder,
      env: { CARRIER_PASSWORD: "x", PBX_PASSWORD: "x" },
      settings: [`certificates.development=${folder}/certs`],
    });
    expect([kind, mistakes.map(showMistake), config?.trunks[0]?.kind]).toEqual([kind, [], kind]);
  }
});
