// How long sound is on its way through a conference, on fake time: the figures are the same in every run.
import { describe, expect, it } from "vitest";
import { type Calls, hold } from "../../support/conference-calls.ts";

const calls = (of: Partial<Calls>) => hold({ seed: 1, members: 10, seconds: 20, settle: 14, skewPpm: 50, jitterMs: 1, ...of });

describe("mouth to ear through a conference", () => {
  // 20 ms are the packet's own length; with callers at any moment of the 20 ms some wait for most of them, whatever the tick does.
  it.each([1, 3])("of ten who talk in turn is under 43 ms as a rule on a quiet network (callers by seed %i)", (seed) => {
    const heard = calls({ seed });
    expect(heard.p50).toBeLessThan(37);
    expect(heard.p95).toBeLessThan(43);
    expect(heard).toMatchObject({ missed: 0, concealedPercent: 0 });
    // listeners' buffers see a steady stream although the room has moved its tick
    expect(heard.longestPauseMs).toBeLessThan(23.1);
    expect(heard.sentPercent).toBeGreaterThan(99.5);
  });

  it("is shorter where one room's callers send at about the same time, or few talk: the tick moves to just after them", () => {
    const together = calls({ spreadMs: 1 });
    expect(together.p95).toBeLessThan(34);
    expect(together.concealedPercent).toBe(0);
    expect(calls({ seed: 2, talkers: 2, seconds: 12 }).p95).toBeLessThan(38);
  });

  it("comes down within the first seconds of a meeting", () => {
    expect(calls({ spreadMs: 1, settle: 2, seconds: 6 }).p95).toBeLessThan(36);
    expect(calls({ talkers: 2, settle: 4, seconds: 6 }).p95).toBeLessThan(38);
  });

  it("has rooms that do not wait for each other", () => {
    const heard = calls({ members: 3, rooms: 6, seconds: 12 });
    expect(heard.p95).toBeLessThan(40);
    expect(heard).toMatchObject({ missed: 0, concealedPercent: 0 });
  });

  it.each([
    [5, 48],
    [30, 75],
    [60, 102],
  ])("grows with %i ms of jitter, for as much as nothing need be made up: to %i ms", (jitterMs, most) => {
    const heard = calls({ seed: 2, jitterMs, seconds: 16 });
    expect(heard.p95).toBeLessThan(most);
    expect(heard.concealedPercent).toBeLessThan(0.01);
    expect(heard.missed).toBe(0);
  });

  it("on a network that is late now and then hides that, and does not go round the clock looking for a better tick", () => {
    const now = calls({ seed: 5, spikes: { oneIn: 200, ms: 8 } });
    expect(now.p95).toBeLessThan(50);
    expect(now.concealedPercent).toBeLessThan(0.02);
    const rough = calls({ seed: 6, jitterMs: 20, spikes: { oneIn: 30, ms: 40 } });
    expect(rough.concealedPercent).toBeLessThan(1.4);
    expect(rough.wanderMs).toBeLessThan(20);
  });
});
