import { describe, expect, it } from "vitest";
import { maskDialled, maskText } from "../../../src/base/pin-mask.ts";

const PIN = "98765";

describe("a dialled address", () => {
  it.each([
    ["2000**98765", "2000**x"],
    ["2000**98765##", "2000**x##"],
    ["2000**98765#*", "2000**x#*"],
    ["2000*98765", "2000*x"],
    ["2000#98765#", "2000#x#"],
    ["2000**42x5", "2000**xxx"],
    ["2000***98765", "2000***x"],
    ["2000%2A%2A98765", "2000%2A%2Ax"],
    ["2000%2a%2a%39%38%37%36%35", "2000%2a%2ax"],
    ["2000%252A%252A98765", "2000%252A%252Ax"],
    ["2000%23%2398765", "2000%23%23x"],
    ["2000;pin=98765", "2000;pin=x"],
    ["2000,98765", "2000,x"],
    ["2000,,98765#", "2000,,x#"],
    ["2000 98765", "2000 x"],
    ["2000%2098765", "2000%20x"],
    ["2000/98765", "2000/x"],
    ["2000p98765", "2000px"],
    ["2000pin98765", "2000pinx"],
    ["2000**９８７６５", "2000**x"],
    ["2000＊＊98765", "2000＊＊x"],
    ["**98765", "**x"],
    ["sip:2000**98765@10.0.0.1:5060;transport=tcp", "sip:2000**x@10.0.0.1:5060;transport=tcp"],
    ["SIPS:2000*98765@gw.example", "SIPS:2000*x@gw.example"],
    ["sip:2000:98765@gw.example", "sip:2000:x@gw.example"],
    ["sip:2000@gw1.example;pin=98765", "sip:2000@gw1.example;pin=x"],
    ["sip:2000@gw1.example;pin=98765;transport=tls?a=98765", "sip:2000@gw1.example;pin=x;transport=tls?a=x"],
    ["sip:2000@gw1.example?Subject=98765", "sip:2000@gw1.example?Subject=x"],
    ["sip:2000@gw1.example**98765", "sip:2000@gw1.example**x"],
    ["sip:2000**98765@1234@10.0.0.1", "sip:2000**x@x@10.0.0.1"],
    ["sip:2000**98765", "sip:2000**x"],
    ["sip:2000:98765", "sip:2000:x"],
    ["tel:2000**98765", "tel:2000**x"],
    ["tel:+1-555-0100;postd=98765", "tel:+1-555-0100;postd=x"],
    ["tel:+15550100p98765", "tel:+15550100px"],
    ["h323:2000**98765@10.0.0.1", "h323:2000**x@10.0.0.1"],
    ["h323:2000#98765", "h323:2000#x"],
    ["web:2000**98765", "web:2000**x"],
  ])("%s is shown as %s", (dialled, shown) => {
    expect(maskDialled(dialled)).toBe(shown);
    expect(maskDialled(shown)).toBe(shown);
  });

  it.each([
    "2000",
    "+1-555-0100",
    "anna.mueller2",
    "sip:2000@10.0.0.1:5060;transport=udp;x-cisco-site-uuid=0123456789abcdef",
    "sip:127.0.0.1:5060",
    "sip:[2001:db8::1]:5060",
    "sips:room-12@gw1.example.com:5061;lr",
    "tel:+15550100",
    "h323:10.0.0.1",
    "h323:2001:db8::1",
    "h323:Room 12@10.0.0.1",
    "web:2000",
  ])("%s has nothing to hide", (dialled) => expect(maskDialled(dialled)).toBe(dialled));
});

describe("a text", () => {
  it.each([
    ["not a request line: INVITE sip:2000** 98765@10.0.0.1 SIP/2.0", "not a request line: INVITE sip:2000** x@10.0.0.1 SIP/2.0"],
    ["INVITE sip:2000**98765@10.0.0.1:5060 SIP/2.0", "INVITE sip:2000**x@10.0.0.1:5060 SIP/2.0"],
    ["INVITE 2000##98765", "INVITE 2000##x"],
    ['From: "2000**98765" <sip:2000*98765@10.0.0.1>;tag=1', 'From: "2000**x" <sip:x*x@10.0.0.1>;tag=1'],
    ["Anna PIN 98765", "Anna PIN x"],
    ["Anna pin:98765", "Anna pin:x"],
    ["(pin=98765)", "(pin=x)"],
    ["tel:2000;postd=98765 was not reached", "tel:2000;postd=x was not reached"],
    ["<tel:2000,98765> has no route", "<tel:2000,x> has no route"],
    ["a\nsip:2000%2A%2A98765@h\nb 12", "a\nsip:2000%2A%2Ax@h\nb 12"],
  ])("%j is shown as %j", (text, shown) => {
    expect(maskText(text)).toBe(shown);
    expect(shown).not.toContain(PIN);
  });

  it.each([
    "refused with 486: busy",
    "trunk carrier brings more than 20 calls a second",
    "10.0.0.1:5060 over udp belongs to no trunk",
    "the certificate of DNS:*.s2.example.com belongs to no trunk",
    "no meeting of trunk a's has the number 2000",
    "Room 12",
  ])("%j has nothing to hide", (text) => expect(maskText(text)).toBe(text));

  it("of any length takes one pass: a second one for each character would not end within the test's time", () => {
    for (const piece of ["*1", "%", "%25", "@1", ";a", ";a=1", ";", "pin", "sip:", "<", " 1 ", "1p", "a", ":", "1:"]) {
      const long = piece.repeat(300_000 / piece.length);
      expect(maskText(`sip:${long}**98765`)).not.toContain(PIN);
      expect(maskDialled(`${long}**98765`)).not.toContain(PIN);
    }
  });
});
