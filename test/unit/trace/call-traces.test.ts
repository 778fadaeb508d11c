import { describe, expect, it } from "vitest";
import { CallTraces, type TracedMessage, type TraceSettings, type TraceWish } from "../../../src/trace/index.ts";

const OFF: TraceSettings = { level: "off", trunks: new Map(), keepMinutes: 10 };

function message(key: string, summary: string, more: Partial<TracedMessage> = {}): TracedMessage {
  const place = { transport: "udp", local: "192.0.2.1:5060", remote: "192.0.2.7:5060" };
  return { key, protocol: "sip", direction: "in", ...place, at: 0, summary, head: `${summary} head`, body: "body", ...more };
}

function traced(settings: Partial<TraceSettings> = {}) {
  let now = 0;
  const traces = new CallTraces({ ...OFF, ...settings }, () => now);
  const told: [string, string | null, string | null][] = [];
  const wishes: TraceWish[] = [];
  traces.onMessage = ({ summary, body }, call) => void told.push([summary, call, body]);
  traces.onWish = (wish) => void wishes.push(wish);
  const summaries = (id: string) => traces.get(id)?.messages.map(({ summary }) => summary);
  return { traces, told, wishes, summaries, pass: (ms: number) => (now += ms) };
}

describe("traces of calls", () => {
  it("have what came before the call was known, and all its legs in order", () => {
    const { traces, summaries } = traced({ level: "full" });
    traces.add(message("sip:caller", "INVITE"));
    traces.add(message("sip:media", "INVITE to the media server"));
    traces.begin({ id: "1", trunk: null }, "sip:caller");
    traces.add(message("esl:uuid", "CHANNEL_DATA"));
    traces.join("media:token", "sip:media");
    traces.join("media:token", "esl:uuid");
    expect(summaries("1")).toEqual(["INVITE"]);
    traces.join("sip:caller", "media:token");
    traces.add(message("esl:uuid", "DTMF"));
    expect(summaries("1")).toEqual(["INVITE", "INVITE to the media server", "CHANNEL_DATA", "DTMF"]);
    expect(summaries("caller")).toEqual(summaries("1"));
    expect(traces.get("1", traces.get("1")!.messages[2]!.sequence)?.messages.map(({ leg }) => leg)).toEqual(["esl:uuid"]);
  });

  it("are of a trunk's calls alone where only the trunk has a level", () => {
    const { traces, told, summaries } = traced({ trunks: new Map([["carrier", "headers"]]) });
    expect(traces.wish).toEqual({ level: "headers", only: null });
    for (const [id, trunk] of [
      ["1", "carrier"],
      ["2", "other"],
    ] as const) {
      traces.add(message(`sip:${id}`, `INVITE ${id}`));
      traces.begin({ id, trunk }, `sip:${id}`);
      traces.add(message(`sip:${id}`, `ACK ${id}`));
    }
    expect(summaries("1")).toEqual(["INVITE 1", "ACK 1"]);
    expect(summaries("2")).toEqual([]);
    expect(told).toEqual([
      ["INVITE 1", "1", null],
      ["ACK 1", "1", null],
    ]);
    expect(traces.get("1")?.messages.map(({ body }) => body)).toEqual([null, null]);
  });

  it("can be asked for while a call is up, and ask the engine for that call alone", () => {
    const { traces, summaries, wishes } = traced();
    traces.begin({ id: "1", trunk: null }, "sip:a");
    traces.begin({ id: "2", trunk: null }, "sip:b");
    traces.join("sip:a", "sip:a-media");
    expect(traces.active).toBe(false);
    expect(traces.setLevel("1", "full")).toBe(true);
    expect(wishes.at(-1)).toEqual({ level: "full", only: ["a", "a-media"] });
    for (const key of ["sip:a", "sip:b", "sip:a-media", "sip:nobody"]) traces.add(message(key, key));
    expect(summaries("1")).toEqual(["sip:a", "sip:a-media"]);
    expect(summaries("2")).toEqual([]);
    expect(traces.get("nobody")).toBeUndefined();
    traces.setLevel("1", "off");
    expect(wishes.at(-1)?.level).toBe("off");
    expect(traces.setLevel("3", "full")).toBe(false);
    traces.end("2");
    expect(traces.setLevel("2", "full")).toBe(false);
  });

  it("are erased when their time is over", () => {
    const { traces, summaries, pass } = traced({ level: "headers" });
    traces.begin({ id: "1", trunk: null }, "sip:a");
    traces.add(message("sip:a", "INVITE"));
    traces.end("1");
    traces.add(message("sip:a", "BYE"));
    pass(9 * 60_000);
    expect(summaries("1")).toEqual(["INVITE", "BYE"]);
    pass(2 * 60_000);
    expect(traces.get("1")).toBeUndefined();
    expect(traces.get("a")).toBeUndefined();
  });

  it("go on with a Call-ID whose call was challenged", () => {
    const { traces, summaries } = traced({ level: "headers" });
    traces.begin({ id: "1", trunk: null }, "sip:a");
    traces.add(message("sip:a", "INVITE, 401"));
    traces.end("1");
    traces.add(message("sip:a", "INVITE with credentials"));
    traces.begin({ id: "2", trunk: "t" }, "sip:a");
    expect(summaries("2")).toEqual(["INVITE, 401", "INVITE with credentials"]);
    expect(traces.get("2")?.ended).toBe(false);
  });

  it("stay bounded: a call, and what is no call's", () => {
    const { traces } = traced({ level: "full" });
    traces.begin({ id: "1", trunk: null }, "sip:a");
    for (let i = 0; i < 3_000; i++) traces.add(message("sip:a", String(i)));
    expect(traces.get("1")).toMatchObject({ dropped: 2_000, messages: { length: 1_000 } });
    for (let i = 0; i < 5_000; i++) traces.add(message(`sip:stranger-${i}`, "REGISTER"));
    expect(traces.get("stranger-0")).toBeUndefined();
    expect(traces.get("stranger-4999")?.callId).toBeNull();
    traces.begin({ id: "2", trunk: null }, "sip:long");
    for (let i = 0; i < 40; i++) traces.add(message("sip:long", "x", { body: "y".repeat(100_000) }));
    expect(traces.get("2")?.messages.length).toBeLessThan(10);
    expect(traces.get("1")?.messages.length).toBe(1_000);
  });

  it("turned off by a reload hold nothing any more", () => {
    const { traces, wishes } = traced({ level: "full" });
    traces.begin({ id: "1", trunk: null }, "sip:a");
    traces.add(message("sip:a", "INVITE"));
    traces.configure(OFF);
    expect(wishes.at(-1)).toEqual({ level: "off", only: [] });
    expect(traces.get("1")).toMatchObject({ level: "off", messages: [] });
  });
});
