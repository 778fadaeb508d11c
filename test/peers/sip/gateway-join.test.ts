import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { CallView } from "../../../src/admin/ports.ts";
import type { CallTrace } from "../../../src/trace/index.ts";
import type { CallRecord, OutcomeCode } from "../../../src/records/model.ts";
import { type Baresip, startBaresip } from "../../support/baresip.ts";
import { type Crosspoint, runCli, startCrosspoint } from "../../support/crosspoint.ts";
import { tonesHeard } from "../../support/heard.ts";
import { describeWithPeers } from "../../support/peers.ts";
import { inTurn, portsOf } from "../../support/ports.ts";
import { realDrachtio } from "../../support/real-engines.ts";
import { runSipp, type Step, sipp, sippSdp } from "../../support/sipp.ts";

const PORT = portsOf("gateway-join");
const nextPort = inTurn(PORT + 220, 16, 20);
/** Of a room: its SIP ports and its control socket; a hundred for its media. */
const roomPorts = inTurn(PORT + 540, 110, 4);
let gateway: Crosspoint;
const folder = mkdtempSync(join(tmpdir(), "crosspoint-join-"));

/** One SIPp call; fails the test with what was said when anything else came than the scenario says. */
async function call(service: string, steps: readonly Step[], transport: "udp" | "tcp" = "udp"): Promise<string> {
  const { ok, messages, errors } = await runSipp(steps, { target: gateway.sip, service, port: nextPort(), transport });
  if (!ok) throw new Error(`${errors}\n${messages.slice(-6000)}`);
  return messages;
}

const answered = (invite = sipp.invite()): Step[] => [invite, sipp.expect(200), sipp.ack()];
const keys = (digits: string): Step[] => [...digits].map((digit) => sipp.info(digit));
/** Waits until the newest record is one of `outcome`, and of this transport: it is made when the media server has said how the call was. */
async function lastRecord(outcome: OutcomeCode, transport?: string) {
  let last: CallRecord | undefined;
  for (let tries = 0; tries < 600; tries++) {
    [last] = await gateway.records();
    if (last?.outcome === outcome && (transport === undefined || last.transport === transport)) break;
    await delay(50);
  }
  return last;
}

/** Key and certificate in one file, as baresip wants them. */
function pem(name: string): string {
  const file = join(folder, `${name}.pem`);
  writeFileSync(file, ["key", "crt"].map((kind) => readFileSync(join(gateway.certificates, `${name}.${kind}`), "utf8")).join("\n"));
  return file;
}

beforeAll(async () => {
  gateway = await startCrosspoint({ port: PORT, mediaPort: PORT + 20, set: ["ivr.lobbySeconds=60", "log.sip=full"] });
});
// what a try that failed has left
afterEach(() => gateway.endCalls());
afterAll(async () => {
  await gateway?.stop();
  rmSync(folder, { recursive: true, force: true });
});

