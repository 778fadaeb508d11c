// Whole calls on loopback: who hears whom, in every codec and suite.
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type MediaServer, startMediaServer } from "../../../src/media-server/index.ts";
import { SUITE_ORDER } from "../../../src/negotiation/index.ts";
import { connectEventSocket, type EventSocket } from "../../support/event-socket.ts";
import { Phone, type PhoneOptions } from "../../support/media-phone.ts";
import { toneLevel, tonesIn } from "../../support/spectrum.ts";

let server: MediaServer;
let control: EventSocket;
const phones: Phone[] = [];

beforeAll(async () => {
  server = await startMediaServer({
    esl: { host: "127.0.0.1", port: 0, password: "secret" },
    sip: { host: "127.0.0.1", port: 0 },
    rtp: { host: "127.0.0.1", minPort: 22000, maxPort: 22199 },
  });
  control = await connectEventSocket(server.eslPort, "secret");
});
afterAll(async () => {
  control.close();
  await server.stop();
});
afterEach(async () => {
  await Promise.all(phones.splice(0).map((phone) => phone.hangup()));
});

async function call(options: Omit<PhoneOptions, "sipPort">): Promise<Phone> {
  const phone = await Phone.call({ sipPort: server.sipPort, ...options });
  phones.push(phone);
  return phone;
}
/** Polls until the condition holds; fails by the test's own limit. */
async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
}
const all = [440, 800, 1300];
const hears = (phone: Phone) => tonesIn(phone.recent(300), phone.rate, all);

describe("codecs", () => {
  it.each(["PCMU", "PCMA", "G722", "OPUS"])("%s carries a tone both ways", async (codec) => {
    const a = await call({ to: `conf-${codec}`, codec, tone: 800 });
    const b = await call({ to: `conf-${codec}`, codec: "PCMU", tone: 1300 });
    await until(() => hears(a).join() === "1300" && hears(b).join() === "800");
    // No codec turns it down.
    await until(() => toneLevel(b.recent(200), 8000, 800) > -14);
  });
});

describe("SRTP", () => {
  it.each(SUITE_ORDER)("%s carries a tone both ways", async (suite) => {
    const a = await call({ to: `conf-${suite}`, suite, tone: 440 });
    const b = await call({ to: `conf-${suite}`, suite, tone: 800 });
    expect(a.remoteSdp).toContain(`a=crypto:`);
    expect(a.remoteSdp).toContain(` ${suite} `);
    await until(() => hears(a).join() === "800" && hears(b).join() === "440");
  });

  it("goes on under a new key after a re-INVITE, and counts what it cannot authenticate", async () => {
    const suite = "AEAD_AES_256_GCM";
    const a = await call({ to: "conf-rekey", suite, tone: 440 });
    const b = await call({ to: "conf-rekey", tone: 800 });
    await until(() => hears(a).join() === "800" && hears(b).join() === "440");
    expect(await a.renegotiate()).toBe(200);
    await until(() => hears(a).join() === "800" && hears(b).join() === "440");
    const uuid = (await control.api("conference rekey list")).split("\n")[0]!.split(";")[2]!;
    await a.inject(Buffer.concat([Buffer.from("80000001000000010000000a", "hex"), Buffer.alloc(176, 7)]));
    await control.api(`uuid_set_media_stats ${uuid}`);
    expect(await control.api(`uuid_getvar ${uuid} rtp_srtp_auth_failures`)).toBe("1");
    expect(await control.api(`uuid_getvar ${uuid} rtp_has_crypto`)).toBe(suite);
  });
});

describe("one call", () => {
  it("is offered to when it brings no offer", async () => {
    const phone = await call({ to: "tone", lateOffer: true });
    await until(() => tonesIn(phone.recent(300), phone.rate, [1000]).length === 1);
    expect(phone.remoteSdp).toContain("RTP/AVP");
    expect(phone.remoteSdp).not.toContain("a=crypto");
    const secure = await call({ to: "tone", lateOffer: true, headers: { "X-Secure-RTP": "true" } });
    expect(secure.remoteSdp).toContain("RTP/SAVP");
    await until(() => tonesIn(secure.recent(300), secure.rate, [1000]).length === 1);
  });

  it("holds and resumes", async () => {
    const phone = await call({ to: "tone" });
    await until(() => tonesIn(phone.recent(300), phone.rate, [1000]).length === 1);
    expect(await phone.renegotiate((sdp) => sdp.replace("a=sendrecv", "a=sendonly"))).toBe(200);
    expect(phone.remoteSdp).toContain("a=recvonly");
    await until(() => tonesIn(phone.recent(200), phone.rate, [1000]).length === 0);
    expect(await phone.renegotiate()).toBe(200);
    await until(() => tonesIn(phone.recent(300), phone.rate, [1000]).length === 1);
  });

  it("ignores a stranger's packets and survives garbage", async () => {
    const a = await call({ to: "conf-garbage", tone: 440 });
    const b = await call({ to: "conf-garbage", tone: 800 });
    await until(() => hears(b).join() === "440");
    for (let i = 0; i < 200; i++)
      await a.inject(Buffer.from(Array.from({ length: i % 60 }, (_, k) => (k * 37 + i * 101) & 255)), i % 2 === 0);
    const uuid = (await control.api("conference garbage list")).split("\n")[0]!.split(";")[2]!;
    expect(await control.api(`uuid_set_media_stats ${uuid}`)).toBe("+OK:\n");
    await until(() => hears(a).join() === "800" && hears(b).join() === "440");
  });

  it("is refused 488 with a reason when nothing is in common, and 404-like when the number is none", async () => {
    await expect(call({ to: "tone", suite: "AEAD_AES_256_GCM_8" })).rejects.toThrow("488");
    await expect(call({ to: "nobody" })).resolves.toBeDefined();
    await until(() => phones[0]?.ended === "bye-received");
  });
});

it("leaves nothing behind", async () => {
  await until(async () => (await server.stats()).channels === 0 && (await server.stats()).conferences === 0);
  expect((await server.stats()).workers[0]?.legs).toBe(0);
});
