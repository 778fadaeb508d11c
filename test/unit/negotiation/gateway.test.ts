import { describe, expect, test } from "vitest";
import {
  type AudioChoice,
  answerForCaller,
  answerForMediaServer,
  chooseAudio,
  compareDescriptions,
  offerForMediaServer,
  offerForPeer,
  type Refusal,
  type Rewritten,
  rejectLine,
  reviseOrigin,
  type SrtpContext,
} from "../../../src/negotiation/index.ts";
import { cryptoOf, generateKeying, readCrypto, SRTP_SUITES, sameKeying } from "../../../src/srtp/index.ts";
import { parseSdp, type SdpSession, writeSdp } from "../../../src/wire/sdp/index.ts";
import { asterisk, baresip, cube, expressway, freeswitch, sipp } from "../wire/sdp/samples.ts";

const tls: SrtpContext = { policy: "preferred", transport: "tls" };

function chosen(offer: SdpSession, context = tls): AudioChoice {
  const choice = chooseAudio(offer, context);
  if (choice.kind === "refuse") throw new Error(choice.text);
  return choice;
}

function rewritten<T extends Rewritten>(result: T | Refusal): T {
  if (result.kind === "refuse") throw new Error(`${result.code}: ${result.text}`);
  return result;
}

/** A media server's answer: FreeSWITCH's shape, one key for the suite it was shown. */
function mediaServerAnswer(shown: SdpSession): SdpSession {
  const answer = parseSdp(freeswitch);
  const [line] = answer.media;
  const offered = shown.media[0]!;
  const crypto = offered.crypto.map((attribute) => {
    const read = readCrypto(attribute);
    if (!read.usable) throw new Error(read.reason);
    return cryptoOf(generateKeying(read.keying.suite), { tag: attribute.tag, suiteName: attribute.suite });
  });
  return { ...answer, media: [{ ...line!, protocol: offered.protocol, crypto }] };
}

