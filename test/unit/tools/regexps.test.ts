import { expect, test } from "vitest";
import { findRegExps } from "../../../tools/regexps/find.ts";
import { regExpFaults } from "../../../tools/regexps/lint.ts";

function faults(text: string, allowed: Parameters<typeof regExpFaults>[1] = []): string[] {
  return regExpFaults(new Map([["src/a.ts", text]]), allowed).map(({ line, text: written }) => `${line} ${written}`);
}

test.each([
  ["blanks at the end", "text.replace(/[ \\t]+$/, '')"],
  ["two runs of the same characters", "/^content-length:\\s*(.*?)\\s*$/i.exec(line)"],
  ["nested repetition", "/^(a+)+$/.test(text)"],
  ["an opening that comes often and a close that never comes", "/<([^>]*)>/.exec(text)"],
  ["a mark before the rest of the line", "/mstrm:(.+)$/.exec(text)"],
  ["a constant given to RegExp", 'new RegExp("(a|a)*b")'],
  ["a constant with flags", 'RegExp("^\\\\s*Signal\\\\s*=", "m")'],
])("the lint refuses %s", (_, text) => {
  expect(faults(`const x = 1;\n${text};`)).toHaveLength(1);
});

test.each(["/^[0-9]{1,32}$/", "/\\r?\\n/", "/^([a-z]+):(\\d+)$/i", 'new RegExp("^a=ice-ufrag:")'])("the lint accepts %s", (text) => {
  expect(faults(`export const x = ${text};`)).toEqual([]);
});

test("an expression put together at run time is refused, unless it is listed with a reason", () => {
  const text = 'const find = (what: string) => new RegExp("^" + what);';
  expect(faults(text)).toEqual(['1 new RegExp("^" + what)']);
  const entry = { file: "src/a.ts", text: 'new RegExp("^" + what)' };
  expect(faults(text, [{ ...entry, why: "what is ours" }])).toEqual([]);
  expect(faults(text, [{ ...entry, why: " " }])).toHaveLength(1);
});

test("a listed expression that is no longer there is refused", () => {
  expect(faults("export {};", [{ file: "src/a.ts", text: "/a+$/", why: "gone" }])).toEqual(["0 /a+$/"]);
});

test("expressions in scripts of the pages are found, text that only looks so is not", () => {
  const found = findRegExps("page.js", "// /a+$/\nconst a = '/b+$/'; const c = 4 / 2 / 1;\nconst d = a.split(/,/u);");
  expect(found).toEqual([{ line: 3, text: "/,/u", pattern: { source: ",", flags: "u" } }]);
});
