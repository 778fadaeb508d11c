import { z } from "zod";
import { costClasses } from "../../trunks/access-numbers.ts";
import { isCountry, toE164 } from "../../trunks/numbering.ts";
import { oneOf, text, textLike } from "./values.ts";

const e164 = () =>
  text("a telephone number with its country code, such as +49 30 123456")
    .refine((number) => number.startsWith("+") && toE164(number).number !== null, {
      error: "expected a telephone number with its country code, such as +49 30 123456",
    })
    .transform((number) => toE164(number).number ?? number);

/** One of `numbers`: the keys of AccessNumber in src/trunks/access-numbers.ts. */
export const numberSchema = z.strictObject({
  number: e164().meta({ expects: "a telephone number with its country code, such as +49 30 123456" }).describe("The number, E.164."),
  trunk: text("a trunk's name").nullable().default(null).describe("The trunk it comes by; any of its tenant's where absent."),
  tenant: text().nullable().default(null).describe("The tenant whose number it is; that of its trunk where absent."),
  language: oneOf(["en", "de"])
    .nullable()
    .default(null)
    .describe("Language of its callers' prompts, unless their call names one (`;locale=`)."),
  cost: oneOf(costClasses).default("unknown").describe("What calls to it cost the caller: shown by the API."),
  meeting: text("a meeting's id")
    .nullable()
    .default(null)
    .describe("The meeting it reaches; it asks for the meeting's number where absent."),
});

const digits = (what: string) => textLike(/^\+?[0-9]{1,15}$/, what);

/** How a trunk writes telephone numbers. */
export const diallingSchema = z
  .strictObject({
    country: textLike(/^[A-Z]{2}$/, "an ISO 3166 country such as DE")
      .refine(isCountry, { error: "expected an ISO 3166 country such as DE" })
      .optional()
      .describe(
        "Country whose national numbers it brings, and takes with `out: national`: `DE` makes 030123456 and 004930123456 the number +4930123456.",
      ),
    strip: digits("digits").optional().describe("Taken off the numbers it brings, first of all: `0` for an outside line."),
    add: digits("digits, with + for a whole number's beginning")
      .optional()
      .describe("Put before the numbers it brings that have no `+`: `+4930555` makes extensions of a range full numbers."),
    out: oneOf(["e164", "national", "international"])
      .default("e164")
      .describe("Form of the numbers called by it: `+4930123456`; `030123456` inside `country`; `004930123456` with the country's prefix."),
    outPrefix: textLike(/^[0-9*#]{1,8}$/, "digits")
      .optional()
      .describe("Put before the numbers called by it: `0` for an outside line."),
  })
  .optional()
  .describe("How it writes telephone numbers. Without this numbers are compared as they come, with or without their `+`.");
