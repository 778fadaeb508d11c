import { EventEmitter } from "node:events";
import { beforeEach, expect, it } from "vitest";
import type { Call } from "../../../../src/gateway/call/call.ts";
import { Cameras } from "../../../../src/gateway/meeting/far-end-camera.ts";
import type { CameraLine } from "../../../../src/call-media/camera-control-section.ts";
import type { Pictures } from "../../../../src/call-media/video-streams.ts";

const TURN = Uint8Array.from(Buffer.from("0071030000000001c001c0f0", "hex"));
const CLIENTS = Uint8Array.from(Buffer.from("0071030000000000c001000181", "hex"));

let cameras: Cameras;
let sent: string[];
beforeEach(() => {
  cameras = new Cameras();
  sent = [];
});

function room(id: string, state = "joined") {
  const line = Object.assign(new EventEmitter(), {
    send: (frame: Uint8Array) => void sent.push(`${id} ${frame === TURN ? "is turned" : "learns of clients"}`),
  });
  const picture = { role: "camera", shows: null as string | null };
  const pictures = Object.assign(new EventEmitter(), { all: [picture] });
  const call = Object.assign(new EventEmitter(), { id, state });
  cameras.attach(call as unknown as Call, pictures as unknown as Pictures, line as unknown as CameraLine);
  const sees = (whom: string | null) => {
    picture.shows = whom;
    pictures.emit("shown", picture, "camera");
  };
  return { line, call, sees };
}

it("turns the camera that a room sees, and no other", () => {
  const [a] = [room("a"), room("b"), room("c")];
  a.line.emit("frame", TURN);
  expect(sent).toEqual([]);
  a.sees("b");
  a.line.emit("frame", TURN);
  a.sees("c");
  a.line.emit("frame", TURN);
  a.sees(null);
  a.line.emit("frame", TURN);
  expect(sent).toEqual(["b is turned", "c is turned"]);
});

it("tells a room what the cameras it comes to see can do", () => {
  const [a, b] = [room("a"), room("b")];
  b.line.emit("frame", CLIENTS);
  expect(sent).toEqual([]);
  a.sees("b");
  expect(sent).toEqual(["a learns of clients"]);
  b.line.emit("frame", CLIENTS);
  expect(sent).toHaveLength(2);
});

it("lets nobody steer who has not joined, and forgets who has left", () => {
  const [a, b] = [room("a", "ivr"), room("b")];
  a.sees("b");
  a.line.emit("frame", TURN);
  expect(sent).toEqual([]);
  b.sees("a");
  a.call.emit("ended");
  b.line.emit("frame", TURN);
  expect(sent).toEqual([]);
});
