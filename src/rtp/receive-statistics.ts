import type { Millis } from "../base/clock.ts";
import { type NtpTime, ntpMiddle, type ReportBlock } from "../wire/rtcp/index.ts";

/** Ticks a millisecond: all video clocks run at 90 kHz (RFC 6184 section 8.2.1, RFC 7741 section 6.1). */
export const TICKS_PER_MS = 90;

/** Packets back that a duplicate is recognised. A power of two. */
const WINDOW = 2048;
/** A sequence number so far from the last is a sender that started anew (RFC 3550 appendix A.1's MAX_DROPOUT). */
const MAX_JUMP = 3000;

/** What {@link Reception.take} says of a packet that has no sequence of its own. */
export const Sequence = { Duplicate: -1, Restart: -2 } as const;

/** Counts one received stream: sequence numbers with cycles, loss, jitter (RFC 3550 appendix A), and what our reports say of it. */
export class Reception {
  received = 0;
  /** Lost ones that came by retransmission. */
  recovered = 0;
  /** Lost by all reports so far, whatever came late; goes on when the sender starts anew. */
  lostOnTheWay = 0;
  /** Highest sequence number with cycles, -1 before the first packet. */
  highest = -1;
  #first = 0;
  #seen = new Float64Array(WINDOW).fill(-1);
  #jitter = 0;
  #transit = Number.NaN;
  #expectedBefore = 0;
  #receivedBefore = 0;
  #senderReport = 0;
  #senderReportAt: Millis = 0;
  /** The last sender report's RTP time, when it came; undefined before. */
  clock: { readonly rtp: number; readonly at: Millis } | undefined;

  /**
   * Takes a packet's sequence number and timestamp; returns the number with cycles (65536 at least, so that late ones do not go below zero), or a
   * {@link Sequence}: the packet is a duplicate, or so far off that its sender has started anew (`reset` then, and take it again). `repeated` ones came in
   * a retransmission stream: they fill a gap, but did not come in this one.
   */
  take(sequence: number, timestamp: number, arrival: Millis, repeated = false): number {
    let extended: number;
    if (this.highest < 0) {
      extended = 65_536 + sequence;
      this.#first = extended;
      this.highest = extended;
    } else {
      const distance = ((sequence - this.highest) << 16) >> 16;
      if (distance > MAX_JUMP || distance < -MAX_JUMP) return Sequence.Restart;
      extended = this.highest + distance;
      if (this.#seen[extended & (WINDOW - 1)] === extended || distance <= -WINDOW) return Sequence.Duplicate;
      if (distance > 0) this.highest = extended;
      else if (extended < this.#first) this.#first = extended;
    }
    this.#seen[extended & (WINDOW - 1)] = extended;
    if (repeated) this.recovered++;
    else this.received++;
    if (extended === this.highest) this.#measure(timestamp, arrival);
    return extended;
  }

  /** The sender started anew: counts go on from zero. */
  reset(): void {
    this.highest = -1;
    this.received = this.recovered = this.#expectedBefore = this.#receivedBefore = 0;
    this.#seen.fill(-1);
    this.#transit = Number.NaN;
    this.#jitter = 0;
    this.#senderReport = 0;
    this.clock = undefined;
  }

  /** Jitter over pictures: packets of one picture share a timestamp and leave in a burst, which is no jitter of the network's. */
  #measure(timestamp: number, arrival: Millis): void {
    const ticks = (Math.round(arrival * TICKS_PER_MS) - timestamp) | 0;
    if (!Number.isNaN(this.#transit)) {
      const difference = Math.abs((ticks - this.#transit) | 0);
      // A pause or a jump in the sender's clock is no jitter either.
      if (difference < 90_000 && timestamp !== this.#lastTimestamp) this.#jitter += (difference - this.#jitter) / 16;
    }
    if (timestamp !== this.#lastTimestamp) this.#transit = ticks;
    this.#lastTimestamp = timestamp;
  }
  #lastTimestamp = -1;

  get jitterMs(): number {
    return this.#jitter / TICKS_PER_MS;
  }

  get expected(): number {
    return this.highest < 0 ? 0 : this.highest - this.#first + 1;
  }

  /** Packets that never came, of those expected. */
  get lost(): number {
    return Math.max(0, this.expected - this.received - this.recovered);
  }

  get lossPercent(): number {
    return this.expected === 0 ? 0 : (100 * this.lost) / this.expected;
  }

  senderReport(ntp: NtpTime, rtp: number, now: Millis): void {
    this.#senderReport = ntpMiddle(ntp);
    this.#senderReportAt = now;
    this.clock = { rtp, at: now };
  }

  /** A report block on what came since the last one; undefined before the first packet. */
  report(ssrc: number, now: Millis): ReportBlock | undefined {
    if (this.highest < 0) return undefined;
    const expected = this.expected - this.#expectedBefore;
    const lost = expected - (this.received - this.#receivedBefore);
    this.#expectedBefore = this.expected;
    this.#receivedBefore = this.received;
    if (lost > 0) this.lostOnTheWay += lost;
    return {
      ssrc,
      fractionLost: expected > 0 && lost > 0 ? Math.min(255, Math.floor((lost * 256) / expected)) : 0,
      cumulativeLost: this.expected - this.received,
      // Cycles count from zero.
      highestSequence: (this.highest - 65_536) >>> 0,
      jitter: Math.round(this.#jitter),
      lastSr: this.#senderReport,
      delaySinceLastSr: this.#senderReport === 0 ? 0 : Math.round((now - this.#senderReportAt) * 65.536),
    };
  }
}
