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

/** Phones that send a key both ways send it within this time. */
const SAME_KEY_MS = 700;

/** Makes one key of one that came by INFO and by RTP. Keys that come one way only all pass, however quickly they follow each other. */
export class KeyMerger {
  #last: { readonly digit: string; readonly source: string; at: Millis } | null = null;

  /** False when this is the same key again, by the other way. */
  accept(digit: string, source: "signalling" | "media", now: Millis): boolean {
    const last = this.#last;
    if (last && last.source !== source && last.digit === digit && now - last.at <= SAME_KEY_MS) {
      this.#last = null;
      return false;
    }
    this.#last = { digit, source, at: now };
    return true;
  }
}
