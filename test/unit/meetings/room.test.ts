import { describe, expect, it } from "vitest";
import type { Role } from "../../../src/meetings/model.ts";
import { MeetingRoom, type RoomEvent } from "../../../src/meetings/room.ts";
import { meeting, newcomer } from "./fixtures.ts";

const at = "2026-01-01T00:00:00.000Z";
function enter(room: MeetingRoom, id: string, role: Role = "guest", trust: "verified" | "unverified" = "unverified") {
  room.arrive(newcomer(id, { trust }));
  const admission = room.admission(id, role);
  if (admission === "join") room.joined(id, at);
  return admission;
}

describe("meeting room", () => {
  it("lets everybody into an open meeting and tells each change once", () => {
    const events: RoomEvent[] = [];
    const room = new MeetingRoom(meeting(), (event) => events.push(event));
    expect(enter(room, "a")).toBe("join");
    room.setTalking("a", true);
    room.setTalking("a", true);
    room.leave("a");
    room.leave("a");
    expect(events.map((event) => (event.type === "participant" ? [event.participant.state, event.participant.talking] : event))).toEqual([
      ["ivr", false],
      ["ivr", false],
      ["joined", false],
      ["joined", true],
      ["left", false],
    ]);
    expect(room.empty).toBe(true);
  });

  it("keeps unverified guests in the lobby and lets them in one by one", () => {
    const room = new MeetingRoom(meeting({ lobby: true }));
    expect(enter(room, "known", "guest", "verified")).toBe("join");
    expect(enter(room, "a")).toBe("lobby");
    expect(enter(room, "b")).toBe("lobby");
    expect(enter(room, "host", "host")).toBe("join");
    expect(room.nextInLobby()).toBe("a");
    expect(room.admit("a")).toBe("join");
    expect(room.admit("a")).toBeUndefined();
    room.joined("a", at);
    expect(room.participants().map(({ id, state }) => `${id} ${state}`)).toEqual(["known joined", "a joined", "b lobby", "host joined"]);
    expect(room.nextInLobby()).toBe("b");
  });

  it("remembers mute-on-join through the lobby, hosts excepted", () => {
    const room = new MeetingRoom(meeting({ lobby: true, muteOnJoin: true }));
    enter(room, "a");
    room.admit("a");
    room.joined("a", at);
    enter(room, "host", "host");
    expect(room.participant("a")?.muted).toBe(true);
    expect(room.participant("host")?.muted).toBe(false);
  });

  it("makes guests wait for the host, in order, and again when they come after the host has left", () => {
    const room = new MeetingRoom(meeting({ waitForHost: true }));
    expect(enter(room, "a")).toBe("wait");
    expect(enter(room, "b")).toBe("wait");
    room.arrive(newcomer("host"));
    expect(room.admission("host", "host")).toBe("join");
    expect(room.joined("host", at)).toEqual({ release: ["a", "b"], end: [] });
    expect(enter(room, "c")).toBe("join");
    room.leave("host");
    expect(enter(room, "d")).toBe("wait");
  });

  it("sends an admitted guest on to wait for the host", () => {
    const room = new MeetingRoom(meeting({ lobby: true, waitForHost: true }));
    enter(room, "a");
    expect(room.admit("a")).toBe("wait");
    expect(room.participant("a")?.state).toBe("waiting");
  });

  it("ends with its last host where it is to", () => {
    const room = new MeetingRoom(meeting({ endWithHost: true }));
    enter(room, "h1", "host");
    enter(room, "h2", "host");
    enter(room, "a");
    expect(room.leave("h1").end).toEqual([]);
    expect(room.leave("h2").end).toEqual(["a"]);
    const other = new MeetingRoom(meeting());
    enter(other, "h1", "host");
    enter(other, "a");
    expect(other.leave("h1").end).toEqual([]);
  });

  it("refuses when full, counting those who wait and those on their last step in", () => {
    const room = new MeetingRoom(meeting({ maxParticipants: 2, lobby: true }));
    expect(room.refuses(null)).toBeNull();
    enter(room, "a");
    room.arrive(newcomer("b", { trust: "verified" }));
    expect(room.admission("b", "guest")).toBe("join");
    expect(room.refuses(null)).toBe("full");
    expect(room.refuses("host")).toBe("full");
    room.arrive(newcomer("c"));
    expect(room.admission("c", "guest")).toBe("full");
    expect(room.admit("a")).toBe("join");
    room.leave("b");
    expect(room.admission("c", "guest")).toBe("lobby");
  });

  it("refuses guests while locked, hosts not, and the last one out takes the lock along", () => {
    const events: RoomEvent[] = [];
    const room = new MeetingRoom(meeting(), (event) => event.type === "lock" && events.push(event));
    enter(room, "host", "host");
    room.lock(true);
    room.lock(true);
    expect(room.refuses(null)).toBe("locked");
    expect(room.refuses("host")).toBeNull();
    expect(enter(room, "a")).toBe("locked");
    room.leave("a");
    room.leave("host");
    expect(room.locked).toBe(false);
    expect(events).toEqual([
      { type: "lock", locked: true },
      { type: "lock", locked: false },
    ]);
  });

  it("keeps the host's lock over a reload that does not touch it", () => {
    const room = new MeetingRoom(meeting());
    room.lock(true);
    room.update(meeting({ name: "New" }));
    expect(room.locked).toBe(true);
    room.update(meeting({ locked: true }));
    room.update(meeting({ locked: false }));
    expect(room.locked).toBe(false);
  });

  it("hands out copies", () => {
    const room = new MeetingRoom(meeting());
    enter(room, "a");
    (room.participants()[0] as { displayName: string }).displayName = "changed";
    expect(room.participant("a")?.displayName).toBe("a");
  });

  it("does nothing for people it does not know", () => {
    const room = new MeetingRoom(meeting());
    expect(room.joined("x", at)).toEqual({ release: [], end: [] });
    expect(room.leave("x")).toEqual({ release: [], end: [] });
    expect(room.admit("x")).toBeUndefined();
    expect(room.toggleHand("x")).toBe(false);
    room.setMuted("x", true);
    expect(room.participants()).toEqual([]);
  });
});
