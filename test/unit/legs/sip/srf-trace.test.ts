import { expect, it } from "vitest";
import { readFrame } from "../../../../src/legs/sip/srf-trace.ts";

const sip = ["INVITE sip:2000**918273@gw.example SIP/2.0", "Call-ID: c1", "CSeq: 1 INVITE", "Content-Length: 0", "", ""].join("\r\n");

it("reads what drachtio-server has received, and what it has sent for us, from its frames", () => {
  const received = `id|sip|network|120|tcp|192.0.2.7|5062|10:00:00.000000|txn||192.0.2.1|5060\r\n${sip}`;
  expect(readFrame(received, () => "full")).toMatchObject({
    key: "sip:c1",
    direction: "in",
    transport: "tcp",
    local: "192.0.2.1:5060",
    remote: "192.0.2.7:5062",
    summary: "INVITE",
    head: expect.stringContaining("INVITE sip:2000**x@gw.example SIP/2.0"),
  });
  const sent = `id|response|request|OK|application|120|udp|192.0.2.8|5060|10:00:00.000000|txn|\r\n${sip}`;
  expect(readFrame(sent, () => "headers")).toMatchObject({
    direction: "out",
    transport: "udp",
    local: "drachtio-server",
    remote: "192.0.2.8:5060",
  });
});

it("reads nothing where there is no message, or none that is wanted", () => {
  expect(readFrame("id|response|request|OK|pong", () => "full")).toBeUndefined();
  expect(readFrame(`id|response|request|NOK|why\r\n${sip}`, () => "full")).toBeUndefined();
  expect(
    readFrame(`id|sip|network|120|tcp|192.0.2.7|5062|t|txn|\r\n${sip}`, (callId) => (callId === "other" ? "full" : "off")),
  ).toBeUndefined();
});
