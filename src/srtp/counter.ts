import { readUint32, writeUint32 } from "../wire/rtp/packet.ts";
import type { SessionKeys } from "./derivation.ts";
import { Keystream } from "./keystream.ts";
import type { SrtpSuite } from "./suites.ts";
import { MAX_RTCP_INDEX, RTCP_CLEAR_LENGTH, RTCP_ENCRYPTED_FLAG, SrtpFailure, type SrtpTransform, tagMatches } from "./transform.ts";
import { kernels, LAYOUT, loadPacket, MAX_PACKET, memory, memoryWords, storePacket, xorPacket } from "./wasm/kernels.ts";

const MAC = memory.subarray(LAYOUT.result, LAYOUT.result + 20);

/**
 * AES counter mode with HMAC-SHA1, RFC 3711 sections 4.1.1 and 4.2.1, AES-256 by RFC 6188. Layout: SRTP
 * `header | ciphertext | MKI | tag`, the tag being over header, ciphertext and rollover counter; SRTCP
 * `8 bytes | ciphertext | E index | MKI | tag`, the tag being over all before the MKI.
 */
export class CounterTransform implements SrtpTransform {
  readonly #rtp: CounterKey;
  readonly #rtcp: CounterKey;
  readonly #mki: Uint8Array;
  readonly #rtpTag: Uint8Array;
  readonly #rtcpTag: Uint8Array;

  constructor(suite: SrtpSuite, rtp: SessionKeys, rtcp: SessionKeys, mki: Uint8Array) {
    // 48-bit index behind the word of the SSRC (section 4.1.1); SRTCP's 31-bit index ends where SRTP's does.
    this.#rtp = new CounterKey(rtp);
    this.#rtcp = new CounterKey(rtcp);
    this.#mki = mki;
    this.#rtpTag = MAC.subarray(0, suite.rtpTagLength);
    this.#rtcpTag = MAC.subarray(0, suite.rtcpTagLength);
  }

