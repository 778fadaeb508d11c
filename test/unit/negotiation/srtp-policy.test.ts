import { describe, expect, test } from "vitest";
import { chooseAudio, decideSrtp, formatWarning, readAnswerCrypto, SUITE_ORDER, type SrtpPolicy } from "../../../src/negotiation/index.ts";
import { cryptoOf, generateKeying, SRTP_SUITES, type SrtpSuiteName } from "../../../src/srtp/index.ts";
import { formatCrypto, parseSdp, type SdpMedia } from "../../../src/wire/sdp/index.ts";
import { asterisk, baresip, browser, cube, expressway, sipp } from "../wire/sdp/samples.ts";

const audioOf = (text: string): SdpMedia => parseSdp(text).media[0]!;

/** A line offering these suites, tagged 1, 2, ... */
function line(protocol: string, ...names: SrtpSuiteName[]): SdpMedia {
  const crypto = names.map((name, i) => cryptoOf(generateKeying(SRTP_SUITES[name]), { tag: i + 1 }));
  return { ...audioOf(sipp), protocol, crypto };
}

describe("which suite", () => {
  test("ours first, whatever the offer's order, wherever a pair of suites is offered", () => {
    for (const [i, better] of SUITE_ORDER.entries()) {
      for (const worse of SUITE_ORDER.slice(i + 1)) {
        const decision = decideSrtp({ offerMedia: line("RTP/SAVP", worse, better), policy: "required", transport: "tls" });
        expect(decision).toMatchObject({ kind: "srtp", crypto: { tag: 2, keying: { suite: { name: better } } } });
      }
    }
  });

  test("the order Cisco's edges demand is ours", () => {
    const decision = decideSrtp({ offerMedia: audioOf(cube), policy: "preferred", transport: "TLS" });
    expect(decision).toMatchObject({ kind: "srtp", crypto: { tag: 1, suiteName: "AEAD_AES_256_GCM" } });
  });

  test("what the trunk does not allow is passed over, and said so", () => {
    const decision = decideSrtp({
      offerMedia: audioOf(cube),
      policy: "required",
      transport: "tls",
      allowedSuites: ["AES_CM_128_HMAC_SHA1_80"],
    });
    expect(decision).toMatchObject({ kind: "srtp", crypto: { tag: 3 } });
    if (decision.kind === "srtp")
      expect(decision.skipped.map(({ tag, reason }) => [tag, reason])).toEqual(expect.arrayContaining([[1, "not allowed on this trunk"]]));
  });

  test("an attribute with an unknown session parameter is not taken, its neighbour is; no MKI is better than one", () => {
    const decision = decideSrtp({ offerMedia: audioOf(expressway), policy: "required", transport: "tls" });
    expect(decision).toMatchObject({
      kind: "srtp",
      crypto: { tag: 1 },
      skipped: [{ tag: 2, reason: expect.stringContaining("UNENCRYPTED_SRTCP") }],
    });
    const twin = line("RTP/SAVP", "AEAD_AES_128_GCM", "AEAD_AES_128_GCM");
    const withMki = { ...twin.crypto[0]!, keys: [{ ...twin.crypto[0]!.keys[0]!, mki: { value: 1n, length: 4 } }] };
    const offerMedia = { ...twin, crypto: [withMki, twin.crypto[1]!] };
    expect(decideSrtp({ offerMedia, policy: "required", transport: "tls" })).toMatchObject({ crypto: { tag: 2 } });
  });
});

