import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Crosspoint, startCrosspoint } from "../../support/crosspoint.ts";
import { Phone, type PhoneOptions } from "../../support/media-phone.ts";
import { portsOf } from "../../support/ports.ts";
import { realDrachtio, realFreeswitch } from "../../support/real-engines.ts";
import { tonesIn } from "../../support/spectrum.ts";
import { withoutIdentifiers } from "../../support/identifiers.ts";

/**
 * The contract with callers, which holds on every pair of engines: run it with DRACHTIO and FREESWITCH set to have the production servers under the gateway
 * (docs/proof/verified.md). The telephones are ours; keys are taken over UDP because the callers' network is declared private.
 */
const SIP = portsOf("contract");
const SUITES = ["AEAD_AES_256_GCM", "AEAD_AES_128_GCM", "AES_256_CM_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32"];

const config = `
unknownCallers: { trust: unverified, srtp: preferred, privateNetwork: true }
accessNumbers: [meet]
meetings:
  - { id: 1000, name: Open }
  - { id: 2000, name: PINs, guestPin: 1234, hostPin: 98765 }
  - { id: 3000, name: Lobby, lobby: true }
  - { id: 4000, name: Encrypted, endToEndEncrypted: true }
  - { id: 5000, name: Deutsch, language: de, guestPin: 1234, hostPin: 98765, waitForHost: true }
  - { id: 6000, name: Full, maxParticipants: 1 }
  - { id: 7000, name: Locked, locked: true }
`;

const engines = `${realDrachtio === undefined ? "embedded SIP engine" : "drachtio-server"}, ${realFreeswitch === undefined ? "embedded media server" : "FreeSWITCH"}`;

