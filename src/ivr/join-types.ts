import type { Digits } from "./digits.ts";
import type { Language } from "./language.ts";
import type { PromptId } from "./prompts/manifest.ts";

export type Role = "host" | "guest";

/** What the dialogue needs to know of the meeting. */
export interface MeetingFacts {
  readonly id: string;
  readonly language: Language;
  readonly hasGuestPin: boolean;
  readonly hasHostPin: boolean;
  /** Names are recorded, for the announcement of who comes and goes. */
  readonly askName: boolean;
}

/** Waits in milliseconds. */
export interface JoinTimings {
  readonly entryMs: number;
  readonly firstDigitMs: number;
  readonly interDigitMs: number;
  readonly tries: number;
  readonly lobbyMs: number;
  readonly hostMs: number;
}

export const DEFAULT_TIMINGS: JoinTimings = {
  entryMs: 120_000,
  firstDigitMs: 8_000,
  interDigitMs: 5_000,
  tries: 3,
  lobbyMs: 900_000,
  hostMs: 900_000,
};

export interface JoinSetup {
  /** Until the meeting says otherwise. */
  readonly language: Language;
  /** The caller named a language (`;locale=`): the meeting's does not replace it. */
  readonly languageChosen: boolean;
  /** Null: ask for the number. */
  readonly meeting: MeetingFacts | null;
  /** From the dial string, tried first without a word. */
  readonly dialledPin: Digits | null;
  /** Decided already, by a PIN in the dial string that was right, or because we called them: no PIN is asked for. */
  readonly role: Role | null;
  /** Of a call that takes another's place: the wrong numbers and PINs that the other was still allowed. */
  readonly triesLeft?: number;
  /** The name is asked for all the same: the other call, whose place this one takes, was still asked for it, or the role was proved by text before the media. */
  readonly unnamed?: boolean;
  readonly timings: JoinTimings;
}

/** Where the dialogue stands. */
export type JoinState =
  | "idle"
  | "number"
  | "looking-up"
  | "pin"
  | "checking"
  | "naming"
  | "admitting"
  | "lobby"
  | "waiting"
  | "joining"
  | "joined"
  | "ending"
  | "ended";

/** Why a dialogue ends the call; names of records/model.ts's OutcomeCode. */
export type JoinOutcome =
  | "no-such-meeting"
  | "end-to-end-encrypted"
  | "wrong-pin"
  | "pin-locked-out"
  | "overload"
  | "no-input"
  | "meeting-full"
  | "meeting-locked"
  | "lobby-timeout"
  | "host-timeout"
  | "removed"
  | "meeting-ended"
  | "internal-error";

export type JoinInput =
  | { readonly type: "start" }
  /** One of `0123456789*#`. */
  | { readonly type: "digit"; readonly digit: string }
  /** Playing of the output with this `play` number has come to its end; not told for what was stopped. */
  | { readonly type: "played"; readonly play: number }
  | { readonly type: "found"; readonly meeting: MeetingFacts | null }
  /** The number belongs to a meeting that such a caller cannot be in. */
  | { readonly type: "found-closed"; readonly outcome: "end-to-end-encrypted" | "meeting-full" | "meeting-locked" }
  /** `closed`: the meeting takes no PINs now, and is to look as if it did not exist. `busy`: too many wait to be compared; this one was not. */
  | { readonly type: "pin-checked"; readonly role: Role | null | "closed" | "busy" }
  | { readonly type: "name-recorded" }
  | { readonly type: "admission"; readonly to: "join" | "lobby" | "wait" | "full" | "locked" }
  | { readonly type: "joined" }
  /** Ends the dialogue from outside, with last words. */
  | { readonly type: "dismiss"; readonly outcome: JoinOutcome; readonly reason: string; readonly prompts: readonly PromptId[] };

export type JoinOutput =
  /** Play these one after the other, in this language; `loop`: the last one again and again. A new one replaces what is playing. */
  | {
      readonly type: "play";
      readonly play: number;
      readonly prompts: readonly PromptId[];
      readonly language: Language;
      readonly loop: boolean;
    }
  | { readonly type: "stop" }
  /** Answer with `found` or `found-closed`. */
  | { readonly type: "look-up"; readonly number: Digits }
  /** Answer with `pin-checked`. */
  | { readonly type: "check-pin"; readonly pin: Digits }
  /** Answer with `name-recorded`; `stop-recording` ends it early. */
  | { readonly type: "record-name"; readonly maxMs: number }
  | { readonly type: "stop-recording" }
  /** Answer with `admission`. */
  | { readonly type: "ask-admission"; readonly role: Role }
  /** Into the conference; answer with `joined`. */
  | { readonly type: "join" }
  | { readonly type: "state"; readonly state: JoinState }
  /** End the call; nothing follows. */
  | { readonly type: "hang-up"; readonly outcome: JoinOutcome; readonly reason: string };
