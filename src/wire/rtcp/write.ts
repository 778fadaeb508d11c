import { writeUint32 } from "../rtp/packet.ts";
import { writeTransportFeedback } from "./transport-cc.ts";
import { type ReportBlock, type RtcpPacket, RtcpType } from "./types.ts";

/**
 * One compound datagram of these packets, in this order. The caller keeps RFC 3550 section 6.1: a report first, an SDES with CNAME in it,
 * unless reduced size was negotiated. Throws RangeError where a count or a length does not fit its field.
 */
export function writeRtcp(packets: readonly RtcpPacket[]): Buffer {
  return Buffer.concat(packets.map(writeOne));
}

function writeOne(packet: RtcpPacket): Buffer {
  switch (packet.kind) {
    case "sr": {
      const out = start(RtcpType.SR, packet.reports.length, 24 + 24 * packet.reports.length);
      writeUint32(out, 4, packet.ssrc);
      writeUint32(out, 8, packet.ntp.seconds);
      writeUint32(out, 12, packet.ntp.fraction);
      writeUint32(out, 16, packet.rtpTimestamp);
      writeUint32(out, 20, packet.packetCount);
      writeUint32(out, 24, packet.octetCount);
      writeReports(out, 28, packet.reports);
      return out;
    }
    case "rr": {
      const out = start(RtcpType.RR, packet.reports.length, 4 + 24 * packet.reports.length);
      writeUint32(out, 4, packet.ssrc);
      writeReports(out, 8, packet.reports);
      return out;
    }
    case "sdes": {
      const body = Buffer.concat(packet.chunks.map(writeChunk));
      const out = start(RtcpType.SDES, packet.chunks.length, body.length);
      body.copy(out, 4);
      return out;
    }
    case "bye": {
      const reason = packet.reason === undefined ? undefined : shortText(packet.reason);
      const out = start(RtcpType.BYE, packet.ssrcs.length, 4 * packet.ssrcs.length + (reason ? (reason.length + 4) & ~3 : 0));
      for (const [i, ssrc] of packet.ssrcs.entries()) writeUint32(out, 4 + 4 * i, ssrc);
      if (reason) reason.copy(out, 4 + 4 * packet.ssrcs.length);
      return out;
    }
    case "app": {
      if (packet.name.length !== 4) throw new RangeError("an APP packet's name has four characters");
      const out = start(RtcpType.APP, packet.subtype, 8 + packet.data.length);
      writeUint32(out, 4, packet.ssrc);
      out.write(packet.name, 8, "latin1");
      out.set(packet.data, 12);
      return out;
    }
    case "nack":
      return feedback(RtcpType.RTPFB, 1, packet.ssrc, packet.mediaSsrc, nackList(packet.lost));
    case "pli":
      return feedback(RtcpType.PSFB, 1, packet.ssrc, packet.mediaSsrc, Buffer.alloc(0));
    case "fir": {
      const fci = Buffer.alloc(8 * packet.entries.length);
      for (const [i, { ssrc, sequence }] of packet.entries.entries()) {
        writeUint32(fci, 8 * i, ssrc);
        fci[8 * i + 4] = sequence;
      }
      return feedback(RtcpType.PSFB, 4, packet.ssrc, packet.mediaSsrc, fci);
    }
    case "tmmbr":
    case "tmmbn": {
      const fci = Buffer.alloc(8 * packet.entries.length);
      for (const [i, { ssrc, bitrate, overhead }] of packet.entries.entries()) {
        const { mantissa, exponent } = floating(bitrate, 17);
        writeUint32(fci, 8 * i, ssrc);
        writeUint32(fci, 8 * i + 4, (exponent << 26) | (mantissa << 9) | (overhead & 0x1ff));
      }
      return feedback(RtcpType.RTPFB, packet.kind === "tmmbr" ? 3 : 4, packet.ssrc, packet.mediaSsrc, fci);
    }
    case "remb": {
      const { mantissa, exponent } = floating(packet.bitrate, 18);
      const fci = Buffer.alloc(8 + 4 * packet.ssrcs.length);
      fci.write("REMB", 0, "latin1");
      writeUint32(fci, 4, (checked(packet.ssrcs.length, 255) << 24) | (exponent << 18) | mantissa);
      for (const [i, ssrc] of packet.ssrcs.entries()) writeUint32(fci, 8 + 4 * i, ssrc);
      return feedback(RtcpType.PSFB, 15, packet.ssrc, 0, fci);
    }
    case "transport-cc":
      return feedback(RtcpType.RTPFB, 15, packet.ssrc, packet.mediaSsrc, writeTransportFeedback(packet));
    case "feedback":
      return feedback(packet.packetType, packet.format, packet.ssrc, packet.mediaSsrc, packet.fci);
    case "other": {
      const out = start(packet.packetType, packet.count, packet.body.length);
      out.set(packet.body, 4);
      return out;
    }
  }
}

