// Whole calls on loopback: who hears whom, in every codec and suite.
import { describe, expect, it } from "vitest";
import { SUITE_ORDER } from "../../../src/negotiation/index.ts";
import { toneLevel, tonesIn } from "../../support/spectrum.ts";
import { hears, telephones, until } from "../../support/telephones.ts";

const phones = telephones(22000, 22199);

describe("codecs", () => {
  it.each(["PCMU", "PCMA", "G722", "OPUS"])("%s carries a tone both ways", async (codec) => {
    const a = await phones.call({ to: `conf-${codec}`, codec, tone: 800 });
    const b = await phones.call({ to: `conf-${codec}`, codec: "PCMU", tone: 1300 });
    await until(() => hears(a).join() === "1300" && hears(b).join() === "800");
    // No codec turns it down.
    await until(() => toneLevel(b.recent(200), 8000, 800) > -14);
  });
});

describe("SRTP", () => {
  it.each(SUITE_ORDER)("%s carries a tone both ways", async (suite) => {
    const a = await phones.call({ to: `conf-${suite}`, suite, tone: 440 });
    const b = await phones.call({ to: `conf-${suite}`, suite, tone: 800 });
    expect(a.remoteSdp).toContain(`a=crypto:`);
    expect(a.remoteSdp).toContain(` ${suite} `);
    await until(() => hears(a).join() === "800" && hears(b).join() === "440");
  });

  it("goes on under a new key after a re-INVITE, and counts what it cannot authenticate", async () => {
    const suite = "AEAD_AES_256_GCM";
    const a = await phones.call({ to: "conf-rekey", suite, tone: 440 });
    const b = await phones.call({ to: "conf-rekey", tone: 800 });
    await until(() => hears(a).join() === "800" && hears(b).join() === "440");
    expect(await a.renegotiate()).toBe(200);
    await until(() => hears(a).join() === "800" && hears(b).join() === "440");
    const uuid = (await phones.control.api("conference rekey list")).split("\n")[0]!.split(";")[2]!;
    await a.inject(Buffer.concat([Buffer.from("80000001000000010000000a", "hex"), Buffer.alloc(176, 7)]));
    await phones.control.api(`uuid_set_media_stats ${uuid}`);
    expect(await phones.control.api(`uuid_getvar ${uuid} rtp_srtp_auth_failures`)).toBe("1");
    expect(await phones.control.api(`uuid_getvar ${uuid} rtp_has_crypto`)).toBe(suite);
  });
});

describe("one call", () => {
  it("is offered to when it brings no offer", async () => {
    const phone = await phones.call({ to: "tone", lateOffer: true });
    await until(() => tonesIn(phone.recent(300), phone.rate, [1000]).length === 1);
    expect(phone.remoteSdp).toContain("RTP/AVP");
    expect(phone.remoteSdp).not.toContain("a=crypto");
    const secure = await phones.call({ to: "tone", lateOffer: true, headers: { "X-Secure-RTP": "true" } });
    expect(secure.remoteSdp).toContain("RTP/SAVP");
    await until(() => tonesIn(secure.recent(300), secure.rate, [1000]).length === 1);
  });

  it("holds and resumes", async () => {
    const phone = await phones.call({ to: "tone" });
    await until(() => tonesIn(phone.recent(300), phone.rate, [1000]).length === 1);
    expect(await phone.renegotiate((sdp) => sdp.replace("a=sendrecv", "a=sendonly"))).toBe(200);
    expect(phone.remoteSdp).toContain("a=recvonly");
    await until(() => tonesIn(phone.recent(200), phone.rate, [1000]).length === 0);
    expect(await phone.renegotiate()).toBe(200);
    await until(() => tonesIn(phone.recent(300), phone.rate, [1000]).length === 1);
  });

  it("ignores a stranger's packets and survives garbage", async () => {
    const a = await phones.call({ to: "conf-garbage", tone: 440 });
    const b = await phones.call({ to: "conf-garbage", tone: 800 });
    await until(() => hears(b).join() === "440");
    for (let i = 0; i < 200; i++)
      await a.inject(Buffer.from(Array.from({ length: i % 60 }, (_, k) => (k * 37 + i * 101) & 255)), i % 2 === 0);
    const uuid = (await phones.control.api("conference garbage list")).split("\n")[0]!.split(";")[2]!;
    expect(await phones.control.api(`uuid_set_media_stats ${uuid}`)).toBe("+OK:\n");
    await until(() => hears(a).join() === "800" && hears(b).join() === "440");
  });

  it("is refused 488 with a reason when nothing is in common, and 404-like when the number is none", async () => {
    await expect(phones.call({ to: "tone", suite: "AEAD_AES_256_GCM_8" })).rejects.toThrow("488");
    await expect(phones.call({ to: "nobody" })).resolves.toBeDefined();
    await until(() => phones.phones[0]?.ended === "bye-received");
  });
});

it("leaves nothing behind", async () => {
  await until(async () => (await phones.server.stats()).channels === 0 && (await phones.server.stats()).conferences === 0);
  expect((await phones.server.stats()).workers[0]?.legs).toBe(0);
});
