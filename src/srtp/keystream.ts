import { type Cipheriv, createCipheriv } from "node:crypto";

/**
 * AES key streams in counter mode, many blocks to one call of a long-lived ECB cipher. A stream's next packets have the next indices, so their
 * key streams are made ahead: one call serves some twenty audio packets.
 */

const BLOCK = 16;

/** Blocks made by one call: 4 KiB a stream. */
const BUDGET = 256;

/** Streams whose key streams are kept at hand; more take turns. */
const MAX_WINDOWS = 16;

/**
 * Gives the four words of a packet's first counter block: three say which packet, the last has zeros in its low 16 bits, which count blocks.
 */
export type CounterBlock = (out: Int32Array, ssrc: number, index: number) => void;

/** Key streams of packets [first, first + packets), `blocks` blocks each. */
interface Window {
  readonly first: number;
  readonly packets: number;
  readonly blocks: number;
  readonly words: Int32Array;
}

export class Keystream {
  readonly #cipher: Cipheriv;
  readonly #counterBlock: CounterBlock;
  readonly #firstCounter: number;
  readonly #windows = new Map<number, Window>();
  #lastSsrc = -1;
  #last: Window | undefined;

  /** The words that the last {@link locate} points into. */
  words: Int32Array = new Int32Array(0);

  /** `firstCounter` is the number of a packet's first block: 0 in counter mode, 1 in GCM. */
  constructor(key: Uint8Array, firstCounter: 0 | 1, counterBlock: CounterBlock) {
    this.#cipher = createCipheriv(key.length === 32 ? "aes-256-ecb" : "aes-128-ecb", key, null).setAutoPadding(false);
    this.#firstCounter = firstCounter;
    this.#counterBlock = counterBlock;
  }

  /** One block enciphered: GCM's hash key from a block of zeros. */
  encipher(block: Uint8Array): Buffer {
    return this.#cipher.update(block);
  }

  /**
   * Finds a packet's key stream and returns where it begins in {@link words}. With `ahead` those of the following packets are made too; a
   * receiver does that only for packets that have authenticated, with {@link prepare}.
   */
  locate(ssrc: number, index: number, blocks: number, ahead: boolean): number {
    const window = this.#find(ssrc);
    if (window && blocks <= window.blocks) {
      const position = index - window.first;
      if (position >= 0 && position < window.packets) {
        this.words = window.words;
        return position * window.blocks * 4;
      }
    }
    if (ahead && (!window || index >= window.first)) {
      this.words = this.#refill(ssrc, index, blocks).words;
    } else {
      this.words = this.#make(ssrc, index, 1, blocks);
    }
    return 0;
  }

  /** Makes the key streams from packet `index` on, unless they are there. */
  prepare(ssrc: number, index: number, blocks: number): void {
    const window = this.#find(ssrc);
    if (window && index < window.first + window.packets && blocks <= window.blocks) return;
    this.#refill(ssrc, index, blocks);
  }

  #find(ssrc: number): Window | undefined {
    if (ssrc !== this.#lastSsrc) {
      this.#lastSsrc = ssrc;
      this.#last = this.#windows.get(ssrc);
    }
    return this.#last;
  }

  #refill(ssrc: number, index: number, needed: number): Window {
    const before = this.#find(ssrc);
    // Sizes that vary keep the larger one, until packets have become much smaller.
    const blocks = before && before.blocks > needed && before.blocks <= 4 * needed ? before.blocks : needed;
    const packets = Math.max(1, Math.floor(BUDGET / blocks));
    const window = { first: index, packets, blocks, words: this.#make(ssrc, index, packets, blocks) };
    this.#windows.delete(ssrc);
    if (this.#windows.size >= MAX_WINDOWS) this.#windows.delete(this.#windows.keys().next().value!);
    this.#windows.set(ssrc, window);
    this.#last = window;
    return window;
  }

  #make(ssrc: number, index: number, packets: number, blocks: number): Int32Array {
    const length = packets * blocks * BLOCK;
    const words = length <= INPUT.byteLength ? INPUT : new Int32Array(length / 4);
    let at = 0;
    for (let packet = 0; packet < packets; packet++) {
      this.#counterBlock(HEAD, ssrc, index + packet);
      const a = bigEndian(HEAD[0]!);
      const b = bigEndian(HEAD[1]!);
      const c = bigEndian(HEAD[2]!);
      const counter = HEAD[3]! + this.#firstCounter;
      for (let block = 0; block < blocks; block++) {
        words[at] = a;
        words[at + 1] = b;
        words[at + 2] = c;
        words[at + 3] = bigEndian(counter + block);
        at += 4;
      }
    }
    const stream = this.#cipher.update(new Uint8Array(words.buffer, 0, length));
    // A small result may stand unaligned in a shared slab.
    if (stream.byteOffset % 4 !== 0) return new Int32Array(new Uint8Array(stream).buffer);
    return new Int32Array(stream.buffer, stream.byteOffset, length / 4);
  }
}

/** Counter blocks on their way into the cipher, for all key streams of the thread. */
const INPUT = new Int32Array((BUDGET * BLOCK) / 4);
const HEAD = new Int32Array(4);

const LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** The word whose bytes in memory are those of `word` in network order. */
function bigEndian(word: number): number {
  if (!LITTLE_ENDIAN) return word;
  return (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}
