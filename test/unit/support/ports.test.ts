import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { expect, test } from "vitest";
import { inTurn, PORTS } from "../../support/ports.ts";

const TEST = join(import.meta.dirname, "../..");

test("the tests with real programs share no port, and have none that Linux gives to outgoing sockets", () => {
  const [first] = PORTS;
  expect(first!.first).toBeGreaterThanOrEqual(9_200);
  for (const [i, { name, first, last }] of PORTS.entries()) {
    expect(last, name).toBeGreaterThan(first);
    expect(first, name).toBeGreaterThan(PORTS[i - 1]?.last ?? 0);
    expect(last, name).toBeLessThan(32_768);
  }
});

/** A number of a port's size where a port is meant: after a name that says so, or behind an address. */
const OWN =
  /(?:port|ports|media|rtpstart|tls|sip|far|first|min|max)\w*["']?\s*[:=]\s*["'`]?(\d\d_?\d{3})\b|(?:127\.0\.0\.\d+|localhost):(\d{4,5})\b/gi;

/** Machines on fake time, and captures that are made up: nothing listens there. */
const UNREAL = /\/(h323|sip)-tshark\.test|\/(conference-calls|h323-pair|ports|ras-net)\.ts/;

test("they have no ports beside those of the table", () => {
  const files = ["peers", "support"].flatMap((folder) =>
    readdirSync(join(TEST, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(relative(TEST, entry.parentPath), entry.name)),
  );
  const found = files.flatMap((file) => [...readFileSync(join(TEST, file), "utf8").matchAll(OWN)].map(([text]) => `${file}: ${text}`));
  expect(files.length).toBeGreaterThan(50);
  expect(found.filter((line) => !UNREAL.test(line))).toEqual([]);
});

test("ports in turn begin anew after the last", () => {
  const next = inTurn(10, 5, 2);
  expect([next(), next(), next()]).toEqual([10, 15, 10]);
});
