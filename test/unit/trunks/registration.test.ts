import { describe, expect, it } from "vitest";
import type { RegisterSetup } from "../../../src/trunks/model.ts";
import { addressOfRecord, Registration } from "../../../src/trunks/registration.ts";

const setup: RegisterSetup = { registrars: ["sip:a.example", "sip:b.example;transport=tcp"], username: "gw", password: "x", seconds: 600 };
const ok = { status: 200, text: "200 OK" };
const refused = { status: 403, text: "403 Forbidden" };
const gone = { status: 503, text: "503 nobody there" };
const make = (changes: Partial<RegisterSetup> = {}) => new Registration({ ...setup, ...changes }, 0, () => 1);

/** What is sent when it is due, and when that is. */
function next(registration: Registration) {
  const at = registration.nextTimeout()!;
  expect(registration.attempt(at - 1)).toBeUndefined();
  return { at, ...registration.attempt(at)! };
}

describe("our registration", () => {
  it("is asked for at once and refreshed in time, for as long as it was granted", () => {
    const one = make();
    expect(one.state(0)).toBe("registering");
    expect(next(one)).toEqual({ at: 0, registrar: "sip:a.example", seconds: 600 });
    expect(one.nextTimeout()).toBeUndefined();
    one.result({ ...ok, granted: 120 }, 10);
    expect([one.state(10), one.expiresAt(10), one.state(120_011)]).toEqual(["registered", 120_010, "registering"]);
    expect(next(one).at).toBe(96_010);
    one.result(ok, 96_020);
    expect(one.expiresAt(96_020)).toBe(696_020);
  });

  it("takes the least time a registrar accepts (423)", () => {
    const one = make();
    next(one);
    one.result({ status: 423, text: "423 Interval Too Brief", least: 1800 }, 5);
    expect(next(one)).toEqual({ at: 5, registrar: "sip:a.example", seconds: 1800 });
    one.result({ status: 423, text: "423 Interval Too Brief", least: 1800 }, 6);
    expect([one.state(6), one.error]).toEqual(["failed", "423 Interval Too Brief"]);
  });

  it("goes to the next registrar where one is not there, and comes back slower and slower", () => {
    const one = make();
    const seen: [number, string][] = [];
    for (let i = 0; i < 8; i++) {
      const { at, registrar } = next(one);
      seen.push([at / 1000, registrar.slice(4, 5)]);
      one.result(gone, at);
    }
    expect(seen).toEqual([
      [0, "a"],
      [0, "b"],
      [5, "a"],
      [5, "b"],
      [35, "a"],
      [35, "b"],
      [95, "a"],
      [95, "b"],
    ]);
    const { registrar } = next(one);
    one.result(ok, 300_000);
    expect([registrar, one.registrar, one.error]).toEqual(["sip:a.example", "sip:a.example", null]);
  });

  it("is not refused anew at once, nor elsewhere", () => {
    const one = make();
    next(one);
    one.result(refused, 0);
    expect([one.state(0), one.error]).toEqual(["failed", "403 Forbidden"]);
    expect(next(one)).toMatchObject({ at: 30_000, registrar: "sip:a.example" });
    one.result({ ...gone, retryAfter: 900 }, 30_000);
    expect(next(one)).toMatchObject({ at: 30_000, registrar: "sip:b.example;transport=tcp" });
    one.result({ ...gone, retryAfter: 900 }, 30_000);
    expect(one.nextTimeout()).toBe(930_000);
  });

  it("stands while a refresh fails, until its time is over", () => {
    const one = make();
    next(one);
    one.result(ok, 0);
    const { at } = next(one);
    one.result(gone, at);
    expect([one.state(at), one.error]).toEqual(["registered", "503 nobody there"]);
    expect(one.state(600_001)).toBe("failed");
  });

  it("is taken back once, and then nothing comes", () => {
    const one = make();
    expect(one.withdraw(0)).toBeUndefined();
    const two = make();
    next(two);
    two.result(ok, 0);
    expect(two.withdraw(10)).toEqual({ registrar: "sip:a.example", seconds: 0 });
    expect(two.nextTimeout()).toBeUndefined();
  });

  it("has an address of its own", () => {
    expect(addressOfRecord(setup)).toBe("sip:gw@a.example");
    expect(addressOfRecord({ ...setup, domain: "tel.example" })).toBe("sip:gw@tel.example");
  });
});
