import { describe, expect, test } from "vitest";
import { ParseError } from "../../../../src/base/errors.ts";
import { formatCrypto, parseCrypto, parseSdp, type SdpSession, writeSdp } from "../../../../src/wire/sdp/index.ts";
import { FUZZ_TIMEOUT, MUTATIONS } from "../../../support/mutate.ts";
import { seeded } from "../rtp/random.ts";
import { browser, cube, expressway, samples, sipp } from "./samples.ts";

const lineSet = (text: string) => text.trim().split("\r\n").sort();

describe("session descriptions", () => {
  test.each(Object.entries(samples))("%s: every line survives a round trip", (_, text) => {
    const written = writeSdp(parseSdp(text));
    expect(lineSet(written)).toEqual(lineSet(text));
    expect(parseSdp(written)).toEqual(parseSdp(text));
  });

  test("a room system's offer is read line by line", () => {
    const { media, bandwidths, origin } = parseSdp(expressway);
    expect(origin).toEqual({ username: "tandberg", sessionId: "7", version: "1", ipVersion: 4, address: "203.0.113.20" });
    expect(bandwidths).toEqual([{ type: "AS", value: 6000 }]);
    expect(media.map(({ kind, port, protocol, content, label }) => [kind, port, protocol, content, label])).toEqual([
      ["audio", 36000, "RTP/SAVP", undefined, undefined],
      ["video", 36002, "RTP/SAVP", "main", "11"],
      ["application", 5070, "UDP/BFCP", undefined, undefined],
      ["video", 36004, "RTP/SAVP", "slides", "12"],
      ["application", 36006, "RTP/SAVP", undefined, undefined],
    ]);
    expect(media[0]!.formats[1]).toEqual({ payloadType: 102, codec: "opus", clockRate: 48000, channels: 2, feedback: [] });
    expect(media[0]!.crypto.map(({ tag, sessionParams }) => [tag, sessionParams])).toEqual([
      [1, []],
      [2, ["UNENCRYPTED_SRTCP"]],
      [5, []],
    ]);
    expect(media[1]!.feedback).toEqual(["nack pli", "ccm fir"]);
    expect(media[2]).toMatchObject({ formats: [], formatTokens: ["*"], setup: "actpass" });
    expect(media[2]!.attributes).toContainEqual({ name: "floorid", value: "2 mstrm:12" });
  });

  test("a browser's offer", () => {
    const { media, attributes } = parseSdp(browser);
    expect(attributes.map(({ name }) => name)).toEqual(["group", "extmap-allow-mixed", "msid-semantic"]);
    expect(media[0]).toMatchObject({ mid: "0", rtcpMux: true, rtcp: { port: 9 }, fingerprints: [{ hash: "sha-256", value: "AA:BB" }] });
    expect(media[1]!.formats[0]!.feedback).toEqual(["nack", "nack pli", "trr-int 100"]);
  });

  test("what products get wrong is tolerated", () => {
    const text = "v=0\no=- 1 1 IN IP6 ::1\n\nm=audio 5000/2 RTP/AVP 0 0\na=sendonly  \na=rtpmap:garbage\na=crypto:x\n";
    const { media, name, timing } = parseSdp(text);
    expect({ name, timing }).toEqual({ name: "-", timing: "0 0" });
    expect(media[0]).toMatchObject({ port: 5000, direction: "sendonly", formatTokens: ["0", "0"] });
    expect(media[0]!.formats).toHaveLength(1);
    expect(media[0]!.attributes.map(({ name }) => name)).toEqual(["rtpmap", "crypto"]);
  });

  test.each([
    ["", "v=0"],
    ["v=1\r\n", "v=0"],
    ["v=0\r\ns=-\r\n", "o= line"],
    ["v=0\r\no=x\r\n", "o= line"],
    [sipp + "nonsense\r\n", "x=value"],
    [sipp + "m=audio\r\n", "m= line"],
    [sipp.replace("6000", "66000"), "port"],
    [sipp.replace("RTP/AVP 0", "RTP/AVP 0 128"), "payload type"],
    [sipp.replace("c=IN IP4 127.0.0.1", "c=IN IP4 <x>"), "c= line"],
    [sipp.replace("s=-", "s=a\0b"), "control character"],
  ])("%j is refused: %s", (text, reason) => {
    expect(() => parseSdp(text)).toThrow(ParseError);
    expect(() => parseSdp(text)).toThrow(reason);
  });

  test("what is larger than any call's is refused before it is looked at", () => {
    for (const text of [
      sipp + "a=x\r\n".repeat(3000),
      sipp + `a=${"x".repeat(5000)}\r\n`,
      sipp + `a=${"x".repeat(70_000)}\r\n`,
      sipp + "m=audio 1 RTP/AVP 0\r\n".repeat(40),
      sipp + `m=audio 1 RTP/AVP${" 0".repeat(200)}\r\n`,
    ]) {
      try {
        parseSdp(text);
        expect.unreachable();
      } catch (error) {
        expect(error).toMatchObject({ advice: { fault: "peer", sipStatus: 488 } });
      }
    }
  });

  test("a value with a line break is not written", () => {
    const session = parseSdp(sipp);
    expect(() => writeSdp({ ...session, name: "x\r\na=evil" })).toThrow(RangeError);
  });

  test("10,000 mutations are read or refused as a ParseError; what was read can be written and read again", {
    timeout: FUZZ_TIMEOUT,
  }, () => {
    const random = seeded(3);
    const texts = Object.values(samples);
    let read = 0;
    for (let i = 0; i < MUTATIONS; i++) {
      const chars = [...texts[random(texts.length)]!];
      for (let n = random(6); n >= 0; n--) {
        const at = random(chars.length);
        if (random(3) === 0) chars.splice(at, random(30));
        else if (random(2) === 0) chars.splice(at, 0, ...chars.slice(random(chars.length), random(chars.length)));
        else chars[at] = String.fromCharCode(random(random(8) === 0 ? 0x10000 : 128));
      }
      let session: SdpSession;
      try {
        session = parseSdp(chars.join(""));
      } catch (error) {
        if (!(error instanceof ParseError)) throw error;
        continue;
      }
      read++;
      expect(parseSdp(writeSdp(session)).media.length).toBe(session.media.length);
    }
    expect(read).toBeGreaterThan(MUTATIONS * 0.1);
  });
});

