import type { Millis } from "../base/clock.ts";

/** RFC 5761 section 4: packet types 192 to 223 of RTCP, where RTP has its marker and payload types 64 to 95. */
export function isRtcp(packet: Uint8Array): boolean {
  const type = packet[1]! & 0x7f;
  return packet.length >= 8 && type >= 64 && type <= 95;
}

/** More than this between two packets of a stream is a new beginning. */
const JUMP = 3_000;

/**
 * One stream towards a browser: whatever the sender does (a new SSRC after a re-INVITE, counters that begin anew), the browser gets the one SSRC it was
 * told of, with counters that go on. Reports come back in the sender's own terms. Packets are changed in place.
 */
export class OutgoingStream {
  /** The SSRC the browser was told of. */
  readonly ssrc: number;
  readonly #clockRate: number;
  #source: number | null = null;
  #sequenceOffset = 0;
  #timestampOffset = 0;
  #last: { readonly sequence: number; readonly timestamp: number; readonly at: Millis } | null = null;
  #repeatSsrc = 0;
  #repeatSequence = 0;
  #repeatTypes: readonly number[] = [];

  constructor(ssrc: number, clockRate: number) {
    this.ssrc = ssrc;
    this.#clockRate = clockRate;
  }

  /** Retransmissions (RFC 4588) come under these payload types; the browser was told of `ssrc` for them. */
  repeatAs(ssrc: number, payloadTypes: readonly number[]): void {
    this.#repeatSsrc = ssrc;
    this.#repeatTypes = payloadTypes;
  }

