import { clamp16, frameSamples, levelDb, type SampleRate } from "../format.ts";
import { gainOf } from "../gain.ts";
import { LevelControl } from "./level-control.ts";
import type { MixSide } from "./mix-side.ts";
import { VoiceActivity } from "./voice-activity.ts";

/** The mix under a private overlay is turned down to this share (-12 dB). */
const DUCK = 0.25;

/** How a member takes part in a mix. */
export interface MemberOptions {
  /** Rate of the PCM it submits and receives, Hz. */
  readonly rate: SampleRate;
  /** Not heard by anybody. A muted, hearing member is what a recorder is. */
  readonly muted?: boolean;
  /** Hears nothing, and costs nothing on the listening side. */
  readonly deaf?: boolean;
  /** Always in the mix, without voice activity and never talking: prompts and music played into the room. Does not raise the room's rate. */
  readonly background?: boolean;
}

/**
 * One participant of a {@link MixRoom}. Each tick its owner writes 20 ms into `input` and calls `submit()` (not calling it means silence); after the
 * room's tick, `output` holds what to send.
 */
export class MixMember {
  readonly id: number;
  readonly rate: SampleRate;
  readonly background: boolean;
  /** 20 ms at `rate`, to be filled before `submit()`. */
  readonly input: Int16Array;
  readonly voice = new VoiceActivity();
  muted: boolean;
  deaf: boolean;
  /** What to send to this member, 20 ms at `rate`; valid until the next tick, and not to be written to: those who hear the same mix hold the same array. */
  output: Int16Array;
  /** True while `output` is an array that others hold too (the room's common mix, silence for the deaf): one encoding of it serves them all. */
  sharesOutput = true;
  /** What the room keeps while this member is heard or hears a mix of its own; made when first needed. */
  side: MixSide | undefined;
  /** In the mix in this tick. */
  contributing = false;
  /** How far faded in, 0 to 1. */
  fade = 0;

  readonly #level = new LevelControl();
  #submitted = false;
  #volume = 1;
  #overlay: Int16Array | undefined;
  #overlaid: Int16Array | undefined;

  /** Made by {@link MixRoom.add}. */
  constructor(id: number, options: MemberOptions) {
    this.id = id;
    this.rate = options.rate;
    this.muted = options.muted ?? false;
    this.deaf = options.deaf ?? false;
    this.background = options.background ?? false;
    this.input = new Int16Array(frameSamples(options.rate));
    this.output = new Int16Array(frameSamples(options.rate));
  }

  /** `input` holds this tick's sound. */
  submit(): void {
    this.#submitted = true;
  }

  /** Whether to show the member as talking: voice, and not muted. */
  get talking(): boolean {
    return this.voice.talking && !this.muted && !this.background;
  }

  /** Sets how loud this member is to the others, in decibels; 0 leaves it as it is. */
  setVolumeDb(db: number): void {
    this.#volume = gainOf(db);
  }

  /** Plays `pcm` (20 ms at `rate`) to this member alone in the next tick, over the mix. The array is read in the tick, not kept. */
  overlay(pcm: Int16Array): void {
    this.#overlay = pcm;
  }

  /** For the room: judges this tick's input. Returns whether the member asks to be heard. */
  listen(autoLevel: boolean): boolean {
    if (this.background) return this.#submitted && !this.muted;
    const level = this.#submitted ? levelDb(this.input) : -96;
    this.voice.update(level);
    if (autoLevel) this.#level.update(level, this.voice.speech);
    return this.#submitted && this.voice.open && !this.muted;
  }

  /** For the room: the factors on this member's sound at the start and at the end of the frame, besides its fade. */
  gains(autoLevel: boolean): { readonly from: number; readonly to: number } {
    const volume = this.#volume;
    if (!autoLevel || this.background) return { from: volume, to: volume };
    return { from: volume * this.#level.from, to: volume * this.#level.to };
  }

  /** For the room: whether there is an input in this tick. */
  get submitted(): boolean {
    return this.#submitted;
  }

  /** For the room: lays the overlay over `output` and closes the tick. */
  finishTick(): void {
    this.#submitted = false;
    const overlay = this.#overlay;
    if (!overlay) return;
    this.#overlay = undefined;
    const under = this.output;
    this.#overlaid ??= new Int16Array(under.length);
    const out = this.#overlaid;
    for (let i = 0; i < out.length; i++) out[i] = clamp16(under[i] * DUCK + overlay[i]);
    this.output = out;
    this.sharesOutput = false;
  }
}