describeWithPeers("the demo, dialled by SIPp", ["sipp"], () => {
  test.each(["udp", "tcp"] as const)("1000 is joined over %s and left", async (transport) => {
    const scenario = call("1000", [...answered(), sipp.pause(4000), sipp.bye()], transport);
    await gateway.waitForParticipants("1000", (all) => all.some(({ state }) => state === "joined"));
    await scenario;
    await gateway.waitForParticipants("1000", (all) => all.length === 0);
    expect(await lastRecord("completed", transport)).toMatchObject({
      outcome: "completed",
      meetingId: "1000",
      transport,
      codec: "PCMU",
      sipStatus: null,
    });
  });

  test.each([
    ["9999", 404, undefined, "no-such-meeting"],
    ["4000", 488, { header: "Warning", pattern: "399 .*end-to-end" }, "end-to-end-encrypted"],
  ] as const)("%s is refused with %i", async (service, status, check, outcome) => {
    await call(service, [sipp.invite(), sipp.expect(status, check), sipp.ackFailure()]);
    expect(await lastRecord(outcome)).toMatchObject({ outcome, sipStatus: status });
  });

  test("an offer of nothing we have is refused with 488 and Warning 304", async () => {
    await call("1000", [
      sipp.invite({ sdp: sippSdp(1, "sendrecv", "video") }),
      sipp.expect(488, { header: "Warning", pattern: "304 " }),
      sipp.ackFailure(),
    ]);
  });

  test("keys in clear are refused over UDP", async () => {
    const secure = `${sippSdp().replace("RTP/AVP", "RTP/SAVP")}\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${Buffer.alloc(30, 1).toString("base64")}`;
    await call("1000", [sipp.invite({ sdp: secure }), sipp.expect(488, { header: "Warning", pattern: "399 " }), sipp.ackFailure()]);
    expect(await lastRecord("srtp-not-acceptable")).toMatchObject({ outcome: "srtp-not-acceptable" });
  });

  test("2000 takes the host's PIN by keys and gives the role", async () => {
    const scenario = call("2000", [...answered(), ...keys("98765#"), sipp.pause(4000), sipp.bye()]);
    await gateway.waitForParticipants("2000", (all) => all.some(({ state, role }) => state === "joined" && role === "host"));
    await scenario;
    expect(gateway.output()).not.toMatch(/98765\D*#|"98765"/);
  });

  test("a call's messages can be looked at after its end, by the API and as a ladder, without its PINs", async () => {
    const [before] = await gateway.records();
    await call("2000**98765", [...answered(), ...keys("98765#"), sipp.pause(2000), sipp.bye()]);
    await expect.poll(async () => (await gateway.records())[0]?.id).not.toBe(before?.id);
    const { id } = (await lastRecord("completed"))!;
    const trace = await gateway.api<CallTrace>("GET", `/calls/${id}/trace`);
    const wanted = ["INVITE SDP", "200 OK (INVITE) SDP", "ACK", "INFO", "200 OK (INFO)", "BYE"];
    const { leg } = trace.messages[0]!;
    const own = trace.messages.filter((message) => message.leg === leg).map(({ summary }) => summary);
    expect(own.filter((summary) => wanted.includes(summary) && summary !== "INFO" && summary !== "200 OK (INFO)")).toEqual(
      wanted.filter((summary) => !summary.includes("INFO")),
    );
    expect(own).toEqual(expect.arrayContaining(wanted));
    expect(trace.messages[0]).toMatchObject({
      direction: "in",
      protocol: "sip",
      transport: "udp",
      head: expect.stringContaining("sip:2000**x@"),
    });
    expect(trace.messages.find(({ summary }) => summary === "INFO")?.body).toBe("Signal=[masked]\nDuration=160");
    expect(trace.messages.map(({ protocol, summary }) => `${protocol} ${summary}`)).toContain("esl execute conference");
    const env = { CROSSPOINT_ADMIN_TOKEN: "a-token-for-tests-only", LC_ALL: "C.UTF-8", COLUMNS: "120" };
    const { status, stdout } = runCli(["trace", id, "--url", gateway.web, "--messages"], env);
    expect(status).toBe(0);
    expect(stdout).toMatch(/│─+ INVITE SDP ─+▶│/);
    expect(stdout).toMatch(/│◀─+ 200 OK \(INVITE\) SDP ─+│/);
    const log = gateway
      .output()
      .split("\n")
      .filter((line) => line.startsWith("{"));
    for (const text of [JSON.stringify(trace), stdout, log.join("\n")])
      expect(text).not.toMatch(/98765|drachtio-fsmrf:[0-9a-f]|inline:(?!\[)/);
    expect(runCli(["trace", "no-such-call", "--url", gateway.web], env)).toMatchObject({
      status: 1,
      stderr: "there is no call no-such-call\n",
    });
  });

  test("2000 takes the guest's PIN from the dial string", async () => {
    const scenario = call("2000**1234", [...answered(), sipp.pause(4000), sipp.bye()]);
    await gateway.waitForParticipants("2000", (all) => all.some(({ state, role }) => state === "joined" && role === "guest"));
    expect(await scenario).not.toMatch(/SIP\/2\.0 200 OK[\s\S]*Warning/);
    expect((await lastRecord("completed"))?.to).toMatch(/^sip:2000@/);
  });

  test("three wrong PINs end the call with a reason", async () => {
    const messages = await call("2000", [
      ...answered(),
      ...keys("11#"),
      sipp.pause(500),
      ...keys("22#"),
      sipp.pause(500),
      ...keys("33#"),
      sipp.receive("BYE"),
    ]);
    expect(messages).toMatch(/BYE sip:[\s\S]*Reason: Q\.850;cause=21;text="3 wrong PINs"/i);
    expect(await lastRecord("wrong-pin")).toMatchObject({ outcome: "wrong-pin" });
  });

  test("meet asks for the number, then for what the meeting asks", async () => {
    const scenario = call("meet", [...answered(), ...keys("2000#"), sipp.pause(200), ...keys("1234#"), sipp.pause(4000), sipp.bye()]);
    await gateway.waitForParticipants("2000", (all) => all.some(({ state }) => state === "joined"));
    await scenario;
  });

  test("3000's lobby lets in whom it is told to", async () => {
    const first = call("3000", [...answered(), sipp.pause(8000), sipp.bye()]);
    const second = call("3000", [...answered(), sipp.pause(8000), sipp.bye()]);
    const [one] = await gateway.waitForParticipants("3000", (all) => all.filter(({ state }) => state === "lobby").length === 2);
    await gateway.api("POST", `/meetings/3000/participants/${one!.id}/admit`);
    const after = await gateway.waitForParticipants("3000", (all) => all.some(({ id, state }) => id === one!.id && state === "joined"));
    expect(after.filter(({ state }) => state === "lobby")).toHaveLength(1);
    await Promise.all([first, second]);
  });

  test("5000 keeps guests until the host comes", async () => {
    const guest = call("5000**1234", [...answered(), sipp.pause(10_000), sipp.bye()]);
    await gateway.waitForParticipants("5000", (all) => all.some(({ state }) => state === "waiting"));
    const host = call("5000**98765", [...answered(), sipp.pause(5000), sipp.bye()]);
    await gateway.waitForParticipants("5000", (all) => all.filter(({ state }) => state === "joined").length === 2);
    await Promise.all([guest, host]);
  });

  test("an INVITE without offer is answered with ours", async () => {
    const scenario = call("1000", [sipp.invite({ sdp: null }), sipp.expect(200), sipp.ack(sippSdp()), sipp.pause(4000), sipp.bye()]);
    await gateway.waitForParticipants("1000", (all) => all.some(({ state }) => state === "joined"));
    expect(await scenario).toMatch(/SIP\/2\.0 200 OK[\s\S]*m=audio \d+ RTP\/AVP/);
  });

  test("hold, resume, refresh and a re-INVITE without offer", async () => {
    const change = (sdp: string | null) => [
      sipp.request("INVITE", { body: sdp }),
      sipp.expect(200),
      sipp.ack(sdp === null ? sippSdp(4) : null),
    ];
    const messages = await call("1000", [
      ...answered(),
      sipp.pause(500),
      ...change(sippSdp(2, "sendonly")),
      sipp.pause(200),
      ...change(sippSdp(3)),
      sipp.pause(200),
      ...change(sippSdp(3)),
      ...change(null),
      sipp.request("UPDATE"),
      sipp.expect(200),
      sipp.bye(),
    ]);
    const directions = [
      ...messages.matchAll(
        /SIP\/2\.0 200 OK(?:(?!SIP\/2\.0 200|message (?:sent|received))[\s\S])*?a=(sendrecv|recvonly|inactive|sendonly)/g,
      ),
    ].map((match) => match[1]);
    expect(directions).toContain("recvonly");
  });

  test("PRACK is used where it is demanded", async () => {
    await call("1000", [
      sipp.invite({ headers: ["Require: 100rel", "Supported: 100rel"] }),
      '<recv response="180" rrs="true"><action><ereg regexp="[0-9]+" search_in="hdr" header="RSeq:" check_it="true" assign_to="2"/></action></recv>',
      sipp.request("PRACK", { headers: ["RAck: [$2] 1 INVITE"] }),
      '<recv response="200"/>',
      sipp.expect(200),
      // the INVITE's own number again, for its ACK
      sipp.ack().replace(/CSeq: \d+ ACK/, "CSeq: 1 ACK"),
      sipp.pause(300),
      sipp.bye(),
    ]);
  });

  test("OPTIONS is answered with what we can", async () => {
    const messages = await call("1000", [
      `<send retrans="500"><![CDATA[\nOPTIONS sip:[remote_ip]:[remote_port] SIP/2.0\nVia: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]\nFrom: <sip:sipp@[local_ip]>;tag=[call_number]\nTo: <sip:[remote_ip]>\nCall-ID: [call_id]\nCSeq: 1 OPTIONS\nMax-Forwards: 70\nContent-Length: 0\n\n]]></send>`,
      sipp.expect(200, { header: "Allow", pattern: "INVITE.*REFER" }),
    ]);
    expect(messages).toContain("OPTIONS");
  });

  test.skipIf(realDrachtio !== undefined)("scanners hear nothing (drachtio-server would answer: docs/operate/engines.md)", async () => {
    const { ok, messages, errors } = await runSipp(
      [sipp.invite({ userAgent: "friendly-scanner" }).replace(/<recv response="100"[^>]*>/, ""), sipp.expect(200)],
      {
        target: gateway.sip,
        service: "1000",
        port: nextPort(),
        timeoutSeconds: 3,
      },
    );
    expect({ ok, errors }).toEqual({ ok: false, errors: expect.stringMatching(/time/i) });
    expect(messages).not.toMatch(/SIP\/2\.0 [2-6]\d\d/);
    expect(await lastRecord("scanner")).toMatchObject({ outcome: "scanner" });
  });

  test("a reload leaves calls that are up alone", async () => {
    const scenario = call("1000", [...answered(), sipp.pause(5000), sipp.bye()]);
    await gateway.waitForParticipants("1000", (all) => all.some(({ state }) => state === "joined"));
    gateway.process.kill("SIGHUP");
    await scenario;
    expect(await lastRecord("completed")).toMatchObject({ outcome: "completed" });
  });
});

describeWithPeers("who hears whom", ["baresip"], () => {
  const rooms: Baresip[] = [];
  afterEach(() => Promise.all(rooms.splice(0).map((room) => room.stop())));

  test("three rooms, by UDP, TCP and mutual TLS with SRTP, hear each other and not themselves", async () => {
    const { certificates } = gateway;
    const base = { ca: join(certificates, "ca.crt"), certificate: pem("client") };
    const tls = { transport: "tls", codecs: "PCMA/8000", account: "mediaenc=srtp-mand", ...base } as const;
    for (const options of [{ tone: 440 }, { tone: 700, transport: "tcp", codecs: "G722/16000" } as const, { tone: 1100, ...tls }]) {
      const port = roomPorts();
      rooms.push(await startBaresip({ port, controlPort: port + 5, rtpStart: port + 10, ...options }));
    }
    const targets = [`sip:1000@${gateway.sip}`, `sip:1000@${gateway.sip};transport=tcp`, `sip:1000@${gateway.tls};transport=tls`];
    for (const [index, room] of rooms.entries()) await room.command("dial", targets[index]);
    const there = await gateway.waitForParticipants("1000", (all) => all.filter(({ state }) => state === "joined").length === 3);
    expect(there.map(({ trust }) => trust).sort()).toEqual(["unverified", "unverified", "verified"]);
    // everybody is there, and nothing is announced any more
    await delay(4000);
    const tones = [440, 700, 1100];
    for (const [index, room] of rooms.entries())
      await expect
        .poll(() => tonesHeard(room, tones, 2), { message: `room ${index}` })
        .toEqual(tones.filter((_, other) => other !== index));
    for (const room of rooms) await room.command("hangup");
    await gateway.waitForParticipants("1000", (all) => all.length === 0);
    expect(await lastRecord("completed", "tls")).toBeDefined();
    const suites = (await gateway.records()).slice(0, 3).map(({ transport, srtp }) => `${transport} ${srtp}`);
    expect(suites.sort()).toEqual(["tcp null", "tls AES_CM_128_HMAC_SHA1_80", "udp null"]);
  });

  test("we call a room over TLS: it takes AEAD_AES_256_GCM and is in the meeting", async () => {
    const { certificates } = gateway;
    const port = roomPorts();
    const room = await startBaresip({
      port,
      controlPort: port + 5,
      rtpStart: port + 10,
      transport: "tls",
      account: "mediaenc=srtp",
      autoAnswer: true,
      ca: join(certificates, "ca.crt"),
      certificate: pem("server"),
    });
    rooms.push(room);
    const made = await gateway.api<CallView>("POST", "/calls", {
      uri: `sip:room@127.0.0.1:${port + 1};transport=tls`,
      meetingId: "1000",
      displayName: "Room",
      role: "host",
    });
    expect(made).toMatchObject({ direction: "out", meetingId: "1000" });
    await gateway.waitForParticipants("1000", (all) =>
      all.some(({ state, role, displayName }) => state === "joined" && role === "host" && displayName === "Room"),
    );
    await delay(1500);
    await gateway.api("DELETE", `/calls/${made.id}`);
    await room.waitForEvent("CALL_CLOSED");
    expect(await lastRecord("removed")).toMatchObject({ direction: "out", srtp: "AEAD_AES_256_GCM" });
  });
});
