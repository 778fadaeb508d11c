import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { type Asterisk, startAsterisk } from "../../support/asterisk.ts";
import { type Crosspoint, startCrosspoint } from "../../support/crosspoint.ts";
import { ooh323 } from "../../support/ooh323.ts";
import { describeWithPeers } from "../../support/peers.ts";
import { portsOf } from "../../support/ports.ts";

const PORT = portsOf("h323-gatekeeper");
const ASTERISK = "127.0.0.76";
const GATEKEEPER = "127.0.0.77";
const MEMBER = "127.0.0.78";

const common = `unknownCallers: { trust: unverified, srtp: none }
meetings: [{ id: ID, name: Open }]
`;

describeWithPeers("a gatekeeper's rules and members", ["asterisk"], () => {
  let gatekeeper: Crosspoint;
  let member: Crosspoint;
  let asterisk: Asterisk;
  beforeAll(async () => {
    gatekeeper = await startCrosspoint({
      port: PORT,
      mediaPort: PORT + 20,
      listen: GATEKEEPER,
      set: ["h323.signalling=1720", "h323.ras=1719"],
      config: `h323:
  gatekeeper:
    registration: listed
    endpoints: [{ alias: asterisk }, { alias: 500 }, { alias: member, password: sesame }, { alias: 7000, password: sesame }]
${common.replace("ID", "6000")}`,
    });
    member = await startCrosspoint({
      port: PORT + 220,
      mediaPort: PORT + 240,
      listen: MEMBER,
      set: ["h323.signalling=1720", "h323.ras=off"],
      config: `h323:
  upstream: { gatekeeper: ${GATEKEEPER}, aliases: [member, 7000], password: sesame }
${common.replace("ID", "7000")}`,
    });
    asterisk = await startAsterisk({
      name: "h323gk",
      ip: ASTERISK,
      rtpStart: PORT + 440,
      ooh323: ooh323({ ip: ASTERISK, peer: GATEKEEPER, fastStart: true, tunnelling: true, gatekeeper: GATEKEEPER }),
      extensions: "[caller]\nexten => tone,1,Milliwatt()\n",
    });
  });
  // a try that failed may have left some
  afterEach(async () => {
    asterisk.cli("channel request hangup all");
    await member.endCalls();
    await gatekeeper.endCalls();
  });
  afterAll(async () => {
    await asterisk?.stop();
    await member?.stop();
    await gatekeeper?.stop();
  });

  it("lets in who is listed, and who proves its password", async () => {
    await expect.poll(() => gatekeeper.output().split('"h323-registered"').length).toBeGreaterThanOrEqual(3);
    await expect.poll(async () => (await member.api<{ gatekeeper: boolean }>("GET", "/health")).gatekeeper).toBe(true);
    expect(gatekeeper.output()).not.toContain("sesame");
  });

  it("leads a call of Asterisk's to a member's meeting", async () => {
    for (let tries = 0; tries < 3 && (await member.participants("7000")).length === 0; tries++) {
      asterisk.cli("channel originate OOH323/7000@far extension tone@caller");
      await member.waitForParticipants("7000", (all) => all.length > 0, 6000).catch(() => {});
    }
    const [participant] = await member.waitForParticipants("7000", ([one]) => (one?.audio?.packetsIn ?? 0) > 50, 30_000);
    expect(participant).toMatchObject({ protocol: "h323", state: "joined", address: `h323:asterisk@${ASTERISK}` });
    asterisk.cli("channel request hangup all");
    await member.waitForParticipants("7000", (all) => all.length === 0);
  });

  it("leads a member's call to the gatekeeper's own meeting, and says what it does not know", async () => {
    await member.api("POST", "/calls", { uri: "h323:6000", meetingId: "7000" });
    await gatekeeper.waitForParticipants("6000", ([one]) => one?.state === "joined");
    await member.waitForParticipants("7000", ([one]) => one?.state === "joined");
    await expect(member.api("POST", "/calls", { uri: "h323:nobody", meetingId: "7000" })).rejects.toThrow(/502.*calledPartyNotRegistered/s);
  });
});
