import { readUint32 } from "../wire/rtp/packet.ts";
import type { SessionKeys } from "./derivation.ts";
import { GcmControl, gcmNonce, TAG_LENGTH } from "./gcm.ts";
import type { CounterBlock } from "./keystream.ts";
import { SrtpFailure, type SrtpTransform, tagMatches } from "./transform.ts";

/**
 * AES-GCM under one key by somebody else's code. The tag stands behind the text, 16 bytes; `headerLength` bytes in front are authenticated only. `nonce` is
 * three 32-bit words. `out` may be the same memory as `packet`. False says that nothing was done, and that `out` is not to be used, when sealing; when
 * opening also that the packet does not authenticate, and that nothing was written.
 */
export interface AeadKey {
  /** Writes header, ciphertext and tag: `length + 16` bytes. */
  seal(nonce: Int32Array, packet: Uint8Array, headerLength: number, length: number, out: Uint8Array): boolean;
  /** Writes header and text: `length` bytes, behind which the tag stands in `packet`. */
  open(nonce: Int32Array, packet: Uint8Array, headerLength: number, length: number, out: Uint8Array): boolean;
  /** The key is cleansed; from now on everything fails. */
  free(): void;
}

/** Makes {@link AeadKey}s of AES keys with 16 or 32 bytes; undefined when it cannot, and then this room's own cipher is used. */
export interface AeadProvider {
  key(bytes: Uint8Array): AeadKey | undefined;
}

const NONCE = new Int32Array(4);

/** As `GcmTransform`, with the RTP half done by a provider's key: RTCP is too rare to matter. */
export class AeadTransform extends GcmControl implements SrtpTransform {
  readonly #key: AeadKey;
  readonly #nonce: CounterBlock;

  constructor(key: AeadKey, salt: Buffer, rtcp: SessionKeys, mki: Uint8Array) {
    super(rtcp, mki);
    this.#key = key;
    this.#nonce = gcmNonce(salt);
  }

  sealRtp(packet: Uint8Array, headerLength: number, length: number, index: number, out: Uint8Array): number {
    this.#nonce(NONCE, readUint32(packet, 8), index);
    const end = length + TAG_LENGTH;
    if (!this.#key.seal(NONCE, packet, headerLength, length, out)) return SrtpFailure.Malformed;
    if (this.mki.length > 0) out.set(this.mki, end);
    return end + this.mki.length;
  }

  openRtp(packet: Uint8Array, headerLength: number, length: number, index: number, out: Uint8Array): number {
    const end = length - this.mki.length - TAG_LENGTH;
    if (end < headerLength) return SrtpFailure.Malformed;
    if (!tagMatches(packet, length - this.mki.length, this.mki, this.mki.length)) return SrtpFailure.Unauthentic;
    this.#nonce(NONCE, readUint32(packet, 8), index);
    return this.#key.open(NONCE, packet, headerLength, end, out) ? end : SrtpFailure.Unauthentic;
  }

  close(): void {
    this.#key.free();
  }
}
