import { describe, expect, test } from "vitest";
import {
  type AudioAgreement,
  COMFORT_NOISE,
  composeAnswer,
  composeAudioAnswer,
  composeAudioOffer,
  emptySession,
  G722,
  negotiateAudio,
  OPUS,
  PCMA,
  PCMU,
  type Refusal,
  readAudioAnswer,
  telephoneEvent,
  telephoneEventFor,
} from "../../../src/negotiation/index.ts";
import { parseSdp, type SdpSession, writeSdp } from "../../../src/wire/sdp/index.ts";
import { asterisk, baresip, browser, cube, expressway, sipp } from "../wire/sdp/samples.ts";

const capabilities = [OPUS, G722, PCMU, PCMA, COMFORT_NOISE, telephoneEvent(8000), telephoneEvent(48000)];
const local = { connection: { ipVersion: 4, address: "192.0.2.1" }, port: 20000 } as const;
const origin = { username: "-", sessionId: "1", version: "1", ipVersion: 4, address: "192.0.2.1" } as const;

function agreed(result: AudioAgreement | Refusal): AudioAgreement {
  if (result.kind === "refuse") throw new Error(result.text);
  return result;
}

const names = ({ codecs }: AudioAgreement) => codecs.map(({ capability }) => capability.codec);

/** sipp's offer with other lines in its audio part. */
function offer(formats: string, ...lines: string[]): SdpSession {
  return parseSdp(sipp.replace("RTP/AVP 0\r\na=rtpmap:0 PCMU/8000", ["RTP/AVP " + formats, ...lines].join("\r\n")));
}

