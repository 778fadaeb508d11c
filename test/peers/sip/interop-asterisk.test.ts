import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { type Asterisk, startAsterisk } from "../../support/asterisk.ts";
import { type Baresip, startBaresip } from "../../support/baresip.ts";
import { type Crosspoint, startCrosspoint } from "../../support/crosspoint.ts";
import { describeWithPeers } from "../../support/peers.ts";
import { portsOf } from "../../support/ports.ts";
import { realDrachtio } from "../../support/real-engines.ts";
import { pcmOf, tonesHeard } from "../../support/heard.ts";
import { tonesIn } from "../../support/spectrum.ts";

const PORT = portsOf("interop-asterisk");
/** Asterisk's own, for SIP; TLS is one higher. */
const FAR = PORT + 220;

/** Milliwatt's tone and baresip's own: each must hear the other's alone. */
const MILLIWATT = 1004;
const ROOM = 440;

const pjsip = (gateway: Crosspoint, encryption: "no" | "sdes") => `
[udp]
type=transport
protocol=udp
bind=127.0.0.1:${FAR}
[tls]
type=transport
protocol=tls
bind=127.0.0.1:${FAR + 1}
method=tlsv1_2
cert_file=/peers/trunk/files/client.crt
priv_key_file=/peers/trunk/files/client.key
ca_list_file=/peers/trunk/files/ca.crt
verify_server=yes
[plain]
type=endpoint
context=in
transport=udp
aors=plain
disallow=all
allow=ulaw,alaw
direct_media=no
[plain]
type=aor
contact=sip:${gateway.sip}
[secure]
type=endpoint
context=in
transport=tls
aors=secure
disallow=all
allow=ulaw
direct_media=no
media_encryption=${encryption}
[secure]
type=aor
contact=sip:${gateway.tls}\\;transport=tls
[plain]
type=identify
endpoint=plain
match=127.0.0.0/8
`;

/** A caller that sends Milliwatt and keeps what it hears; a member of the conference bridge that only listens. */
const extensions = `[hear]
exten => tone,1,Answer()
 same => n,MixMonitor(/peers/trunk/files/both.wav,r(/peers/trunk/files/caller.wav))
 same => n,Milliwatt()
exten => member,1,Answer()
 same => n,Record(/peers/trunk/files/member.wav,0,300,kq)
`;

describeWithPeers("an Asterisk trunk by chan_pjsip", ["asterisk", "baresip"], () => {
  let gateway: Crosspoint;
  let asterisk: Asterisk;
  let room: Baresip;

  beforeAll(async () => {
    gateway = await startCrosspoint({ port: PORT, mediaPort: PORT + 20 });
    const file = (name: string) => readFileSync(join(gateway.certificates, name));
    asterisk = await startAsterisk({
      name: "trunk",
      ip: "127.0.0.1",
      rtpStart: PORT + 320,
      pjsip: pjsip(gateway, "sdes"),
      extensions,
      files: { "ca.crt": file("ca.crt"), "client.crt": file("client.crt"), "client.key": file("client.key") },
    });
  });
  // a room of each try's own: its tone does not last for ever
  beforeEach(async () => {
    room = await startBaresip({ port: FAR + 10, controlPort: FAR + 19, tone: ROOM, rtpStart: FAR + 20 });
    await room.command("dial", `sip:1000@${gateway.sip}`);
    await gateway.waitForParticipants("1000", (all) => all.some((one) => one.state === "joined"));
  });
  afterEach(async () => {
    asterisk.cli("channel request hangup all");
    await room.stop();
    await gateway.endCalls();
  });
  afterAll(async () => {
    await asterisk?.stop();
    await gateway?.stop();
  });

  /** Which of the two tones one of Asterisk's recordings has in its last second. */
  const recorded = (name: string): number[] => {
    const { pcm, sampleRate } = pcmOf(readFileSync(asterisk.path(name)));
    return tonesIn(pcm.subarray(-sampleRate), sampleRate, [MILLIWATT, ROOM]);
  };

  test("its call over UDP is in the meeting and heard by the room, which does not hear itself", async () => {
    asterisk.cli("channel originate PJSIP/1000@plain extension tone@out");
    const both = await gateway.waitForParticipants("1000", (all) => all.filter((one) => one.state === "joined").length === 2);
    expect(both.every((one) => one.protocol === "sip" && one.trust === "unverified")).toBe(true);
    await delay(3000);
    await expect.poll(() => tonesHeard(room, [MILLIWATT, ROOM])).toEqual([MILLIWATT]);
    asterisk.cli("channel request hangup all");
    await gateway.waitForParticipants("1000", (all) => all.filter((one) => one.state === "joined").length === 1);
  });

  test("its call over TLS with its certificate is verified, its audio is SRTP, and it and the room hear each other", async () => {
    asterisk.cli("channel originate PJSIP/1000@secure extension tone@hear");
    const both = await gateway.waitForParticipants("1000", (all) =>
      all.some((one) => one.state === "joined" && one.audio?.srtp != null && one.audio.packetsIn > 20),
    );
    const secure = both.find((one) => one.audio?.srtp != null);
    expect(secure?.trust).toBe(realDrachtio === undefined ? "verified" : "unverified");
    expect(secure?.audio?.srtp).toBe("AES_CM_128_HMAC_SHA1_80");
    await delay(3000);
    await expect.poll(() => tonesHeard(room, [MILLIWATT, ROOM], 1)).toEqual([MILLIWATT]);
    await expect.poll(() => recorded("caller.wav")).toEqual([ROOM]);
    asterisk.cli("channel request hangup all");
    await gateway.waitForParticipants("1000", (all) => all.filter((one) => one.state === "joined").length === 1);
  });

  test("the gateway dials into its ConfBridge, and both sides hear each other", async () => {
    asterisk.cli("channel originate Local/610@in extension tone@out");
    asterisk.cli("channel originate Local/610@in extension member@hear");
    await gateway.api("POST", "/calls", { uri: `sip:610@127.0.0.1:${FAR}`, meetingId: "1000", displayName: "conference bridge" });
    await gateway.waitForParticipants("1000", (all) => all.filter((one) => one.state === "joined").length === 2);
    await delay(3000);
    await expect.poll(() => tonesHeard(room, [MILLIWATT, ROOM], 2)).toEqual([MILLIWATT]);
    // the silent member hears the other member, and through us the room
    await expect.poll(() => recorded("member.wav")).toEqual([MILLIWATT, ROOM]);
    asterisk.cli("channel request hangup all");
    await gateway.waitForParticipants("1000", (all) => all.filter((one) => one.state === "joined").length === 1);
  });
});
