import { afterEach, expect, it } from "vitest";
import { setKnownNumbers } from "../../../src/base/known-numbers.ts";
import { maskKnownNumbers, type TracedMessage } from "../../../src/trace/index.ts";

afterEach(() => setKnownNumbers(() => undefined));

it("digits behind a meeting's number are its PIN, whatever stands between, also in a message of another thread", () => {
  setKnownNumbers((plain) => (plain === "7700" ? "pin" : undefined));
  const place = { transport: "udp", local: "192.0.2.1:5060", remote: "192.0.2.7:5060" } as const;
  const head = [
    "INVITE sip:7700612622@gw.example SIP/2.0",
    "Via: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK7700612622",
    'To: "7700 612622" <sip:7700-612622@gw.example>',
    'From: "Zoë" <sip:+15550123@edge.example>;tag=7700-612622',
    "Call-ID: 7700-612622@edge.example",
  ];
  const message: TracedMessage = {
    key: "sip:x",
    protocol: "sip",
    direction: "in",
    ...place,
    at: 0,
    summary: "INVITE",
    head: head.join("\n"),
    body: null,
  };
  const lines = maskKnownNumbers(message).head.split("\n");
  expect(lines[0]).toBe("INVITE sip:7700x@gw.example SIP/2.0");
  expect(lines[1]).toBe(head[1]);
  expect(lines[2]).toBe('To: "7700 x" <sip:7700-x@gw.example>');
  expect(lines[3]).toContain('From: "Zoë" <sip:+15550123@edge.example>;tag=');
  expect(lines[4]).toBe(head[4]);
});
