import { z } from "zod";
import type { Participant } from "../meetings/model.ts";

/**
 * What a page and the gateway say to each other: JSON objects, one in each WebSocket text message, told apart by `type`. docs/operate/browsers.md describes them.
 */

const generation = z.number().int().min(1).max(1_000_000).describe("Which connection it belongs to: the number of its offer.");
const sdp = z.string().min(1).max(60_000);

/** What a page says. Keys that are not here are ignored, so that newer pages can speak to older gateways. */
const pageMessageSchema = z.discriminatedUnion("type", [
  z
    .object({
      type: z.literal("join"),
      meeting: z
        .string()
        .trim()
        .max(128)
        .describe("Meeting number or alias; as in a dial string, a PIN may follow `**`. Empty: the dialogue asks for it."),
      name: z
        .string()
        .trim()
        .max(128)
        .transform((name) => name.replace(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, ""))
        .describe("Shown to the others."),
      pin: z
        .string()
        .regex(/^[0-9]{1,32}$/)
        .optional()
        .describe("Tried first, without a word."),
      language: z.enum(["en", "de"]).optional().describe("Of the prompts."),
      token: z
        .string()
        .max(2048)
        .optional()
        .describe("A join token of the meeting: makes the participant verified, with the token's role and without a PIN."),
      rejoin: z
        .object({ visit: z.string().max(64), secret: z.string().max(64) })
        .optional()
        .describe("A visit that was lost with its network: its meeting and role, without a PIN, for a quarter of an hour."),
      pictures: z
        .number()
        .int()
        .min(0)
        .max(8)
        .default(4)
        .describe("Further pictures the page can show, besides the speaker's and the shared screen."),
    })
    .describe("First on a new WebSocket: into a meeting."),
  z
    .object({ type: z.literal("resume"), visit: z.string().max(64), secret: z.string().max(64) })
    .describe("First on a WebSocket that replaces a broken one."),
  z.object({ type: z.literal("answer"), generation, sdp }).describe("Answers `offer`."),
  z
    .object({ type: z.literal("candidate"), generation, candidate: z.string().max(1_000), mid: z.string().max(32) })
    .describe("An ICE candidate of the page's (RFC 8840); an empty one ends them."),
  z
    .object({ type: z.literal("keys"), keys: z.string().regex(/^[0-9*#]{1,64}$/) })
    .describe("Keys, as on a telephone: PINs with `#`, the menu of the meeting."),
  z.object({ type: z.literal("mute"), muted: z.boolean() }).describe("Mutes oneself, or unmutes."),
  z.object({ type: z.literal("share"), on: z.boolean() }).describe("Asks to show a screen; stops showing it."),
  z
    .object({ type: z.literal("act"), participant: z.string().max(64), action: z.enum(["admit", "remove", "mute", "unmute"]) })
    .describe("What a host does with a participant."),
  z.object({ type: z.literal("renew"), generation }).describe("The connection of this generation has failed: asks for another."),
  z.object({ type: z.literal("leave") }).describe("Ends the visit."),
]);

export type PageMessage = z.output<typeof pageMessageSchema>;
export type JoinMessage = Extract<PageMessage, { type: "join" }>;

/** A participant as the others in the meeting see it: no address, no call. */
export interface RosterEntry {
  readonly id: string;
  readonly name: string;
  readonly protocol: Participant["protocol"];
  readonly role: Participant["role"];
  readonly state: Participant["state"];
  readonly muted: boolean;
  readonly talking: boolean;
  /** Raised by `*3`. */
  readonly hand: boolean;
  /** Who cannot be shown its camera, by id: their codecs are others. */
  readonly notSeenBy: readonly string[];
}

/** Where the way into the meeting stands. */
export type DialogueState = "number" | "pin" | "checking" | "naming" | "lobby" | "waiting" | "joining" | "joined";

export interface IceServer {
  readonly urls: readonly string[];
  readonly username?: string;
  readonly credential?: string;
}

/** What the gateway says. */
export type GatewayMessage =
  /** The visit exists; `secret` resumes it on another WebSocket. */
  | {
      readonly type: "welcome";
      readonly visit: string;
      readonly secret: string;
      /** The page's own participant in rosters. */
      readonly participant: string;
      readonly iceServers: readonly IceServer[];
      readonly iceTransportPolicy: "all" | "relay";
    }
  /** For connections from now on, in place of those before: servers for who has proved that they may come, or fresh credentials. */
  | { readonly type: "ice-servers"; readonly iceServers: readonly IceServer[]; readonly iceTransportPolicy: "all" | "relay" }
  /** The visit goes on here. */
  | { readonly type: "resumed"; readonly generation: number }
  | { readonly type: "offer"; readonly generation: number; readonly sdp: string }
  | { readonly type: "candidate"; readonly generation: number; readonly candidate: string; readonly mid: string }
  /** `attempt` counts what was wrong of that which is asked for: PINs, or meeting numbers. `hostPresent`, in the lobby: whether a host is in who has been told. */
  | { readonly type: "dialogue"; readonly state: DialogueState; readonly attempt: number; readonly hostPresent?: boolean }
  | { readonly type: "meeting"; readonly id: string; readonly name: string; readonly locked: boolean }
  /** Everybody, once joined, and again after `resumed`. */
  | { readonly type: "roster"; readonly participants: readonly RosterEntry[] }
  /** One has come, changed or gone (`state` is `left`). */
  | { readonly type: "participant"; readonly participant: RosterEntry }
  | {
      readonly type: "shown";
      readonly mid: string;
      readonly participant: string | null;
      readonly stream: "camera" | "screen";
      /** Of one who is not in the roster: a client of the SFU's own. */
      readonly name?: string;
    }
  | { readonly type: "share"; readonly state: "granted" | "denied" | "revoked" }
  /** Somebody else's screen is, or is no longer, on the line `slides`. */
  | { readonly type: "presenting"; readonly somebody: boolean }
  /** What a message asked for was not done. */
  | { readonly type: "error"; readonly code: string; readonly text: string }
  /** Every few seconds: the gateway is there. */
  | { readonly type: "beat" }
  /** The visit is over; nothing follows. `code` is an outcome of call records. */
  | { readonly type: "ended"; readonly code: string; readonly text: string };

/** Reads a page's message; undefined when it is none. */
export function readPageMessage(text: string): PageMessage | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const read = pageMessageSchema.safeParse(value);
  return read.success ? read.data : undefined;
}

/** What of a participant goes to the others' pages. */
export function rosterEntry({ id, displayName, protocol, role, state, muted, talking, hand, notSeenBy }: Participant): RosterEntry {
  return { id, name: displayName, protocol, role, state, muted, talking, hand, notSeenBy };
}
