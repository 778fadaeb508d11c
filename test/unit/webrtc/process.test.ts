import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type OfferedLine, WebRtc } from "../../../src/webrtc/index.ts";

const lines = [
  { mid: "audio", kind: "audio" },
  { mid: "camera", kind: "video" },
] as const;
const offered: OfferedLine[] = [
  {
    mid: "audio",
    kind: "audio",
    direction: "SendRecv",
    codecs: [
      { payloadType: 111, name: "opus", clockRate: 48_000, channels: 2, fmtp: "useinbandfec=1" },
      { payloadType: 0, name: "PCMU", clockRate: 8_000 },
    ],
    target: null,
  },
  {
    mid: "camera",
    kind: "video",
    direction: "SendOnly",
    codecs: [{ payloadType: 102, name: "H264", clockRate: 90_000, fmtp: "packetization-mode=1", feedback: ["nack", "ccm fir"] }],
    target: null,
  },
];

describe("the process that ends WebRTC", () => {
  let webrtc: WebRtc;
  let log: string[];

  beforeEach(() => {
    log = [];
    webrtc = new WebRtc({
      bindAddress: "127.0.0.1",
      bridgeAddress: "127.0.0.1",
      advertise: "203.0.113.7",
      portRange: { min: 21_400, max: 21_499 },
      detourPort: 0,
      relayed: "maybe",
      stun: [],
      log: (_, message) => log.push(message),
    });
  });
  afterEach(() => webrtc.stop());

  it("offers the lines as they are to be, and says where it is, also from outside and by TCP", async () => {
    const peer = await webrtc.open(lines);
    expect(Object.keys(peer.ports)).toEqual(["audio", "camera"]);
    const candidates: string[] = [];
    peer.on("candidate", (_, candidate) => candidates.push(candidate));
    const offer = once(peer, "offer");
    expect(peer.connect(offered)).toBe(1);
    const [generation, sdp] = (await offer) as [number, string];
    expect(generation).toBe(1);
    for (const line of [
      "a=mid:audio",
      "a=rtpmap:111 opus/48000/2",
      "a=fmtp:111 useinbandfec=1",
      "a=rtpmap:0 PCMU/8000",
      "a=mid:camera",
      "a=sendonly",
    ])
      expect(sdp).toContain(`${line}\r\n`);
    expect(sdp).toContain("a=rtcp-fb:102 ccm fir");
    await expect.poll(() => candidates.length).toBe(4);
    expect(candidates.filter((one) => one.includes("203.0.113.7"))).toHaveLength(2);
    expect(candidates.filter((one) => / TCP .* tcptype passive$/.test(one))).toHaveLength(2);
    // the straight way came to nothing: now by the detour only
    candidates.length = 0;
    peer.connect(offered);
    await expect.poll(() => candidates.length).toBe(4);
    expect(new Set(candidates.map((one) => one.split(" ")[5])).size).toBe(1);
    expect(webrtc.figures()).toMatchObject({ browsers: { none: 1 }, connected: 0, failed: 1 });
    peer.close();
  });

  it("gives up the one browser whose answer is nonsense", async () => {
    const [peer, other] = await Promise.all([webrtc.open(lines), webrtc.open(lines)]);
    const offer = once(peer, "offer");
    const gone = once(peer, "gone");
    peer.connect(offered);
    await offer;
    peer.candidate(1, "candidate:nonsense", "audio");
    peer.answer(1, "v=0\r\nnonsense");
    await gone;
    const offerOfOther = once(other, "offer");
    other.connect(offered);
    await offerOfOther;
    expect(other.closed).toBe(false);
    expect(log.length).toBeGreaterThan(0);
  });

  it("tells when it has died, and is started again with the next browser", async () => {
    const peer = await webrtc.open(lines);
    expect(webrtc.figures()).toMatchObject({ browsers: { none: 1, udp: 0 }, deaths: 0 });
    const gone = once(peer, "gone");
    const { pid } = webrtc;
    process.kill(pid!, "SIGKILL");
    expect(await gone).toEqual(["the WebRTC process has ended"]);
    expect(webrtc.figures()).toMatchObject({ browsers: { none: 0 }, deaths: 1 });
    const next = await webrtc.open(lines);
    expect(next.closed).toBe(false);
    expect(webrtc.pid).not.toBe(pid);
  });

  it("takes nobody any more once it is stopped", async () => {
    const peer = await webrtc.open(lines);
    await webrtc.stop();
    await expect(webrtc.open(lines)).rejects.toThrow("stopped");
    expect(peer.closed).toBe(true);
  });
});
