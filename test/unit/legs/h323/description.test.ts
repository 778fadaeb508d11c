import { describe, expect, it } from "vitest";
import { describeFarEnd, readDescription } from "../../../../src/legs/h323/description.ts";
import { parseSdp } from "../../../../src/wire/sdp/index.ts";

const OURS = [
  "v=0",
  "o=- 1 1 IN IP4 192.0.2.1",
  "s=-",
  "c=IN IP4 192.0.2.1",
  "t=0 0",
  "m=audio 20000 RTP/AVP 96 9 0 8 101 102 13",
  "a=rtpmap:96 opus/48000/2",
  "a=rtpmap:101 telephone-event/48000",
  "a=rtpmap:102 telephone-event/8000",
  "a=ptime:20",
  "",
].join("\r\n");

describe("descriptions and H.245", () => {
  it("ours says what H.245 can say: events at 8 kHz only", () => {
    expect(readDescription(OURS)).toMatchObject({
      media: { rtp: { host: "192.0.2.1", port: 20_000 }, rtcp: { host: "192.0.2.1", port: 20_001 } },
      capabilities: {
        audio: [{ codec: "opus", maxPtime: 20, payloadType: 96 }, ...["G722", "PCMU", "PCMA"].map((codec) => ({ codec, maxPtime: 20 }))],
        telephoneEvent: 102,
        userInput: ["alphanumeric", "signal"],
      },
      direction: "sendrecv",
    });
  });
  it("without audio that H.245 has a name for there is nothing to say", () => {
    expect(readDescription(OURS.replace("96 9 0 8 101 102 13", "13 101"))).toBeUndefined();
    expect(readDescription(OURS.replace("audio 20000", "audio 0"))).toBeUndefined();
  });
  it("pictures, a screen and camera control are lines of their own; what H.245 has no name for is none", () => {
    const described = readDescription(
      [
        OURS.trimEnd(),
        "m=video 20002 RTP/AVP 97 98 99",
        "b=TIAS:1500000",
        "a=rtpmap:97 H264/90000",
        "a=fmtp:97 profile-level-id=42e01f;packetization-mode=1;max-mbps=245000",
        "a=rtpmap:98 H264/90000",
        "a=fmtp:98 profile-level-id=42e01f;packetization-mode=0",
        "a=rtpmap:99 VP8/90000",
        "m=video 20004 RTP/AVP 100",
        "a=rtpmap:100 H264/90000",
        "a=fmtp:100 profile-level-id=640028",
        "a=content:slides",
        "m=application 20006 RTP/AVP 101",
        "a=rtpmap:101 H224/4800",
        "m=application 20008 UDP/BFCP *",
        "",
      ].join("\r\n"),
    );
    expect(described?.lines.map((line) => line.name)).toEqual(["audio", "video", "content", "camera", undefined]);
    expect(described?.media).toMatchObject({
      video: { rtp: { port: 20_002 } },
      content: { rtp: { port: 20_004 } },
      camera: { rtp: { port: 20_006 } },
    });
    expect(described?.capabilities).toMatchObject({
      video: [{ profile: "baseline", level: 31, maxBitrate: 1_500_000, packetization: [0, 1], payloadType: 97, maxMbps: 245_000 }],
      content: [{ profile: "high", level: 40, packetization: [0], payloadType: 100 }],
      camera: 101,
    });
  });
  it("the far end's channels read as a description", () => {
    const text = describeFarEnd(
      {
        rtp: { host: "192.0.2.9", port: 5004 },
        rtcp: { host: "192.0.2.9", port: 6001 },
        transmit: { codec: "PCMA", maxPtime: 30 },
        receive: { codec: "G722", maxPtime: 20 },
        telephoneEvent: 101,
        direction: "sendonly",
      },
      3,
    );
    const [audio] = parseSdp(text).media;
    expect(audio).toMatchObject({ kind: "audio", port: 5004, protocol: "RTP/AVP", direction: "sendonly", ptime: 20, rtcp: { port: 6001 } });
    expect(audio?.formats.map((f) => [f.payloadType, f.codec, f.clockRate])).toEqual([
      [8, "PCMA", 8000],
      [9, "G722", 8000],
      [101, "telephone-event", 8000],
    ]);
    expect(parseSdp(text).origin).toMatchObject({ address: "192.0.2.9" });
  });
});
