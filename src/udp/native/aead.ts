import type { AeadKey, AeadProvider } from "../../srtp/index.ts";
import { type Arena, AT, DATAGRAM } from "./arena.ts";
import type { Ledger } from "./ledger.ts";
import type { Library } from "./library.ts";

/** OpenSSL's EVP_CTRL_AEAD_GET_TAG and EVP_CTRL_AEAD_SET_TAG. */
const GET_TAG = 0x10;
const SET_TAG = 0x11;
const TAG_LENGTH = 16;

/** AES-GCM by Node.js's own OpenSSL, which uses the processor's AES and carry-less multiplication. One context a key, kept. */
export class NativeAead implements AeadProvider {
  readonly #library: Library;
  readonly #arena: Arena;
  readonly #ledger: Ledger;

  constructor(library: Library, arena: Arena, ledger: Ledger) {
    this.#library = library;
    this.#arena = arena;
    this.#ledger = ledger;
  }

  key(bytes: Uint8Array): AeadKey | undefined {
    if ((bytes.length !== 16 && bytes.length !== 32) || this.#ledger.keysFull) return undefined;
    const { c } = this.#library;
    const context = c.EVP_CIPHER_CTX_new();
    if (context === 0) return undefined;
    const memory = this.#arena.bytes;
    memory.set(bytes, AT.key);
    const cipher = bytes.length === 32 ? c.EVP_aes_256_gcm() : c.EVP_aes_128_gcm();
    const done = c.EVP_CipherInit_ex(context, cipher, 0, this.#arena.at(AT.key), 0, 1);
    memory.fill(0, AT.key, AT.key + 32);
    if (done === 1) return new NativeKey(this.#library, this.#arena, this.#ledger, context);
    c.EVP_CIPHER_CTX_free(context);
    c.ERR_clear_error();
    return undefined;
  }
}

class NativeKey implements AeadKey {
  readonly #library: Library;
  readonly #arena: Arena;
  readonly #ledger: Ledger;
  readonly #place: number;
  readonly #nonce: number;
  readonly #int: number;
  /** 0 once it is free. */
  #context: number;

  constructor(library: Library, arena: Arena, ledger: Ledger, context: number) {
    this.#library = library;
    this.#arena = arena;
    this.#ledger = ledger;
    this.#context = context;
    this.#place = ledger.made(context);
    this.#nonce = arena.at(AT.nonce);
    this.#int = arena.at(AT.int);
  }

  seal(nonce: Int32Array, packet: Uint8Array, headerLength: number, length: number, out: Uint8Array): boolean {
    const context = this.#context;
    const arena = this.#arena;
    if (context === 0 || !fits(headerLength, length) || out.length < length + TAG_LENGTH) return false;
    const from = arena.locateOrStage(packet, length);
    if (from === 0) return false;
    // Where it is, apart from it, or on the side and then copied: never halfway over what is still to be read.
    let to = arena.locate(out, length + TAG_LENGTH);
    const apart = to !== 0 && (to === from || to >= from + length || to + length + TAG_LENGTH <= from);
    if (apart) for (let i = 0; i < headerLength; i++) out[i] = packet[i]!;
    else to = arena.begin(packet, headerLength);
    const { c } = this.#library;
    this.#putNonce(nonce);
    const done =
      c.EVP_CipherInit_ex(context, 0, 0, 0, this.#nonce, 1) === 1 &&
      c.EVP_CipherUpdate(context, 0, this.#int, from, headerLength) === 1 &&
      c.EVP_CipherUpdate(context, to + headerLength, this.#int, from + headerLength, length - headerLength) === 1 &&
      c.EVP_CipherFinal_ex(context, to + length, this.#int) === 1 &&
      c.EVP_CIPHER_CTX_ctrl(context, GET_TAG, TAG_LENGTH, to + length) === 1;
    if (!done) {
      c.ERR_clear_error();
      return false;
    }
    if (!apart) arena.finish(out, length + TAG_LENGTH);
    return true;
  }

  open(nonce: Int32Array, packet: Uint8Array, headerLength: number, length: number, out: Uint8Array): boolean {
    const context = this.#context;
    const arena = this.#arena;
    if (context === 0 || !fits(headerLength, length) || out.length < length) return false;
    const from = arena.locateOrStage(packet, length + TAG_LENGTH);
    if (from === 0) return false;
    // What does not authenticate must not be seen: it is made on the side.
    const { c } = this.#library;
    const to = arena.begin(packet, headerLength);
    this.#putNonce(nonce);
    const done =
      c.EVP_CipherInit_ex(context, 0, 0, 0, this.#nonce, 0) === 1 &&
      c.EVP_CipherUpdate(context, 0, this.#int, from, headerLength) === 1 &&
      c.EVP_CipherUpdate(context, to + headerLength, this.#int, from + headerLength, length - headerLength) === 1 &&
      c.EVP_CIPHER_CTX_ctrl(context, SET_TAG, TAG_LENGTH, from + length) === 1 &&
      c.EVP_CipherFinal_ex(context, to + length, this.#int) === 1;
    if (!done) {
      c.ERR_clear_error();
      return false;
    }
    arena.finish(out, length);
    return true;
  }

  free(): void {
    if (this.#context === 0) return;
    this.#ledger.freeing(this.#place);
    this.#library.c.EVP_CIPHER_CTX_free(this.#context);
    this.#context = 0;
  }

  /** Three words in network order. */
  #putNonce(nonce: Int32Array): void {
    const { words } = this.#arena;
    for (let i = 0; i < 3; i++) {
      const word = nonce[i]!;
      words[AT.nonce / 4 + i] = (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
    }
  }
}

function fits(headerLength: number, length: number): boolean {
  return headerLength >= 0 && headerLength <= length && length <= DATAGRAM - TAG_LENGTH;
}