describe("answering", () => {
  test("what both have, in the offer's order or in ours", () => {
    const session = parseSdp(asterisk);
    expect(names(agreed(negotiateAudio(session, 0, { capabilities })))).toEqual(["G722", "PCMU", "PCMA"]);
    expect(names(agreed(negotiateAudio(session, 0, { capabilities: [PCMA, G722], prefer: "ours" })))).toEqual(["PCMA", "G722"]);
    expect(agreed(negotiateAudio(session, 0, { capabilities })).remote).toEqual({
      ipVersion: 4,
      address: "192.0.2.10",
      port: 14702,
      rtcpAddress: "192.0.2.10",
      rtcpPort: 14703,
      rtcpMux: false,
    });
  });

  test("payload types are the offer's; static ones need no rtpmap", () => {
    const answer = agreed(
      negotiateAudio(offer("8 9 120", "a=rtpmap:120 OPUS/48000/2", "a=fmtp:120 maxplaybackrate=16000; stereo=0"), 0, { capabilities }),
    );
    expect(names(answer)).toEqual(["PCMA", "G722", "opus"]);
    expect(answer.codecs[2]).toMatchObject({
      sendPayloadType: 120,
      receivePayloadType: 120,
      remoteParameters: { maxplaybackrate: "16000", stereo: "0" },
    });
    const line = composeAudioAnswer(offer("8 9 120").media[0]!, answer, local);
    expect(line.formats[2]).toEqual({
      payloadType: 120,
      codec: "opus",
      clockRate: 48000,
      channels: 2,
      fmtp: "useinbandfec=1",
      feedback: [],
    });
  });

  test("a browser's formats: telephone-event at each clock rate, comfort noise", () => {
    const session = parseSdp(browser);
    const answer = agreed(negotiateAudio(session, 0, { capabilities }));
    expect(answer.telephoneEvents.map(({ capability, sendPayloadType }) => [capability.clockRate, sendPayloadType])).toEqual([
      [48000, 110],
      [8000, 126],
    ]);
    expect(answer.comfortNoise?.sendPayloadType).toBe(13);
    expect(telephoneEventFor(answer, answer.codecs[0]!)?.sendPayloadType).toBe(110);
    expect(telephoneEventFor(answer, answer.codecs[1]!)?.sendPayloadType).toBe(126);
  });

  test("opus with DTMF at 8000 only still has DTMF", () => {
    const answer = agreed(negotiateAudio(parseSdp(baresip), 0, { capabilities }));
    expect(names(answer)[0]).toBe("opus");
    expect(telephoneEventFor(answer, answer.codecs[0]!)?.sendPayloadType).toBe(97);
  });

  test("nothing in common, or only DTMF in common, is refused with 304", () => {
    for (const session of [offer("18"), offer("18 101", "a=rtpmap:101 telephone-event/8000"), offer("96")]) {
      expect(negotiateAudio(session, 0, { capabilities })).toMatchObject({ kind: "refuse", code: "no-common-codec", warning: 304 });
    }
  });

  test.each([
    [[], 20],
    [["a=ptime:30"], 30],
    [["a=ptime:40", "a=maxptime:20"], 20],
    [["a=maxptime:10"], 10],
    [["a=ptime:5"], 10],
    [["a=ptime:1000"], 120],
    [["a=ptime:20", "a=maxptime:25"], 20],
  ])("packet time from %j", (lines, ptime) => {
    expect(agreed(negotiateAudio(offer("0", ...lines), 0, { capabilities })).ptime).toBe(ptime);
  });

  test.each([
    ["a=sendrecv", "sendrecv", "sendrecv"],
    ["a=sendonly", "sendrecv", "recvonly"],
    ["a=recvonly", "sendrecv", "sendonly"],
    ["a=inactive", "sendrecv", "inactive"],
    ["a=sendrecv", "sendonly", "sendonly"],
    ["a=sendonly", "sendonly", "inactive"],
    ["a=recvonly", "inactive", "inactive"],
  ] as const)("%s, wishing %s, is answered %s", (line, wished, direction) => {
    expect(agreed(negotiateAudio(offer("0", line), 0, { capabilities, direction: wished })).direction).toBe(direction);
  });

  test("hold by 0.0.0.0: we send nothing and have no address, and still receive", () => {
    for (const [from, to] of [
      ["IP4 127.0.0.1\r\nt", "IP4 0.0.0.0\r\nt"],
      ["IP4 127.0.0.1\r\nt", "IP6 ::\r\nt"],
    ] as const) {
      const held = agreed(negotiateAudio(parseSdp(sipp.replace(from, to)), 0, { capabilities }));
      expect(held.direction).toBe("recvonly");
      expect(held.remote).toBeUndefined();
    }
  });

  test("IPv6, a=rtcp and rtcp-mux say where RTCP goes", () => {
    const v6 = parseSdp(sipp.replace("c=IN IP4 127.0.0.1", "c=IN IP6 2001:db8::1") + "a=rtcp:7000 IN IP6 2001:db8::2\r\n");
    expect(agreed(negotiateAudio(v6, 0, { capabilities })).remote).toMatchObject({
      ipVersion: 6,
      rtcpAddress: "2001:db8::2",
      rtcpPort: 7000,
    });
    const mux = parseSdp(sipp + "a=rtcp-mux\r\n");
    const answer = agreed(negotiateAudio(mux, 0, { capabilities }));
    expect(answer.remote).toMatchObject({ rtcpPort: 6000, rtcpMux: true });
    expect(composeAudioAnswer(mux.media[0]!, answer, local).rtcpMux).toBe(false);
    expect(composeAudioAnswer(mux.media[0]!, answer, { ...local, rtcpMux: true }).rtcpMux).toBe(true);
  });

  test("no address, or a multicast one, is refused", () => {
    expect(negotiateAudio(parseSdp(sipp.replace("c=IN IP4 127.0.0.1\r\n", "")), 0, { capabilities })).toMatchObject({
      code: "bad-media-address",
    });
    expect(negotiateAudio(parseSdp(sipp.replace("c=IN IP4 127.0.0.1", "c=IN IP4 239.1.1.1/127")), 0, { capabilities })).toMatchObject({
      code: "bad-media-address",
    });
  });

  test("a whole answer has the offer's lines in order, others rejected with their formats", () => {
    const session = parseSdp(expressway);
    const answer = agreed(negotiateAudio(session, 0, { capabilities }));
    const text = writeSdp(composeAnswer(session, new Map([[0, composeAudioAnswer(session.media[0]!, answer, local)]]), origin));
    expect(text.split("\r\n").filter((l) => l.startsWith("m="))).toEqual([
      "m=audio 20000 RTP/SAVP 102 9 8 0 101",
      "m=video 0 RTP/SAVP 97 31",
      "m=application 0 UDP/BFCP *",
      "m=video 0 RTP/SAVP 97",
      "m=application 0 RTP/SAVP 104",
    ]);
    const bundled = parseSdp(browser);
    const reply = composeAnswer(bundled, new Map(), origin);
    expect(reply.attributes).toEqual([]);
    expect(reply.media.map(({ mid }) => mid)).toEqual(["0", "1"]);
  });
});

