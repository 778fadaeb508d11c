import { readUint32 } from "../rtp/packet.ts";
import { parseTransportFeedback } from "./transport-cc.ts";
import { type ReportBlock, type RtcpPacket, RtcpType } from "./types.ts";

/**
 * Reads a compound RTCP datagram. Undefined when the lengths do not add up, a version is not 2, padding stands elsewhere than in the
 * last packet, or a packet is shorter than its own counts say (RFC 3550 appendix A.2). Reduced-size datagrams (RFC 5506) are accepted:
 * the first packet need not be a report.
 */
export function parseRtcp(bytes: Uint8Array): RtcpPacket[] | undefined {
  if (bytes.length < 4) return undefined;
  const packets: RtcpPacket[] = [];
  let at = 0;
  while (at < bytes.length) {
    if (at + 4 > bytes.length || bytes[at]! >> 6 !== 2) return undefined;
    const end = at + 4 + 4 * ((bytes[at + 2]! << 8) | bytes[at + 3]!);
    if (end > bytes.length) return undefined;
    let bodyEnd = end;
    if ((bytes[at]! & 0x20) !== 0) {
      const padding = bytes[end - 1]!;
      if (end !== bytes.length || padding === 0 || padding % 4 !== 0 || end - padding < at + 4) return undefined;
      bodyEnd = end - padding;
    }
    const packet = parseOne(bytes[at + 1]!, bytes[at]! & 0x1f, bytes.subarray(at + 4, bodyEnd));
    if (!packet) return undefined;
    packets.push(packet);
    at = end;
  }
  return packets;
}

function parseOne(packetType: number, count: number, body: Uint8Array): RtcpPacket | undefined {
  switch (packetType) {
    case RtcpType.SR: {
      if (body.length < 24 + 24 * count) return undefined;
      return {
        kind: "sr",
        ssrc: readUint32(body, 0),
        ntp: { seconds: readUint32(body, 4), fraction: readUint32(body, 8) },
        rtpTimestamp: readUint32(body, 12),
        packetCount: readUint32(body, 16),
        octetCount: readUint32(body, 20),
        reports: parseReports(body, 24, count),
      };
    }
    case RtcpType.RR:
      if (body.length < 4 + 24 * count) return undefined;
      return { kind: "rr", ssrc: readUint32(body, 0), reports: parseReports(body, 4, count) };
    case RtcpType.SDES:
      return parseSdes(body, count);
    case RtcpType.BYE:
      return parseBye(body, count);
    case RtcpType.APP:
      if (body.length < 8) return undefined;
      return {
        kind: "app",
        ssrc: readUint32(body, 0),
        subtype: count,
        name: Buffer.from(body.buffer, body.byteOffset + 4, 4).toString("latin1"),
        data: body.subarray(8),
      };
    case RtcpType.RTPFB:
    case RtcpType.PSFB:
      return body.length < 8 ? undefined : parseFeedback(packetType, count, body);
    default:
      return { kind: "other", packetType, count, body };
  }
}

function parseReports(body: Uint8Array, offset: number, count: number): ReportBlock[] {
  const reports: ReportBlock[] = [];
  for (let at = offset; reports.length < count; at += 24) {
    const loss = readUint32(body, at + 4);
    reports.push({
      ssrc: readUint32(body, at),
      fractionLost: loss >>> 24,
      cumulativeLost: (loss << 8) >> 8,
      highestSequence: readUint32(body, at + 8),
      jitter: readUint32(body, at + 12),
      lastSr: readUint32(body, at + 16),
      delaySinceLastSr: readUint32(body, at + 20),
    });
  }
  return reports;
}

