import type { Millis } from "../../base/clock.ts";

/** What a receiver needs of an RTP packet; wire/rtp's RtpPacket fits. */
export interface AudioPacket {
  readonly ssrc: number;
  readonly sequenceNumber: number;
  /** RTP ticks, 32 bit. */
  readonly timestamp: number;
  readonly marker: boolean;
  readonly payloadType: number;
  readonly payload: Uint8Array;
}

/** A packet's place on the receiver's own line. */
export interface Place {
  /** Sequence number without wrap; goes on by one over a change of SSRC. */
  readonly seq: number;
  /** Media time in ticks without wrap, jumps, or a change of origin at a new SSRC. */
  readonly ticks: number;
  /** Arrival less media time, milliseconds: grows with the packet's delay. Its zero is arbitrary. */
  readonly transit: number;
}

/** RFC 3550 appendix A.1: how far ahead or behind a packet may be before it means that the source began anew. */
const MAX_DROPOUT = 3000;
const MAX_MISORDER = 100;
/** A transit time that changes by more than this between packets is no network's doing but a jump of the timestamp. */
const JUMP_MS = 1000;

/**
 * Puts packets on one endless line of sequence numbers and media time, whatever the sender does: wraps, a new SSRC in mid-call, a restart with new
 * numbers, timestamps that jump. Keeps RFC 3550's reception statistics. Pure: time is an argument.
 */
export class Timeline {
  readonly #clockRate: number;
  #ssrc = -1;
  /** Highest sequence number of the source itself, 16 bit, and its value on the endless line. */
  #maxSeq16 = 0;
  #maxSeq = 0;
  #maxTimestamp = 0;
  #maxTicks = 0;
  #lastTransit = 0;
  #started = false;
  /** First packet of what may be a new source; taken over when its successor confirms. */
  #probation: AudioPacket | undefined;
  #base = 0;
  #jitter = 0;
  #lastArrival = 0;
  /** Changes of SSRC, restarts of the numbering, and jumps of the timestamp so far. */
  sourceChanges = 0;
  timestampJumps = 0;
  received = 0;

  constructor(clockRate: number) {
    this.#clockRate = clockRate;
  }

  get ssrc(): number | undefined {
    return this.#started ? this.#ssrc : undefined;
  }

  /** Interarrival jitter, RFC 3550 section 6.4.1, milliseconds. */
  get jitterMs(): number {
    return (this.#jitter * 1000) / this.#clockRate;
  }

  /** Packets that the numbers say were sent, less those received; duplicates count as received, as RFC 3550 has it. Never below 0. */
  get lost(): number {
    return this.#started ? Math.max(0, this.#maxSeq - this.#base + 1 - this.received) : 0;
  }

  /** Highest sequence number on the endless line. */
  get highest(): number {
    return this.#maxSeq;
  }

  /** The place of a packet that arrives at `now`; undefined when it is out of any order and not to be used. */
  place(packet: AudioPacket, now: Millis): Place | undefined {
    if (!this.#started) return this.#start(packet, now);
    const delta = ((packet.sequenceNumber - this.#maxSeq16 + 0x18000) & 0xffff) - 0x8000;
    if (packet.ssrc !== this.#ssrc || delta > MAX_DROPOUT || delta < -MAX_MISORDER) return this.#suspect(packet, now);
    this.#probation = undefined;
    return delta > 0 ? this.#advance(packet, delta, now) : this.#behind(packet, delta, now);
  }

  #start(packet: AudioPacket, now: Millis): Place {
    this.#started = true;
    this.#ssrc = packet.ssrc;
    this.#maxSeq16 = packet.sequenceNumber;
    this.#maxTimestamp = packet.timestamp;
    this.#lastTransit = now;
    this.#lastArrival = now;
    this.received = 1;
    return { seq: 0, ticks: 0, transit: now };
  }

  /** A stray packet changes nothing; two in a row are the source. */
  #suspect(packet: AudioPacket, now: Millis): Place | undefined {
    const first = this.#probation;
    this.#probation = packet;
    const follows = first && first.ssrc === packet.ssrc && ((first.sequenceNumber + 1) & 0xffff) === packet.sequenceNumber;
    // Nothing from the old source for a while: no need to wait for proof.
    if (!follows && now - this.#lastArrival < 200) return undefined;
    this.#probation = undefined;
    this.sourceChanges++;
    this.#ssrc = packet.ssrc;
    this.#maxSeq16 = packet.sequenceNumber;
    this.#maxSeq += 1;
    this.#rejoin(packet, now);
    this.received++;
    this.#lastArrival = now;
    return { seq: this.#maxSeq, ticks: this.#maxTicks, transit: this.#lastTransit };
  }

  /** Lets the media time go on as the clock did, so that the packet looks as late as the one before it. */
  #rejoin(packet: AudioPacket, now: Millis): void {
    this.#maxTimestamp = packet.timestamp;
    const ticks = Math.round(((now - this.#lastTransit) * this.#clockRate) / 1000);
    this.#maxTicks = Math.max(ticks, this.#maxTicks + 1);
    this.#lastTransit = now - (this.#maxTicks * 1000) / this.#clockRate;
  }

  #advance(packet: AudioPacket, delta: number, now: Millis): Place {
    this.received++;
    this.#maxSeq16 = packet.sequenceNumber;
    this.#maxSeq += delta;
    const ticks = this.#maxTicks + ((packet.timestamp - this.#maxTimestamp) | 0);
    const transit = now - (ticks * 1000) / this.#clockRate;
    if (Math.abs(transit - this.#lastTransit) > JUMP_MS || ticks < this.#maxTicks) {
      this.timestampJumps++;
      this.#rejoin(packet, now);
    } else {
      this.#updateJitter(transit);
      this.#maxTimestamp = packet.timestamp;
      this.#maxTicks = ticks;
      this.#lastTransit = transit;
    }
    this.#lastArrival = now;
    return { seq: this.#maxSeq, ticks: this.#maxTicks, transit: this.#lastTransit };
  }

  #behind(packet: AudioPacket, delta: number, now: Millis): Place | undefined {
    this.received++;
    const ticks = this.#maxTicks + ((packet.timestamp - this.#maxTimestamp) | 0);
    const transit = now - (ticks * 1000) / this.#clockRate;
    if (Math.abs(transit - this.#lastTransit) > JUMP_MS) return undefined; // from before a jump
    return { seq: this.#maxSeq + delta, ticks, transit };
  }

  #updateJitter(transit: number): void {
    const d = (Math.abs(transit - this.#lastTransit) * this.#clockRate) / 1000;
    this.#jitter += (d - this.#jitter) / 16;
  }
}
