import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { CallView } from "../../../src/admin/ports.ts";
import type { CallRecord } from "../../../src/records/model.ts";
import { type Crosspoint, startCrosspoint } from "../../support/crosspoint.ts";
import { describeWithPeers } from "../../support/peers.ts";
import { inTurn, portsOf } from "../../support/ports.ts";
import { realDrachtio, realFreeswitch } from "../../support/real-engines.ts";
import { runSipp, type SippResult, type Step, sipp } from "../../support/sipp.ts";

/** A thread of the gateway's dies of a fault with calls up: they end, callers are told where that can be, it recovers alone, and the log says so once. */
const PORT = portsOf("gateway-thread-death");
const nextPort = inTurn(PORT + 220, 8, 6);
let gateway: Crosspoint;
const folder = mkdtempSync(join(tmpdir(), "crosspoint-victim-"));
const victim = join(folder, "victim");

function call(steps: readonly Step[], transport: "udp" | "tcp" = "udp"): Promise<SippResult> {
  return runSipp([sipp.invite(), sipp.expect(200), sipp.ack(), ...steps], {
    target: gateway.sip,
    service: "1000",
    port: nextPort(),
    transport,
  });
}
const joined = (count: number) =>
  gateway.waitForParticipants("1000", (all) => all.filter(({ state }) => state === "joined").length === count);

/** Kills the thread, and waits until the gateway says that it takes calls again. */
async function kill(thread: string): Promise<void> {
  writeFileSync(victim, thread);
  gateway.process.kill("SIGUSR2");
}
async function recovered(): Promise<void> {
  await expect.poll(async () => (await gateway.api<CallView[]>("GET", "/calls")).length).toBe(0);
  expect(await gateway.participants("1000")).toEqual([]);
  let last: SippResult | undefined;
  for (let tries = 0; tries < 60 && last?.ok !== true; tries++) {
    last = await call([sipp.pause(300), sipp.bye()]);
    if (!last.ok) await new Promise((resolve) => setTimeout(resolve, 250));
  }
  expect(last?.ok, last?.errors).toBe(true);
  expect(await gateway.api("GET", "/health")).toMatchObject({ status: "ok" });
}
async function newest(count: number): Promise<CallRecord[]> {
  return (await gateway.records()).slice(0, count);
}

beforeAll(async () => {
  gateway = await startCrosspoint({
    port: PORT,
    mediaPort: PORT + 20,
    env: {
      NODE_OPTIONS: `--import=${pathToFileURL(join(import.meta.dirname, "../../support/thread-killer.mjs")).href}`,
      CROSSPOINT_TEST_VICTIM: victim,
    },
  });
});
// a try that failed may have left some
afterEach(() => gateway.endCalls());
afterAll(async () => {
  await gateway?.stop();
  rmSync(folder, { recursive: true, force: true });
});

describeWithPeers("a thread that dies with calls up", ["sipp"], () => {
  describe.skipIf(realFreeswitch !== undefined)("(embedded media server)", () => {
    test.each([
      ["media-control", /an engine has died/, /an engine runs again/],
      ["media-0", /media thread died/i, undefined],
    ])("%s: callers get a BYE that says why, new calls are taken", async (thread, died, runs) => {
      const said = () => [died, runs].map((what) => (what ? gateway.logged(what).length : 0));
      const [deaths = 0, births = 0] = said();
      const callers = [call([sipp.receive("BYE")]), call([sipp.receive("BYE")], "tcp")];
      await joined(2);
      await kill(thread);
      for (const { ok, messages, errors } of await Promise.all(callers)) {
        expect({ ok, errors }).toEqual({ ok: true, errors: "" });
        expect(messages).toMatch(/BYE sip:[\s\S]*Reason: Q\.850;cause=\d+;text="/i);
      }
      await expect.poll(async () => (await newest(2)).map(({ outcome }) => outcome)).toEqual(["media-server-lost", "media-server-lost"]);
      await recovered();
      expect(said()).toEqual([deaths + 1, runs ? births + 1 : 0]);
    });
  });

  describe.skipIf(realFreeswitch === undefined)("(FreeSWITCH)", () => {
    test("killed and started anew: callers get a BYE that says why, who calls meanwhile 503, and then calls are taken", async () => {
      const lost = gateway.logged("media-server-lost").length;
      const retries = gateway.logged("media-server-retry").length;
      const callers = [call([sipp.receive("BYE")]), call([sipp.receive("BYE")], "tcp")];
      await joined(2);
      const back = gateway.replaceEngine("freeswitch", 4000);
      for (const { ok, messages, errors } of await Promise.all(callers)) {
        expect({ ok, errors }).toEqual({ ok: true, errors: "" });
        expect(messages).toMatch(/BYE sip:[\s\S]*Reason: Q\.850;cause=\d+;text="/i);
      }
      const refused = await runSipp([sipp.invite(), sipp.expect(503, { header: "Retry-After", pattern: "[0-9]+" }), sipp.ackFailure()], {
        target: gateway.sip,
        service: "1000",
        port: nextPort(),
      });
      expect(refused.ok, refused.errors).toBe(true);
      await expect
        .poll(async () => (await newest(3)).map(({ outcome }) => outcome))
        .toEqual(["media-server-lost", "media-server-lost", "media-server-lost"]);
      await back;
      await recovered();
      expect(gateway.logged("media-server-retry")).toHaveLength(retries + 1);
      expect(gateway.logged("announcement-failed")).toEqual([]);
      expect(gateway.logged("media-server-lost").filter(({ call }) => call === undefined)).toHaveLength(lost + 1);
    });
  });

  describe.skipIf(realDrachtio === undefined)("(drachtio-server)", () => {
    test("killed and started anew: its calls are over and recorded, and new calls are taken", async () => {
      const lost = gateway.logged("sip-engine-lost").length;
      const late = call([sipp.pause(2000)]);
      await joined(1);
      const back = gateway.replaceEngine("drachtio", 1000);
      await expect.poll(async () => (await newest(1))[0]?.outcome).toBe("signalling-lost");
      await Promise.all([back, late]);
      await recovered();
      expect(gateway.logged("sip-engine-lost")).toHaveLength(lost + 1);
    });
  });

  describe.skipIf(realDrachtio !== undefined)("(embedded SIP engine)", () => {
    test("sip-engine: its calls are over and recorded, one who hangs up later is told that there is no call, new calls are taken", async () => {
      const before = gateway.logged(/an engine has died/).length;
      const lost = gateway.logged("sip-engine-lost").length;
      const late = call([sipp.pause(3000), sipp.request("BYE"), '<recv response="481"/>']);
      await joined(1);
      await kill("sip-engine");
      await expect.poll(async () => (await newest(1))[0]?.outcome).toBe("signalling-lost");
      await recovered();
      const { ok, errors } = await late;
      expect({ ok, errors }).toEqual({ ok: true, errors: "" });
      expect(gateway.logged(/an engine has died/)).toHaveLength(before + 1);
      expect(gateway.logged("sip-engine-lost")).toHaveLength(lost + 1);
    });
  });
});
