/** Readers with the faults that the campaign is to find. Each reads what the others read without harm. */
import { type Reader, text } from "./reader.ts";

const seeds = ["name: value;a=b, c", "other: 1"];
const kept: string[] = [];

export const readers: readonly Reader[] = [
  text("well", seeds, (line) => line.trimEnd().split(";")),
  text("planted-expression", seeds, (line) => line.replace(/\s+$/, "")),
  text("planted-loop", seeds, (line) => {
    let count = 0;
    for (let i = 0; i < line.length; i++) for (let j = i; j < line.length && line.length > 10_000; j += 8) count++;
    return count;
  }),
  text("planted-search", seeds, (line) => {
    for (let i = 0; i < line.length; i++) if (line.indexOf("\u0100", i) >= 0) return i;
    return -1;
  }),
  text("planted-exception", seeds, (line) => {
    if (line.includes('"')) throw new TypeError("a quote");
  }),
  text("planted-hang", seeds, (line) => {
    if (line.includes("\\")) for (;;) kept.length = 0;
  }),
  text("planted-leak", seeds, (line) => kept.push(line.repeat(200).split("").join("-"))),
];