describe("a caller's offer to the media server and back", () => {
  test.each([
    ["baresip", baresip, "1 AES_CM_128_HMAC_SHA1_80"],
    ["asterisk", asterisk, "1 AEAD_AES_256_GCM"],
    ["cube", cube, "1 AEAD_AES_256_GCM"],
    ["expressway", expressway, "1 AES_CM_128_HMAC_SHA1_80"],
    ["sipp", sipp, undefined],
  ])("%s", (_, text, key) => {
    const offer = parseSdp(text);
    const choice = chosen(offer);
    const shown = offerForMediaServer(offer, choice);
    expect(shown.media).toHaveLength(1);
    expect(shown.media[0]).toMatchObject({ kind: "audio", protocol: key ? "RTP/SAVP" : "RTP/AVP", port: offer.media[0]!.port });
    expect(shown.media[0]!.crypto.map(({ tag, suite }) => `${tag} ${suite}`)).toEqual(key ? [key] : []);
    expect(shown.media[0]!.formatTokens).toEqual(offer.media[0]!.formatTokens);
    if (choice.decision.kind === "srtp") {
      const read = readCrypto(shown.media[0]!.crypto[0]!);
      expect(read.usable && sameKeying(read.keying, choice.decision.crypto.keying)).toBe(true);
    }
    const { session } = rewritten(answerForCaller(mediaServerAnswer(shown), { offer, choice }));
    expect(session.media.map(({ kind, protocol }) => [kind, protocol])).toEqual(offer.media.map(({ kind, protocol }) => [kind, protocol]));
    expect(session.media.map(({ port }) => port !== 0)).toEqual(offer.media.map((_, i) => i === 0));
    expect(session.media[0]!.crypto.map(({ tag, suite }) => `${tag} ${suite}`)).toEqual(key ? [key] : []);
    expect(session.media[0]).toMatchObject({ port: 21000, rtcp: { port: 21001 } });
    expect(parseSdp(writeSdp(session))).toEqual(session);
  });

  test("best effort keeps RTP/AVP for the caller and shows the media server RTP/SAVP", () => {
    const offer = parseSdp(asterisk.replace("RTP/SAVP", "RTP/AVP"));
    const choice = chosen(offer);
    const shown = offerForMediaServer(offer, choice);
    expect(shown.media[0]!.protocol).toBe("RTP/SAVP");
    const { session } = rewritten(answerForCaller(mediaServerAnswer(shown), { offer, choice }));
    expect(session.media[0]).toMatchObject({ protocol: "RTP/AVP", crypto: [{ tag: 1, suite: "AEAD_AES_256_GCM" }] });
  });

  test("over TCP the keys never reach the media server", () => {
    const offer = parseSdp(asterisk.replace("RTP/SAVP", "RTP/AVP"));
    const shown = offerForMediaServer(offer, chosen(offer, { ...tls, transport: "tcp" }));
    expect(writeSdp(shown)).not.toContain("crypto");
    expect(shown.media[0]!.protocol).toBe("RTP/AVP");
  });

  test("tag, spelling and base64 padding of the answer are the caller's", () => {
    const keying = generateKeying(SRTP_SUITES.AES_256_CM_HMAC_SHA1_80);
    const crypto = [cryptoOf(keying, { tag: 42, suiteName: "AES_CM_256_HMAC_SHA1_80", padded: false })];
    const parsed = parseSdp(baresip);
    const offer = { ...parsed, media: [{ ...parsed.media[0]!, crypto }] };
    const choice = chosen(offer);
    const shown = offerForMediaServer(offer, choice);
    expect(shown.media[0]!.crypto[0]!.keys[0]!.keySalt).toMatch(/==$/);
    const answer = mediaServerAnswer(shown);
    const renumbered = { ...answer, media: [{ ...answer.media[0]!, crypto: answer.media[0]!.crypto.map((c) => ({ ...c, tag: 1 })) }] };
    const { session } = rewritten(answerForCaller(renumbered, { offer, choice }));
    expect(session.media[0]!.crypto[0]).toMatchObject({ tag: 42, suite: "AES_CM_256_HMAC_SHA1_80" });
    expect(session.media[0]!.crypto[0]!.keys[0]!.keySalt).not.toContain("=");
  });

  test("the second audio line can be the one, the first is then rejected", () => {
    const secure = parseSdp(asterisk);
    const offer = { ...secure, media: [parseSdp(sipp).media[0]!, ...secure.media] };
    const choice = chosen(offer);
    const { session } = rewritten(answerForCaller(mediaServerAnswer(offerForMediaServer(offer, choice)), { offer, choice }));
    expect(session.media.map(({ port, protocol }) => [port, protocol])).toEqual([
      [0, "RTP/AVP"],
      [21000, "RTP/SAVP"],
    ]);
  });

  test("another answers the video line", () => {
    const offer = parseSdp(expressway);
    const choice = chosen(offer);
    const video = { ...rejectLine(offer.media[1]!), port: 30000 };
    const others = new Map([[1, video]]);
    const { session } = rewritten(answerForCaller(mediaServerAnswer(offerForMediaServer(offer, choice)), { offer, choice, others }));
    expect(session.media.map(({ port }) => port)).toEqual([21000, 30000, 0, 0, 0]);
  });

  test("a media server that rejects, or does not protect, is not passed on", () => {
    const offer = parseSdp(asterisk);
    const choice = chosen(offer);
    const answer = mediaServerAnswer(offerForMediaServer(offer, choice));
    const change = (line: object) => ({ ...answer, media: [{ ...answer.media[0]!, ...line }] });
    expect(answerForCaller(change({ port: 0 }), { offer, choice })).toMatchObject({ code: "audio-rejected" });
    expect(answerForCaller(change({ crypto: [] }), { offer, choice })).toMatchObject({ code: "srtp-answer-mismatch" });
  });

  test("our o= line goes on over re-INVITEs: raised when something changed, kept when nothing did", () => {
    const offer = parseSdp(sipp);
    const choice = chosen(offer);
    const answer = mediaServerAnswer(offerForMediaServer(offer, choice));
    const first = rewritten(answerForCaller(answer, { offer, choice })).session;
    const same = { ...answer, origin: { ...answer.origin, sessionId: "99", version: "77" } };
    expect(rewritten(answerForCaller(same, { offer, choice, previous: first })).session).toBe(first);
    const moved = { ...same, media: [{ ...same.media[0]!, port: 22000 }] };
    const third = rewritten(answerForCaller(moved, { offer, choice, previous: first })).session;
    expect(third.origin).toEqual({ ...first.origin, version: String(BigInt(first.origin.version) + 1n) });
    expect(reviseOrigin(undefined, first)).toBe(first);
  });
});

