import { createSocket } from "node:dgram";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { CallView } from "../../../src/admin/ports.ts";
import { CallMedia } from "../../../src/cli/call/media.ts";
import { type CallReport, placeCall } from "../../../src/cli/call.ts";
import { openSipEndpoint } from "../../../src/io/index.ts";
import type { MeetingView, Participant } from "../../../src/meetings/model.ts";
import type { CallRecord } from "../../../src/records/model.ts";
import { type Crosspoint, startCrosspoint } from "../../support/crosspoint.ts";
import { portsOf } from "../../support/ports.ts";
import { withoutIdentifiers } from "../../support/identifiers.ts";

const PORT = portsOf("admin-gateway");

/** The admin API on the running gateway, with callers made of `crosspoint call`. */
describe("the admin API of a running gateway", () => {
  let crosspoint: Crosspoint;
  beforeAll(async () => {
    crosspoint = await startCrosspoint({ port: PORT, mediaPort: PORT + 20 });
  });
  // what a try that failed has left
  afterEach(async () => {
    await crosspoint.endCalls();
    await crosspoint.api("DELETE", "/meetings/8100").catch(() => undefined);
  });
  afterAll(() => crosspoint?.stop());

  const caller = (number: string, seconds: number): Promise<CallReport> => placeCall(`sip:${number}@${crosspoint.sip}`, { seconds });
  const only = (state: Participant["state"]) => (people: readonly Participant[]) => people.length === 1 && people[0]!.state === state;

  it("compares 21 of many wrong PINs at once: the right one after them is not let in, a verified caller and another meeting's guest are", async () => {
    await crosspoint.api("POST", "/meetings", { id: "8100", guestPin: "47110" });
    const count = async (result: string) => (await crosspoint.metric(`crosspoint_pins_total{result="${result}"}`)) ?? 0;
    const compared = async () => [await count("right"), await count("wrong")];
    const [right = 0, wrong = 0] = await compared();
    const inviters = await Promise.all(Array.from({ length: 24 }, (_, i) => inviter(`127.0.2.${i + 1}`)));
    for (const [i, { call }] of inviters.entries()) for (const pin of [50_000 + i, 60_000 + i]) call(`8100**${pin}`);
    // sources take turns: behind one wrong PIN of each
    inviters[0]!.call("8100**47110");
    // by another protocol, counted together
    const byH323 = placeCall(`h323:8100**70000@127.0.0.1:${PORT + 3}`, { seconds: 1 });
    const guest = await placeCall(`sip:2000**1234@${crosspoint.sip}`, { seconds: 8 });
    expect(guest.error).toBeNull();
    expect(crosspoint.logged("call-joined").map(({ meeting }) => meeting)).toEqual(["2000"]);
    await expect.poll(compared, { timeout: 15_000 }).toEqual([right + 1, wrong + 21]);
    await expect.poll(() => crosspoint.logged(/takes none for ten minutes/).length).toBe(1);
    const late = await placeCall(`sip:8100**47110@${crosspoint.sip}`, { seconds: 1 });
    const unknown = await placeCall(`sip:8199**47110@${crosspoint.sip}`, { seconds: 1 });
    expect(late.error).toContain("404");
    expect(late.error?.replaceAll("8100", "8199")).toBe(unknown.error);
    const { certificates } = crosspoint;
    const known = placeCall(`sips:8100@${crosspoint.tls}`, {
      seconds: 4,
      pin: "47110",
      cert: `${certificates}/client.crt`,
      key: `${certificates}/client.key`,
    });
    await crosspoint.waitForParticipants("8100", (all) => all.some(({ state, trust }) => state === "joined" && trust !== "unverified"));
    expect(await compared()).toEqual([right + 2, wrong + 21]);
    const people = await crosspoint.participants("8100");
    expect(people.filter(({ state, trust }) => state === "joined" && trust === "unverified")).toEqual([]);
    for (const { close } of inviters) close();
    await Promise.all([byH323, known]);
    expect(withoutIdentifiers(crosspoint.output().split("Ctrl+C stops it.")[1]!)).not.toContain("47110");
  });

  it("takes no PIN for guests that is the hosts', given together, one after the other, or both at once", async () => {
    const put = (pins: Record<string, string | null>) => crosspoint.api("PUT", "/meetings/8100", pins);
    await expect(crosspoint.api("POST", "/meetings", { id: "8100", guestPin: "4711", hostPin: "4711" })).rejects.toThrow(/400.*same-pins/s);
    await crosspoint.api("POST", "/meetings", { id: "8100", guestPin: "4711", hostPin: "81500" });
    await expect(put({ hostPin: "4711" })).rejects.toThrow(/400.*same-pins/s);
    await expect(put({ guestPin: "81500" })).rejects.toThrow(/400.*same-pins/s);
    await put({ guestPin: "81500", hostPin: "4711" });
    const both = await Promise.allSettled([put({ guestPin: "5555" }), put({ hostPin: "5555" })]);
    expect(both.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
    await put({ guestPin: null });
    await put({ hostPin: "81500" });
  });

  /** Follows /events; `until` waits for one that fits. */
  async function follow() {
    const abort = new AbortController();
    const response = await fetch(`${crosspoint.web}/api/v1/events`, {
      headers: { authorization: "Bearer a-token-for-tests-only" },
      signal: abort.signal,
    });
    const seen: { type: string; data: Record<string, unknown> }[] = [];
    const reading = (async () => {
      let rest = "";
      for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
        const parts = (rest + chunk).split("\n\n");
        rest = parts.pop()!;
        for (const part of parts) {
          const [, type, data] = /event: (.*)\ndata: (.*)/.exec(part) ?? [];
          if (type && data) seen.push({ type, data: JSON.parse(data) });
        }
      }
    })().catch(() => {});
    return {
      seen,
      async until(type: string, fits: (data: Record<string, unknown>) => boolean = () => true): Promise<Record<string, unknown>> {
        for (let i = 0; i < 600; i++) {
          const found = seen.find((event) => event.type === type && fits(event.data));
          if (found) return found.data;
          await delay(50);
        }
        throw new Error(`no ${type} among ${JSON.stringify(seen).slice(-2000)}`);
      },
      async close() {
        abort.abort();
        await reading;
      },
    };
  }

  it("lets a caller in from the lobby, mutes, unmutes and removes it, and tells each by an event", async () => {
    const events = await follow();
    const call = caller("3000", 30);
    const [waiting] = await crosspoint.waitForParticipants("3000", only("lobby"));
    expect(waiting).toMatchObject({ protocol: "sip", trust: "unverified", role: "guest", joinedAt: null, muted: false });
    const path = `/meetings/3000/participants/${waiting!.id}`;
    await expect(crosspoint.api("POST", "/meetings/3000/participants/nobody/admit")).rejects.toThrow("404");

    await crosspoint.api("POST", `${path}/admit`);
    const [joined] = await crosspoint.waitForParticipants("3000", only("joined"));
    expect(joined!.joinedAt).toMatch(/^\d{4}-\d\d-\d\dT/);
    await expect(crosspoint.api("POST", `${path}/admit`)).rejects.toThrow("409");
    expect(await crosspoint.api<Participant>("POST", `${path}/mute`)).toMatchObject({ muted: true });
    expect(await crosspoint.api<Participant>("POST", `${path}/unmute`)).toMatchObject({ muted: false });
    // It plays a tone: it is heard to talk once it may be heard.
    await events.until("participant", (data) => data["id"] === waiting!.id && data["talking"] === true);
    await crosspoint.api("POST", `${path}/remove`);

    expect(await call).toMatchObject({ ok: false, ended: "peer" });
    const record = await events.until("call-ended", (data) => data["meetingId"] === "3000");
    expect(record).toMatchObject({ outcome: "removed", codec: "opus" });
    const states = events.seen
      .filter(({ type, data }) => type === "participant" && data["id"] === waiting!.id)
      .map(({ data }) => data["state"]);
    expect([...new Set(states)]).toEqual(expect.arrayContaining(["lobby", "joined", "left"]));
    expect(await crosspoint.participants("3000")).toEqual([]);
    await events.close();
  });

  it("shows a call with its audio, and ends it", async () => {
    const call = caller("1000", 30);
    await crosspoint.waitForParticipants("1000", only("joined"));
    const [shown] = await crosspoint.api<CallView[]>("GET", "/calls");
    expect(shown).toMatchObject({ direction: "in", meetingId: "1000", state: "joined", transport: "udp" });
    expect(await crosspoint.api<MeetingView>("GET", "/meetings/1000")).toMatchObject({ participants: 1, source: "configuration" });
    await crosspoint.api("DELETE", `/calls/${shown!.id}`);
    expect(await call).toMatchObject({ ended: "peer" });
    await expect(crosspoint.api("GET", `/calls/${shown!.id}`)).rejects.toThrow("404");
  });

  it("makes a meeting that can be called at once, changes and removes it", async () => {
    const made = await crosspoint.api<MeetingView>("POST", "/meetings", { id: "8100", name: "Ad hoc", aliases: ["adhoc"] });
    expect(made).toMatchObject({ id: "8100", source: "api", hasGuestPin: false });
    await expect(crosspoint.api("POST", "/meetings", { id: "8101", aliases: ["adhoc"] })).rejects.toThrow("409");
    expect(await caller("adhoc", 1)).toMatchObject({ ok: true });
    await crosspoint.api("PUT", "/meetings/8100", { locked: true });
    expect(await caller("8100", 1)).toMatchObject({ ok: false, status: 603 });
    await crosspoint.api("PUT", "/meetings/8100", { locked: false });
    const call = caller("8100", 30);
    await crosspoint.waitForParticipants("8100", only("joined"));
    await crosspoint.api("DELETE", "/meetings/8100");
    expect(await call).toMatchObject({ ended: "peer" });
    expect(await caller("8100", 1)).toMatchObject({ ok: false, status: 404 });
    await expect(crosspoint.api("DELETE", "/meetings/1000")).rejects.toThrow(/409|403/);
  });

  it("calls somebody into a meeting", async () => {
    let media: CallMedia | undefined;
    const phone = await openSipEndpoint({
      host: "127.0.0.1",
      port: 0,
      onInvite: async (session, now) => {
        session.ring(now);
        media = await CallMedia.open({ localAddress: "127.0.0.1", srtp: "none", secureSignalling: false, codec: "PCMU" });
        // It refuses later offers, as some gateways do: none must come.
        session.answer(phone.now(), { body: media.answer(session.invite.body.toString())! });
        media.begin();
      },
    });
    const port = phone.listeners[0]!.port;
    const placed = await crosspoint.api<CallView>("POST", "/calls", {
      uri: `sip:phone@127.0.0.1:${port}`,
      meetingId: "1000",
      displayName: "Phone",
    });
    expect(placed).toMatchObject({ direction: "out", meetingId: "1000" });
    const [person] = await crosspoint.waitForParticipants("1000", only("joined"));
    expect(person).toMatchObject({ displayName: "Phone" });
    await expect.poll(() => media!.report()?.packetsIn).toBeGreaterThan(10);
    expect(media!.report()).toMatchObject({ codec: "PCMU", lossPercent: 0 });
    await crosspoint.api("DELETE", `/calls/${placed.id}`);
    await crosspoint.waitForParticipants("1000", (people) => people.length === 0);
    media!.close();
    await phone.close();
    await expect(crosspoint.api("POST", "/calls", { uri: "sip:phone@127.0.0.1:9", meetingId: "none" })).rejects.toThrow("404");
  });

  it("counts it all", async () => {
    const records = await crosspoint.api<CallRecord[]>("GET", "/records?limit=100");
    expect(records.length).toBeGreaterThanOrEqual(7);
    const text = await (await fetch(`${crosspoint.web}/metrics`)).text();
    const count = (fits: (record: CallRecord) => boolean) => records.filter(fits).length;
    const removed = count(({ direction, outcome, answeredAt }) => direction === "in" && outcome === "removed" && answeredAt !== null);
    const locked = count(({ outcome }) => outcome === "meeting-locked");
    expect([removed >= 2, locked >= 1]).toEqual([true, true]);
    expect(text).toContain(`\ncrosspoint_calls_ended_total{direction="in",trunk="unknown",outcome="removed",answered="true"} ${removed}\n`);
    expect(text).toContain(`\ncrosspoint_refusals_total{code="meeting-locked"} ${locked}\n`);
    expect(text).toMatch(/^crosspoint_join_stage_seconds_count\{stage="joined"\} [1-9]/m);
    // gauges are taken once a second
    const meetings = (await crosspoint.api<MeetingView[]>("GET", "/meetings")).length;
    await expect.poll(() => crosspoint.metric("crosspoint_meetings")).toBe(meetings);
    expect(text).toMatch(/^crosspoint_engine_connected\{engine="media"\} 1$/m);
    expect(text).toMatch(/^crosspoint_sip_engine\{stat="\w+"\} \d/m);
    expect(text).toMatch(/^crosspoint_media_engine\{stat="\w+"\} \d/m);
    expect(text).toMatch(/^crosspoint_certificate_expiry_days\{file="server\.crt"\} 36\d$/m);
    expect(text).not.toContain("crosspoint-call@");
  });
});

