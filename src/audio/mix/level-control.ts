import { gainOf } from "../gain.ts";

/** Where active speech is brought to, dB of full scale: what telephones usually send (ITU-T P.56), and a little more. */
const TARGET_DB = -25;
/** Whoever is this near to it is left alone: sound that no gain has touched goes through G.711 and G.722 twice as well as once. */
const USUAL_DB = 3.5;
const MAX_BOOST_DB = 20;
const MAX_CUT_DB = 16;
/** Nearer than this nothing moves. */
const NEAR_DB = 0.75;
/** dB a 20 ms frame of speech: 3 dB a second up, 10 dB a second down. */
const UP_DB = 0.06;
const DOWN_DB = 0.2;
/** The same for somebody's first two seconds of speech, of whom nothing is known: 20 and 30 dB a second. */
const FIRST_FRAMES = 100;
const FIRST_UP_DB = 0.4;
const FIRST_DOWN_DB = 0.6;
/** Of so little speech nothing is judged yet. */
const UNKNOWN_FRAMES = 8;
/** Frames so much under the speech's level are its pauses and ends. */
const ACTIVE_DB = 14;
/** Memory of speech frames: 4 s of them, so that a loud word is none of a loud speaker. */
const LEVEL_WEIGHT = 1 / 200;
/** Speech's level changes from frame to frame by some dB; a tone's, and most music's, by less than this (mean of about 0.5 s). */
const STEADY_DB = 0.9;
const CHANGE_WEIGHT = 1 / 25;
/** A boost is taken back so long after the last frame of speech, and at this pace, so that what is between words is not raised. */
const HOLD_FRAMES = 8;
const BACK_DB = 1.5;

/**
 * Automatic gain of one member: brings a quiet or loud speaker to the common level. It learns from speech alone: noise, tones and music move it nowhere. Within
 * speech the gain moves slowly; between words a boost is taken back, and is there again with the next word.
 */
export class LevelControl {
  #gainDb = 0;
  /** What is applied: the gain, less what pauses take of a boost. */
  #appliedDb = 0;
  #power = 0;
  #frames = 0;
  #change = 0;
  #lastDb = -96;
  #quiet = HOLD_FRAMES;
  #from = 1;
  #to = 1;

  /** Takes a frame's level, dB of full scale, and whether it is speech, or what sounds like it. */
  update(levelDb: number, speech: boolean): void {
    if (speech) this.#learn(levelDb);
    this.#lastDb = levelDb;
    if (speech) this.#quiet = 0;
    else this.#quiet++;
    if (this.#gainDb <= 0 || this.#quiet === 0) this.#appliedDb = this.#gainDb;
    else if (this.#quiet > HOLD_FRAMES) this.#appliedDb = Math.max(0, Math.min(this.#appliedDb, this.#gainDb) - BACK_DB);
    this.#from = this.#to;
    this.#to = this.#appliedDb === 0 ? 1 : gainOf(this.#appliedDb);
  }

  #learn(levelDb: number): void {
    this.#change += (Math.min(12, Math.abs(levelDb - this.#lastDb)) - this.#change) * CHANGE_WEIGHT;
    if (this.#change < STEADY_DB) return;
    const power = 10 ** (levelDb / 10);
    if (this.#frames >= UNKNOWN_FRAMES && levelDb < 10 * Math.log10(this.#power) - ACTIVE_DB) return;
    this.#frames++;
    this.#power += (power - this.#power) * Math.max(LEVEL_WEIGHT, 1 / this.#frames);
    if (this.#frames < UNKNOWN_FRAMES) return;
    const wanted = Math.max(-MAX_CUT_DB, Math.min(MAX_BOOST_DB, TARGET_DB - 10 * Math.log10(this.#power)));
    const off = wanted - this.#gainDb;
    if (Math.abs(off) < (this.#gainDb === 0 ? USUAL_DB : NEAR_DB)) return;
    const first = this.#frames < FIRST_FRAMES;
    this.#gainDb += off > 0 ? Math.min(off, first ? FIRST_UP_DB : UP_DB) : Math.max(off, first ? -FIRST_DOWN_DB : -DOWN_DB);
  }

  /** The factors at the start and at the end of this frame. */
  get from(): number {
    return this.#from;
  }
  get to(): number {
    return this.#to;
  }

  /** The gain for speech now, dB. */
  get gainDb(): number {
    return this.#gainDb;
  }
}
