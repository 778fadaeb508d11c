import { describe, expect, it } from "vitest";
import { h323Target } from "../../../../src/gateway/h323/dial-targets.ts";
import { parseH323Uri } from "../../../../src/h323/index.ts";
import type { Trunk } from "../../../../src/trunks/model.ts";

const trunk = (name: string, target: string | null): Trunk => ({
  name,
  identity: {},
  trust: "verified",
  srtp: "preferred",
  privateNetwork: false,
  target,
  maxCalls: 0,
  maxCallsPerSecond: 0,
  tenant: null,
  legacyCiphers: false,
});
const rooms = trunk("rooms", "h323:mcu.example.net:1301;transport=tls");
const phones = trunk("phones", "sip:192.0.2.9:5061;transport=tls");
const anybody = trunk("unknown", null);

describe("H.323 URLs", () => {
  it.each([
    ["h323:1000@192.0.2.1", { user: "1000", host: "192.0.2.1", port: undefined, transport: undefined }],
    ["h323:room%20a@mcu.example.net:1730", { user: "room a", host: "mcu.example.net", port: 1730, transport: undefined }],
    ["H323:a@[2001:db8::1];transport=TLS", { user: "a", host: "2001:db8::1", port: undefined, transport: "tls" }],
    ["h323:192.0.2.1", { user: undefined, host: "192.0.2.1" }],
    ["h323:lobby", { user: "lobby", host: undefined }],
    ["h323:5551234", { user: "5551234", host: undefined }],
  ])("%s", (uri, expected) => {
    expect(parseH323Uri(uri)).toMatchObject(expected);
  });

  it.each(["h323:", "h323:a@", "h323:a@b:0", "h323:a@b:70000", "h323:a@b;transport=udp", "sip:a@b", "h323:a b@c"])("%s is none", (uri) => {
    expect(parseH323Uri(uri)).toBeUndefined();
  });
});

describe("where an H.323 call goes", () => {
  const trunks = [phones, rooms];
  const to = (uri: string, named?: Trunk, defaultTrunk: Trunk | null = anybody) => h323Target(uri, { named, trunks, defaultTrunk });

  it("to the host called, over TCP, by the default trunk's policy", () => {
    expect(to("h323:a@198.51.100.1")).toEqual({
      trunk: anybody,
      user: "a",
      transport: "tcp",
      peer: { host: "198.51.100.1", port: 1720 },
    });
    expect(to("h323:a@198.51.100.1;transport=tls")).toMatchObject({ transport: "tls", peer: { port: 1300 } });
    expect(to("h323:a@198.51.100.1", undefined, null)).toBeUndefined();
  });

  it("by the trunk whose target is that host, as the target says", () => {
    expect(to("h323:a@mcu.example.net")).toMatchObject({ trunk: rooms, transport: "tls", peer: { port: 1301 } });
    expect(to("h323:a@mcu.example.net;transport=tcp")).toMatchObject({ trunk: rooms, transport: "tcp", peer: { port: 1720 } });
    expect(to("h323:a@192.0.2.9")).toMatchObject({ trunk: phones, transport: "tcp", peer: { port: 1720 } });
  });

  it("to the target of the trunk named, where no host is called", () => {
    expect(to("h323:a", rooms)).toEqual({ trunk: rooms, user: "a", transport: "tls", peer: { host: "mcu.example.net", port: 1301 } });
    expect(to("h323:a@198.51.100.1", rooms)).toMatchObject({ trunk: rooms, transport: "tcp", peer: { host: "198.51.100.1", port: 1720 } });
  });

  it("to whoever a gatekeeper knows by an alias alone", () => {
    expect(to("h323:a")).toEqual({ trunk: anybody, user: "a", transport: "tcp", peer: undefined });
    expect(to("h323:a", phones)).toMatchObject({ trunk: phones, peer: undefined });
  });
});
