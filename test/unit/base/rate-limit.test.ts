import { describe, expect, test } from "vitest";
import { RateLimiter } from "../../../src/base/rate-limit.ts";

describe("a rate limit", () => {
  const taken = (limiter: RateLimiter, key: string, perSecond: number, seconds: number): number =>
    Array.from({ length: perSecond * seconds }, (_, i) => limiter.take(key, (i * 1000) / perSecond)).filter(Boolean).length;

  test.each([250, 1000, 4000])("gives who asks %i times a second what is due in that time", (perSecond) => {
    const given = taken(new RateLimiter({ perSecond: 100, burst: 200 }), "a", perSecond, 5);
    expect(given).toBeGreaterThanOrEqual(698);
    expect(given).toBeLessThanOrEqual(700);
  });

  test("is each key's own", () => {
    const limiter = new RateLimiter({ perSecond: 1, burst: 2 });
    expect(["a", "a", "a", "b"].map((key) => limiter.take(key, 0))).toEqual([true, true, false, true]);
    expect([limiter.level("a", 0), limiter.level("a", 500), limiter.level("a", 9000)]).toEqual([0, 0.5, 2]);
  });

  test("forgets the key that was used longest ago", () => {
    const limiter = new RateLimiter({ perSecond: 1, burst: 1, maxKeys: 2 });
    expect(["a", "b", "a", "c"].map((key) => limiter.take(key, 0))).toEqual([true, true, false, true]);
    expect([limiter.level("a", 0), limiter.level("b", 0), limiter.level("c", 0)]).toEqual([0, 1, 0]);
  });
});
