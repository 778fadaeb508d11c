import { describe, expect, test } from "vitest";
import { ParseError } from "../../../src/base/errors.ts";
import { encodeFrame, formatMeta, formatTime, FrameReader, parseAppMessage } from "../../../src/wire/drachtio/index.ts";
import { mutate, random } from "../../support/mutate.ts";

const contents = ["a|ping", `b|sip||\r\nOPTIONS sip:a@b SIP/2.0\r\n\r\n${"x".repeat(2000)}`, "c|route|invite"];

describe("frames", () => {
  test("are cut by their byte lengths, wherever the stream is broken up", () => {
    const stream = Buffer.from(contents.map(encodeFrame).join(""), "latin1");
    for (const size of [1, 2, 7, 100, 5000]) {
      const reader = new FrameReader();
      const out: string[] = [];
      for (let i = 0; i < stream.length; i += size) out.push(...reader.push(stream.subarray(i, i + size)).map((f) => f.toString("latin1")));
      expect(out).toEqual(contents);
    }
  });
  test("count bytes, not characters", () => {
    const content = `a|sip||\r\n${Buffer.from("Grüße").toString("latin1")}`;
    expect(encodeFrame(content)).toBe(`${content.length}#${content}`);
    expect(new FrameReader().push(Buffer.from(encodeFrame(content), "latin1"))[0]!.toString("utf8")).toContain("Grüße");
  });
  test.each(["#x", "0#", "abc#x", "99999999", "200000#x", "GET / HTTP/1.1"])("%j is not of this protocol", (text) => {
    expect(() => new FrameReader().push(Buffer.from(text))).toThrow(ParseError);
  });
  test("10,000 damaged ones are read or refused", () => {
    const next = random(9022);
    const seed = Buffer.from(contents.map(encodeFrame).join(""), "latin1");
    let read = 0;
    for (let i = 0; i < 10_000; i++) {
      try {
        for (const frame of new FrameReader().push(mutate(seed, next))) {
          parseAppMessage(frame);
          read++;
        }
      } catch (error) {
        if (!(error instanceof ParseError)) throw error;
      }
    }
    expect(read).toBeGreaterThan(5_000);
  });
});

describe("messages", () => {
  const parse = (text: string) => parseAppMessage(Buffer.from(text, "latin1"));
  test("of applications", () => {
    expect(parse("1|authenticate|cymru|a,b")).toEqual({ type: "authenticate", id: "1", secret: "cymru", tags: ["a", "b"] });
    expect(parse("1|route|cdr:start")).toEqual({ type: "route", id: "1", verb: "cdr:start" });
    expect(parse("1|sip|t|d|sip:proxy\r\nX")).toMatchObject({
      transactionId: "t",
      dialogId: "d",
      routeUri: "sip:proxy",
      sip: Buffer.from("X"),
    });
    expect(parse("1|proxy|t|remainInDialog||followRedirects|simultaneous|2s|1500ms|sip:a|sip:b\r\nX")).toMatchObject({
      recordRoute: true,
      fullResponse: false,
      followRedirects: true,
      simultaneous: true,
      provisionalTimeout: 2000,
      finalTimeout: 1500,
      destinations: ["sip:a", "sip:b"],
    });
    expect(() => parse("1|dance")).toThrow(ParseError);
  });
  test("META has the time of day to the microsecond", () => {
    expect(formatTime(Date.UTC(2026, 0, 1, 23, 4, 5) + 6.789)).toBe("23:04:05.006789");
    expect(formatMeta({ source: "network", bytes: 9, protocol: "tls", address: "::1", port: 5061, time: 0 })).toBe(
      "network|9|tls|::1|5061|00:00:00.000000",
    );
  });
});
