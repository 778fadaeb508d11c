import { rtpHeaderLength } from "./packet.ts";

/**
 * Retransmissions in a stream of their own, RFC 4588 section 4: the payload is the original sequence number (16) and the original payload;
 * header, extension and timestamp are the original's, SSRC, sequence number and payload type the retransmission stream's.
 */

/** Bytes the original sequence number takes. */
export const RTX_OVERHEAD = 2;

/**
 * Makes the original packet again, in place: the header moves up over the original sequence number, so the packet begins two bytes later, at
 * offset {@link RTX_OVERHEAD}. False when there is no original in it (a padding packet, which senders probe the way with).
 */
export function unwrapRtx(packet: Uint8Array, length: number, ssrc: number, payloadType: number): boolean {
  const header = rtpHeaderLength(packet, length);
  if (header < 0 || length < header + RTX_OVERHEAD) return false;
  const padding = (packet[0]! & 0x20) !== 0 ? packet[length - 1]! : 0;
  if (header + RTX_OVERHEAD + padding >= length) return false;
  const high = packet[header]!;
  const low = packet[header + 1]!;
  packet.copyWithin(RTX_OVERHEAD, 0, header);
  packet[RTX_OVERHEAD + 1] = (packet[RTX_OVERHEAD + 1]! & 0x80) | payloadType;
  packet[RTX_OVERHEAD + 2] = high;
  packet[RTX_OVERHEAD + 3] = low;
  packet[RTX_OVERHEAD + 8] = ssrc >>> 24;
  packet[RTX_OVERHEAD + 9] = ssrc >>> 16;
  packet[RTX_OVERHEAD + 10] = ssrc >>> 8;
  packet[RTX_OVERHEAD + 11] = ssrc;
  return true;
}

/**
 * Writes into `out` the retransmission of the packet in the first `length` bytes of `packet`; returns its length, two bytes more, or -1 when
 * `packet` is none or `out` too small.
 */
export function wrapRtx(
  packet: Uint8Array,
  length: number,
  out: Uint8Array,
  fields: { ssrc: number; payloadType: number; sequence: number },
): number {
  const header = rtpHeaderLength(packet, length);
  if (header < 0 || out.length < length + RTX_OVERHEAD) return -1;
  out.set(packet.subarray(0, header));
  out.set(packet.subarray(header, length), header + RTX_OVERHEAD);
  out[1] = (packet[1]! & 0x80) | fields.payloadType;
  out[header] = packet[2]!;
  out[header + 1] = packet[3]!;
  out[2] = fields.sequence >>> 8;
  out[3] = fields.sequence;
  out[8] = fields.ssrc >>> 24;
  out[9] = fields.ssrc >>> 16;
  out[10] = fields.ssrc >>> 8;
  out[11] = fields.ssrc;
  return length + RTX_OVERHEAD;
}