describe("the crypto attribute's syntax, RFC 4568 section 9.1", () => {
  test.each([
    "1 AES_CM_128_HMAC_SHA1_80 inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR|2^20|1:32",
    "999999999 F8_128_HMAC_SHA1_80 inline:a/b+c==|1048577 FEC_ORDER=FEC_SRTP KDR=1",
    "2 X inline:AAAA;inline:BBBB|2:4 -UNKNOWN",
    "3 X inline:AAAA|1:4",
  ])("%s", (value) => {
    expect(formatCrypto(parseCrypto(value)!)).toBe(value);
  });

  test("lifetimes in both forms", () => {
    expect(parseCrypto("1 X inline:AA|2^31")!.keys[0]!.lifetime).toBe(2147483648);
    expect(parseCrypto("1 X inline:AA|2147483648")!.keys[0]!.lifetime).toBe(2147483648);
  });

  test.each([
    "",
    "1",
    "1 X",
    "x X inline:AA",
    "1 X inline",
    "1 X inline:AA|",
    "1 X inline:AA|1:4|2^20",
    "1 X inline:AA;",
    "1 X-Y inline:AA",
    "-1 X inline:AA",
  ])("%j is none", (value) => {
    expect(parseCrypto(value)).toBeUndefined();
  });

  test("all four of a trunk's lines are read in order", () => {
    expect(parseSdp(cube).media[0]!.crypto.map(({ tag, suite }) => `${tag} ${suite}`)).toEqual([
      "1 AEAD_AES_256_GCM",
      "2 AEAD_AES_128_GCM",
      "3 AES_CM_128_HMAC_SHA1_80",
      "4 AES_CM_128_HMAC_SHA1_32",
    ]);
  });
});
