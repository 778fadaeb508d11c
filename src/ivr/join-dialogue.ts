import type { Millis } from "../base/clock.ts";
import { type Machine, type Timeout, Timers } from "../base/machine.ts";
import { Digits } from "./digits.ts";
import { Entry } from "./entry.ts";
import type { JoinInput, JoinOutcome, JoinOutput, JoinSetup, JoinState, MeetingFacts, Role } from "./join-types.ts";
import type { Language } from "./language.ts";
import type { PromptId } from "./prompts/manifest.ts";
import type { TimerName } from "./timers.ts";

/** The longest name that is recorded, and how long last words may take. */
const NAME_MS = 5_000;
const ENDING_MS = 12_000;

type Handlers = {
  readonly [S in JoinState]?: { readonly [T in JoinInput["type"]]?: (input: Extract<JoinInput, { type: T }>, now: Millis) => void };
};
type TimerHandlers = { readonly [S in JoinState]?: { readonly [T in TimerName]?: (now: Millis) => void } };

/**
 * The way of a caller from the answered call into the conference: number, PIN, name, lobby, waiting for the host. A machine (`base/machine.ts`). An input
 * that the state does not know changes nothing.
 */
export class JoinDialogue implements Machine<JoinOutput, JoinInput> {
  readonly #setup: JoinSetup;
  readonly #timers = new Timers<TimerName>();
  readonly #entry = new Entry();
  #outputs: JoinOutput[] = [];
  #state: JoinState = "idle";
  #meeting: MeetingFacts | null;
  #role: Role | null;
  #triesLeft: number;
  #play = 0;
  /** The number of what is playing; null in silence. */
  #playing: number | null = null;
  /** What the entry's prompt was, to say it again. */
  #prompt: readonly PromptId[] = [];
  #recording: "off" | "on" | "stopping" = "off";
  #ending: { readonly outcome: JoinOutcome; readonly reason: string } | null = null;

  constructor(setup: JoinSetup) {
    this.#setup = setup;
    this.#meeting = setup.meeting;
    this.#role = setup.role;
    this.#triesLeft = setup.triesLeft ?? setup.timings.tries;
  }

  /** Null before the PIN. */
  get role(): Role | null {
    return this.#role;
  }

  /** Wrong numbers and PINs that are still allowed, this one included. */
  get triesLeft(): number {
    return this.#triesLeft;
  }

  get state(): JoinState {
    return this.#state;
  }

  /** The caller's own choice, else the meeting's, else the house's. */
  get language(): Language {
    return this.#setup.languageChosen ? this.#setup.language : (this.#meeting?.language ?? this.#setup.language);
  }

  nextTimeout(): Millis | undefined {
    return this.#timers.next();
  }

  /** Outputs since the last call, in order. */
  drain(): JoinOutput[] {
    const outputs = this.#outputs;
    this.#outputs = [];
    return outputs;
  }

