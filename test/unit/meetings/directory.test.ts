import { describe, expect, it } from "vitest";
import { AliasConflict, MemoryDirectory } from "../../../src/meetings/directory.ts";
import { meeting } from "./fixtures.ts";

describe("directory", () => {
  it("finds by identifier, alias and E.164 number, whatever the case and the plus sign", async () => {
    const directory = new MemoryDirectory();
    directory.put(meeting({ id: "Board", aliases: ["2000", "+49 (30) 1234".replace(/ /g, ""), "board.room"] }), "api");
    for (const number of ["board", "BOARD", "2000", "Board.Room", "+49301234", "49301234", "+49-30-1234"]) {
      expect((await directory.find(number, null))?.id, number).toBe("Board");
    }
    expect(await directory.find("2001", null)).toBeUndefined();
  });

  it("keeps tenants apart: the same number, two meetings, none for a third", async () => {
    const directory = new MemoryDirectory();
    directory.put(meeting({ id: "a", aliases: ["2000"], tenant: "A" }), "configuration");
    directory.put(meeting({ id: "b", aliases: ["2000"], tenant: "B" }), "configuration");
    expect((await directory.find("2000", "A"))?.id).toBe("a");
    expect((await directory.find("2000", "B"))?.id).toBe("b");
    expect(await directory.find("2000", "C")).toBeUndefined();
    expect(await directory.find("2000", null)).toBeUndefined();
    expect(await directory.find("b", "A")).toBeUndefined();
  });

  it("refuses a number that is taken and changes nothing", async () => {
    const directory = new MemoryDirectory();
    directory.put(meeting({ id: "a", aliases: ["2000"] }), "api");
    expect(() => directory.put(meeting({ id: "b", aliases: ["2000"] }), "api")).toThrow(AliasConflict);
    expect(directory.get("b")).toBeUndefined();
    expect((await directory.find("2000", null))?.id).toBe("a");
    directory.put(meeting({ id: "a", aliases: ["3000"] }), "api");
    expect(await directory.find("2000", null)).toBeUndefined();
    expect(directory.delete("a")).toBe(true);
    expect(directory.delete("a")).toBe(false);
    expect(await directory.find("3000", null)).toBeUndefined();
  });

  it("reloads the configuration and keeps the API's meetings", () => {
    const directory = new MemoryDirectory();
    directory.replaceConfiguration([meeting({ id: "1" }), meeting({ id: "2" }), meeting({ id: "3" })]);
    directory.put(meeting({ id: "api" }), "api");
    const report = directory.replaceConfiguration([meeting({ id: "1" }), meeting({ id: "2", name: "New" }), meeting({ id: "4" })]);
    expect(report).toEqual({ added: ["4"], changed: ["2"], removed: ["3"] });
    expect(directory.list().map(({ meeting: { id }, source }) => `${id} ${source}`)).toEqual([
      "api api",
      "1 configuration",
      "2 configuration",
      "4 configuration",
    ]);
  });

  it("reloads nothing when the new configuration contradicts itself", () => {
    const directory = new MemoryDirectory();
    directory.replaceConfiguration([meeting({ id: "1" })]);
    expect(() => directory.replaceConfiguration([meeting({ id: "2" }), meeting({ id: "3", aliases: ["2"] })])).toThrow(AliasConflict);
    expect(() => directory.replaceConfiguration([meeting({ id: "2" }), meeting({ id: "2" })])).toThrow(AliasConflict);
    expect(directory.list().map(({ meeting: { id } }) => id)).toEqual(["1"]);
  });
});
