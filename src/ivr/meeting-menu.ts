import type { Millis } from "../base/clock.ts";

/** After `*`, this long for the second key. */
const SECOND_KEY_MS = 4_000;

/** What a participant asks for with two keys. */
export type MenuAction = "toggle-mute" | "toggle-hand" | "count" | "help" | "toggle-lock" | "admit-next";

const FOR_ALL: Readonly<Record<string, MenuAction>> = { "6": "toggle-mute", "3": "toggle-hand", "8": "count", "*": "help" };
const FOR_HOSTS: Readonly<Record<string, MenuAction>> = { "5": "toggle-lock", "7": "admit-next" };

/** The keys of somebody in the meeting: `*6` mute and unmute, `*3` hand, `*8` how many, `**` help; hosts: `*5` lock, `*7` admit. */
export class MeetingMenu {
  #starAt: Millis | null = null;

  /** The action this key completes; a host's key of somebody who is none asks for help. Keys of tones in speech alone do nothing. */
  digit(digit: string, isHost: boolean, now: Millis): MenuAction | null {
    const armed = this.#starAt !== null && now - this.#starAt <= SECOND_KEY_MS;
    if (!armed) {
      this.#starAt = digit === "*" ? now : null;
      return null;
    }
    this.#starAt = null;
    return FOR_ALL[digit] ?? (FOR_HOSTS[digit] === undefined ? null : isHost ? FOR_HOSTS[digit]! : "help");
  }
}
