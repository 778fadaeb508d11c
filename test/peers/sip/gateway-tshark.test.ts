import { spawn } from "node:child_process";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Capture, startCapture } from "../../support/capture.ts";
import { type Crosspoint, startCrosspoint } from "../../support/crosspoint.ts";
import { Phone, type PhoneOptions } from "../../support/media-phone.ts";
import { ofTest } from "../../support/of-test.ts";
import { describeWithPeers } from "../../support/peers.ts";
import { portsOf } from "../../support/ports.ts";
import { realDrachtio, realFreeswitch } from "../../support/real-engines.ts";

/** What a whole gateway says on the wire, SIP, SDP, RTP and RTCP, in calls of many kinds, is read by tshark. */
const PORT = portsOf("gateway-tshark");
const MEDIA = PORT + 20;
const config = `
unknownCallers: { trust: unverified, srtp: preferred, privateNetwork: true }
accessNumbers: [meet]
trunks:
  - { name: probed, identity: { networks: [203.0.113.1] }, target: "sip:127.0.0.1:${PORT + 9}" }
meetings:
  - { id: 1000, name: "Überraschung" }
  - { id: 2000, guestPin: 1234 }
  - { id: 4000, endToEndEncrypted: true }
  - { id: 7000, locked: true }
`;

describe.skipIf(realDrachtio !== undefined || realFreeswitch !== undefined || process.getuid?.() !== 0)(
  "(embedded engines; root, to capture) a gateway",
  () => {
    describeWithPeers("in a capture", ["tshark"], () => {
      let gateway: Crosspoint;
      let capture: Capture;
      const phones: Phone[] = [];
      const dial = async (to: string, options: Partial<PhoneOptions> = {}) => {
        const phone = await Phone.call({ sipPort: PORT, to, tone: 700, ...options });
        phones.push(phone);
        return phone;
      };
      beforeAll(async () => {
        gateway = await startCrosspoint({ port: PORT, mediaPort: MEDIA, config, set: ["sip.optionsSeconds=1"] });
      });
      beforeEach(async () => {
        capture = await startCapture(`port ${PORT} or udp portrange ${MEDIA}-${MEDIA + 199}`);
      });
      afterEach(async () => {
        await Promise.all(phones.splice(0).map((phone) => phone.hangup()));
        await gateway.endCalls();
        await capture.stop();
      });
      afterAll(async () => {
        await gateway?.stop();
      });

      /** Rows of what the gateway itself has sent. */
      const said = (what: string, fields: readonly string[]): string[][] => {
        const ours = `((udp.srcport == ${PORT} || tcp.srcport == ${PORT} || tcp.dstport == ${PORT + 9}) || (udp.srcport >= ${MEDIA} && udp.srcport < ${MEDIA + 200}))`;
        return capture.read(["-d", `udp.port==${PORT},sip`, "-d", `tcp.port==${PORT},sip`, "-Y", `${ours} && ${what}`], fields);
      };

      test("says nothing that is malformed: SIP, SDP, RTP, RTCP", async () => {
        const first = await dial("1000", { codec: "opus" });
        await dial("1000", { codec: "G722" });
        await dial("1000", { codec: "PCMA" });
        await dial("1000", { suite: "AEAD_AES_256_GCM" });
        await dial("1000", { lateOffer: true, declineKeys: true });
        const guest = await dial("2000");
        for (const wrong of ["9999", "4000", "7000"]) await expect(dial(wrong)).rejects.toThrow();
        await expect(dial("1000", { codec: "PCMU", suite: "none of ours" })).rejects.toThrow();
        const called = await Phone.listen({ codec: "PCMU", tone: 500, declineKeys: true });
        phones.push(called);
        await gateway.api("POST", "/calls", { uri: `sip:room@127.0.0.1:${called.sipPort}`, meetingId: "1000", displayName: 'Grüße "x"' });
        const launcher = join(import.meta.dirname, "../../../src/cli/crosspoint.mjs");
        const program = [launcher, "call", `sip:meet@${gateway.sip};transport=tcp`, "--seconds", "3"];
        const tcp = ofTest(spawn("node", program, { stdio: "ignore" }));
        const tcpEnded = new Promise((resolve) => tcp.once("close", resolve));
        expect(await first.renegotiate((sdp) => `${sdp}a=sendonly\r\n`)).toBe(200);
        expect(await first.renegotiate()).toBe(200);
        guest.rtp.sendDigits("1234#", 100);
        await gateway.waitForParticipants("2000", ([one]) => one?.state === "joined");
        await first.info("Signal=5\r\nDuration=160\r\n");
        // long enough for RTCP, which comes every five seconds
        await delay(7000);
        await tcpEnded;
        await Promise.all(phones.splice(0, 3).map((phone) => phone.hangup()));
        // the gateway's own goodbyes
        const calls = () => gateway.api<{ id: string }[]>("GET", "/calls");
        await expect.poll(async () => (await calls()).length).toBe(phones.length);
        for (const { id } of await calls()) await gateway.api("DELETE", `/calls/${id}`);
        await Promise.all(phones.splice(0).map((phone) => phone.hangup()));
        await capture.stop();

        const everything = said("frame", ["_ws.malformed", "_ws.expert.severity", "_ws.expert.message", "frame.protocols"]);
        expect(everything.length).toBeGreaterThan(2000);
        const error = 8 << 20;
        const wrong = everything.filter(
          ([malformed, severity = ""]) => malformed !== "" || severity.split(",").some((one) => Number(one) >= error),
        );
        expect(wrong).toEqual([]);
        const methods = new Set(said("sip.Request-Line", ["sip.Method"]).flat());
        expect([...methods]).toEqual(expect.arrayContaining(["INVITE", "ACK", "BYE"]));
        const statuses = new Set(said("sip.Status-Line", ["sip.Status-Code"]).flat());
        expect([...statuses]).toEqual(expect.arrayContaining(["200", "404", "488", "603"]));
        expect(said("sdp", ["frame.number"]).length).toBeGreaterThan(8);
        // each codec as it was agreed: G.722, A-law and µ-law by their numbers
        const types = new Set(said("rtp", ["rtp.p_type"]).flat());
        expect([...types]).toEqual(expect.arrayContaining(["0", "8", "9"]));
        expect(said("rtcp.pt == 200", ["frame.number"]).length).toBeGreaterThan(2);
      });
    });
  },
);
