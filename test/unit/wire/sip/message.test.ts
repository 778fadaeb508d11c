import { describe, expect, test } from "vitest";
import {
  checkMessage,
  createResponse,
  formatNameAddr,
  formatPeerCertificate,
  formatUri,
  formatVia,
  headerKey,
  parseAuth,
  parseCSeq,
  parseMessage,
  parsePeerCertificate,
  parseRAck,
  parseSeconds,
  parseUri,
  sameUri,
  SipRequest,
  type SipResponse,
  splitList,
  tagOf,
  tryParseNameAddr,
  tryParseUri,
  tryParseVia,
} from "../../../../src/wire/sip/index.ts";

describe("URIs (RFC 3261 section 19.1, RFC 3966)", () => {
  test.each([
    ["sip:alice@atlanta.com", { scheme: "sip", user: "alice", host: "atlanta.com", port: undefined }],
    ["sip:alice:secretword@atlanta.com;transport=tcp", { user: "alice", password: "secretword", host: "atlanta.com" }],
    ["sips:alice@atlanta.com?subject=project%20x&priority=urgent", { scheme: "sips", headers: "subject=project%20x&priority=urgent" }],
    ["sip:+1-212-555-1212:1234@gateway.com;user=phone", { user: "+1-212-555-1212", password: "1234", host: "gateway.com" }],
    ["sip:alice;day=tuesday@atlanta.com", { user: "alice;day=tuesday", host: "atlanta.com" }],
    ["sip:[2001:db8::9:1]", { user: undefined, host: "[2001:db8::9:1]" }],
    ["sip:a@[2001:db8::9:1]:5080;transport=udp", { host: "[2001:db8::9:1]", port: 5080 }],
    ["SIP:bob@192.0.2.4:5060", { scheme: "sip", host: "192.0.2.4", port: 5060 }],
    ["tel:+1-201-555-0123;phone-context=example.com", { scheme: "tel", user: "+1-201-555-0123", host: "" }],
    ["sip:2000**1234@meet.example", { user: "2000**1234" }],
    ["sip:2000##1234@meet.example", { user: "2000##1234" }],
    ["sip:192.0.2.1##2000@meet.example", { user: "192.0.2.1##2000" }],
    ["urn:service:sos", { scheme: "urn", user: "service:sos" }],
  ])("%s", (text, parts) => {
    const uri = parseUri(text);
    expect(uri).toMatchObject(parts);
    expect(formatUri(uri)).toBe(text.replace(/^SIP:/, "sip:"));
  });
  test.each(["", "sip:", "alice", "sip:a b@c", "sip:a@", "sip:a@b:99999", "sip:a@b:port", "sip:[::1", "sip:<a@b>", "tel:", ":x"])(
    "%j is none",
    (text) => {
      expect(tryParseUri(text)).toBeUndefined();
    },
  );
  test("comparison follows section 19.1.4", () => {
    const same = (a: string, b: string) => sameUri(parseUri(a), parseUri(b));
    expect(same("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp")).toBe(true);
    expect(same("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5")).toBe(true);
    expect(same("sip:carol@chicago.com;newparam=6", "sip:carol@chicago.com;newparam=5")).toBe(false);
    expect(same("sip:ALICE@AtLanTa.CoM", "sip:alice@AtLanTa.CoM")).toBe(false);
    expect(same("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060")).toBe(false);
    expect(same("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp")).toBe(false);
  });
});

