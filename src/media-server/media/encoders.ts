import type { AudioEncoder, CodecName } from "../../audio/codec.ts";
import { createEncoder } from "../../audio/codecs.ts";
import type { LegConfig } from "../messages.ts";

/** What names an encoding: the codec, and what the peer asked of it. */
export function encodingKey(codec: CodecName, opus?: LegConfig["opus"]): string {
  if (codec !== "opus") return codec;
  const rate = opus?.maxBitrate === undefined ? "" : `+${opus.maxBitrate}`;
  return `opus${opus?.fec ? "+fec" : ""}${opus?.dtx ? "+dtx" : ""}${rate}`;
}

/** An encoder for a key of {@link encodingKey}. */
export function encoderFor(key: string): AudioEncoder {
  const [codec = "PCMU", ...options] = key.split("+");
  const bitrate = Number(options.at(-1));
  return createEncoder(codec as CodecName, {
    opus: { fec: options.includes("fec"), dtx: options.includes("dtx"), ...(bitrate > 0 ? { bitrate } : {}) },
  });
}
