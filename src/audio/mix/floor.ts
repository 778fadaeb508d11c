import { FRAME_MS } from "../format.ts";
import type { MixMember } from "./member.ts";

/** A challenger must be this much louder than the holder ... */
const MARGIN_DB = 5;
/** ... for this long. */
const TAKE_MS = 400;
/** When the holder is not talking, a talker gets the floor after this long. */
const FREE_TAKE_MS = 100;

/** Who has the floor: the active speaker that video follows. A cough does not take it, and silence does not lose it. */
export class Floor {
  #holder: MixMember | undefined;
  #challenger: MixMember | undefined;
  #challengeMs = 0;

  /** The active speaker; undefined until somebody has talked. */
  get holder(): MixMember | undefined {
    return this.#holder;
  }

  /** Takes the loudest member talking in this tick besides the holder, if any. Returns true when the floor changed hands. */
  update(loudest: MixMember | undefined): boolean {
    const holder = this.#holder;
    const holding = holder?.talking === true;
    if (!loudest || (holding && holder && loudest.voice.levelDb < holder.voice.levelDb + MARGIN_DB)) {
      this.#challengeMs = Math.max(0, this.#challengeMs - FRAME_MS);
      return false;
    }
    if (this.#challenger !== loudest) {
      this.#challenger = loudest;
      this.#challengeMs = 0;
    }
    this.#challengeMs += FRAME_MS;
    if (this.#challengeMs < (holding ? TAKE_MS : holder ? FREE_TAKE_MS : 0)) return false;
    this.#holder = loudest;
    this.#challenger = undefined;
    this.#challengeMs = 0;
    return true;
  }

  /** Forgets a member that left. Returns true when it held the floor. */
  remove(member: MixMember): boolean {
    if (this.#challenger === member) this.#challenger = undefined;
    if (this.#holder !== member) return false;
    this.#holder = undefined;
    return true;
  }
}
