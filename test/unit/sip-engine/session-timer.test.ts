// The engine's own session timer: for applications that do not refresh themselves (RFC 4028 section 10).
import { expect, test } from "vitest";
import { answered, SDP, World } from "./world.ts";

const CONTACT = { Contact: "<sip:caller@10.0.0.2>", tag: "caller" };

/** A call whose session of 200 s the engine refreshes. */
function refreshed() {
  const world = new World();
  const app = world.app("invite");
  const { ack, received, toUs } = answered(world, app, { "Session-Expires": "200;refresher=uas", Supported: "timer" });
  world.deliver(ack);
  return { world, app, toUs, dialog: app.got("ACK")[0]?.dialogId || received.dialogId };
}

/** What is sent first of a method within so long, its retransmissions out of the way. */
function within(world: World, ms: number, method: string) {
  for (let passed = 0; passed < ms; passed += 100) {
    world.run(100);
    const [first] = world.take(method);
    if (first) return first;
  }
  return undefined;
}

test.each([488, 500, 403])("a refresh refused by %i is sent again inside the interval", (status) => {
  const { world } = refreshed();
  world.answer(within(world, 101_000, "INVITE")!, status, CONTACT);
  const again = within(world, 90_000, "INVITE");
  expect(again).toBeDefined();
  expect(world.take("BYE")).toEqual([]);
  world.answer(again!, 200, { ...CONTACT, "Session-Expires": "200;refresher=uac" }, SDP);
  expect(within(world, 99_000, "BYE")).toBeUndefined();
});

test("422 is answered with its Min-SE at once, 491 after 2 s at most, 481 and silence end the call", () => {
  const { world } = refreshed();
  world.answer(within(world, 101_000, "INVITE")!, 422, { ...CONTACT, "Min-SE": "400" });
  const longer = within(world, 500, "INVITE")!;
  expect(longer.message.get("session-expires")).toBe("400;refresher=uac");
  world.answer(longer, 491, CONTACT);
  const again = within(world, 2_100, "INVITE")!;
  world.answer(again, 481, CONTACT);
  expect(world.takeOne("BYE").message.get("reason")).toContain("Session timer expired");
  const silent = refreshed();
  expect(within(silent.world, 101_000, "INVITE")).toBeDefined();
  expect(within(silent.world, 40_000, "BYE")).toBeDefined();
});

test("a far end without timers is refreshed on", () => {
  const { world } = refreshed();
  for (let n = 0; n < 3; n++) {
    const refresh = within(world, 101_000, "INVITE");
    expect(refresh).toBeDefined();
    world.answer(refresh!, 200, CONTACT, SDP);
  }
});

test("an application that has sent an INVITE refreshes itself, and the call ends with the interval where it does not succeed", () => {
  const { world, app, dialog } = refreshed();
  world.run(90_000);
  app.request(`INVITE sip:placeholder SIP/2.0\nContent-Type: application/sdp\n\n${SDP}`, `sip||${dialog}`);
  world.answer(world.takeOne("INVITE"), 488, CONTACT);
  expect(within(world, 100_000, "INVITE")).toBeUndefined();
  expect(within(world, 20_000, "BYE")?.message.get("reason")).toContain("Session timer expired");
});

test("a BYE that crosses our refresh: its 481 is acknowledged, a late 200 too (RFC 3261 sections 13.2.2.4 and 17.1.1.3)", () => {
  for (const status of [481, 487, 200]) {
    const { world, toUs } = refreshed();
    const refresh = within(world, 101_000, "INVITE")!;
    world.deliver(toUs("BYE", 2));
    world.answer(refresh, status, CONTACT, status === 200 ? SDP : "");
    expect(world.take("ACK")).toHaveLength(1);
  }
});
