import { describe, expect, it } from "vitest";
import { matchesHost, matchesNames, matchesSipDomain, namesOf, sipDomains } from "../../../src/security/certificates/names.ts";
import { makeCertificate, type Wanted } from "../../support/odd-certificates.ts";

const names = (subject: Wanted["subject"], san?: Wanted["san"]) =>
  namesOf(makeCertificate({ subject, ...(san ? { san } : {}) }).certificate);
const dns = (value: string) => ({ type: 2 as const, value });
const uri = (value: string) => ({ type: 6 as const, value });

describe("names of a certificate", () => {
  it("are read from the certificate itself: a common name inside another attribute, or a second one, is none", () => {
    expect(names([["CN", "room.example"]])).toEqual({ san: [], commonName: "room.example" });
    for (const subject of [
      [["O", "CN=room.example"]],
      [["O", "x, CN=room.example"]],
      [["O", "x\nCN=room.example"]],
      [["O", "x/CN=room.example"]],
      [
        ["CN", "other.example"],
        ["CN", "room.example"],
      ],
      [["CN", "room.example\u0000.evil.example"]],
      [["CN", "room.example, CN=x"]],
    ] as const)
      expect(matchesNames(names(subject as Wanted["subject"]), ["room.example"]), JSON.stringify(subject)).toBe(false);
  });
  it("are never the common name beside a SAN of any kind", () => {
    const sans = [
      dns("a.example"),
      uri("sip:a.example"),
      uri("sip:alice@a.example"),
      uri("https://a.example"),
      { type: 7 as const, ip: "192.0.2.1" },
    ];
    for (const san of sans) expect(matchesNames(names([["CN", "room.example"]], [san]), ["room.example"]), JSON.stringify(san)).toBe(false);
  });
  it("are SIP URIs without a user first, then DNS names (RFC 5922 section 7.1)", () => {
    expect(sipDomains({ san: ["URI:SIP:A.example", "DNS:b.example"] })).toEqual(["a.example"]);
    expect(sipDomains({ san: ["URI:sip:alice@a.example", "URI:https://c.example", "URI:sips:d.example", "DNS:b.example"] })).toEqual([
      "b.example",
    ]);
    expect(matchesNames({ san: ["URI:sip:alice@A.example"] }, ["sip:alice@a.EXAMPLE"])).toBe(true);
    expect(matchesNames({ san: ["URI:sip:alice@a.example"] }, ["sip:Alice@a.example"])).toBe(false);
  });
  it("hold no NUL and nothing else that no name has", () => {
    const made = names(
      [["CN", "x"]],
      [dns("room.example\u0000.evil.example"), dns("room.example, DNS:other.example"), dns("röom.example")],
    );
    expect(made).toEqual({ san: [], commonName: "" });
  });
  it("have no final dot, no empty label and none over 63 characters (RFC 5280 section 4.2.1.6)", () => {
    const long = `${"a".repeat(64)}.example`;
    for (const bad of ["room.example.", "room..example", ".room.example", ".", long])
      expect(
        names([["CN", "x"]], [dns(bad), uri(`sip:${bad}`)]).san.filter((san) => san.startsWith("DNS:")),
        bad,
      ).toEqual([]);
    for (const bad of ["room.example.", "room..example"]) {
      expect(matchesNames(names([["CN", bad]]), ["room.example"]), bad).toBe(false);
      expect(matchesHost(names([["CN", "x"]], [dns(bad)]), "room.example"), bad).toBe(false);
      expect(matchesSipDomain(names([["CN", "x"]], [uri(`sip:${bad}`)]), "room.example"), bad).toBe(false);
    }
  });
  it("match a trunk's exactly, in any case and either spelling of an international one, or by one label", () => {
    const peer = { san: ["DNS:Edge.example.com", "DNS:xn--bcher-kva.example"] };
    for (const good of ["edge.EXAMPLE.com", "edge.example.com.", "*.example.com", "bücher.example", "XN--BCHER-KVA.example"])
      expect(matchesNames(peer, [good]), good).toBe(true);
    for (const bad of ["example.com", "*.com", "dge.example.com", "*.edge.example.com", "b*cher.example", "192.0.2.1"])
      expect(matchesNames(peer, [bad]), bad).toBe(false);
    expect(matchesNames({ san: ["DNS:a.b.example.com", "DNS:example.com"] }, ["*.example.com"])).toBe(false);
  });
  it("a wildcard in a certificate is no more than its letters, in DNS names and URIs", () => {
    for (const san of ["DNS:*.example.com", "URI:sip:*.example.com", "DNS:e*ge.example.com", "DNS:*.*.com", "DNS:*"]) {
      for (const pattern of ["edge.example.com", "*.example.com", "x.edge.example.com"])
        expect(matchesNames({ san: [san] }, [pattern]), `${san} ${pattern}`).toBe(false);
      expect(matchesSipDomain({ san: [san] }, "edge.example.com"), san).toBe(false);
    }
    // a trunk's wildcard is for domains, not for whatever ends like one
    expect(matchesNames({ san: ["URI:sip:alice@evil.example.com"] }, ["*.example.com"])).toBe(false);
    // what a trunk names letter for letter may be called
    expect(matchesNames({ san: ["DNS:*.example.com"] }, ["*.example.com"], true)).toBe(true);
  });
  it("are addresses where addresses are asked for, in any spelling", () => {
    const { san } = names(
      [["CN", "192.0.2.9"]],
      [
        { type: 7, ip: "192.0.2.1" },
        { type: 7, ip: "2001:db8::1" },
      ],
    );
    expect(san).toEqual(["IP:192.0.2.1", "IP:2001:db8::1"]);
    for (const address of ["192.0.2.1", "::ffff:192.0.2.1", "2001:DB8:0::1", "[2001:db8::1]"]) {
      expect(matchesSipDomain({ san }, address), address).toBe(true);
      expect(matchesHost({ san }, address), address).toBe(true);
      expect(matchesNames({ san }, [address]), address).toBe(true);
    }
    expect(matchesHost({ san: ["DNS:192.0.2.1", "URI:sip:192.0.2.1"] }, "192.0.2.1")).toBe(false);
    expect(matchesHost({ san: [], commonName: "192.0.2.1" }, "192.0.2.1")).toBe(false);
  });
  it("of a host that is called may have one whole left-most label as a wildcard (RFC 6125)", () => {
    expect(matchesHost({ san: ["DNS:*.example.com"] }, "gw.example.com")).toBe(true);
    for (const [san, host] of [
      ["DNS:*.example.com", "a.gw.example.com"],
      ["DNS:*.example.com", "example.com"],
      ["DNS:*.com", "example.com"],
      ["DNS:g*.example.com", "gw.example.com"],
      ["DNS:*.*.example.com", "a.gw.example.com"],
      ["DNS:gw.*.com", "gw.example.com"],
      ["URI:sip:gw.example.com", "gw.example.com"],
    ] as const)
      expect(matchesHost({ san: [san] }, host), `${san} ${host}`).toBe(false);
  });
});
