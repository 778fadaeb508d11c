import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type Baresip, startBaresip } from "../../support/baresip.ts";
import { type ClientCertificate, issueClientCertificate } from "../../support/client-certificate.ts";
import { type Crosspoint, startCrosspoint } from "../../support/crosspoint.ts";
import { tonesHeard } from "../../support/heard.ts";
import { describeWithPeers } from "../../support/peers.ts";
import { inTurn, portsOf } from "../../support/ports.ts";
import { realDrachtio } from "../../support/real-engines.ts";
import { withoutIdentifiers } from "../../support/identifiers.ts";

const ROOT = join(import.meta.dirname, "../../..");
const PORT = portsOf("interop-baresip");
/** Of a room: its SIP ports and its control socket; a hundred for its media. */
const roomPorts = inTurn(PORT + 220, 110, 4);

/** DTMF by RFC 4733, as a finger presses: one digit, a pause. */
async function press(peer: Baresip, digits: string): Promise<void> {
  for (const digit of digits) {
    await peer.command("sndcode", digit);
    await delay(250);
  }
}

describeWithPeers("baresip as a room system", ["baresip"], () => {
  let gateway: Crosspoint;
  const rooms: Baresip[] = [];
  let client: ClientCertificate;

  /** A room of its own ports, over TLS with the demo's client certificate unless told otherwise. */
  async function room(options: Partial<Parameters<typeof startBaresip>[0]> = {}): Promise<Baresip & { readonly port: number }> {
    const own = roomPorts();
    const peer = await startBaresip({ port: own, controlPort: own + 3, rtpStart: own + 10, ...options });
    rooms.push(peer);
    return Object.assign(peer, { port: own });
  }

  beforeAll(async () => {
    gateway = await startCrosspoint({ port: PORT, mediaPort: PORT + 20 });
    client = issueClientCertificate(gateway);
  });
  afterEach(async () => {
    for (const peer of rooms.splice(0)) await peer.stop();
    await gateway.endCalls();
  });
  afterAll(async () => {
    await gateway?.stop();
    client?.remove();
  });
  const secure = () => ({ transport: "tls" as const, certificate: client.certificate, ca: client.ca });

  test("dials over mutual TLS with SRTP, types its PIN, is a verified host", async () => {
    const peer = await room({ ...secure(), account: "mediaenc=srtp-mand" });
    await peer.command("dial", `sip:2000@${gateway.tls};transport=tls`);
    await peer.waitForEvent("CALL_ESTABLISHED");
    await gateway.waitForParticipants("2000", (all) => all.some((one) => one.state === "ivr"));
    await delay(500);
    await press(peer, "98765#");
    const [host] = await gateway.waitForParticipants("2000", (all) => all.some((one) => one.state === "joined" && one.audio !== null));
    expect(host).toMatchObject({
      role: "host",
      trust: realDrachtio === undefined ? "verified" : "unverified",
      protocol: "sip",
    });
    expect(host?.audio?.srtp).toBe("AES_CM_128_HMAC_SHA1_80");
    await peer.command("hangup");
    await gateway.waitForParticipants("2000", (all) => all.length === 0);
    const log = gateway
      .output()
      .split("\n")
      .filter((line) => line.startsWith("{"));
    expect(log.length).toBeGreaterThan(3);
    expect(log.filter((line) => withoutIdentifiers(line).includes("98765"))).toEqual([]);
  });

  test("README's command joins as it is copied, with an empty home and nothing in the environment", async () => {
    const readme = readFileSync(join(ROOT, "README.md"), "utf8");
    const command = readme.split("\n").find((line) => line.startsWith("baresip -f examples/baresip/without-sound"));
    const home = mkdtempSync(join(tmpdir(), "crosspoint-home-"));
    // baresip writes beside its configuration
    cpSync(join(ROOT, "examples"), join(home, "examples"), { recursive: true });
    const phone = spawn("sh", ["-c", `exec ${command?.replace('127.0.0.1"', `${gateway.sip}"`)}`], {
      cwd: home,
      env: { PATH: "/usr/bin:/bin", HOME: home },
      stdio: ["ignore", "ignore", "ignore"],
    });
    try {
      const [one] = await gateway.waitForParticipants("1000", (all) => all.some(({ state }) => state === "joined"));
      expect(one).toMatchObject({ displayName: "softphone", protocol: "sip" });
    } finally {
      phone.kill("SIGTERM");
      await once(phone, "exit");
      rmSync(home, { recursive: true, force: true });
    }
    await gateway.waitForParticipants("1000", (all) => all.length === 0);
  });

  test("answers our call with AEAD_AES_256_GCM, our first offer", async () => {
    const peer = await room({ ...secure(), account: "mediaenc=srtp", autoAnswer: true });
    await gateway.api("POST", "/calls", { uri: `sip:room@127.0.0.1:${peer.port + 1};transport=tls`, meetingId: "1000" });
    const [called] = await gateway.waitForParticipants("1000", (all) =>
      all.some((one) => one.state === "joined" && (one.audio?.packetsIn ?? 0) > 20),
    );
    expect(called?.audio?.srtp).toBe("AEAD_AES_256_GCM");
    await peer.command("hangup");
    await gateway.waitForParticipants("1000", (all) => all.length === 0);
  });

  test("three rooms, three codecs: each hears the others and not itself", async () => {
    const tones = [440, 700, 1100];
    const codecs = ["PCMU/8000", "G722/16000/1", "opus/48000/2"];
    const peers: Baresip[] = [];
    for (const [index, tone] of tones.entries()) {
      const peer = await room({ tone, codecs: codecs[index]! });
      peers.push(peer);
      await peer.command("dial", `sip:1000@${gateway.sip}`);
      await gateway.waitForParticipants("1000", (all) => all.filter((one) => one.state === "joined").length === index + 1);
    }
    await gateway.waitForParticipants("1000", (all) => all.every((one) => one.audio !== null));
    await delay(4000);
    const heard = () => peers.map((peer) => tonesHeard(peer, tones, 2));
    await expect.poll(heard).toEqual(tones.map((own) => tones.filter((tone) => tone !== own)));
    const roster = await gateway.participants("1000");
    for (const peer of peers) await peer.command("hangup");
    expect(roster.map((one) => one.audio?.codec?.toUpperCase()).sort()).toEqual(["G722", "OPUS", "PCMU"]);
  });

  test("is refused by an end-to-end encrypted meeting", async () => {
    const peer = await room();
    await peer.command("dial", `sip:4000@${gateway.sip}`);
    expect((await peer.waitForEvent("CALL_CLOSED")).param).toContain("488");
    await expect
      .poll(async () => (await gateway.records())[0])
      .toMatchObject({ outcome: "end-to-end-encrypted", sipStatus: 488, cause: 79 });
  });
});
