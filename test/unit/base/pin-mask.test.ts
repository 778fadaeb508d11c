import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { plainNumber, setKnownNumbers } from "../../../src/base/known-numbers.ts";
import { maskDialled, maskName, maskText } from "../../../src/base/pin-mask.ts";

const PIN = "98765";

const SEPARATORS = [
  "-",
  ".",
  "+",
  "_",
  "#",
  "##",
  "*",
  "**",
  ",",
  ",,",
  ";",
  "~",
  "/",
  "=",
  "%2a",
  "%2A%2A",
  "%23",
  " ",
  "%20",
  ":",
  "!",
  "--",
  "-.",
  "(",
  ")",
  "&",
  "?",
  "$",
  "%2D",
  "%2e",
  "%2B",
  "%5F",
  "%3d",
  "–",
  "；",
  ";pin=",
  ";ext=",
  ";postd=",
  ";isub=",
  "p",
  "w",
  "x",
  "pin",
  "'",
  "|",
];

describe("a PIN behind a number", () => {
  const known = new Map(["7700", "+1-555-0100", "Board.Room", "0800"].map((number) => [plainNumber(number), "pin" as const]));
  beforeAll(() => setKnownNumbers((plain) => known.get(plain) ?? (plain === "4000" ? "open" : undefined)));
  afterAll(() => setKnownNumbers(() => undefined));

  describe.each(["", "sip:", "sips:", "tel:", "h323:", "web:"])("in %j", (scheme) => {
    it.each(SEPARATORS)("with %j between is masked, whether a meeting has that number or not", (separator) => {
      for (const number of ["7700", "7701", "+15550100", "+1-555-0100", ...(/[a-z]$/.test(separator) ? [] : ["board.room"])])
        for (const host of scheme === "tel:" ? [""] : ["@10.0.0.1", "@gw1.example:5060;transport=tcp"]) {
          const address = `${scheme}${number}${separator}98765${host}`;
          const shown = maskDialled(address);
          expect(shown, address).not.toContain("98765");
          expect(maskDialled(shown), address).toBe(shown);
          expect(shown, address).toContain(number);
          expect(shown, address).toContain(host);
        }
    });
  });

  it.each([
    ["770098765", "7700x"],
    ["+7700-98765", "+7700-x"],
    ["room7700-98765", "room7700-x"],
    ["7700abc98765", "7700abcx"],
    ["7701-abc-98765", "7701-abc-x"],
    ["boardroom98765", "boardroomx"],
    ["0800-98765", "0800-x"],
    ["７７００-98765", "７７００-x"],
    ["sip:7700-98765", "sip:7700-x"],
    ["sip:7700-98765;user=phone", "sip:7700-x;user=phone"],
    ["(7701)98765", "(7701)x"],
    ["sip:7700@98765", "sip:7700@x"],
    ["tel:7700@98765", "tel:7700@x"],
    ["7700@98765@gw1.example", "7700@x@gw1.example"],
    ["+1-555-0100-98765", "+1-555-0100-x"],
  ])("%s is shown as %s", (dialled, shown) => {
    expect(maskDialled(dialled)).toBe(shown);
    expect(maskDialled(shown)).toBe(shown);
  });

  it.each([
    "7700",
    "77001",
    "400012345",
    "+77001234567",
    "+49-30-1234567",
    "+44.20.79460018",
    "030-1234567",
    "(030)1234567",
    "555-010-1234",
    "1-555-010-1234",
    "12-34-56-78",
    "board.room",
    "anna.mueller-2024",
    "conf_2024-01",
    "+1-555-0100",
    "sip:10.0.0.1:5060",
    "sip:alice-12@10.0.0.1",
    "h323:10.0.0.1",
    "sip:3f2a4b5c@10.0.0.1",
  ])("%s has none", (dialled) => expect(maskDialled(dialled)).toBe(dialled));

  it.each([
    ["To:sip:7700-98765@h", "To:sip:7700-x@h"],
    ["not a request line: INVITE sip:7700 98765@h SIP/2.0", "not a request line: INVITE sip:7700 x@h SIP/2.0"],
    ["sip:7700 98765 was not reached", "sip:7700 x was not reached"],
    ["no answer from 7700-98765 today", "no answer from 7700-x today"],
    ["(7700/98765)", "(7700/x)"],
    [
      "History-Info: <sip:7700.98765@h?Reason=SIP%3Bcause%3D302>;index=1.1",
      "History-Info: <sip:7700.x@h?Reason=SIP%3Bcause%3Dx>;index=1.1",
    ],
  ])("in the text %j is shown as %j", (text, shown) => {
    expect(maskText(text)).toBe(shown);
    expect(maskText(shown)).toBe(shown);
  });

  it.each([
    "meeting 7700: 12 of 50 joined in 7700.25 ms",
    "0aab1234-7700-4234-8234-001234567890",
    "media 20000-29999 and 10.0.0.1:5060",
    "sip:7700 has 3 callers",
  ])("in the text %j there is none", (text) => expect(maskText(text)).toBe(text));

  it("in a name is masked, and names with numbers stay", () => {
    for (const name of ["7700 98765", "7700-98765", "7701-98765", "7700;98765"]) expect(maskName(name), name).not.toContain("98765");
    for (const name of ["Room 12", "Anna, floor 3", "Room 12-3", "+1-555-0100", "Building 7700"]) expect(maskName(name), name).toBe(name);
  });
});

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
