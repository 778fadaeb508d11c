import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type Baresip, startBaresip } from "../../support/baresip.ts";
import { type ClientCertificate, issueClientCertificate } from "../../support/client-certificate.ts";
import { colourOf, colourVideo } from "../../support/colours.ts";
import { type Crosspoint, startCrosspoint } from "../../support/crosspoint.ts";
import { startCamera } from "../../support/ffmpeg-rtp.ts";
import { describeWithPeers } from "../../support/peers.ts";
import { inTurn, portsOf } from "../../support/ports.ts";
import { ScriptedRoom } from "../../support/scripted-room.ts";

const PORT = portsOf("video-baresip");
/** Of a room: its SIP ports and its control socket; a hundred for its media. */
const roomPorts = inTurn(PORT + 220, 110, 4);

/** Pictures through the gateway with baresip's own H.264 decoder: a colour for each sender says who sees whom. */
describeWithPeers("baresip with a camera", ["baresip", "ffmpeg"], () => {
  let gateway: Crosspoint;
  let folder: string;
  const rooms: Baresip[] = [];
  let client: ClientCertificate;
  const secure = () => ({ transport: "tls" as const, certificate: client.certificate, ca: client.ca });

  async function room(
    colour: string,
    options: Partial<Parameters<typeof startBaresip>[0]> = {},
  ): Promise<Baresip & { readonly port: number }> {
    const own = roomPorts();
    const peer = await startBaresip({
      port: own,
      controlPort: own + 3,
      rtpStart: own + 10,
      camera: join(folder, `${colour}.mp4`),
      ...options,
    });
    rooms.push(peer);
    return Object.assign(peer, { port: own });
  }

  /** What a room sees, once it sees one of the colours. */
  const sees = (peer: Baresip) =>
    expect.poll(() => peer.picture().then(colourOf, (error: Error) => error.message.slice(0, 200)), { interval: 500 });

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "crosspoint-colours-"));
    for (const colour of ["red", "green", "blue"]) colourVideo(join(folder, `${colour}.mp4`), colour);
    gateway = await startCrosspoint({ port: PORT, mediaPort: PORT + 20 });
    client = issueClientCertificate(gateway);
  });
  afterEach(async () => {
    for (const peer of rooms.splice(0)) await peer.stop();
    await gateway.endCalls();
    await gateway.waitForParticipants("1000", (all) => all.length === 0);
  });
  afterAll(async () => {
    await gateway?.stop();
    client?.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  test("two rooms see each other, and the roster says what flows", async () => {
    const red = await room("red");
    const green = await room("green");
    await red.command("dial", `sip:1000@${gateway.sip}`);
    await red.waitForEvent("CALL_ESTABLISHED");
    await green.command("dial", `sip:1000@${gateway.sip}`);
    await green.waitForEvent("CALL_ESTABLISHED");
    await gateway.waitForParticipants("1000", (all) => all.filter(({ state }) => state === "joined").length === 2);
    await sees(red).toBe("green");
    await sees(green).toBe("red");
    const roster = await gateway.waitForParticipants("1000", (all) =>
      all.every(({ video }) => video?.codec === "H264" && video.width !== null),
    );
    for (const { video } of roster) expect(video).toMatchObject({ state: "on", srtp: null, width: 320, height: 180, screen: false });
    for (const series of ['packets_total{direction="in"}', 'bytes_total{direction="out"}', 'switches_total{at="key-frame"}'])
      await expect.poll(() => gateway.metric(`crosspoint_video_${series}`)).toBeGreaterThan(0);
    await expect.poll(() => gateway.metric('crosspoint_video_lines{protocol="sip",kind="camera"}')).toBe(2);
  });

  test("a shared screen is seen in the main picture by who has no second stream, and the camera again when it ends", async () => {
    const viewer = await room("red");
    await viewer.command("dial", `sip:1000@${gateway.sip}`);
    await viewer.waitForEvent("CALL_ESTABLISHED");
    const lines = ["camera", "screen"] as const;
    const options = { sipPort: PORT, to: "1000", displayName: "Presenter", tone: 700, mark: 9 };
    const presenter = await ScriptedRoom.call({ ...options, lines, floor: "udp" });
    const sources: { stop(): Promise<void> }[] = [];
    try {
      presenter.camera.stop();
      for (const [colour, picture, localPort] of [
        ["green", presenter.camera, PORT + 660],
        ["blue", presenter.screen, PORT + 670],
      ] as const)
        sources.push(startCamera({ colour, port: picture.target, localPort, payloadType: 97 }));
      await sees(viewer).toBe("green");
      presenter.floor!.request();
      await sees(viewer).toBe("blue");
      presenter.floor!.release();
      await sees(viewer).toBe("green");
    } finally {
      for (const source of sources) await source.stop();
      await presenter.close();
    }
  });

  test("over TLS each line has its own keys, and our offers get AEAD_AES_256_GCM for both", async () => {
    const caller = await room("red", { ...secure(), account: "mediaenc=srtp" });
    const called = await room("blue", { ...secure(), account: "mediaenc=srtp", autoAnswer: true });
    await caller.command("dial", `sip:1000@${gateway.tls};transport=tls`);
    await caller.waitForEvent("CALL_ESTABLISHED");
    await gateway.api("POST", "/calls", { uri: `sip:room@127.0.0.1:${called.port + 1};transport=tls`, meetingId: "1000" });
    await sees(caller).toBe("blue");
    await sees(called).toBe("red");
    const roster = await gateway.waitForParticipants("1000", (all) =>
      all.every(({ video, audio }) => video?.codec === "H264" && audio !== null),
    );
    expect(roster.map(({ audio, video }) => [audio?.srtp, video?.srtp]).sort()).toEqual([
      ["AEAD_AES_256_GCM", "AEAD_AES_256_GCM"],
      ["AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_80"],
    ]);
  });

  test("everybody sees who speaks, who speaks sees who spoke before", async () => {
    const colours = ["red", "green", "blue"] as const;
    const all: Baresip[] = [];
    for (const colour of colours) {
      const peer = await room(colour);
      all.push(peer);
      await peer.command("dial", `sip:1000@${gateway.sip}`);
      await peer.waitForEvent("CALL_ESTABLISHED");
      // who is not to speak is silent
      await peer.command("mute");
    }
    await gateway.waitForParticipants("1000", (people) => people.filter(({ state }) => state === "joined").length === 3);
    const [red, green, blue] = all as [Baresip, Baresip, Baresip];
    await blue.command("mute");
    await sees(red).toBe("blue");
    await sees(green).toBe("blue");
    await blue.command("mute");
    await green.command("mute");
    await sees(red).toBe("green");
    await sees(blue).toBe("green");
    await sees(green).toBe("blue");
  });
});
