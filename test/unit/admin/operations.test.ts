import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { Metrics } from "../../../src/admin/metrics.ts";
import { outcomes } from "../../../src/admin/schemas.ts";
import { suiteNames } from "../../../src/app/config/trunk-schema.ts";
import { SUITE_ORDER } from "../../../src/negotiation/index.ts";
import { noCounts } from "../../../src/video/index.ts";

const document = readFileSync(new URL("../../../docs/operate/operations.md", import.meta.url), "utf8");

it("docs/operate/operations.md has every outcome as the API has it", () => {
  const table = [...document.matchAll(/^\| `([a-z0-9-]+)` \| (.*) \|$/gm)].map((match) => [match[1]!, match[2]!] as const);
  const told = Object.fromEntries(table.filter(([code]) => code in outcomes));
  expect(told).toEqual(outcomes);
});

it("docs/operate/operations.md has every metric of ours, and no other", async () => {
  const metrics = new Metrics({
    version: "1",
    engines: { sip: async () => ({}), media: async () => ({}) },
    pictures: () => ({ counts: noCounts(), threads: [] }),
    browsers: () => ({ browsers: { udp: 0, tcp: 0, relay: 0, none: 0 }, connected: 0, failed: 0, deaths: 0 }),
  });
  const ours = (await metrics.registry.getMetricsAsJSON())
    .map(({ name }) => name)
    .filter((name) => !/_(nodejs|process)_|_info$/.test(name));
  for (const name of ours) expect(document, name).toContain(`\`${name}\``);
  const named = [...document.matchAll(/`(crosspoint_[a-z_]+)`/g)]
    .map((match) => match[1]!)
    .filter((name) => !/_(nodejs|process)_/.test(name));
  for (const name of named) expect(ours, name).toContain(name);
});

it("the configuration has the suites that negotiation has, in its order", () => {
  expect(suiteNames).toEqual(SUITE_ORDER);
});
