import { expect, test } from "vitest";
import { FakeClock } from "../../support/standing-clock.ts";

test("a fake clock moves only when told, and never back", () => {
  const clock = new FakeClock(1000);
  clock.advance(20);
  expect(clock.now()).toBe(20);
  expect(clock.wall()).toBe(1020);
  expect(() => clock.advance(-1)).toThrow(RangeError);
});
