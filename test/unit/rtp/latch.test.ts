// Symmetric RTP (RFC 4961) and who may not take part in it.
import { describe, expect, it } from "vitest";
import { Latch, type MediaAddress, ReportLatch } from "../../../src/rtp/latch.ts";

const signalled = { address: "192.0.2.1", port: 4000 };
/** A caller behind a NAT says a private address; its signalling comes from the NAT's. */
const inside = { address: "10.1.2.3", port: 4000 };
const nat = { address: "198.51.100.7", port: 61000 };
const thief = { address: "203.0.113.9", port: 5000 };

const judge = (latch: Latch, { address, port }: MediaAddress, ssrc: number, now: number, authenticated = false) =>
  latch.judge(address, port, ssrc, authenticated, now);
const burst = (latch: Latch, from: MediaAddress, ssrc: number, start: number, packets = 4, authenticated = false) =>
  Array.from({ length: packets }, (_, i) => judge(latch, from, ssrc, start + 20 * i, authenticated));

describe("media without SRTP", () => {
  it("are believed from the signalled address at once, and then from nobody else", () => {
    const latch = new Latch(signalled);
    expect(judge(latch, signalled, 1, 10)).toBe("latched");
    for (let t = 20; t < 10_000; t += 20) {
      expect(judge(latch, signalled, 1, t)).toBe("accept");
      expect(judge(latch, thief, 9, t)).toBe("stranger");
      // Guessing the SSRC does not help.
      expect(judge(latch, thief, 1, t)).toBe("stranger");
    }
    expect(latch.target).toEqual(signalled);
  });

  it("go where OpenLogicalChannelAck says, whatever port of that host they come from (H.245 6.2: a channel is one way)", () => {
    const latch = new Latch(signalled, [], true);
    const other = { ...signalled, port: 4444 };
    expect(burst(latch, other, 1, 0)).toEqual(["unproven", "unproven", "latched", "accept"]);
    expect(latch.target).toEqual(signalled);
    // behind a NAT the address that it names is of no use
    const behind = new Latch(inside, [nat.address], true);
    burst(behind, nat, 1, 0);
    expect(behind.target).toEqual(nat);
    // symmetric RTP otherwise
    const symmetric = new Latch(signalled);
    burst(symmetric, other, 1, 0);
    expect(symmetric.target).toEqual(other);
  });

  it("are believed from the host that signalling comes from, after some packets in a row", () => {
    const latch = new Latch(inside, [nat.address]);
    expect(burst(latch, nat, 1, 0)).toEqual(["unproven", "unproven", "latched", "accept"]);
    expect(latch.target).toEqual(nat);
  });

  it.each([
    ["before the caller's own", 0],
    ["while the caller is silent", 60_000],
  ])("are not taken from a stranger %s, however many he sends", (_, at) => {
    const latch = new Latch(inside, [nat.address]);
    if (at > 0) burst(latch, nat, 1, 0);
    const before = latch.target;
    expect(new Set(burst(latch, thief, 9, at, 1000))).toEqual(new Set(["stranger"]));
    expect(new Set(burst(latch, thief, 1, at + 30_000, 1000))).toEqual(new Set(["stranger"]));
    expect(latch.target).toEqual(before);
  });

  it("go to the signalled address as soon as it sends, whoever was heard before, and whenever", () => {
    for (const at of [100, 5000, 100_000]) {
      const latch = new Latch(signalled, [nat.address]);
      for (let t = 0; t < at; t += 20) judge(latch, nat, 1, t);
      expect(judge(latch, signalled, 2, at)).toBe("latched");
      expect(latch.target).toEqual(signalled);
    }
  });

  it("do not move to another port while the first is heard; after a silence they do", () => {
    const moved = { ...nat, port: 62000 };
    const latch = new Latch(inside, [nat.address]);
    burst(latch, nat, 1, 0);
    expect(burst(latch, moved, 1, 1000)).not.toContain("latched");
    expect(burst(latch, moved, 2, 5000)).toContain("latched");
  });

  it("are never taken from another port once the signalled one has been heard, however long that is silent, in its stream or another", () => {
    for (const [address, before] of [
      [signalled.address, signalled],
      [nat.address, signalled],
      // a NAT that keeps ports
      [nat.address, { ...nat, port: inside.port }],
    ] as const) {
      const latch = new Latch(before === signalled ? signalled : inside, [nat.address]);
      burst(latch, before, 1, 0);
      for (const ssrc of [1, 2]) expect(new Set(burst(latch, { address, port: 4002 }, ssrc, 60_000, 1000))).toEqual(new Set(["stranger"]));
      expect(latch.target).toEqual(before);
    }
  });

  it("are given back to a caller behind a NAT that keeps ports, when he sends at last, by whoever was heard before", () => {
    const own = { ...nat, port: inside.port };
    const latch = new Latch(inside, [nat.address]);
    burst(latch, { ...nat, port: 62_000 }, 9, 0, 100);
    expect(burst(latch, own, 1, 2_000)).toEqual(["unproven", "unproven", "latched", "accept"]);
    expect(latch.target).toEqual(own);
    expect(new Set(burst(latch, { ...nat, port: 62_000 }, 9, 10_000, 100))).toEqual(new Set(["stranger"]));
  });

  it("come from the signalled address and port alone where that is asked for, from anybody where that is", () => {
    const strict = new Latch(signalled, "signalled");
    expect(burst(strict, { ...signalled, port: 4002 }, 1, 0)).not.toContain("latched");
    expect(judge(strict, signalled, 1, 100)).toBe("latched");
    expect(burst(new Latch(inside, "any"), thief, 1, 0)).toContain("latched");
  });

  it("are not taken by packets of many sources that each come once", () => {
    const latch = new Latch(inside, [nat.address]);
    for (let i = 0; i < 100; i++) expect(judge(latch, { address: nat.address, port: 10_000 + i }, i, i)).toBe("unproven");
    expect(latch.target).toEqual(inside);
  });

  it("begin anew when another address is signalled, not when the same is", () => {
    const latch = new Latch(signalled, []);
    judge(latch, signalled, 1, 0);
    latch.signal(signalled);
    expect(latch.latched).toBe(true);
    latch.signal(nat, []);
    expect(latch.target).toEqual(nat);
    expect(judge(latch, signalled, 1, 220)).toBe("stranger");
    expect(judge(latch, nat, 5, 240)).toBe("latched");
  });

  it.each([
    ["2001:db8::1", "2001:DB8:0:0:0:0:0:1"],
    ["192.0.2.1", "::ffff:192.0.2.1"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["fe80::1", "fe80::1%eth0"],
  ])("know %s in every spelling: %s", (said, seen) => {
    const latch = new Latch({ address: said, port: 4000 }, "signalled");
    expect(judge(latch, { address: seen, port: 4000 }, 1, 0)).toBe("latched");
    expect(new Latch(inside, [said]).trusts(seen)).toBe(true);
  });
});

describe("media under SRTP", () => {
  it("are believed by their key from anywhere, and their stream moves at once", () => {
    const latch = new Latch(inside, []);
    expect(judge(latch, nat, 1, 10, true)).toBe("latched");
    expect(judge(latch, { ...nat, port: 62000 }, 1, 30, true)).toBe("latched");
    expect(judge(latch, thief, 7, 50, true)).toBe("stranger");
    expect(judge(latch, inside, 7, 60, true)).toBe("latched");
  });
});

describe("RTCP without SRTP", () => {
  it("comes from one port of a host that is believed while no RTP has come", () => {
    const [rtp, reports] = [new Latch(inside, [nat.address]), new ReportLatch()];
    reports.signal({ ...inside, port: inside.port + 1 });
    expect(reports.takes(nat.address, 5_001, true, rtp, 0)).toBe(true);
    for (let t = 0; t < 19_000; t += 1000) {
      expect(reports.takes(nat.address, 7_001, true, rtp, t)).toBe(false);
      expect(reports.takes(thief.address, 5_001, true, rtp, t)).toBe(false);
    }
  });

  function setUp(sources: readonly string[] = [nat.address], from: MediaAddress = signalled) {
    const rtp = new Latch(from, sources);
    const reports = new ReportLatch();
    reports.signal({ address: from.address, port: from.port + 1 });
    const takes = ({ address, port }: MediaAddress, now: number, apart = true) => reports.takes(address, port, apart, rtp, now);
    return { rtp, takes };
  }

  it("is taken from the signalled port, and from the far end's RTP port and the one after", () => {
    const { rtp, takes } = setUp([], signalled);
    judge(rtp, signalled, 1, 0);
    for (const port of [4000, 4001]) expect(takes({ ...signalled, port }, 10)).toBe(true);
    expect(takes(thief, 10)).toBe(false);
    expect(takes(signalled, 10, false)).toBe(true);
    expect(takes({ ...signalled, port: 4002 }, 10, false)).toBe(false);
  });

  it("does not keep a dead call up: of another host never, of the far end's host only from where it came while RTP did", () => {
    const { rtp, takes } = setUp([nat.address], inside);
    burst(rtp, nat, 1, 0);
    expect(takes(thief, 100)).toBe(false);
    expect(takes({ ...nat, port: 50_000 }, 100)).toBe(true);
    expect(takes({ ...nat, port: 50_001 }, 200)).toBe(false);
    expect(takes({ ...nat, port: 50_000 }, 19_000)).toBe(true);
    expect(takes({ ...nat, port: 50_001 }, 120_000)).toBe(false);
  });

  it("of one that sends no RTP is taken where its RTP would be", () => {
    const { takes } = setUp([nat.address], inside);
    expect(takes({ ...nat, port: 50_000 }, 0)).toBe(true);
    expect(takes(thief, 0)).toBe(false);
    expect(takes(thief, 0, false)).toBe(false);
  });
});
