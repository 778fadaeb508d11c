import { EventEmitter } from "node:events";
import { beforeEach, expect, it } from "vitest";
import type { Call } from "../../../src/app/gateway-call.ts";
import { Cameras } from "../../../src/app/gateway-cameras.ts";
import type { CameraLine } from "../../../src/call/content/camera-line.ts";
import { FakeRelay } from "../call/fake-relay.ts";

const TURN = Uint8Array.from(Buffer.from("0071030000000001c001c0f0", "hex"));
const CLIENTS = Uint8Array.from(Buffer.from("0071030000000000c001000181", "hex"));

let relay: FakeRelay;
let cameras: Cameras;
let sent: string[];
beforeEach(() => {
  relay = new FakeRelay();
  cameras = new Cameras(relay);
  sent = [];
});

function room(id: string, state = "joined") {
  const line = Object.assign(new EventEmitter(), {
    send: (frame: Uint8Array) => void sent.push(`${id} ${frame === TURN ? "is turned" : "learns of clients"}`),
  });
  const pictures = { all: [{ role: "camera", line: { id: `line-${id}` } }] };
  const call = Object.assign(new EventEmitter(), { id, state, pictures });
  cameras.attach(call as unknown as Call, line as unknown as CameraLine);
  return { line, call };
}
const sees = (who: string, whom: string | null) =>
  relay.emit("shown", { meetingId: "1000", lineId: `line-${who}`, participantId: whom, stream: "camera" });

it("turns the camera that a room sees, and no other", () => {
  const [a] = [room("a"), room("b"), room("c")];
  a.line.emit("frame", TURN);
  expect(sent).toEqual([]);
  sees("a", "b");
  a.line.emit("frame", TURN);
  sees("a", "c");
  a.line.emit("frame", TURN);
  sees("a", null);
  a.line.emit("frame", TURN);
  expect(sent).toEqual(["b is turned", "c is turned"]);
});

it("tells a room what the cameras it comes to see can do", () => {
  const [, b] = [room("a"), room("b")];
  b.line.emit("frame", CLIENTS);
  expect(sent).toEqual([]);
  sees("a", "b");
  expect(sent).toEqual(["a learns of clients"]);
  b.line.emit("frame", CLIENTS);
  expect(sent).toHaveLength(2);
});

it("lets nobody steer who has not joined, and forgets who has left", () => {
  const [a, b] = [room("a", "ivr"), room("b")];
  sees("a", "b");
  a.line.emit("frame", TURN);
  expect(sent).toEqual([]);
  sees("b", "a");
  a.call.emit("ended");
  b.line.emit("frame", TURN);
  expect(sent).toEqual([]);
});