describe("addresses, Via and small fields", () => {
  test("names, brackets and parameters", () => {
    expect(tryParseNameAddr('"A. G. Bell" <sip:agb@bell.com> ;tag=a48s')).toMatchObject({
      name: "A. G. Bell",
      uriText: "sip:agb@bell.com",
      clean: true,
    });
    expect(tryParseNameAddr("sip:agb@bell.com;tag=x")?.params.get("tag")).toBe("x");
    expect(tryParseNameAddr("<sip:a@b;lr>")?.params.size).toBe(0);
    expect(tryParseNameAddr('"say \\"hi\\" <x>" <sip:a@b>')?.name).toBe('say "hi" <x>');
    expect(formatNameAddr({ name: 'say "hi"', uriText: "sip:a@b", params: new Map([["tag", "1"]]) })).toBe(
      '"say \\"hi\\"" <sip:a@b>;tag=1',
    );
  });
  test("a tag is a field parameter, never a URI's", () => {
    expect(tagOf("<sip:a@b;tag=uri>")).toBeUndefined();
    expect(tagOf("<sip:a@b;tag=uri>;tag=field")).toBe("field");
    expect(tagOf('"x;tag=name" <sip:a@b> ; tag = spaced ; x')).toBe("spaced");
    expect(tagOf("sip:a@b;tag=plain")).toBe("plain");
  });
  test("Via with every kind of host", () => {
    expect(tryParseVia("SIP/2.0/UDP first.example.com:4000;ttl=16;maddr=224.2.0.1 ;branch=z9hG4bKa7c6a8dlze.1")).toMatchObject({
      host: "first.example.com",
      port: 4000,
    });
    expect(tryParseVia("SIP / 2.0 / tls [2001:db8::1]:5061;rport")).toMatchObject({ transport: "TLS", host: "[2001:db8::1]", port: 5061 });
    expect(formatVia(tryParseVia("SIP/2.0/TCP a.example;branch=z9hG4bK1;rport")!)).toBe("SIP/2.0/TCP a.example;branch=z9hG4bK1;rport");
    for (const bad of ["", "SIP/3.0/UDP a", "SIP/2.0/UDP", "SIP/2.0/UDP a:b", "SIP/2.0/UDP a b"])
      expect(tryParseVia(bad), bad).toBeUndefined();
  });
  test("lists are split outside quotes and brackets", () => {
    expect(splitList('<sip:a,b@c>, "x, y" <sip:d@e>;q=0.1,sip:f@g')).toEqual(["<sip:a,b@c>", '"x, y" <sip:d@e>;q=0.1', "sip:f@g"]);
  });
  test("numbers keep to their range", () => {
    expect(parseCSeq("0009  INVITE")).toEqual({ seq: 9, method: "INVITE" });
    expect(parseCSeq("2147483648 INVITE")).toBeUndefined();
    expect(parseRAck("776656 1 INVITE")).toEqual({ rseq: 776656, cseq: 1, method: "INVITE" });
    expect(parseSeconds("1800;refresher=uac")).toBe(1800);
    expect(parseSeconds("120 (busy)")).toBe(120);
    expect(parseSeconds("soon")).toBeUndefined();
  });
  test("challenges", () => {
    const field = parseAuth('Digest realm="a, \\"b\\"" , nonce = "x=1",algorithm=MD5, qop="auth,auth-int"');
    expect(field?.scheme).toBe("Digest");
    expect([...field!.params]).toEqual([
      ["realm", 'a, "b"'],
      ["nonce", "x=1"],
      ["algorithm", "MD5"],
      ["qop", "auth,auth-int"],
    ]);
  });
  test("the peer's certificate survives the header, whatever its names hold", () => {
    const peer = {
      verified: true,
      subject: 'CN=a "quoted", O=x\\y',
      issuer: "CN=b",
      san: ["DNS:a.example", "URI:sip:x,y%"],
      commonName: 'a "b"',
      roots: ["00ff", "01"],
      serverRoots: [],
      fingerprint: "aa",
    };
    expect(parsePeerCertificate(formatPeerCertificate(peer))).toEqual(peer);
    const refused = {
      ...peer,
      verified: false,
      roots: [],
      serverRoots: ["0a"],
      fault: { code: "certificate-expired", words: 'it; "x" = y' },
    };
    expect(parsePeerCertificate(formatPeerCertificate(refused))).toEqual(refused);
    expect(parsePeerCertificate("verified=yes")).toBeUndefined();
    expect(parsePeerCertificate(undefined)).toBeUndefined();
  });
});

