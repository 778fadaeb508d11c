import { describe, expect, it } from "vitest";
import { SourceLimit, TrunkLimits } from "../../../src/trunks/limits.ts";
import { ScannerSense } from "../../../src/trunks/scanners.ts";
import { trunk } from "./fixtures.ts";

describe("limits of a trunk", () => {
  it("are its calls at a time", () => {
    const limits = new TrunkLimits();
    const one = trunk("a", { maxCalls: 2 });
    expect(limits.admit(one, 0)).toBeNull();
    expect(limits.admit(one, 0)).toBeNull();
    expect(limits.admit(one, 0)).toMatchObject({ retryAfterSeconds: 10 });
    expect(limits.admit(trunk("b", { maxCalls: 2 }), 0)).toBeNull();
    limits.release("a");
    expect(limits.calls("a")).toBe(1);
    expect(limits.admit(one, 0)).toBeNull();
    limits.release("b");
    limits.release("b");
    expect(limits.calls("b")).toBe(0);
  });

  it("are its new calls a second", () => {
    const limits = new TrunkLimits();
    const one = trunk("a", { maxCallsPerSecond: 10 });
    const admitted = (from: number) =>
      Array.from({ length: 20 }, (_, i) => limits.admit(one, from + i * 10)).filter((verdict) => verdict === null).length;
    expect(admitted(0)).toBe(11);
    expect(admitted(10_000)).toBe(11);
  });

  it("count the calls we make too", () => {
    const limits = new TrunkLimits();
    limits.occupy("a");
    expect(limits.admit(trunk("a", { maxCalls: 1 }), 0)).not.toBeNull();
  });
});

describe("limits of a source", () => {
  it("leave others alone and forget the oldest", () => {
    const limit = new SourceLimit(2);
    expect([limit.allow("a", 1, 0), limit.allow("a", 1, 1), limit.allow("b", 1, 1)]).toEqual([true, false, true]);
    limit.allow("c", 1, 1);
    expect(limit.allow("a", 1, 1)).toBe(true);
    expect(limit.allow("a", 0, 1)).toBe(true);
    expect(limit.allow("c", 1, 1001)).toBe(true);
  });
});

describe("scanners", () => {
  it.each(["friendly-scanner", "SIPVicious", "sipcli/v1.8", "VaxSIPUserAgent/3.1", "pplsip", "sundayddr"])("%s is a tool", (agent) => {
    expect(ScannerSense.isTool(agent)).toBe(true);
  });
  it.each([undefined, "", "baresip v1.0.0 (x86_64/linux)", "Cisco-CP-8841", "TANDBERG/512 (TC5.0)", "Asterisk PBX 22"])(
    "%s is none",
    (agent) => {
      expect(ScannerSense.isTool(agent)).toBe(false);
    },
  );
  it("are strangers too who come back all the time, until they have been quiet", () => {
    const sense = new ScannerSense();
    expect(Array.from({ length: 7 }, (_, i) => sense.refused("192.0.2.1", "phone", i))).toEqual([
      false,
      false,
      false,
      false,
      false,
      true,
      true,
    ]);
    expect(sense.refused("192.0.2.2", "phone", 8)).toBe(false);
    expect(sense.refused("192.0.2.1", "phone", 61_000)).toBe(false);
  });
});