describe("the media server's offer to a peer and back", () => {
  /** All suites, worst first, as RTP/AVP. */
  const mediaServerOffer = (protocol = "RTP/AVP"): SdpSession => {
    const session = parseSdp(freeswitch);
    const crypto = Object.values(SRTP_SUITES)
      .reverse()
      .map((suite, i) => cryptoOf(generateKeying(suite), { tag: i + 1 }));
    return { ...session, media: [{ ...session.media[0]!, protocol, crypto }] };
  };
  const plainOffer = (): SdpSession => {
    const session = mediaServerOffer();
    return { ...session, media: [{ ...session.media[0]!, crypto: [] }] };
  };
  const required: SrtpContext = { policy: "required", transport: "tls" };

  test("suites go out in our order, as far as the trunk allows them, with the media server's keys", () => {
    const offer = mediaServerOffer();
    const { session } = rewritten(offerForPeer(offer, { ...required, allowedSuites: ["AES_CM_128_HMAC_SHA1_80", "AEAD_AES_256_GCM"] }));
    expect(session.media[0]).toMatchObject({ protocol: "RTP/SAVP" });
    expect(session.media[0]!.crypto.map(({ suite }) => suite)).toEqual(["AEAD_AES_256_GCM", "AES_CM_128_HMAC_SHA1_80"]);
    for (const attribute of session.media[0]!.crypto) {
      expect(offer.media[0]!.crypto.find(({ tag }) => tag === attribute.tag)).toEqual(attribute);
    }
  });

  test.each([
    [{ policy: "required", transport: "tls" }, "RTP/SAVP", 6],
    [{ policy: "preferred", transport: "tls" }, "RTP/AVP", 6],
    [{ policy: "preferred", transport: "udp" }, "RTP/AVP", 0],
    [{ policy: "none", transport: "tls" }, "RTP/AVP", 0],
    [{ policy: "required", transport: "udp", privateNetwork: true }, "RTP/SAVP", 6],
  ] as const)("%j", (context, protocol, keys) => {
    const [line] = rewritten(offerForPeer(mediaServerOffer(), context)).session.media;
    expect([line!.protocol, line!.crypto.length]).toEqual([protocol, keys]);
  });

  test("what cannot be protected as required is refused before it goes out", () => {
    expect(offerForPeer(plainOffer(), required)).toMatchObject({ code: "srtp-required" });
    expect(offerForPeer(mediaServerOffer(), { policy: "required", transport: "tcp" })).toMatchObject({ code: "srtp-keys-in-clear" });
    expect(offerForPeer(mediaServerOffer("RTP/SAVP"), { policy: "none", transport: "tls" })).toMatchObject({ code: "srtp-not-allowed" });
    expect(offerForPeer({ ...plainOffer(), media: [] }, required)).toMatchObject({ code: "no-audio" });
  });

  /** A peer's answer that takes the key with this tag, or none. */
  function peerAnswer(sent: SdpSession, tag: number | undefined): SdpSession {
    const answer = parseSdp(sipp);
    const line = sent.media[0]!;
    const crypto = line.crypto.filter((attribute) => attribute.tag === tag);
    return { ...answer, media: [{ ...answer.media[0]!, protocol: line.protocol, crypto }] };
  }

  test("the key the peer took reaches the media server under its own tag", () => {
    const offer = mediaServerOffer();
    const { session: sent } = rewritten(offerForPeer(offer, required));
    const tag = sent.media[0]!.crypto[2]!.tag;
    const side = { mediaServerOffer: offer, sent, context: required };
    const result = rewritten(answerForMediaServer(peerAnswer(sent, tag), side));
    expect(result.session.media).toHaveLength(1);
    expect(result.session.media[0]).toMatchObject({ protocol: "RTP/AVP", port: 6000, crypto: [{ tag }] });
    expect(result.decision).toMatchObject({ kind: "srtp", crypto: { tag } });
  });

  test("a peer that declines SRTP: plain where it was best effort, refused where required", () => {
    const offer = mediaServerOffer();
    const sent = rewritten(offerForPeer(offer, tls)).session;
    const answer = peerAnswer(sent, undefined);
    expect(rewritten(answerForMediaServer(answer, { mediaServerOffer: offer, sent, context: tls })).decision.kind).toBe("plain");
    expect(answerForMediaServer(answer, { mediaServerOffer: offer, sent, context: required })).toMatchObject({ code: "srtp-required" });
    const insisting = mediaServerOffer("RTP/SAVP");
    expect(answerForMediaServer(answer, { mediaServerOffer: insisting, sent, context: tls })).toMatchObject({
      code: "srtp-answer-mismatch",
    });
  });

  test("a peer that answers a suite it was not offered is refused, as is one that rejects the line", () => {
    const offer = mediaServerOffer();
    const sent = rewritten(offerForPeer(offer, { ...required, allowedSuites: ["AES_256_CM_HMAC_SHA1_80"] })).session;
    const { tag } = sent.media[0]!.crypto[0]!;
    const answer = peerAnswer(sent, tag);
    const other = { ...answer.media[0]!, crypto: [cryptoOf(generateKeying(SRTP_SUITES.AES_CM_128_HMAC_SHA1_80), { tag })] };
    const side = { mediaServerOffer: offer, sent, context: required };
    expect(answerForMediaServer({ ...answer, media: [other] }, side)).toMatchObject({ code: "srtp-answer-mismatch" });
    expect(answerForMediaServer({ ...answer, media: [{ ...other, port: 0 }] }, side)).toMatchObject({ code: "audio-rejected" });
    expect(answerForMediaServer({ ...answer, media: [] }, side)).toMatchObject({ code: "audio-rejected" });
  });
});

