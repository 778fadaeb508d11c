import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type AdminServer, createAdminServer } from "../../../src/admin/server.ts";
import { callRecord, FakeGateway, meetingView, participant } from "./fake-gateway.ts";

const token = "test-token-0123456789";
let gateway: FakeGateway;
let server: AdminServer;
let url: string;
beforeEach(async () => {
  gateway = new FakeGateway();
  server = createAdminServer({ gateway, token, version: "1", log: { warn() {}, error() {} }, heartbeatSeconds: 0.05 });
  url = `http://127.0.0.1:${await server.listen("127.0.0.1", 0)}/api/v1/events`;
});
afterEach(() => server.close());

/** Opens the stream; `until` reads on until the text so far matches. */
async function open(headers: Record<string, string> = {}) {
  const response = await fetch(url, { headers: { authorization: `Bearer ${token}`, ...headers } });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  const until = async (pattern: RegExp): Promise<string> => {
    while (!pattern.test(text)) {
      const { value, done } = await reader.read();
      if (done) throw new Error(`ended after ${text}`);
      text += value;
    }
    return text;
  };
  return { response, until, cancel: () => reader.cancel() };
}

describe("events", () => {
  it("come as they happen, as the API's own objects, with a heartbeat between", async () => {
    const stream = await open();
    expect(stream.response.headers.get("content-type")).toMatch(/^text\/event-stream/);
    await stream.until(/^retry: \d+\n:\n\n/);
    gateway.emit({ type: "participant", participant: participant("p1") });
    gateway.emit({ type: "meeting", meeting: meetingView("5") });
    gateway.emit({ type: "meeting-deleted", meetingId: "5" });
    gateway.emit({ type: "call-ended", record: callRecord("r1") });
    const text = await stream.until(/event: call-ended\ndata: .*\n\n/);
    const events = [...text.matchAll(/id: \w+-(\d+)\nevent: ([\w-]+)\ndata: (.*)\n\n/g)].map((m) => [
      Number(m[1]),
      m[2],
      JSON.parse(m[3]!),
    ]);
    expect(events).toEqual([
      [1, "participant", participant("p1")],
      [2, "meeting", meetingView("5")],
      [3, "meeting-deleted", { id: "5" }],
      [4, "call-ended", callRecord("r1")],
    ]);
    await stream.until(/(:\n\n[\s\S]*){3}/);
    await stream.cancel();
  });

  it("missed while away come first", async () => {
    const first = await open();
    gateway.emit({ type: "meeting-deleted", meetingId: "1" });
    const id = /id: (\S+)/.exec(await first.until(/data: .*\n\n/))![1]!;
    await first.cancel();
    gateway.emit({ type: "meeting-deleted", meetingId: "2" });
    const second = await open({ "last-event-id": id });
    const text = await second.until(/"2"/);
    expect(text).not.toContain('"1"');
    await second.cancel();
    const odd = await open({ "last-event-id": "other-1" });
    expect(await odd.until(/retry/)).not.toContain("data:");
    await odd.cancel();
  });
});
