import { randomUUID } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import { readFileSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { ToneGenerator } from "../../support/tone-generator.ts";
import { type Crosspoint, startCrosspoint } from "../../support/crosspoint.ts";
import { Phone } from "../../support/media-phone.ts";
import { portsOf } from "../../support/ports.ts";
import { realDrachtio, realFreeswitch } from "../../support/real-engines.ts";
import { tonesIn } from "../../support/spectrum.ts";

/** A stranger's packets in a call, packets under a wrong key, and a client that speaks SIP over secure WebSocket. */
const PORT = portsOf("gateway-strangers");
const config = `
unknownCallers: { trust: unverified, srtp: preferred, privateNetwork: true }
meetings: [{ id: 1000, name: Open }, { id: 2000, name: Closed, guestPin: "1234" }]
`;

describe.skipIf(realDrachtio !== undefined || realFreeswitch !== undefined)("on embedded engines,", () => {
  let gateway: Crosspoint;
  const phones: Phone[] = [];
  beforeAll(async () => {
    gateway = await startCrosspoint({ port: PORT, mediaPort: PORT + 20, config, set: [`sip.wss=${PORT + 8}`, "media.timeoutSeconds=6"] });
  });
  afterEach(async () => {
    await Promise.all(phones.splice(0).map((phone) => phone.hangup()));
    await gateway.endCalls();
    await gateway.waitForParticipants("1000", (all) => all.length === 0);
  });
  afterAll(() => gateway?.stop());

  test.each([undefined, "AEAD_AES_256_GCM"])("a stranger's RTP and RTP under a wrong key change nothing in a call: %s", async (suite) => {
    const before = gateway.logged("media-contention").length;
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
    expect(gateway.logged("media-contention").length - before).toBeLessThanOrEqual(1);
  });

  describe("a caller behind a NAT, without SRTP,", () => {
    /** RTP of PCMU as anybody may make it, to the gateway's media port; of telephone events with `digit` (RFC 4733). */
    const packetOf = (i: number, event?: { digit: number; payloadType: number }) => {
      const packet = Buffer.alloc(event ? 16 : 172, 0x55);
      packet.writeUInt32BE(0x80000000 + (event?.payloadType ?? 0) * 0x10000 + i, 0);
      packet.writeUInt32BE(event ? event.digit * 8000 : i * 160, 4);
      packet.writeUInt32BE(0x0badcafe, 8);
      if (event) packet.writeUInt32BE(event.digit * 0x1000000 + (i % 8 > 3 ? 0x800000 : 0) + 160 * (i % 8), 12);
      return packet;
    };

    async function stranger(address = "127.0.0.66") {
      const socket = createSocket("udp4");
      const got: number[] = [];
      socket.on("message", (data) => got.push(data.length));
      await new Promise<void>((resolve) => socket.bind(0, address, resolve));
      onTestFinished(() => void socket.close());
      const send = (data: Buffer, port: number) => new Promise<void>((resolve) => socket.send(data, port, "127.0.0.1", () => resolve()));
      return { got, send };
    }

    const behindNat = (sdp: string) => sdp.replaceAll("c=IN IP4 127.0.0.1", "c=IN IP4 10.9.8.7");

    test("is heard, and a stranger at its port hears nothing, is not heard, and presses no keys, though the caller is silent", async () => {
      const before = gateway.logged("media-contention").length;
      const phone = await Phone.call({ sipPort: PORT, to: "2000", codec: "PCMU", change: behindNat });
      phones.push(phone);
      phone.silent = true;
      const thief = await stranger();
      const { port } = phone.rtp.target!;
      const { receivePayloadType: payloadType = 101 } = phone.rtp.config?.dtmf ?? {};
      for (let i = 0; i < 10; i++) await thief.send(packetOf(i), port);
      // the PIN, in telephone events
      for (const digit of [1, 2, 3, 4, 11]) {
        for (let i = 1; i < 7; i++) await thief.send(packetOf(digit * 8 + i, { digit, payloadType }), port);
        await delay(200);
      }
      await delay(1000);
      expect(thief.got).toEqual([]);
      expect((await gateway.participants("2000")).filter(({ state }) => state === "joined")).toEqual([]);
      phone.silent = false;
      await expect.poll(() => phone.sizes.has(172)).toBe(true);
      phone.rtp.sendDigits("1234#", 100);
      await gateway.waitForParticipants("2000", (all) => all.some(({ state }) => state === "joined"));
      for (let i = 0; i < 10; i++) await thief.send(packetOf(i), port);
      expect(thief.got).toEqual([]);
      const said = gateway.logged("media-contention").slice(before);
      expect(said).toEqual([expect.objectContaining({ address: "127.0.0.66", rtcp: false })]);
      expect((await gateway.engineStats())["media.contendedCalls"]).toBeGreaterThanOrEqual(1);
    });

    test.each([
      ["", (sdp: string) => sdp],
      [" behind a NAT", behindNat],
    ])(
      "that has spoken%s and is silent loses its media to no other port of its host, and has it back where it had not spoken yet",
      async (nat, change) => {
        const phone = await Phone.call({ sipPort: PORT, to: "2000", codec: "PCMU", change });
        phones.push(phone);
        const thief = await stranger("127.0.0.1");
        const { port } = phone.rtp.target!;
        const { receivePayloadType: payloadType = 101 } = phone.rtp.config?.dtmf ?? {};
        if (nat === "") await expect.poll(() => phone.sizes.has(172)).toBe(true);
        else {
          // the caller's own first packet gives it back, and for good
          phone.silent = true;
          for (let i = 0; i < 100; i++) await thief.send(packetOf(i), port);
          phone.silent = false;
          await expect.poll(() => phone.sizes.has(172)).toBe(true);
        }
        phone.silent = true;
        await delay(4000);
        thief.got.length = 0;
        for (let i = 0; i < 50; i++) await thief.send(packetOf(200 + i), port);
        for (const digit of [1, 2, 3, 4, 11]) {
          for (let i = 1; i < 7; i++) await thief.send(packetOf(400 + digit * 8 + i, { digit, payloadType }), port);
          await delay(200);
        }
        await delay(500);
        expect(thief.got).toEqual([]);
        expect((await gateway.participants("2000")).filter(({ state }) => state === "joined")).toEqual([]);
      },
    );

    test("that is gone is not kept up by a stranger's RTP and RTCP", async () => {
      const phone = await Phone.call({ sipPort: PORT, to: "1000", codec: "PCMU", tone: 700, change: behindNat });
      phones.push(phone);
      await gateway.waitForParticipants("1000", (all) => all.some(({ state }) => state === "joined"));
      await expect.poll(() => phone.sizes.has(172)).toBe(true);
      phone.silent = true;
      const thief = await stranger();
      const { port } = phone.rtp.target!;
      // an empty receiver report
      const report = Buffer.from([0x80, 201, 0, 1, 0x0b, 0xad, 0xca, 0xfe]);
      const noise = setInterval(() => {
        void thief.send(report, port);
        void thief.send(report, port + 1);
        void thief.send(packetOf(Date.now() & 0xffff), port);
      }, 100);
      onTestFinished(() => clearInterval(noise));
      await gateway.waitForParticipants("1000", (all) => all.length === 0, 20_000);
      await expect.poll(async () => (await gateway.records())[0]).toMatchObject({ outcome: "media-timeout" });
    });
  });

  test("where SRTP is required of callers that no trunk matches, a plain one is refused with 488 and Warning, an encrypted one is not", async () => {
    const before = readFileSync(gateway.configFile, "utf8");
    const reloaded = gateway.logged(/configuration reloaded/).length;
    const reload = async (text: string, times: number) => {
      writeFileSync(gateway.configFile, text);
      gateway.process.kill("SIGHUP");
      await expect.poll(() => gateway.logged(/configuration reloaded/).length).toBe(reloaded + times);
    };
    await reload(before.replace("srtp: preferred", "srtp: required"), 1);
    onTestFinished(() => reload(before, 2));
    await expect(Phone.call({ sipPort: PORT, to: "1000", codec: "PCMU" })).rejects.toThrow(/488/);
    await expect.poll(async () => (await gateway.records())[0]).toMatchObject({ outcome: "srtp-required" });
    phones.push(await Phone.call({ sipPort: PORT, to: "1000", codec: "PCMU", suite: "AEAD_AES_256_GCM" }));
    await gateway.waitForParticipants("1000", (all) => all.some(({ state }) => state === "joined"));
  });

  test("whoever calls by UDP and acknowledges nothing is sent three times what he sent, and no sound, picture, report or floor control; after the ACK they come at once", async () => {
    const sockets = Array.from({ length: 4 }, () => createSocket("udp4"));
    const [sip, rtp, picture, report] = sockets as [Socket, Socket, Socket, Socket];
    const floor = createServer((socket) => {
      socket.on("error", () => {});
      came.floor++;
    });
    onTestFinished(() => {
      for (const socket of [...sockets, floor]) socket.close();
    });
    await new Promise<void>((done) => floor.listen(0, "127.0.0.1", done));
    for (const socket of sockets) await new Promise<void>((done) => socket.bind(0, "127.0.0.1", done));
    const got: string[] = [];
    let bytes = 0;
    const came = { sound: 0, picture: 0, floor: 0 };
    sip.on("message", (data) => {
      got.push(String(data));
      bytes += data.length;
    });
    rtp.on("message", () => came.sound++);
    for (const socket of [picture, report]) socket.on("message", () => came.picture++);
    const id = randomUUID();
    const { port } = sip.address();
    const say = (method: string, uri: string, to: string, cseq: string, body = "") => {
      const type = body === "" ? "" : "Content-Type: application/sdp\r\n";
      const text =
        `${method} ${uri} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:${port};rport;branch=z9hG4bK${id}${cseq}\r\nFrom: <sip:a@127.0.0.1>;tag=a\r\n` +
        `To: ${to}\r\nCall-ID: ${id}\r\nCSeq: ${cseq}\r\nContact: <sip:a@127.0.0.1:${port}>\r\nMax-Forwards: 70\r\n${type}` +
        `Content-Length: ${body.length}\r\n\r\n${body}`;
      sip.send(text, PORT, "127.0.0.1");
      return text.length;
    };
    const sdp =
      `v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio ${rtp.address().port} RTP/AVP 0\r\n` +
      `m=video ${picture.address().port} RTP/AVP 97\r\na=rtpmap:97 H264/90000\r\na=fmtp:97 profile-level-id=42e01f;packetization-mode=1\r\n` +
      `a=rtcp:${report.address().port}\r\nm=application ${(floor.address() as AddressInfo).port} TCP/BFCP *\r\na=floorctrl:c-s\r\n` +
      "a=setup:passive\r\na=connection:new\r\n";
    const said = say("INVITE", `sip:1000@127.0.0.1:${PORT}`, "<sip:1000@127.0.0.1>", "1 INVITE", sdp);
    await expect.poll(() => got.some((text) => text.startsWith("SIP/2.0 200"))).toBe(true);
    await delay(4000);
    expect([bytes <= 3 * said, came]).toEqual([true, { sound: 0, picture: 0, floor: 0 }]);
    const ok = got.find((text) => text.startsWith("SIP/2.0 200"))!;
    const field = (name: string) => new RegExp(`^${name}: (.*)\r$`, "m").exec(ok)![1]!;
    const target = field("Contact").replace(/^<|>.*$/g, "");
    say("ACK", target, field("To"), "1 ACK");
    await expect.poll(() => came.sound, { timeout: 2000, interval: 20 }).toBeGreaterThan(5);
    await expect.poll(() => came.floor).toBe(1);
    await expect.poll(() => came.picture, { timeout: 8000 }).toBeGreaterThan(0);
    await gateway.waitForParticipants("1000", (all) => all.some(({ state }) => state === "joined"));
    say("BYE", target, field("To"), "2 BYE");
    await expect.poll(() => got.some((text) => text.startsWith("SIP/2.0 200") && text.includes("2 BYE"))).toBe(true);
  });

  describe("small requests by UDP from where nobody has shown to be", () => {
    const request = (method: string, user: string, port: number, fields = "") => {
      const id = randomUUID().slice(0, 8);
      const contact = method === "INVITE" || method === "REGISTER" || method === "SUBSCRIBE" ? "m:<sip:a@127.0.0.9>\r\n" : "";
      return `${method} sip:${user}@127.0.0.1 SIP/2.0\r\nv:SIP/2.0/UDP 127.0.0.9:${port};rport;branch=z9hG4bK${id}\r\nf:<sip:a@b>;tag=1\r\nt:<sip:${user}@b>\r\ni:${id}\r\nCSeq:1 ${method}\r\n${contact}${fields}\r\n`;
    };
    async function socketAt(address: string) {
      const socket = createSocket("udp4");
      onTestFinished(() => void socket.close());
      const got: Buffer[] = [];
      socket.on("message", (data) => got.push(data));
      await new Promise<void>((done) => socket.bind(0, address, done));
      return { socket, got, port: socket.address().port };
    }

    const SMALL: readonly (readonly [method: string, user: string, fields?: string])[] = [
      ["INVITE", "1000"],
      ["INVITE", "2000"],
      ["INVITE", "2000**1234"],
      ["INVITE", "nobody"],
      ["INVITE", "1000", "Require:100rel\r\n"],
      ["INVITE", "1000", "Supported:100rel,timer\r\n"],
      ["INVITE", "1000", "Require:x\r\n"],
      ["INVITE", "1000", "Session-Expires:1\r\n"],
      ["INVITE", "1000", "Content-Type:x/y\r\nl:1\r\n\r\nx"],
      ...["OPTIONS", "REGISTER", "SUBSCRIBE", "MESSAGE", "BYE", "CANCEL", "UNKNOWN"].map((method) => [method, "1000"] as const),
    ];
    test("are answered once, by no more than three times their bytes beyond that; so is an INVITE without offer", async () => {
      const small = Promise.all(
        SMALL.map(async ([method, user, fields = ""]) => {
          const { socket, got, port } = await socketAt("127.0.0.9");
          const text = request(method, user, port, fields);
          socket.send(text, PORT, "127.0.0.1");
          await delay(3000);
          const sizes = got.map(({ length }) => length);
          return { method, text, answers: sizes.reduce((sum, length) => sum + length, 0), longest: Math.max(0, ...sizes) };
        }),
      );
      // a 100 may come before the final response: an answer, and what three times the request allows
      const amplified = (await small).filter(({ text, answers, longest }) => answers > longest + 3 * text.length);
      expect(amplified).toEqual([]);
      expect((await small).filter(({ answers }) => answers > 0).length).toBeGreaterThan(SMALL.length / 2);
    });
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

describe("on any engines,", () => {
  let gateway: Crosspoint;
  const phones: Phone[] = [];
  beforeAll(async () => {
    gateway = await startCrosspoint({ port: PORT, mediaPort: PORT + 20, config });
  });
  afterEach(async () => {
    await Promise.all(phones.splice(0).map((phone) => phone.hangup()));
    await gateway.endCalls();
  });
  afterAll(() => gateway?.stop());

  test.each(["PCMU", "PCMA", "G722", "opus"])(
    "a caller without telephone events enters his PIN by tones in %s, once by each key",
    async (codec) => {
      const withoutEvents = (sdp: string) => {
        const lines = sdp.split("\r\n");
        const types = lines.flatMap((line) => /^a=rtpmap:(\d+) telephone-event/.exec(line)?.[1] ?? []);
        return lines
          .filter((line) => !types.some((type) => line.startsWith(`a=rtpmap:${type} `) || line.startsWith(`a=fmtp:${type} `)))
          .map((line) =>
            line.startsWith("m=audio")
              ? line
                  .split(" ")
                  .filter((word) => !types.includes(word))
                  .join(" ")
              : line,
          )
          .join("\r\n");
      };
      const phone = await Phone.call({ sipPort: PORT, to: "2000", codec, change: withoutEvents });
      phones.push(phone);
      expect(phone.remoteSdp).not.toContain("telephone-event");
      await delay(1000);
      const tones = new ToneGenerator(phone.rate);
      // each key by INFO as well, as some telephones send them: it counts once
      // long enough for a machine that is busy, and for Opus, which does not promise to keep tones
      tones.enqueue("1234#", 200, 200);
      const said = new Int16Array(phone.rate * 2.2);
      tones.fill(said);
      phone.say = said;
      for (const key of "1234#") {
        await delay(400);
        expect(await phone.info(`Signal=${key}\r\nDuration=100\r\n`)).toBe(200);
      }
      await gateway.waitForParticipants("2000", (all) => all.some(({ state }) => state === "joined"));
      await phone.hangup();
      phones.pop();
      await gateway.waitForParticipants("2000", (all) => all.length === 0);
      // and by tones alone
      const bare = await Phone.call({ sipPort: PORT, to: "2000", codec, change: withoutEvents });
      phones.push(bare);
      await delay(1000);
      bare.say = said;
      await gateway.waitForParticipants("2000", (all) => all.some(({ state }) => state === "joined"));
    },
  );

  test("tones beside agreed telephone events are no keys: they would count twice", async () => {
    const phone = await Phone.call({ sipPort: PORT, to: "2000", codec: "PCMU" });
    phones.push(phone);
    expect(phone.remoteSdp).toContain("telephone-event");
    await delay(1000);
    const tones = new ToneGenerator(phone.rate);
    tones.enqueue("1234#", 100, 120);
    phone.say = new Int16Array(phone.rate * 1.2);
    tones.fill(phone.say);
    await delay(3000);
    expect((await gateway.participants("2000")).map(({ state }) => state)).toEqual(["ivr"]);
  });
});
