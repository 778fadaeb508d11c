import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeEach, expect, test } from "vitest";
import type { CallView } from "../../../src/admin/ports.ts";
import { type Crosspoint, startCrosspoint } from "../../support/crosspoint.ts";
import { clockEnvironment, setOffset } from "../../support/fake-clock.ts";
import { Phone } from "../../support/media-phone.ts";
import { describeWithPeers } from "../../support/peers.ts";
import { portsOf } from "../../support/ports.ts";
import { runSipp, sipp } from "../../support/sipp.ts";
import { tonesIn } from "../../support/spectrum.ts";

/** Somebody sets the clock, an hour on and two back, with calls up: what lasts is measured by another clock, so that nothing notices but the time of day in the log. */
const PORT = portsOf("gateway-clock");
const HOUR = 3600;

describeWithPeers("a clock that is set", ["faketime", "sipp"], () => {
  const folder = mkdtempSync(join(tmpdir(), "crosspoint-clock-"));
  const clock = join(folder, "clock");
  const phones: Phone[] = [];
  let gateway: Crosspoint;

  beforeEach(async () => {
    gateway = await startCrosspoint({ port: PORT, mediaPort: PORT + 20, env: clockEnvironment(clock) });
  });
  afterEach(async () => {
    for (const phone of phones.splice(0)) await phone.hangup();
    await gateway?.stop();
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const run = (service: string, port: number, steps: readonly string[]) => runSipp(steps, { target: gateway.sip, service, port });
  /** Minutes between the real clock and the gateway's, by what it logs now. */
  const offset = async () => {
    await run("9999", PORT + 220, [sipp.invite(), sipp.expect(404), sipp.ackFailure()]);
    const time = String(gateway.logged("call-refused").at(-1)?.["time"]);
    return Math.round((Date.parse(time) - Date.now()) / 60_000) + 0;
  };

  test("ends no call, opens no meeting that is closed, and makes no record longer", async () => {
    for (const tone of [700, 1300]) phones.push(await Phone.call({ sipPort: PORT, to: "1000", tone }));
    await gateway.waitForParticipants("1000", (all) => all.filter(({ state }) => state === "joined").length === 2);
    const digits = (pin: string) => [...`${pin}#`].map((digit) => sipp.info(digit));
    const wrong = [
      sipp.invite(),
      sipp.expect(200),
      sipp.ack(),
      ...digits("9"),
      // one PIN of a meeting is compared at a time, and keys pressed meanwhile are not taken
      sipp.pause(2_000),
      ...digits("8"),
      // one PIN of a meeting is compared at a time, and keys pressed meanwhile are not taken
      sipp.pause(2_000),
      ...digits("7"),
      sipp.receive("BYE"),
    ];
    const locking = await Promise.all(Array.from({ length: 7 }, (_, i) => run("2000", PORT + 240 + 8 * i, wrong)));
    expect(locking.map(({ ok }) => ok)).toEqual(Array.from({ length: 7 }, () => true));
    const closed = () => run("2000**1234", PORT + 222, [sipp.invite(), sipp.expect(404), sipp.ackFailure()]);
    expect((await closed()).ok).toBe(true);
    expect(await offset()).toBe(0);

    // a session that must be refreshed every 90 s, by a caller that does not mean to
    const timed = run("1000", PORT + 230, [
      sipp.invite({ headers: ["Supported: timer", "Session-Expires: 90;refresher=uac"] }),
      sipp.expect(200),
      sipp.ack(),
      sipp.pause(20_000),
      sipp.bye(),
    ]);
    await gateway.waitForParticipants("1000", (all) => all.filter(({ state }) => state === "joined").length === 3);

    for (const hours of [1, -1]) {
      setOffset(clock, hours * HOUR);
      expect(await offset()).toBe(hours * 60);
      await delay(2500);
      expect(phones.map(({ ended }) => ended)).toEqual([undefined, undefined]);
      await expect.poll(() => phones.map((phone) => tonesIn(phone.recent(1000), phone.rate, [700, 1300]))).toEqual([[1300], [700]]);
      expect((await gateway.api<CallView[]>("GET", "/calls")).length).toBe(3);
      expect((await closed()).ok, "ten minutes are not over").toBe(true);
    }
    const { ok, errors } = await timed;
    expect({ ok, errors }).toEqual({ ok: true, errors: "" });
    for (const phone of phones.splice(0)) await phone.hangup();
    await expect.poll(async () => (await gateway.records()).filter(({ meetingId }) => meetingId === "1000").length).toBe(3);
    const records = await gateway.records();
    const seconds = records.map(({ startedAt, endedAt }) => (Date.parse(endedAt) - Date.parse(startedAt)) / 1000);
    expect(Math.min(...seconds)).toBeGreaterThanOrEqual(0);
    // by less than the clock was set
    expect(Math.max(...seconds)).toBeLessThan(600);
    for (const { meetingId, outcome } of records.slice(0, 3)) expect([meetingId, outcome]).toEqual(["1000", "completed"]);
    expect(gateway.logged(/media-timeout|session-expired|overload/)).toEqual([]);
  });
});
