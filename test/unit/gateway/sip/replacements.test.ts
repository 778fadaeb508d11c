import { afterEach, describe, expect, it } from "vitest";
import type { GatewayConfig } from "../../../../src/gateway/options.ts";
import { parseReplaces } from "../../../../src/wire/sip/index.ts";
import { trunk } from "../../trunks/fixtures.ts";
import { Bench, DEMO, type FakeDialog, sdp, settle, type, until } from "../harness.ts";

const pbx = trunk("pbx", { identity: { networks: ["198.51.100.0/24"] }, target: "sip:pbx.example" });
const other = trunk("other", { identity: { networks: ["203.0.113.0/24"] }, target: "sip:other.example" });
const lax = trunk("lax", { identity: { networks: ["192.0.2.128/25"] }, trust: "unverified" });
const source = { pbx: "198.51.100.1", other: "203.0.113.9", stranger: "192.0.2.1", lax: "192.0.2.200" } as const;

let bench: Bench;
afterEach(() => bench?.stop());

async function start(config: Partial<GatewayConfig> = {}) {
  bench = await Bench.create({ trunks: [pbx, other, lax], ...config });
}

const invite = (uri: string, by: keyof typeof source = "pbx", headers: Record<string, string> = {}, from = "Anna") =>
  bench.invite(uri, { headers: { "X-Source": source[by], ...headers }, from });

const named = ({ sip: { callId, localTag, remoteTag } }: FakeDialog, more = ""): string =>
  `${callId};to-tag=${localTag};from-tag=${remoteTag}${more}`;

const replace = (dialog: FakeDialog, by: keyof typeof source = "pbx", more = "", headers: Record<string, string> = {}) =>
  invite("sip:nowhere@gw", by, { Replaces: named(dialog, more), Require: "replaces", ...headers }, "Carla");

describe("the Replaces field", () => {
  it("is a Call-ID and one tag of each end", () => {
    expect(parseReplaces("a@b;to-tag=1;from-tag=2")).toEqual({ callId: "a@b", toTag: "1", fromTag: "2", earlyOnly: false });
    expect(parseReplaces(" a@b ; From-Tag = 2;early-only ;x=y;TO-TAG=1")).toEqual({
      callId: "a@b",
      toTag: "1",
      fromTag: "2",
      earlyOnly: true,
    });
  });

  it.each([
    "",
    "a@b",
    "a@b;to-tag=1",
    ";to-tag=1;from-tag=2",
    "a@b;to-tag=1;to-tag=1;from-tag=2",
    "a@b;to-tag=;from-tag=2",
    "a@b;to-tag=1;from-tag=2, c@d;to-tag=3;from-tag=4",
  ])("and nothing else: %s", (field) => expect(parseReplaces(field)).toBeUndefined());
});

