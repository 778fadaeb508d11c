import { describe, expect, it } from "vitest";
import { describeBrowser, MAX_FURTHER_PICTURES, offeredToPage, takenByPage, webLines } from "../../../../src/legs/web/description.ts";
import { parseSdp } from "../../../../src/wire/sdp/index.ts";

const ports = { audio: 4000, camera: 4002, slides: 4004, alt1: 4006, alt2: 4008 };
const lines = webLines(2);

describe("a browser as plain RTP", () => {
  const offer = parseSdp(describeBrowser(lines, "127.0.0.1", ports, 3));

  it("has a line for its sound, its camera, a screen, and each further picture", () => {
    expect(offer.media.map(({ kind, port, mid, content, direction, rtcpMux }) => [kind, port, mid, content, direction, rtcpMux])).toEqual([
      ["audio", 4000, "audio", undefined, "sendrecv", true],
      ["video", 4002, "camera", "main", "sendrecv", true],
      ["video", 4004, "slides", "slides", "sendrecv", true],
      ["video", 4006, "alt1", "alt", "recvonly", true],
      ["video", 4008, "alt2", "alt", "recvonly", true],
    ]);
    expect(offer.media[0]!.formats[0]).toMatchObject({ codec: "opus", clockRate: 48_000, channels: 2 });
    expect(offer.media[1]!.formats[0]).toMatchObject({ codec: "H264", feedback: ["nack", "nack pli", "ccm fir", "goog-remb"] });
    expect(offer.origin.version).toBe("3");
  });

  it("has H.264 before VP8, and retransmissions of both", () => {
    expect(offer.media[1]!.formats.map(({ payloadType, codec, fmtp }) => [payloadType, codec, fmtp?.includes("apt=") ? fmtp : ""])).toEqual(
      [
        [102, "H264", ""],
        [103, "rtx", "apt=102"],
        [96, "VP8", ""],
        [97, "rtx", "apt=96"],
      ],
    );
  });

  it("has what the page took of it, once it has said so", () => {
    const taken = takenByPage(
      [
        ...["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0"],
        ...["m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=mid:audio", "a=rtpmap:111 opus/48000/2"],
        ...["m=video 9 UDP/TLS/RTP/SAVPF 96 97", "a=mid:camera", "a=rtpmap:96 VP8/90000", "a=rtpmap:97 rtx/90000"],
        ...["m=video 0 UDP/TLS/RTP/SAVPF 0", "a=mid:slides", ""],
      ].join("\r\n"),
    );
    const revised = parseSdp(describeBrowser(lines, "127.0.0.1", ports, 4, taken));
    expect(revised.media.map(({ port, formats }) => [port, formats.map(({ payloadType }) => payloadType)])).toEqual([
      [4000, [111]],
      [4002, [96, 97]],
      [0, [102, 103, 96, 97]],
      [4006, [102, 103, 96, 97]],
      [4008, [102, 103, 96, 97]],
    ]);
  });

  it("is bounded", () => {
    expect(webLines(1_000)).toHaveLength(3 + MAX_FURTHER_PICTURES);
  });
});

describe("what the page is offered", () => {
  const answer = [
    "v=0",
    "o=- 1 1 IN IP4 203.0.113.5",
    "s=-",
    "c=IN IP4 203.0.113.5",
    "t=0 0",
    "m=audio 5000 RTP/AVP 111 110",
    "a=rtpmap:111 opus/48000/2",
    "a=rtpmap:110 telephone-event/48000",
    "a=rtcp-mux",
    "m=video 5002 RTP/AVPF 102",
    "c=IN IP4 198.51.100.7",
    "a=rtpmap:102 H264/90000",
    "a=rtcp-fb:* nack pli",
    "m=video 0 RTP/AVPF 102",
    "m=video 5006 RTP/AVPF 102",
    "a=rtcp:5017",
    "a=sendonly",
    "m=video 0 RTP/AVPF 102",
    "",
  ].join("\r\n");

  it("is what the gateway has taken, with its targets and its directions", () => {
    const offered = offeredToPage(lines, answer, (address) => (address === "203.0.113.5" ? "127.0.0.1" : address));
    expect(offered.map(({ mid, direction, target }) => [mid, direction, target])).toEqual([
      ["audio", "SendRecv", { address: "127.0.0.1", port: 5000, rtcpPort: 5000 }],
      ["camera", "SendRecv", { address: "198.51.100.7", port: 5002, rtcpPort: 5003 }],
      ["alt1", "SendOnly", { address: "127.0.0.1", port: 5006, rtcpPort: 5017 }],
    ]);
    expect(offered[0]!.codecs.map(({ name }) => name)).toEqual(["opus", "telephone-event"]);
    expect(offered[1]!.codecs[0]).toMatchObject({ fmtp: expect.stringContaining("42e01f"), feedback: ["nack pli"] });
  });

  it("leaves out what was never offered to the gateway", () => {
    const strange = answer.replace("111 110", "96").replace("rtpmap:111 opus/48000/2", "rtpmap:96 G729/8000");
    expect(offeredToPage(lines, strange, (address) => address).map(({ mid }) => mid)).toEqual(["camera", "alt1"]);
  });
});
