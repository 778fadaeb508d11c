import { describe, expect, it } from "vitest";
import { MeetingMenu } from "../../../src/ivr/meeting-menu.ts";
import { COMMON_PROMPTS, NUMBER_PROMPTS, promptFile, SPOKEN_PROMPTS } from "../../../src/ivr/prompts/manifest.ts";
import { speakNumber } from "../../../src/ivr/prompts/speak.ts";
import { sayOthers } from "../../../src/ivr/spoken-number.ts";

describe("the menu in the meeting", () => {
  const type = (keys: string, isHost = false) => {
    const menu = new MeetingMenu();
    return [...keys].map((key, i) => menu.digit(key, isHost, i * 100)).filter((action) => action !== null);
  };
  it.each([
    ["*6", ["toggle-mute"]],
    ["*3", ["toggle-hand"]],
    ["*8", ["count"]],
    ["**", ["help"]],
    ["*6*6", ["toggle-mute", "toggle-mute"]],
    ["6", []],
    ["*96", []],
    ["***6", ["help", "toggle-mute"]],
  ])("%s", (keys, actions) => {
    expect(type(keys)).toEqual(actions);
  });
  it("has more for hosts", () => {
    expect(type("*5*7", true)).toEqual(["toggle-lock", "admit-next"]);
    expect(type("*5")).toEqual(["help"]);
  });
  it("forgets a lone star", () => {
    const menu = new MeetingMenu();
    menu.digit("*", false, 0);
    expect(menu.digit("6", false, 4_001)).toBeNull();
    menu.digit("*", false, 5_000);
    expect(menu.digit("6", false, 9_000)).toBe("toggle-mute");
  });
});

describe("spoken numbers", () => {
  it("are put together as each language does", () => {
    expect(speakNumber(0, "en")).toEqual(["number-0"]);
    expect(speakNumber(17, "de")).toEqual(["number-17"]);
    expect(speakNumber(42, "en")).toEqual(["number-40", "number-2"]);
    expect(speakNumber(42, "de")).toEqual(["number-42"]);
    expect(speakNumber(90, "de")).toEqual(["number-90"]);
    expect(speakNumber(512, "en")).toEqual(["number-5", "number-100", "number-12"]);
    expect(speakNumber(1142, "de")).toEqual(["number-1000", "number-100", "number-42"]);
    expect(speakNumber(30_001, "en")).toEqual(["number-30", "number-1000", "number-1"]);
    expect(() => speakNumber(1_000_000, "en")).toThrow(RangeError);
    expect(() => speakNumber(1.5, "en")).toThrow(RangeError);
  });
  it("say how many others there are", () => {
    expect(sayOthers(0, "en")).toEqual(["alone"]);
    expect(sayOthers(1, "en")).toEqual(["one-other"]);
    expect(sayOthers(21, "en")).toEqual(["others-before", "number-20", "number-1", "others-after"]);
    expect(sayOthers(100, "en")).toEqual(["many-others"]);
  });
  it("use prompts that there are", () => {
    const known = new Set<string>([...SPOKEN_PROMPTS, ...NUMBER_PROMPTS, ...COMMON_PROMPTS]);
    for (let others = 0; others < 120; others++)
      for (const language of ["en", "de"] as const) for (const id of sayOthers(others, language)) expect(known.has(id), id).toBe(true);
    expect(promptFile("music", "de")).toBe("common/music.wav");
    expect(promptFile("welcome", "de")).toBe("de/welcome.wav");
  });
});