describe("policy, profile, transport", () => {
  const keys = (protocol: string) => line(protocol, "AES_CM_128_HMAC_SHA1_80");
  const table: [policy: SrtpPolicy, transport: string, offer: SdpMedia, outcome: string][] = [
    ["required", "tls", keys("RTP/SAVP"), "srtp"],
    ["required", "wss", keys("RTP/SAVPF"), "srtp"],
    ["required", "tls", keys("RTP/AVP"), "srtp"],
    ["required", "tls", line("RTP/AVP"), "srtp-required"],
    ["required", "tls", line("RTP/SAVP"), "srtp-required"],
    ["required", "udp", keys("RTP/SAVP"), "srtp-keys-in-clear"],
    ["required", "tcp", line("RTP/AVP"), "srtp-keys-in-clear"],
    ["preferred", "tls", keys("RTP/SAVP"), "srtp"],
    ["preferred", "tls", keys("RTP/AVP"), "srtp"],
    ["preferred", "tls", line("RTP/AVP"), "plain"],
    ["preferred", "tls", line("RTP/SAVP"), "srtp-no-acceptable-suite"],
    ["preferred", "udp", keys("RTP/SAVP"), "srtp-keys-in-clear"],
    ["preferred", "ws", keys("RTP/AVP"), "plain"],
    ["preferred", "tcp", line("RTP/AVP"), "plain"],
    ["none", "tls", keys("RTP/SAVP"), "srtp-not-allowed"],
    ["none", "tls", keys("RTP/AVP"), "plain"],
    ["none", "udp", line("RTP/AVPF"), "plain"],
    ["required", "tls", line("UDP/TLS/RTP/SAVPF"), "dtls-srtp-not-supported"],
  ];
  test.each(table)("%s over %s", (policy, transport, offerMedia, outcome) => {
    const decision = decideSrtp({ policy, transport, offerMedia });
    expect(decision.kind === "refuse" ? decision.code : decision.kind).toBe(outcome);
  });

  test("a private network makes keys in clear acceptable", () => {
    const decision = decideSrtp({ policy: "required", transport: "udp", privateNetwork: true, offerMedia: keys("RTP/SAVP") });
    expect(decision.kind).toBe("srtp");
  });

  test("unusable keys: refused where SRTP is demanded by either side, plain where neither does", () => {
    const odd = (protocol: string) => ({
      ...audioOf(baresip),
      protocol,
      crypto: [{ ...keys(protocol).crypto[0]!, suite: "AEAD_AES_256_GCM_8" }],
    });
    const outcome = (policy: SrtpPolicy, protocol: string) => decideSrtp({ policy, transport: "tls", offerMedia: odd(protocol) });
    expect(outcome("preferred", "RTP/AVP")).toEqual({ kind: "plain", ignoredKeys: true });
    expect(outcome("required", "RTP/AVP")).toMatchObject({ code: "srtp-no-acceptable-suite" });
    const refused = outcome("preferred", "RTP/SAVP");
    expect(refused).toMatchObject({
      kind: "refuse",
      status: 488,
      warning: 399,
      text: expect.stringContaining("AEAD_AES_256_GCM_8: unknown suite"),
    });
    if (refused.kind === "refuse") expect(formatWarning(refused, "host:5061")).toMatch(/^399 host:5061 "No acceptable SRTP suite/);
  });

  test("no refusal text holds a key", () => {
    for (const [policy, transport, offerMedia] of table) {
      const text = JSON.stringify(decideSrtp({ policy, transport, offerMedia }));
      const decision = decideSrtp({ policy, transport, offerMedia });
      if (decision.kind === "refuse") for (const { keys } of offerMedia.crypto) expect(text).not.toContain(keys[0]!.keySalt);
    }
  });
});

describe("which line", () => {
  test("a protected audio line before a plain one, a rejected one never", () => {
    const plain = audioOf(sipp);
    const secure = audioOf(asterisk);
    const offer = (...media: SdpMedia[]) => ({ ...parseSdp(sipp), media });
    const context = { policy: "preferred", transport: "tls" } as const;
    expect(chooseAudio(offer(plain, secure), context)).toMatchObject({ index: 1, decision: { kind: "srtp" } });
    expect(chooseAudio(offer({ ...secure, port: 0 }, plain), context)).toMatchObject({ index: 1, decision: { kind: "plain" } });
    expect(chooseAudio(offer(secure, plain), { ...context, transport: "udp" })).toMatchObject({ index: 1, decision: { kind: "plain" } });
    expect(chooseAudio(offer({ ...plain, kind: "video" }), context)).toMatchObject({ kind: "refuse", code: "no-audio", warning: 304 });
    expect(chooseAudio(parseSdp(browser), context)).toMatchObject({ code: "dtls-srtp-not-supported" });
  });
});

describe("the answer to our keys", () => {
  const offered = [
    { tag: 1, suiteName: "AEAD_AES_256_GCM" },
    { tag: 2, suiteName: "AES_CM_128_HMAC_SHA1_80" },
  ];
  const answer = (tag: number, name: SrtpSuiteName, protocol = "RTP/SAVP") => ({
    ...line(protocol),
    crypto: [cryptoOf(generateKeying(SRTP_SUITES[name]), { tag })],
  });
  test("one we offered is taken", () => {
    expect(readAnswerCrypto(answer(2, "AES_CM_128_HMAC_SHA1_80"), offered, true)).toMatchObject({ kind: "srtp", crypto: { tag: 2 } });
  });
  test("another suite, another tag, two keys, none: refused or plain", () => {
    expect(readAnswerCrypto(answer(1, "AES_CM_128_HMAC_SHA1_80"), offered, true)).toMatchObject({ code: "srtp-answer-mismatch" });
    expect(readAnswerCrypto(answer(3, "AEAD_AES_256_GCM"), offered, true)).toMatchObject({ code: "srtp-answer-mismatch" });
    const twice = answer(1, "AEAD_AES_256_GCM");
    expect(readAnswerCrypto({ ...twice, crypto: [...twice.crypto, ...twice.crypto] }, offered, true)).toMatchObject({
      code: "srtp-answer-mismatch",
    });
    expect(readAnswerCrypto(line("RTP/AVP"), offered, true)).toMatchObject({ code: "srtp-required" });
    expect(readAnswerCrypto(line("RTP/AVP"), offered, false)).toEqual({ kind: "plain", ignoredKeys: false });
    expect(readAnswerCrypto(line("RTP/SAVP"), offered, false)).toMatchObject({ code: "srtp-required" });
  });
  test("a key of the wrong length is refused without being quoted", () => {
    const bad = answer(1, "AES_CM_128_HMAC_SHA1_80");
    const crypto = [{ ...bad.crypto[0]!, suite: "AEAD_AES_256_GCM" }];
    const decision = readAnswerCrypto({ ...bad, crypto }, offered, true);
    expect(decision).toMatchObject({ code: "srtp-answer-mismatch" });
    expect(JSON.stringify(decision)).not.toContain(formatCrypto(crypto[0]!).slice(30));
  });
});
