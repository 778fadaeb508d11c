/** Why a packet was not protected or unprotected; what the packet functions return instead of a length. */
export const SrtpFailure = {
  /** Not an RTP or RTCP packet, or too short for its suite. */
  Malformed: -1,
  /** The tag does not fit: another key, or somebody else's packet. */
  Unauthentic: -2,
  /** Seen before, or older than the replay window. */
  Replayed: -3,
  /** The master key has protected as many packets as it may (RFC 3711 section 9.2): a new key is needed. */
  Exhausted: -4,
  /** More sources than a context keeps. */
  TooManySources: -5,
} as const;

/** A failure's name for logs and counters; undefined for a length. */
export function srtpFailureName(result: number): string | undefined {
  return Object.entries(SrtpFailure).find(([, value]) => value === result)?.[0];
}

/** Bytes of an RTCP packet's beginning that SRTCP leaves in clear. */
export const RTCP_CLEAR_LENGTH = 8;

/** Highest SRTCP index, 31 bits. */
export const MAX_RTCP_INDEX = 0x7fffffff;

/** The E flag of the word that carries the SRTCP index. */
export const RTCP_ENCRYPTED_FLAG = 0x80000000;

/**
 * One cipher with its keys and packet layout; stateless but for what it caches. SSRC is read from the packet, `index` is the 48-bit packet
 * index. `out` may be the same memory as `packet` and has room for the result. Each returns the result's length or a {@link SrtpFailure};
 * nothing is written to `out` before an opened packet has authenticated.
 */
export interface SrtpTransform {
  sealRtp(packet: Uint8Array, headerLength: number, length: number, index: number, out: Uint8Array): number;
  openRtp(packet: Uint8Array, headerLength: number, length: number, index: number, out: Uint8Array): number;
  sealRtcp(packet: Uint8Array, length: number, index: number, out: Uint8Array): number;
  openRtcp(packet: Uint8Array, length: number, out: Uint8Array): number;
  /** Where the word with E flag and SRTCP index stands in a packet of this length; negative if it is too short. */
  rtcpIndexOffset(length: number): number;
  /** Lets go of what is not the garbage collector's. Nothing may be protected or opened afterwards. */
  close(): void;
}

/** Whether `tag` stands at `at`, looked at in constant time. */
export function tagMatches(bytes: Uint8Array, at: number, tag: Uint8Array, length: number): boolean {
  let difference = 0;
  for (let i = 0; i < length; i++) difference |= bytes[at + i]! ^ tag[i]!;
  return difference === 0;
}
