import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { ulawEncodeTable } from "../../../src/audio/g711.ts";
import { H323Leg } from "../../../src/legs/h323/h323-leg.ts";
import type { MediaChange } from "../../../src/legs/leg.ts";
import { type H323Endpoint, openH323Endpoint } from "../../../src/io/index.ts";
import type { Participant } from "../../../src/meetings/model.ts";
import { parseSdp } from "../../../src/wire/sdp/index.ts";
import { type Baresip, startBaresip } from "../../support/baresip.ts";
import { colourOf, colourVideo } from "../../support/colours.ts";
import { type Crosspoint, startCrosspoint } from "../../support/crosspoint.ts";
import { type Screen, startCamera, startScreen } from "../../support/ffmpeg-rtp.ts";
import { describeWithPeers } from "../../support/peers.ts";
import { inTurn, portsOf } from "../../support/ports.ts";
import { tone } from "../../support/spectrum.ts";

const PORT = portsOf("h323-video");
const roomPorts = inTurn(PORT + 220, 10, 4);
const US = "127.0.0.1";
/** Payload type that both ends name: ffmpeg takes one only. */
const H264 = 97;

/** An H.323 room of our own stack, whose pictures ffmpeg makes and looks at: camera and screen of a room are at the first two of its ports. */
class Room {
  readonly leg: H323Leg;
  readonly ports: { readonly video: number; readonly content: number };
  readonly #audio: Socket;
  /** The gateway as it describes itself, with every change. */
  description = "";

  constructor(leg: H323Leg, ports: Room["ports"], audio: Socket) {
    this.leg = leg;
    this.ports = ports;
    this.#audio = audio;
    leg.on("change", (change: MediaChange) => {
      this.description = change.offer ?? "";
      void change.accept(this.description);
    });
  }

  /** Where the gateway takes the pictures of a line, once it takes them. */
  async takes(line: 1 | 2): Promise<number> {
    const media = () => parseSdp(this.description).media[line];
    await expect.poll(() => media()?.direction).toMatch(/sendrecv|recvonly/);
    return media()!.port;
  }

  /** Says a tone until told to stop. */
  speak(hertz: number): () => void {
    const [port] = parseSdp(this.description).media.map((media) => media.port);
    const frames = tone(hertz, 8000, 1000);
    const packet = Buffer.alloc(172);
    packet[0] = 0x80;
    let sequence = 0;
    const timer = setInterval(() => {
      packet.writeUInt16BE(sequence & 0xffff, 2);
      packet.writeUInt32BE(sequence * 160, 4);
      for (let i = 0; i < 160; i++) packet[12 + i] = ulawEncodeTable[frames[(sequence * 160 + i) % frames.length]! & 0xffff]!;
      sequence++;
      this.#audio.send(packet, port, US);
    }, 20);
    return () => clearInterval(timer);
  }

  async hangUp(): Promise<void> {
    await this.leg.end(16, "done");
    this.#audio.close();
  }
}

