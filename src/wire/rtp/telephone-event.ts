/**
 * The telephone-event payload, RFC 4733 section 2.3: event(8) | E R volume(6) | duration(16, timestamp units).
 * A digit is several packets with one timestamp and a growing duration; the last, with E set, is sent three times (section 2.5.1.4).
 */

/** One payload. */
export interface TelephoneEvent {
  /** Event code: 0 to 15 are DTMF (section 3.2), 16 is flash. */
  readonly event: number;
  /** The event is over. */
  readonly end: boolean;
  /** Power in dBm0, sign dropped: 0 (loud) to 63. */
  readonly volume: number;
  /** Since the event's start, in ticks of the stream's clock; 65535 at most, longer events are split into segments. */
  readonly duration: number;
}

/** Bytes of one payload. */
export const TELEPHONE_EVENT_LENGTH = 4;

const DIGITS = "0123456789*#ABCD";

/** Reads a payload; undefined if it is shorter than one. More bytes than four are other blocks, ignored. */
export function parseTelephoneEvent(payload: Uint8Array): TelephoneEvent | undefined {
  if (payload.length < TELEPHONE_EVENT_LENGTH) return undefined;
  const flags = payload[1]!;
  return { event: payload[0]!, end: (flags & 0x80) !== 0, volume: flags & 0x3f, duration: (payload[2]! << 8) | payload[3]! };
}

/** Writes a payload's four bytes at `at` of `out`. The duration is cut at 65535. */
export function writeTelephoneEvent(out: Uint8Array, event: TelephoneEvent, at = 0): void {
  const duration = Math.min(event.duration, 0xffff);
  out[at] = event.event;
  out[at + 1] = (event.end ? 0x80 : 0) | (event.volume & 0x3f);
  out[at + 2] = duration >>> 8;
  out[at + 3] = duration;
}

/** The key of a DTMF event code (`0`-`9`, `*`, `#`, `A`-`D`), undefined for other events. */
export function digitOfEvent(event: number): string | undefined {
  return event >= 0 && event < DIGITS.length ? DIGITS[event] : undefined;
}

/** The event code of a key, letters in either case; undefined for what is no key. */
export function eventOfDigit(digit: string): number | undefined {
  const event = digit.length === 1 ? DIGITS.indexOf(digit.toUpperCase()) : -1;
  return event < 0 ? undefined : event;
}
