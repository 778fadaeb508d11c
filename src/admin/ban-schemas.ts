import { z } from "zod";

const time = () => z.string().describe("ISO 8601, UTC.");

export const banSchema = z
  .strictObject({
    id: z.string().describe("The same as `address`."),
    address: z.string().describe("The source that is not listened to: an IPv4 address or an IPv6 /64."),
    reason: z.enum(["wrong-pin", "wrong-credentials", "wrong-token", "scanner", "malformed", "by-hand"]),
    since: time(),
    until: time(),
    count: z.int().positive().describe("Which ban of this source it is; each is longer than the one before."),
  })
  .meta({ id: "Ban" });

export const banInputSchema = z
  .strictObject({
    address: z.string().max(64).describe("An IPv4 or IPv6 address; of IPv6 its whole /64 is banned."),
    seconds: z
      .int()
      .min(1)
      .max(31_536_000)
      .optional()
      .describe("How long; the configuration's `bans.seconds`, doubled each time, where absent."),
  })
  .meta({ id: "BanInput" });
