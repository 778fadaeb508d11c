import { z } from "zod";
import { flag, oneOf, pin, text, textLike, whole } from "./values.ts";

/** A user part or number that can be dialled. */
export const dialled = () =>
  textLike(/^\+?[A-Za-z0-9._-]{1,64}$/, "a number or name to dial: letters, digits, . _ -, a leading +, at most 64");

/** One of `meetings`: the keys of Meeting in src/meetings/model.ts, PINs as digits or hashes. */
export const meetingSchema = z.strictObject({
  id: textLike(/^[A-Za-z0-9._-]{1,64}$/, "letters, digits, . _ -, at most 64").describe("Identifier, and the number that is dialled."),
  name: text().optional().meta({ expects: "text", shown: "the id" }).describe("Shown in rosters."),
  aliases: z.array(dialled()).default([]).describe("Further numbers and names that reach it."),
  language: oneOf(["en", "de"])
    .optional()
    .meta({ expects: "en, de", shown: "the configuration's `language`" })
    .describe("Language of the prompts."),
  guestPin: pin().describe("PIN of guests; better a hash. Digits stay in memory only until they are hashed."),
  hostPin: pin().describe("PIN of hosts; must differ from the guests'."),
  lobby: flag(false).describe("Unverified callers wait until somebody admits them."),
  waitForHost: flag(false).describe("Guests wait, with music, until a host has joined."),
  endWithHost: flag(false).describe("The meeting ends for guests when its last host leaves."),
  endToEndEncrypted: flag(false).describe("SIP, H.323, telephone and browser callers are refused: they would break the encryption."),
  locked: flag(false).describe(
    "Nobody further may join. What an operator or host sets for a meeting of this file (`PUT /meetings/{id}`) holds until the gateway stops.",
  ),
  maxParticipants: whole(0, 10_000, 0).describe("Most participants at a time; 0 for no limit."),
  muteOnJoin: flag(false).describe("Participants start muted."),
  announcements: oneOf(["off", "tone", "names"]).default("tone").describe("What others hear when somebody comes or goes."),
  tenant: text().nullable().default(null).describe("The tenant whose trunks and callers may reach it."),
});
