import { describe, expect, it } from "vitest";
import { readBody } from "../../../../src/legs/sip/body.ts";

const SDP = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n";
const message = (type: string | undefined, body: string, disposition?: string) => ({
  body,
  get: (name: string) => (name === "Content-Type" ? type : name === "Content-Disposition" ? disposition : undefined),
});
const parts = (boundary: string, ...all: string[]) =>
  `preamble\r\n${all.map((one) => `--${boundary}\r\n${one}\r\n`).join("")}--${boundary}--\r\n`;
const sdp = `Content-Type: application/sdp\r\n\r\n${SDP}`;

describe("the session description of a body (RFC 5621)", () => {
  it.each([
    ["alone", "application/sdp", SDP],
    ["without Content-Type", undefined, SDP],
    [
      "beside a location (PIDF-LO)",
      'multipart/mixed;boundary="b1"',
      parts("b1", sdp, "Content-Type: application/pidf+xml\r\nContent-ID: <a@b>\r\n\r\n<presence/>"),
    ],
    ["behind another part", "Multipart/Mixed; boundary=b1", parts("b1", "Content-Type: application/pidf+xml\r\n\r\n<presence/>", sdp)],
    [
      "beside ISUP that may be ignored",
      "multipart/mixed;boundary=b1",
      parts("b1", sdp, "Content-Type: application/ISUP;version=nxv3\r\nContent-Disposition: signal;handling=optional\r\n\r\n\u0001\u0002"),
    ],
    [
      "within another multipart",
      "multipart/mixed;boundary=a",
      parts("a", `Content-Type: multipart/related;boundary=b\r\n\r\n${parts("b", sdp)}`),
    ],
    [
      "as one of alternatives",
      "multipart/alternative;boundary=a",
      parts("a", "Content-Type: text/x\r\nContent-Disposition: session;handling=required\r\n\r\nx", sdp),
    ],
    [
      "with bare line ends, a header folded, the last boundary missing",
      "multipart/mixed;\tboundary=a",
      `--a\nContent-Type:\n application/sdp\n\n${SDP.replaceAll("\r", "")}`,
    ],
  ])("%s", (_, type, body) => {
    expect(readBody(message(type, body))).toEqual({ kind: "sdp", text: SDP });
  });

  it.each([
    ["another type", "text/plain", "hello", undefined],
    ["parts without it", "multipart/mixed;boundary=b", parts("b", "Content-Type: application/pidf+xml\r\n\r\n<presence/>"), undefined],
    [
      "a part that must be understood (section 8.2)",
      "multipart/mixed;boundary=b",
      parts("b", sdp, "Content-Type: application/ISUP\r\nContent-Disposition: signal; handling=required\r\n\r\nx"),
      undefined,
    ],
    ["parts whose boundary is not told", "multipart/mixed", parts("b", sdp), undefined],
    [
      "parts too deep within each other",
      "multipart/mixed;boundary=b",
      parts("b", "Content-Type: multipart/mixed;boundary=b\r\n\r\n").repeat(20),
      undefined,
    ],
  ])("is not found: %s", (_, type, body, disposition) => {
    expect(readBody(message(type, body, disposition))).toEqual({ kind: "unsupported" });
  });

  it("is not looked for where the body may be ignored, or is not there", () => {
    expect(readBody(message("text/plain", "hello", "render;handling=optional"))).toEqual({ kind: "none" });
    expect(readBody(message("application/sdp", ""))).toEqual({ kind: "none" });
  });
});
