import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { loadConfig } from "../../../../src/app/config/load.ts";
import { namesToResolve } from "../../../../src/app/config/shut-out.ts";
import { Networks, coverage } from "../../../../src/security/networks.ts";

const folder = mkdtempSync(join(tmpdir(), "crosspoint-shut-out-"));
afterAll(() => rmSync(folder, { recursive: true }));

function load(text: string, addresses?: ReadonlyMap<string, readonly string[]>) {
  writeFileSync(join(folder, "c.yaml"), text);
  const settings = ["sip.tls=off", "unknownCallers=off"];
  return loadConfig({ file: "c.yaml", cwd: folder, env: {}, settings, addresses });
}
const told = (text: string, addresses?: ReadonlyMap<string, readonly string[]>): string[] =>
  load(text, addresses)
    .warnings.filter(({ message }) => /^(?:allow|deny) /.test(message))
    .map(({ path, line, message }) => `${path}:${line} ${message}`);
const trunk = (more: string): string => `trunks: [{ name: bank, srtp: required, ${more} }]\n`;

test.each([
  ["deny: [10.0.0.0/8]", "identity: { networks: [10.1.2.3] }", "deny shuts out callers of trunk bank (10.1.2.3)"],
  ["deny: [10.0.0.0/8]", "identity: { networks: [192.0.2.0/24, 10.1.0.0/16] }", "deny shuts out callers of trunk bank (10.1.0.0/16)"],
  ["deny: [10.1.0.0/16]", "identity: { networks: [10.0.0.0/8] }", "deny shuts out a part of callers of trunk bank (10.0.0.0/8)"],
  ["deny: ['2001:db8::/48']", "identity: { networks: ['2001:db8:0:1::/64'] }", "deny shuts out callers of trunk bank (2001:db8:0:1::/64)"],
  ["deny: ['2001:db8:0:1::/64']", "identity: { networks: ['2001:DB8:0:1::7'] }", "deny shuts out callers of trunk bank (2001:DB8:0:1::7)"],
  ["deny: ['2001:db8:0:1::/64']", "identity: { networks: ['2001:db8::/32'] }", "deny shuts out a part of"],
  ["deny: ['::ffff:10.0.0.0/104']", "identity: { networks: [10.1.2.3] }", "deny shuts out callers of trunk bank (10.1.2.3)"],
  ["deny: [10.1.2.3]", "identity: { networks: ['::ffff:10.1.2.3'] }", "deny shuts out callers of trunk bank (::ffff:10.1.2.3)"],
  ["allow: [192.0.2.0/24]", "identity: { networks: [198.51.100.7] }", "allow does not have callers of trunk bank (198.51.100.7)"],
  ["allow: [10.0.0.0/9]", "identity: { networks: [10.0.0.0/8] }", "allow has only a part of callers of trunk bank (10.0.0.0/8)"],
  ["allow: ['2001:db8::/32']", "identity: { networks: [10.0.0.1] }", "allow does not have callers of trunk bank (10.0.0.1)"],
  [
    "deny: [192.0.2.1]",
    "target: 'sip:192.0.2.1:5061;transport=tls', identity: { networks: [100.64.0.1] }",
    "deny shuts out the target of trunk bank (192.0.2.1)",
  ],
  [
    "deny: ['2001:db8::/32']",
    "target: 'h323:[2001:db8::1]', identity: { networks: [100.64.0.1] }",
    "deny shuts out the target of trunk bank (2001:db8::1)",
  ],
])("%s, %s: warns", (list, more, words) => {
  const [only, ...others] = told(`${list}\n${trunk(more)}`);
  expect(only).toContain(words);
  expect(only).toMatch(/^trunks\[0\]\.\S+:2 /);
  expect(others).toEqual([]);
});

test.each([
  ["allow: [10.0.0.0/9, 10.128.0.0/9]", "identity: { networks: [10.0.0.0/8] }"],
  ["deny: [10.0.0.0/8]", "identity: { networks: [192.0.2.0/24] }, target: 'sip:carrier.example'"],
  ["deny: ['::/0']", "identity: { networks: [10.0.0.1] }"],
  ["allow: ['::ffff:0:0/96']", "identity: { networks: [10.0.0.1] }"],
])("%s, %s: keeps quiet", (list, more) => expect(told(`${list}\n${trunk(more)}`)).toEqual([]));

test("names count as far as they have been looked up, and are told of otherwise; gatekeepers and registrars too", () => {
  const text = `deny: [203.0.113.0/24, '2001:db8:1::/48']
h323: { upstream: { gatekeeper: gk.example }, gatekeeper: { neighbours: [203.0.113.9] } }
${trunk("identity: { networks: [100.64.0.1] }, target: 'sip:Carrier.example;transport=tls', register: { registrars: ['sip:203.0.113.5'], username: a, password: b }")}`;
  expect(told(text)).toHaveLength(2);
  expect(namesToResolve(load(text).config!)).toEqual(["carrier.example", "gk.example"]);
  expect(namesToResolve(load(text.replace(/^deny.*\n/, "")).config!)).toEqual([]);
  const addresses = new Map([
    ["carrier.example", ["192.0.2.1", "2001:db8:1::9"]],
    ["gk.example", ["203.0.113.7"]],
  ]);
  expect(told(text, addresses).map((line) => line.replace(/:\d+ /, " "))).toEqual([
    "h323.upstream.gatekeeper deny shuts out the gatekeeper that we register with (gk.example is 203.0.113.7): nothing that comes from there is read",
    "h323.gatekeeper.neighbours[0] deny shuts out a neighbour of our gatekeeper (203.0.113.9): nothing that comes from there is read",
    "trunks[0].target deny shuts out the target of trunk bank (Carrier.example is 2001:db8:1::9): nothing that comes from there is read",
    "trunks[0].register.registrars[0] deny shuts out the registrar of trunk bank (203.0.113.5): nothing that comes from there is read",
  ]);
});

test("a network is one however it is written, and a mapped one that is too wide is a mistake", () => {
  expect(new Networks(["::ffff:10.0.0.0/104"]).contains("10.9.9.9")).toBe(true);
  expect(new Networks(["::ffff:a00:0/104"]).contains("11.0.0.1")).toBe(false);
  expect(() => new Networks(["::ffff:10.0.0.0/90"])).toThrow(/is no network/);
  expect(load("deny: ['::ffff:10.0.0.0/90']\n").mistakes).toHaveLength(1);
  expect(load("deny: ['::ffff:10.0.0.0/104']\n").mistakes).toEqual([]);
  expect(coverage("0.0.0.0/0", ["0.0.0.0/1", "128.0.0.0/1"])).toBe("all");
  expect(coverage("10.0.0.0/30", ["10.0.0.0", "10.0.0.1", "10.0.0.3"])).toBe("part");
  expect(coverage("::/0", ["0.0.0.0/0"])).toBe("none");
});
