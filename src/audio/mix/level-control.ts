import { gainOf } from "../gain.ts";

/** Where speech is brought to, dBFS. */
const TARGET_DB = -22;
const MAX_BOOST_DB = 12;
const MAX_CUT_DB = 12;
/** dB a 20 ms frame of speech: 3 dB a second up, 10 dB a second down. */
const UP_DB = 0.06;
const DOWN_DB = 0.2;

/** Automatic level: brings a quiet or loud speaker slowly to the common level. Moves only while there is speech, so that noise is never pumped up. */
export class LevelControl {
  #gainDb = 0;
  #speechDb = TARGET_DB;
  #gain = 1;

  /** Takes a speech frame's level, dBFS. */
  update(levelDb: number): void {
    this.#speechDb += (levelDb - this.#speechDb) * 0.04;
    const wanted = Math.max(-MAX_CUT_DB, Math.min(MAX_BOOST_DB, TARGET_DB - this.#speechDb));
    const move = Math.max(-DOWN_DB, Math.min(UP_DB, wanted - this.#gainDb));
    this.#gainDb += move;
    this.#gain = gainOf(this.#gainDb);
  }

  /** The factor to apply now. */
  get gain(): number {
    return this.#gain;
  }
}
