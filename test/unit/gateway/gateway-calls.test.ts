import { afterEach, describe, expect, it } from "vitest";
import { NO_METRICS } from "../../../src/gateway/options.ts";
import type { GatewayConfig } from "../../../src/gateway/options.ts";
import { withoutIdentifiers } from "../../support/identifiers.ts";
import { trunk } from "../trunks/fixtures.ts";
import { Bench, message, settle, type, until } from "./harness.ts";

let bench: Bench;
const start = async (config: Partial<GatewayConfig> = {}, peerStamps = true) => {
  bench = await Bench.create(config, peerStamps);
  return bench;
};
afterEach(() => bench.stop());

/** What came of each PIN from now on. */
function pinResults(): string[] {
  const results: string[] = [];
  Object.assign(bench.context, { metrics: { ...NO_METRICS, pin: (result: string) => void results.push(result) } });
  return results;
}

function closeToStrangers(): void {
  const { lockout, clock } = bench.context;
  for (let i = 0; i < 21; i++) lockout.reserve("2000", null, clock.now())?.settle(false, clock.now());
}

describe("the demo's meetings", () => {
  it("1000 is joined at once, and the caller hears of being alone", async () => {
    await start();
    const { call, dialog } = await bench.invite("sip:1000@gw");
    expect(bench.sfu.done).toEqual(["Anna joins 1000", "Anna hears alone"]);
    expect(call.view()).toMatchObject({
      state: "joined",
      meetingId: "1000",
      trunk: "open",
      trust: "unverified",
      to: "sip:1000@gw",
      from: "sip:anna@example.com",
    });
    dialog.bye({ Reason: 'Q.850;cause=16;text="Normal"' });
    await settle();
    expect(bench.records).toMatchObject([
      { outcome: "completed", cause: 16, meetingId: "1000", codec: "PCMU", packetsIn: 10, sipStatus: null },
    ]);
    expect(bench.context.calls.size).toBe(0);
    expect(bench.port.sessions[0]?.closed).toBe(true);
    expect(bench.context.limits.calls("open")).toBe(0);
  });

  it("2000 asks for a PIN, gives the role by it, and never writes it down", async () => {
    await start();
    const { call, session } = await bench.invite("sip:2000@gw");
    expect(session.done).toEqual(["play en/enter-pin"]);
    type(session, "98765#");
    await until(() => call.state === "joined", "joined as host");
    expect(bench.meetings.participants("2000")).toMatchObject([{ role: "host", state: "joined", displayName: "Anna" }]);
    expect(withoutIdentifiers(JSON.stringify([bench.lines, bench.events]))).not.toContain("98765");
  });

  it.each(["sip:2000**1234@gw", "sip:2000%23%231234@gw"])(
    "%s is joined without a word, and its PIN is in no log, view or record",
    async (uri) => {
      await start();
      const { call, session, dialog } = await bench.invite(uri);
      await until(() => call.state === "joined", "joined");
      expect(session.done).toEqual([]);
      dialog.bye();
      await settle();
      expect(bench.records).toHaveLength(1);
      expect(withoutIdentifiers(JSON.stringify([bench.lines, bench.events, bench.records]))).not.toContain("1234");
    },
  );

  it.each([
    "sip:2000**98765##@gw",
    "sip:2000*98765@gw",
    "sip:2000**98765x5@gw",
    "sip:2000%2A98765@gw",
    "sip:2000%252A%252A98765@gw",
    "sip:2000;pin=98765@gw",
    "sip:2000:98765@gw",
    "sip:2000@gw;pin=98765",
    "tel:2000*98765",
    "2000**98765@gw",
  ])("%s is in no log, view or record with its PIN, and neither is a name or address written so", async (uri) => {
    await start();
    await bench.invite(uri);
    await bench.invite("sip:9999@gw", { from: "2000**98765" });
    await settle();
    expect(bench.records.length).toBeGreaterThan(0);
    expect(withoutIdentifiers(JSON.stringify([bench.lines, bench.events, bench.records]))).not.toContain("98765");
  });

  it("a caller's OPTIONS in the dialog is told how far the call has come, and of a wrong PIN", async () => {
    await start();
    const { call, session, dialog } = await bench.invite("sip:2000@gw");
    const asked = () => {
      const { request } = message("OPTIONS", "sip:2000@gw", {}, "");
      let said: { status: number; state: string | undefined } | undefined;
      const send = (status: number, { headers }: { headers: Record<string, string> }) => {
        said = { status, state: headers["Crosspoint-State"] };
      };
      dialog.emit("options", request, { send });
      return said;
    };
    expect(asked()).toEqual({ status: 200, state: "ivr" });
    const before = session.done.length;
    type(session, "9999#");
    await until(() => session.done.length > before, "an answer to the PIN");
    expect(asked()).toEqual({ status: 200, state: "ivr;wrong-pin" });
    type(session, "1234#");
    await until(() => call.state === "joined", "joined");
    expect(asked()).toEqual({ status: 200, state: "joined" });
  });

  it("three wrong PINs end the call", async () => {
    await start();
    const { call, session, dialog } = await bench.invite("sip:2000@gw");
    for (const pin of ["1", "2", "3"]) {
      const before = session.done.length;
      type(session, `${pin}#`);
      await until(() => session.done.length > before, "an answer to the PIN");
    }
    expect(session.done.at(-1)).toBe("play en/pin-wrong en/goodbye");
    session.finish(true);
    await until(() => call.over, "the end");
    await settle();
    expect(dialog.byeReason).toContain("cause=21");
    expect(bench.records).toMatchObject([{ outcome: "wrong-pin" }]);
  });

  it("more than twenty wrong PINs make it a meeting that does not exist, for ten minutes", async () => {
    await start();
    closeToStrangers();
    expect((await bench.invite("sip:2000@gw")).sent).toMatchObject([{ status: 404 }]);
    expect((await bench.invite("sip:2000**1234@gw")).sent).toMatchObject([{ status: 404 }]);
    expect((await bench.invite("sip:9999@gw")).sent[0]?.headers["Reason"]).toBe(
      (await bench.invite("sip:2000@gw")).sent[0]?.headers["Reason"],
    );
    expect(bench.records.map(({ outcome }) => outcome)).toEqual(["pin-locked-out", "pin-locked-out", "no-such-meeting", "pin-locked-out"]);
    expect((await bench.invite("sip:1000@gw")).sent).toEqual([]);
    bench.clock.advance(600_000);
    expect((await bench.invite("sip:2000@gw")).sent).toEqual([]);
  });

  it("somebody who is asked for the PIN when it closes hears of no meeting", async () => {
    await start();
    const { session } = await bench.invite("sip:2000@gw");
    closeToStrangers();
    type(session, "1234#");
    await until(() => session.done.length > 1, "an answer");
    expect(session.done.at(-1)).toBe("play en/number-unknown en/goodbye");
  });

  it("of 100 PINs at once 21 are compared, the right one after them is not let in, another meeting's guest is", async () => {
    await start({ overload: { callsPerSecondPerSource: 0 } });
    const pins = pinResults();
    const calls = [];
    for (let i = 0; i < 99; i++) calls.push((await bench.invite(`sip:2000**${55_000 + i}@gw`)).call);
    const right = (await bench.invite("sip:2000**1234@gw")).call;
    const guest = (await bench.invite("sip:5000**98765@gw")).call;
    await until(() => guest.state === "joined", "the guest of another meeting");
    await until(() => pins.length === 101, "an answer to each PIN");
    const count = (result: string) => pins.filter((one) => one === result).length;
    expect([count("wrong"), count("right"), count("locked-out")]).toEqual([21, 1, 79]);
    await settle();
    expect(right?.state).not.toBe("joined");
    expect(bench.meetings.participants("2000").filter(({ state }) => state === "joined")).toEqual([]);
    expect(bench.events_("pin-lockout")).toHaveLength(1);
  });

  it("a verified caller passes a lockout that strangers caused, and is asked for its PIN", async () => {
    await start({ defaultTrunk: trunk("bank", { trust: "verified" }) });
    closeToStrangers();
    const { call, session } = await bench.invite("sip:2000@gw");
    expect(session.done).toEqual(["play en/enter-pin"]);
    type(session, "1234#");
    await until(() => call.state === "joined", "joined");
    // its own wrong PINs close the meeting to it
    for (let i = 0; i < 21; i++) bench.context.lockout.reserve("2000", "bank", bench.clock.now())?.settle(false, bench.clock.now());
    const refused = await bench.invite("sip:2000**1234@gw", { from: "Bert" });
    const unknown = await bench.invite("sip:9999**1234@gw", { from: "Bert" });
    expect(refused.sent).toMatchObject([{ status: 404 }]);
    expect(refused.sent).toEqual(unknown.sent);
  });

  it("a call that is over before its PIN's turn is neither compared nor counted", async () => {
    await start();
    const pins = pinResults();
    const first = await bench.invite("sip:2000**1@gw");
    const gone = await bench.invite("sip:2000**2@gw");
    gone.dialog.bye();
    await until(() => first.call.state === "ivr" && pins.length > 0, "the first PIN");
    const last = await bench.invite("sip:2000**1234@gw");
    await until(() => last.call.state === "joined", "joined");
    expect(pins).toEqual(["wrong", "right"]);
  });

  it("3000's lobby keeps unverified callers until each is admitted", async () => {
    await start();
    const anna = await bench.invite("sip:3000@gw");
    const bert = await bench.invite("sip:3000@gw", { from: "Bert" });
    expect(anna.session.done).toEqual(["play en/lobby-wait"]);
    anna.session.finish(true);
    await settle();
    expect(anna.session.done).toEqual(["play en/lobby-wait", "loop common/music"]);
    expect(bench.meetings.participants("3000").map(({ state }) => state)).toEqual(["lobby", "lobby"]);
    expect(bench.meetings.admit("3000", anna.call.id)).toBe(true);
    await settle();
    expect([anna.call.state, bert.call.state]).toEqual(["joined", "lobby"]);
    expect(bench.meetings.admit("3000", anna.call.id)).toBe(false);
  });

  it("4000 is refused, and told why", async () => {
    await start();
    const { sent } = await bench.invite("sip:4000@gw");
    expect(sent).toMatchObject([
      {
        status: 488,
        headers: { Warning: expect.stringMatching(/^399 .*end-to-end encrypted/), Reason: expect.stringContaining("cause=79") },
      },
    ]);
    expect(bench.records).toMatchObject([{ outcome: "end-to-end-encrypted", sipStatus: 488, cause: 79, answeredAt: null }]);
    expect(bench.events_("call-refused")).toHaveLength(1);
  });

  it("5000 speaks German and keeps guests waiting until the host is there", async () => {
    await start();
    const guest = await bench.invite("sip:5000**1234@gw", { from: "Gast" });
    await until(() => guest.call.state === "waiting", "waiting");
    await settle();
    expect(guest.session.done).toEqual(["play de/host-wait"]);
    const host = await bench.invite("sip:5000**98765@gw", { from: "Host" });
    await until(() => guest.call.state === "joined", "joined");
    expect(host.call.state).toBe("joined");
    expect(bench.sfu.done.slice(0, 2)).toEqual(["Host joins 5000", "Host hears alone"]);
    expect(bench.sfu.done).toContain("Gast joins 5000");
    expect(bench.sfu.done).toContain("5000 hears common/tone-join");
  });

  it.each(["sip:meet@gw", "sip:+15550100@gw", "sip:gw", "tel:+1-555-0100"])("%s asks for the number", async (uri) => {
    await start();
    const { call, session } = await bench.invite(uri);
    expect(session.done).toEqual(["play en/welcome en/enter-number"]);
    type(session, "1000#");
    await until(() => call.state === "joined", "joined");
    expect(call.view().meetingId).toBe("1000");
  });

  it("the number entered may be of no meeting, or of one that refuses", async () => {
    await start();
    const { session } = await bench.invite("sip:meet@gw");
    type(session, "77#");
    await settle();
    expect(session.done.at(-1)).toBe("play en/number-unknown en/enter-number");
    type(session, "4000#");
    await settle();
    expect(session.done.at(-1)).toBe("play en/encrypted-refused en/goodbye");
  });
});

