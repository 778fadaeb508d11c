import { expect, test } from "vitest";
import { FakeClock } from "../../../support/standing-clock.ts";
import { MediaEngine } from "../../../../src/media-server/media/engine.ts";
import type { LegConfig } from "../../../../src/media-server/messages.ts";

const CONFIG: LegConfig = {
  codecs: [{ name: "PCMU", sendPayloadType: 0, receivePayloadType: 0, ptime: 20 }],
  remote: { address: "192.0.2.1", port: 4000, rtcpPort: 4001 },
  rtcpMux: false,
  direction: "sendrecv",
};

/** Whether a silent call is told to be so within two minutes. */
function timesOut(change: Partial<LegConfig>): boolean {
  const clock = new FakeClock();
  let told = false;
  const engine = new MediaEngine({
    clock,
    rtpTimeoutMs: 30_000,
    tell: (message) => {
      if (message.t === "timeout") told = true;
    },
  });
  engine.add(1, () => {});
  engine.handle({ t: "configure", id: 1, config: { ...CONFIG, ...change } });
  for (let second = 0; second < 120; second++) {
    clock.advance(1000);
    engine.run(clock.now());
  }
  engine.remove(1);
  return told;
}

test("a call of which no packets come times out", () => {
  expect(timesOut({})).toBe(true);
});

test.each([
  ["that they hold by sendonly", { direction: "recvonly" as const }],
  ["that they hold by inactive", { direction: "inactive" as const }],
  ["that they hold by 0.0.0.0, or that still rings", { remote: { address: "0.0.0.0", port: 0, rtcpPort: 0 } }],
])("a call %s does not: its signalling ends it", (_, change) => {
  expect(timesOut(change)).toBe(false);
});
