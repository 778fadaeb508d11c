import { expect, test } from "vitest";
import { narrowOffer, standInAnswer, unacknowledgedMs } from "../../../src/media-client/placeholder-answer.ts";
import { parseSdp } from "../../../src/wire/sdp/index.ts";

const key = Buffer.alloc(44, 1).toString("base64");
const offer = [
  "v=0",
  "o=FreeSWITCH 1 1 IN IP4 192.0.2.2",
  "s=FreeSWITCH",
  "c=IN IP4 192.0.2.2",
  "t=0 0",
  "m=audio 42138 RTP/SAVP 9 0 101",
  "a=rtpmap:9 G722/8000",
  "a=rtpmap:0 PCMU/8000",
  "a=rtpmap:101 telephone-event/8000",
  "a=fmtp:101 0-15",
  "a=rtcp:42138 IN IP4 192.0.2.2",
  `a=crypto:1 AEAD_AES_256_GCM inline:${key}`,
  `a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:${Buffer.alloc(30, 2).toString("base64")}`,
  "",
].join("\r\n");

test("a media server that says how long it waits for the ACK is taken at its word, ten seconds short of it", () => {
  expect(unacknowledgedMs("150000")).toBe(140_000);
  expect(unacknowledgedMs("20000\n")).toBe(20_000);
  for (const silent of ["", "-ERR global_getvar Command not found!\n", "1e9"]) expect(unacknowledgedMs(silent)).toBe(20_000);
});

test("takes every codec and one key line, with a key of its own and nobody's address", () => {
  const answer = parseSdp(standInAnswer(offer));
  const [audio] = answer.media;
  expect(audio).toMatchObject({ port: 9, protocol: "RTP/SAVP", direction: "sendrecv", connection: { address: "127.0.0.1" } });
  expect(audio?.formats.map((format) => format.payloadType)).toEqual([9, 0, 101]);
  expect(audio?.crypto).toHaveLength(1);
  expect(audio?.crypto[0]).toMatchObject({ tag: 1, suite: "AEAD_AES_256_GCM" });
  const ours = audio?.crypto[0]?.keys[0]?.keySalt ?? "";
  expect(ours).not.toBe(key);
  expect(Buffer.from(ours, "base64")).toHaveLength(44);
  expect(standInAnswer(offer)).not.toContain("192.0.2.2");
});

test("an offer without keys is answered without", () => {
  const plain = offer.replace("RTP/SAVP", "RTP/AVP").replace(/a=crypto.*\r\n/g, "");
  expect(parseSdp(standInAnswer(plain)).media[0]?.crypto).toEqual([]);
});

test("of FreeSWITCH's two lines the far end sees the one that is asked for, and FreeSWITCH gets an answer to both", () => {
  const twice = `${offer}m=audio 42138 RTP/AVP 9 0\r\na=rtpmap:9 G722/8000\r\n`;
  const secure = narrowOffer(twice, true);
  expect(parseSdp(secure.offer).media.map((line) => line.protocol)).toEqual(["RTP/SAVP"]);
  expect(parseSdp(secure.complete(standInAnswer(secure.offer))).media.map((line) => [line.protocol, line.port])).toEqual([
    ["RTP/SAVP", 9],
    ["RTP/AVP", 0],
  ]);
  const plain = narrowOffer(twice, false);
  expect(parseSdp(plain.offer).media.map((line) => line.protocol)).toEqual(["RTP/AVP"]);
  expect(parseSdp(plain.complete(standInAnswer(plain.offer))).media.map((line) => [line.protocol, line.port])).toEqual([
    ["RTP/SAVP", 0],
    ["RTP/AVP", 9],
  ]);
});