describe(`callers and meetings, on ${engines}`, () => {
  let gateway: Crosspoint;
  const phones: Phone[] = [];

  const dial = async (to: string, options: Partial<PhoneOptions> = {}): Promise<Phone> => {
    const phone = await Phone.call({ sipPort: SIP, to, ...options });
    phones.push(phone);
    return phone;
  };
  const joined = (meeting: string, count: number) =>
    gateway.waitForParticipants(meeting, (all) => all.filter((one) => one.state === "joined").length === count);
  const press = (phone: Phone, digits: string) => phone.rtp.sendDigits(digits, 100);

  beforeAll(async () => {
    gateway = await startCrosspoint({ port: SIP, mediaPort: SIP + 20, config });
  });
  afterEach(async () => {
    await Promise.all(phones.splice(0).map((phone) => phone.hangup()));
    await gateway.endCalls();
    for (const meeting of ["1000", "2000", "3000", "5000", "6000"]) await gateway.waitForParticipants(meeting, (all) => all.length === 0);
  });
  afterAll(async () => {
    await gateway?.stop();
  });

  test.each([undefined, ...SUITES])("two callers hear each other and not themselves: %s", async (suite) => {
    const with_ = suite === undefined ? {} : { suite };
    const a = await dial("1000", { ...with_, tone: 700 });
    const b = await dial("1000", { ...with_, tone: 1300 });
    await joined("1000", 2);
    await delay(3000);
    await expect.poll(() => tonesIn(a.recent(1000), a.rate, [700, 1300])).toEqual([1300]);
    await expect.poll(() => tonesIn(b.recent(1000), b.rate, [700, 1300])).toEqual([700]);
    const roster = await gateway.waitForParticipants("1000", (all) => all.every((one) => one.audio !== null));
    expect(roster.map((one) => one.audio?.srtp)).toEqual([suite ?? null, suite ?? null]);
    expect(roster.map((one) => one.audio?.lossPercent)).toEqual([0, 0]);
  });

  test.each(["opus", "G722", "PCMU", "PCMA"])("a caller with %s alone and one with G.711 understand each other", async (codec) => {
    const a = await dial("1000", { codec, tone: 700 });
    const b = await dial("1000", { tone: 1300 });
    await joined("1000", 2);
    await delay(2500);
    await expect.poll(() => tonesIn(a.recent(1000), a.rate, [700, 1300])).toEqual([1300]);
    await expect.poll(() => tonesIn(b.recent(1000), b.rate, [700, 1300])).toEqual([700]);
  });

  test.each([
    ["PCMU,PCMA,G722", "G722"],
    ["PCMA,PCMU", "PCMU"],
    ["PCMU,PCMA,opus", "opus"],
  ])("our order of codecs decides, not the caller's: %s", async (codec, chosen) => {
    const phone = await dial("1000", { codec });
    expect(phone.rtp.config?.codecs.map(({ name }) => name)).toEqual([chosen]);
    const [one] = await gateway.waitForParticipants("1000", (all) => all.length === 1 && all[0]?.audio !== null);
    expect(one?.audio?.codec.toLowerCase()).toBe(chosen.toLowerCase());
  });

  test.each([undefined, "AEAD_AES_256_GCM"])(
    "a caller that offers nothing is offered to, keys too, which it may decline: %s",
    async (suite) => {
      const a = await dial("1000", { lateOffer: true, tone: 700, ...(suite ? { suite } : { declineKeys: true }) });
      const b = await dial("1000", { tone: 1300 });
      await joined("1000", 2);
      await delay(2500);
      await expect.poll(() => tonesIn(a.recent(1000), a.rate, [700, 1300])).toEqual([1300]);
      await expect.poll(() => tonesIn(b.recent(1000), b.rate, [700, 1300])).toEqual([700]);
      const roster = await gateway.waitForParticipants("1000", (all) => all.every((one) => one.audio !== null));
      expect(roster.map((one) => one.audio?.srtp ?? null).sort()).toEqual([suite ?? null, null].sort());
      expect([...a.sizes].includes(172), "in clear").toBe(suite === undefined);
    },
  );

  test.each([
    ["1234", "guest"],
    ["98765", "host"],
  ])("PIN %s makes a %s", async (pin, role) => {
    const phone = await dial("2000");
    await gateway.waitForParticipants("2000", ([one]) => one?.state === "ivr");
    await delay(1000);
    press(phone, `${pin}#`);
    const [one] = await joined("2000", 1);
    expect(one?.role).toBe(role);
    // an identifier made by chance has these digits too, now and then
    expect(withoutIdentifiers(gateway.output())).not.toContain(pin);
  });

  test("the dial string may carry the PIN", async () => {
    await dial("2000**98765");
    const [one] = await joined("2000", 1);
    expect(one?.role).toBe("host");
  });

  test.each([undefined, "AEAD_AES_256_GCM"])("one whom we call hears the meeting, and is heard: %s", async (suite) => {
    const called = await Phone.listen({ codec: "PCMU", tone: 700, ...(suite ? { suite } : { declineKeys: true }) });
    phones.push(called);
    const b = await dial("1000", { tone: 1300 });
    await gateway.api("POST", "/calls", { uri: `sip:room@127.0.0.1:${called.sipPort}`, meetingId: "1000" });
    const roster = await gateway.waitForParticipants(
      "1000",
      (all) => all.filter((one) => one.state === "joined" && one.audio).length === 2,
    );
    await delay(2500);
    await expect.poll(() => tonesIn(called.recent(1000), called.rate, [700, 1300])).toEqual([1300]);
    await expect.poll(() => tonesIn(b.recent(1000), b.rate, [700, 1300])).toEqual([700]);
    expect(roster.map((one) => one.audio?.srtp ?? null).sort()).toEqual([suite ?? null, null].sort());
    expect([...called.sizes].includes(172), "in clear").toBe(suite === undefined);
  });

  test("three wrong PINs end the call", async () => {
    const phone = await dial("2000");
    for (let i = 0; i < 3; i++) {
      await delay(1500);
      press(phone, "4711#");
    }
    await expect.poll(() => phone.ended).toBe("bye-received");
    await expect.poll(async () => (await gateway.records()).map((one) => one.outcome)).toContain("wrong-pin");
  });

  test("asks for the number, then the PIN", async () => {
    const phone = await dial("meet");
    await delay(1500);
    press(phone, "2000#");
    await gateway.waitForParticipants("2000", (all) => all.length === 1);
    await delay(1500);
    press(phone, "1234#");
    const [one] = await joined("2000", 1);
    expect(one?.role).toBe("guest");
  });

  test("nobody leaves the lobby unadmitted, and one admission admits one", async () => {
    const a = await dial("3000", { tone: 700 });
    const b = await dial("3000", { tone: 1300 });
    const waiting = await gateway.waitForParticipants("3000", (all) => all.filter((one) => one.state === "lobby").length === 2);
    await delay(1500);
    expect(tonesIn(a.recent(1000), a.rate, [1300])).toEqual([]);
    await gateway.api("POST", `/meetings/3000/participants/${waiting[0]!.id}/admit`);
    const roster = await joined("3000", 1);
    expect(roster.filter((one) => one.state === "lobby")).toHaveLength(1);
    await gateway.api("POST", `/meetings/3000/participants/${waiting[1]!.id}/admit`);
    await joined("3000", 2);
    await delay(2500);
    await expect.poll(() => tonesIn(a.recent(1000), a.rate, [700, 1300])).toEqual([1300]);
    await expect.poll(() => tonesIn(b.recent(1000), b.rate, [700, 1300])).toEqual([700]);
  });

  test("guests wait for the host", async () => {
    const guest = await dial("5000**1234", { tone: 700 });
    await gateway.waitForParticipants("5000", ([one]) => one?.state === "waiting");
    const host = await dial("5000**98765", { tone: 1300 });
    await joined("5000", 2);
    await delay(3000);
    await expect.poll(() => tonesIn(guest.recent(1000), guest.rate, [700, 1300])).toEqual([1300]);
    await expect.poll(() => tonesIn(host.recent(1000), host.rate, [700, 1300])).toEqual([700]);
  });

  test("muted is not heard, unmuted is; removed is gone", async () => {
    await dial("1000", { tone: 700 });
    const b = await dial("1000", { tone: 1300 });
    const roster = await joined("1000", 2);
    const first = roster.toSorted((x, y) => Date.parse(String(x.joinedAt)) - Date.parse(String(y.joinedAt)))[0]!;
    await gateway.api("POST", `/meetings/1000/participants/${first.id}/mute`);
    await delay(1800);
    await expect.poll(() => tonesIn(b.recent(1000), b.rate, [700])).toEqual([]);
    await gateway.api("POST", `/meetings/1000/participants/${first.id}/unmute`);
    await delay(1800);
    await expect.poll(() => tonesIn(b.recent(1000), b.rate, [700])).toEqual([700]);
    await gateway.api("POST", `/meetings/1000/participants/${first.id}/remove`);
    await joined("1000", 1);
  });

  test("who talks is told", async () => {
    const a = await dial("1000", { tone: 700 });
    await dial("1000");
    await gateway.waitForParticipants("1000", (all) => all.length === 2 && all.filter((one) => one.talking).length === 1);
    a.tone = 0;
    await gateway.waitForParticipants("1000", (all) => all.length === 2 && all.every((one) => !one.talking));
  });

  test("hold and resume", async () => {
    const a = await dial("1000", { tone: 700 });
    const b = await dial("1000", { tone: 1300 });
    await joined("1000", 2);
    await delay(1500);
    expect(await a.renegotiate((sdp) => `${sdp}a=sendonly\r\n`)).toBe(200);
    expect(a.remoteSdp).toMatch(/a=(recvonly|inactive)/);
    expect(await a.renegotiate()).toBe(200);
    await delay(2000);
    await expect.poll(() => tonesIn(a.recent(1000), a.rate, [1300])).toEqual([1300]);
    await expect.poll(() => tonesIn(b.recent(1000), b.rate, [700])).toEqual([700]);
  });

  test.each([
    ["9999", "404"],
    ["4000", "488"],
    ["7000", "603"],
  ])("%s is refused with %s", async (to, status) => {
    await expect(dial(to)).rejects.toThrow(status);
  });

  test("a full meeting is refused with 486", async () => {
    await dial("6000");
    await joined("6000", 1);
    await expect(dial("6000")).rejects.toThrow("486");
  });
});
