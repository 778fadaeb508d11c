import { readFileSync, rmSync, writeFileSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { CallView } from "../../src/admin/ports.ts";
import { type Baresip, startBaresip } from "../support/baresip.ts";
import { type Crosspoint, startCrosspoint } from "../support/crosspoint.ts";
import { tonesHeard } from "../support/heard.ts";
import { describeWithPeers } from "../support/peers.ts";
import { realFreeswitch } from "../support/real-engines.ts";

/**
 * Calls of ours that ring for longer than a media server leaves its offer open for by itself (20 s; FreeSWITCH 32 s, which is told to wait for longer): they are
 * answered all the same, with the audio both ways and the keys that were agreed; and one that nobody answers ends by itself. All ring at the same time, so
 * that the test is as long as the longest.
 */
const PORT = 18_820;
const ANSWERED_AFTER = realFreeswitch === undefined ? 22 : 45;
const RING_SECONDS = ANSWERED_AFTER + 5;
const TONES = { plain: 440, secure: 1100, waiting: 700 };

describeWithPeers("a call of ours that rings for long", ["baresip"], () => {
  let gateway: Crosspoint;
  const folder = mkdtempSync(join(tmpdir(), "crosspoint-ringing-"));
  const phones: Baresip[] = [];
  const phone = async (options: Parameters<typeof startBaresip>[0]) => {
    const started = await startBaresip(options);
    phones.push(started);
    return started;
  };

  beforeAll(async () => {
    gateway = await startCrosspoint({ port: PORT, mediaPort: 35_200, set: [`sip.ringSeconds=${RING_SECONDS}`] });
  });
  afterAll(async () => {
    for (const each of phones) await each.stop();
    await gateway?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test(`is answered after ${ANSWERED_AFTER} s, in RTP and in SRTP, and heard both ways; one that nobody answers is given up`, async () => {
    const pem = join(folder, "server.pem");
    writeFileSync(pem, ["key", "crt"].map((kind) => readFileSync(join(gateway.certificates, `server.${kind}`), "utf8")).join("\n"));
    const waiting = await phone({ port: 18_840, controlPort: 18_842, rtpStart: 35_400, tone: TONES.waiting });
    await waiting.command("dial", `sip:1000@${gateway.sip}`);
    const plain = await phone({ port: 18_844, controlPort: 18_846, rtpStart: 35_500, tone: TONES.plain });
    const secure = await phone({
      port: 18_848,
      controlPort: 18_850,
      rtpStart: 35_600,
      tone: TONES.secure,
      transport: "tls",
      account: "mediaenc=srtp",
      certificate: pem,
      ca: join(gateway.certificates, "ca.crt"),
    });
    const never = await phone({ port: 18_852, controlPort: 18_854, rtpStart: 35_700 });
    await gateway.waitForParticipants("1000", (all) => all.some(({ state }) => state === "joined"));
    const call = (uri: string) => gateway.api<CallView>("POST", "/calls", { uri, meetingId: "1000" });
    const [rings] = await Promise.all([
      call("sip:room@127.0.0.1:18852"),
      call("sip:room@127.0.0.1:18844"),
      call("sip:room@127.0.0.1:18849;transport=tls"),
    ]);
    expect((await gateway.api<CallView>("GET", `/calls/${rings.id}`)).state).toBe("ringing");
    await delay(ANSWERED_AFTER * 1000);
    await plain.command("accept");
    await secure.command("accept");
    const roster = await gateway.waitForParticipants(
      "1000",
      (all) => all.filter(({ state, audio }) => state === "joined" && audio).length === 3,
    );
    await delay(3500);
    const heard = [plain, secure, waiting].map((one) => tonesHeard(one, Object.values(TONES), 1));
    expect(heard).toEqual([
      [TONES.secure, TONES.waiting],
      [TONES.plain, TONES.waiting],
      [TONES.plain, TONES.secure],
    ]);
    expect(roster.map(({ audio }) => audio?.srtp ?? null).sort()).toEqual(["AEAD_AES_256_GCM", null, null]);
    await never.waitForEvent("CALL_CLOSED", 10_000);
    await expect.poll(async () => (await gateway.records()).map(({ id }) => id)).toContain(rings.id);
    const [record] = await gateway.records();
    expect(record).toMatchObject({ outcome: "no-answer", cause: 19, answeredAt: null, reason: `nobody answered within ${RING_SECONDS} s` });
  });
});
