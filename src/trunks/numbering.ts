import { type CountryCode, getCountryCallingCode, isSupportedCountry, parsePhoneNumberFromString } from "libphonenumber-js/min";

/** How a trunk writes telephone numbers. */
export interface Dialling {
  /** ISO 3166 country, for example `DE`, whose national form and prefixes its numbers may have; numbers without `+` are extensions where absent. */
  readonly country?: string;
  /** Digits that callers dial first and that belong to no number, such as `0` for an outside line; taken off numbers that come. */
  readonly strip?: string;
  /** Put before numbers that come without `+`, after `strip`: `+4930555` makes extensions of a range full numbers. */
  readonly add?: string;
  /** Form of the numbers we call: `+493012345`, `03012345` inside the country, or `00493012345` with the country's prefix (RFC 3966, ITU-T E.164). */
  readonly out?: "e164" | "national" | "international";
  /** Put before the numbers we call, after their form: `0` for an outside line. */
  readonly outPrefix?: string;
}

/** A number and each step on the way to it, in words. */
export interface Converted {
  /** E.164 with `+`, or as a trunk wants it; null where it is no telephone number. */
  readonly number: string | null;
  readonly steps: readonly string[];
}

/** Longest text that is looked at: E.164 has 15 digits, prefixes and separators come to it. */
const LONGEST = 40;

/** Whether numbers of this country can be read. */
export const isCountry = (country: string): country is CountryCode => isSupportedCountry(country);

/** Digits, with `+` before them where it was there; null for what holds anything else than a number and its visual separators (RFC 3966 section 5.1.1). */
function digitsOf(text: string): string | null {
  let digits = "";
  if (text.length > LONGEST) return null;
  for (const character of text) {
    if (character >= "0" && character <= "9") digits += character;
    else if (character === "+" && digits === "") digits = "+";
    else if (!"-. ()".includes(character)) return null;
  }
  return digits === "" || digits === "+" ? null : digits;
}

/** The E.164 number that a dialled one means on a trunk (ITU-T E.164, E.123). */
export function toE164(dialled: string, { country, strip = "", add = "" }: Dialling = {}): Converted {
  const steps: string[] = [];
  let number = digitsOf(dialled);
  if (number === null) return { number: null, steps: [`${show(dialled)} is no telephone number`] };
  if (strip !== "" && number.startsWith(strip) && number.length > strip.length) {
    number = number.slice(strip.length);
    steps.push(`strip ${strip}: ${number}`);
  }
  if (add !== "" && !number.startsWith("+")) {
    number = `${add}${number}`;
    steps.push(`add ${add}: ${number}`);
  }
  const parsed = parsePhoneNumberFromString(number, {
    extract: false,
    ...(country !== undefined && isCountry(country) ? { defaultCountry: country } : {}),
  });
  if (!parsed?.isPossible()) {
    const why = number.startsWith("+") || country !== undefined ? "has no number's length" : "has no +, and the trunk has no country";
    return { number: null, steps: [...steps, `${number} ${why}: it stays as it was dialled`] };
  }
  if (parsed.number !== number) steps.push(`${number.startsWith("+") ? "E.164" : `a number of ${country}`}: ${parsed.number}`);
  return { number: parsed.number, steps };
}

/** An E.164 number as a trunk wants it called. What is no such number is left as it is. */
export function outward(number: string, { country, out = "e164", outPrefix = "" }: Dialling = {}): Converted {
  const parsed = parsePhoneNumberFromString(number, { extract: false });
  if (!number.startsWith("+") || !parsed?.isPossible()) return { number, steps: [`${number} is no E.164 number: it is called as it is`] };
  const form = written(parsed, out, country);
  const steps = form === number ? [] : [`${out} form: ${form}`];
  if (outPrefix === "") return { number: form, steps };
  return { number: `${outPrefix}${form}`, steps: [...steps, `prefix ${outPrefix}: ${outPrefix}${form}`] };
}

type Parsed = NonNullable<ReturnType<typeof parsePhoneNumberFromString>>;

function written(parsed: Parsed, out: NonNullable<Dialling["out"]>, country: string | undefined): string {
  if (out === "e164") return parsed.number;
  const home = country !== undefined && isCountry(country) ? country : undefined;
  // the calling code decides: many countries share one, and a number need not be known to be of either
  const inside = home !== undefined && parsed.countryCallingCode === getCountryCallingCode(home);
  if (out === "national" && inside) return digitsOf(parsed.formatNational()) ?? parsed.number;
  return `${internationalPrefix(home)}${parsed.number.slice(1)}`;
}

/** Digits before a country code: `00` in most countries, `011` in North America. */
function internationalPrefix(home: CountryCode | undefined): string {
  if (home === undefined) return "00";
  const foreign = FOREIGN.find((number) => number.countryCallingCode !== getCountryCallingCode(home));
  const written = foreign && digitsOf(foreign.format("IDD", { fromCountry: home }) ?? "");
  return foreign && written?.endsWith(foreign.number.slice(1)) ? written.slice(0, 1 - foreign.number.length) : "00";
}

/** Numbers of two countries, one of which is foreign everywhere: the library says a prefix only within a number. */
const FOREIGN = ["+442079460000", "+14155552671"].flatMap((number) => parsePhoneNumberFromString(number) ?? []);

const show = (text: string): string => JSON.stringify(text.slice(0, LONGEST));
