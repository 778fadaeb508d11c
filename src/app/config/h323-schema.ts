import { z } from "zod";
import { flag, oneOf, text, textLike, whole } from "./values.ts";

/** `192.0.2.1`, `192.0.2.1:1719`, `gk.example.net`, `[2001:db8::1]:1719`. */
const gatekeeperAddress = (names: boolean) =>
  textLike(
    names ? /^(\[[0-9a-f:]+\]|[0-9A-Za-z][0-9A-Za-z.-]*)(:\d{1,5})?$/i : /^(\[[0-9a-f:]+\]|\d{1,3}(\.\d{1,3}){3})(:\d{1,5})?$/i,
    expected(names),
  )
    .transform((value) => {
      const [, literal, name = "", port] = /^(?:\[(.*)\]|([^:]*))(?::(\d{1,5}))?$/.exec(value) ?? [];
      return { host: literal ?? name, port: port === undefined ? null : Number(port) };
    })
    .meta({ expects: expected(names) });

const expected = (names: boolean) => `${names ? "a host" : "an address"}, with a port where it is not 1719`;

/** `h323.gatekeeper`: our own small gatekeeper, on `h323.ras`. */
export const gatekeeperSchema = z
  .strictObject({
    identifier: text().default("crosspoint").describe("Its name. A change takes a restart."),
    timeToLive: whole(30, 3600, 300, "seconds").describe("Longest time between two refreshes of a registration."),
    registration: oneOf(["anybody", "listed"])
      .default("listed")
      .describe("Who may register: only names that stand in `endpoints`; or anybody, under names that are no meeting's (the demo)."),
    endpoints: z
      .array(
        z.strictObject({
          alias: text().describe("H.323 ID or number."),
          password: text("a password")
            .optional()
            .describe(
              "What it must prove to know, by H.235.1 or the older MD5 token, with a clock at most a minute off ours; better {env: NAME} or {file: path}.",
            ),
        }),
      )
      .default([])
      .describe("Endpoints that need a password, or may register at all."),
    neighbours: z
      .array(gatekeeperAddress(false))
      .default([])
      .describe("Gatekeepers that are asked for what is not registered here (LRQ), and that may ask us. By address."),
  })
  .prefault({})
  .describe("Our own gatekeeper.");

/** `h323.upstream`: the gatekeeper that we are registered with. */
export const upstreamSchema = z
  .preprocess(
    (value) => (value === "off" || value === false ? null : value),
    z
      .strictObject({
        gatekeeper: gatekeeperAddress(true).describe("Where it is."),
        identifier: text().nullable().default(null).describe("Its name, where it insists on hearing it."),
        aliases: z
          .array(text())
          .min(1, { error: "expected at least one alias" })
          .default(["crosspoint"])
          .describe("Names and numbers we register, meetings' numbers among them; the first is shown to those we call."),
        prefixes: z
          .array(textLike(/^[0-9*#]{1,32}$/, "digits"))
          .default([])
          .describe("Numbers that begin so are to be sent to us."),
        traversal: oneOf(["none", "h46018", "h46017"])
          .default("none")
          .describe(
            "How we cross a firewall or NAT on our side: `h46018` by indications of calls and keep-alives (H.460.18, H.460.19), `h46017` by one TCP connection to its call signalling port (1720 where none is said) for registration and calls, media by H.460.19.",
          ),
        discover: flag(true).describe("Ask for it first (GRQ); else register at once."),
        timeToLive: whole(30, 3600, 300, "seconds").describe("Asked for; its own word counts."),
        user: text().nullable().default(null).describe("Whose password it is; the first alias where absent."),
        password: text("a password").nullable().default(null).describe("Password; better {env: NAME} or {file: path}."),
        method: oneOf(["hmac", "md5"])
          .default("hmac")
          .describe(
            "How it is proven: `hmac` is H.235.1 (HMAC-SHA1-96 over each message), `md5` the older token, GnuGk's SimplePasswordAuth.",
          ),
      })
      .nullable(),
  )
  .default(null)
  .meta({ expects: "off, or the keys below", shown: "off" })
  .describe("A gatekeeper that we are registered with: it sends calls to us, and calls to `h323:` aliases without a host go through it.");
