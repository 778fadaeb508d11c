import { readUint32, rtpHeaderLength } from "../wire/rtp/packet.ts";
import type { AeadProvider } from "./aead.ts";
import { createTransform } from "./context.ts";
import { type SrtpKeying, sameKeying } from "./keying.ts";
import { MAX_SOURCES, rolloverOf, SourceState, SourceTable } from "./source.ts";
import { RTCP_CLEAR_LENGTH, SrtpFailure, type SrtpTransform } from "./transform.ts";

/** Packets the new key must have authenticated before the old one is forgotten: late packets of the old key are let through till then. */
const REKEY_OVERLAP = 64;

interface Epoch {
  readonly keying: SrtpKeying;
  readonly transform: SrtpTransform;
  readonly sources: SourceTable;
  /** RTP packets authenticated, counted up to REKEY_OVERLAP. */
  authenticated: number;
}

/**
 * Authenticates and decrypts what a peer sends under one master key, any SSRC. Nothing is remembered of a packet that does not
 * authenticate. An SSRC that changes is a new source with its own rollover counter and replay window.
 */
export class SrtpReceiver {
  readonly #aead: AeadProvider | undefined;
  #current: Epoch;
  #previous: Epoch | undefined;

  /** AES-GCM by `aead`, where given: then {@link close} when done. Throws RangeError when the key's lengths are not its suite's. */
  constructor(keying: SrtpKeying, aead?: AeadProvider) {
    this.#aead = aead;
    this.#current = this.#newEpoch(keying);
  }

  get keying(): SrtpKeying {
    return this.#current.keying;
  }

  /**
   * The peer announced a new key (or repeated the old one: nothing happens then). Packets of the old key are accepted until the new one
   * has carried 64. Whether the peer goes on with its rollover counter (RFC 3711 section 3.3.1) or restarts it at zero (as most
   * products do) is found out by trying.
   */
  rekey(keying: SrtpKeying): void {
    if (sameKeying(keying, this.#current.keying)) return;
    const epoch = this.#newEpoch(keying);
    // Two keys announced before the first was used: the one in use stays the fallback.
    if (this.#current.authenticated > 0 || !this.#previous) {
      this.#forgetPrevious();
      this.#previous = this.#current;
    } else this.#current.transform.close();
    this.#current = epoch;
  }

  /** Cleanses what an `aead` holds of the keys; nothing opens afterwards. */
  close(): void {
    this.#forgetPrevious();
    this.#current.transform.close();
  }

  #forgetPrevious(): void {
    this.#previous?.transform.close();
    this.#previous = undefined;
  }

  #newEpoch(keying: SrtpKeying): Epoch {
    return { keying, transform: createTransform(keying, this.#aead), sources: new SourceTable(), authenticated: 0 };
  }

  /**
   * Unprotects the SRTP packet in the first `length` bytes of `packet` into `out`, which may be the same memory. Returns the plain
   * packet's length or a {@link SrtpFailure}.
   */
  unprotectRtp(packet: Uint8Array, out: Uint8Array, length = packet.length): number {
    const headerLength = rtpHeaderLength(packet, length);
    if (headerLength < 0) return SrtpFailure.Malformed;
    const current = this.#current;
    const result = this.#openRtp(current, this.#previous, packet, headerLength, length, out);
    if (result >= 0) {
      if (current.authenticated < REKEY_OVERLAP && ++current.authenticated === REKEY_OVERLAP) this.#forgetPrevious();
      return result;
    }
    return result === SrtpFailure.Unauthentic && this.#previous
      ? this.#openRtp(this.#previous, undefined, packet, headerLength, length, out)
      : result;
  }

  /** Unprotects an SRTCP datagram, as {@link unprotectRtp} does. */
  unprotectRtcp(packet: Uint8Array, out: Uint8Array, length = packet.length): number {
    if (length < RTCP_CLEAR_LENGTH || packet[0]! >> 6 !== 2) return SrtpFailure.Malformed;
    const result = openRtcp(this.#current, packet, length, out);
    return result === SrtpFailure.Unauthentic && this.#previous ? openRtcp(this.#previous, packet, length, out) : result;
  }

  #openRtp(epoch: Epoch, before: Epoch | undefined, packet: Uint8Array, headerLength: number, length: number, out: Uint8Array): number {
    const ssrc = readUint32(packet, 8);
    const sequence = (packet[2]! << 8) | packet[3]!;
    const known = epoch.sources.find(ssrc);
    if (known && known.rtp.highest >= 0) {
      const index = known.estimateIndex(sequence);
      if (index < 0 || !known.rtp.isFresh(index)) return SrtpFailure.Replayed;
      const result = epoch.transform.openRtp(packet, headerLength, length, index, out);
      if (result >= 0) known.rtp.accept(index);
      return result;
    }
    if (!known && epoch.sources.size >= MAX_SOURCES) return SrtpFailure.TooManySources;
    for (const rollover of firstRollovers(sequence, before?.sources.find(ssrc))) {
      const index = rollover * 65536 + sequence;
      const result = epoch.transform.openRtp(packet, headerLength, length, index, out);
      if (result === SrtpFailure.Malformed) return result;
      if (result >= 0) {
        const state = known ?? new SourceState();
        if (!known) epoch.sources.add(ssrc, state);
        state.rtp.accept(index);
        return result;
      }
    }
    return SrtpFailure.Unauthentic;
  }
}

/**
 * Rollover counters a source's first packet may have been sent with: zero; one, when the sender wrapped before its first packet reached
 * us (slow call set-up); and after a re-key, what the old key's stream would have.
 */
function firstRollovers(sequence: number, before: SourceState | undefined): number[] {
  const candidates = sequence < 0x8000 ? [0, 1] : [0];
  const continued = before ? rolloverOf(before.estimateIndex(sequence)) : -1;
  if (continued > 1 || (continued === 1 && sequence >= 0x8000)) candidates.push(continued);
  return candidates;
}

function openRtcp(epoch: Epoch, packet: Uint8Array, length: number, out: Uint8Array): number {
  const indexAt = epoch.transform.rtcpIndexOffset(length);
  if (indexAt < RTCP_CLEAR_LENGTH) return SrtpFailure.Malformed;
  const index = readUint32(packet, indexAt) & 0x7fffffff;
  const ssrc = readUint32(packet, 4);
  const known = epoch.sources.find(ssrc);
  if (known && !known.rtcp.isFresh(index)) return SrtpFailure.Replayed;
  if (!known && epoch.sources.size >= MAX_SOURCES) return SrtpFailure.TooManySources;
  const result = epoch.transform.openRtcp(packet, length, out);
  if (result < 0) return result;
  const state = known ?? new SourceState();
  if (!known) epoch.sources.add(ssrc, state);
  state.rtcp.accept(index);
  return result;
}
