/** Frames: a decimal byte length, `#`, and so many bytes. */
import { ByteQueue } from "../../base/byte-queue.ts";
import { ParseError } from "../../base/errors.ts";

/** No frame is larger: a SIP message of 64 KiB and its leader. */
export const MAX_FRAME = 128 * 1024;
const HASH = 0x23;

/** Wraps a byte string. The result is a byte string too. */
export function encodeFrame(content: string): string {
  return `${content.length}#${content}`;
}

/** Cuts a byte stream into frames. */
export class FrameReader {
  readonly #queue = new ByteQueue();

  /** Takes received bytes, returns the whole frames among them. Throws ParseError when the stream is not of this protocol. */
  push(chunk: Buffer): Buffer[] {
    let data = this.#queue.push(chunk);
    const out: Buffer[] = [];
    for (;;) {
      const hash = data.subarray(0, 8).indexOf(HASH);
      if (hash < 0) {
        if (data.length >= 8) throw new ParseError("frame without a length");
        break;
      }
      let length = 0;
      for (let i = 0; i < hash; i++) {
        const digit = data[i]! - 0x30;
        if (digit < 0 || digit > 9) throw new ParseError("frame without a length");
        length = length * 10 + digit;
      }
      if (hash === 0 || length === 0 || length > MAX_FRAME) throw new ParseError("frame with an impossible length");
      const end = hash + 1 + length;
      if (data.length < end) break;
      out.push(data.subarray(hash + 1, end));
      data = data.subarray(end);
    }
    this.#queue.keep(data.length);
    return out;
  }
}
