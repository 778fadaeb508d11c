import { describe, expect, it } from "vitest";
import { Presence, type PresenceInput, type PresenceOutput } from "../../../src/web/liveness.ts";
import { TIMEOUT, type Timeout } from "../../../src/base/machine.ts";

const timings = { socketMs: 10_000, awayMs: 2_000, interruptedMs: 4_000, connectMs: 12_000, renewals: 2 };

/** A presence with a clock that jumps from timer to timer. */
class Bench {
  readonly presence: Presence;
  readonly out: (PresenceOutput & { at: number })[] = [];
  now = 0;

  constructor(presence = new Presence(timings)) {
    this.presence = presence;
  }

  put(...inputs: (PresenceInput | Timeout)[]): void {
    for (const input of inputs) {
      this.presence.handle(input, this.now);
      for (const output of this.presence.drain()) this.out.push({ ...output, at: this.now });
    }
  }

  until(time: number): void {
    for (;;) {
      const next = this.presence.nextTimeout();
      if (next === undefined || next > time) break;
      this.now = next;
      this.put(TIMEOUT);
    }
    this.now = time;
  }
}

const media = (state: "connecting" | "connected" | "disconnected" | "failed"): PresenceInput => ({ type: "media", state });
const socket = (up: boolean): PresenceInput => ({ type: "socket", up });
const closed: PresenceInput = { type: "socket", up: false, away: true };

describe("presence of a page", () => {
  it("asks for nothing while all is well", () => {
    const bench = new Bench();
    bench.put(media("connecting"), media("connected"));
    bench.until(1_000_000);
    expect(bench.out).toEqual([]);
  });

  it("gives a page up that does not come back, and not one that does", () => {
    const bench = new Bench();
    bench.put(media("connecting"), media("connected"), socket(false));
    bench.until(9_000);
    bench.put(socket(true));
    bench.until(100_000);
    expect(bench.out).toEqual([]);
    bench.put(socket(false));
    bench.until(200_000);
    expect(bench.out).toEqual([{ type: "lost", what: "socket", reason: expect.any(String), at: 110_000 }]);
  });

  it("waits shortly only for a page that says it is being closed, which then has left", () => {
    const bench = new Bench();
    bench.put(media("connecting"), media("connected"), closed);
    bench.until(1_000);
    bench.put(socket(true), socket(false));
    bench.until(5_000);
    bench.put(socket(true), closed, media("disconnected"));
    bench.until(100_000);
    expect(bench.out).toEqual([{ type: "left", at: 7_000 }]);
  });

  it("makes another connection when media stay away, at once when they have failed", () => {
    const bench = new Bench();
    bench.put(media("connecting"), media("connected"), media("disconnected"));
    bench.until(3_000);
    bench.put(media("connected"), media("disconnected"));
    bench.until(8_000);
    expect(bench.out).toEqual([{ type: "renew", at: 7_000 }]);
    bench.put(media("connecting"), media("connected"), media("failed"));
    expect(bench.out.at(-1)).toEqual({ type: "renew", at: 8_000 });
  });

  it("ends after so many connections that come to nothing, the first one too", () => {
    const bench = new Bench();
    bench.put(media("connecting"));
    bench.until(100_000);
    expect(bench.out).toEqual([
      { type: "renew", at: 12_000 },
      { type: "renew", at: 24_000 },
      { type: "lost", what: "media", reason: expect.any(String), at: 36_000 },
    ]);
  });

  it("counts anew once media were there", () => {
    const bench = new Bench();
    bench.put(media("connecting"));
    for (let i = 0; i < 10; i++) bench.put({ type: "renew" }, media("connected"));
    expect(bench.out).toHaveLength(10);
  });

  it("offers nothing to a page without WebSocket, but as soon as it is back", () => {
    const bench = new Bench();
    bench.put(media("connecting"), media("connected"), socket(false), media("failed"));
    bench.until(5_000);
    expect(bench.out).toEqual([]);
    bench.put(socket(true));
    expect(bench.out).toEqual([{ type: "renew", at: 5_000 }]);
  });

  it("waits two minutes for a page whose network is away, and counts its media's attempts from its return", () => {
    const bench = new Bench(new Presence());
    bench.put(media("connecting"), media("connected"), media("disconnected"));
    bench.until(6_000);
    bench.put(socket(false));
    bench.until(125_000);
    expect(bench.out).toEqual([{ type: "renew", at: 4_000 }]);
    bench.put(socket(true));
    bench.until(140_000);
    expect(bench.out.slice(1)).toEqual([
      { type: "renew", at: 125_000 },
      { type: "renew", at: 137_000 },
    ]);
    bench.put(media("connected"), socket(false));
    bench.until(400_000);
    expect(bench.out.at(-1)).toMatchObject({ type: "lost", what: "socket", at: 260_000 });
  });

  it("says nothing after the end", () => {
    const bench = new Bench();
    bench.put(socket(false));
    bench.until(20_000);
    bench.put(socket(true), media("failed"), { type: "renew" });
    expect(bench.out).toHaveLength(1);
    expect(bench.presence.nextTimeout()).toBeUndefined();
  });
});
