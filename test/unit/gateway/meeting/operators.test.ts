import { afterEach, expect, it } from "vitest";
import { defineMeeting } from "../../../../src/gateway/meeting/define-meeting.ts";
import { Bench, settle, type, until } from "../harness.ts";

let bench: Bench;
afterEach(() => bench.stop());

const meeting = (id: string) => bench.context.directory.get(id)!;
const lockOf = (id: string) => bench.meetings.view(meeting(id), "configuration").locked;

it("an operator's lock holds with nobody in, refuses who calls, and outlives who comes and goes", async () => {
  bench = await Bench.create();
  bench.meetings.lock(meeting("1000"), true);
  expect(lockOf("1000")).toBe(true);
  expect(bench.events).toMatchObject([{ type: "meeting", meeting: { id: "1000", locked: true } }]);
  const refused = await bench.invite("sip:1000@gw");
  expect(refused.sent.at(-1)?.status).toBe(603);
  bench.meetings.lock(meeting("1000"), false);
  const { dialog } = await bench.invite("sip:1000@gw");
  bench.meetings.lock(meeting("1000"), true);
  expect((await bench.invite("sip:1000@gw")).sent.at(-1)?.status).toBe(603);
  dialog.bye();
  await settle();
  expect(bench.meetings.participants("1000")).toEqual([]);
  expect(lockOf("1000")).toBe(true);
  expect((await bench.invite("sip:1000@gw")).sent.at(-1)?.status).toBe(603);
});

it("an operator's lock gives way to a definition that has changed", async () => {
  bench = await Bench.create();
  bench.meetings.lock(meeting("1000"), true);
  bench.meetings.update(meeting("1000"));
  expect(lockOf("1000")).toBe(true);
  const locked = await defineMeeting({ id: "1000", locked: true }, undefined, "en");
  bench.meetings.update(locked);
  expect(bench.meetings.view(locked, "configuration").locked).toBe(true);
  bench.meetings.lock(locked, false);
  expect(bench.meetings.view(locked, "configuration").locked).toBe(false);
});

it("*3 raises a hand that the roster shows, and the event, and lowers it", async () => {
  bench = await Bench.create();
  const { session, call } = await bench.invite("sip:1000@gw");
  bench.events.length = 0;
  type(session, "*3");
  expect(bench.meetings.participants("1000")).toMatchObject([{ hand: true }]);
  expect(bench.events).toMatchObject([{ type: "participant", participant: { id: call.id, hand: true } }]);
  expect(bench.events_("hand-raised")).toMatchObject([{ meeting: "1000", participant: call.id }]);
  type(session, "*3");
  expect(bench.meetings.participants("1000")).toMatchObject([{ hand: false }]);
});

it("a host who comes hears that somebody waits in the lobby", async () => {
  bench = await Bench.create({ meetings: [{ id: "3000", lobby: true, hostPin: "98765" }] });
  const guest = await bench.invite("sip:3000@gw", { from: "Gustav" });
  type(guest.session, "#");
  await until(() => bench.meetings.participants("3000")[0]?.state === "lobby", "in the lobby");
  const host = await bench.invite("sip:3000@gw", { from: "Helga" });
  type(host.session, "98765#");
  await until(() => bench.sfu.done.some((line) => line.startsWith("Helga hears")), "told");
  expect(bench.sfu.done.find((line) => line.startsWith("Helga hears"))).toContain("person-waiting");
});

it.each([
  ["locked", { locked: true }, "meeting-locked"],
  ["end-to-end encrypted", { endToEndEncrypted: true }, "end-to-end-encrypted"],
])("a call refused by a meeting that is %s is found among the meeting's records", async (_, definition, outcome) => {
  bench = await Bench.create({ meetings: [{ id: "1000", ...definition }] });
  await bench.invite("sip:1000@gw");
  await settle();
  expect(bench.records).toMatchObject([{ outcome, meetingId: "1000" }]);
});

it("a call that typed the number of a meeting that refuses it is found among the meeting's records", async () => {
  bench = await Bench.create({ meetings: [{ id: "1000", locked: true }] });
  const { session, call } = await bench.invite("sip:meet@gw");
  type(session, "1000#");
  await until(() => session.done.some((line) => line.includes("meeting-locked")), "told");
  await call.end("meeting-locked", "ended");
  await settle();
  expect(bench.records).toMatchObject([{ meetingId: "1000" }]);
});
