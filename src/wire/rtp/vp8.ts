/**
 * The VP8 payload descriptor, RFC 7741 section 4.2:
 *
 *     X R N S R PID(3)
 *     [ I L T K reserved(4) ]              if X
 *     [ M PictureID(7) [PictureID(8)] ]    if I; 15 bits if M
 *     [ TL0PICIDX(8) ]                     if L
 *     [ TID(2) Y KEYIDX(5) ]               if T or K
 */

/** Where a descriptor's fields lie. One object may be read into again and again. */
export class Vp8Descriptor {
  /** Bytes of the descriptor: the VP8 payload begins behind it. */
  length = 0;
  /** The frame's first packet (S is set and the partition is 0). */
  start = false;
  /** A key frame begins here: `start`, and the frame header says so (section 4.3). */
  keyFrame = false;
  /** -1 where absent. */
  pictureId = -1;
  /** Offset of the picture id from the payload's beginning. */
  pictureIdOffset = 0;
  /** The picture id has 15 bits, not 7. */
  longPictureId = false;
  /** -1 where absent. */
  tl0PicIdx = -1;
  tl0PicIdxOffset = 0;
  /** Temporal layer, 0 where absent. */
  temporalLayer = 0;
  /** Of a key frame; 0 else. */
  width = 0;
  height = 0;

  /** Reads the payload in bytes [from, to); false when it is malformed. */
  read(bytes: Uint8Array, from: number, to: number): boolean {
    this.pictureId = this.tl0PicIdx = -1;
    this.temporalLayer = this.width = this.height = 0;
    this.start = this.keyFrame = this.longPictureId = false;
    if (from >= to) return false;
    const first = bytes[from]!;
    let at = from + 1;
    if ((first & 0x80) !== 0) {
      if (at >= to) return false;
      const flags = bytes[at++]!;
      if ((flags & 0x80) !== 0) {
        if (at >= to) return false;
        this.pictureIdOffset = at - from;
        this.longPictureId = (bytes[at]! & 0x80) !== 0;
        this.pictureId = bytes[at++]! & 0x7f;
        if (this.longPictureId) {
          if (at >= to) return false;
          this.pictureId = (this.pictureId << 8) | bytes[at++]!;
        }
      }
      if ((flags & 0x40) !== 0) {
        if (at >= to) return false;
        this.tl0PicIdxOffset = at - from;
        this.tl0PicIdx = bytes[at++]!;
      }
      if ((flags & 0x30) !== 0) {
        if (at >= to) return false;
        if ((flags & 0x20) !== 0) this.temporalLayer = bytes[at]! >> 6;
        at++;
      }
    }
    if (at >= to) return false;
    this.length = at - from;
    this.start = (first & 0x10) !== 0 && (first & 0x07) === 0;
    if (this.start && (bytes[at]! & 1) === 0) {
      this.keyFrame = true;
      // RFC 6386 section 9.1: three octets of frame tag, the start code, 14 bits each of width and height.
      if (at + 10 <= to && bytes[at + 3] === 0x9d && bytes[at + 4] === 0x01 && bytes[at + 5] === 0x2a) {
        this.width = (bytes[at + 6]! | (bytes[at + 7]! << 8)) & 0x3fff;
        this.height = (bytes[at + 8]! | (bytes[at + 9]! << 8)) & 0x3fff;
      }
    }
    return true;
  }

  /** Writes other counters over those that were read, into the payload at `from`; numbers are taken modulo their field's width. */
  rewrite(bytes: Uint8Array, from: number, pictureId: number, tl0PicIdx: number): void {
    if (this.pictureId >= 0) {
      const at = from + this.pictureIdOffset;
      if (this.longPictureId) {
        bytes[at] = 0x80 | ((pictureId >> 8) & 0x7f);
        bytes[at + 1] = pictureId;
      } else bytes[at] = pictureId & 0x7f;
    }
    if (this.tl0PicIdx >= 0) bytes[from + this.tl0PicIdxOffset] = tl0PicIdx;
  }
}
