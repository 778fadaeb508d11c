import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Config } from "../../../src/app/config/config.ts";
import { loadConfig, showMistake } from "../../../src/app/config/load.ts";
import { routeIn, routeOut } from "../../../src/cli/route-steps.ts";

const CONFIG = `
meetings: [{ id: 1000 }, { id: 2000, guestPin: 612622, aliases: ["+4930555100"] }, { id: 7000, tenant: acme, lobby: true }, { id: 4000, endToEndEncrypted: true }]
numbers:
  - { number: +49 30 555 0, language: de, cost: toll }
  - { number: +1 800 555 1234, trunk: us, cost: toll-free, meeting: 7000 }
trunks:
  - { name: de, identity: { networks: [192.0.2.0/28] }, trust: unverified, target: "sip:192.0.2.1", dialling: { country: DE, out: national }, maxCalls: 5 }
  - { name: us, tenant: acme, trust: unverified, identity: { networks: [198.51.100.0/28] }, dialling: { country: US, strip: "9" } }
`;

let folder: string;
let config: Config;
const load = (text: string) => {
  writeFileSync(join(folder, "c.yaml"), text);
  return loadConfig({ file: "c.yaml", cwd: folder, env: {}, settings: ["sip.tls=off"] });
};
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "crosspoint-route-"));
  const loaded = load(CONFIG);
  expect(loaded.mistakes.map(showMistake)).toEqual([]);
  config = loaded.config!;
});
afterAll(() => rmSync(folder, { recursive: true }));
const trunk = (name: string) => config.trunks.find((one) => one.name === name)!;

describe("a number that a caller dials", () => {
  it("is an access number in its national form, with its language and cost", async () => {
    const { leads, steps } = await routeIn(config, "0305550", trunk("de"));
    expect(leads).toBe(true);
    expect(steps).toEqual([
      "a call by trunk de, unverified",
      "a number of DE: +49305550",
      "+49305550 is one of numbers (toll, prompts in de)",
      "it asks for the meeting's number, then for its PIN where it has one",
    ]);
  });

  it("reaches a meeting of its own tenant, through the lobby; no other tenant's caller does", async () => {
    expect((await routeIn(config, "918005551234", trunk("us"))).steps).toContain("the caller waits in the lobby until a host admits them");
    expect((await routeIn(config, "7000", trunk("de"))).leads).toBe(false);
    expect((await routeIn(config, "+18005551234", trunk("de"))).leads).toBe(false);
  });

  it("reaches a meeting by the alias its number is; a dialled PIN is never shown", async () => {
    const { leads, steps } = await routeIn(config, "030555100**612622", trunk("de"));
    expect([leads, steps.includes("meeting 2000")]).toEqual([true, true]);
    expect(JSON.stringify([steps, routeOut(config, "030555100**612622", null)])).not.toContain("612622");
  });

  it("shows no digits that may be a PIN behind a number, however they are separated", async () => {
    for (const dialled of ["2000-612622", "2000.612622", "2000%2D612622", "2000_612622", "2000 612622"]) {
      const ways = [await routeIn(config, dialled, trunk("de")), routeOut(config, dialled, trunk("de"))];
      expect(ways.map(({ leads }) => leads)).toEqual([false, false]);
      expect(JSON.stringify(ways)).not.toContain("612622");
    }
  });

  it("says what is refused: an end-to-end encrypted meeting, unknown callers, no meeting", async () => {
    expect((await routeIn(config, "4000", trunk("de"))).steps.at(-1)).toBe("it is end-to-end encrypted: 488 (end-to-end-encrypted)");
    expect((await routeIn(config, "1000", null)).steps).toEqual([expect.stringContaining("unknownCallers is off")]);
    expect((await routeIn(config, "1001", trunk("de"))).steps.at(-1)).toContain("404 (no-such-meeting)");
  });
});

describe("a number that we call", () => {
  it("is written as its trunk wants it", () => {
    expect(routeOut(config, "+4930123456", null).steps).toEqual([
      "by trunk de, the first with a target",
      "national form: 030123456",
      "INVITE sip:030123456@192.0.2.1;user=phone",
      "to 192.0.2.1 over udp, SRTP preferred",
      "at most 5 calls at a time: 503 (trunk-limit) beyond",
    ]);
    expect(routeOut(config, "+4930123456", trunk("us"))).toMatchObject({
      leads: false,
      steps: [expect.stringContaining("400 (no-route)")],
    });
  });
});

it("a trunk that is called by national numbers has a country", () => {
  const text = CONFIG.replace("dialling: { country: DE, out: national }", "dialling: { out: national }");
  expect(load(text).mistakes).toEqual([
    expect.objectContaining({ path: "trunks[0].dialling.out", message: expect.stringContaining("country") }),
  ]);
});

describe("mistakes of numbers", () => {
  const mistakes = (numbers: string) => load(CONFIG.replace(/numbers:\n(?: {2}- .*\n)+?(?=trunks)/, `numbers: [${numbers}]\n`)).mistakes;
  it.each([
    ["{ number: 030123456 }", "numbers[0].number", "with its country code"],
    ["{ number: +4930123, trunk: none }", "numbers[0].trunk", 'there is no trunk "none"'],
    ["{ number: +4930123 }, { number: +49 30 123 }", "numbers[1].number", "already is numbers[0]"],
    ["{ number: +49 30 555 100 }", "numbers[0].number", "already is meeting 2000"],
    ["{ number: +4930123, meeting: 7000 }", "numbers[0].meeting", 'is of tenant "acme"'],
    ["{ number: +4930123, trunk: us, tenant: other }", "numbers[0].tenant", 'is of tenant "acme"'],
    ["{ number: +4930123, cost: cheap }", "numbers[0].cost", "toll-free"],
  ])("%s", (numbers, path, message) => {
    expect(mistakes(numbers)).toEqual([expect.objectContaining({ path, message: expect.stringContaining(message) })]);
  });
});
