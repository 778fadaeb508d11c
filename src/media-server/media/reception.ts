import type { Millis } from "../../base/clock.ts";
import type { ReportBlock } from "../../wire/rtcp/index.ts";

/** Jumps beyond this are a new stream, not loss (RFC 3550 appendix A.1, MAX_DROPOUT). */
const MAX_DROPOUT = 3000;
const MAX_MISORDER = 100;

/** What is counted of the stream that comes in: loss and jitter as RFC 3550 appendices A.1, A.3 and A.8 have them, and FreeSWITCH's counters. */
export class Reception {
  ssrc = -1;
  packets = 0;
  rawBytes = 0;
  mediaBytes = 0;
  mediaPackets = 0;
  dtmfPackets = 0;
  cngPackets = 0;
  /** Packets dropped: malformed, of an unknown payload type. */
  invalid = 0;
  /** Packets of others than the one we listen to. */
  strangers = 0;
  /** Mean distance of arrivals, ms. */
  meanIntervalMs = 0;
  minJitterMs = Number.POSITIVE_INFINITY;
  maxJitterMs = 0;
  #cycles = 0;
  #highest = -1;
  #base = 0;
  #received = 0;
  #expectedPrior = 0;
  #receivedPrior = 0;
  #jitter = 0;
  #transit = Number.NaN;
  #lastArrival = Number.NaN;
  #lastSr = 0;
  #lastSrAt: Millis = 0;
  // What went before an SSRC change, so that totals stay totals.
  #lostBefore = 0;

  /** Counts an RTP packet. `clockRate` in Hz is of its payload's clock. Returns false for one so far off that it may be another stream's. */
  packet(ssrc: number, sequence: number, timestamp: number, clockRate: number, now: Millis): void {
    if (ssrc !== this.ssrc) this.#restart(ssrc, sequence);
    else {
      const delta = (sequence - this.#highest) & 0xffff;
      if (delta < MAX_DROPOUT) {
        if (sequence < (this.#highest & 0xffff)) this.#cycles += 0x10000;
        this.#highest = sequence;
      } else if (delta < 0x10000 - MAX_MISORDER) this.#restart(ssrc, sequence);
    }
    this.#received++;
    const arrival = (now * clockRate) / 1000;
    const transit = arrival - timestamp;
    if (!Number.isNaN(this.#transit)) {
      // Modulo 2^32: timestamps wrap.
      const d = Math.abs(((transit - this.#transit + 0x80000000) % 0x100000000) - 0x80000000);
      if (d < clockRate * 10) this.#jitter += (d - this.#jitter) / 16;
      const ms = (this.#jitter * 1000) / clockRate;
      if (ms < this.minJitterMs) this.minJitterMs = ms;
      if (ms > this.maxJitterMs) this.maxJitterMs = ms;
    }
    this.#transit = transit;
    if (!Number.isNaN(this.#lastArrival)) this.meanIntervalMs += (now - this.#lastArrival - this.meanIntervalMs) / 64;
    this.#lastArrival = now;
  }

  #restart(ssrc: number, sequence: number): void {
    if (this.ssrc >= 0) this.#lostBefore += this.#lost();
    this.ssrc = ssrc;
    this.#cycles = 0;
    this.#base = this.#highest = sequence;
    this.#received = this.#expectedPrior = this.#receivedPrior = 0;
    this.#transit = Number.NaN;
    this.#lastArrival = Number.NaN;
    this.#lastSr = 0;
  }

  #lost(): number {
    return this.#expected() - this.#received;
  }
  #expected(): number {
    return this.#highest < 0 ? 0 : this.#cycles + this.#highest - this.#base + 1;
  }

  /** Packets that never came, of all streams so far. Duplicates can hide some. */
  get lost(): number {
    return Math.max(0, this.#lostBefore + this.#lost());
  }

  /** Share of packets lost, per cent. */
  get lossRate(): number {
    const expected = this.packets + this.lost;
    return expected === 0 ? 0 : (100 * this.lost) / expected;
  }

  jitterMs(clockRate: number): number {
    return (this.#jitter * 1000) / clockRate;
  }

  /** The far end's sender report came; `middle` are the middle 32 bits of its NTP time. */
  senderReport(middle: number, now: Millis): void {
    this.#lastSr = middle;
    this.#lastSrAt = now;
  }

  /** Our report on the stream; undefined before anything came. Counts begin anew for the next one. */
  report(now: Millis): ReportBlock | undefined {
    if (this.ssrc < 0 || this.#received === 0) return undefined;
    const expected = this.#expected();
    const interval = expected - this.#expectedPrior;
    const lost = interval - (this.#received - this.#receivedPrior);
    this.#expectedPrior = expected;
    this.#receivedPrior = this.#received;
    return {
      ssrc: this.ssrc,
      fractionLost: interval <= 0 || lost <= 0 ? 0 : Math.min(255, Math.floor((lost * 256) / interval)),
      cumulativeLost: expected - this.#received,
      highestSequence: (this.#cycles + this.#highest) >>> 0,
      jitter: Math.round(this.#jitter),
      lastSr: this.#lastSr,
      delaySinceLastSr: this.#lastSr === 0 ? 0 : Math.min(0xffffffff, Math.round(((now - this.#lastSrAt) * 65536) / 1000)),
    };
  }
}
