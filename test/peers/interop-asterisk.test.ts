import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Asterisk, startAsterisk } from "../support/asterisk.ts";
import { type Baresip, startBaresip } from "../support/baresip.ts";
import { type Crosspoint, startCrosspoint } from "../support/crosspoint.ts";
import { describeWithPeers } from "../support/peers.ts";
import { realDrachtio } from "../support/real-engines.ts";
import { tonesHeard } from "../support/heard.ts";

/** Milliwatt's tone, baresip's own, and a stranger's that must not be heard. */
const MILLIWATT = 1004;
const ROOM = 440;

const pjsip = (gateway: Crosspoint, encryption: "no" | "sdes") => `
[udp]
type=transport
protocol=udp
bind=127.0.0.1:18560
[tls]
type=transport
protocol=tls
bind=127.0.0.1:18561
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

describeWithPeers("an Asterisk trunk by chan_pjsip", ["asterisk", "baresip"], () => {
  let gateway: Crosspoint;
  let asterisk: Asterisk;
  let room: Baresip;

  beforeAll(async () => {
    gateway = await startCrosspoint({ port: 18_500, mediaPort: 33_000 });
    const file = (name: string) => readFileSync(join(gateway.certificates, name));
    asterisk = await startAsterisk({
      name: "trunk",
      ip: "127.0.0.1",
      rtpStart: 32_100,
      pjsip: pjsip(gateway, "sdes"),
      files: { "ca.crt": file("ca.crt"), "client.crt": file("client.crt"), "client.key": file("client.key") },
    });
    room = await startBaresip({ port: 18570, controlPort: 18579, tone: ROOM, rtpStart: 32_300 });
    await room.command("dial", `sip:1000@${gateway.sip}`);
    await gateway.waitForParticipants("1000", (all) => all.some((one) => one.state === "joined"));
  });
  afterAll(async () => {
    await room?.stop();
    await asterisk?.stop();
    await gateway?.stop();
  });

  test("its call over UDP is in the meeting and heard by the room, which does not hear itself", async () => {
    asterisk.cli("channel originate PJSIP/1000@plain extension tone@out");
    const both = await gateway.waitForParticipants("1000", (all) => all.filter((one) => one.state === "joined").length === 2);
    expect(both.every((one) => one.protocol === "sip" && one.trust === "unverified")).toBe(true);
    await delay(3000);
    asterisk.cli("channel request hangup all");
    await gateway.waitForParticipants("1000", (all) => all.filter((one) => one.state === "joined").length === 1);
    const heard = tonesHeard(room, [MILLIWATT, ROOM]);
    expect(heard).toEqual([MILLIWATT]);
  });

  test("its call over TLS with its certificate is verified, and its audio is SRTP", async () => {
    asterisk.cli("channel originate PJSIP/1000@secure extension tone@out");
    const both = await gateway.waitForParticipants("1000", (all) =>
      all.some((one) => one.state === "joined" && one.audio?.srtp != null && one.audio.packetsIn > 20),
    );
    const secure = both.find((one) => one.audio?.srtp != null);
    expect(secure?.trust).toBe(realDrachtio === undefined ? "verified" : "unverified");
    expect(secure?.audio?.srtp).toBe("AES_CM_128_HMAC_SHA1_80");
    asterisk.cli("channel request hangup all");
    await gateway.waitForParticipants("1000", (all) => all.filter((one) => one.state === "joined").length === 1);
  });

  test("the gateway dials into its ConfBridge, and both sides hear each other", async () => {
    asterisk.cli("channel originate Local/610@in extension tone@out");
    await gateway.api("POST", "/calls", { uri: "sip:610@127.0.0.1:18560", meetingId: "1000", displayName: "conference bridge" });
    await gateway.waitForParticipants("1000", (all) => all.filter((one) => one.state === "joined").length === 2);
    await delay(3000);
    expect(tonesHeard(room, [MILLIWATT, ROOM], 2)).toEqual([MILLIWATT]);
    asterisk.cli("channel request hangup all");
    await gateway.waitForParticipants("1000", (all) => all.filter((one) => one.state === "joined").length === 1);
  });
});
