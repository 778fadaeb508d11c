import { describe, expect, it } from "vitest";
import { describeFarEnd, readDescription } from "../../../../src/call/h323/description.ts";
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
  it("ours says what H.245 can say: no Opus, events at 8 kHz only", () => {
    expect(readDescription(OURS)).toEqual({
      media: { rtp: { host: "192.0.2.1", port: 20_000 }, rtcp: { host: "192.0.2.1", port: 20_001 } },
      capabilities: {
        audio: ["G722", "PCMU", "PCMA"].map((codec) => ({ codec, maxPtime: 20 })),
        telephoneEvent: 102,
        userInput: ["alphanumeric", "signal"],
      },
      direction: "sendrecv",
    });
  });
  it("without audio that H.245 has a name for there is nothing to say", () => {
    expect(readDescription(OURS.replace("96 9 0 8 101 102 13", "96 101"))).toBeUndefined();
    expect(readDescription(OURS.replace("audio 20000", "audio 0"))).toBeUndefined();
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
