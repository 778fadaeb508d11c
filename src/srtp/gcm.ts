import { readUint32, writeUint32 } from "../wire/rtp/packet.ts";
import type { SessionKeys } from "./derivation.ts";
import { type CounterBlock, Keystream } from "./keystream.ts";
import { MAX_RTCP_INDEX, RTCP_CLEAR_LENGTH, RTCP_ENCRYPTED_FLAG, SrtpFailure, type SrtpTransform, tagMatches } from "./transform.ts";
import { laneTables } from "./wasm/ghash-lanes.ts";
import {
  hashLanes,
  kernels,
  LAYOUT,
  laneGroups,
  loadPacket,
  MAX_PACKET,
  memory,
  memoryWords,
  storePacket,
  xorPacket,
} from "./wasm/kernels.ts";

export const TAG_LENGTH = 16;
const TAG = memory.subarray(LAYOUT.result, LAYOUT.result + TAG_LENGTH);
const TAG_WORD = LAYOUT.result / 4;

/** The RTCP half of a GCM suite. */
export class GcmControl {
  protected readonly mki: Uint8Array;
  readonly #rtcp: GcmKey;

  constructor(rtcp: SessionKeys, mki: Uint8Array) {
    this.mki = mki;
    this.#rtcp = new GcmKey(rtcp);
  }

  /** Associated data: the eight clear bytes and the index word (RFC 7714 section 9.2). */
  sealRtcp(packet: Uint8Array, length: number, index: number, out: Uint8Array): number {
    if (length + TAG_LENGTH + 4 + this.mki.length > MAX_PACKET) return SrtpFailure.Malformed;
    loadPacket(packet, length);
    const word = (RTCP_ENCRYPTED_FLAG | index) >>> 0;
    this.#associate(packet, RTCP_CLEAR_LENGTH, word);
    const { keystream } = this.#rtcp;
    const at = keystream.locate(readUint32(packet, 4), index, blocksOf(length - RTCP_CLEAR_LENGTH), false);
    xorPacket(RTCP_CLEAR_LENGTH, length, keystream.words, at + 4);
    this.#rtcp.tag(LAYOUT.associated, RTCP_CLEAR_LENGTH + 4, RTCP_CLEAR_LENGTH, length, at);
    memory.set(TAG, LAYOUT.packet + length);
    storePacket(out, length + TAG_LENGTH);
    writeUint32(out, length + TAG_LENGTH, word);
    out.set(this.mki, length + TAG_LENGTH + 4);
    return length + TAG_LENGTH + 4 + this.mki.length;
  }

  openRtcp(packet: Uint8Array, length: number, out: Uint8Array): number {
    const indexAt = this.rtcpIndexOffset(length);
    const end = indexAt - TAG_LENGTH;
    if (end < RTCP_CLEAR_LENGTH || length > MAX_PACKET) return SrtpFailure.Malformed;
    if (!tagMatches(packet, indexAt + 4, this.mki, this.mki.length)) return SrtpFailure.Unauthentic;
    loadPacket(packet, length);
    const word = readUint32(packet, indexAt);
    // An unencrypted packet is all associated data (RFC 7714 section 9.3).
    const clear = word >>> 31 === 1 ? RTCP_CLEAR_LENGTH : end;
    this.#associate(packet, clear, word);
    const { keystream } = this.#rtcp;
    const at = keystream.locate(readUint32(packet, 4), word & MAX_RTCP_INDEX, blocksOf(end - clear), false);
    this.#rtcp.tag(LAYOUT.associated, clear + 4, clear, end, at);
    if (!tagMatches(packet, end, TAG, TAG_LENGTH)) return SrtpFailure.Unauthentic;
    if (clear < end) xorPacket(clear, end, keystream.words, at + 4);
    storePacket(out, end);
    return end;
  }

  rtcpIndexOffset(length: number): number {
    return length - this.mki.length - 4;
  }

  /** The head and the index word, side by side. */
  #associate(packet: Uint8Array, length: number, word: number): void {
    memory.set(packet.subarray(0, length), LAYOUT.associated);
    writeUint32(memory, LAYOUT.associated + length, word);
  }
}

/**
 * AEAD_AES_128_GCM and AEAD_AES_256_GCM, RFC 7714. Layout: SRTP `header | ciphertext | tag | MKI`, SRTCP
 * `8 bytes | ciphertext | tag | E index | MKI` (sections 8 and 9; the MKI is not authenticated).
 * The key stream's first block masks the tag, the text begins with the second (SP 800-38D section 7.1).
 */
export class GcmTransform extends GcmControl implements SrtpTransform {
  readonly #rtp: GcmKey;

