import type { Millis } from "../base/clock.ts";

/**
 * The header extension abs-send-time (http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time): when a packet was sent, in seconds as 6.18 bits. By it a
 * browser measures the way from here to itself. Without it it can only go by the pictures' own times, and takes for congestion what its sender's pace or the
 * sender's network has done to them.
 */
const URI = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time";
const ID = 1;
/** Value of `a=extmap`. */
export const SEND_TIME_EXTENSION = `${ID} ${URI}`;

/** Bytes it takes: profile and length (RFC 8285 section 4.2), one element of three octets. */
const OVERHEAD = 8;
/** Packets so long go without: with it they might not fit into a datagram of the network's. */
const MAX_PACKET = 1380;

const scratch = Buffer.alloc(MAX_PACKET + OVERHEAD);
const views: Buffer[] = [];

/** Whether a browser's answer takes it: what an answer leaves out is not sent (RFC 8285 section 6). A browser has it for all its pictures, or for none. */
export function takesSendTime(answer: string): boolean {
  return answer.includes(URI);
}

/** The packet with its time of sending, in bytes that the next call overwrites; the packet itself where it has extensions already or is too long. */
export function withSendTime(packet: Buffer, now: Millis): Buffer {
  const header = 12 + 4 * (packet[0]! & 15);
  if ((packet[0]! & 0x10) !== 0 || packet.length > MAX_PACKET || packet.length < header) return packet;
  scratch.set(packet.subarray(0, header));
  scratch[0] = packet[0]! | 0x10;
  scratch.writeUInt32BE(0xbede0001, header);
  scratch[header + 4] = (ID << 4) | 2;
  scratch.writeUIntBE(Math.floor((now * 2 ** 18) / 1000) & 0xffffff, header + 5, 3);
  scratch.set(packet.subarray(header), header + OVERHEAD);
  const length = packet.length + OVERHEAD;
  return (views[length] ??= scratch.subarray(0, length));
}
