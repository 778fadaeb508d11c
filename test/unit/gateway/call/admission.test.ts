import { describe, expect, it } from "vitest";
import { type CallerKind, CallAdmission } from "../../../../src/gateway/call/admission.ts";
import type { Call } from "../../../../src/gateway/call/call.ts";
import type { GatewayConfig, OverloadLimits } from "../../../../src/gateway/options.ts";
import type { LoadSample } from "../../../../src/gateway/overload.ts";
import { FakeClock } from "../../../support/standing-clock.ts";
import { trunk } from "../../trunks/fixtures.ts";

const idle: LoadSample = { eventLoopMs: 1, cpuPercent: 5 };

/** An admission with calls that stay up. */
class Door {
  readonly clock = new FakeClock();
  readonly calls = new Map<string, Call>();
  samples: readonly [LoadSample, LoadSample] = [idle, idle];
  draining = false;
  readonly #admission: CallAdmission;
  readonly #known: string;

  constructor(overload: OverloadLimits, trunks = [trunk("carrier", {})]) {
    const config = { trunks, defaultTrunk: trunk("unknown", {}), overload } as unknown as GatewayConfig;
    this.#known = trunks[0]?.name ?? "none";
    const door = this;
    const settings = {
      config,
      get draining() {
        return door.draining;
      },
    };
    const load = {
      get samples() {
        return door.samples;
      },
    };
    this.#admission = new CallAdmission({ settings, calls: door.calls, clock: door.clock, load });
  }

  /** Whether a call is taken; it then stays. */
  call(address: string, kind: CallerKind, protocol = "sip"): boolean {
    if (this.#admission.refusal(address, kind) !== null) return false;
    const name = kind === "trunk" ? this.#known : protocol === "web" ? null : "unknown";
    const call = { leg: { info: { direction: "in", address, protocol } }, trunk: name, trust: "unverified", pictures: null };
    this.calls.set(`${this.calls.size}`, call as unknown as Call);
    return true;
  }
  taken(count: number, address: (i: number) => string, kind: CallerKind, protocol?: string): number {
    return Array.from({ length: count }, (_, i) => this.call(address(i), kind, protocol)).filter(Boolean).length;
  }
}

describe("a source", () => {
  it("of strangers has 20 calls a second and 40 at once by default, over SIP, H.323 and the page together; a trunk has no such limit", () => {
    const door = new Door({});
    const one = () => "192.0.2.1";
    expect(door.taken(15, one, "stranger") + door.taken(15, one, "stranger", "h323") + door.taken(15, one, "stranger", "web")).toBe(40);
    expect(door.taken(1, () => "::ffff:192.0.2.1", "challenged")).toBe(0);
    expect(door.taken(1, () => "192.0.2.2", "stranger")).toBe(1);
    expect(door.taken(200, one, "trunk")).toBe(200);
    door.clock.advance(500);
    expect(door.taken(100, one, "stranger")).toBe(10);
  });

  it("is a whole /64", () => {
    const door = new Door({});
    expect(door.taken(100, (i) => `2001:db8::${i.toString(16)}`, "stranger")).toBe(40);
  });

  it("has what is configured, trunks' callers too; 0 is no limit", () => {
    expect(new Door({ callsPerSecondPerSource: 5 }).taken(50, () => "192.0.2.1", "trunk")).toBe(5);
    expect(new Door({ callsPerSecondPerSource: 0 }).taken(500, () => "192.0.2.1", "stranger")).toBe(500);
  });

  it("of strangers has a hundred calls at a time, and others have theirs", () => {
    const door = new Door({});
    let taken = 0;
    for (let second = 0; second < 20; second++) {
      taken += door.taken(20, () => "192.0.2.1", "stranger");
      door.clock.advance(1000);
    }
    expect(taken).toBe(100);
    expect(door.taken(5, () => "192.0.2.2", "stranger")).toBe(5);
    door.calls.clear();
    expect(door.taken(5, () => "192.0.2.1", "stranger")).toBe(5);
  });
});

describe("a quarter", () => {
  const everywhere = (i: number) => `10.0.${i >> 8}.${i & 255}`;
  it("of the calls is for trunks", () => {
    const door = new Door({ maxCalls: 40 });
    expect(door.taken(100, everywhere, "stranger")).toBe(30);
    expect(door.taken(100, () => "203.0.113.1", "trunk")).toBe(10);
  });
  it("of the media ports is for trunks", () => {
    const door = new Door({ mediaPorts: 200 });
    // 150 ports, of which the last call may need eight.
    expect(door.taken(200, everywhere, "stranger")).toBe(72);
    expect(door.call("203.0.113.1", "trunk")).toBe(true);
  });
  it("of the load is for trunks: strangers are the first to be refused, and with a time to come back", () => {
    const door = new Door({ cpuPercent: 80, eventLoopMs: 200 });
    for (const busy of [
      { eventLoopMs: 1, cpuPercent: 70 },
      { eventLoopMs: 160, cpuPercent: 5 },
    ]) {
      door.samples = [busy, busy];
      expect([door.call("192.0.2.1", "stranger"), door.call("192.0.2.1", "trunk")]).toEqual([false, true]);
    }
    door.samples = [idle, { eventLoopMs: 1, cpuPercent: 79 }];
    expect(door.call("192.0.2.1", "stranger")).toBe(true);
  });
  it("and more: trunks have twenty calls a second, however loaded the gateway is; unless it is ten times as late, full, or keeps nothing for them", () => {
    const late = (eventLoopMs: number): [LoadSample, LoadSample] => [
      { eventLoopMs, cpuPercent: 99 },
      { eventLoopMs, cpuPercent: 99 },
    ];
    const door = new Door({});
    door.samples = late(300);
    expect(door.taken(100, () => "192.0.2.9", "trunk")).toBe(40);
    expect(door.call("192.0.2.1", "stranger")).toBe(false);
    door.clock.advance(1000);
    expect(door.taken(100, () => "192.0.2.9", "trunk")).toBe(20);
    door.clock.advance(1000);
    door.samples = late(2501);
    expect(door.call("192.0.2.9", "trunk")).toBe(false);
    for (const limits of [{ maxCalls: 2 }, { keptForTrunks: 0 }]) {
      const other = new Door(limits);
      other.samples = late(300);
      expect(other.taken(10, () => "192.0.2.9", "trunk")).toBe(limits.maxCalls ?? 0);
    }
  });
  it("is not kept where there is no trunk, or none is wanted", () => {
    expect(new Door({ maxCalls: 40 }, []).taken(100, everywhere, "stranger")).toBe(40);
    expect(new Door({ maxCalls: 40, keptForTrunks: 0 }).taken(100, everywhere, "stranger")).toBe(40);
    expect(new Door({ maxCalls: 40, keptForTrunks: 50 }).taken(100, everywhere, "stranger")).toBe(20);
  });
});
