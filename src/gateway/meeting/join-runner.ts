import { join as joinPath } from "node:path";
import type { Clock } from "../../base/clock.ts";
import { MachineDriver } from "../../base/machine-driver.ts";
import { type Key, KeyMerger } from "../../legs/dtmf.ts";
import type { MediaSession } from "../../call-media/media-server.ts";
import type { Digits } from "../../ivr/digits.ts";
import { JoinDialogue } from "../../ivr/join-dialogue.ts";
import type { JoinInput, JoinOutcome, JoinOutput, JoinSetup, JoinState } from "../../ivr/join-types.ts";
import type { Language } from "../../ivr/language.ts";
import { MeetingMenu, type MenuAction } from "../../ivr/meeting-menu.ts";
import { type PromptId, promptFile } from "../../ivr/prompts/manifest.ts";
import type { Role } from "../../meetings/model.ts";
import type { Call } from "../call/call.ts";

/** What the dialogue asks of the rest of the gateway. Answers come back through `put`. */
export interface JoinDelegate {
  lookUp(number: Digits): Promise<JoinInput>;
  checkPin(pin: Digits): Promise<JoinInput>;
  admission(role: Role): JoinInput;
  /** Into the conference; rejects when that cannot be. */
  join(): Promise<void>;
  menu(action: MenuAction): void;
  isHost(): boolean;
  state(state: JoinState): void;
  hangUp(outcome: JoinOutcome, reason: string): void;
}

/**
 * Drives one caller's dialogue: keys and time in, prompts and decisions out. Everything that is done at the media server is done in order.
 */
export class JoinRunner {
  readonly #call: Call;
  readonly #clock: Clock;
  readonly #delegate: JoinDelegate;
  readonly #promptsRoot: string;
  readonly #namesFolder: string;
  readonly #dialogue: JoinDialogue;
  readonly #driver: MachineDriver<JoinOutput, JoinDialogue>;
  readonly #menu = new MeetingMenu();
  readonly #keys = new KeyMerger();
  readonly #onFirstPrompt: () => void;
  #stopped = false;
  #prompted = false;
  /** The media server does one thing after the other. */
  #media: Promise<unknown> = Promise.resolve();
  /** The `play` that was asked for last; older ones report to nobody. */
  #playing = 0;