describe("offering", () => {
  const ours = emptySession(origin, [composeAudioOffer({ capabilities, local })]);

  test("static payload types where there are, DTMF from 101, others from 96", () => {
    expect(ours.media[0]!.formats.map(({ codec, clockRate, payloadType }) => `${codec}/${clockRate} ${payloadType}`)).toEqual([
      "opus/48000 96",
      "G722/8000 9",
      "PCMU/8000 0",
      "PCMA/8000 8",
      "CN/8000 13",
      "telephone-event/8000 101",
      "telephone-event/48000 102",
    ]);
    expect(ours.media[0]!.protocol).toBe("RTP/AVP");
  });

  test("an answer with other payload types: we send theirs and expect ours", () => {
    const answer = parseSdp(
      sipp.replace(
        "RTP/AVP 0\r\na=rtpmap:0 PCMU/8000",
        "RTP/AVP 111 126\r\na=rtpmap:111 opus/48000/2\r\na=rtpmap:126 telephone-event/8000",
      ),
    );
    const result = agreed(readAudioAnswer(ours, 0, answer, capabilities));
    expect(result.codecs[0]).toMatchObject({ capability: OPUS, sendPayloadType: 111, receivePayloadType: 96 });
    expect(result.telephoneEvents[0]).toMatchObject({ sendPayloadType: 126, receivePayloadType: 101 });
  });

  test("an answer that does not map our dynamic type again means what we meant", () => {
    const answer = parseSdp(sipp.replace("RTP/AVP 0\r\na=rtpmap:0 PCMU/8000", "RTP/AVP 96 101"));
    expect(names(agreed(readAudioAnswer(ours, 0, answer, capabilities)))).toEqual(["opus"]);
  });

  test("a rejected line, or codecs we did not offer, are refused", () => {
    expect(readAudioAnswer(ours, 0, parseSdp(sipp.replace("6000", "0")), capabilities)).toMatchObject({ code: "audio-rejected" });
    expect(readAudioAnswer(ours, 0, { ...parseSdp(sipp), media: [] }, capabilities)).toMatchObject({ code: "audio-rejected" });
    expect(readAudioAnswer(ours, 0, parseSdp(sipp.replace(/0\r\na=rtpmap:0 PCMU/, "18\r\na=rtpmap:18 G729")), capabilities)).toMatchObject({
      code: "no-common-codec",
    });
  });

  test("a new offer keeps the payload types in force, and their codecs come first", () => {
    const established = agreed(negotiateAudio(parseSdp(baresip), 0, { capabilities }));
    const again = composeAudioOffer({ capabilities, local, established, direction: "sendonly" });
    expect(again.formats.map(({ codec, payloadType }) => `${codec} ${payloadType}`)).toEqual([
      "opus 96",
      "PCMU 0",
      "telephone-event 97",
      "G722 9",
      "PCMA 8",
      "CN 13",
      "telephone-event 101",
    ]);
    expect(again.direction).toBe("sendonly");
  });

  test("two of us agree, in each direction of hold", () => {
    for (const [mine, wished, here, there] of [
      ["sendrecv", "sendrecv", "sendrecv", "sendrecv"],
      ["sendonly", "sendrecv", "sendonly", "recvonly"],
      ["inactive", "sendrecv", "inactive", "inactive"],
      ["sendrecv", "recvonly", "sendonly", "recvonly"],
    ] as const) {
      const offered = emptySession(origin, [composeAudioOffer({ capabilities, local, direction: mine })]);
      const theirs = agreed(negotiateAudio(offered, 0, { capabilities, direction: wished }));
      const answer = composeAnswer(offered, new Map([[0, composeAudioAnswer(offered.media[0]!, theirs, local)]]), origin);
      const result = agreed(readAudioAnswer(offered, 0, parseSdp(writeSdp(answer)), capabilities));
      expect([result.direction, theirs.direction]).toEqual([here, there]);
      expect(names(result)).toEqual(names(theirs));
    }
  });

  test("the trunk order of Cisco's edges can be offered", () => {
    const formats = composeAudioOffer({ capabilities: [G722, PCMU, PCMA, telephoneEvent(8000)], local }).formatTokens;
    expect(formats).toEqual(parseSdp(cube).media[0]!.formatTokens);
  });
});