describe("an INVITE with Replaces", () => {
  it("takes the other call's place: role, name, hand and mute, no PIN; that call is ended by BYE, and nobody hears of it", async () => {
    await start({ meetings: [{ ...DEMO[1]!, announcements: "tone" }] });
    await invite("sip:2000**98765@gw", "pbx", {}, "Hugo");
    const anna = await invite("sip:2000@gw");
    type(anna.session, "98765#");
    await until(() => bench.meetings.participants("2000").filter(({ state }) => state === "joined").length === 2, "both are in");
    bench.meetings.menu(anna.call, "toggle-hand");
    await bench.meetings.mute("2000", anna.call.id, true, false);
    const heard = bench.sfu.done.filter((line) => line.startsWith("2000 hears")).length;
    const carla = await replace(anna.dialog);
    await until(() => anna.call.over, "the replaced call is over");
    await settle();
    expect(anna.dialog.connected).toBe(false);
    expect(anna.dialog.byeReason).toContain("replaced by call");
    expect(bench.meetings.participants("2000")).toMatchObject([
      { displayName: "Hugo", state: "joined" },
      { id: carla.call.id, displayName: "Anna", role: "host", muted: true, state: "joined" },
    ]);
    expect(carla.session.done.filter((line) => line.startsWith("play"))).toEqual([]);
    expect(bench.sfu.done).toContain("Anna joins 2000 muted");
    expect(bench.sfu.done.filter((line) => line.startsWith("2000 hears")).length).toBe(heard);
    // the hand was up: it goes down
    expect(bench.meetings.room("2000")?.toggleHand(carla.call.id)).toBe(false);
    await until(() => bench.records.length === 1, "its record");
    expect(bench.records).toMatchObject([{ outcome: "completed", reason: `replaced by call ${carla.call.id}` }]);
  });

  it("keeps the last host's meeting, a lock and the last place of a full meeting", async () => {
    await start({
      meetings: [{ id: "1000", maxParticipants: 1, endWithHost: true }],
      trunks: [{ ...pbx, maxCalls: 1 }],
      overload: { maxCalls: 1 },
    });
    const anna = await invite("sip:1000@gw");
    bench.meetings.lock(bench.context.directory.get("1000")!, true);
    expect((await invite("sip:1000@gw")).sent).toMatchObject([{ status: 503 }]);
    const carla = await replace(anna.dialog);
    await until(() => anna.call.over, "replaced");
    expect(bench.meetings.participants("1000")).toMatchObject([{ id: carla.call.id, state: "joined" }]);
    expect(bench.meetings.room("1000")?.locked).toBe(true);
    await until(() => bench.context.limits.calls("pbx") === 1, "one call on the trunk again");
    expect(bench.meetings.room("1000")?.refuses("host")).toBe("full");
  });

  it("leaves one in the lobby in the lobby, in the same turn", async () => {
    await start();
    const [anna, bob] = [await invite("sip:3000@gw", "lax"), await invite("sip:3000@gw", "lax")];
    expect(bench.meetings.room("3000")?.nextInLobby()).toBe(anna.call.id);
    const carla = await replace(anna.dialog, "lax");
    await until(() => anna.call.over, "replaced");
    expect(bench.meetings.participants("3000")).toMatchObject([
      { id: carla.call.id, state: "lobby" },
      { id: bob.call.id, state: "lobby" },
    ]);
    expect(bench.meetings.room("3000")?.nextInLobby()).toBe(carla.call.id);
  });

  it("does not pass a PIN, and has the tries that were left", async () => {
    await start();
    const anna = await invite("sip:2000@gw");
    type(anna.session, "1111#");
    await until(() => anna.session.done.some((line) => line.includes("pin-wrong")), "a wrong PIN");
    type(anna.session, "1112#");
    await until(() => anna.session.done.filter((line) => line.includes("pin-wrong")).length === 2, "another");
    const carla = await replace(anna.dialog);
    await until(() => anna.call.over, "replaced");
    expect(bench.meetings.participants("2000")).toMatchObject([{ id: carla.call.id, state: "ivr", joinedAt: null }]);
    type(carla.session, "1113#");
    await until(() => carla.session.done.some((line) => line.includes("pin-wrong en/goodbye")), "that was the third");
  });

  it("goes on with the question for a number", async () => {
    await start();
    const anna = await invite("sip:meet@gw");
    const carla = await replace(anna.dialog);
    await until(() => anna.call.over, "replaced");
    type(carla.session, "1000#");
    await until(() => bench.meetings.participants("1000").some(({ state }) => state === "joined"), "in by a number");
  });

  it("takes a call that we have placed and that rings", async () => {
    await start();
    bench.srf.picksUp = new Promise(() => undefined);
    const call = await bench.outbound.dialOut({ uri: "sip:bob@pbx.example", meetingId: "2000", role: "host" });
    const early = `${call.leg.info.callId};to-tag=us;from-tag=theirs-1;early-only`;
    const carla = await invite("sip:nowhere@gw", "pbx", { Replaces: early });
    await until(() => call.over, "given up");
    expect(bench.srf.cancelled).toBe(1);
    expect(bench.meetings.participants("2000")).toMatchObject([{ id: carla.call.id, role: "host", state: "joined" }]);
  });

  it("waits for the ACK by UDP: until then the other call stays", async () => {
    await start();
    const anna = await invite("sip:1000@gw");
    bench.srf.acknowledges = false;
    const carla = await replace(anna.dialog);
    expect(anna.call.over).toBe(false);
    expect((await replace(anna.dialog)).sent).toMatchObject([{ status: 481 }]);
    carla.dialog.emit("ack", { source_address: "", body: "" });
    await until(() => anna.call.over, "replaced");
  });

  it("has the place of one who hangs up meanwhile, and not of one who is put out", async () => {
    await start({ meetings: [{ id: "1000", lobby: true }] });
    const [anna, bob] = [await invite("sip:1000@gw"), await invite("sip:1000@gw")];
    bench.srf.acknowledges = false;
    const [carla, dora] = [await replace(anna.dialog), await replace(bob.dialog)];
    anna.dialog.bye();
    await bob.call.end("removed", "put out");
    carla.dialog.emit("ack", { source_address: "", body: "" });
    dora.dialog.emit("ack", { source_address: "", body: "" });
    await until(() => dora.call.over, "not let in");
    expect(bench.meetings.participants("1000")).toMatchObject([{ id: carla.call.id, state: "joined" }]);
  });

  it("is refused where there is no such call, alike for calls of others", async () => {
    await start();
    const anna = await invite("sip:1000@gw");
    const stranger = await invite("sip:1000@gw", "stranger");
    const none = await invite("sip:1000@gw", "pbx", { Replaces: "no@such;to-tag=1;from-tag=2" });
    const refused = [await replace(anna.dialog, "other"), await replace(stranger.dialog), await replace(stranger.dialog, "stranger")];
    refused.push(await replace(anna.dialog, "stranger"));
    for (const { sent } of refused) expect(sent).toEqual(none.sent);
    expect(none.sent).toMatchObject([{ status: 481 }]);
    const { callId, localTag, remoteTag } = anna.dialog.sip;
    for (const wrong of [
      `${callId};to-tag=${remoteTag};from-tag=${localTag}`,
      `${callId};to-tag=${localTag};from-tag=x`,
      `${callId.toUpperCase()}x;to-tag=${localTag};from-tag=${remoteTag}`,
      `${callId};to-tag=0;from-tag=0`,
    ])
      expect((await invite("sip:1000@gw", "pbx", { Replaces: wrong })).sent).toMatchObject([{ status: 481 }]);
    expect(anna.call.over).toBe(false);
    expect(bench.meetings.participants("1000")).toHaveLength(2);
  });

  it("that asks for a ringing call only does not take one that is answered; what has ended is declined", async () => {
    await start();
    const anna = await invite("sip:1000@gw");
    expect((await replace(anna.dialog, "pbx", ";early-only")).sent).toMatchObject([{ status: 486 }]);
    expect((await replace(anna.dialog, "pbx", "", { Join: named(anna.dialog) })).sent).toMatchObject([{ status: 400 }]);
    expect((await replace(anna.dialog, "pbx", `, ${named(anna.dialog)}`)).sent).toMatchObject([{ status: 400 }]);
    expect(bench.request("options", { Replaces: named(anna.dialog) })).toMatchObject([{ status: 400 }]);
    expect(anna.call.over).toBe(false);
    anna.dialog.bye();
    await settle();
    expect((await replace(anna.dialog)).sent).toMatchObject([{ status: 603 }]);
    expect((await replace(anna.dialog, "other")).sent).toMatchObject([{ status: 481 }]);
    bench.clock.advance(70_000);
    expect((await replace(anna.dialog)).sent).toMatchObject([{ status: 481 }]);
  });

  it("that has no media in common leaves all as it was", async () => {
    await start();
    const anna = await invite("sip:1000@gw");
    const body = sdp("UDP/TLS/RTP/SAVP");
    const { sent } = await bench.invite("sip:x@gw", { headers: { "X-Source": source.pbx, Replaces: named(anna.dialog) }, body });
    expect(sent).toMatchObject([{ status: 488 }]);
    expect(bench.meetings.participants("1000")).toMatchObject([{ id: anna.call.id, state: "joined" }]);
    await replace(anna.dialog);
    await until(() => anna.call.over, "the next one does");
  });

  it("is no way into an end-to-end encrypted meeting", async () => {
    await start();
    const anna = await invite("sip:1000@gw");
    const meeting = bench.context.directory.get("1000")!;
    bench.context.directory.put({ ...meeting, endToEndEncrypted: true }, "configuration");
    expect((await replace(anna.dialog)).sent).toMatchObject([{ status: 488 }]);
  });
});
