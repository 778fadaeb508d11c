import { describe, expect, it } from "vitest";
import { CAUSE, causeOfStatus, formatReason, parseReason } from "../../../src/legs/cause.ts";
import { KeyMerger, parseInfoDtmf } from "../../../src/legs/dtmf.ts";
import { parseDump, readStats } from "../../../src/media-client/stats.ts";
import { answerSessionTimer, askSessionTimer, parseSessionExpires } from "../../../src/legs/sip/session-timer.ts";
import { repeated } from "../../../src/legs/sip/drachtio.ts";
import { formatSipfrag, parseReferTo, parseSipfrag } from "../../../src/legs/sip/refer.ts";

describe("causes", () => {
  // RFC 4497 section 8.4.4, the rows the contract names among them
  it.each([
    [404, 1],
    [486, 17],
    [603, 21],
    [403, 21],
    [408, 102],
    [480, 18],
    [484, 28],
    [488, 79],
    [500, 41],
    [504, 102],
    [699, 31],
  ])("status %i is cause %i", (status, cause) => {
    expect(causeOfStatus(status)).toBe(cause);
  });

  it("go into a Reason field that nothing gets out of", () => {
    expect(formatReason(CAUSE.normalClearing, 'a "b"\r\nVia: x\\')).toBe('Q.850;cause=16;text="a  b   Via: x "');
  });

  it.each([
    ['Q.850;cause=16;text="Normal"', { cause: 16, text: "Normal" }],
    ['SIP;cause=486;text="Busy, very", Q.850;cause=34', { cause: 34, text: "" }],
    ['SIP ;cause=200 ;text="Call completed elsewhere"', { cause: 31, text: "Call completed elsewhere" }],
    ["sip;cause=486", { cause: 17, text: "" }],
    ["Q.850;text=x", undefined],
    ["preemption;cause=1", undefined],
    ["", undefined],
    [undefined, undefined],
  ])("come out of %s", (field, expected) => {
    expect(parseReason(field)).toEqual(expected);
  });
});

describe("keys in INFO", () => {
  it.each([
    ["application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", { digit: "5", durationMs: 160 }],
    ["application/dtmf-relay", "Signal= *\r\nDuration= 250", { digit: "*", durationMs: 250 }],
    ["Application/DTMF-Relay; charset=utf-8", "signal=11", { digit: "#", durationMs: 160 }],
    ["application/dtmf", "7", { digit: "7", durationMs: 160 }],
    ["application/dtmf", "10", { digit: "*", durationMs: 160 }],
    ["application/dtmf", "d", { digit: "D", durationMs: 160 }],
    ["application/dtmf", "12", undefined],
    ["application/dtmf-relay", "Duration=160", undefined],
    ["text/plain", "5", undefined],
    [undefined, "5", undefined],
  ])("%s %j", (type, body, expected) => {
    expect(parseInfoDtmf(type, body)).toEqual(expected);
  });

  it("and in the media are one key when both bring the same", () => {
    const merger = new KeyMerger();
    expect(merger.accept("5", "media", 0)).toBe(true);
    expect(merger.accept("5", "signalling", 300)).toBe(false);
    expect(merger.accept("5", "media", 400)).toBe(true);
    expect(merger.accept("5", "media", 500)).toBe(true);
    expect(merger.accept("5", "signalling", 1_300)).toBe(true);
    expect(merger.accept("6", "media", 1_350)).toBe(true);
  });

  it("are one key each where one way tells of it as it begins and the other as it ends, and where one lags behind by a key", () => {
    const held = new KeyMerger();
    expect(held.accept("5", "signalling", 0)).toBe(true);
    expect(held.accept("5", "media", 2_100, 2_000)).toBe(false);
    const lags = new KeyMerger();
    expect(lags.accept("5", "signalling", 0)).toBe(true);
    expect(lags.accept("5", "signalling", 200)).toBe(true);
    expect(lags.accept("5", "media", 300, 100)).toBe(false);
    expect(lags.accept("5", "media", 500, 100)).toBe(false);
    expect(lags.accept("5", "media", 700, 100)).toBe(true);
  });
});

