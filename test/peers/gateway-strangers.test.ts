import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { type Crosspoint, startCrosspoint } from "../support/crosspoint.ts";
import { Phone } from "../support/media-phone.ts";
import { portsOf } from "../support/ports.ts";
import { realDrachtio, realFreeswitch } from "../support/real-engines.ts";
import { tonesIn } from "../support/spectrum.ts";

/** A stranger's packets in a call, packets under a wrong key, and a client that speaks SIP over secure WebSocket. */
const PORT = portsOf("gateway-strangers");
const config = `
unknownCallers: { trust: unverified, srtp: preferred, privateNetwork: true }
meetings: [{ id: 1000, name: Open }]
`;

describe.skipIf(realDrachtio !== undefined || realFreeswitch !== undefined)("on embedded engines,", () => {
  let gateway: Crosspoint;
  const phones: Phone[] = [];
  beforeAll(async () => {
    gateway = await startCrosspoint({ port: PORT, mediaPort: PORT + 20, config, set: [`sip.wss=${PORT + 8}`] });
  });
  afterEach(async () => {
    await Promise.all(phones.splice(0).map((phone) => phone.hangup()));
    await gateway.endCalls();
    await gateway.waitForParticipants("1000", (all) => all.length === 0);
  });
  afterAll(() => gateway?.stop());

  test.each([undefined, "AEAD_AES_256_GCM"])("a stranger's RTP and RTP under a wrong key change nothing in a call: %s", async (suite) => {
    const before = gateway.logged(/stranger/).length;
    for (const tone of [700, 1300])
      phones.push(await Phone.call({ sipPort: PORT, to: "1000", codec: "PCMU", tone, ...(suite ? { suite } : {}) }));
    const [a, b] = phones as [Phone, Phone];
    await gateway.waitForParticipants("1000", (all) => all.filter(({ state }) => state === "joined").length === 2);
    await delay(1500);
    for (let i = 0; i < 300; i++) {
      const packet = Buffer.alloc(suite ? 188 : 172, 0x55);
      packet.writeUInt32BE(0x80000000 + i, 0);
      packet.writeUInt32BE(i * 160, 4);
      packet.writeUInt32BE(0x0badcafe, 8);
      // without keys a packet from the right address is believed, whoever made it: only the stranger's is to be refused
      await a.inject(packet, suite === undefined || i % 2 === 0);
      if (i % 10 === 9) await delay(20);
    }
    await delay(1200);
    await expect.poll(() => tonesIn(a.recent(800), a.rate, [700, 1300])).toEqual([1300]);
    await expect.poll(() => tonesIn(b.recent(800), b.rate, [700, 1300])).toEqual([700]);
    expect(gateway.logged(/stranger/).length - before).toBeLessThanOrEqual(1);
  });

  test("a client over secure WebSocket is answered, and its call is in the meeting (RFC 7118)", async () => {
    const ca = readFileSync(join(gateway.certificates, "ca.crt"));
    const socket = new WebSocket(`wss://127.0.0.1:${PORT + 8}`, ["sip"], { ca });
    const got: string[] = [];
    socket.on("message", (data) => got.push(String(data)));
    onTestFinished(() => socket.terminate());
    await new Promise<void>((resolve, reject) => {
      socket.once("open", () => resolve());
      socket.once("error", reject);
    });
    expect(socket.protocol).toBe("sip");
    const sdp = `v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio ${PORT + 220} RTP/AVP 0\r\n`;
    const id = randomUUID();
    const say = (method: string, cseq: number, to: string, body = "") =>
      socket.send(
        [
          `${method} sip:1000@127.0.0.1:${PORT + 8};transport=ws SIP/2.0`,
          `Via: SIP/2.0/WSS client.invalid;branch=z9hG4bK-${id}-${method}-${cseq}`,
          "From: <sip:browser@client.invalid>;tag=w",
          `To: <sip:1000@127.0.0.1>${to}`,
          `Call-ID: ${id}`,
          `CSeq: ${cseq} ${method}`,
          "Contact: <sip:browser@client.invalid;transport=ws>",
          "Max-Forwards: 70",
          ...(body === "" ? [] : ["Content-Type: application/sdp"]),
          `Content-Length: ${body.length}`,
          "",
          body,
        ].join("\r\n"),
      );
    const answer = (method: string) => got.find((message) => message.startsWith("SIP/2.0 200") && message.includes(` ${method}\r\n`));
    say("INVITE", 1, "", sdp);
    await expect.poll(() => answer("INVITE")).toBeDefined();
    const tag = /^To: .*(;tag=\S+)/m.exec(answer("INVITE")!)?.[1] ?? "";
    say("ACK", 1, tag);
    await gateway.waitForParticipants("1000", (all) => all.some(({ state }) => state === "joined"));
    say("BYE", 2, tag);
    await expect.poll(() => answer("BYE")).toBeDefined();
    await expect.poll(async () => (await gateway.records())[0]).toMatchObject({ transport: "wss", outcome: "completed" });
  });
});
