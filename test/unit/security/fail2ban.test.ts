import { readFileSync } from "node:fs";
import pino from "pino";
import { expect, it } from "vitest";
import { FakeClock } from "../../support/standing-clock.ts";
import { Defence, NO_BANS } from "../../../src/security/defence.ts";

/** The filter's expressions, with fail2ban's `<HOST>` for an address. */
const filter = readFileSync(new URL("../../../docs/fail2ban/crosspoint.conf", import.meta.url), "utf8");
const expressions = /^failregex = ([\s\S]*?)^ignoreregex/m
  .exec(filter)![1]!
  .split("\n")
  .map((line) => line.trim())
  .filter((line) => line !== "")
  .map((line) => new RegExp(line.replace("<HOST>", "(?<host>[0-9a-fA-F:.]+)")));

it("the fail2ban filter finds the address of each kind of offence in the log, and nothing else", () => {
  const lines: string[] = [];
  const log = pino({ base: undefined, timestamp: pino.stdTimeFunctions.isoTime }, { write: (line: string) => void lines.push(line) });
  const defence = new Defence({ clock: new FakeClock(), log });
  const kinds = Object.keys(NO_BANS.limits) as (keyof typeof NO_BANS.limits)[];
  for (const [i, kind] of kinds.entries())
    defence.offence(i % 2 === 0 ? "192.0.2.7" : "2001:db8::7", kind, { transport: "tcp", count: i + 1 });
  defence.ban("198.51.100.1");
  log.warn({ from: "192.0.2.9" }, "refused: offence in a caller's name from nobody");
  const found = lines.map((line) =>
    expressions.map((expression) => expression.exec(line)?.groups?.["host"]).find((host) => host !== undefined),
  );
  expect(found).toEqual([...kinds.map((_, i) => (i % 2 === 0 ? "192.0.2.7" : "2001:db8::7")), undefined, undefined]);
});