  constructor(options: {
    readonly call: Call;
    readonly clock: Clock;
    readonly setup: JoinSetup;
    readonly delegate: JoinDelegate;
    readonly promptsRoot: string;
    readonly namesFolder: string;
    readonly onFirstPrompt: () => void;
  }) {
    this.#call = options.call;
    this.#clock = options.clock;
    this.#delegate = options.delegate;
    this.#promptsRoot = options.promptsRoot;
    this.#namesFolder = options.namesFolder;
    this.#onFirstPrompt = options.onFirstPrompt;
    this.#dialogue = new JoinDialogue(options.setup);
    this.#driver = new MachineDriver({ machine: this.#dialogue, clock: options.clock, perform: (output) => this.#do(output) });
    this.#call.leg.on("dtmf", (key) => this.#onKey(key, "signalling"));
    this.listenTo(this.#session);
  }

  /** Where the dialogue stands, for a call that takes this one's place. */
  get progress(): { readonly state: JoinState; readonly role: Role | null; readonly triesLeft: number } {
    const { state, role, triesLeft } = this.#dialogue;
    return { state, role, triesLeft };
  }

  get language(): Language {
    return this.#dialogue.language;
  }

  /** Where the caller's recorded name is, as the media server sees it. */
  get nameFile(): string {
    return joinPath(this.#namesFolder, `crosspoint-name-${this.#call.id}.wav`);
  }

  /** Keys in the media of this session are the caller's. */
  listenTo(session: MediaSession): void {
    session.on("dtmf", (key) => this.#onKey(key, "media"));
  }

  start(): void {
    this.put({ type: "start" });
  }

  stop(): void {
    this.#stopped = true;
    this.#driver.close();
  }

  put(input: JoinInput): void {
    this.#driver.act((dialogue, now) => dialogue.handle(input, now));
  }

  files(prompts: readonly PromptId[]): string[] {
    return prompts.map((id) => joinPath(this.#promptsRoot, promptFile(id, this.language)));
  }

  get #session(): MediaSession {
    return this.#call.media!.media;
  }

  #onKey({ digit, durationMs }: Key, source: "signalling" | "media") {
    if (this.#stopped || !this.#keys.accept(digit, source, this.#clock.now(), durationMs)) return;
    if (this.#dialogue.state !== "joined") return this.put({ type: "digit", digit });
    const action = this.#menu.digit(digit, this.#delegate.isHost(), this.#clock.now());
    if (action) this.#delegate.menu(action);
  }

  #do(output: JoinOutput) {
    switch (output.type) {
      case "play":
        return this.#play(output.play, output.prompts, output.loop);
      case "stop":
        this.#playing = 0;
        return this.#atMediaServer("stop", () => this.#session.stopPlaying());
      case "look-up":
        return this.#ask(this.#delegate.lookUp(output.number), { type: "found", meeting: null });
      case "check-pin":
        return this.#ask(this.#delegate.checkPin(output.pin), { type: "pin-checked", role: null });
      case "record-name":
        void this.#session
          .record(this.nameFile, output.maxMs)
          .catch(() => undefined)
          .then(() => this.put({ type: "name-recorded" }));
        return;
      case "stop-recording":
        return this.#atMediaServer("stop recording", () => this.#session.stopRecording());
      case "ask-admission":
        return this.put(this.#delegate.admission(output.role));
      case "join":
        return this.#join();
      case "state":
        return this.#delegate.state(output.state);
      case "hang-up":
        this.stop();
        return this.#delegate.hangUp(output.outcome, output.reason);
    }
  }

  #play(play: number, prompts: readonly PromptId[], loop: boolean): void {
    this.#playing = play;
    const files = this.files(prompts);
    const endless = loop ? files.pop() : undefined;
    this.#atMediaServer("make room", () => this.#session.stopPlaying());
    // the playing itself is not waited for by what comes after it: that may be what stops it
    this.#media = this.#media.then(() => {
      if (this.#playing !== play || this.#stopped) return;
      if (!this.#prompted) {
        this.#prompted = true;
        this.#onFirstPrompt();
      }
      void this.#playThrough(play, files, endless);
    });
  }

  async #playThrough(play: number, files: readonly string[], endless: string | undefined): Promise<void> {
    try {
      if (files.length > 0) await this.#session.play(files);
      if (this.#playing !== play || this.#stopped) return;
      if (endless !== undefined) return await this.#session.loop(endless);
    } catch (error) {
      if (this.#playing === play && !this.#stopped)
        this.#call.log.warn({ event: "prompt-failed", err: error, files }, "a prompt could not be played");
    }
    if (this.#playing === play) this.put({ type: "played", play });
  }

  #join(): void {
    this.#media = this.#media
      .then(() => (this.#stopped ? undefined : this.#delegate.join()))
      .then(
        () => this.put({ type: "joined" }),
        (error: unknown) => {
          this.#call.log.error({ event: "join-failed", err: error }, "the conference could not be joined");
          this.put({
            type: "dismiss",
            outcome: "internal-error",
            reason: `the conference could not be joined: ${String(error)}`,
            prompts: ["technical-problem", "goodbye"],
          });
        },
      );
  }

  #ask(answer: Promise<JoinInput>, otherwise: JoinInput): void {
    answer.then(
      (input) => this.put(input),
      (error: unknown) => {
        this.#call.log.error({ event: "look-up-failed", err: error }, "a question of the join dialogue has no answer");
        this.put(otherwise);
      },
    );
  }

  #atMediaServer(what: string, action: () => Promise<unknown>): void {
    this.#media = this.#media.then(action).catch((error: unknown) => {
      if (!this.#stopped)
        this.#call.log.warn({ event: "media-command-failed", what, err: error }, "the media server did not do what it was asked");
    });
  }
}