describe("what a new offer changes", () => {
  const before = parseSdp(asterisk);
  const raise = (text: string) => parseSdp(text.replace("1093814529 IN", "1093814530 IN"));
  const change = (after: SdpSession) => {
    const result = compareDescriptions(before, after, 0);
    if (result.kind === "refuse") throw new Error(result.code);
    const { kind, ...flags } = result;
    return Object.entries(flags).flatMap(([name, value]) => (value ? [name] : []));
  };
  test.each([
    ["the same", asterisk, ["unchanged"]],
    ["hold", asterisk.replace("sendrecv", "sendonly"), ["direction"]],
    ["hold by address", asterisk.replace("c=IN IP4 192.0.2.10", "c=IN IP4 0.0.0.0"), ["address", "direction"]],
    ["another port", asterisk.replace("14702", "14704"), ["address"]],
    ["another key", asterisk.replace("AAECAwQF", "BBECAwQF"), ["keys"]],
    ["fewer codecs", asterisk.replace("9 0 8 101", "0 101"), ["formats"]],
    ["a new line", asterisk + "m=video 0 RTP/AVP 96\r\n", ["addedLines"]],
  ])("%s", (_, text, flags) => {
    expect(change(parseSdp(text))).toEqual(flags);
    expect(change(raise(text))).toEqual(flags);
  });
  test("lines cannot go or change places", () => {
    const many = parseSdp(expressway);
    expect(compareDescriptions(many, { ...many, media: many.media.slice(0, 4) }, 0)).toMatchObject({ code: "lines-removed" });
    expect(compareDescriptions(many, { ...many, media: [...many.media].reverse() }, 0)).toMatchObject({ code: "lines-removed" });
  });
});
