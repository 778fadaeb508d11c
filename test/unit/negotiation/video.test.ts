import { describe, expect, it } from "vitest";
import {
  composeVideoAnswer,
  composeVideoOffer,
  decodesH264,
  H264Profile,
  h264Of,
  h264ProfileName,
  h264ProfileOf,
  lowerLevel,
  negotiateVideo,
  pictureRole,
  readVideoAnswer,
  type VideoWish,
} from "../../../src/negotiation/index.ts";
import { parseSdp, type SdpSession, writeSdp } from "../../../src/wire/sdp/index.ts";

const WISH: VideoWish = { codecs: ["H264", "VP8"], profileLevelId: "42e01f", maxBitrate: 2_000_000 };
const LOCAL = { connection: { ipVersion: 4 as const, address: "192.0.2.9" }, port: 30000, rtcpPort: 30001, rtcpMux: true };

function description(...lines: string[]): SdpSession {
  const head = ["v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", "c=IN IP4 192.0.2.1", "t=0 0", "m=audio 4000 RTP/AVP 0"];
  return parseSdp([...head, ...lines, ""].join("\r\n"));
}

function answerTo(offer: SdpSession, index = 1): string {
  const agreement = negotiateVideo(offer, index, WISH);
  if (agreement.kind === "none") throw new Error(agreement.reason);
  const line = composeVideoAnswer(offer.media[index]!, agreement, LOCAL, WISH);
  return writeSdp({ ...offer, media: [line] });
}

describe("what a line of pictures is for", () => {
  const video = "m=video 5000 RTP/AVP 97";
  const map = "a=rtpmap:97 H264/90000";
  it.each([
    [["m=video 5000 RTP/AVP 97", map], ["camera"]],
    [
      [video, map, "a=content:main", video, map, "a=content:slides", video, map, "a=content:alt"],
      ["camera", "screen", "further"],
    ],
    [
      [video, map, video, map, "a=content:slides"],
      ["camera", "screen"],
    ],
    // a Cisco room names the screen by the floor's label alone
    [
      [video, map, "a=label:11", video, map, "a=label:12", "m=application 5070 UDP/BFCP *", "a=floorid:2 mstrm:12"],
      ["camera", "screen", null],
    ],
    [
      [video, map, video, map],
      ["camera", null],
    ],
  ])("%j", (lines, roles) => {
    const session = description(...lines);
    expect(roles.map((_, i) => pictureRole(session, i + 1))).toEqual(roles);
  });
});

