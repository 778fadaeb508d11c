import type { Millis } from "../base/clock.ts";
import { parseDtmfRelay } from "../wire/sip/dtmf-relay.ts";

/** A key as it comes by signalling. */
export interface Key {
  readonly digit: string;
  readonly durationMs: number;
}

const DIGIT = /^[0-9*#A-D]$/;

/**
 * The key in the body of a SIP INFO: `application/dtmf-relay` (`Signal=5`, `Duration=160`) or `application/dtmf` (`5`).
 * Undefined when it is none. Event numbers 10 and 11 for `*` and `#` occur in both.
 */
export function parseInfoDtmf(contentType: string | undefined, body: string): Key | undefined {
  const type = contentType?.split(";", 1)[0]?.trim().toLowerCase();
  if (type === "application/dtmf-relay") {
    const { signal, durationMs = 160 } = parseDtmfRelay(body);
    return signal === undefined ? undefined : key(signal, durationMs);
  }
  return type === "application/dtmf" ? key(body.trim(), 160) : undefined;
}

function key(signal: string, durationMs: number): Key | undefined {
  const digit = signal === "10" ? "*" : signal === "11" ? "#" : signal.toUpperCase();
  return DIGIT.test(digit) ? { digit, durationMs } : undefined;
}

/** Phones that send a key in two ways send it within this time, and the key's own length: one way tells of it as it begins, the other as it ends. */
const SAME_KEY_MS = 700;
/** Length beyond which a key's own is not believed. */
const LONGEST_KEY_MS = 5000;
/** Keys that wait for their like by the other way; more cannot be pressed in that time. */
const MOST_WAITING = 16;

type KeySource = "signalling" | "media";

/**
 * Makes one key of one that came by signalling (INFO, H.245) and in the media (RFC 4733, tones). Keys that come one way only all pass, however quickly they
 * follow each other.
 */
export class KeyMerger {
  #waiting: { readonly digit: string; readonly source: KeySource; readonly at: Millis; readonly durationMs: number }[] = [];

  /** False when this is the same key again, by the other way. */
  accept(digit: string, source: KeySource, now: Millis, durationMs = 0): boolean {
    const length = Math.min(durationMs, LONGEST_KEY_MS);
    this.#waiting = this.#waiting.filter(({ at, durationMs: other }) => now - at <= SAME_KEY_MS + Math.max(length, other));
    const before = this.#waiting.findIndex((key) => key.source !== source && key.digit === digit);
    if (before !== -1) {
      // what came before it by the other way has no like any more
      this.#waiting.splice(0, before + 1);
      return false;
    }
    this.#waiting.push({ digit, source, at: now, durationMs: length });
    if (this.#waiting.length > MOST_WAITING) this.#waiting.shift();
    return true;
  }
}
