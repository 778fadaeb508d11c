import type { Millis } from "../../base/clock.ts";
import { digitOfEvent, parseTelephoneEvent, timestampDistance } from "../../wire/rtp/index.ts";
import type { DtmfEvent, DtmfKey } from "./keys.ts";

/** Without any packet of an event for so long its end was lost (RFC 4733 section 2.5.2.1 leaves the time to us; senders send every 20 to 50 ms). */
const LOST_END_MS = 150;
/** A packet with a timestamp before the present press's is an old one for so long; later it is a sender that began anew. */
const STALE_MS = 1000;

/** What the receiver needs of a packet; wire/rtp's RtpPacket fits. */
export interface EventPacket {
  readonly timestamp: number;
  readonly marker: boolean;
  readonly payload: Uint8Array;
}

interface Current {
  readonly key: DtmfKey;
  readonly event: number;
  /** Timestamp of the event's present segment, and the ticks of the segments before it. */
  timestamp: number;
  before: number;
  duration: number;
  ended: boolean;
  lastAt: Millis;
}

const NOTHING: readonly DtmfEvent[] = [];

/**
 * Telephone events received (RFC 4733): one key press from many packets. An event is known by its timestamp; repeated and reordered packets, a lost start or
 * end, events longer than 16 bits of duration, and senders that let the timestamp run during a key all give one press.
 */
export class TelephoneEventReceiver {
  readonly #clockRate: number;
  #current: Current | undefined;

  /** `clockRate` is the payload type's, Hz. */
  constructor(clockRate = 8000) {
    this.#clockRate = clockRate;
  }

  /** Takes a packet of the telephone-event payload type. */
  put(packet: EventPacket, now: Millis): readonly DtmfEvent[] {
    const event = parseTelephoneEvent(packet.payload);
    const key = event && (digitOfEvent(event.event) as DtmfKey | undefined);
    if (!event || !key) return NOTHING;
    const current = this.#current;
    if (current) {
      const ahead = timestampDistance(current.timestamp, packet.timestamp);
      const stale = ahead < 0 && now - current.lastAt < STALE_MS;
      if (stale) return NOTHING;
      if (ahead === 0 && event.event === current.event) return this.#more(current, event.duration, event.end, now);
      if (!current.ended && !packet.marker && event.event === current.event && this.#continues(current, ahead, event.duration)) {
        // A further segment of a long event counts from its own start; a sender that lets the timestamp run counts from the event's.
        if (event.duration < current.duration) current.before += ahead;
        current.timestamp = packet.timestamp;
        current.duration = 0;
        return this.#more(current, event.duration, event.end, now);
      }
    }
    if (current && this.#repeatsEnd(current, packet, event.event)) return NOTHING;
    const out: DtmfEvent[] = current && !current.ended ? [this.#end(current)] : [];
    const begun: Current = { key, event: event.event, timestamp: packet.timestamp, before: 0, duration: 0, ended: false, lastAt: now };
    this.#current = begun;
    out.push({ type: "start", key });
    out.push(...this.#more(begun, event.duration, event.end, now));
    return out;
  }

  /** Section 2.5.1.3: the next segment starts where the last one was at its end. Else only growth tells a running timestamp from a new press. */
  #continues(current: Current, ahead: number, duration: number): boolean {
    if (ahead >= 0xffff - this.#clockRate / 10 && ahead <= 0xffff + this.#clockRate / 10) return true;
    return duration > current.duration && ahead < this.#clockRate / 2;
  }

  /** An end repeated with a timestamp that ran on: a new press could not begin within the old one. */
  #repeatsEnd(current: Current, packet: EventPacket, event: number): boolean {
    const ahead = timestampDistance(current.timestamp, packet.timestamp);
    return current.ended && !packet.marker && event === current.event && ahead > 0 && ahead < current.duration;
  }

  #more(current: Current, duration: number, end: boolean, now: Millis): readonly DtmfEvent[] {
    if (current.ended) return NOTHING;
    current.lastAt = now;
    current.duration = Math.max(current.duration, duration);
    return end ? [this.#end(current)] : NOTHING;
  }

  #end(current: Current): DtmfEvent {
    current.ended = true;
    return { type: "end", key: current.key, durationMs: ((current.before + current.duration) * 1000) / this.#clockRate };
  }

  /** When to call {@link handleTimeout}; undefined for never. */
  nextTimeout(): Millis | undefined {
    return this.#current && !this.#current.ended ? this.#current.lastAt + LOST_END_MS : undefined;
  }

  /** Ends a press whose end was lost. */
  handleTimeout(now: Millis): readonly DtmfEvent[] {
    const current = this.#current;
    if (!current || current.ended || now - current.lastAt < LOST_END_MS) return NOTHING;
    return [this.#end(current)];
  }
}