/** The four-byte head with a zeroed body of `length` bytes behind it. */
function start(type: number, count: number, length: number): Buffer {
  if (length % 4 !== 0) throw new RangeError(`an RTCP body of ${length} bytes is not whole words`);
  const out = Buffer.alloc(4 + length);
  out[0] = 0x80 | checked(count, 31);
  out[1] = type;
  out.writeUInt16BE(checked(length / 4, 0xffff), 2);
  return out;
}

function feedback(type: 205 | 206, format: number, ssrc: number, mediaSsrc: number, fci: Uint8Array): Buffer {
  const out = start(type, format, 8 + fci.length);
  writeUint32(out, 4, ssrc);
  writeUint32(out, 8, mediaSsrc);
  out.set(fci, 12);
  return out;
}

function writeReports(out: Buffer, offset: number, reports: readonly ReportBlock[]): void {
  let at = offset;
  for (const report of reports) {
    // The 24-bit signed count is clamped, not wrapped (RFC 3550 appendix A.3).
    const lost = Math.max(-0x800000, Math.min(0x7fffff, report.cumulativeLost));
    writeUint32(out, at, report.ssrc);
    writeUint32(out, at + 4, (report.fractionLost << 24) | (lost & 0xffffff));
    writeUint32(out, at + 8, report.highestSequence);
    writeUint32(out, at + 12, report.jitter);
    writeUint32(out, at + 16, report.lastSr);
    writeUint32(out, at + 20, report.delaySinceLastSr);
    at += 24;
  }
}

function writeChunk(chunk: { readonly ssrc: number; readonly items: readonly { type: number; text: string }[] }): Buffer {
  const items = chunk.items.map(({ type, text }) => Buffer.concat([Buffer.from([type]), shortText(text)]));
  const length = items.reduce((sum, item) => sum + item.length, 0);
  const out = Buffer.alloc((4 + length + 4) & ~3);
  writeUint32(out, 0, chunk.ssrc);
  Buffer.concat(items).copy(out, 4);
  return out;
}

/** A length octet and up to 255 bytes of UTF-8, cut on a character's border. */
function shortText(text: string): Buffer {
  let bytes = Buffer.from(text, "utf8");
  if (bytes.length > 255) {
    let end = 255;
    while ((bytes[end]! & 0xc0) === 0x80) end--;
    bytes = bytes.subarray(0, end);
  }
  return Buffer.concat([Buffer.from([bytes.length]), bytes]);
}

/** Packs sequence numbers, ascending modulo 2^16, into PID/BLP pairs. */
function nackList(lost: readonly number[]): Buffer {
  const words: number[] = [];
  let first = -1;
  let mask = 0;
  for (const sequence of lost) {
    const distance = (sequence - first) & 0xffff;
    if (first >= 0 && distance === 0) continue;
    if (first >= 0 && distance <= 16) {
      mask |= 1 << (distance - 1);
    } else {
      if (first >= 0) words.push((first << 16) | mask);
      first = sequence;
      mask = 0;
    }
  }
  if (first >= 0) words.push((first << 16) | mask);
  const out = Buffer.alloc(4 * words.length);
  for (const [i, word] of words.entries()) writeUint32(out, 4 * i, word);
  return out;
}

/** Mantissa of `bits` bits and exponent of six: the largest such number that does not exceed `value`. */
function floating(value: number, bits: number): { mantissa: number; exponent: number } {
  let exponent = 0;
  let mantissa = Math.floor(value);
  while (mantissa >= 2 ** bits) {
    mantissa = Math.floor(mantissa / 2);
    exponent++;
  }
  return { mantissa, exponent: checked(exponent, 63) };
}

function checked(value: number, limit: number): number {
  if (value < 0 || value > limit) throw new RangeError(`${value} does not fit, the most is ${limit}`);
  return value;
}
