import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Asterisk, startAsterisk } from "../support/asterisk.ts";
import { type Crosspoint, startCrosspoint } from "../support/crosspoint.ts";
import { ooh323 } from "../support/ooh323.ts";
import { describeWithPeers } from "../support/peers.ts";

const ASTERISK = "127.0.0.73";
const US = "127.0.0.74";

/** What the caller does once answered: a tone with its PIN in between, or only a tone. */
const DIALPLAN = `[caller]
exten => tone,1,Milliwatt()
exten => pin,1,Playtones(1004/1000)
 same => n,Wait(2.5)
 same => n,StopPlaytones()
 same => n,SendDTMF(1234#,250,200)
 same => n,Wait(30)
`;

describeWithPeers("H.323 callers in meetings", ["asterisk"], () => {
  let crosspoint: Crosspoint;
  beforeAll(async () => {
    crosspoint = await startCrosspoint({ port: 27_400, mediaPort: 27_600, listen: US, set: ["h323.signalling=1720", "h323.ras=1719"] });
  });
  afterAll(async () => {
    await crosspoint?.stop();
  });

  describe.each([
    { fastStart: true, tunnelling: true, dtmf: "h245alphanumeric", gatekeeper: false },
    { fastStart: false, tunnelling: false, dtmf: "h245alphanumeric", gatekeeper: false },
    { fastStart: false, tunnelling: true, dtmf: "rfc2833", gatekeeper: false },
    { fastStart: true, tunnelling: false, dtmf: "h245signal", gatekeeper: false },
    { fastStart: true, tunnelling: true, dtmf: "q931keypad", gatekeeper: true },
  ])("%o", ({ gatekeeper, ...style }) => {
    let asterisk: Asterisk;
    beforeAll(async () => {
      asterisk = await startAsterisk({
        name: `h323m${Number(style.fastStart)}${Number(style.tunnelling)}`,
        ip: ASTERISK,
        rtpStart: 17_300,
        ooh323: ooh323({ ip: ASTERISK, peer: US, ...style, ...(gatekeeper ? { gatekeeper: US } : {}) }),
        extensions: DIALPLAN,
      });
      for (let waited = 0; gatekeeper && waited < 10_000 && !crosspoint.output().includes("h323-registered"); waited += 100)
        await delay(100);
    });
    afterAll(async () => {
      asterisk?.cli("channel request hangup all");
      await crosspoint.waitForParticipants("1000", (all) => all.length === 0).catch(() => {});
      await asterisk?.stop();
    });
    // chan_ooh323 says that it is up a little before it is: a call in its first second may come to nothing, without a message sent.
    const call = async (number: string, then: string) => {
      const calls = () => crosspoint.output().split('"call-started"').length;
      const before = calls();
      for (let tries = 0; tries < 3 && calls() === before; tries++) {
        asterisk.cli(`channel originate OOH323/${number}@far extension ${then}@caller`);
        for (let waited = 0; waited < 4000 && calls() === before; waited += 50) await delay(50);
      }
    };
    const hangUp = async (meeting: string) => {
      asterisk.cli("channel request hangup all");
      await crosspoint.waitForParticipants(meeting, (all) => all.length === 0);
    };

    it("dials an open meeting, is in it, and is heard", async () => {
      await call("1000", "tone");
      const [participant] = await crosspoint.waitForParticipants(
        "1000",
        ([one]) => one?.state === "joined" && (one.audio?.packetsIn ?? 0) > 100,
        30_000,
      );
      expect(participant).toMatchObject({
        protocol: "h323",
        address: `h323:asterisk@${ASTERISK}`,
        trust: "unverified",
        role: "guest",
        displayName: "asterisk",
      });
      expect(participant?.audio).toMatchObject({ srtp: null });
      expect(["PCMU", "PCMA"]).toContain(participant?.audio?.codec);
      expect(participant?.audio?.packetsOut).toBeGreaterThan(100);
      await hangUp("1000");
      await expect
        .poll(async () => (await crosspoint.records())[0], { timeout: 5000 })
        .toMatchObject({ protocol: "h323", meetingId: "1000", outcome: "completed", cause: 16 });
    });

    it("brings its PIN in the number dialled", async () => {
      await call("2000**1234", "tone");
      const [participant] = await crosspoint.waitForParticipants("2000", ([one]) => one?.state === "joined", 30_000);
      expect(participant).toMatchObject({ protocol: "h323", role: "guest" });
      await hangUp("2000");
    });

    it("types its PIN", async () => {
      await call("2000", "pin");
      const [participant] = await crosspoint.waitForParticipants("2000", ([one]) => one?.state === "joined", 30_000);
      expect(participant).toMatchObject({ protocol: "h323", role: "guest" });
      await hangUp("2000");
    });
  });

  describe("with one Asterisk", () => {
    let asterisk: Asterisk;
    beforeAll(async () => {
      const conf = ooh323({ ip: ASTERISK, peer: US, fastStart: true, tunnelling: true });
      asterisk = await startAsterisk({ name: "h323one", ip: ASTERISK, rtpStart: 17_300, ooh323: conf, extensions: DIALPLAN });
    });
    afterAll(async () => {
      await asterisk?.stop();
    });

    it.each([
      ["4000", "end-to-end-encrypted", 79],
      ["9999", "no-such-meeting", 1],
    ])("is refused %s and the record says why", async (number, outcome, cause) => {
      asterisk.cli(`channel originate OOH323/${number}@far extension tone@caller`);
      await expect
        .poll(async () => (await crosspoint.records())[0], { timeout: 10_000 })
        .toMatchObject({ outcome, cause, protocol: "h323" });
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
});