  /** RTP on its way to the browser. False when it is none. */
  rtp(packet: Buffer, now: Millis): boolean {
    if (packet.length < 12 || packet[0]! >> 6 !== 2) return false;
    if (this.#repeatTypes.includes(packet[1]! & 0x7f)) return this.#repeat(packet);
    const source = packet.readUInt32BE(8);
    const sequence = packet.readUInt16BE(2);
    const timestamp = packet.readUInt32BE(4);
    const last = this.#last;
    const ahead = last ? (sequence + this.#sequenceOffset - last.sequence + 0x8000) & 0xffff : 0x8000;
    const step = Math.abs(ahead - 0x8000);
    if (last && (source !== this.#source || step > JUMP)) {
      const elapsed = Math.max(1, Math.round(((now - last.at) * this.#clockRate) / 1000));
      this.#sequenceOffset = (last.sequence + 1 - sequence) & 0xffff;
      this.#timestampOffset = (last.timestamp + elapsed - timestamp) >>> 0;
    }
    this.#source = source;
    const outSequence = (sequence + this.#sequenceOffset) & 0xffff;
    const outTimestamp = (timestamp + this.#timestampOffset) >>> 0;
    packet.writeUInt16BE(outSequence, 2);
    packet.writeUInt32BE(outTimestamp, 4);
    packet.writeUInt32BE(this.ssrc, 8);
    // a late packet does not turn the clock back
    if (!last || ((outSequence - last.sequence) & 0xffff) < 0x8000)
      this.#last = { sequence: outSequence, timestamp: outTimestamp, at: now };
    return true;
  }

  /** A packet again, as the payload of another stream's, behind the number it had (RFC 4588 section 4). What the video relay sends has no extensions. */
  #repeat(packet: Buffer): boolean {
    const at = 12 + 4 * (packet[0]! & 15);
    if (this.#last === null || (packet[0]! & 0x10) !== 0 || packet.length < at + 2) return false;
    packet.writeUInt16BE((packet.readUInt16BE(at) + this.#sequenceOffset) & 0xffff, at);
    packet.writeUInt16BE(this.#repeatSequence++ & 0xffff, 2);
    packet.writeUInt32BE((packet.readUInt32BE(4) + this.#timestampOffset) >>> 0, 4);
    packet.writeUInt32BE(this.#repeatSsrc, 8);
    return true;
  }

  /** RTCP on its way to the browser. False when it is none, or tells of a stream that has not begun. */
  rtcpOut(packet: Buffer): boolean {
    return eachPacket(packet, (part, type) => {
      if (type === 200 && part.length >= 20 && part.readUInt32BE(4) === this.#source) {
        part.writeUInt32BE((part.readUInt32BE(16) + this.#timestampOffset) >>> 0, 16);
      }
      eachSsrc(part, type, (at) => {
        if (part.readUInt32BE(at) === this.#source) part.writeUInt32BE(this.ssrc, at);
      });
    });
  }

  /** RTCP of the browser on its way to whoever sends the stream. False when it is none. */
  rtcpBack(packet: Buffer): boolean {
    return eachPacket(packet, (part, type) => {
      const source = this.#source;
      if (source === null) return;
      if (type === 205 && (part[0]! & 31) === 1 && part.length >= 12 && part.readUInt32BE(8) === this.ssrc) {
        for (let at = 12; at + 4 <= part.length; at += 4) part.writeUInt16BE((part.readUInt16BE(at) - this.#sequenceOffset) & 0xffff, at);
      }
      if (type === 200 || type === 201) {
        for (let at = type === 200 ? 28 : 8, left = part[0]! & 31; left > 0 && at + 24 <= part.length; at += 24, left--)
          if (part.readUInt32BE(at) === this.ssrc)
            part.writeUInt16BE((part.readUInt16BE(at + 10) - this.#sequenceOffset) & 0xffff, at + 10);
      }
      eachSsrc(part, type, (at) => {
        if (part.readUInt32BE(at) === this.ssrc) part.writeUInt32BE(source, at);
      });
    });
  }
}

/** Calls with each packet of a compound one. False when the lengths do not add up. */
function eachPacket(packet: Buffer, take: (part: Buffer, type: number) => void): boolean {
  const parts: Buffer[] = [];
  for (let at = 0; at < packet.length; ) {
    if (at + 8 > packet.length || packet[at]! >> 6 !== 2) return false;
    const end = at + 4 + 4 * packet.readUInt16BE(at + 2);
    if (end > packet.length || end < at + 8) return false;
    parts.push(packet.subarray(at, end));
    at = end;
  }
  for (const part of parts) take(part, part[1]!);
  return parts.length > 0;
}

/** Where a packet names streams: RFC 3550 sections 6.4 to 6.7, RFC 4585 section 6.1, RFC 5104 section 4, draft-alvestrand-rmcat-remb. */
function eachSsrc(part: Buffer, type: number, at: (offset: number) => void) {
  const count = part[0]! & 31;
  const every = (start: number, step: number, most = Number.POSITIVE_INFINITY): void => {
    for (let offset = start, left = most; left > 0 && offset + 4 <= part.length; offset += step, left--) at(offset);
  };
  switch (type) {
    case 200:
      at(4);
      return every(28, 24, count);
    case 201:
      at(4);
      return every(8, 24, count);
    case 202:
      return sourceDescriptions(part, count, at);
    case 203:
      return every(4, 4, count);
    case 204:
    case 207:
      return at(4);
    case 205:
    case 206:
      every(4, 4, 2);
      if (type === 206 ? count === 4 : count === 3 || count === 4) every(12, 8);
      else if (type === 206 && count === 15 && part.length >= 20 && part.toString("latin1", 12, 16) === "REMB") every(20, 4, part[16]!);
  }
}

/** RFC 3550 section 6.5: chunks begin at 32-bit boundaries, after a list of items that ends with a null octet. */
function sourceDescriptions(part: Buffer, count: number, at: (offset: number) => void): void {
  let offset = 4;
  for (let left = count; left > 0 && offset + 4 <= part.length; left--) {
    at(offset);
    offset += 4;
    while (offset < part.length && part[offset] !== 0) offset += 2 + (part[offset + 1] ?? 0);
    offset += 4 - (offset % 4);
  }
}
