import { describe, expect, it } from "vitest";
import { codecGaps, type PictureCodecs } from "../../../src/meetings/codecs.ts";
import type { Participant } from "../../../src/meetings/model.ts";
import { MeetingRoom } from "../../../src/meetings/room.ts";
import { meeting, newcomer } from "./fixtures.ts";

const BOTH = ["H264", "VP8"];
const browser: PictureCodecs = { sends: "H264", takes: BOTH };
const vp8Browser: PictureCodecs = { sends: "VP8", takes: ["VP8"] };
const room: PictureCodecs = { sends: "H264", takes: ["H264"] };
const listener: PictureCodecs = { sends: null, takes: [] };

describe("who cannot see whom", () => {
  const gaps = (codecs: Record<string, PictureCodecs>) => Object.fromEntries(codecGaps(new Map(Object.entries(codecs))));

  it("is nobody where all send what all take", () => {
    expect(gaps({ a: browser, b: room, c: listener })).toEqual({});
  });

  it("is whoever does not have the codec that comes", () => {
    expect(gaps({ a: browser, b: vp8Browser, c: room, d: listener })).toEqual({
      a: { notSeenBy: ["b"], doesNotSee: [] },
      b: { notSeenBy: ["c"], doesNotSee: ["a", "c"] },
      c: { notSeenBy: ["b"], doesNotSee: ["b"] },
    });
  });

  it("is not oneself", () => {
    expect(gaps({ a: { sends: "VP8", takes: ["H264"] } })).toEqual({});
  });
});

describe("a meeting's roster", () => {
  it("says who cannot see whom of those who are in, tells each change once, and forgets those who go", () => {
    const told: Participant[] = [];
    const live = new MeetingRoom(meeting(), (event) => void (event.type === "participant" && told.push(event.participant)));
    for (const [id, codecs] of Object.entries({ a: browser, b: vp8Browser, c: browser })) {
      live.arrive(newcomer(id));
      live.admission(id, "guest");
      live.setCodecs(id, codecs);
      live.joined(id, "2026-01-01T00:00:00Z");
    }
    expect(live.participants().map(({ id, notSeenBy, doesNotSee }) => [id, notSeenBy, doesNotSee])).toEqual([
      ["a", ["b"], []],
      ["b", [], ["a", "c"]],
      ["c", ["b"], []],
    ]);
    told.length = 0;
    live.setCodecs("a", { ...browser });
    expect(told).toEqual([]);
    live.setCodecs("a", vp8Browser);
    expect(told.map(({ id, notSeenBy, doesNotSee }) => [id, notSeenBy, doesNotSee])).toEqual([
      ["a", [], ["c"]],
      ["b", [], ["c"]],
      ["c", ["a", "b"], []],
    ]);
    live.leave("c");
    expect(live.participants().every(({ notSeenBy, doesNotSee }) => notSeenBy.length + doesNotSee.length === 0)).toBe(true);
  });
});
