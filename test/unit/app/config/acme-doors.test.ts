import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { acmeDoors, acmePort } from "../../../../src/app/acme-standing.ts";
import { loadConfig, showMistake } from "../../../../src/app/config/load.ts";

const folder = mkdtempSync(join(tmpdir(), "crosspoint-acme-doors-"));
afterAll(() => rmSync(folder, { recursive: true }));

function doors(acme: string, ...settings: string[]) {
  writeFileSync(
    join(folder, "c.yaml"),
    `certificates: { acme: { directory: "https://ca.example/dir", domains: [a.example.com]${acme} } }\n`,
  );
  const { config, mistakes } = loadConfig({ file: "c.yaml", cwd: folder, env: {}, settings });
  const asked = config?.certificates.acme;
  return asked === undefined ? mistakes.map(showMistake).join() : [acmePort(config!, asked), acmeDoors(config!, asked)];
}

test.each([
  ["", [], [80, "port 80 or port 8080 (web.port)"]],
  [", challenge: tls-alpn-01", [], [443, "port 443 or port 5061 (sip.tls)"]],
  [
    ", challenge: tls-alpn-01",
    ["web.tls=true", "sip.wss=8443"],
    [443, "port 443 or port 8080 (web.port) or port 5061 (sip.tls) or port 8443 (sip.wss)"],
  ],
  [", port: off", [], [null, "port 8080 (web.port)"]],
  [", port: 8080", [], [null, "port 8080 (web.port)"]],
  [", challenge: tls-alpn-01, port: 5061", [], [null, "port 5061 (sip.tls)"]],
  [", challenge: tls-alpn-01", ["engine.sip=drachtio"], [443, "port 443"]],
] as const)("challenges%s with %j are answered at %j", (acme, settings, expected) => {
  expect(doors(acme, ...settings)).toEqual(expected);
});

test.each([
  [", challenge: tls-alpn-01, port: off", ["sip.tls=off"], /acme.*no listener here answers tls-alpn-01: give it a port/],
  [", port: off", ["web.port=off"], /no listener here answers http-01/],
  [", challenge: tls-alpn-01, port: 8080", [], /8080 is web.port's, which answers no tls-alpn-01/],
  [", port: 5060", [], /5060 is sip.tcp's, which answers no http-01/],
  [", port: -1", [], /expected a port \(1 to 65535\) or off/],
] as const)("challenges%s with %j are a mistake", (acme, settings, words) => {
  expect(doors(acme, ...settings)).toMatch(words);
});
