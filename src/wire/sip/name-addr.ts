import { formatParams, type Params, parseParams, skipQuoted, unquote } from "./text.ts";
import { tryParseUri, type Uri } from "./uri.ts";

/** One address of a field. */
export interface NameAddr {
  /** Display name without quotes and escapes (a byte string); undefined when there is none. */
  readonly name: string | undefined;
  /** URI text as received, without brackets. */
  readonly uriText: string;
  readonly params: Params;
  /** False when something of the text was malformed but could be read all the same. */
  readonly clean: boolean;
}

/** Reads one address, or returns undefined when no URI can be found in it. */
export function tryParseNameAddr(text: string): NameAddr | undefined {
  let i = 0;
  while (text.charCodeAt(i) === 0x20 || text.charCodeAt(i) === 0x09) i++;
  let name: string | undefined;
  let clean = true;
  if (text.charCodeAt(i) === 0x22) {
    const end = skipQuoted(text, i);
    if (end < 0) return undefined;
    name = unquote(text.slice(i, end));
    i = end;
  }
  const open = text.indexOf("<", i);
  if (open >= 0) {
    const before = text.slice(i, open).trim();
    if (name === undefined) {
      if (before !== "") {
        name = before;
        if (!/^[A-Za-z0-9\-.!%*_+`'~ \t\x80-\xff]+$/.test(before)) clean = false;
      }
    } else if (before !== "") clean = false;
    const close = text.indexOf(">", open);
    if (close < 0) return undefined;
    const raw = text.slice(open + 1, close);
    const uriText = raw.trim();
    if (uriText !== raw) clean = false;
    if (uriText === "") return undefined;
    if (close === text.length - 1) return { name, uriText, params: new Map(), clean };
    const tail = parseParams(text, close + 1);
    return { name, uriText, params: tail.params, clean: clean && tail.clean };
  }
  if (name !== undefined) return undefined;
  const semi = text.indexOf(";", i);
  const uriText = text.slice(i, semi < 0 ? text.length : semi).trim();
  if (uriText === "" || /\s/.test(uriText)) return undefined;
  const tail = semi < 0 ? { params: new Map() as Params, clean: true } : parseParams(text, semi);
  // RFC 3261 section 20: a URI with , ; or ? must be in brackets.
  return { name, uriText, params: tail.params, clean: tail.clean && !uriText.includes("?") && !uriText.includes(",") };
}

/** The address's URI, or undefined when it is malformed. */
export function uriOf(address: NameAddr): Uri | undefined {
  return tryParseUri(address.uriText);
}

/** `"name" <uri>;params`. `name` is a byte string. */
export function formatNameAddr(address: { name?: string | undefined; uriText: string; params?: Params }): string {
  const name = address.name === undefined || address.name === "" ? "" : `"${address.name.replace(/[\\"]/g, "\\$&")}" `;
  return `${name}<${address.uriText}>${address.params === undefined ? "" : formatParams(address.params)}`;
}

/** The `tag` of a From or To value without parsing all of it; undefined when it has none. Hot path; reads it as `tryParseNameAddr` does. */
export function tagOf(value: string): string | undefined {
  // Only what follows the bracket, or the first ; without brackets, can be a field parameter.
  let i = 0;
  while (value.charCodeAt(i) === 0x20 || value.charCodeAt(i) === 0x09) i++;
  if (value.charCodeAt(i) === 0x22) {
    i = skipQuoted(value, i);
    if (i < 0) return undefined;
  }
  const open = value.indexOf("<", i);
  if (open >= 0) {
    i = value.indexOf(">", open);
    if (i < 0) return undefined;
  }
  i = value.indexOf(";", i);
  if (i < 0) return undefined;
  // The usual form: the tag is the first parameter, and nothing is quoted.
  if (value.startsWith(";tag=", i) && value.charCodeAt(i + 5) !== 0x22) {
    let end = i + 5;
    while (end < value.length && value.charCodeAt(end) !== 0x3b) end++;
    return value.slice(i + 5, end).trim();
  }
  return parseParams(value, i).params.get("tag") ?? undefined;
}
