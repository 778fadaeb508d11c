import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { promptTexts } from "../../../src/ivr/prompts/texts.ts";

const src = join(import.meta.dirname, "../../../src");
/** The German half of a file of texts. */
const german = (file: string): string => {
  const text = readFileSync(join(src, file), "utf8");
  return text.slice(text.indexOf("const de = {"));
};

it.each(["web/page/strings.js", "admin/console/strings.js"])(
  "%s has one German word for one thing, which cannot be taken for another",
  (file) => {
    const text = german(file);
    expect(text.length).toBeGreaterThan(1000);
    // alone it is a telephone line
    expect(text.replaceAll("Meeting-Leitung", "")).not.toMatch(/Leitung/);
    expect(text).not.toMatch(/Moderator|Gastgeber|Konferenz|Besprechung|Sitzung|Wartebereich|Warteschleife|[„" ]Lobby/);
    for (const word of ["Meeting-Leitung", "Warteraum", "Meeting", "Stummschalten", "Ton an", "Hand gehoben"]) expect(text).toContain(word);
  },
);

it("the prompts say the same words", () => {
  const spoken = Object.values(promptTexts)
    .map(({ de }) => de)
    .join(" ");
  expect(spoken.replaceAll("Meeting-Leitung", "")).not.toMatch(
    /Leitung|Moderator|Gastgeber|Konferenz|Besprechung|Sitzung|Warteschleife|Lobby/,
  );
  expect(spoken).toContain("Meeting-Leitung");
});
