import { createCipheriv, createDecipheriv } from "node:crypto";
import { readUint32, writeUint32 } from "../wire/rtp/packet.ts";
import type { SessionKeys } from "./derivation.ts";
import { RTCP_CLEAR_LENGTH, RTCP_ENCRYPTED_FLAG, SrtpFailure, type SrtpTransform, tagMatches } from "./transform.ts";

const TAG_LENGTH = 16;

/**
 * AEAD_AES_128_GCM and AEAD_AES_256_GCM, RFC 7714. Layout: SRTP `header | ciphertext | tag | MKI`, SRTCP
 * `8 bytes | ciphertext | tag | E index | MKI` (sections 8 and 9; the MKI is not authenticated).
 */
export class GcmTransform implements SrtpTransform {
  readonly #rtp: SessionKeys;
  readonly #rtcp: SessionKeys;
  readonly #mki: Uint8Array;
  readonly #iv = new Uint8Array(12);
  readonly #algorithm: "aes-128-gcm" | "aes-256-gcm";

  constructor(rtp: SessionKeys, rtcp: SessionKeys, mki: Uint8Array) {
    this.#rtp = rtp;
    this.#rtcp = rtcp;
    this.#mki = mki;
    this.#algorithm = rtp.encryption.length === 32 ? "aes-256-gcm" : "aes-128-gcm";
  }

  sealRtp(out: Uint8Array, headerLength: number, length: number, rollover: number): number {
    this.#rtpIv(out, rollover);
    this.#seal(this.#rtp.encryption, out, headerLength, length, out.subarray(0, headerLength));
    out.set(this.#mki, length + TAG_LENGTH);
    return length + TAG_LENGTH + this.#mki.length;
  }

  openRtp(bytes: Uint8Array, headerLength: number, length: number, rollover: number, out: Uint8Array): number {
    const end = length - this.#mki.length - TAG_LENGTH;
    if (end < headerLength) return SrtpFailure.Malformed;
    if (!tagMatches(bytes, length - this.#mki.length, this.#mki, this.#mki.length)) return SrtpFailure.Unauthentic;
    this.#rtpIv(bytes, rollover);
    const plain = this.#open(this.#rtp.encryption, bytes, headerLength, end, end, bytes.subarray(0, headerLength));
    if (!plain) return SrtpFailure.Unauthentic;
    if (out !== bytes) out.set(bytes.subarray(0, headerLength));
    out.set(plain, headerLength);
    return end;
  }

  /** Associated data: the eight clear bytes and the index word (RFC 7714 section 9.2). */
  sealRtcp(out: Uint8Array, length: number, index: number): number {
    const word = (RTCP_ENCRYPTED_FLAG | index) >>> 0;
    this.#rtcpIv(out, index);
    this.#seal(this.#rtcp.encryption, out, RTCP_CLEAR_LENGTH, length, withWord(out.subarray(0, RTCP_CLEAR_LENGTH), word));
    writeUint32(out, length + TAG_LENGTH, word);
    out.set(this.#mki, length + TAG_LENGTH + 4);
    return length + TAG_LENGTH + 4 + this.#mki.length;
  }

  openRtcp(bytes: Uint8Array, length: number, out: Uint8Array): number {
    const indexAt = this.rtcpIndexOffset(length);
    const end = indexAt - TAG_LENGTH;
    if (end < RTCP_CLEAR_LENGTH) return SrtpFailure.Malformed;
    if (!tagMatches(bytes, indexAt + 4, this.#mki, this.#mki.length)) return SrtpFailure.Unauthentic;
    const word = readUint32(bytes, indexAt);
    this.#rtcpIv(bytes, word & 0x7fffffff);
    // An unencrypted packet is all associated data (RFC 7714 section 9.3).
    const clear = word >>> 31 === 1 ? RTCP_CLEAR_LENGTH : end;
    const plain = this.#open(this.#rtcp.encryption, bytes, clear, end, end, withWord(bytes.subarray(0, clear), word));
    if (!plain) return SrtpFailure.Unauthentic;
    if (out !== bytes) out.set(bytes.subarray(0, clear));
    out.set(plain, clear);
    return end;
  }

  rtcpIndexOffset(length: number): number {
    return length - this.#mki.length - 4;
  }

  /** 00 00 | SSRC | ROC | SEQ, XOR salt (RFC 7714 section 8.1). */
  #rtpIv(packet: Uint8Array, rollover: number): void {
    const iv = this.#iv;
    iv.fill(0, 0, 2);
    iv.set(packet.subarray(8, 12), 2);
    writeUint32(iv, 6, rollover);
    iv[10] = packet[2]!;
    iv[11] = packet[3]!;
    for (let i = 0; i < 12; i++) iv[i]! ^= this.#rtp.salt[i]!;
  }

  /** 00 00 | SSRC | 00 00 | 0 index, XOR salt (RFC 7714 section 9.1). */
  #rtcpIv(packet: Uint8Array, index: number): void {
    const iv = this.#iv;
    iv.fill(0, 0, 8);
    iv.set(packet.subarray(4, 8), 2);
    writeUint32(iv, 8, index);
    for (let i = 0; i < 12; i++) iv[i]! ^= this.#rtcp.salt[i]!;
  }

  #seal(key: Buffer, out: Uint8Array, from: number, to: number, associated: Uint8Array): void {
    const cipher = createCipheriv(this.#algorithm, key, this.#iv);
    cipher.setAAD(associated);
    out.set(cipher.update(out.subarray(from, to)), from);
    cipher.final();
    out.set(cipher.getAuthTag(), to);
  }

  #open(key: Buffer, bytes: Uint8Array, from: number, to: number, tagAt: number, associated: Uint8Array): Buffer | undefined {
    const decipher = createDecipheriv(this.#algorithm, key, this.#iv, { authTagLength: TAG_LENGTH });
    decipher.setAAD(associated);
    decipher.setAuthTag(bytes.subarray(tagAt, tagAt + TAG_LENGTH));
    const plain = decipher.update(bytes.subarray(from, to));
    try {
      decipher.final();
      return plain;
    } catch {
      return undefined;
    }
  }
}

function withWord(head: Uint8Array, word: number): Uint8Array {
  const joined = new Uint8Array(head.length + 4);
  joined.set(head);
  writeUint32(joined, head.length, word);
  return joined;
}
