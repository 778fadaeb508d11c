import { afterEach, describe, expect, it } from "vitest";
import { CallFailure } from "../../../../src/base/call-failure.ts";
import type { GatewayConfig } from "../../../../src/gateway/options.ts";
import { Bench, sdp, settle, type, until } from "../harness.ts";

let bench: Bench;
const start = async (config: Partial<GatewayConfig> = {}) => {
  bench = await Bench.create(config);
  return bench;
};
afterEach(() => bench.stop());
describe("a call that is up", () => {
  it("is answered with our offer when it brought none, and its answer completes the media", async () => {
    await start();
    const { dialog, call, session } = await bench.invite("sip:1000@gw", { body: "" });
    expect(dialog.local.sdp).toContain("m=audio");
    expect(call.state).toBe("ringing");
    dialog.acknowledge({ body: sdp() });
    await settle();
    expect(session.done).toEqual(["accept RTP/AVP"]);
    expect(call.state).toBe("joined");
  });

  it("ends when the ACK brings no answer", async () => {
    await start();
    const { dialog } = await bench.invite("sip:1000@gw", { body: "" });
    dialog.acknowledge({ body: "" });
    await settle();
    expect(dialog.byeReason).toBeDefined();
    expect(bench.context.calls.size).toBe(0);
  });

  it("rings reliably where that is demanded", async () => {
    await start();
    const { sent } = await bench.invite("sip:1000@gw", { headers: { Require: "100rel" } });
    expect(sent).toMatchObject([{ status: 180, headers: { Require: "100rel" } }]);
  });

  it("holds and resumes, and a refresh changes nothing", async () => {
    await start();
    const { dialog, session } = await bench.invite("sip:1000@gw");
    expect(dialog.deliver("modify", "INVITE", {}, sdp("RTP/AVP", ["a=sendonly"], 2))).toEqual([]);
    await settle();
    expect(session.done).toEqual(["modify sendonly"]);
    const resumed = dialog.deliver("modify", "INVITE", {}, sdp("RTP/AVP", [], 3));
    await settle();
    expect(resumed).toMatchObject([{ status: 200, body: expect.stringContaining("m=audio") }]);
    const refreshed = dialog.deliver("modify", "INVITE", { "Session-Expires": "1800", Supported: "timer" }, sdp("RTP/AVP", [], 3));
    await settle();
    expect(session.done).toEqual(["modify sendonly", "modify sendrecv"]);
    expect(refreshed).toMatchObject([{ status: 200, body: resumed[0]?.body, headers: { "Session-Expires": "1800;refresher=uac" } }]);
    expect(dialog.deliver("update", "UPDATE")).toMatchObject([{ status: 200 }]);
    expect(dialog.deliver("update", "UPDATE", { "Session-Expires": "30", Supported: "timer" })).toMatchObject([
      { status: 422, headers: { "Min-SE": "90" } },
    ]);
  });

  it("answers a re-INVITE without offer with its own, one at a time", async () => {
    await start();
    const { dialog, session } = await bench.invite("sip:1000@gw");
    const sent = dialog.deliver("modify", "INVITE");
    await settle();
    expect(sent).toMatchObject([{ status: 200, body: expect.stringContaining("m=audio") }]);
    expect(dialog.deliver("modify", "INVITE", {}, sdp())).toMatchObject([{ status: 491 }]);
    dialog.acknowledge({ body: sdp("RTP/AVP", ["a=sendonly"], 5) });
    await settle();
    expect(session.done).toEqual(["modify sendonly"]);
  });

  it("keeps its media when a change is refused", async () => {
    await start();
    const { dialog, call, session } = await bench.invite("sip:1000@gw");
    const sent = dialog.deliver("modify", "INVITE", {}, sdp().replace("m=audio", "m=video"));
    await settle();
    expect(sent).toMatchObject([{ status: 488 }]);
    expect(session.done).toEqual([]);
    expect(call.state).toBe("joined");
  });

  it("takes keys from INFO, once when they come in the media too", async () => {
    await start();
    const { call, dialog, session } = await bench.invite("sip:2000@gw");
    for (const digit of "1234#") {
      expect(dialog.deliver("info", "INFO", { "Content-Type": "application/dtmf-relay" }, `Signal=${digit}\r\nDuration=100`)).toMatchObject(
        [{ status: 200 }],
      );
      session.emit("dtmf", { digit, durationMs: 100 });
    }
    await until(() => call.state === "joined", "joined");
    expect(dialog.deliver("info", "INFO", { "Content-Type": "text/x" }, "x")).toMatchObject([{ status: 415 }]);
    expect(dialog.deliver("info", "INFO")).toMatchObject([{ status: 200 }]);
  });

  it("is told when the media server goes, and has its record", async () => {
    await start();
    const { session, dialog } = await bench.invite("sip:1000@gw");
    session.emit("gone", new CallFailure({ code: "media-server-lost", by: "media-server", q850: 42, message: "the media server is lost" }));
    await settle();
    expect(dialog.byeReason).toMatch(/cause=42;text="the media server is lost"/);
    expect(bench.records).toMatchObject([{ outcome: "media-server-lost", answeredAt: expect.any(String) }]);
    expect(bench.meetings.size).toBe(0);
  });

  it.each([
    // drachtio-server has words only
    ["Session timer expired", {}, "session-expired", "network", /session has expired/],
    ["ACK timeout", {}, "signalling-lost", "network", /no ACK came/],
    // the embedded engine's code decides, whatever the words
    ["the session", { "Crosspoint-End": "connection-lost" }, "signalling-lost", "network", /connection .* is gone/],
    ["", { "Crosspoint-End": "session-expired" }, "session-expired", "network", /session has expired/],
    ["expired session", { "Crosspoint-End": "application-gone" }, "signalling-lost", "gateway", /lost its SIP engine/],
    ["expired session", {}, "signalling-lost", "network", /expired session/],
  ])("ended by the SIP engine (%s, %o) is recorded as %s, ended by the %s", async (reason, headers, outcome, endedBy, words) => {
    await start();
    const { dialog } = await bench.invite("sip:1000@gw");
    dialog.bye(headers as Record<string, string>, "application", reason);
    await settle();
    expect(bench.records).toMatchObject([{ outcome, endedBy, reason: expect.stringMatching(words) }]);
  });

  it("hung up by its caller says so, whatever code the caller writes into its BYE", async () => {
    await start();
    const { dialog } = await bench.invite("sip:1000@gw");
    dialog.bye({ "Crosspoint-End": "session-expired" });
    await settle();
    expect(bench.records).toMatchObject([{ outcome: "completed", endedBy: "caller", reason: "the caller hung up" }]);
    expect(bench.events_("call-ended")).toMatchObject([{ by: "caller" }]);
  });

  it("that ends for want of media says whether a packet ever came", async () => {
    await start();
    for (const packetsIn of [0, 10]) {
      const { session, call } = await bench.invite("sip:1000@gw");
      session.stats = async () => ({ codec: "PCMU", srtp: null, packetsIn, packetsOut: 20, lossPercent: 0, jitterMs: 1 });
      await call!.measure();
      session.emit("gone", new CallFailure({ code: "media-timeout", by: "network", q850: 102, message: "no packets came any more" }));
      await settle();
    }
    expect(bench.records).toMatchObject([
      { outcome: "media-timeout", endedBy: "network", reason: expect.stringContaining("no packet ever came") },
      { outcome: "media-timeout", reason: "no packets came any more" },
    ]);
  });

  it("that is hung up in the turn it is answered in is over, and was answered", async () => {
    await start();
    bench.srf.atOnce = (dialog) => dialog.bye();
    await bench.invite("sip:1000@gw");
    expect(bench.records).toMatchObject([{ outcome: "completed", answeredAt: expect.any(String), meetingId: "1000" }]);
    expect(bench.context.calls.size).toBe(0);
    expect(bench.meetings.size).toBe(0);
    bench.srf.atOnce = (dialog) => dialog.bye({}, "application", "CANCEL after 200 OK");
    await bench.invite("sip:1000@gw");
    expect(bench.records[1]).toMatchObject({ outcome: "cancelled" });
  });

  it("whose CANCEL reaches the SIP engine before our 200 is cancelled; another failure there is a fault", async () => {
    await start();
    bench.srf.unanswerable = new Error("Response not sent due to unknown transaction");
    await bench.invite("sip:1000@gw");
    await settle();
    expect(bench.records).toMatchObject([{ outcome: "cancelled", reason: "cancelled by the caller", answeredAt: null }]);
    bench.srf.unanswerable = new Error("the engine is on fire");
    await bench.invite("sip:1000@gw");
    await settle();
    expect(bench.records[1]).toMatchObject({ outcome: "internal-error" });
    expect(bench.context.calls.size).toBe(0);
  });

  it("that is cancelled is over, whenever it is", async () => {
    await start();
    const early = bench.invite("sip:1000@gw");
    const call = [...bench.context.calls.values()][0];
    (await early).request.emit("cancel", { get: () => undefined });
    await settle();
    expect(call?.over).toBeFalsy();
    bench.stop();
    await start();
    const opened = Promise.withResolvers<void>();
    const open = bench.port.open.bind(bench.port);
    bench.port.open = async (offer) => {
      await opened.promise;
      return open(offer);
    };
    const { request, dialog } = await bench.invite("sip:1000@gw");
    request.emit("cancel", { get: () => 'Q.850;cause=16;text="changed my mind"' });
    opened.resolve();
    await settle();
    expect(dialog).toBeUndefined();
    expect(bench.records).toMatchObject([{ outcome: "cancelled", reason: "changed my mind" }]);
    expect(bench.port.sessions[0]?.closed).toBe(true);
  });

  it("answers an offer right behind the ACK of one without, once that has been worked on (RFC 3261 section 14.2)", async () => {
    await start();
    const { dialog } = await bench.invite("sip:1000@gw");
    const first = dialog.deliver("modify", "INVITE");
    await until(() => first.length > 0, "our offer");
    dialog.acknowledge({ body: sdp("RTP/AVP", [], 2) });
    const second = dialog.deliver("modify", "INVITE", {}, sdp("RTP/AVP", [], 3));
    await until(() => second.length > 0, "the answer");
    expect([first, second]).toMatchObject([[{ status: 200 }], [{ status: 200 }]]);
  });
});

