import { describe, expect, it } from "vitest";
import { type AccessNumber, AccessNumbers } from "../../../src/trunks/access-numbers.ts";
import { type Dialling, outward, toE164 } from "../../../src/trunks/numbering.ts";

describe("numbers that come (ITU-T E.164)", () => {
  const cases: [string, Dialling, string | null][] = [
    ["+49 30 123456", {}, "+4930123456"],
    ["0049 (30) 12-34.56", { country: "DE" }, "+4930123456"],
    ["030123456", { country: "DE" }, "+4930123456"],
    ["011442079460000", { country: "US" }, "+442079460000"],
    ["(415) 555-2671", { country: "US" }, "+14155552671"],
    // Italian numbers keep their zero
    ["06 12345678", { country: "IT" }, "+390612345678"],
    ["9030123456", { country: "DE", strip: "9" }, "+4930123456"],
    ["555", { add: "+4930123" }, "+4930123555"],
    ["2000", {}, null],
    ["112", { country: "DE" }, null],
    ["+1", {}, null],
    ["meet", { country: "DE" }, null],
    ["2000**1234", { country: "DE" }, null],
    ["+49+30123456", {}, null],
    ["", { country: "DE" }, null],
    ["1".repeat(100_000), { country: "DE" }, null],
  ];
  it.each(cases)("%s by %o", (dialled, dialling, number) => expect(toE164(dialled, dialling).number).toBe(number));

  it("says each step", () => {
    expect(toE164("9030123456", { country: "DE", strip: "9" }).steps).toEqual(["strip 9: 030123456", "a number of DE: +4930123456"]);
  });
});

describe("numbers that are called", () => {
  const cases: [string, Dialling, string][] = [
    ["+4930123456", {}, "+4930123456"],
    ["+4930123456", { country: "DE", out: "national" }, "030123456"],
    ["+442079460000", { country: "DE", out: "national" }, "00442079460000"],
    ["+4930123456", { country: "DE", out: "international" }, "004930123456"],
    ["+4930123456", { out: "international" }, "004930123456"],
    ["+14155552671", { country: "US", out: "national" }, "4155552671"],
    ["+442079460000", { country: "US", out: "national", outPrefix: "9" }, "9011442079460000"],
    ["+390612345678", { country: "IT", out: "national" }, "0612345678"],
    // extensions and short numbers are nobody's to rewrite
    ["2000", { country: "DE", out: "national", outPrefix: "0" }, "2000"],
  ];
  it.each(cases)("%s by %o", (number, dialling, written) => expect(outward(number, dialling).number).toBe(written));
});

describe("access numbers", () => {
  const entry = (number: string, changes: Partial<AccessNumber> = {}): AccessNumber => ({
    ...{ number, trunk: null, tenant: null, language: null, cost: "unknown", meeting: null },
    ...changes,
  });
  const trunk = { name: "a", tenant: null, dialling: { country: "DE" } };

  it("are found as dialled, without their +, and in the trunk's national form", () => {
    const numbers = new AccessNumbers({ accessNumbers: [], numbers: [entry("+4930123456")] });
    for (const dialled of ["+4930123456", "4930123456", "030123456", "004930123456", "+49 (30) 123456"])
      expect([dialled, numbers.locate(dialled, trunk).access?.number]).toEqual([dialled, "+4930123456"]);
    expect(numbers.locate("030123457", trunk).access).toBeUndefined();
  });

  it("are a tenant's, and a trunk's where they say so", () => {
    const numbers = new AccessNumbers({
      accessNumbers: [],
      numbers: [entry("+4930123456", { tenant: "acme" }), entry("+4930123457", { trunk: "b" })],
    });
    expect(numbers.locate("+4930123456", trunk).access).toBeUndefined();
    expect(numbers.locate("+4930123456", { ...trunk, tenant: "acme" }).access).toBeDefined();
    expect(numbers.locate("+4930123457", trunk).access).toBeUndefined();
    expect(numbers.locate("+4930123457", { ...trunk, name: "b" }).access).toBeDefined();
    expect([numbers.has("4930123456"), numbers.has("+4930123458")]).toEqual([true, false]);
  });

  it("may be 100,000", () => {
    const numbers = new AccessNumbers({
      accessNumbers: [],
      numbers: Array.from({ length: 100_000 }, (_, i) => entry(`+4930${1_000_000 + i}`)),
    });
    expect(numbers.locate("0301099999", trunk).access?.number).toBe("+49301099999");
  });
});