describe("session timers (RFC 4028)", () => {
  const policy = { expires: 1800, minSe: 90 };
  const answer = (sessionExpires?: string, supported?: string, minSe?: string, own = policy) =>
    answerSessionTimer({ sessionExpires, supported, minSe }, own);

  it("leave refreshing to a caller that can, unless it asks us", () => {
    expect(answer("1200", "timer, 100rel")).toEqual({
      kind: "accepted",
      headers: { "Session-Expires": "1200;refresher=uac", Supported: "timer", Require: "timer" },
    });
    expect(answer("1200;refresher=uas", "timer")).toEqual({
      kind: "accepted",
      headers: { "Session-Expires": "1200;refresher=uas", Supported: "timer" },
    });
  });
  it("refresh for a caller that cannot", () => {
    expect(answer(undefined, undefined)).toEqual({
      kind: "accepted",
      headers: { "Session-Expires": "1800;refresher=uas", Supported: "timer" },
    });
    expect(answer(undefined, undefined, undefined, { expires: 0, minSe: 90 })).toEqual({ kind: "accepted", headers: {} });
  });
  it("refuse an interval below ours, and stay above theirs", () => {
    expect(answer("60", "timer")).toEqual({ kind: "too-small", minSe: 90 });
    expect(answer("14400", "timer", "1800", { expires: 1000, minSe: 90 })).toMatchObject({
      headers: { "Session-Expires": "1800;refresher=uac" },
    });
  });
  it("are asked for in our own calls", () => {
    expect(askSessionTimer(policy)).toEqual({ Supported: "timer", "Session-Expires": "1800", "Min-SE": "90" });
    expect(askSessionTimer({ expires: 0, minSe: 90 })).toEqual({ Supported: "timer" });
  });
  it("are read as they are written", () => {
    expect(parseSessionExpires(" 1800 ;refresher = UAS;x")).toEqual({ seconds: 1800, refresher: "uas" });
    expect(parseSessionExpires("soon")).toBeUndefined();
  });
});

describe("REFER", () => {
  it.each([
    ["<sip:bob@example.com>", { target: "sip:bob@example.com", replaces: undefined }],
    ['"Bob" <sips:bob@example.com;x=1>;y=2', { target: "sips:bob@example.com;x=1", replaces: undefined }],
    ["sip:bob@example.com;method=INVITE", { target: "sip:bob@example.com", replaces: undefined }],
    [
      "<sip:bob@example.com?Subject=a&Replaces=12%40x%3Bto-tag%3D1%3Bfrom-tag%3D2>",
      { target: "sip:bob@example.com", replaces: "12@x;to-tag=1;from-tag=2" },
    ],
    ["<sip:bob@example.com?Replaces=a%0d%0aVia:x>", undefined],
    ["<sip:bob@example.com?Replaces=%zz>", undefined],
    ["<http://example.com>", undefined],
    ["", undefined],
    [undefined, undefined],
  ])("to %s", (field, expected) => {
    expect(parseReferTo(field)).toEqual(expected);
  });
  it("is told of by fragments", () => {
    expect(parseSipfrag(formatSipfrag(200))).toBe(200);
    expect(formatSipfrag(100)).toBe("SIP/2.0 100 Trying\r\n");
    expect(parseSipfrag("HTTP/1.1 200")).toBeUndefined();
    expect(parseSipfrag(undefined)).toBeUndefined();
  });
});

describe("headers", () => {
  it("of one name stand on lines of their own", () => {
    expect(`WWW-Authenticate: ${repeated("WWW-Authenticate", ["Digest a", "Digest b"])}`).toBe(
      "WWW-Authenticate: Digest a\r\nWWW-Authenticate: Digest b",
    );
  });
});

describe("figures of the media server", () => {
  it("are nothing before there is a codec", () => {
    expect(readStats({})).toBeNull();
  });
  it("are read from channel variables", () => {
    const dump = [
      "Event-Name: CHANNEL_DATA",
      "variable_rtp_use_codec_name: PCMU",
      "variable_rtp_has_crypto: AEAD_AES_256_GCM",
      "variable_sip_h_X: 100%25 %zz",
      "variable_rtp_audio_in_packet_count: 990",
      "variable_rtp_audio_out_packet_count: 1000",
      "variable_rtp_audio_in_jitter_loss_rate: 0.0125",
      "variable_rtp_audio_in_jitter_max_variance: 4.00",
    ].join("\n");
    const variables = parseDump(dump);
    expect(variables["variable_sip_h_X"]).toBe("100%25 %zz");
    expect(readStats(variables)).toEqual({
      codec: "PCMU",
      srtp: "AEAD_AES_256_GCM",
      packetsIn: 990,
      packetsOut: 1000,
      lossPercent: 1.25,
      jitterMs: 2,
    });
    expect(readStats({ ...variables, variable_rtp_audio_in_jitter_ms: "0.75", variable_rtp_use_codec_name: "OPUS" })).toMatchObject({
      codec: "opus",
      jitterMs: 0.75,
    });
  });
});
