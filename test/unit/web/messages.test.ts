import { describe, expect, it } from "vitest";
import type { Participant } from "../../../src/meetings/model.ts";
import { iceServersFor, keepsBack, openIceServers } from "../../../src/web/ice.ts";
import { readPageMessage, rosterEntry } from "../../../src/web/messages.ts";
import { mutate, random } from "../../support/mutate.ts";

const join = { type: "join", meeting: " 2000**1234 ", name: "Ada\u202e\u0007 L.", pictures: 6, later: true };

describe("what a page says", () => {
  it("is read, trimmed, and rid of what would disturb a roster", () => {
    expect(readPageMessage(JSON.stringify(join))).toEqual({ type: "join", meeting: "2000**1234", name: "Ada L.", pictures: 6 });
    expect(readPageMessage('{"type":"keys","keys":"1234#"}')).toEqual({ type: "keys", keys: "1234#" });
    expect(readPageMessage('{"type":"candidate","generation":1,"candidate":"","mid":"audio"}')).toBeDefined();
  });

  it.each([
    "",
    "[]",
    "null",
    '{"type":"nothing"}',
    '{"type":"keys","keys":"12a"}',
    '{"type":"keys","keys":""}',
    `{"type":"keys","keys":"${"1".repeat(65)}"}`,
    '{"type":"mute"}',
    '{"type":"answer","generation":0,"sdp":"v=0"}',
    '{"type":"act","participant":"x","action":"promote"}',
    `{"type":"join","meeting":"${"1".repeat(200)}","name":"x"}`,
    '{"type":"join","meeting":"1000","name":"x","pin":"12ab"}',
    '{"type":"join","meeting":"1000","name":"x","pictures":1000}',
  ])("is not read: %s", (text) => {
    expect(readPageMessage(text)).toBeUndefined();
  });

  it("may be anything", () => {
    let read = 0;
    const next = random(7);
    for (let i = 0; i < 10_000; i++) {
      const message = readPageMessage(mutate(Buffer.from(JSON.stringify(join)), next).toString());
      if (message) {
        read++;
        expect(message.type).toBe("join");
      }
    }
    expect(read).toBeGreaterThan(50);
  });
});

it("tells the others no address, no call and no figures", () => {
  const participant: Participant = {
    id: "p",
    callId: "c",
    meetingId: "1000",
    displayName: "Ada",
    address: "sip:ada@192.0.2.1",
    protocol: "sip",
    trust: "verified",
    role: "host",
    state: "joined",
    muted: false,
    talking: true,
    hand: true,
    joinedAt: "2026-01-01T00:00:00Z",
    audio: null,
    video: null,
    notSeenBy: ["q"],
    doesNotSee: [],
  };
  expect(rosterEntry(participant)).toEqual({
    id: "p",
    name: "Ada",
    protocol: "sip",
    role: "host",
    state: "joined",
    muted: false,
    talking: true,
    hand: true,
    notSeenBy: ["q"],
  });
});

it("makes names for TURN that expire, as coturn checks them", () => {
  const [turn, stun] = iceServersFor(
    [
      { urls: ["turn:turn.example:3478"], secret: "north" },
      { urls: ["stun:stun.example"], username: "u", credential: "c" },
    ],
    "visit",
    1_000_000_000,
  );
  // printf '1000900:visit' | openssl dgst -sha1 -hmac north -binary | base64
  expect(turn).toEqual({ urls: ["turn:turn.example:3478"], username: "1000900:visit", credential: "TT9nxJn3URECG6CunebWxChReJw=" });
  expect(stun).toEqual({ urls: ["stun:stun.example"], username: "u", credential: "c" });
  expect(JSON.stringify(turn)).not.toContain("north");
});

it("gives who has proved nothing only servers that relay nothing", () => {
  const servers = [
    { urls: ["stun:stun.example", "stuns:stun.example:5349"] },
    { urls: ["stun:both.example", "turn:both.example"], secret: "north" },
    { urls: ["TURN:open.example"] },
    { urls: ["stun:named.example"], username: "u", credential: "c" },
  ];
  expect(openIceServers(servers)).toEqual([{ urls: ["stun:stun.example", "stuns:stun.example:5349"] }]);
  expect(servers.map((server) => keepsBack([server]))).toEqual([false, true, true, true]);
});
