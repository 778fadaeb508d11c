import { createCipheriv, createHmac } from "node:crypto";
import { readUint32, writeUint32 } from "../wire/rtp/packet.ts";
import type { SessionKeys } from "./derivation.ts";
import type { SrtpSuite } from "./suites.ts";
import { RTCP_CLEAR_LENGTH, RTCP_ENCRYPTED_FLAG, SrtpFailure, type SrtpTransform, tagMatches } from "./transform.ts";

/**
 * AES counter mode with HMAC-SHA1, RFC 3711 sections 4.1.1 and 4.2.1, AES-256 by RFC 6188. Layout: SRTP
 * `header | ciphertext | MKI | tag`, the tag being over header, ciphertext and rollover counter; SRTCP
 * `8 bytes | ciphertext | E index | MKI | tag`, the tag being over all before the MKI.
 */
export class CounterTransform implements SrtpTransform {
  readonly #rtp: SessionKeys;
  readonly #rtcp: SessionKeys;
  readonly #mki: Uint8Array;
  readonly #rtpTag: number;
  readonly #rtcpTag: number;
  readonly #algorithm: "aes-128-ctr" | "aes-256-ctr";
  readonly #iv = new Uint8Array(16);
  readonly #rollover = new Uint8Array(4);

  constructor(suite: SrtpSuite, rtp: SessionKeys, rtcp: SessionKeys, mki: Uint8Array) {
    this.#rtp = rtp;
    this.#rtcp = rtcp;
    this.#mki = mki;
    this.#rtpTag = suite.rtpTagLength;
    this.#rtcpTag = suite.rtcpTagLength;
    this.#algorithm = suite.keyLength === 32 ? "aes-256-ctr" : "aes-128-ctr";
  }

  sealRtp(out: Uint8Array, headerLength: number, length: number, rollover: number): number {
    this.#rtpCrypt(out, headerLength, length, rollover, out);
    const tag = this.#rtpMac(out, length, rollover);
    out.set(this.#mki, length);
    out.set(tag.subarray(0, this.#rtpTag), length + this.#mki.length);
    return length + this.#mki.length + this.#rtpTag;
  }

  openRtp(bytes: Uint8Array, headerLength: number, length: number, rollover: number, out: Uint8Array): number {
    const end = length - this.#rtpTag - this.#mki.length;
    if (end < headerLength) return SrtpFailure.Malformed;
    if (!tagMatches(bytes, length - this.#rtpTag, this.#rtpMac(bytes, end, rollover), this.#rtpTag)) return SrtpFailure.Unauthentic;
    if (!tagMatches(bytes, end, this.#mki, this.#mki.length)) return SrtpFailure.Unauthentic;
    if (out !== bytes) out.set(bytes.subarray(0, headerLength));
    this.#rtpCrypt(bytes, headerLength, end, rollover, out);
    return end;
  }

  sealRtcp(out: Uint8Array, length: number, index: number): number {
    this.#rtcpCrypt(out, length, index, out);
    writeUint32(out, length, RTCP_ENCRYPTED_FLAG | index);
    const tag = this.#rtcpMac(out, length + 4);
    out.set(this.#mki, length + 4);
    out.set(tag.subarray(0, this.#rtcpTag), length + 4 + this.#mki.length);
    return length + 4 + this.#mki.length + this.#rtcpTag;
  }

  openRtcp(bytes: Uint8Array, length: number, out: Uint8Array): number {
    const end = this.rtcpIndexOffset(length);
    if (end < RTCP_CLEAR_LENGTH) return SrtpFailure.Malformed;
    if (!tagMatches(bytes, length - this.#rtcpTag, this.#rtcpMac(bytes, end + 4), this.#rtcpTag)) return SrtpFailure.Unauthentic;
    if (!tagMatches(bytes, end + 4, this.#mki, this.#mki.length)) return SrtpFailure.Unauthentic;
    const word = readUint32(bytes, end);
    const encrypted = word >>> 31 === 1;
    if (out !== bytes) out.set(bytes.subarray(0, encrypted ? RTCP_CLEAR_LENGTH : end));
    if (encrypted) this.#rtcpCrypt(bytes, end, word & 0x7fffffff, out);
    return end;
  }

  rtcpIndexOffset(length: number): number {
    return length - this.#rtcpTag - this.#mki.length - 4;
  }

  #rtpCrypt(bytes: Uint8Array, from: number, to: number, rollover: number, out: Uint8Array): void {
    writeUint32(this.#rollover, 0, rollover);
    this.#setIv(this.#rtp.salt, bytes.subarray(8, 12));
    for (let i = 0; i < 4; i++) this.#iv[8 + i]! ^= this.#rollover[i]!;
    this.#iv[12]! ^= bytes[2]!;
    this.#iv[13]! ^= bytes[3]!;
    out.set(createCipheriv(this.#algorithm, this.#rtp.encryption, this.#iv).update(bytes.subarray(from, to)), from);
  }

  #rtcpCrypt(bytes: Uint8Array, to: number, index: number, out: Uint8Array): void {
    const iv = this.#iv;
    this.#setIv(this.#rtcp.salt, bytes.subarray(4, 8));
    for (let i = 0; i < 4; i++) iv[10 + i]! ^= (index >>> (24 - 8 * i)) & 0xff;
    const text = createCipheriv(this.#algorithm, this.#rtcp.encryption, iv).update(bytes.subarray(RTCP_CLEAR_LENGTH, to));
    out.set(text, RTCP_CLEAR_LENGTH);
  }

  /** (salt * 2^16) XOR (SSRC * 2^64); the caller adds the index * 2^16 (RFC 3711 section 4.1.1). */
  #setIv(salt: Uint8Array, ssrc: Uint8Array): void {
    this.#iv.set(salt);
    this.#iv[14] = 0;
    this.#iv[15] = 0;
    for (let i = 0; i < 4; i++) this.#iv[4 + i]! ^= ssrc[i]!;
  }

  #rtpMac(bytes: Uint8Array, length: number, rollover: number): Buffer {
    writeUint32(this.#rollover, 0, rollover);
    return createHmac("sha1", this.#rtp.authentication).update(bytes.subarray(0, length)).update(this.#rollover).digest();
  }

  #rtcpMac(bytes: Uint8Array, length: number): Buffer {
    return createHmac("sha1", this.#rtcp.authentication).update(bytes.subarray(0, length)).digest();
  }
}
