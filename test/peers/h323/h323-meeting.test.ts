import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Asterisk, startAsterisk } from "../../support/asterisk.ts";
import { type Capture, startCapture } from "../../support/capture.ts";
import { type Crosspoint, startCrosspoint } from "../../support/crosspoint.ts";
import { pcmOf } from "../../support/heard.ts";
import { EVERY_STYLE, ooh323, peerOf } from "../../support/ooh323.ts";
import { describeWithPeers } from "../../support/peers.ts";
import { portsOf } from "../../support/ports.ts";
import { rmsDb } from "../../support/spectrum.ts";
import { until } from "../../support/telephones.ts";

const PORT = portsOf("h323-meeting");
const ASTERISK = "127.0.0.73";
const US = "127.0.0.74";
/** Gateways that ask for fewer ways of digits. */
const FEWER = "127.0.0.78";

const SETUPS = [true, false].flatMap((fastStart) => [true, false].map((tunnelling) => ({ fastStart, tunnelling })));

/** What a caller does once answered: a tone; a PIN; the number and the PIN, after it has recorded what it is asked. */
const DIALPLAN = `[caller]
exten => tone,1,Milliwatt()
exten => pin,1,Playtones(1004/1000)
 same => n,Wait(2.5)
 same => n,StopPlaytones()
 same => n,SendDTMF(1234#,250,200)
 same => n,Wait(300)
exten => _asked-.,1,Record(/peers/NAME/files/\${EXTEN}.wav,0,2,k)
 same => n,SendDTMF(2000#,200,120)
 same => n,Wait(2)
 same => n,SendDTMF(1234#,200,120)
 same => n,Wait(300)
`;

