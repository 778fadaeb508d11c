import { FRAME_MS } from "../format.ts";

/** A frame is sound worth mixing when it lies this far above the noise, and above the absolute gate. */
const OPEN_ABOVE_NOISE_DB = 6;
/** Nothing below this is worth mixing, however quiet the line. */
const GATE_DB = -58;
/** Speech for the talking indication lies this far above the noise. */
const SPEECH_ABOVE_NOISE_DB = 10;
/** The noise estimate never climbs above this, so that a steady tone or music stays audible for ever. */
const NOISE_CEILING_DB = -46;
const NOISE_FLOOR_DB = -78;
/** How fast the noise estimate may rise, dB a frame (it falls at once): 3 dB a second. */
const NOISE_RISE_DB = 0.06;
/** Sound is kept in the mix this long after the last frame above the gate: the ends of words. */
const HANGOVER_MS = 400;
/** Speech for this long, with short gaps forgiven, is talking. */
const TALKING_START_MS = 120;
/** This long without speech is not talking any more. */
const TALKING_STOP_MS = 700;

/**
 * Voice activity of one member, frame by frame, by its level against an estimate of its own noise. Two decisions with different tempers: `open` (may
 * be heard; quick to open, slow to close, so that no syllable is lost) and `talking` (shown to people; slow to start, slower to stop).
 */
export class VoiceActivity {
  #noiseDb = -60;
  #hangover = 0;
  #speechMs = 0;
  #gapMs = 0;
  #open = false;
  #talking = false;
  #smoothDb = -96;
  #speech = false;

  /** Whether the last 20 ms were speech by their level. */
  get speech(): boolean {
    return this.#speech;
  }

  /** Whether the member's sound belongs in the mix. */
  get open(): boolean {
    return this.#open;
  }

  /** Whether to say that the member is talking. */
  get talking(): boolean {
    return this.#talking;
  }

  /** Level smoothed over about 200 ms, dBFS; what the floor is judged by. */
  get levelDb(): number {
    return this.#smoothDb;
  }

  /** Takes the level of the next 20 ms, dBFS (-96 for none). */
  update(levelDb: number): void {
    this.#smoothDb += (levelDb - this.#smoothDb) * (levelDb > this.#smoothDb ? 0.3 : 0.1);
    if (levelDb < this.#noiseDb) this.#noiseDb = Math.max(NOISE_FLOOR_DB, levelDb);
    else this.#noiseDb = Math.min(NOISE_CEILING_DB, this.#noiseDb + NOISE_RISE_DB);

    if (levelDb > GATE_DB && levelDb > this.#noiseDb + OPEN_ABOVE_NOISE_DB) this.#hangover = HANGOVER_MS;
    else this.#hangover = Math.max(0, this.#hangover - FRAME_MS);
    this.#open = this.#hangover > 0;

    this.#speech = levelDb > GATE_DB && levelDb > this.#noiseDb + SPEECH_ABOVE_NOISE_DB;
    if (this.#speech) {
      this.#speechMs = Math.min(TALKING_START_MS, this.#speechMs + FRAME_MS);
      this.#gapMs = 0;
      if (this.#speechMs >= TALKING_START_MS) this.#talking = true;
    } else {
      this.#gapMs += FRAME_MS;
      if (this.#gapMs > 100) this.#speechMs = Math.max(0, this.#speechMs - FRAME_MS);
      if (this.#gapMs >= TALKING_STOP_MS) this.#talking = false;
    }
  }

  /** As at the start: for a member that was muted or replaced. */
  reset(): void {
    this.#noiseDb = -60;
    this.#hangover = this.#speechMs = this.#gapMs = 0;
    this.#open = this.#talking = this.#speech = false;
    this.#smoothDb = -96;
  }
}