describe("answering a line of pictures", () => {
  it("takes constrained baseline in fragments before anything else, and says so under the offer's payload types", () => {
    const offer = description(
      "m=video 5000 RTP/AVP 96 97 98 99",
      "b=TIAS:1500000",
      "a=rtpmap:96 VP8/90000",
      "a=rtpmap:97 H264/90000",
      "a=fmtp:97 profile-level-id=640028;packetization-mode=1",
      "a=rtpmap:98 H264/90000",
      "a=fmtp:98 profile-level-id=42801e;packetization-mode=0",
      "a=rtpmap:99 H264/90000",
      "a=fmtp:99 profile-level-id=42e028;packetization-mode=1",
      "a=rtcp-fb:* nack pli",
      "a=rtcp-fb:99 ccm fir",
      "a=rtcp-fb:98 ccm tmmbr",
    );
    const agreement = negotiateVideo(offer, 1, WISH);
    expect(agreement).toMatchObject({
      kind: "agreed",
      codecs: [
        { sendPayloadType: 99, packetizationMode: 1, profileLevelId: "42e028", decodes: ["640028"] },
        { sendPayloadType: 98, packetizationMode: 0 },
      ],
      feedback: { pli: true, fir: true, tmmbr: true, nack: false, remb: false },
      direction: "sendrecv",
      maxBitrate: 1_500_000,
      remote: { address: "192.0.2.1", port: 5000, rtcpPort: 5001 },
    });
    const answer = answerTo(offer);
    // High is left out, so that it sends what everybody decodes
    expect(agreement).toHaveProperty("codecs.length", 2);
    expect(answer).toContain("m=video 30000 RTP/AVP 99 98\r\n");
    // not above our level, and not above theirs
    expect(answer).toContain("a=fmtp:99 profile-level-id=42e01f;packetization-mode=1");
    expect(answer).toContain("a=fmtp:98 profile-level-id=42801e;packetization-mode=0");
    expect(answer).toContain("b=TIAS:2000000");
  });

  it("takes another profile where there is no other, and what a wished High's decoders are capable of", () => {
    const offer = description(
      "m=video 5000 RTP/AVP 97 98",
      "a=rtpmap:97 H264/90000",
      "a=fmtp:97 profile-level-id=640028;packetization-mode=1",
      "a=rtpmap:98 H264/90000",
      "a=fmtp:98 profile-level-id=4d0028;packetization-mode=1",
    );
    expect(negotiateVideo(offer, 1, WISH)).toMatchObject({ codecs: [{ sendPayloadType: 97 }, { sendPayloadType: 98 }] });
    expect(answerTo(offer)).toContain("a=fmtp:97 profile-level-id=64001f;packetization-mode=1");
    const high = negotiateVideo(offer, 1, { ...WISH, profileLevelId: "640028" });
    expect(high).toMatchObject({ codecs: [{ profileLevelId: "640028" }, { profileLevelId: "4d0028" }] });
    const main = negotiateVideo(offer, 1, { ...WISH, profileLevelId: "4d0028" });
    expect(main).toMatchObject({ codecs: [{ profileLevelId: "4d0028", decodes: ["640028"] }] });
  });

  it("leaves imageattr unanswered: nothing is scaled (RFC 6236 section 3.2)", () => {
    const offer = description(
      "m=video 5000 RTP/AVP 99",
      "a=rtpmap:99 H264/90000",
      "a=fmtp:99 profile-level-id=42e01f;packetization-mode=1",
      "a=imageattr:99 send [x=1280,y=720] recv [x=640,y=360]",
    );
    expect(answerTo(offer)).not.toContain("imageattr");
    expect(answerTo(offer)).toContain("m=video 30000 RTP/AVP 99\r\n");
  });

  it("says its own level where levels may differ", () => {
    const offer = description(
      "m=video 5000 RTP/AVP 99",
      "a=rtpmap:99 H264/90000",
      "a=fmtp:99 profile-level-id=42e00b;packetization-mode=1;level-asymmetry-allowed=1",
    );
    expect(answerTo(offer)).toContain("a=fmtp:99 profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1");
  });

  it("takes both codecs on a line of a far end that changes between them, H.264 first, each with its retransmissions", () => {
    const offer = description(
      "m=video 5000 RTP/AVPF 96 97 102 103",
      "a=rtpmap:96 VP8/90000",
      "a=rtpmap:97 rtx/90000",
      "a=fmtp:97 apt=96",
      "a=rtpmap:102 H264/90000",
      "a=fmtp:102 profile-level-id=42e01f;packetization-mode=1",
      "a=rtpmap:103 rtx/90000",
      "a=fmtp:103 apt=102",
    );
    const wish = { ...WISH, anyCodec: true };
    const agreement = negotiateVideo(offer, 1, wish);
    expect(agreement).toMatchObject({
      codecs: [
        { name: "H264", sendPayloadType: 102, rtx: { sendPayloadType: 103 } },
        { name: "VP8", sendPayloadType: 96, rtx: { sendPayloadType: 97 } },
      ],
    });
    if (agreement.kind === "none") throw new Error(agreement.reason);
    const line = composeVideoAnswer(offer.media[1]!, agreement, LOCAL, wish);
    expect(line.formats.map(({ payloadType }) => payloadType)).toEqual([102, 103, 96, 97]);
    // a room has one
    expect(negotiateVideo(offer, 1, WISH)).toMatchObject({ codecs: [{ name: "H264" }] });
  });

  it("keeps retransmissions in a stream of their own, and direction, and what the line is for", () => {
    const offer = description(
      "m=video 5000 RTP/SAVPF 96 97",
      "a=rtpmap:96 VP8/90000",
      "a=rtpmap:97 rtx/90000",
      "a=fmtp:97 apt=96",
      "a=rtcp-fb:96 nack",
      "a=rtcp-mux",
      "a=content:slides",
      "a=recvonly",
    );
    const agreement = negotiateVideo(offer, 1, WISH);
    expect(agreement).toMatchObject({
      codecs: [{ name: "VP8", rtx: { sendPayloadType: 97, receivePayloadType: 97 } }],
      direction: "sendonly",
    });
    const answer = answerTo(offer);
    for (const line of ["RTP/SAVPF 96 97", "a=fmtp:97 apt=96", "a=sendonly", "a=content:slides", "a=rtcp-mux"])
      expect(answer).toContain(line);
  });

  it.each([
    ["no video codec in common, H263, H261 offered", ["m=video 5000 RTP/AVP 34 31"]],
    ["no video codec in common, H264 offered", ["m=video 5000 RTP/AVP 97", "a=rtpmap:97 H264/90000", "a=fmtp:97 packetization-mode=2"]],
    ["no video codec in common, H264 offered", ["m=video 5000 RTP/AVP 97", "a=rtpmap:97 H264/90000", "a=fmtp:97 profile-level-id=zzzzzz"]],
    ["A multicast media address is not acceptable", ["m=video 5000 RTP/AVP 97", "c=IN IP4 233.252.0.1/5", "a=rtpmap:97 H264/90000"]],
  ])("stays without picture: %s", (reason, lines) => {
    expect(negotiateVideo(description(...lines), 1, WISH)).toEqual({ kind: "none", reason });
  });
});

