import { maskDialled } from "../base/pin-mask.ts";
import type { Language } from "./model.ts";

/** What a caller dialled, taken apart. */
export interface Dialled {
  /** The meeting's number or alias, normalised by `normaliseNumber`; empty when nothing was dialled. */
  readonly number: string;
  /** The number as it may be shown: where something stands in it that may be a PIN written in another way, without that. */
  readonly shown: string;
  /** Digits behind `**` or `##`; never to be logged. */
  readonly pin: string | null;
  /** `locale` of the URI (`;locale=de_DE`), where prompts in that language exist. */
  readonly language: Language | null;
  /** `x-cisco-site-uuid` of the URI, lower case. */
  readonly siteUuid: string | null;
}

/** RFC 3986 escapes; a broken escape stays as it is, room systems send them. */
function unescapeUri(text: string): string {
  return text.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/**
 * The form numbers are compared in: lower case, and telephone numbers without visual separators (RFC 3966 section 5.1.1).
 */
export function normaliseNumber(number: string): string {
  const trimmed = number.trim().toLowerCase();
  return /^\+?[0-9][0-9().-]*$/.test(trimmed) ? trimmed.replace(/[().-]/g, "") : trimmed;
}

/**
 * Takes a dial string apart: `2000`, `2000**1234`, `2000##1234`, a `#` at the end tolerated, `%23` and `%2A` understood.
 * A PIN is 1 to 32 digits; anything else behind the separator belongs to no meeting, so the whole string becomes the number.
 */
export function parseDialString(user: string): Pick<Dialled, "number" | "shown" | "pin"> {
  const plain = unescapeUri(user);
  // With the # at the end first: `2000##1234#`, `2000###`; then without, for `2000##`.
  const cut = (plain.endsWith("#") ? cutPin(plain.slice(0, -1)) : undefined) ?? cutPin(plain);
  if (cut) return { ...numberOf(cut.number), pin: cut.pin === "" ? null : cut.pin };
  return { ...numberOf(plain.replace(/#$/, "")), pin: null };
}

/** Visual separators, which tell a PIN's digits from the number's, are gone once it is normalised. */
function numberOf(written: string): Pick<Dialled, "number" | "shown"> {
  const number = normaliseNumber(written);
  const masked = maskDialled(written);
  return { number, shown: masked === written ? maskDialled(number) : masked };
}

/** Cuts `number**digits` or `number##digits`, 0 to 32 digits, from behind; undefined when the text is not of this form. */
function cutPin(text: string): { readonly number: string; readonly pin: string } | undefined {
  let from = text.length;
  while (from > 0 && text.length - from < 32 && text.charCodeAt(from - 1) >= 0x30 && text.charCodeAt(from - 1) <= 0x39) from--;
  const separator = text.slice(Math.max(from - 2, 0), from);
  if (from < 3 || (separator !== "**" && separator !== "##")) return undefined;
  return { number: text.slice(0, from - 2), pin: text.slice(from) };
}

/** `de_DE`, `de-AT`, `de` → `de`; null for languages without prompts. */
export function languageOfLocale(locale: string): Language | null {
  const primary = locale.toLowerCase().split(/[-_]/, 1)[0];
  return primary === "de" || primary === "en" ? primary : null;
}

/**
 * Reads the Request-URI of a call: `sip:2000@host`, `sips:...`, `tel:+1-555-0100`, with the parameters Cisco's edges add before or behind
 * the host. A URI without a user part (`sip:host`) has an empty number: it asks for one.
 */
export function parseDialledUri(uri: string): Dialled {
  const match = /^(sips?|tel):([^?]*)/i.exec(uri.trim());
  if (!match) return { ...numberOf(uri), pin: null, language: null, siteUuid: null };
  const [, scheme, rest] = match as unknown as [string, string, string];
  const isTel = scheme.toLowerCase() === "tel";
  const at = rest.lastIndexOf("@");
  const userPart = isTel ? rest : at < 0 ? "" : rest.slice(0, at);
  const hostPart = isTel || at < 0 ? rest : rest.slice(at + 1);
  // Parameters stand behind the host; behind the number in tel: URIs, and in SIP URIs made of those (RFC 3261 section 19.1.6).
  const [userAndPassword = "", ...userParams] = userPart.split(";");
  const params = new Map(
    [...userParams, ...hostPart.split(";").slice(1)].map((parameter) => {
      const equals = parameter.indexOf("=");
      return equals < 0
        ? [parameter.toLowerCase(), ""]
        : [parameter.slice(0, equals).toLowerCase(), unescapeUri(parameter.slice(equals + 1))];
    }),
  );
  const user = userAndPassword.split(":", 1)[0] ?? "";
  const locale = params.get("locale");
  return {
    ...parseDialString(user),
    language: locale === undefined ? null : languageOfLocale(locale),
    siteUuid: params.get("x-cisco-site-uuid")?.toLowerCase() ?? null,
  };
}
