import { EventEmitter } from "node:events";
import { expect, it } from "vitest";
import type { Call } from "../../../../src/gateway/call/call.ts";
import { type VisitDelegate, WebVisit } from "../../../../src/gateway/web/browser-session.ts";
import { systemClock } from "../../../../src/base/clock.ts";
import type { BrowserPeer } from "../../../../src/webrtc/index.ts";
import type { WebLeg } from "../../../../src/legs/web/web-leg.ts";
import type { JoinState } from "../../../../src/ivr/join-types.ts";
import type { GatewayMessage } from "../../../../src/web/messages.ts";

let hostPresent = false;

const delegate: VisitDelegate = {
  tellAll: () => undefined,
  mute: () => undefined,
  act: () => undefined,
  hostPresent: () => hostPresent,
  nameOf: (_, id) => (id === "janus-7" ? "Jan" : undefined),
};

/** What a page hears while its call's dialogue goes through `states`. */
function dialogue(...states: JoinState[]): string[] {
  const said: string[] = [];
  const visit = new WebVisit({
    id: "v",
    secret: "s",
    link: {
      send: (message: GatewayMessage) => message.type === "dialogue" && said.push(`${message.state} ${message.attempt}`),
      close: () => undefined,
    },
    clock: systemClock,
    delegate,
  });
  const call = new EventEmitter();
  visit.begin(call as unknown as Call, {} as WebLeg);
  for (const state of states) call.emit("dialogue", state);
  return said;
}

it("names whom a line shows that is in no roster", () => {
  const said: GatewayMessage[] = [];
  const visit = new WebVisit({
    id: "v",
    secret: "s",
    link: { send: (message) => void said.push(message), close: () => undefined },
    clock: systemClock,
    delegate,
  });
  visit.page.shown("camera", "janus-7", "camera");
  visit.page.shown("alt1", "one of ours", "camera");
  visit.page.shown("camera", null, "camera");
  expect(said).toEqual([
    { type: "shown", mid: "camera", participant: "janus-7", stream: "camera", name: "Jan" },
    { type: "shown", mid: "alt1", participant: "one of ours", stream: "camera" },
    { type: "shown", mid: "camera", participant: null, stream: "camera" },
  ]);
});

it("counts wrong PINs", () => {
  expect(dialogue("pin", "checking", "pin", "checking", "pin", "checking", "joining", "joined")).toEqual([
    "pin 0",
    "checking 0",
    "pin 1",
    "checking 1",
    "pin 2",
    "checking 2",
    "joining 0",
    "joined 0",
  ]);
});

it("counts the PIN that came with the number, when it was wrong", () => {
  expect(dialogue("checking", "pin")).toEqual(["checking 0", "pin 1"]);
});

it("counts wrong numbers, and begins anew with the PIN", () => {
  expect(dialogue("number", "looking-up", "number", "looking-up", "pin", "checking", "pin")).toEqual([
    "number 0",
    "checking 0",
    "number 1",
    "checking 1",
    "pin 0",
    "checking 0",
    "pin 1",
  ]);
});

it("says of the lobby whether a host is in who hears of it, and again when that changes", () => {
  const said: GatewayMessage[] = [];
  const link = { send: (message: GatewayMessage) => void said.push(message), close: () => undefined };
  const visit = new WebVisit({ id: "v", secret: "s", link, clock: systemClock, delegate });
  const call = new EventEmitter();
  visit.begin(call as unknown as Call, {} as WebLeg);
  call.emit("dialogue", "lobby");
  visit.hostsChanged();
  hostPresent = true;
  visit.hostsChanged();
  visit.hostsChanged();
  call.emit("dialogue", "joining");
  hostPresent = false;
  visit.hostsChanged();
  expect(said).toEqual([
    { type: "dialogue", state: "lobby", attempt: 0, hostPresent: false },
    { type: "dialogue", state: "lobby", attempt: 0, hostPresent: true },
    { type: "dialogue", state: "joining", attempt: 0 },
  ]);
});

it("gives fresh credentials of TURN servers with each further connection, and to a page that is back", () => {
  const said: string[] = [];
  const link = { send: ({ type }: GatewayMessage) => void said.push(type), close: () => undefined };
  const visit = new WebVisit({ id: "v", secret: "s", link, clock: systemClock, delegate });
  const peer = Object.assign(new EventEmitter(), { generation: 1 });
  visit.carry(peer as unknown as BrowserPeer);
  visit.relayBy(() => ({ type: "ice-servers", iceServers: [], iceTransportPolicy: "all" }));
  peer.emit("offer", 1, "v=0");
  peer.emit("offer", 2, "v=0");
  visit.resume(link);
  expect(said).toEqual(["offer", "ice-servers", "offer", "resumed", "ice-servers", "offer"]);
  visit.ended("completed", "");
});
