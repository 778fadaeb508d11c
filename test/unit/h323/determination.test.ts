import { describe, expect, it } from "vitest";
import { ipOctets, ipText } from "../../../src/h323/address.ts";
import { causeOf, reasonOf } from "../../../src/h323/causes.ts";
import { Determination, determine } from "../../../src/h323/control/determination.ts";

describe("master and slave", () => {
  it("the greater terminal type is master, then the number just behind modulo 2^24", () => {
    expect(determine({ terminalType: 60, number: 1 }, { terminalType: 50, number: 1 })).toBe("master");
    expect(determine({ terminalType: 50, number: 10 }, { terminalType: 50, number: 20 })).toBe("master");
    expect(determine({ terminalType: 50, number: 20 }, { terminalType: 50, number: 10 })).toBe("slave");
    // As chan_ooh323 decided in a captured call.
    expect(determine({ terminalType: 60, number: 16032521 }, { terminalType: 60, number: 1410211 })).toBe("master");
    expect(determine({ terminalType: 60, number: 0xfffff0 }, { terminalType: 60, number: 0x10 })).toBe("master");
    expect(determine({ terminalType: 60, number: 0 }, { terminalType: 60, number: 0x800000 })).toBeUndefined();
    expect(determine({ terminalType: 60, number: 5 }, { terminalType: 60, number: 5 })).toBeUndefined();
  });
  it("equal numbers are drawn again, and given up in the end", () => {
    const numbers = [5, 5, 9];
    const d = new Determination(50, () => numbers.shift() ?? 7);
    expect(d.start()).toEqual([{ type: "request", number: 5 }]);
    expect(d.received(50, 5)).toEqual([{ type: "request", number: 5 }]);
    expect(d.rejected()).toEqual([{ type: "request", number: 9 }]);
    expect(d.received(50, 4)).toEqual([{ type: "ack", decision: "master" }]);
    expect(d.acked("slave")).toEqual([{ type: "decided", role: "slave" }]);
    const stubborn = new Determination(50, () => 5);
    stubborn.start();
    let last = stubborn.received(50, 5);
    for (let i = 0; i < 20 && last[0]?.type === "request"; i++) last = stubborn.received(50, 5);
    expect(last).toEqual([{ type: "failed", reason: "numbers equal too often" }]);
  });
  it("a peer that decides otherwise than the numbers is not followed", () => {
    const d = new Determination(60, () => 1);
    d.start();
    d.received(50, 1);
    expect(d.acked("slave")).toMatchObject([{ type: "failed" }]);
  });
});

describe("addresses", () => {
  it.each(["192.0.2.1", "2001:db8::1", "::1", "fe80::1:2:3:4", "::", "1:2:3:4:5:6:7:8"])("%s reads back", (text) =>
    expect(ipText(ipOctets(text))).toBe(text),
  );
  it.each(["", "host", "1.2.3", "1.2.3.256", "1::2::3", "1:2:3:4:5:6:7", "g::1"])("%j is refused", (text) =>
    expect(() => ipOctets(text)).toThrow(RangeError),
  );
});

describe("causes", () => {
  it("an element counts before a reason, a reason before nothing", () => {
    expect(causeOf(17, { undefinedReason: true })).toBe(17);
    expect(causeOf(undefined, { calledPartyNotRegistered: true })).toBe(20);
    expect(causeOf(undefined, undefined)).toBe(31);
    expect(causeOf(undefined, { $unknown: { index: 40, bytes: new Uint8Array(1) } })).toBe(31);
  });
  it("a reason is found for every cause", () => {
    expect(reasonOf(17)).toEqual({ inConf: true });
    expect(reasonOf(16)).toEqual({ undefinedReason: true });
  });
});