describe("offering a line of pictures", () => {
  const ours = composeVideoOffer({ role: "screen", wish: WISH, local: LOCAL, protocol: "RTP/AVP", label: "12" });

  it("offers both packetization modes", () => {
    const text = writeSdp({ ...description(), media: [ours] });
    for (const line of ["m=video 30000 RTP/AVP 97 98", "a=rtcp-fb:* nack pli", "a=content:slides", "a=label:12", "a=rtcp-mux"])
      expect(text).toContain(line);
  });

  it("sends with the answer's payload type and receives with its own", () => {
    const answer = description(
      "m=video 6000 RTP/AVP 120",
      "a=rtpmap:120 H264/90000",
      "a=fmtp:120 profile-level-id=42e00d;packetization-mode=0",
      "a=sendonly",
    );
    expect(readVideoAnswer(ours, answer, 1, WISH)).toMatchObject({
      codecs: [{ sendPayloadType: 120, receivePayloadType: 98, packetizationMode: 0, profileLevelId: "42e00d" }],
      direction: "recvonly",
    });
  });

  it.each([
    ["the far end takes no picture", []],
    ["the far end takes no picture", ["m=video 0 RTP/AVP 97"]],
    ["no video codec in common, H263 offered", ["m=video 5000 RTP/AVP 34"]],
  ])("%s", (reason, lines) => {
    expect(readVideoAnswer(ours, description(...lines), 1, WISH)).toEqual({ kind: "none", reason });
  });
});

describe("H.264's profile-level-id", () => {
  it("reads defaults", () => {
    expect(h264Of({})).toEqual({ profileLevelId: "42000a", packetizationMode: 0 });
  });
  it("knows constrained baseline in each of its forms", () => {
    for (const form of ["42e01f", "42c01e", "42401f", "4d8028", "428014", "64c01f"]) expect(h264ProfileOf(form)).toBe(H264Profile.Baseline);
    for (const form of ["4d001f", "640028", "640c1f", "58001f"]) expect(h264ProfileOf(form)).not.toBe(H264Profile.Baseline);
    expect([h264ProfileOf("640c1f"), h264ProfileOf("530c1f")].map(h264ProfileName)).toEqual(["H.264 High", "H.264 of another profile"]);
  });
  it.each([
    ["42e01f", ["42e01f"]],
    ["4d001f", ["42e01f", "4d001f"]],
    ["58001f", ["42e01f", "58001f"]],
    ["640c1f", ["42e01f", "4d001f", "640c1f", "640028"]],
    ["6e001f", ["42e01f", "4d001f", "640c1f", "640028", "6e001f"]],
  ])("what a decoder of %s decodes", (decoder, pictures) => {
    const all = ["42e01f", "4d001f", "58001f", "640c1f", "640028", "6e001f", "530c1f"];
    expect(all.filter((one) => decodesH264(h264ProfileOf(decoder), h264ProfileOf(one)))).toEqual(pictures);
  });
  it("orders level 1b between 1 and 1.1", () => {
    expect(lowerLevel("42f00b", "42e00b")).toBe("42f00b");
    expect(lowerLevel("42e00b", "42e00a")).toBe("42e00a");
    expect(lowerLevel("42f00b", "42e00a")).toBe("42f00a");
  });
});