describeWithPeers("H.323 callers in meetings", ["asterisk", "tshark"], () => {
  let crosspoint: Crosspoint;
  let capture: Capture;
  beforeAll(async () => {
    capture = await startCapture(`(host ${US} or host ${FEWER}) and (tcp or udp port 1719)`);
    crosspoint = await startCrosspoint({ port: PORT, mediaPort: PORT + 20, listen: US, set: ["h323.signalling=1720", "h323.ras=1719"] });
  });
  // a try that failed may have left some
  afterEach(() => crosspoint.endCalls());
  afterAll(async () => {
    await crosspoint?.stop();
    await capture?.stop();
  });

  describe.each([{ gatekeeper: false }, { gatekeeper: true }])("%o", ({ gatekeeper }) => {
    const name = gatekeeper ? "h323mg" : "h323m";
    let asterisk: Asterisk;
    beforeAll(async () => {
      asterisk = await startAsterisk({
        name,
        ip: ASTERISK,
        rtpStart: PORT + 440,
        ooh323: ooh323({ ip: ASTERISK, peer: US, fastStart: true, tunnelling: true, ...(gatekeeper ? { gatekeeper: US } : {}) }),
        extensions: DIALPLAN.replace("NAME", name),
      });
      if (gatekeeper) await until(() => crosspoint.output().includes("h323-registered"));
      // chan_ooh323 says that it is up a little before it is: a call in its first second may come to nothing, without a message sent.
      await delay(1500);
    });
    afterAll(async () => {
      await asterisk?.stop();
    });

    it.each(SETUPS)("dials 1000, 2000**1234 and meet, hears the prompts, types number and PIN in each way of digits: %o", async (setup) => {
      const peers = EVERY_STYLE.filter((s) => s.fastStart === setup.fastStart && s.tunnelling === setup.tunnelling).map(peerOf);
      expect(peers).toHaveLength(4);
      for (const peer of peers)
        for (const [number, then] of [
          ["1000", "tone"],
          ["2000**1234", "tone"],
          ["meet", `asked-${peer}`],
        ])
          asterisk.cli(`channel originate OOH323/${number}@${peer} extension ${then}@caller`);
      try {
        const open = await crosspoint.waitForParticipants(
          "1000",
          (all) =>
            all.length === 4 &&
            all.every((one) => one.state === "joined" && Math.min(one.audio?.packetsIn ?? 0, one.audio?.packetsOut ?? 0) > 50),
          60_000,
        );
        for (const participant of open) {
          expect(participant).toMatchObject({
            protocol: "h323",
            address: `h323:asterisk@${ASTERISK}`,
            trust: "unverified",
            role: "guest",
            displayName: "asterisk",
          });
          expect(participant.audio).toMatchObject({ srtp: null });
          expect(["PCMU", "PCMA"]).toContain(participant.audio?.codec);
        }
        const joined = await crosspoint.waitForParticipants(
          "2000",
          (all) => all.length === 8 && all.every((one) => one.state === "joined"),
          60_000,
        );
        for (const participant of joined) expect(participant).toMatchObject({ protocol: "h323", role: "guest" });
        for (const peer of peers) expect(rmsDb(pcmOf(readFileSync(asterisk.path(`asked-${peer}.wav`))).pcm), peer).toBeGreaterThan(-40);
      } finally {
        asterisk.cli("channel request hangup all");
      }
      for (const meeting of ["1000", "2000"]) await crosspoint.waitForParticipants(meeting, (all) => all.length === 0);
      await expect
        .poll(async () => (await crosspoint.records()).slice(0, 12).map(({ protocol, outcome, cause }) => ({ protocol, outcome, cause })))
        .toEqual(Array.from({ length: 12 }, () => ({ protocol: "h323", outcome: "completed", cause: 16 })));
    });
  });

  describe("with one Asterisk", () => {
    let asterisk: Asterisk;
    beforeAll(async () => {
      const conf = ooh323({ ip: ASTERISK, peer: US, fastStart: true, tunnelling: true });
      asterisk = await startAsterisk({ name: "h323one", ip: ASTERISK, rtpStart: PORT + 440, ooh323: conf, extensions: DIALPLAN });
      await delay(1500);
    });
    afterAll(async () => {
      await asterisk?.stop();
    });

    it.each([
      ["4000", "end-to-end-encrypted", 79],
      ["9999", "no-such-meeting", 1],
    ])("is refused %s and the record says why", async (number, outcome, cause) => {
      asterisk.cli(`channel originate OOH323/${number}@far extension tone@caller`);
      await expect.poll(async () => (await crosspoint.records())[0]).toMatchObject({ outcome, cause, protocol: "h323" });
    });

    it("is called into a meeting by the API", async () => {
      await crosspoint.api("POST", "/calls", { uri: `h323:601@${ASTERISK}`, meetingId: "1000" });
      const [participant] = await crosspoint.waitForParticipants(
        "1000",
        ([one]) => one?.state === "joined" && (one.audio?.packetsIn ?? 0) > 50,
        30_000,
      );
      expect(participant).toMatchObject({ protocol: "h323", displayName: "601" });
      asterisk.cli("channel request hangup all");
      await crosspoint.waitForParticipants("1000", (all) => all.length === 0);
    });
  });

  // chan_ooh323 sends text where that is asked for, whatever its configuration says, else signals, else Q.931.
  it.each([
    { digits: "[signal]", dtmf: "h245signal", field: "h245.signalType" },
    { digits: "[]", dtmf: "q931keypad", field: "q931.keypad_facility" },
  ])("digits by $dtmf where only $digits is asked for", async ({ digits, dtmf, field }) => {
    const fewer = await startCrosspoint({
      port: PORT + 220,
      mediaPort: PORT + 240,
      listen: FEWER,
      set: ["h323.signalling=1720", "h323.ras=off", `h323.digits=${digits}`],
    });
    // its own: the whole file's is not at an end yet, and has what a try before this one had
    const own = await startCapture(`host ${FEWER} and tcp`);
    const name = `h323f${dtmf}`;
    let asterisk: Asterisk | undefined;
    try {
      asterisk = await startAsterisk({
        name,
        ip: ASTERISK,
        rtpStart: PORT + 440,
        ooh323: ooh323({ ip: ASTERISK, peer: FEWER, fastStart: true, tunnelling: true, dtmf }),
        extensions: DIALPLAN.replace("NAME", name),
      });
      await delay(1500);
      asterisk.cli("channel originate OOH323/meet@far extension asked-once@caller");
      await fewer.waitForParticipants("2000", ([one]) => one?.state === "joined", 30_000);
      asterisk.cli("channel request hangup all");
      await fewer.waitForParticipants("2000", (all) => all.length === 0);
    } finally {
      await asterisk?.stop();
      await fewer.stop();
      await own.stop();
    }
    const pressed = own.read(["-Y", `ip.dst==${FEWER} && ${field}`], [field]).flat();
    expect(pressed.join("").replaceAll(",", "")).toBe("2000#1234#");
  });

  it("was malformed in nothing it said, and was called in every way: tshark", async () => {
    await capture.stop();
    const said = capture.read(["-Y", `(ip.src==${US} || ip.src==${FEWER}) && (h225 || h245)`], ["_ws.malformed", "_ws.expert.message"]);
    expect(said.length).toBeGreaterThan(500);
    for (const [malformed, expert] of said) {
      expect(malformed).toBe("");
      expect(expert).not.toMatch(/malformed|not decoded|PER|truncated/i);
    }
    const setups = capture.read(["-Y", `ip.src==${ASTERISK} && h225.setup_element`], ["h225.fastStart", "h225.h245Tunnelling"]);
    const ways = setups.map(([fast, tunnelled]) => `${fast === "" ? "slow" : "fast"} ${tunnelled}`);
    expect(new Set(ways)).toEqual(new Set(["fast 1", "fast 0", "slow 1", "slow 0"]));
    expect(capture.read(["-Y", `ip.src==${ASTERISK} && h245.alphanumeric`], ["h245.alphanumeric"]).length).toBeGreaterThan(20);
    expect(capture.read(["-Y", `ip.src==${US} && h225.admissionConfirm_element`], ["frame.number"]).length).toBeGreaterThan(40);
  });
});
