import { describe, expect, it } from "vitest";
import { FakeClock } from "../../support/standing-clock.ts";
import { plainAddress, sourceOf } from "../../../src/base/ip-address.ts";
import { AccessFilter } from "../../../src/security/access.ts";
import { type BanPolicy, Bans } from "../../../src/security/bans.ts";
import { Defence } from "../../../src/security/defence.ts";

const SECOND = 1_000;
const policy: BanPolicy = {
  limits: { "wrong-pin": 3, "wrong-credentials": 3, "wrong-token": 3, scanner: 2, malformed: 0 },
  window: 60 * SECOND,
  first: 10 * SECOND,
  longest: 35 * SECOND,
  exempt: (address) => address === "192.0.2.100",
};

describe("a source", () => {
  it.each([
    ["192.0.2.1", "192.0.2.1"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["::FFFF:c000:0201", "192.0.2.1"],
    ["0:0:0:0:0:ffff:192.0.2.1", "192.0.2.1"],
    ["[2001:DB8::1]", "2001:db8::/64"],
    ["2001:db8::ffff:1%eth0", "2001:db8::/64"],
    ["2001:db8:0:1:2:3:4:5", "2001:db8:0:1::/64"],
    ["::1", "::/64"],
    ["2001:db8::/64", "2001:db8::/64"],
    ["nonsense", "nonsense"],
    ["1:2:3", "1:2:3"],
    ["::ffff:999.0.2.1", "::ffff:999.0.2.1"],
  ])("of %s is %s", (address, source) => {
    expect(sourceOf(address)).toBe(source);
  });
  it("is found by any spelling of its address", () => {
    expect(plainAddress("[::ffff:127.0.0.1]")).toBe("127.0.0.1");
    expect(plainAddress("FE80::1%eth0")).toBe("fe80::1");
  });
});

describe("bans", () => {
  it("begin with as many offences of one kind as may be within the window, and end", () => {
    const bans = new Bans(policy);
    expect(bans.offence("192.0.2.1", "wrong-pin", 0)).toBeUndefined();
    expect(bans.offence("192.0.2.1", "wrong-credentials", 1)).toBeUndefined();
    expect(bans.offence("192.0.2.1", "wrong-pin", 2)).toBeUndefined();
    expect(bans.banned("192.0.2.1", 2)).toBeUndefined();
    expect(bans.offence("::ffff:192.0.2.1", "wrong-pin", 3)).toMatchObject({ source: "192.0.2.1", count: 1, until: 10_003 });
    expect(bans.banned("192.0.2.1", 10_002)).toBeDefined();
    expect(bans.banned("192.0.2.2", 10_002)).toBeUndefined();
    expect(bans.banned("192.0.2.1", 10_003)).toBeUndefined();
  });

  it("forget offences outside the window, and never begin for kinds turned off or exempt sources", () => {
    const bans = new Bans(policy);
    for (let i = 0; i < 10; i++) bans.offence("192.0.2.1", "scanner", i * 61 * SECOND);
    for (let i = 0; i < 10; i++) bans.offence("192.0.2.1", "malformed", i);
    for (let i = 0; i < 10; i++) bans.offence("192.0.2.100", "scanner", i);
    expect(bans.list(600 * SECOND)).toEqual([]);
    expect(bans.list(10)).toEqual([]);
  });

  it("double for who comes back, up to the longest, and begin anew for who has behaved", () => {
    const bans = new Bans(policy);
    const lengths: number[] = [];
    let now = 0;
    for (let i = 0; i < 4; i++) {
      const ban = bans.offence("192.0.2.1", "scanner", now, 2)!;
      lengths.push(ban.until - ban.since);
      now = ban.until + SECOND;
    }
    expect(lengths).toEqual([10_000, 20_000, 35_000, 35_000]);
    expect(bans.offence("192.0.2.1", "scanner", now + 35 * SECOND + policy.window, 2)).toMatchObject({ count: 1 });
  });

  it("hold for a whole /64", () => {
    const bans = new Bans(policy);
    bans.offence("2001:db8::1", "scanner", 0);
    bans.offence("2001:db8::2", "scanner", 1);
    expect(bans.banned("2001:db8::abcd:1", 2)).toMatchObject({ source: "2001:db8::/64" });
    expect(bans.banned("2001:db8:0:1::1", 2)).toBeUndefined();
  });

  it("are set and lifted by hand, exempt or not", () => {
    const bans = new Bans(policy);
    bans.add("192.0.2.100", 0, 5 * SECOND);
    expect(bans.list(1)).toMatchObject([{ source: "192.0.2.100", reason: "by-hand", until: 5000 }]);
    expect([bans.lift("192.0.2.100", 1), bans.lift("192.0.2.100", 1)]).toEqual([true, false]);
    expect(bans.banned("192.0.2.100", 1)).toBeUndefined();
  });

  it("and what leads to them are bounded, however many addresses come", () => {
    const bans = new Bans(policy);
    for (let i = 0; i < 30_000; i++) bans.offence(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, "scanner", i / 1000, 2);
    expect(bans.list(30).length).toBe(10_000);
    expect(bans.banned("10.0.117.47", 30)).toBeDefined();
  });
});

describe("access", () => {
  it("is for allowed networks only, never for denied ones, and always for our own media server", () => {
    const filter = new AccessFilter({
      allow: ["192.0.2.0/24", "2001:db8::/32"],
      deny: ["192.0.2.128/25"],
      own: ["127.0.0.1:5080"],
      trunks: [],
      strangerCalls: null,
      trunksFirst: false,
    });
    const verdict = (address: string, port = 5060) => filter.refusal(address, port, 0);
    expect(verdict("192.0.2.1")).toBeUndefined();
    expect(verdict("::ffff:192.0.2.1")).toBeUndefined();
    expect(verdict("2001:db8:1::1")).toBeUndefined();
    expect(verdict("192.0.2.200")).toBe("denied");
    expect(verdict("198.51.100.1")).toBe("denied");
    expect(verdict("127.0.0.1")).toBe("denied");
    expect(verdict("127.0.0.1", 5080)).toBeUndefined();
  });
  it("ends with a ban and comes back by itself", () => {
    const filter = new AccessFilter();
    filter.ban("2001:db8::/64", 1000);
    expect(filter.refusal("2001:db8::7", 1, 999)).toBe("banned");
    expect(filter.refusal("2001:db8::7", 1, 1000)).toBeUndefined();
  });
});

describe("the defence", () => {
  it("says each offence in one line of a stable form, bans, and tells its followers", () => {
    const clock = new FakeClock();
    const lines: { fields: object; message: string }[] = [];
    const say = (fields: object, message: string) => void lines.push({ fields, message });
    const defence = new Defence({ clock, log: { info: say, warn: say }, policy });
    const told: unknown[] = [];
    defence.ban("198.51.100.7", 1000);
    defence.follow({
      banned: (source, ms) => void told.push([source, ms]),
      lifted: (source) => void told.push([source]),
      recognised: () => {},
    });
    for (let i = 0; i < 2; i++) defence.offence("192.0.2.1", "scanner", { transport: "tcp" });
    expect(defence.refusal("192.0.2.1")).toBe("banned");
    expect(defence.lift("192.0.2.1")).toBe(true);
    expect(defence.refusal("192.0.2.1")).toBeUndefined();
    expect(told).toEqual([["198.51.100.7", 1000], ["192.0.2.1", 10_000], ["192.0.2.1"]]);
    expect(lines.map(({ message }) => message)).toEqual([
      "banned 198.51.100.7 for 1 s: by-hand",
      "offence scanner from 192.0.2.1",
      "offence scanner from 192.0.2.1",
      "banned 192.0.2.1 for 10 s: scanner",
      "ban of 192.0.2.1 lifted",
    ]);
    expect(defence.bans()).toMatchObject([{ address: "198.51.100.7", until: "2026-01-01T00:00:01.000Z" }]);
  });

  it("remembers from where trunks have been recognised, and tells its followers once", () => {
    const clock = new FakeClock();
    const lists = { allow: [], deny: [], trunks: ["192.0.2.0/24"], strangerCalls: null, trunksFirst: false, own: [] };
    const defence = new Defence({ clock, log: { info: () => {}, warn: () => {} }, policy, lists });
    const told: string[] = [];
    const follower = { banned: () => {}, lifted: () => {}, recognised: (source: string) => void told.push(source) };
    defence.recognised("198.51.100.7");
    defence.follow(follower);
    for (let i = 0; i < 2; i++) defence.recognised("2001:db8::7");
    defence.recognised("192.0.2.9");
    expect(told).toEqual(["198.51.100.7", "2001:db8::/64"]);
    expect(["198.51.100.7", "2001:db8::9", "198.51.100.8"].map((address) => defence.isTrunk(address))).toEqual([true, true, false]);
    for (let i = 0; i < 1_000; i++) defence.recognised(`10.0.${i >> 8}.${i & 255}`);
    expect(defence.isTrunk("198.51.100.7")).toBe(false);
  });

  it("bans nobody for a scanner's request by UDP, whose sender may be forged, and says so in another line", () => {
    const lines: string[] = [];
    const say = (_: object, message: string) => void lines.push(message);
    const defence = new Defence({ clock: new FakeClock(), log: { info: say, warn: say }, policy });
    for (let i = 0; i < 50; i++) defence.offence("192.0.2.1", "scanner", { transport: "udp" });
    expect(defence.refusal("192.0.2.1")).toBeUndefined();
    expect(new Set(lines)).toEqual(new Set(["scanner by UDP, said to be from 192.0.2.1"]));
  });

  it("does not fill the log, whoever offends", () => {
    const clock = new FakeClock();
    let lines = 0;
    const say = () => void lines++;
    const defence = new Defence({ clock, log: { info: say, warn: say } });
    for (let i = 0; i < 50_000; i++) {
      defence.offence(`10.0.${(i >> 8) & 255}.${i & 255}`, "malformed");
      clock.advance(0.1);
    }
    expect(lines).toBeLessThan(800);
    expect(lines).toBeGreaterThan(500);
  });
});