/** Sends INVITEs from an address of its own, as fast as it is asked to, and reads no answer. */
async function inviter(address: string): Promise<{ call(number: string): void; close(): void }> {
  const socket = createSocket("udp4");
  socket.on("error", () => {});
  // a call that is not acknowledged gets no dialogue
  socket.on("message", (data) => {
    const text = data.toString("latin1");
    const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(text)?.[1]?.trim() ?? "";
    if (!text.startsWith("SIP/2.0 200 ") || field("CSeq") !== "1 INVITE") return;
    const ack = [
      `ACK ${/<([^>]*)>/.exec(field("Contact"))?.[1]} SIP/2.0`,
      `Via: SIP/2.0/UDP ${address}:${socket.address().port};rport;branch=z9hG4bK-ack-${field("Call-ID")}`,
      "Max-Forwards: 70",
      ...["From", "To", "Call-ID"].map((name) => `${name}: ${field(name)}`),
      "CSeq: 1 ACK",
      "Content-Length: 0",
    ];
    socket.send(`${ack.join("\r\n")}\r\n\r\n`, PORT, "127.0.0.1");
  });
  await new Promise<void>((resolve) => socket.bind(0, address, resolve));
  const { port } = socket.address();
  let calls = 0;
  return {
    call(number) {
      const id = `${address}-${++calls}`;
      const body = `v=0\r\no=- 1 1 IN IP4 ${address}\r\ns=-\r\nc=IN IP4 ${address}\r\nt=0 0\r\nm=audio ${40_000 + 2 * calls} RTP/AVP 0\r\n`;
      const head = [
        `INVITE sip:${number}@127.0.0.1:${PORT} SIP/2.0`,
        `Via: SIP/2.0/UDP ${address}:${port};rport;branch=z9hG4bK-${id}`,
        "Max-Forwards: 70",
        `From: <sip:guesser@${address}>;tag=${id}`,
        "To: <sip:8100@127.0.0.1>",
        `Call-ID: ${id}`,
        "CSeq: 1 INVITE",
        `Contact: <sip:guesser@${address}:${port}>`,
        "Content-Type: application/sdp",
        `Content-Length: ${body.length}`,
      ];
      socket.send(`${head.join("\r\n")}\r\n\r\n${body}`, PORT, "127.0.0.1");
    },
    close: () => socket.close(),
  };
}