  handle(input: JoinInput | Timeout, now: Millis): void {
    if (input.type === "timeout") {
      for (let due = this.#timers.takeEnded(now); due !== undefined; due = this.#timers.takeEnded(now))
        this.#onTimer[this.#state]?.[due]?.(now);
      return;
    }
    if (input.type === "dismiss") {
      if (this.#state !== "ended" && this.#state !== "ending") this.#end(input.outcome, input.reason, input.prompts, now);
      return;
    }
    if (input.type === "played") {
      if (input.play !== this.#playing) return;
      this.#playing = null;
    }
    const handler = this.#on[this.#state]?.[input.type] as ((input: JoinInput, now: Millis) => void) | undefined;
    handler?.(input, now);
  }

  // What each state does with each input; what is not here is ignored there.
  readonly #on: Handlers = {
    idle: { start: (_, now) => this.#begin(now) },
    number: { digit: ({ digit }, now) => this.#onDigit(digit, now), played: (_, now) => this.#onPromptEnd(now) },
    "looking-up": {
      digit: ({ digit }) => this.#entry.typeAhead(digit),
      found: ({ meeting }, now) => (meeting ? this.#onFound(meeting, now) : this.#onUnknown(now)),
      "found-closed": ({ outcome }, now) => this.#onFoundClosed(outcome, now),
    },
    pin: { digit: ({ digit }, now) => this.#onDigit(digit, now), played: (_, now) => this.#onPromptEnd(now) },
    checking: { digit: ({ digit }) => this.#entry.typeAhead(digit), "pin-checked": ({ role }, now) => this.#onPinChecked(role, now) },
    naming: {
      played: (_, now) => this.#startRecording(now),
      digit: (_, now) => this.#onNameKey(now),
      "name-recorded": () => this.#askAdmission(),
    },
    admitting: { admission: ({ to }, now) => this.#onAdmission(to, now) },
    lobby: { admission: ({ to }, now) => this.#onAdmission(to, now) },
    waiting: { admission: ({ to }, now) => this.#onAdmission(to, now) },
    joining: { joined: () => this.#become("joined") },
    ending: { played: () => this.#hangUp() },
  };

  readonly #onTimer: TimerHandlers = {
    number: {
      entry: (now) => this.#end("no-input", "no meeting number was entered in time", ["no-input", "goodbye"], now),
      firstDigit: (now) => this.#onSilence(now),
      interDigit: (now) => this.#submit(now),
    },
    pin: {
      entry: (now) => this.#end("no-input", "no PIN was entered in time", ["no-input", "goodbye"], now),
      firstDigit: (now) => this.#onSilence(now),
      interDigit: (now) => this.#submit(now),
    },
    "looking-up": { entry: (now) => this.#end("no-input", "no meeting number was entered in time", ["no-input", "goodbye"], now) },
    checking: { entry: (now) => this.#end("no-input", "no PIN was entered in time", ["no-input", "goodbye"], now) },
    naming: { name: (now) => this.#onNameTimer(now) },
    lobby: {
      patience: (now) => this.#end("lobby-timeout", "nobody admitted them from the lobby in time", ["lobby-timeout", "goodbye"], now),
    },
    waiting: { patience: (now) => this.#end("host-timeout", "the host has not come in time", ["host-timeout", "goodbye"], now) },
    ending: { ending: () => this.#hangUp() },
  };

  #begin(now: Millis) {
    if (!this.#meeting) return this.#askNumber(["welcome", "enter-number"], now);
    this.#afterMeeting(now);
  }

  /** The meeting is known: the PIN that came along first, then whatever it asks for. */
  #afterMeeting(now: Millis) {
    const meeting = this.#meeting!;
    const pin = this.#setup.dialledPin;
    if (this.#role !== null) return this.#askName(now);
    if (!meeting.hasGuestPin && !meeting.hasHostPin) return this.#enterAs("guest", now);
    this.#timers.set("entry", now + this.#setup.timings.entryMs);
    if (pin !== null && this.#setup.meeting !== null) {
      this.#become("checking");
      this.#out({ type: "check-pin", pin });
      return;
    }
    this.#askPin([], now);
  }

  #askNumber(prompts: readonly PromptId[], now: Millis) {
    if (this.#state === "idle") this.#timers.set("entry", now + this.#setup.timings.entryMs);
    this.#collect("number", prompts, now);
  }

  #askPin(before: readonly PromptId[], now: Millis) {
    this.#collect("pin", [...before, this.#pinIsOptional() ? "enter-host-pin-or-hash" : "enter-pin"], now);
  }

  #pinIsOptional(): boolean {
    return this.#meeting?.hasGuestPin === false;
  }

  #collect(state: "number" | "pin", prompts: readonly PromptId[], now: Millis) {
    this.#become(state);
    // what is not said again: the greeting, and what was wrong before
    this.#prompt = prompts.slice(-1);
    this.#entry.clear();
    this.#say(prompts);
    for (const digit of this.#entry.takeTypedAhead()) this.handle({ type: "digit", digit }, now);
  }

  #onDigit(digit: string, now: Millis) {
    this.#bargeIn();
    this.#timers.clear("firstDigit");
    const full = this.#entry.type(digit);
    if (full) this.#submit(now);
    else if (this.#entry.empty) this.#timers.set("firstDigit", now + this.#setup.timings.firstDigitMs);
    else this.#timers.set("interDigit", now + this.#setup.timings.interDigitMs);
  }

  #onPromptEnd(now: Millis) {
    if (this.#entry.empty) this.#timers.set("firstDigit", now + this.#setup.timings.firstDigitMs);
  }

  #onSilence(now: Millis) {
    // who may come in without a PIN, and has nothing to type with, comes in
    if (this.#state === "pin" && this.#pinIsOptional()) return this.#enterAs("guest", now);
    this.#say(this.#prompt);
  }

  /** `#` was typed, or nothing more. */
  #submit(now: Millis) {
    this.#timers.clear("firstDigit", "interDigit");
    const digits = this.#entry.take();
    if (digits === "") {
      if (this.#state === "pin" && this.#pinIsOptional()) return this.#enterAs("guest", now);
      this.#say(this.#prompt);
      return;
    }
    if (this.#state === "number") {
      this.#become("looking-up");
      this.#out({ type: "look-up", number: new Digits(digits) });
    } else {
      this.#become("checking");
      this.#out({ type: "check-pin", pin: new Digits(digits) });
    }
  }

  #onFound(meeting: MeetingFacts, now: Millis) {
    this.#meeting = meeting;
    this.#triesLeft = this.#setup.timings.tries;
    this.#timers.clear("entry");
    this.#afterMeeting(now);
  }

  #onUnknown(now: Millis) {
    this.#meeting = null;
    if (--this.#triesLeft > 0) return this.#askNumber(["number-unknown", "enter-number"], now);
    this.#end("no-such-meeting", "no meeting has any of the numbers that were entered", ["number-unknown", "goodbye"], now);
  }

  #onFoundClosed(outcome: "end-to-end-encrypted" | "meeting-full" | "meeting-locked", now: Millis) {
    const prompt = outcome === "end-to-end-encrypted" ? "encrypted-refused" : outcome;
    this.#end(outcome, `the number entered belongs to a meeting that refuses: ${outcome}`, [prompt, "goodbye"], now);
  }

  #onPinChecked(role: Role | null | "closed" | "busy", now: Millis) {
    if (role === "busy") return this.#end("overload", "too many PINs wait to be compared", ["technical-problem", "goodbye"], now);
    if (role === "closed") {
      if (this.#setup.meeting === null && this.#triesLeft > 1) return this.#onUnknown(now);
      return this.#end("pin-locked-out", "the meeting takes no PINs now: too many were wrong", ["number-unknown", "goodbye"], now);
    }
    if (role !== null) return this.#enterAs(role, now);
    if (--this.#triesLeft <= 0) return this.#end("wrong-pin", `${this.#setup.timings.tries} wrong PINs`, ["pin-wrong", "goodbye"], now);
    // the dial string's PIN was tried without a word: nobody has said anything wrong yet
    const silently = this.#silent();
    this.#askPin(silently ? [] : ["pin-wrong"], now);
  }

  #silent(): boolean {
    return this.#play === 0;
  }

  #enterAs(role: Role, now: Millis) {
    this.#role = role;
    this.#bargeIn();
    this.#askName(now);
  }

  #askName(now: Millis) {
    this.#timers.clearAll();
    if (!this.#meeting?.askName || (this.#setup.role !== null && this.#setup.unnamed !== true)) return this.#askAdmission();
    this.#become("naming");
    this.#say(["say-name", "tone-record"]);
    this.#timers.set("name", now + 4 * NAME_MS);
  }

  #startRecording(now: Millis) {
    this.#recording = "on";
    this.#timers.set("name", now + NAME_MS);
    this.#out({ type: "record-name", maxMs: NAME_MS });
  }

  /** Any key skips the prompt, then ends the name. */
  #onNameKey(now: Millis) {
    if (this.#playing === null) return this.#onNameTimer(now);
    this.#bargeIn();
    this.#startRecording(now);
  }

  /** Ends the name; and goes on without one where the recording does not end. */
  #onNameTimer(now: Millis) {
    if (this.#recording !== "on") {
      this.#bargeIn();
      return this.#askAdmission();
    }
    this.#recording = "stopping";
    this.#timers.set("name", now + 2_000);
    this.#out({ type: "stop-recording" });
  }

  #askAdmission() {
    this.#timers.clearAll();
    this.#become("admitting");
    this.#out({ type: "ask-admission", role: this.#role ?? "guest" });
  }

  #onAdmission(to: "join" | "lobby" | "wait" | "full" | "locked", now: Millis) {
    this.#timers.clearAll();
    if (to === "join") {
      this.#bargeIn();
      this.#become("joining");
      this.#out({ type: "join" });
    } else if (to === "lobby" || to === "wait") {
      this.#become(to === "lobby" ? "lobby" : "waiting");
      this.#say([to === "lobby" ? "lobby-wait" : "host-wait", "music"], true);
      this.#timers.set("patience", now + (to === "lobby" ? this.#setup.timings.lobbyMs : this.#setup.timings.hostMs));
    } else {
      const outcome = to === "full" ? "meeting-full" : "meeting-locked";
      this.#end(outcome, `the meeting is ${to}`, [outcome, "goodbye"], now);
    }
  }

  #end(outcome: JoinOutcome, reason: string, prompts: readonly PromptId[], now: Millis) {
    this.#timers.clearAll();
    this.#ending = { outcome, reason };
    this.#become("ending");
    if (prompts.length === 0) return this.#hangUp();
    this.#say(prompts);
    this.#timers.set("ending", now + ENDING_MS);
  }

  #hangUp() {
    this.#timers.clearAll();
    this.#become("ended");
    if (this.#ending) this.#out({ type: "hang-up", ...this.#ending });
  }

  #say(prompts: readonly PromptId[], loop = false) {
    this.#playing = ++this.#play;
    this.#out({ type: "play", play: this.#play, prompts, language: this.language, loop });
  }

  #bargeIn() {
    if (this.#playing === null) return;
    this.#playing = null;
    this.#out({ type: "stop" });
  }

  #become(state: JoinState) {
    if (state === this.#state) return;
    this.#state = state;
    this.#out({ type: "state", state });
  }

  #out(output: JoinOutput) {
    this.#outputs.push(output);
  }
}
