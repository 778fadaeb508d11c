import type { Millis } from "../../base/clock.ts";
import { Vp8Descriptor } from "../../wire/rtp/index.ts";
import type { VideoCodecName } from "../port.ts";

/** Length of the header that every packet is brought to on its way in: no CSRCs, no extensions, whose ids mean nothing on another line. */
export const HEADER = 12;

/**
 * One received packet on its way through: parsed once, read by all who forward it. There is one object, used again for each packet: what is to
 * outlive the call must be copied.
 */
export class MediaPacket {
  /** Twelve bytes that each who forwards it may overwrite, then the payload. */
  bytes: Uint8Array = new Uint8Array(0);
  /** Header and payload; padding is left out. */
  length = 0;
  /** With cycles: grows without wrapping. */
  sequence = 0;
  timestamp = 0;
  marker = false;
  codec: VideoCodecName = "H264";
  /** A picture that stands alone begins with this packet. */
  keyFrame = false;
  /** A picture begins with this packet, as far as its payload tells. */
  startsPicture = false;
  /** H.264: `H264Content` bits. */
  content = 0;
  /** VP8: the descriptor. */
  readonly vp8 = new Vp8Descriptor();
  arrival: Millis = 0;

  /** One that stays: its bytes are its own. */
  copy(): MediaPacket {
    const copy = Object.assign(new MediaPacket(), this, {
      bytes: Buffer.from(this.bytes.subarray(0, this.length)),
      vp8: new Vp8Descriptor(),
    });
    Object.assign(copy.vp8, this.vp8);
    return copy;
  }
}
