import type { AudioEncoder, CodecName } from "../../audio/codec.ts";
import { createEncoder } from "../../audio/codecs.ts";

/** What names an encoding: the codec, and what the peer asked of it. */
export function encodingKey(codec: CodecName, opus?: { fec: boolean; dtx: boolean }): string {
  return codec === "opus" ? `opus${opus?.fec ? "+fec" : ""}${opus?.dtx ? "+dtx" : ""}` : codec;
}

/** An encoder for a key of {@link encodingKey}. */
export function encoderFor(key: string): AudioEncoder {
  const [codec = "PCMU", ...options] = key.split("+");
  return createEncoder(codec as CodecName, { opus: { fec: options.includes("fec"), dtx: options.includes("dtx") } });
}