describe("in the meeting", () => {
  const two = async (config: Partial<GatewayConfig> = {}) => {
    await start({
      meetings: [
        { id: "1", hostPin: "9" },
        { id: "2", hostPin: "9", lobby: true, endWithHost: true },
      ],
      ...config,
    });
    const host = await bench.invite("sip:1**9@gw", { from: "Host" });
    await until(() => host.call.state === "joined", "host");
    const guest = await bench.invite("sip:1@gw", { from: "Guest" });
    type(guest.session, "#");
    await until(() => guest.call.state === "joined", "guest");
    bench.sfu.done.length = 0;
    return { host, guest };
  };

  it("everybody mutes themselves, raises a hand, asks how many there are, and for help", async () => {
    const { guest } = await two();
    type(guest.session, "*6");
    await settle();
    type(guest.session, "*6*3*3*8**");
    await settle();
    expect(bench.sfu.done).toEqual(
      [
        "Guest muted",
        "Guest hears muted",
        "Guest unmuted",
        "Guest hears hand-raised",
        "Guest hears hand-lowered",
        "Guest hears one-other",
        "Guest hears help-guest",
        "Guest hears unmuted",
      ].sort((a, b) => bench.sfu.done.indexOf(a) - bench.sfu.done.indexOf(b)),
    );
    expect(bench.meetings.participants("1").map(({ muted }) => muted)).toEqual([false, false]);
  });

  it("the host locks; a guest cannot", async () => {
    const { host, guest } = await two();
    type(guest.session, "*5");
    await settle();
    expect(bench.meetings.room("1")?.locked).toBe(false);
    type(host.session, "*5");
    await settle();
    expect(bench.meetings.room("1")?.locked).toBe(true);
    expect(bench.sfu.done).toEqual(["Guest hears help-guest", "Host hears meeting-now-locked"]);
    expect((await bench.invite("sip:1@gw")).sent).toMatchObject([{ status: 603 }]);
  });

  it("the host is told of the lobby and lets people in one by one; the meeting ends with the host", async () => {
    await two();
    const host = await bench.invite("sip:2**9@gw", { from: "Host" });
    await until(() => host.call.state === "joined", "host");
    const guests = [await bench.invite("sip:2@gw", { from: "A" }), await bench.invite("sip:2@gw", { from: "B" })];
    for (const { session } of guests) type(session, "#");
    await until(() => guests.every(({ call }) => call.state === "lobby"), "lobby");
    expect(bench.sfu.done.filter((line) => line === "Host hears person-waiting")).toHaveLength(2);
    type(host.session, "*7");
    await settle();
    expect(guests.map(({ call }) => call.state)).toEqual(["joined", "lobby"]);
    host.dialog.bye();
    await settle();
    expect(guests[0]?.session.done.at(-1)).toBe("play en/meeting-ended en/goodbye");
    expect(guests[1]?.call.state).toBe("lobby");
  });

  it("is heard of by a tone, by name, or not at all", async () => {
    await start({
      meetings: [
        { id: "t", announcements: "tone" },
        { id: "n", announcements: "names" },
        { id: "o", announcements: "off" },
      ],
    });
    for (const id of ["t", "n", "o"]) {
      const calls = [await bench.invite(`sip:${id}@gw`, { from: "A" }), await bench.invite(`sip:${id}@gw`, { from: "B" })];
      for (const { session } of id === "n" ? calls : []) {
        type(session, "1");
        await settle();
      }
      await until(() => calls.every(({ call }) => call.state === "joined"), id);
      calls[0]?.dialog.bye();
      await settle();
    }
    const heard = bench.sfu.done.filter((line) => /^[tno] hears/.test(line)).map((line) => line.replace(/\S*crosspoint-name-\S+/, "NAME"));
    expect(heard).toEqual([
      "t hears common/tone-join",
      "t hears common/tone-leave",
      "n hears NAME en/has-joined",
      "n hears NAME en/has-left",
    ]);
    expect(bench.sfu.done.some((line) => line === "A hears alone")).toBe(true);
  });

  it("mute on join and the host's mute are told", async () => {
    await start({ meetings: [{ id: "1", muteOnJoin: true, announcements: "off" }] });
    const { call } = await bench.invite("sip:1@gw");
    expect(bench.sfu.done).toEqual(["Anna joins 1 muted", "Anna hears muted"]);
    await bench.meetings.mute("1", call.id, false, true);
    await bench.meetings.mute("1", call.id, true, true);
    expect(bench.sfu.done.slice(2)).toEqual(["Anna unmuted", "Anna hears unmuted", "Anna muted", "Anna hears muted-by-host"]);
  });

  it("who talks is known, and who is put out by the media server is out", async () => {
    const { guest } = await two();
    const seat = bench.sfu.seats.get(guest.call.id)!;
    seat.emit("talking", true);
    expect(bench.meetings.participant("1", guest.call.id)?.talking).toBe(true);
    seat.emit("removed");
    await settle();
    expect(bench.records).toMatchObject([{ outcome: "removed" }]);
  });

  it("a removed participant hears so first", async () => {
    const { guest } = await two();
    await bench.meetings.remove(guest.call.id, "removed", "by the operator");
    expect(bench.sfu.done).toEqual(["Guest leaves"]);
    await settle();
    expect(guest.session.done.at(-1)).toBe("play en/removed en/goodbye");
    guest.session.finish(true);
    await settle();
    expect(guest.dialog.byeReason).toContain("by the operator");
  });

  it("a conference that cannot be joined is a technical problem", async () => {
    await start();
    bench.sfu.failure = new Error("no conference");
    const { session, call } = await bench.invite("sip:1000@gw");
    expect(session.done).toEqual(["play en/technical-problem en/goodbye"]);
    session.finish(true);
    await until(() => call.over, "over");
    await settle();
    expect(bench.records).toMatchObject([{ outcome: "internal-error" }]);
  });
});
