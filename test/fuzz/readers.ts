/** Every reader of a stranger's text that the campaign tries. A new reader belongs here: one entry, with what it is made to read. */
import type { Reader } from "./reader.ts";
import { certificateReaders } from "./readers-certificates.ts";
import { engineReaders } from "./readers-engine.ts";
import { h323Readers } from "./readers-h323.ts";
import { otherReaders } from "./readers-other.ts";
import { sipReaders } from "./readers-sip.ts";
import { webReaders } from "./readers-web.ts";

export const readers: readonly Reader[] = [
  ...sipReaders,
  ...engineReaders,
  ...otherReaders,
  ...h323Readers,
  ...certificateReaders,
  ...webReaders,
];
