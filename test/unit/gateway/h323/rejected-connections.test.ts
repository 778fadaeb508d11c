import { pino } from "pino";
import { describe, expect, it } from "vitest";
import { H323Door } from "../../../../src/gateway/h323/rejected-connections.ts";
import { FakeClock } from "../../../support/standing-clock.ts";

describe("H.323 connections that are turned away", () => {
  it("are said at once, and of many only how many there were", () => {
    const clock = new FakeClock();
    const lines: { connections: number; code: string; address: string }[] = [];
    const door = new H323Door(pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) }), clock);
    const peer = { host: "192.0.2.1", port: 1024 };
    for (let i = 0; i < 100; i++) door.turnedAway(peer, "source");
    door.turnedAway(peer, "no-setup", "closed by the peer");
    expect(lines).toMatchObject([
      { event: "h323-turned-away", connections: 1, code: "source", address: "192.0.2.1" },
      { connections: 1, code: "no-setup", detail: "closed by the peer" },
    ]);
    clock.advance(10_000);
    door.turnedAway({ host: "192.0.2.2", port: 1 }, "source");
    expect(lines[2]).toMatchObject({ connections: 100, address: "192.0.2.2" });
  });
});