describe("a call by UDP", () => {
  it("hears nothing and is nowhere before its ACK, and everything after it", async () => {
    await start();
    bench.srf.acknowledges = false;
    for (const to of ["sip:1000@gw", "sip:2000@gw"]) void bench.invite(to);
    await until(() => bench.srf.dialogs.length === 2, "answered");
    await settle();
    expect(bench.port.offers.every((offer) => offer.includes("a=x-crosspoint-held"))).toBe(true);
    expect(bench.port.sessions.map(({ done, released }) => [done, released])).toEqual([
      [[], false],
      [[], false],
    ]);
    expect([bench.sfu.done, bench.meetings.participants("1000").length]).toEqual([[], 0]);
    for (const dialog of bench.srf.dialogs) dialog.emit("ack", { source_address: "", body: "" });
    await until(() => bench.sfu.done.length > 0, "joined");
    await until(() => bench.port.sessions[1]!.done.length > 0, "asked");
    expect(bench.port.sessions.map(({ done, released }) => [done, released])).toEqual([
      [[], true],
      [["play en/enter-pin"], true],
    ]);
  });

  it("that is never acknowledged is over when the SIP engine ends it, and was never in the meeting", async () => {
    await start();
    bench.srf.acknowledges = false;
    void bench.invite("sip:1000@gw");
    await until(() => bench.srf.dialogs.length === 1, "answered");
    bench.srf.dialogs[0]!.bye({ Reason: 'SIP;cause=200;text="ACK timeout"' });
    await until(() => bench.records.length === 1, "recorded");
    expect([bench.sfu.done, bench.port.sessions[0]!.released, bench.port.sessions[0]!.closed]).toEqual([[], false, true]);
  });

  it("by TLS is up at once: nobody connects in another's name", async () => {
    await start();
    bench.srf.acknowledges = false;
    await bench.invite("sip:1000@gw", { headers: { "X-Transport": "tls" } });
    expect(bench.port.offers[0]).not.toContain("x-crosspoint-held");
    expect(bench.sfu.done).toEqual(["Anna joins 1000", "Anna hears alone"]);
  });
});