/** Section 6.5: each chunk is an SSRC and items, ended by a zero octet and padded to a word. */
function parseSdes(body: Uint8Array, count: number): RtcpPacket | undefined {
  const chunks: { ssrc: number; items: { type: number; text: string }[] }[] = [];
  let at = 0;
  while (chunks.length < count) {
    if (at + 4 > body.length) return undefined;
    const ssrc = readUint32(body, at);
    const items: { type: number; text: string }[] = [];
    at += 4;
    for (;;) {
      if (at >= body.length) return undefined;
      const type = body[at]!;
      if (type === 0) break;
      const end = at + 2 + (body[at + 1] ?? 0);
      if (at + 2 > body.length || end > body.length) return undefined;
      items.push({ type, text: utf8(body.subarray(at + 2, end)) });
      at = end;
    }
    at = (at + 4) & ~3;
    chunks.push({ ssrc, items });
  }
  return { kind: "sdes", chunks };
}

function parseBye(body: Uint8Array, count: number): RtcpPacket | undefined {
  if (body.length < 4 * count) return undefined;
  const ssrcs = Array.from({ length: count }, (_, i) => readUint32(body, 4 * i));
  const at = 4 * count;
  if (at >= body.length) return { kind: "bye", ssrcs };
  const end = at + 1 + body[at]!;
  if (end > body.length) return undefined;
  return { kind: "bye", ssrcs, reason: utf8(body.subarray(at + 1, end)) };
}

function parseFeedback(packetType: 205 | 206, format: number, body: Uint8Array): RtcpPacket | undefined {
  const ssrc = readUint32(body, 0);
  const mediaSsrc = readUint32(body, 4);
  const fci = body.subarray(8);
  if (packetType === RtcpType.RTPFB && format === 1) return { kind: "nack", ssrc, mediaSsrc, lost: parseNackList(fci) };
  if (packetType === RtcpType.RTPFB && (format === 3 || format === 4)) {
    if (fci.length % 8 !== 0) return undefined;
    const entries = Array.from({ length: fci.length / 8 }, (_, i) => {
      const word = readUint32(fci, 8 * i + 4);
      return { ssrc: readUint32(fci, 8 * i), bitrate: ((word >>> 9) & 0x1ffff) * 2 ** (word >>> 26), overhead: word & 0x1ff };
    });
    return { kind: format === 3 ? "tmmbr" : "tmmbn", ssrc, mediaSsrc, entries };
  }
  if (packetType === RtcpType.PSFB && format === 1) return { kind: "pli", ssrc, mediaSsrc };
  if (packetType === RtcpType.PSFB && format === 4) {
    if (fci.length % 8 !== 0) return undefined;
    const entries = Array.from({ length: fci.length / 8 }, (_, i) => ({ ssrc: readUint32(fci, 8 * i), sequence: fci[8 * i + 4]! }));
    return { kind: "fir", ssrc, mediaSsrc, entries };
  }
  // "REMB" | number of SSRCs(8) | exponent(6) mantissa(18) | SSRCs
  if (packetType === RtcpType.PSFB && format === 15 && fci.length >= 8 && readUint32(fci, 0) === 0x52454d42) {
    const count = fci[4]!;
    if (fci.length < 8 + 4 * count) return undefined;
    const bitrate = (((fci[5]! & 3) << 16) | (fci[6]! << 8) | fci[7]!) * 2 ** (fci[5]! >> 2);
    return { kind: "remb", ssrc, bitrate, ssrcs: Array.from({ length: count }, (_, i) => readUint32(fci, 8 + 4 * i)) };
  }
  if (packetType === RtcpType.RTPFB && format === 15) return parseTransportFeedback(ssrc, mediaSsrc, fci);
  return { kind: "feedback", packetType, format, ssrc, mediaSsrc, fci };
}

/** PID(16) and BLP(16), bit i of BLP being PID + i + 1. */
function parseNackList(fci: Uint8Array): number[] {
  const lost: number[] = [];
  for (let at = 0; at + 4 <= fci.length; at += 4) {
    const word = readUint32(fci, at);
    const first = word >>> 16;
    lost.push(first);
    for (let bit = 0; bit < 16; bit++) if ((word >>> bit) & 1) lost.push((first + bit + 1) & 0xffff);
  }
  return lost;
}

function utf8(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8");
}
