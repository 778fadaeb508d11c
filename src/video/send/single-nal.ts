import type { Millis } from "../../base/clock.ts";
import { eachNalUnit, H264Content, NalType } from "../../wire/rtp/index.ts";
import { HEADER, type MediaPacket } from "./packet.ts";

/**
 * Longest NAL unit that is put together again. IP cuts it into fragments where it is longer than the path's packets, which not every network lets through,
 * and some receivers take no more than 8 or 9 KB: a longer one stays in FU-As.
 */
export const LONGEST_UNIT = 8000;
/** How long a missing packet is waited for: a retransmission's time. */
const PATIENCE_MS = 120;
/** Packets kept while one before them is missing. */
const MAX_WAITING = 256;

/** Takes a NAL unit, or the fragment of one that is too long: a payload in bytes [from, to). `gap`: something before it was lost. */
export type TakePayload = (
  bytes: Uint8Array,
  from: number,
  to: number,
  about: { marker: boolean; timestamp: number; arrival: Millis; gap: boolean },
) => void;

interface Waiting {
  readonly bytes: Uint8Array;
  readonly content: number;
  readonly marker: boolean;
  readonly timestamp: number;
  readonly arrival: Millis;
}

/**
 * From packetization mode 1 to mode 0 (RFC 6184 section 6) without touching the picture: aggregates are split, fragments put together. One packet
 * becomes several or several one, so the result needs numbers of its own and is made in order: what comes early waits for what comes late.
 */
export class SingleNalTranslator {
  readonly #emit: TakePayload;
  readonly #waiting = new Map<number, Waiting>();
  readonly #unit = Buffer.alloc(LONGEST_UNIT);
  #next = -1;
  #waitingSince: Millis = 0;
  /** Bytes of the unit under way; 0 for none. */
  #length = 0;
  #timestamp = 0;
  /** The unit under way is too long: its fragments go on as they are. */
  #passing = false;
  #gap = false;

  constructor(emit: TakePayload) {
    this.#emit = emit;
  }

  /** A new stream, of which this is the first packet's number. */
  begin(sequence: number): void {
    this.#waiting.clear();
    this.#next = sequence;
    this.#length = 0;
    this.#passing = this.#gap = false;
  }

  take(packet: MediaPacket): void {
    if (packet.sequence < this.#next) return;
    if (packet.sequence > this.#next) {
      if (this.#waiting.size === 0) this.#waitingSince = packet.arrival;
      const { content, marker, timestamp, arrival } = packet;
      this.#waiting.set(packet.sequence, {
        bytes: Buffer.from(packet.bytes.subarray(0, packet.length)),
        content,
        marker,
        timestamp,
        arrival,
      });
      if (this.#waiting.size > MAX_WAITING) this.#skip();
      return;
    }
    this.#next++;
    this.#translate(packet.bytes, packet.length, packet);
    this.#drain(packet.arrival);
  }

  tick(now: Millis): void {
    while (this.#waiting.size > 0 && now - this.#waitingSince > PATIENCE_MS) {
      this.#skip();
      this.#waitingSince = now;
    }
  }

  /** What is missing is lost; goes on with what came after it. */
  #skip(): void {
    this.#next = Math.min(...this.#waiting.keys());
    this.#gap = true;
    this.#length = 0;
    this.#drain(this.#waitingSince);
  }

  #drain(now: Millis): void {
    let packet = this.#waiting.get(this.#next);
    while (packet) {
      this.#waiting.delete(this.#next++);
      this.#translate(packet.bytes, packet.bytes.length, packet);
      packet = this.#waiting.get(this.#next);
    }
    this.#waitingSince = now;
  }

  #translate(bytes: Uint8Array, length: number, about: Omit<Waiting, "bytes">): void {
    if ((about.content & H264Content.Fragment) !== 0) {
      this.#fragment(bytes, length, about);
      return;
    }
    if (this.#length > 0 || this.#passing) this.#lose();
    if ((about.content & H264Content.Aggregate) === 0) {
      this.#put(bytes, HEADER, length, about.marker, about);
      return;
    }
    // The marker is the last unit's.
    let [from, to] = [-1, -1];
    eachNalUnit(bytes, HEADER, length, (start, end) => {
      if (from >= 0) this.#put(bytes, from, to, false, about);
      [from, to] = [start, end];
    });
    if (from >= 0) this.#put(bytes, from, to, about.marker, about);
  }

  #fragment(bytes: Uint8Array, length: number, about: Omit<Waiting, "bytes">): void {
    const start = (about.content & H264Content.FragmentStart) !== 0;
    if (start) {
      if (this.#length > 0 || this.#passing) this.#lose();
      this.#unit[0] = (bytes[HEADER]! & 0xe0) | (bytes[HEADER + 1]! & 0x1f);
      this.#length = 1;
      this.#timestamp = about.timestamp;
    } else if (this.#passing && about.timestamp === this.#timestamp) {
      this.#put(bytes, HEADER, length, about.marker, about);
      if ((about.content & H264Content.FragmentEnd) !== 0) this.#passing = false;
      return;
    } else if (this.#length === 0 || about.timestamp !== this.#timestamp) {
      this.#lose();
      return;
    }
    const size = length - HEADER - 2;
    if (this.#length + size > LONGEST_UNIT - 1) {
      this.#unfold(about);
      this.#put(bytes, HEADER, length, about.marker, about);
      this.#passing = (about.content & H264Content.FragmentEnd) === 0;
      return;
    }
    this.#unit.set(bytes.subarray(HEADER + 2, length), this.#length);
    this.#length += size;
    if ((about.content & H264Content.FragmentEnd) === 0) return;
    this.#put(this.#unit, 0, this.#length, about.marker, about);
    this.#length = 0;
  }

  /** It is too long after all: what was put together becomes fragments of common size again. */
  #unfold(about: Omit<Waiting, "bytes">): void {
    const type = this.#unit[0]! & 0x1f;
    const indicator = (this.#unit[0]! & 0xe0) | NalType.FuA;
    const part = Buffer.alloc(1202);
    for (let at = 1; at < this.#length; at += 1200) {
      const end = Math.min(this.#length, at + 1200);
      part[0] = indicator;
      part[1] = (at === 1 ? 0x80 : 0) | type;
      this.#unit.copy(part, 2, at, end);
      this.#put(part, 0, 2 + end - at, false, about);
    }
    this.#length = 0;
  }

  /** The unit under way has a hole. */
  #lose(): void {
    this.#length = 0;
    this.#passing = false;
    this.#gap = true;
  }

  #put(bytes: Uint8Array, from: number, to: number, marker: boolean, { timestamp, arrival }: Omit<Waiting, "bytes">): void {
    const gap = this.#gap;
    this.#gap = false;
    this.#emit(bytes, from, to, { marker, timestamp, arrival, gap });
  }
}
