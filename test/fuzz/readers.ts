/** Every reader of a stranger's text that the campaign tries. A new reader belongs here: one entry, with what it is made to read. */
import type { Reader } from "./reader.ts";
import { otherReaders } from "./readers-other.ts";
import { sipReaders } from "./readers-sip.ts";

export const readers: readonly Reader[] = [...sipReaders, ...otherReaders];
