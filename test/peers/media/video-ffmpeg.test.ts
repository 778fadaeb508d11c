import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { findSuite, generateKeying } from "../../../src/srtp/index.ts";
import type { LineAgreement, RelayLine, SeatLine, VideoCodec, VideoRelay } from "../../../src/video/index.ts";
import { startVideoRelay } from "../../../src/video-relay/index.ts";
import { type Camera, type Screen, startCamera, startScreen } from "../../support/ffmpeg-rtp.ts";
import { describeWithPeers } from "../../support/peers.ts";
import { inTurn, portsOf } from "../../support/ports.ts";

const PORT = portsOf("video-ffmpeg");
/** Of ffmpeg: RTP and RTCP. */
const nextPort = inTurn(PORT + 200, 2, 70);

/** The relay alone with ffmpeg on both sides: an independent sender and decoder. A colour for each sender says who sees whom. */
describeWithPeers("the video relay and ffmpeg", ["ffmpeg"], () => {
  let relay: VideoRelay;
  const cleanUp: (() => Promise<void>)[] = [];
  const suite = findSuite("AES_CM_128_HMAC_SHA1_80")!;

  beforeAll(async () => {
    relay = await startVideoRelay({ rtp: { host: "127.0.0.1", minPort: PORT, maxPort: PORT + 198 }, speaker: { confirmMs: 0, holdMs: 0 } });
  });
  afterEach(async () => {
    for (const step of cleanUp.splice(0).reverse()) await step();
  });
  afterAll(() => relay.stop());

  function agreement(own: number, more: Partial<LineAgreement>, codec: Partial<VideoCodec> = {}): LineAgreement {
    return {
      remote: { address: "127.0.0.1", port: own, rtcpPort: own + 1 },
      rtcpMux: false,
      srtp: null,
      codecs: [{ name: "H264", sendPayloadType: 96, receivePayloadType: 96, packetizationMode: 1, ...codec }],
      direction: "sendrecv",
      // ffmpeg knows no feedback: its key frames come each second.
      feedback: { nack: false, pli: false, fir: false, tmmbr: false, remb: false },
      maxBitrate: null,
      ...more,
    };
  }

  async function line(): Promise<RelayLine> {
    const opened = await relay.open();
    cleanUp.push(() => opened.close());
    return opened;
  }

  function seat(meeting: string, participant: string, lines: readonly SeatLine[]): void {
    const taken = relay.join(meeting, participant);
    taken.arrange(lines);
    cleanUp.push(async () => taken.leave());
  }

  /** A participant with a camera, and with a screen of its own where wanted. */
  async function camera(options: {
    colour: string;
    srtp?: boolean;
    setsInSdpOnly?: boolean;
  }): Promise<{ line: RelayLine; camera: Camera }> {
    const own = nextPort();
    const brings = await line();
    const keys = options.srtp ? { local: generateKeying(suite), remote: generateKeying(suite) } : null;
    const started = startCamera({ ...options, srtp: keys?.remote, port: brings.local.port, localPort: own } as Parameters<
      typeof startCamera
    >[0]);
    cleanUp.push(() => started.stop());
    const codec = options.setsInSdpOnly ? { parameterSets: await started.parameterSets() } : {};
    brings.configure(agreement(own, { direction: "recvonly", srtp: keys }, codec));
    return { line: brings, camera: started };
  }

  async function screen(options: { srtp?: boolean; packetizationMode?: 0 | 1 } = {}): Promise<{ line: RelayLine; screen: Screen }> {
    const own = nextPort();
    const shows = await line();
    const keys = options.srtp ? { local: generateKeying(suite), remote: generateKeying(suite) } : null;
    const started = await startScreen(own, keys?.local);
    cleanUp.push(() => started.stop());
    shows.configure(agreement(own, { direction: "sendonly", srtp: keys }, { packetizationMode: options.packetizationMode ?? 1 }));
    return { line: shows, screen: started };
  }

  const speaker = { kind: "speaker", rank: 0 } as const;
  const shows = (which: { line: RelayLine }): SeatLine => ({ line: which.line, brings: null, shows: speaker });
  const brings = (which: { line: RelayLine }): SeatLine => ({ line: which.line, brings: "camera", shows: null });
  const sees = (which: { screen: Screen }) => expect.poll(() => which.screen.colours.at(-1) ?? which.screen.errors, { interval: 200 });

  test("who speaks is seen, not by himself; each switch is clean for the decoder", async () => {
    const [red, blue] = [await camera({ colour: "red" }), await camera({ colour: "blue", srtp: true })];
    const [plain, secured, own] = [await screen(), await screen({ srtp: true }), await screen()];
    seat("a", "red", [brings(red), shows(own)]);
    seat("a", "blue", [brings(blue)]);
    seat("a", "viewer", [shows(plain), shows(secured)]);
    relay.speaker("a", "red");
    await sees(plain).toBe("red");
    await sees(secured).toBe("red");
    await sees(own).toBe("blue");
    relay.speaker("a", "blue");
    await sees(plain).toBe("blue");
    await sees(secured).toBe("blue");
    relay.speaker("a", "red");
    await sees(plain).toBe("red");
    await sees(secured).toBe("red");
    expect(new Set(own.screen.colours)).toEqual(new Set(["blue"]));
    for (const { screen: decoder } of [plain, secured, own]) expect(decoder.errors).toBe("");
    const stats = await blue.line.stats();
    expect(stats).toMatchObject({ codec: "H264", srtp: "AES_CM_128_HMAC_SHA1_80", width: 320, height: 180, lossPercent: 0 });
    expect((await secured.line.stats()).freezes).toBe(0);
  });

  test("parameter sets that stand in SDP only reach the decoder", async () => {
    const green = await camera({ colour: "lime", setsInSdpOnly: true });
    const viewer = await screen();
    seat("b", "green", [brings(green)]);
    seat("b", "viewer", [shows(viewer)]);
    await sees(viewer).toBe("green");
    expect(viewer.screen.errors).toBe("");
  });

  test("fragments are put together for who takes single NAL units only", async () => {
    const red = await camera({ colour: "red" });
    const viewer = await screen({ packetizationMode: 0 });
    seat("c", "red", [brings(red)]);
    seat("c", "viewer", [shows(viewer)]);
    await sees(viewer).toBe("red");
    await expect.poll(() => viewer.screen.pictures).toBeGreaterThan(30);
    expect(viewer.screen.errors).toBe("");
    // Fewer packets go out than come in: what came in fragments goes out whole.
    const [from, to] = [await red.line.stats(), await viewer.line.stats()];
    expect(to.packetsOut).toBeLessThan(from.packetsIn);
  });
});