describe("messages", () => {
  const raw =
    "INVITE sip:a@b SIP/2.0\r\nv: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFROM:<sip:x@y>;tag=1\r\nt: sip:a@b\r\ni: c\r\nCSeq: 1 INVITE\r\nX-Odd :\t v \r\nl: 2\r\n\r\nhi";
  test("untouched fields go out as they came, touched ones do not disturb them", () => {
    const m = parseMessage(Buffer.from(raw));
    expect(m.toBuffer().toString()).toBe(raw);
    m.set("Subject", "new");
    m.setBody("longer", "text/plain");
    const out = m.toBuffer().toString();
    expect(out).toContain("FROM:<sip:x@y>;tag=1\r\n");
    expect(out).toContain("X-Odd :\t v \r\n");
    expect(out).toContain("l: 6\r\n");
    expect(out.endsWith("\r\n\r\nlonger")).toBe(true);
  });
  test("fields are found by any of their names", () => {
    const m = parseMessage(Buffer.from(raw));
    expect(headerKey("K")).toBe("supported");
    expect(m.get("Call-ID")).toBe("c");
    expect(m.get("i")).toBe("c");
    expect(m.has("x-ODD")).toBe(true);
    m.append("Via", "SIP/2.0/UDP two;branch=z9hG4bK2, SIP/2.0/UDP three");
    expect(m.list("v")).toHaveLength(3);
    expect(m.shift("via")).toContain("h;branch");
    expect(m.topVia?.host).toBe("two");
    m.replaceFirst("via", "SIP/2.0/TCP new");
    expect(m.list("via")).toEqual(["SIP/2.0/TCP new", "SIP/2.0/UDP three"]);
    expect(m.remove("via")).toBe(true);
    expect(m.remove("via")).toBe(false);
  });
  test("nobody writes fields of their own through a value", () => {
    const m = new SipRequest("OPTIONS", "sip:a@b").set("Subject", "x\r\nVia: evil\n y");
    expect(m.toBuffer().toString()).not.toMatch(/^Via/m);
    expect(() => m.set("Bad Name", "x")).toThrow();
  });
  test("Unicode leaves as UTF-8", () => {
    const m = new SipRequest("OPTIONS", "sip:a@b").set("Subject", "Grüße 大");
    expect(m.toBuffer().toString("utf8")).toContain("Subject: Grüße 大\r\n");
  });
  test("a response copies what it must and gets one tag", () => {
    const m = parseMessage(Buffer.from(raw)) as SipRequest;
    m.append("Via", "SIP/2.0/UDP two").append("Timestamp", "54");
    const r = createResponse(m, 180, undefined, "mine");
    expect(r.startLine).toBe("SIP/2.0 180 Ringing");
    expect(r.toTag).toBe("mine");
    expect(r.list("via")).toHaveLength(2);
    expect(r.has("timestamp")).toBe(false);
    expect(createResponse(m, 100, undefined, "mine").toTag).toBe("");
    expect((parseMessage(r.toBuffer()) as SipResponse).status).toBe(180);
  });
  test("line ends and missing ends are tolerated, other things are not SIP", () => {
    expect(parseMessage(Buffer.from("\r\n\r\nOPTIONS sip:a@b SIP/2.0\nVia: SIP/2.0/UDP h\n\nbody")).body.toString()).toBe("body");
    expect(parseMessage(Buffer.from("SIP/2.0 200 OK\r\nCSeq: 1 BYE\r\n")).cseq?.method).toBe("BYE");
    for (const bad of ["", "\r\n", "GET / HTTP/1.1\r\n\r\n", "SIP/2.0 99 X\r\n\r\n", "SIP/2.0\r\n\r\n", "x"])
      expect(() => parseMessage(Buffer.from(bad))).toThrow();
  });
  test("a line that is no field is a defect, which a request is refused for", () => {
    const m = parseMessage(Buffer.from(raw.replace("X-Odd :\t v ", "no colon here")));
    expect(checkMessage(m)?.status).toBe(400);
    expect(m.fromTag).toBe("1");
    // what is told of it stands in a reason phrase and in traces: nothing of the line does, which may be a credential
    for (const line of ["X-Odd\r\n \tContact <sip:z@z>", "X-Odd\nContact: <sip:z@z>", "X\u0001Odd\rx", "Authorization Bearer s3cr3t"]) {
      const odd = parseMessage(Buffer.from(raw.replace("X-Odd :\t v ", line), "latin1"));
      expect(checkMessage(odd)?.reason).toBe("Bad Request - a line that is no header field");
    }
  });
});