  sealRtp(packet: Uint8Array, headerLength: number, length: number, index: number, out: Uint8Array): number {
    const size = length + this.#mki.length + this.#rtpTag.length;
    if (size > MAX_PACKET) return SrtpFailure.Malformed;
    loadPacket(packet, length);
    const { keystream } = this.#rtp;
    const at = keystream.locate(readUint32(packet, 8), index, blocksOf(length - headerLength), true);
    xorPacket(headerLength, length, keystream.words, at);
    this.#rtpMac(length, index);
    storePacket(out, length);
    if (this.#mki.length > 0) out.set(this.#mki, length);
    out.set(this.#rtpTag, length + this.#mki.length);
    return size;
  }

  openRtp(packet: Uint8Array, headerLength: number, length: number, index: number, out: Uint8Array): number {
    const tagLength = this.#rtpTag.length;
    const end = length - tagLength - this.#mki.length;
    if (end < headerLength || length > MAX_PACKET) return SrtpFailure.Malformed;
    loadPacket(packet, length);
    this.#rtpMac(end, index);
    if (!tagMatches(packet, length - tagLength, this.#rtpTag, tagLength)) return SrtpFailure.Unauthentic;
    if (!tagMatches(packet, end, this.#mki, this.#mki.length)) return SrtpFailure.Unauthentic;
    const { keystream } = this.#rtp;
    const at = keystream.locate(readUint32(packet, 8), index, blocksOf(end - headerLength), true);
    xorPacket(headerLength, end, keystream.words, at);
    storePacket(out, end);
    return end;
  }

  sealRtcp(packet: Uint8Array, length: number, index: number, out: Uint8Array): number {
    const tagLength = this.#rtcpTag.length;
    const size = length + 4 + this.#mki.length + tagLength;
    if (size > MAX_PACKET) return SrtpFailure.Malformed;
    loadPacket(packet, length);
    this.#cryptRtcp(packet, length, index);
    writeUint32(memory, LAYOUT.packet + length, RTCP_ENCRYPTED_FLAG | index);
    this.#rtcp.mac(length + 4);
    storePacket(out, length);
    writeUint32(out, length, RTCP_ENCRYPTED_FLAG | index);
    out.set(this.#mki, length + 4);
    out.set(this.#rtcpTag, length + 4 + this.#mki.length);
    return size;
  }

  openRtcp(packet: Uint8Array, length: number, out: Uint8Array): number {
    const tagLength = this.#rtcpTag.length;
    const end = this.rtcpIndexOffset(length);
    if (end < RTCP_CLEAR_LENGTH || length > MAX_PACKET) return SrtpFailure.Malformed;
    const word = readUint32(packet, end);
    loadPacket(packet, length);
    this.#rtcp.mac(end + 4);
    if (!tagMatches(packet, length - tagLength, this.#rtcpTag, tagLength)) return SrtpFailure.Unauthentic;
    if (!tagMatches(packet, end + 4, this.#mki, this.#mki.length)) return SrtpFailure.Unauthentic;
    if (word >>> 31 === 1) this.#cryptRtcp(packet, end, word & MAX_RTCP_INDEX);
    storePacket(out, end);
    return end;
  }

  rtcpIndexOffset(length: number): number {
    return length - this.#rtcpTag.length - this.#mki.length - 4;
  }

  close(): void {}

  #cryptRtcp(packet: Uint8Array, end: number, index: number): void {
    const { keystream } = this.#rtcp;
    const at = keystream.locate(readUint32(packet, 4), index, blocksOf(end - RTCP_CLEAR_LENGTH), false);
    xorPacket(RTCP_CLEAR_LENGTH, end, keystream.words, at);
  }

  /** The rollover counter is authenticated behind the packet, though not sent (section 4.2). */
  #rtpMac(length: number, index: number): void {
    writeUint32(memory, LAYOUT.packet + length, Math.floor(index / 65536));
    this.#rtp.mac(length + 4);
  }
}

/** One session key: its key stream and its HMAC, begun. */
class CounterKey {
  readonly keystream: Keystream;
  readonly #inner: Int32Array;
  readonly #outer: Int32Array;

  constructor({ encryption, authentication, salt }: SessionKeys) {
    const [salt0, salt1, salt2] = [salt.readInt32BE(0), salt.readInt32BE(4), salt.readInt32BE(8)];
    const salt3 = salt.readUInt16BE(12);
    this.keystream = new Keystream(encryption, 0, (out, ssrc, index) => {
      out[0] = salt0;
      out[1] = salt1 ^ ssrc;
      out[2] = salt2 ^ Math.floor(index / 65536);
      out[3] = (salt3 ^ (index % 65536)) << 16;
    });
    this.#inner = keyedState(authentication, 0x36);
    this.#outer = keyedState(authentication, 0x5c);
  }

  /** Leaves in MAC the HMAC-SHA1 of the packet's first `length` bytes; what follows them is overwritten. */
  mac(length: number): void {
    const [i, o] = [this.#inner, this.#outer];
    const { packet, result } = LAYOUT;
    kernels.hmacSha1(i[0]!, i[1]!, i[2]!, i[3]!, i[4]!, o[0]!, o[1]!, o[2]!, o[3]!, o[4]!, packet, length, result);
  }
}

/** Initial hash value, FIPS 180-4 section 5.3.1. */
const SHA1_INITIAL = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0];

/** SHA-1's chaining value after the padded key, RFC 2104 section 4. */
function keyedState(key: Uint8Array, pad: number): Int32Array {
  const block = memory.subarray(LAYOUT.associated, LAYOUT.associated + 64);
  block.fill(pad);
  for (const [i, byte] of key.entries()) block[i]! ^= byte;
  const at = LAYOUT.result / 4;
  memoryWords.set(SHA1_INITIAL, at);
  kernels.sha1Block(LAYOUT.associated, LAYOUT.result);
  block.fill(0);
  return memoryWords.slice(at, at + 5);
}

/** Key stream blocks for a text of so many bytes, at least one. */
function blocksOf(length: number): number {
  return Math.max(1, (length + 15) >> 4);
}