  constructor(rtp: SessionKeys, rtcp: SessionKeys, mki: Uint8Array) {
    super(rtcp, mki);
    this.#rtp = new GcmKey(rtp);
  }

  sealRtp(packet: Uint8Array, headerLength: number, length: number, index: number, out: Uint8Array): number {
    if (length + TAG_LENGTH + this.mki.length > MAX_PACKET) return SrtpFailure.Malformed;
    loadPacket(packet, length);
    const { keystream } = this.#rtp;
    const at = keystream.locate(readUint32(packet, 8), index, blocksOf(length - headerLength), true);
    xorPacket(headerLength, length, keystream.words, at + 4);
    this.#rtp.tag(LAYOUT.packet, headerLength, headerLength, length, at);
    memory.set(TAG, LAYOUT.packet + length);
    storePacket(out, length + TAG_LENGTH);
    if (this.mki.length > 0) out.set(this.mki, length + TAG_LENGTH);
    return length + TAG_LENGTH + this.mki.length;
  }

  openRtp(packet: Uint8Array, headerLength: number, length: number, index: number, out: Uint8Array): number {
    const end = length - this.mki.length - TAG_LENGTH;
    if (end < headerLength || length > MAX_PACKET) return SrtpFailure.Malformed;
    if (!tagMatches(packet, length - this.mki.length, this.mki, this.mki.length)) return SrtpFailure.Unauthentic;
    loadPacket(packet, length);
    const { keystream } = this.#rtp;
    const ssrc = readUint32(packet, 8);
    const blocks = blocksOf(end - headerLength);
    const at = keystream.locate(ssrc, index, blocks, false);
    this.#rtp.tag(LAYOUT.packet, headerLength, headerLength, end, at);
    if (!tagMatches(packet, end, TAG, TAG_LENGTH)) return SrtpFailure.Unauthentic;
    xorPacket(headerLength, end, keystream.words, at + 4);
    storePacket(out, end);
    keystream.prepare(ssrc, index + 1, blocks);
    return end;
  }

  close(): void {}
}

/** 00 00 | SSRC | 48-bit index, XOR salt (RFC 7714 section 8.1), and no block counted yet; SRTCP's index has 31 bits (section 9.1). */
export function gcmNonce(salt: Buffer): CounterBlock {
  const [salt0, salt1, salt2] = [salt.readInt32BE(0), salt.readInt32BE(4), salt.readInt32BE(8)];
  return (out, ssrc, index) => {
    const rollover = Math.floor(index / 65536);
    out[0] = salt0 ^ (ssrc >>> 16);
    out[1] = salt1 ^ ((ssrc << 16) | (rollover >>> 16));
    out[2] = salt2 ^ ((rollover << 16) | (index % 65536));
    out[3] = 0;
  };
}

/** One session key: its key stream and its hash. */
class GcmKey {
  readonly keystream: Keystream;
  readonly #h0: number;
  readonly #h1: number;
  readonly #h2: number;
  readonly #h3: number;
  /** Made for the first long packet: audio never needs them. */
  #tables: Uint8Array | undefined;

  constructor({ encryption, salt }: SessionKeys) {
    this.keystream = new Keystream(encryption, 1, gcmNonce(salt));
    const h = this.keystream.encipher(new Uint8Array(16));
    this.#h0 = h.readInt32BE(0);
    this.#h1 = h.readInt32BE(4);
    this.#h2 = h.readInt32BE(8);
    this.#h3 = h.readInt32BE(12);
  }

  /** Leaves in TAG the tag of the packet's bytes [from, to) as text; `mask` is where the packet's key stream begins. */
  tag(associated: number, associatedLength: number, from: number, to: number, mask: number): void {
    const text = LAYOUT.packet + from;
    const { scratch, result } = LAYOUT;
    const groups = laneGroups(associatedLength, to - from);
    if (groups === 0) {
      kernels.ghash(this.#h0, this.#h1, this.#h2, this.#h3, associated, associatedLength, text, to - from, scratch, result, 0);
    } else {
      this.#tables ??= laneTables([this.#h0, this.#h1, this.#h2, this.#h3]);
      const last = hashLanes(this.#tables, associated, associatedLength, text, to - from, groups);
      kernels.ghash(this.#h0, this.#h1, this.#h2, this.#h3, associated, 0, last, 64, scratch, result, 1);
    }
    const { words } = this.keystream;
    for (let i = 0; i < 4; i++) memoryWords[TAG_WORD + i]! ^= words[mask + i]!;
  }
}

/** Key stream blocks for a text of so many bytes and the tag's mask. */
function blocksOf(length: number): number {
  return 1 + ((length + 15) >> 4);
}