describeWithPeers("pictures of H.323 rooms", ["baresip", "ffmpeg"], () => {
  let gateway: Crosspoint;
  let endpoint: H323Endpoint;
  let folder: string;
  const cleanUp: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "crosspoint-h323-video-"));
    colourVideo(join(folder, "green.mp4"), "green");
    gateway = await startCrosspoint({ port: PORT, mediaPort: PORT + 20 });
    endpoint = await openH323Endpoint({
      host: US,
      port: 0,
      identity: { aliases: [{ "h323-ID": "room" }], displayName: "room", product: "test", version: "1" },
      capabilities: { audio: [], telephoneEvent: undefined, userInput: ["alphanumeric"] },
      onSession: (session) => session.act((machine) => machine.release(21)),
    });
  });
  afterEach(async () => {
    for (const step of cleanUp.splice(0).reverse()) await step();
    await gateway.endCalls();
    await gateway.waitForParticipants("1000", (all) => all.length === 0);
  });
  afterAll(async () => {
    await endpoint?.close();
    await gateway?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function room(): Promise<Room> {
    const first = roomPorts();
    const audio = createSocket("udp4");
    audio.bind(0, US);
    await once(audio, "listening");
    const ports = { video: first, content: first + 2 };
    const line = (port: number) => [
      `m=video ${port} RTP/AVP ${H264}`,
      "b=TIAS:1000000",
      `a=rtpmap:${H264} H264/90000`,
      `a=fmtp:${H264} profile-level-id=42e01f;packetization-mode=1`,
    ];
    const description = [
      ...["v=0", `o=- 1 1 IN IP4 ${US}`, "s=-", `c=IN IP4 ${US}`, "t=0 0", `m=audio ${audio.address().port} RTP/AVP 0`],
      ...line(ports.video),
      ...line(ports.content),
      "a=content:slides",
      "",
    ].join("\r\n");
    let made: Room | undefined;
    let placed: Promise<string> | undefined;
    const [host, sip] = gateway.sip.split(":");
    await endpoint.call(
      { host: host!, port: Number(sip) + 3 },
      { aliases: [{ dialledDigits: "1000" }] },
      {
        prepare: (session) => {
          const leg = new H323Leg(session, {
            ...{ callId: "room", protocol: "h323", direction: "out", transport: "tcp", address: US, from: "h323:room", to: "h323:1000" },
            ...{ displayName: "", userAgent: undefined },
          });
          made = new Room(leg, ports, audio);
          cleanUp.push(() => made!.hangUp());
          leg.prepare(description);
          placed = leg.placed(() => {});
        },
      },
    );
    made!.description = await placed!;
    return made!;
  }
  const screen = async (port: number): Promise<Screen> => {
    const started = await startScreen(port, undefined, H264);
    cleanUp.push(() => started.stop());
    return started;
  };
  const camera = (colour: string, port: number, localPort: number) => {
    const started = startCamera({ colour, port, localPort, payloadType: H264 });
    cleanUp.push(() => started.stop());
  };
  const sees = (which: Screen) => expect.poll(() => which.colours.at(-1) ?? which.errors, { interval: 200 });

  test("a room with a camera is seen by a SIP room, which it sees by H.323 with another; its screen is shown when the meeting lets it", async () => {
    // One of them only sends, one only looks: ffmpeg cannot do both on one port, and the relay answers where pictures come from.
    const sender = await room();
    const viewer = await room();
    const pictures = await screen(viewer.ports.video);
    camera("red", await sender.takes(1), sender.ports.video);
    const quiet = sender.speak(523);
    cleanUp.push(async () => quiet());
    const sip: Baresip = await startBaresip({
      port: PORT + 260,
      controlPort: PORT + 263,
      rtpStart: PORT + 270,
      camera: join(folder, "green.mp4"),
    });
    cleanUp.push(() => sip.stop());
    await sip.command("dial", `sip:1000@${gateway.sip}`);
    await sip.waitForEvent("CALL_ESTABLISHED");
    await gateway.waitForParticipants("1000", (all) => all.filter(({ state }) => state === "joined").length === 3);
    await expect.poll(() => sip.picture().then(colourOf, (error: Error) => error.message.slice(0, 200)), { interval: 500 }).toBe("red");
    // Who makes a sound is shown: now the tone of the SIP room.
    quiet();
    await sees(pictures).toBe("green");
    // figures are asked for in turn: each call's come within ten seconds
    const sending = (all: readonly Participant[]) => all.filter(({ video }) => video?.codec === "H264");
    const roster = await gateway.waitForParticipants(
      "1000",
      (all) => all.every(({ video }) => video?.state === "on") && sending(all).length > 1,
    );
    expect(sending(roster)).toHaveLength(2);

    // H.239: asked, granted, shown to the others, given up.
    viewer.leg.content.on("request", () => viewer.leg.content.grant());
    sender.leg.content.announce(true);
    camera("blue", await sender.takes(2), sender.ports.content);
    await sees(await screen(viewer.ports.content)).toBe("blue");
    sender.leg.content.announce(false);
    await expect.poll(() => parseSdp(viewer.description).media[2]?.direction).toBe("inactive");
  });
});
