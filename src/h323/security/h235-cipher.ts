/** Encryption of RTP payloads, H.235.6 with AES in CBC mode. RTCP and RTP headers stay in clear; nothing is authenticated. */
import { createCipheriv, createDecipheriv } from "node:crypto";
import type { MediaAlgorithm } from "./h235-keys.ts";

const BLOCK = 16;

/** One channel's media. Shows nothing of its key. */
export class PayloadCipher {
  readonly algorithm: MediaAlgorithm;
  /** RTP payload type of encrypted packets. */
  readonly payloadType: number;
  readonly #key: Uint8Array;

  constructor(algorithm: MediaAlgorithm, key: Uint8Array, payloadType: number) {
    this.algorithm = algorithm;
    this.payloadType = payloadType;
    this.#key = key;
  }

  /** A plain RTP packet, encrypted; undefined for what is no RTP. What does not fill its last block is padded (RFC 3550 section 5.1). */
  encrypt(packet: Uint8Array): Uint8Array | undefined {
    const parts = open(packet);
    if (parts === undefined) return undefined;
    const { header, payload } = parts;
    const missing = (BLOCK - (payload.length % BLOCK)) % BLOCK;
    const plain = missing === 0 ? payload : Buffer.concat([payload, Buffer.alloc(missing, missing)]);
    const encrypted = this.#encrypt(plain, vectorOf(packet));
    return packetOf(header, encrypted, this.payloadType, missing !== 0);
  }

  /** An encrypted packet in plain, with another payload type; undefined for what is no RTP, or cannot be decrypted. */
  decrypt(packet: Uint8Array, payloadType: number): Uint8Array | undefined {
    const parts = open(packet, true);
    if (parts === undefined || parts.payload.length === 0) return undefined;
    const { header, payload } = parts;
    const vector = vectorOf(packet);
    const marked = (packet[0]! & 0x20) !== 0;
    if (payload.length % BLOCK !== 0) {
      const plain = marked ? undefined : this.#unsteal(payload, vector);
      return plain && packetOf(header, plain, payloadType, false);
    }
    const plain = this.#decrypt(payload, vector);
    // Only the last octet of the padding counts: some endpoints fill the others with whatever they have.
    const padding = marked ? plain.at(-1)! : 0;
    if (padding > BLOCK || padding > plain.length || (marked && padding === 0)) return undefined;
    return packetOf(header, plain.subarray(0, plain.length - padding), payloadType, false);
  }

  #encrypt(plain: Uint8Array, vector: Uint8Array): Buffer {
    return createCipheriv(this.algorithm.cipher, this.#key, vector).setAutoPadding(false).update(plain);
  }
  #decrypt(encrypted: Uint8Array, vector: Uint8Array): Buffer {
    return createDecipheriv(this.algorithm.cipher, this.#key, vector).setAutoPadding(false).update(encrypted);
  }

  /**
   * Ciphertext stealing (H.235.0 annex I.1): the last two blocks are exchanged, and the last is cut to what its text is long. Of less than one block, nothing can be
   * stolen.
   */
  #unsteal(encrypted: Uint8Array, vector: Uint8Array): Uint8Array | undefined {
    const rest = encrypted.length % BLOCK;
    const whole = encrypted.length - rest;
    if (whole === 0) return undefined;
    const before = encrypted.subarray(0, whole - BLOCK);
    const chain = before.length === 0 ? vector : before.subarray(-BLOCK);
    const stolen = encrypted.subarray(whole);
    // The last block's text, filled with zeros, lies over the one before it as it was encrypted.
    const mixed = this.#decrypt(encrypted.subarray(whole - BLOCK, whole), new Uint8Array(BLOCK));
    const last = mixed.subarray(0, rest).map((octet, i) => octet ^ stolen[i]!);
    const secondToLast = this.#decrypt(Buffer.concat([stolen, mixed.subarray(rest)]), chain);
    return Buffer.concat([before.length === 0 ? before : this.#decrypt(before, vector), secondToLast, last]);
  }
}

/** Sequence number and timestamp, repeated until the block is full (H.235.6 8.3). */
function vectorOf(packet: Uint8Array): Uint8Array {
  const vector = new Uint8Array(BLOCK);
  for (let i = 0; i < BLOCK; i++) vector[i] = packet[2 + (i % 6)]!;
  return vector;
}

/** Header with sources and extension, and payload; of plain packets without its padding. */
function open(packet: Uint8Array, keepPadding = false): { readonly header: Uint8Array; readonly payload: Uint8Array } | undefined {
  const [first = 0] = packet;
  if (packet.length < 12 || first >> 6 !== 2) return undefined;
  let length = 12 + (first & 0x0f) * 4;
  if (first & 0x10) {
    if (packet.length < length + 4) return undefined;
    length += 4 + ((packet[length + 2]! << 8) | packet[length + 3]!) * 4;
  }
  const padding = first & 0x20 && !keepPadding ? packet.at(-1)! : 0;
  if (length + padding > packet.length) return undefined;
  return { header: packet.subarray(0, length), payload: packet.subarray(length, packet.length - padding) };
}

function packetOf(header: Uint8Array, payload: Uint8Array, payloadType: number, isPadded: boolean): Uint8Array {
  const packet = Buffer.concat([header, payload]);
  packet[0] = isPadded ? packet[0]! | 0x20 : packet[0]! & ~0x20;
  packet[1] = (packet[1]! & 0x80) | payloadType;
  return packet;
}
