import { describe, expect, it } from "vitest";
import { FakeClock } from "../../../support/standing-clock.ts";
import { RefusalSampler } from "../../../../src/gateway/call/refusal-sampler.ts";
import type { CallRecord, OutcomeCode } from "../../../../src/records/model.ts";

const record = (outcome: OutcomeCode) => ({ id: "r", outcome, reason: "one" }) as CallRecord;

describe("refused calls", () => {
  it("of a source are told one by one at first; the rest is summed up after a minute, with its codes", () => {
    const clock = new FakeClock();
    const sampler = new RefusalSampler(clock);
    let whole = 0;
    for (let i = 0; i < 1_000; i++) {
      if (sampler.takes(`2001:db8::${i.toString(16)}`, record(i % 4 === 0 ? "overload" : "no-such-meeting"))) whole++;
      clock.advance(10);
    }
    expect(whole).toBe(104);
    expect(sampler.hasLine("2001:db8::1")).toBe(false);
    expect(sampler.takes("192.0.2.1", record("trunk-unknown"))).toBe(true);
    sampler.shed("2001:db8::7", 500);
    expect(sampler.summaries()).toEqual([]);
    clock.advance(60_000);
    const [summary, ...others] = sampler.summaries();
    expect(others).toEqual([]);
    expect(summary).toMatchObject({ source: "2001:db8::/64", sources: 1, calls: 1_396 });
    expect(Object.values(summary!.codes).reduce((sum, count) => sum + count, 0)).toBe(1_396);
    expect(Object.keys(summary!.codes)).toEqual(["no-such-meeting", "shed", "overload"]);
    expect(summary!.record?.reason).toMatch(
      /^1396 more calls from 2001:db8::\/64 refused within \d+ s: \d+ no-such-meeting, 500 shed, \d+ overload$/,
    );
    expect(summary!.record?.id).not.toBe("r");
    expect(sampler.summaries(true)).toEqual([]);
  });

  it("of many sources fill neither log nor records: twenty summaries and one of all the others", () => {
    const clock = new FakeClock();
    const sampler = new RefusalSampler(clock);
    let whole = 0;
    for (let i = 0; i < 30_000; i++) if (sampler.takes(`10.${i % 3}.${(i >> 8) & 255}.${i & 255}`, record("trunk-unknown"))) whole++;
    expect(whole).toBe(1_000);
    const summaries = sampler.summaries(true);
    expect(summaries).toHaveLength(21);
    expect(summaries.reduce((sum, { calls }) => sum + calls, whole)).toBe(30_000);
    expect(summaries.at(-1)?.source).toBe("others");
  });
});
