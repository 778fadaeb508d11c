import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pino from "pino";
import { afterAll, beforeAll, expect, test } from "vitest";
import { loadConfig } from "../../../src/app/config/load.ts";
import { identityChecks, sfuOfModule } from "../../../src/app/modules.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "crosspoint-modules-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function moduleOf(name: string, text: string): string {
  const file = join(folder, `${name}.mjs`);
  writeFileSync(file, text);
  return file;
}

const quiet = pino({ level: "silent" });
const media = {} as never;

test.each([
  ["absent", null, /^sfu: .*absent\.mjs cannot be loaded: /],
  ["broken", "export const createSfu = ;", /^sfu: .*broken\.mjs cannot be loaded: /],
  ["other", "export const create = () => {};", /^sfu: .*other\.mjs exports no function "createSfu"$/],
  ["value", "export const createSfu = 1;", /^sfu: .*value\.mjs exports no function "createSfu"$/],
])("an SFU module that is %s is refused in words", async (name, text, words) => {
  const file = text === null ? join(folder, "absent.mjs") : moduleOf(name, text);
  await expect(sfuOfModule(file, quiet)).rejects.toThrow(words);
});

test("what an SFU module makes has the port's methods, and its seats have a seat's", async () => {
  const half = await sfuOfModule(moduleOf("half", "export const createSfu = () => ({ join() {} });"), quiet);
  expect(() => half(media, null)).toThrow(/createSfu of .*half\.mjs returns has no announce, no present$/);
  const text = "export const createSfu = () => ({ join: async () => ({ on() {}, leave() {} }), announce() {}, present() {} });";
  const made = (await sfuOfModule(moduleOf("seatless", text), quiet))(media, null);
  await expect(made.join("1000", {} as never)).rejects.toThrow(/join of .*seatless\.mjs resolves with has no setMuted, no play$/);
});

test("an identity check that throws or answers no truth value has said no, with a line in the log", async () => {
  const lines: string[] = [];
  const log = pino({ base: undefined }, { write: (line: string) => void lines.push(line) });
  const answers = moduleOf(
    "answers",
    'export const checkIdentity = ({ address }) => { if (address === "throws") throw new Error("no database"); return address === "promise" ? Promise.resolve(true) : address === "right"; };',
  );
  const { config } = loadConfig({ env: {}, settings: [`trunks=[{ name: one, identity: { module: ${answers} } }]`] });
  const check = (await identityChecks(config!, log)).get(answers)!;
  const caller = (address: string) => ({ transport: "udp", address, peer: undefined, authorization: undefined, method: "INVITE" }) as const;
  expect(["right", "wrong"].map((address) => check(caller(address), "one"))).toEqual([true, false]);
  expect(lines).toEqual([]);
  expect(["promise", "throws"].map((address) => check(caller(address), "one"))).toEqual([false, false]);
  expect(lines.map((line) => (JSON.parse(line) as { event: string }).event)).toEqual(["identity-check-failed", "identity-check-failed"]);
});

test("check names modules that are not there, by key", () => {
  const settings = ["sfu=./nowhere/sfu.mjs", "trunks=[{ name: one, identity: { module: ./nowhere/identity.mjs } }]"];
  const { mistakes } = loadConfig({ env: {}, settings, cwd: folder });
  expect(mistakes.map(({ path, message }) => [path, message.split(": ").at(-1)])).toEqual(
    expect.arrayContaining([
      ["sfu", "no such file"],
      ["trunks[0].identity.module", "no such file"],
    ]),
  );
});
