import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Crosspoint, startCrosspoint } from "../../support/crosspoint.ts";
import { Phone } from "../../support/media-phone.ts";
import { portsOf } from "../../support/ports.ts";
import { realDrachtio, realFreeswitch } from "../../support/real-engines.ts";
import { tonesIn } from "../../support/spectrum.ts";

/**
 * INVITEs without a session description over TLS, as gateways from H.323 send them: the offer is ours, with keys where the trunk wants or prefers them, and what is
 * on the wire is what was agreed. `FREESWITCH` puts FreeSWITCH under it.
 */
const PORT = portsOf("gateway-delayed-offer");
const config = (srtp: string) => `
unknownCallers: { trust: unverified, srtp: ${srtp} }
meetings: [{ id: 1000, name: Open }]
`;

describe.skipIf(realDrachtio !== undefined).each(["required", "preferred"] as const)(
  `a caller over TLS that offers nothing, on a trunk with srtp: %s (embedded SIP engine, ${realFreeswitch ? "FreeSWITCH" : "embedded media server"})`,
  (srtp) => {
    let gateway: Crosspoint;
    const phones: Phone[] = [];
    beforeAll(async () => {
      gateway = await startCrosspoint({ port: PORT, mediaPort: PORT + 20, config: config(srtp) });
    });
    afterEach(async () => {
      await Promise.all(phones.splice(0).map((phone) => phone.hangup()));
      await gateway.waitForParticipants("1000", (all) => all.length === 0);
    });
    afterAll(() => gateway?.stop());

    async function call(tone: number, suite: string | undefined): Promise<Phone> {
      const read = (name: string) => readFileSync(join(gateway.certificates, name), "utf8");
      const tls = { cert: read("client.crt"), key: read("client.key"), cas: [read("ca.crt")] };
      const phone = await Phone.call({
        sipPort: PORT + 1,
        to: "1000",
        codec: "PCMU",
        lateOffer: true,
        tone,
        tls,
        ...(suite ? { suite } : { declineKeys: true }),
      });
      phones.push(phone);
      return phone;
    }

    test.each(["AEAD_AES_256_GCM", "AES_CM_128_HMAC_SHA1_80"])("is encrypted by %s, both ways", async (suite) => {
      const a = await call(700, suite);
      const b = await call(1300, suite);
      await gateway.waitForParticipants("1000", (all) => all.filter(({ state, audio }) => state === "joined" && audio).length === 2);
      await delay(2500);
      await expect.poll(() => tonesIn(a.recent(1000), a.rate, [700, 1300])).toEqual([1300]);
      await expect.poll(() => tonesIn(b.recent(1000), b.rate, [700, 1300])).toEqual([700]);
      for (const { audio } of await gateway.participants("1000")) expect(audio?.srtp).toBe(suite);
      const tag = suite.startsWith("AEAD") ? 16 : 10;
      for (const { sizes } of [a, b]) {
        expect([...sizes]).toContain(172 + tag);
        expect([...sizes], "in clear").not.toContain(172);
      }
    });

    test("may decline keys where they are preferred, and may not where they are required", async () => {
      if (srtp === "required") {
        await call(700, undefined).catch(() => undefined);
        await expect.poll(async () => (await gateway.records())[0]?.outcome).toBe("media-not-acceptable");
        return;
      }
      const a = await call(700, undefined);
      await gateway.waitForParticipants("1000", (all) => all.some(({ state, audio }) => state === "joined" && audio));
      await expect.poll(() => [...a.sizes]).toContain(172);
      expect((await gateway.participants("1000"))[0]?.audio?.srtp).toBeNull();
    });
  },
);
