import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeEach, expect, test } from "vitest";
import type { CallRecord, OutcomeCode } from "../../../src/records/model.ts";
import { type Crosspoint, startCrosspoint } from "../../support/crosspoint.ts";
import { listening } from "../../support/listening.ts";
import { describeWithPeers } from "../../support/peers.ts";
import { inTurn, portsOf } from "../../support/ports.ts";
import { runSipp, type Step, sipp } from "../../support/sipp.ts";

const PORT = portsOf("gateway-trunks");
const FAR = PORT + 540;
const nextNumber = inTurn(200, 1, 9);
const nextPort = inTurn(PORT + 220, 16, 20);
let gateway: Crosspoint | undefined;

const CONFIG = `
sip: { optionsSeconds: 0 }
trunks:
  - name: pbx
    identity: { networks: [127.0.0.1/32] }
    trust: verified
    maxCalls: 3
    siteUuids: [0123456789abcdef0123456789abcdef]
    tenant: a
    target: sip:127.0.0.1:${FAR}
meetings:
  - { id: open, aliases: ["100"], tenant: a }
  - { id: small, aliases: ["300"], maxParticipants: 1, tenant: a }
  - { id: shut, aliases: ["400"], locked: true, tenant: a }
  - { id: theirs, aliases: ["500"], tenant: b }
`;

async function run(service: string, steps: readonly Step[]) {
  return runSipp(steps, { target: gateway!.sip, service, port: nextPort() });
}
async function call(service: string, steps: readonly Step[]): Promise<string> {
  const { ok, messages, errors } = await run(service, steps);
  if (!ok) throw new Error(`${errors}\n${messages.slice(-6000)}`);
  return messages;
}
const answered = (invite = sipp.invite()): Step[] => [invite, sipp.expect(200), sipp.ack()];
const refused = (status: number, invite = sipp.invite()): Step[] => [invite, sipp.expect(status), sipp.ackFailure()];
async function lastRecord(outcome: OutcomeCode): Promise<CallRecord | undefined> {
  let last: CallRecord | undefined;
  for (let tries = 0; tries < 600; tries++) {
    [last] = await gateway!.records();
    if (last?.outcome === outcome) break;
    await delay(50);
  }
  return last;
}

// anew where a test has stopped it
beforeEach(async () => {
  gateway ??= await startCrosspoint({ port: PORT, mediaPort: PORT + 20, config: CONFIG });
});
// a try that failed may have left some
afterEach(() => gateway?.endCalls());
afterAll(() => gateway?.stop());

