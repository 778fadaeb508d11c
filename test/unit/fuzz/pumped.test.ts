/** The inputs that once stopped the thread, under a limit of steps. Each took 200 million and more; the limit is 200 a byte. */
import { expect, test } from "vitest";
import { readers } from "../../fuzz/readers.ts";
import { measureWork } from "../../fuzz/work.ts";

const SIZE = 20_000;
const pump = (piece: string): string => piece.repeat(SIZE / piece.length);
const sdp = (line: string): string => `v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n${line}\r\nm=audio 9 RTP/AVP 0\r\n`;
const invite = (field: string): string =>
  `INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n${field}\r\n\r\n`;

test.each([
  ["dtmf-info", "line ends", `${pump("\r\n")}Signal`],
  ["dtmf-info", "blanks before a line end", `Signal=${pump(" ")}x\r\n`],
  ["sdp", "blanks in a line", sdp(`a=x${pump(" ")}y`)],
  ["sdp", "floors without end", sdp(`a=floorid:1 ${"mstrm:".repeat(600)}`)],
  ["digest", "blanks between parameters", `Digest realm="a",${pump(" ")}nonce`],
  ["digest", "blanks and no end", `Digest a${pump(" ")}b=c`],
  ["certificate-names", "blanks before CN", `${pump(" ")}CN`],
  ["certificate-names", "CN without a name", pump("CN=")],
  ["event-socket", "blanks in Content-Length", `Content-Length:${pump(" ")}1x\n\n`],
  ["refer-to", "brackets that do not close", pump("<")],
  ["sip-message", "a folded field of blanks", invite(`Subject: a\r\n ${pump(" ")}b`)],
  ["sip-message", "lines without a colon", `INVITE sip:a@b SIP/2.0\r\n${pump("le.net>\r\n")}`],
  ["name-addr", "blanks after a tag", `<sip:a@b>;tag=x[${pump(" ")}y`],
  ["name-addr", "a bracket that does not close", `${pump(" ")}<sip:a@b`],
  ["warning", "escapes that do not end", `399 a "${pump("\\x")}`],
  ["reason", "quotes that do not end", `SIP;${pump('"a')}`],
  ["media-server-arguments", "flags that do not close", pump("flags{")],
  ["media-server-arguments", "tones that do not close", pump("%(")],
  ["dial-string", "separators", `sip:${pump("##")}a@b`],
])("%s: %s", (name, _, input) => {
  const reader = readers.find((one) => one.name === name)!;
  // The lint's verdict on each expression is asked for the first time it runs.
  const work = measureWork(() => {
    try {
      reader.open()(Buffer.from(input, "latin1"));
    } catch (error) {
      expect(String(error)).toMatch(/^(?:Parse|Per|Protocol)Error/);
    }
  });
  expect(work).toBeGreaterThan(0);
  expect(work).toBeLessThan(200 * input.length);
});

test("the meter counts loops, searches and expressions alike", () => {
  const text = " ".repeat(5_000);
  expect(measureWork(() => void text.indexOf("x"))).toBeGreaterThanOrEqual(5_000);
  expect(measureWork(() => void /x/.test(text))).toBeLessThan(10_000);
  expect(measureWork(() => void /\s+$/.test(`${text}x`))).toBeGreaterThan(20_000_000);
});
