import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CameraLine, isCameraControl } from "../../../src/call-media/camera-control-section.ts";
import { oneLine, SideLines } from "../../../src/call-media/media-sections.ts";
import { cryptoOf, generateKeying, readCrypto, SRTP_MAX_OVERHEAD, SRTP_SUITES, SrtpReceiver, SrtpSender } from "../../../src/srtp/index.ts";
import { parseH224 } from "../../../src/wire/h224/index.ts";
import { buildRtp, parseRtp } from "../../../src/wire/rtp/index.ts";
import { formatCrypto, parseSdp, type SdpMedia } from "../../../src/wire/sdp/index.ts";
import { random } from "../../support/mutate.ts";

const HOST = "127.0.0.1";
/** H.281: start turning right for 800 ms, as a room's remote control says it. */
const TURN = Buffer.from("0071030000000001c0" + "01c0f0", "hex");

const rtp = (payload: Uint8Array, sequenceNumber = 1) =>
  buildRtp({ payloadType: 100, ssrc: 7, timestamp: 1, sequenceNumber, marker: true }, payload);

describe("a frame of H.224", () => {
  it("tells its client and its data", () => {
    expect(parseH224(Uint8Array.from(TURN))).toEqual({ client: 1, begins: true, ends: true, data: new Uint8Array([0x01, 0xc0, 0xf0]) });
  });
  it.each(["", "00710300000000", "007113000000000180", "017103000000000180", "007103000000007f80"])("%s is none", (hex) =>
    expect(parseH224(Buffer.from(hex, "hex"))).toBeUndefined(),
  );
  it("survives 10,000 mutations", () => {
    const next = random(281);
    for (let round = 0; round < 10_000; round++) {
      const bytes = Uint8Array.from({ length: Math.floor(next() * 300) }, (_, at) =>
        next() < 0.8 ? (TURN[at] ?? 0) : Math.floor(next() * 256),
      );
      const frame = parseH224(bytes);
      if (frame) expect(frame.data.length).toBe(bytes.length - 9);
    }
  });
});

describe("a call's line of camera control", () => {
  let client: Socket;
  let line: CameraLine;
  let sides: SideLines;
  beforeEach(async () => {
    client = createSocket("udp4");
    await new Promise<void>((resolve) => client.bind(0, HOST, resolve));
    line = new CameraLine({ host: HOST, advertise: HOST, ports: { min: 18_900, max: 18_999 } });
    sides = new SideLines([oneLine(line, isCameraControl)]);
  });
  afterEach(() => {
    sides.close();
    client.close();
  });
  const offer = (protocol: string, ...more: string[]) =>
    parseSdp(
      [
        ...["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", `c=IN IP4 ${HOST}`, "t=0 0", "m=audio 4000 RTP/AVP 0"],
        ...[`m=application ${client.address().port} ${protocol} 100`, "a=rtpmap:100 H224/4800", ...more, ""],
      ].join("\r\n"),
    );

  it("passes frames in both directions, and nothing else", async () => {
    const answer = (await sides.answer(offer("RTP/AVP"), 0, { policy: "none", transport: "udp" })).get(1) as SdpMedia;
    expect(answer).toMatchObject({ protocol: "RTP/AVP", formats: [{ payloadType: 100, codec: "H224", clockRate: 4800 }] });
    const heard = once(line, "frame");
    client.send(rtp(Buffer.from("what is this")), answer.port, HOST);
    client.send(rtp(TURN, 2), answer.port, HOST);
    expect(Buffer.from((await heard)[0] as Uint8Array)).toEqual(TURN);
    const came = once(client, "message");
    line.send(TURN);
    const packet = parseRtp((await came)[0] as Buffer)!;
    expect(packet.payloadType).toBe(100);
    expect(Buffer.from(packet.payload)).toEqual(TURN);
  });

  it("passes nothing before the far end has acknowledged the call", async () => {
    const answer = (await sides.answer(offer("RTP/AVP"), 0, { policy: "none", transport: "udp", held: true })).get(1) as SdpMedia;
    const heard: Buffer[] = [];
    const frames: Uint8Array[] = [];
    client.on("message", (bytes) => heard.push(bytes));
    line.on("frame", (frame) => frames.push(frame));
    line.send(TURN);
    client.send(rtp(TURN, 1), answer.port, HOST);
    // sent to itself, it comes after what was sent before
    client.send("mark", client.address().port, HOST);
    await expect.poll(() => heard.map(String)).toEqual(["mark"]);
    expect([line.up, frames.length]).toEqual([false, 0]);
    sides.acknowledged();
    line.send(TURN);
    client.send(rtp(TURN, 2), answer.port, HOST);
    await expect.poll(() => [heard.length, frames.length]).toEqual([2, 1]);
  });

  it("has keys of its own, and hears nobody else's", async () => {
    const theirs = generateKeying(SRTP_SUITES.AEAD_AES_256_GCM);
    const theirKey = `a=crypto:${formatCrypto(cryptoOf(theirs, { tag: 1 }))}`;
    const answer = (await sides.answer(offer("RTP/SAVP", theirKey), 0, { policy: "preferred", transport: "tls" })).get(1) as SdpMedia;
    const ours = readCrypto(answer.crypto[0]!);
    if (!ours.usable) throw new Error(ours.reason);
    const frames: Uint8Array[] = [];
    line.on("frame", (frame) => frames.push(frame));
    client.send(rtp(TURN), answer.port, HOST);
    const out = Buffer.alloc(200);
    const length = new SrtpSender(theirs).protectRtp(rtp(TURN, 2), out);
    client.send(out.subarray(0, length), answer.port, HOST);
    await expect.poll(() => frames.length).toBe(1);
    const came = once(client, "message");
    line.send(TURN);
    const packet = Buffer.from((await came)[0] as Buffer);
    expect(packet.length).toBeLessThanOrEqual(TURN.length + 12 + SRTP_MAX_OVERHEAD);
    const plain = new SrtpReceiver(ours.keying).unprotectRtp(packet, packet);
    expect(Buffer.from(parseRtp(packet, plain)!.payload)).toEqual(TURN);
  });

  it("is refused where its keys came in clear", async () => {
    const theirKey = `a=crypto:${formatCrypto(cryptoOf(generateKeying(SRTP_SUITES.AEAD_AES_256_GCM), { tag: 1 }))}`;
    expect((await sides.answer(offer("RTP/SAVP", theirKey), 0, { policy: "preferred", transport: "udp" })).size).toBe(0);
  });
});
