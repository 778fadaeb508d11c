import { expect, it } from "vitest";
import { BrowserPeer, type ConnectionState, type MediaPath } from "../../../src/webrtc/index.ts";

function setup() {
  const fates: string[] = [];
  const peer = new BrowserPeer(
    "p",
    "127.0.0.1",
    {},
    () => {},
    (fate) => fates.push(fate),
  );
  const told = (state: ConnectionState, path?: MediaPath, generation = peer.generation) =>
    peer.told({ type: "state", session: "p", generation, state, ...(path ? { path } : {}) });
  return { peer, fates, told };
}

it("says how a browser's media come, while they do", () => {
  const { peer, fates, told } = setup();
  peer.connect([]);
  told("connecting");
  expect(peer.path).toBeUndefined();
  told("connected", "tcp");
  expect(peer.path).toBe("tcp");
  told("disconnected");
  expect(peer.path).toBeUndefined();
  told("connected", "tcp");
  expect(peer.path).toBe("tcp");
  // an interruption is no other connection
  expect(fates).toEqual(["connected"]);
});

it("counts a connection that fails once, whichever way it is noticed", () => {
  const { peer, fates, told } = setup();
  peer.connect([]);
  told("failed");
  peer.connect([]);
  expect(fates).toEqual(["failed"]);
  // nobody waited for ICE to give up
  peer.connect([]);
  expect(fates).toEqual(["failed", "failed"]);
  told("connected", "udp", 2);
  expect(peer.path).toBeUndefined();
  told("connected", "relay");
  expect(fates).toEqual(["failed", "failed", "connected"]);
  expect(peer.path).toBe("relay");
});
