import { readUint32, rtpHeaderLength } from "../wire/rtp/packet.ts";
import type { AeadProvider } from "./aead.ts";
import { createTransform } from "./context.ts";
import type { SrtpKeying } from "./keying.ts";
import { rolloverOf, SourceState, SourceTable } from "./source.ts";
import { MAX_RTCP_INDEX, RTCP_CLEAR_LENGTH, SrtpFailure, type SrtpTransform } from "./transform.ts";

const MAX_INDEX = 2 ** 48 - 1;

/** Bytes that protection adds at most, for sizing buffers when the suite is not known: tag, SRTCP index, the longest MKI. */
export const SRTP_MAX_OVERHEAD = 16 + 4 + 128;

/**
 * Protects what we send with one master key, any number of SSRCs (up to 256). A new key is a new sender: its rollover counters start at
 * zero, which peers agree on only while the counter is still zero; where `hasRolledOver` says otherwise, start the new key with a new SSRC.
 */
export class SrtpSender {
  readonly keying: SrtpKeying;
  /** Bytes added to an RTP packet. */
  readonly rtpOverhead: number;
  /** Bytes added to an RTCP datagram. */
  readonly rtcpOverhead: number;
  readonly #transform: SrtpTransform;
  readonly #sources = new SourceTable();

  /** AES-GCM by `aead`, where given: then {@link close} when done. Throws RangeError when the key's lengths are not its suite's. */
  constructor(keying: SrtpKeying, aead?: AeadProvider) {
    const mki = keying.mki?.length ?? 0;
    this.keying = keying;
    this.rtpOverhead = keying.suite.rtpTagLength + mki;
    this.rtcpOverhead = keying.suite.rtcpTagLength + 4 + mki;
    this.#transform = createTransform(keying, aead);
  }

  /**
   * Protects the RTP packet in the first `length` bytes of `packet` into `out`, which may be the same memory and needs `rtpOverhead`
   * bytes more. Returns the length, or a {@link SrtpFailure}: a sequence number is protected once only, since a key stream used twice
   * gives both texts away; what is sent again is the protected packet.
   */
  protectRtp(packet: Uint8Array, out: Uint8Array, length = packet.length): number {
    const headerLength = rtpHeaderLength(packet, length);
    if (headerLength < 0 || out.length < length + this.rtpOverhead) return SrtpFailure.Malformed;
    const state = this.#source(readUint32(packet, 8));
    if (!state) return SrtpFailure.TooManySources;
    const index = state.estimateIndex((packet[2]! << 8) | packet[3]!);
    if (index < 0 || !state.rtp.isFresh(index)) return SrtpFailure.Replayed;
    if (index > MAX_INDEX) return SrtpFailure.Exhausted;
    state.rtp.accept(index);
    return this.#transform.sealRtp(packet, headerLength, length, index, out);
  }

  /** Protects the compound RTCP datagram in the first `length` bytes of `packet` into `out`, as {@link protectRtp} does. */
  protectRtcp(packet: Uint8Array, out: Uint8Array, length = packet.length): number {
    if (length < RTCP_CLEAR_LENGTH || packet[0]! >> 6 !== 2 || out.length < length + this.rtcpOverhead) return SrtpFailure.Malformed;
    const state = this.#source(readUint32(packet, 4));
    if (!state) return SrtpFailure.TooManySources;
    if (state.nextRtcpIndex > MAX_RTCP_INDEX) return SrtpFailure.Exhausted;
    return this.#transform.sealRtcp(packet, length, state.nextRtcpIndex++, out);
  }

  /** Whether this source's sequence numbers have wrapped under this key. */
  hasRolledOver(ssrc: number): boolean {
    return rolloverOf(this.#sources.find(ssrc)?.rtp.highest ?? 0) > 0;
  }

  /** Cleanses what an `aead` holds of the key; nothing can be protected afterwards. */
  close(): void {
    this.#transform.close();
  }

  #source(ssrc: number): SourceState | undefined {
    const known = this.#sources.find(ssrc);
    if (known) return known;
    const state = new SourceState();
    return this.#sources.add(ssrc, state) ? state : undefined;
  }
}
