import { eventOfDigit, TELEPHONE_EVENT_LENGTH, writeTelephoneEvent } from "../../wire/rtp/index.ts";
import { type DtmfKey, keysOf } from "./keys.ts";

/** A packet to send with the telephone-event payload type, on the audio's SSRC and sequence numbers. */
export interface OutgoingEvent {
  readonly timestamp: number;
  readonly marker: boolean;
  readonly payload: Uint8Array;
}

const INTERVAL_MS = 20;
/** Section 2.5.1.4: the final packet is sent three times. */
const END_PACKETS = 3;
const MIN_DURATION_MS = 50;
const MAX_DURATION_MS = 8000;
/** Between the last end packet and the next key; with the end packets, the pause of Q.24 (40 ms) is kept. */
const MIN_GAP_MS = 40;
/** -10 dBm0, what most senders say. */
const VOLUME = 10;
/** The most a segment may last (section 2.5.1.3). */
const MAX_SEGMENT = 0xffff;

/**
 * Sends keys as telephone events (RFC 4733): call `tick` every 20 ms with the timestamp that an audio packet would have then, and send what it gives; while
 * it is `active` no audio packet is sent. All packets of a press carry the timestamp of its start.
 */
export class TelephoneEventSender {
  readonly #clockRate: number;
  readonly #queue: { key: DtmfKey; ticks: number; gap: number }[] = [];
  #event = 0;
  #start = 0;
  #wanted = 0;
  #segment = 0;
  #before = 0;
  #ends = 0;
  #gapTicks = 0;
  #gap = 0;
  #sending = false;

  /** `clockRate` is the payload type's, Hz. */
  constructor(clockRate = 8000) {
    this.#clockRate = clockRate;
  }

  /** Queues keys (others are left out). A key lasts 50 ms at least. Returns how many were queued. */
  enqueue(digits: string, durationMs = 100, gapMs = 60): number {
    const keys = keysOf(digits);
    const duration = Math.max(MIN_DURATION_MS, Math.min(MAX_DURATION_MS, durationMs));
    const gap = (Math.max(MIN_GAP_MS, gapMs) * this.#clockRate) / 1000;
    for (const key of keys) this.#queue.push({ key, ticks: Math.round((duration * this.#clockRate) / 1000), gap });
    return keys.length;
  }

  /** Whether audio must give way now: a press is being sent. */
  get active(): boolean {
    return this.#sending;
  }

  /** Keys not yet begun. */
  get pending(): number {
    return this.#queue.length;
  }

  /** 20 ms have passed; `timestamp` is the stream's now. Returns the packet to send, if any. */
  tick(timestamp: number): OutgoingEvent | undefined {
    const step = (INTERVAL_MS * this.#clockRate) / 1000;
    if (this.#sending) return this.#continue(step);
    if (this.#gap > 0) {
      this.#gap -= step;
      return undefined;
    }
    const next = this.#queue.shift();
    if (!next) return undefined;
    this.#event = eventOfDigit(next.key) as number;
    this.#start = timestamp >>> 0;
    this.#wanted = next.ticks;
    this.#gapTicks = next.gap;
    this.#segment = Math.min(step, next.ticks);
    this.#before = 0;
    this.#ends = 0;
    this.#sending = true;
    return this.#packet(true, false);
  }

  #continue(step: number): OutgoingEvent {
    if (this.#ends === 0) {
      this.#segment = Math.min(this.#segment + step, this.#wanted - this.#before);
      if (this.#segment > MAX_SEGMENT) {
        this.#start = (this.#start + MAX_SEGMENT) >>> 0;
        this.#before += MAX_SEGMENT;
        this.#segment -= MAX_SEGMENT;
      }
      if (this.#before + this.#segment < this.#wanted) return this.#packet(false, false);
    }
    this.#ends++;
    if (this.#ends === END_PACKETS) {
      this.#sending = false;
      this.#gap = this.#gapTicks;
    }
    return this.#packet(false, true);
  }

  #packet(marker: boolean, end: boolean): OutgoingEvent {
    const payload = new Uint8Array(TELEPHONE_EVENT_LENGTH);
    writeTelephoneEvent(payload, { event: this.#event, end, volume: VOLUME, duration: this.#segment });
    return { timestamp: this.#start, marker, payload };
  }
}
