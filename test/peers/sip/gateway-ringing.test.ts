import { readFileSync, rmSync, writeFileSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { CallView } from "../../../src/admin/ports.ts";
import { type Baresip, startBaresip } from "../../support/baresip.ts";
import { type Crosspoint, startCrosspoint } from "../../support/crosspoint.ts";
import { tonesHeard } from "../../support/heard.ts";
import { describeWithPeers } from "../../support/peers.ts";
import { inTurn, portsOf } from "../../support/ports.ts";
import { realFreeswitch } from "../../support/real-engines.ts";

/**
 * Calls of ours that ring for longer than a media server leaves its offer open for by itself (20 s; FreeSWITCH 32 s, which is told to wait for longer): they are
 * answered all the same, with the audio both ways and the keys that were agreed; and one that nobody answers ends by itself. All ring at the same time, so
 * that the test is as long as the longest.
 */
const PORT = portsOf("gateway-ringing");
/** Of a telephone: its SIP ports and its control socket; a hundred for its media. */
const phonePorts = inTurn(PORT + 220, 110, 4);
const ANSWERED_AFTER = realFreeswitch === undefined ? 22 : 45;
const RING_SECONDS = ANSWERED_AFTER + 10;
const TONES = { plain: 440, secure: 1100, waiting: 700 };

describeWithPeers("a call of ours that rings for long", ["baresip"], () => {
  let gateway: Crosspoint;
  const folder = mkdtempSync(join(tmpdir(), "crosspoint-ringing-"));
  const phones: Baresip[] = [];
  const phone = async (options: Partial<Parameters<typeof startBaresip>[0]>) => {
    const port = phonePorts();
    const started = await startBaresip({ port, controlPort: port + 2, rtpStart: port + 10, ...options });
    phones.push(started);
    return { ...started, port };
  };

  beforeAll(async () => {
    gateway = await startCrosspoint({ port: PORT, mediaPort: PORT + 20, set: [`sip.ringSeconds=${RING_SECONDS}`] });
  });
  afterEach(async () => {
    for (const each of phones.splice(0)) await each.stop();
    await gateway.endCalls();
  });
  afterAll(async () => {
    await gateway?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test(`is answered after ${ANSWERED_AFTER} s, in RTP and in SRTP, and heard both ways; one that nobody answers is given up`, async () => {
    const pem = join(folder, "server.pem");
    writeFileSync(pem, ["key", "crt"].map((kind) => readFileSync(join(gateway.certificates, `server.${kind}`), "utf8")).join("\n"));
    const waiting = await phone({ tone: TONES.waiting });
    await waiting.command("dial", `sip:1000@${gateway.sip}`);
    const plain = await phone({ tone: TONES.plain });
    const secure = await phone({
      tone: TONES.secure,
      transport: "tls",
      account: "mediaenc=srtp",
      certificate: pem,
      ca: join(gateway.certificates, "ca.crt"),
    });
    const never = await phone({});
    await gateway.waitForParticipants("1000", (all) => all.some(({ state }) => state === "joined"));
    const call = (uri: string) => gateway.api<CallView>("POST", "/calls", { uri, meetingId: "1000" });
    const [rings] = await Promise.all([
      call(`sip:room@127.0.0.1:${never.port}`),
      call(`sip:room@127.0.0.1:${plain.port}`),
      call(`sip:room@127.0.0.1:${secure.port + 1};transport=tls`),
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
    const heard = () => [plain, secure, waiting].map((one) => tonesHeard(one, Object.values(TONES), 1));
    await expect.poll(heard).toEqual([
      [TONES.secure, TONES.waiting],
      [TONES.plain, TONES.waiting],
      [TONES.plain, TONES.secure],
    ]);
    expect(roster.map(({ audio }) => audio?.srtp ?? null).sort()).toEqual(["AEAD_AES_256_GCM", null, null]);
    await never.waitForEvent("CALL_CLOSED", 60_000);
    await expect.poll(async () => (await gateway.records()).map(({ id }) => id)).toContain(rings.id);
    const record = (await gateway.records()).find(({ id }) => id === rings.id);
    expect(record).toMatchObject({ outcome: "no-answer", cause: 19, answeredAt: null, reason: `nobody answered within ${RING_SECONDS} s` });
  });
});
