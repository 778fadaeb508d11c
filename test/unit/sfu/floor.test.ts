import { expect, it } from "vitest";
import { Floor } from "../../../src/sfu/janus/floor.ts";

it("shows who began last, and who still talks when he stops", () => {
  const shown: string[] = [];
  const floor = new Floor((id) => shown.push(id));
  floor.talks("a", true);
  floor.talks("b", true);
  // told by each of those who hear it
  floor.talks("b", true);
  floor.talks("a", true);
  floor.talks("b", false);
  floor.talks("b", false);
  expect(shown).toEqual(["a", "b", "a"]);
  // who is not shown stops; nobody talks; the next one begins
  floor.talks("c", true);
  floor.talks("a", false);
  floor.talks("c", false);
  floor.talks("a", true);
  expect(shown).toEqual(["a", "b", "a", "c", "a"]);
});
