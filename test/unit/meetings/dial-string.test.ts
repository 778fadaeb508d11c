import { describe, expect, it } from "vitest";
import { languageOfLocale, normaliseNumber, parseDialledUri, parseDialString } from "../../../src/meetings/dial-string.ts";

describe("dial strings", () => {
  it.each([
    ["2000", "2000", null],
    ["2000**1234", "2000", "1234"],
    ["2000##1234", "2000", "1234"],
    ["2000##1234#", "2000", "1234"],
    ["2000%23%231234", "2000", "1234"],
    ["2000%2a%2A1234", "2000", "1234"],
    ["2000**", "2000", null],
    ["2000#", "2000", null],
    ["Team.Room", "team.room", null],
    ["+1-555-0100", "+15550100", null],
    ["+1(555)0100**9", "+15550100", "9"],
    ["", "", null],
  ])("%s reaches %s", (user, number, pin) => {
    expect(parseDialString(user)).toMatchObject({ number, pin });
  });

  it("takes what is no PIN for part of the number, so that it reaches nothing", () => {
    expect(parseDialString("2000**12ab")).toMatchObject({ number: "2000**12ab", pin: null });
    expect(parseDialString(`2000**${"1".repeat(33)}`).pin).toBeNull();
  });

  it("leaves broken escapes alone", () => {
    expect(parseDialString("2000%2")).toMatchObject({ number: "2000%2", pin: null });
  });

  it("takes visual separators out of telephone numbers only", () => {
    expect(normaliseNumber("a.b-c")).toBe("a.b-c");
    expect(normaliseNumber("(030) 12")).toBe("(030) 12");
    expect(normaliseNumber("030.12-3")).toBe("030123");
  });
});

describe("request URIs", () => {
  it.each([
    ["sip:2000@127.0.0.1:5060;transport=tcp", { number: "2000", pin: null, language: null, siteUuid: null }],
    ["sips:2000**1234@gw.example", { number: "2000", pin: "1234", language: null, siteUuid: null }],
    ["sip:2000%23%231234@gw.example", { number: "2000", pin: "1234", language: null, siteUuid: null }],
    ["sip:5000@gw.example;locale=de_DE", { number: "5000", pin: null, language: "de", siteUuid: null }],
    ["sip:5000;locale=de_DE@gw.example", { number: "5000", pin: null, language: "de", siteUuid: null }],
    ["sip:+15550100@gw.example;locale=fr_FR;x-cisco-site-uuid=AB12", { number: "+15550100", pin: null, language: null, siteUuid: "ab12" }],
    ["tel:+1-555-0100", { number: "+15550100", pin: null, language: null, siteUuid: null }],
    ["tel:2000;phone-context=+1", { number: "2000", pin: null, language: null, siteUuid: null }],
    ["sip:gw.example", { number: "", pin: null, language: null, siteUuid: null }],
    ["sip:2000:secret@gw.example?Subject=x", { number: "2000", pin: null, language: null, siteUuid: null }],
    ["2000", { number: "2000", pin: null, language: null, siteUuid: null }],
  ])("%s", (uri, expected) => {
    expect(parseDialledUri(uri)).toMatchObject(expected);
  });

  it("knows only languages with prompts", () => {
    expect(languageOfLocale("de-AT")).toBe("de");
    expect(languageOfLocale("EN_us")).toBe("en");
    expect(languageOfLocale("fr_FR")).toBeNull();
    expect(languageOfLocale("")).toBeNull();
  });
});