describeWithPeers("a trunk recognised by its network", ["sipp"], () => {
  test("reaches its own tenant's meetings only", async () => {
    await call("500", refused(404));
    expect(await lastRecord("no-such-meeting")).toMatchObject({ trunk: "pbx", trust: "verified", cause: 1 });
    await call("100", [...answered(), sipp.pause(200), sipp.bye()]);
    expect(await lastRecord("completed")).toMatchObject({ meetingId: "open" });
  });

  test("names a known site, or is told that there is none", async () => {
    const uri = (uuid: string) =>
      sipp
        .invite()
        .replace(
          "INVITE sip:[service]@[remote_ip]:[remote_port] SIP/2.0",
          `INVITE sip:[service]@[remote_ip]:[remote_port];x-cisco-site-uuid=${uuid} SIP/2.0`,
        );
    await call("100", refused(404, uri("ffffffffffffffffffffffffffffffff")));
    expect(await lastRecord("unknown-site")).toMatchObject({ sipStatus: 404 });
    await call("100", [...answered(uri("0123456789ABCDEF0123456789ABCDEF")), sipp.bye()]);
  });

  test("is told of full and locked meetings", async () => {
    const first = call("300", [...answered(), sipp.pause(4000), sipp.bye()]);
    await gateway!.waitForParticipants("small", (all) => all.some(({ state }) => state === "joined"));
    await call("300", refused(486));
    await first;
    await call("400", refused(603));
    expect(await lastRecord("meeting-locked")).toMatchObject({ sipStatus: 603, cause: 21 });
  });

  test("has no more calls at a time than it may", async () => {
    const calls = Array.from({ length: 3 }, () => call("100", [...answered(), sipp.pause(6000), sipp.bye()]));
    await gateway!.waitForParticipants("open", (all) => all.filter(({ state }) => state === "joined").length === 3);
    await call("100", [sipp.invite(), sipp.expect(503, { header: "Retry-After", pattern: "[0-9]+" }), sipp.ackFailure()]);
    await Promise.all(calls);
  });

  test("more than twenty wrong PINs close the meeting, which then is not there", async () => {
    const wrong = [
      ...answered(),
      ...["9#", "8#", "7#"].flatMap((pin) => [...[...pin].map((digit) => sipp.info(digit)), sipp.pause(250)]),
      sipp.receive("BYE"),
    ];
    // one of its own for each try
    const number = String(nextNumber());
    await gateway!.api("POST", "/meetings", { id: `pin-${number}`, name: "PIN", aliases: [number], guestPin: "1234", tenant: "a" });
    for (let i = 0; i < 7; i++) await call(number, wrong);
    await call(`${number}**1234`, refused(404));
    expect(await lastRecord("pin-locked-out")).toMatchObject({ sipStatus: 404, cause: 1 });
    expect(gateway!.output()).toContain("pin-lockout");
  });

  test("REFER has us call the other party into the meeting", async () => {
    const party = runSipp(
      [
        '<recv request="INVITE" rrs="true"/>',
        "<send><![CDATA[\nSIP/2.0 180 Ringing\n[last_Via:]\n[last_From:]\n[last_To:];tag=[call_number]\n[last_Call-ID:]\n[last_CSeq:]\nContact: <sip:bob@[local_ip]:[local_port]>\nContent-Length: 0\n\n]]></send>",
        "<send><![CDATA[\nSIP/2.0 200 OK\n[last_Via:]\n[last_From:]\n[last_To:];tag=[call_number]\n[last_Call-ID:]\n[last_CSeq:]\nContact: <sip:bob@[local_ip]:[local_port]>\nContent-Type: application/sdp\nContent-Length: [len]\n\nv=0\no=bob 1 1 IN IP4 [local_ip]\ns=-\nc=IN IP4 [media_ip]\nt=0 0\nm=audio [media_port] RTP/AVP 0\na=rtpmap:0 PCMU/8000\n]]></send>",
        '<recv request="ACK"/>',
        '<recv request="BYE" timeout="60000"/>',
        "<send><![CDATA[\nSIP/2.0 200 OK\n[last_Via:]\n[last_From:]\n[last_To:]\n[last_Call-ID:]\n[last_CSeq:]\nContent-Length: 0\n\n]]></send>",
      ],
      { target: gateway!.sip, service: "x", port: FAR },
    );
    await listening(FAR);
    const referrer = call("100", [
      ...answered(),
      sipp.pause(700),
      sipp.request("REFER", { headers: [`Refer-To: <sip:bob@127.0.0.1:${FAR}>`] }),
      sipp.expect(202),
      sipp.receive("NOTIFY"),
      sipp.receive("NOTIFY"),
      sipp.receive("NOTIFY"),
      sipp.pause(3000),
      sipp.bye(),
    ]);
    const there = await gateway!.waitForParticipants("open", (all) => all.filter(({ state }) => state === "joined").length === 2);
    expect(there.map(({ address }) => address)).toContain(`sip:bob@127.0.0.1:${FAR}`);
    expect(await referrer).toMatch(/SIP\/2\.0 100[\s\S]*SIP\/2\.0 180[\s\S]*SIP\/2\.0 200/);
    const [left] = await gateway!.waitForParticipants("open", (all) => all.length === 1);
    await gateway!.api("POST", `/meetings/open/participants/${left!.id}/remove`);
    expect((await party).ok).toBe(true);
  });

  test("is told when the gateway is stopped", async () => {
    const caller = run("100", [...answered(), sipp.receive("BYE")]);
    await gateway!.waitForParticipants("open", (all) => all.some(({ state }) => state === "joined"));
    expect(await gateway!.stop()).toBe(0);
    gateway = undefined;
    const { ok, messages, errors } = await caller;
    expect({ ok, errors }).toEqual({ ok: true, errors: "" });
    expect(messages).toMatch(/BYE sip:[\s\S]*Reason: Q\.850;cause=41;text="the gateway is being stopped"/i);
  });
});
