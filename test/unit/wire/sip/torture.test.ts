import { describe, expect, test } from "vitest";
import { ParseError } from "../../../../src/base/errors.ts";
import {
  checkMessage,
  parseMessage,
  type SipRequest,
  type SipResponse,
  unescapeUri,
  unsupportedExtensions,
  uriOf,
  utf8,
} from "../../../../src/wire/sip/index.ts";
import { valid } from "./rfc4475/valid.ts";
import { torture } from "./rfc4475.ts";

function read(text: string): SipRequest | SipResponse {
  return parseMessage(Buffer.from(text, "latin1"));
}
function request(text: string): SipRequest {
  const message = read(text);
  if (message.kind !== "request") throw new Error("not a request");
  return message;
}

describe("RFC 4475 3.1.1: valid messages", () => {
  test.each(Object.entries(valid))("%s is accepted, and goes out as it came in", (name, text) => {
    const message = read(text);
    expect(checkMessage(message)).toBeUndefined();
    // dblreq has a second message behind its Content-Length, which does not belong to the first (3.1.1.8).
    const own = name === "dblreq" ? text.slice(0, text.indexOf("\r\n\r\n") + 4) : text;
    expect(message.toBuffer().toString("latin1")).toBe(own);
  });
  test("wsinv: folded, compact and listed fields are read", () => {
    const m = request(torture.wsinv);
    expect(m.to?.uriText).toBe("sip:vivekg@chair-dnrc.example.com");
    expect(m.toTag).toBe("1918181833n");
    expect(m.from?.name).toBe('J Rosenberg \\"');
    expect(m.fromTag).toBe("98asjd8");
    expect(m.cseq).toEqual({ seq: 9, method: "INVITE" });
    expect(m.list("via")).toHaveLength(3);
    expect(m.topVia).toMatchObject({ transport: "UDP", host: "192.0.2.2" });
    expect(m.topVia?.params.get("branch")).toBe("390skdjuw");
    expect(m.get("subject")).toBe("");
    expect(m.get("UnknownHeaderWithUnusualValue")).toBe(";;,,;;,;");
    expect(m.contact?.name).toBe('Quoted string ""');
    expect(m.contact?.params.get("secondparam")).toBeNull();
    expect(m.body.length).toBe(150);
  });
  test("intmeth: unusual tokens keep their spelling", () => {
    const m = request(torture.intmeth);
    expect(m.method).toBe("!interesting-Method0123456789_*+`.%indeed'~");
    expect(m.requestUri?.password).toBe("&it+has=1,weird!*pas$wo~d_too.(doesn't-it)");
    expect(m.requestUri?.host).toBe("example.com");
    expect(utf8(m.get("extensionHeader-!.%*+_`'~")!)).toBe("\ufeff大停電");
  });
  test("esc01, esc02, escnull: escapes are resolved only where asked", () => {
    expect(unescapeUri(request(torture.esc01).requestUri!.user!)).toBe("sips:user@example.com");
    expect(request(torture.esc02).method).toBe("RE%47IST%45R");
    expect(unescapeUri(uriOf(request(torture.escnull).contact!)!.user!)).toBe("\0");
  });
  test("semiuri: a semicolon in the user part is not a parameter", () => {
    expect(request(torture.semiuri).requestUri).toMatchObject({ user: "user;par=u%40example.net", host: "example.com" });
  });
  test("longreq: long fields", () => {
    const m = request(torture.longreq);
    expect(m.list("via")).toHaveLength(34);
    expect(m.callId).toMatch(/^longreq\.onereallyreally/);
  });
  test("unreason and noreason: the phrase may hold UTF-8, or nothing", () => {
    expect(utf8((read(torture.unreason) as SipResponse).reason)).toContain("девяносто девять");
    expect((read(torture.noreason) as SipResponse).reason).toBe("");
  });
});

describe("RFC 4475 3.1.2 and 3.3: what to refuse, and how", () => {
  const refused: [keyof typeof torture, number][] = [
    ["badinv01", 400],
    ["clerr", 400],
    ["ncl", 400],
    ["scalar02", 400],
    ["quotbal", 400],
    ["ltgtruri", 400],
    ["lwsruri", 400],
    ["lwsstart", 400],
    ["regbadct", 400],
    ["badaspec", 400],
    ["baddn", 400],
    ["badvers", 505],
    ["mismatch01", 400],
    ["mismatch02", 400],
    ["insuf", 400],
    ["unkscm", 416],
    ["novelsc", 416],
    ["multi01", 400],
    ["mcl01", 400],
    ["trws", 400],
  ];
  test.each(refused)("%s deserves %i", (name, status) => {
    expect(checkMessage(read(torture[name]))?.status).toBe(status);
  });
  test.each(["scalarlg"] as const)("%s, a response, is dropped", (name) => {
    expect(checkMessage(read(torture[name]))).toBeDefined();
  });
  test("bigcode is no message at all", () => {
    expect(() => read(torture.bigcode)).toThrow(ParseError);
  });
  // 3.1.2.11, 3.1.2.12: an element "may" refuse; escaped headers in a Request-URI and an odd Date are of no consequence to us.
  test.each([
    "escruri",
    "baddate",
    "badbranch",
    "unksm2",
    "bext01",
    "invut",
    "regaut01",
    "bcast",
    "zeromf",
    "cparam01",
    "cparam02",
    "regescrt",
    "sdp01",
    "inv2543",
  ] as const)("%s is read; what to do with it is decided above", (name) => {
    expect(checkMessage(read(torture[name]))).toBeUndefined();
  });
  test("bext01 asks for extensions nobody has", () => {
    expect(unsupportedExtensions(request(torture.bext01), new Set(["100rel", "timer"]))).toEqual([
      "nothingSupportsThis",
      "nothingSupportsThisEither",
    ]);
  });
  test("cparam01 and cparam02: a parameter is the field's outside the brackets and the URI's inside", () => {
    expect(request(torture.cparam01).contact?.params.has("unknownparam")).toBe(true);
    expect(uriOf(request(torture.cparam02).contact!)?.params.has("unknownparam")).toBe(true);
    expect(request(torture.cparam02).contact?.params.size).toBe(0);
  });
  test("regescrt: escaped header fields stay in the URI", () => {
    expect(uriOf(request(torture.regescrt).contact!)?.headers).toBe("Route=%3Csip:sip.example.com%3E");
  });
});
