import { z } from "zod";
import { flag, network, section, whole } from "./values.ts";

/** Keys that keep sources out: `allow`, `deny`, `bans`. */

const networks = () => z.array(network()).default([]);

export const allowSchema = networks().describe(
  "Networks that may speak to us: SIP, H.323 and web, before anything they send is read. Everybody where empty. The web port takes this machine (127.0.0.1, ::1) as well.",
);

export const denySchema = networks().describe("Networks that may not, whatever `allow` says: nothing they send is read or answered.");

const times = (byDefault: number, what: string) =>
  whole(0, 1_000_000, byDefault).describe(`${what} of one source within \`windowSeconds\` that ban it; 0 never does.`);

/** `bans`: sources that misbehave are not listened to for a while. */
export const bansSchema = z
  .preprocess(
    (value) => (value === "off" || value === false ? null : value === "on" || value === true ? {} : value),
    section(
      {
        wrongPins: times(30, "Wrong PINs"),
        wrongCredentials: times(20, "Wrong digest credentials"),
        wrongTokens: times(30, "Wrong tokens at the web port"),
        scanners: times(
          5,
          "Requests of scanning tools, and of strangers who are refused again and again, by TCP, TLS or WebSocket (senders of UDP may be forged), and scanners' paths at the web port,",
        ),
        malformed: times(100, "Malformed messages, of SIP, H.323, WebSocket and HTTP (RAS by UDP not: its senders may be forged),"),
        windowSeconds: whole(1, 86_400, 600, "seconds").describe("How long an offence counts."),
        seconds: whole(1, 86_400, 600, "seconds").describe("Length of a source's first ban. Each further ban is twice as long."),
        maxSeconds: whole(1, 31_536_000, 86_400, "seconds").describe("Longest ban."),
        exempt: z
          .array(network())
          .default(["127.0.0.1", "::1"])
          .describe("Networks that are never banned by themselves; by default this machine, from where proxies and tests speak."),
        trunks: flag(false).describe("Whether the networks that trunks are recognised by may be banned too."),
      },
      "Bans: a source, that is an IPv4 address or an IPv6 /64, that misbehaves is not listened to for a while. `off` bans nobody.",
    ).nullable(),
  )
  .prefault({})
  .meta({ expects: "off, or the keys below", shown: "on" });
