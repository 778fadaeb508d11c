import type { IncomingMessage } from "node:http";
import { describe, expect, it } from "vitest";
import { ClientAddresses } from "../../../src/security/client-address.ts";

const request = (peer: string, headers: Record<string, string> = {}, encrypted = false) =>
  ({ socket: { remoteAddress: peer, encrypted }, headers }) as unknown as IncomingMessage;

describe("the address of an HTTP client", () => {
  const clients = new ClientAddresses(["10.0.0.0/8", "2001:db8:f::/48"]);
  const of = (peer: string, headers: Record<string, string> = {}) => clients.of(request(peer, headers)).address;

  it.each([
    ["203.0.113.9", "1.2.3.4"],
    ["::ffff:203.0.113.9", "10.0.0.1"],
  ])("is the peer's own where that is no trusted proxy: %s", (peer, claimed) => {
    for (const [name, value] of [
      ["x-forwarded-for", claimed],
      ["forwarded", `for=${claimed}`],
    ] as const)
      expect(clients.of(request(peer, { [name]: value }))).toEqual({
        address: "203.0.113.9",
        secure: false,
        forwarded: true,
        proxied: false,
      });
    expect(clients.of(request(peer))).toMatchObject({ forwarded: false });
  });

  it.each([
    ["198.51.100.7", "198.51.100.7"],
    ["6.6.6.6, 198.51.100.7", "198.51.100.7"],
    ["6.6.6.6, 198.51.100.7, 10.2.2.2", "198.51.100.7"],
    ["6.6.6.6,198.51.100.7:4711 ,[2001:db8:f:1::1]:80", "198.51.100.7"],
    ["2001:DB8::7", "2001:db8::7"],
    ["::ffff:198.51.100.7", "198.51.100.7"],
    ["10.2.2.2, 10.3.3.3", "10.2.2.2"],
    // nothing usable on the right: the proxy itself
    ["6.6.6.6, unknown", "10.0.0.1"],
    ["6.6.6.6, ", "10.0.0.1"],
    ["6.6.6.6, unknown, 10.2.2.2", "10.2.2.2"],
    ["", "10.0.0.1"],
    ["1.2.3.4.5", "10.0.0.1"],
  ])("is the right-most of X-Forwarded-For that is no trusted proxy: %s", (field, address) => {
    expect(of("10.0.0.1", { "x-forwarded-for": field })).toBe(address);
  });

  it.each([
    ["for=198.51.100.7", "198.51.100.7"],
    ["for=6.6.6.6, for=198.51.100.7;proto=https;by=10.0.0.1", "198.51.100.7"],
    ['FOR="[2001:db8::7]:4711"', "2001:db8::7"],
    ['proto=http ; for="198.51.100.7:80" , for=10.1.1.1', "198.51.100.7"],
    ["for=6.6.6.6, for=_hidden", "10.0.0.1"],
    ["for=6.6.6.6, proto=https", "10.0.0.1"],
    ['for="6.6.6.6, for=198.51.100.7', "10.0.0.1"],
    ['for="x\\", for=6.6.6.6', "10.0.0.1"],
    ["=;=,;", "10.0.0.1"],
  ])("is read from Forwarded, too: %s", (field, address) => {
    expect(of("10.0.0.1", { forwarded: field })).toBe(address);
  });

  it("is the proxy's where both fields are there and differ: one of them is the client's own", () => {
    expect(of("10.0.0.1", { "x-forwarded-for": "198.51.100.7", forwarded: "for=6.6.6.6" })).toBe("10.0.0.1");
    expect(of("10.0.0.1", { "x-forwarded-for": "198.51.100.7", forwarded: "for=198.51.100.7" })).toBe("198.51.100.7");
  });

  it("takes the scheme from trusted proxies only", () => {
    const headers = { "x-forwarded-for": "198.51.100.7", "x-forwarded-proto": "http, https" };
    expect(clients.of(request("10.0.0.1", headers)).secure).toBe(true);
    expect(clients.of(request("203.0.113.9", headers)).secure).toBe(false);
    expect(clients.of(request("203.0.113.9", {}, true)).secure).toBe(true);
  });

  it("takes work in proportion to a long field", () => {
    expect(of("10.0.0.1", { forwarded: `${"for=6.6.6.6;".repeat(20_000)}for="` })).toBe("10.0.0.1");
    expect(of("10.0.0.1", { "x-forwarded-for": "10.1.1.1,".repeat(20_000) })).toBe("10.0.0.1");
  });
});
