import type { AudioDecoder, AudioEncoder, CodecName } from "./codec.ts";
import type { SampleRate } from "./format.ts";
import { G711Decoder, G711Encoder } from "./g711.ts";
import { G722Decoder, G722Encoder } from "./g722.ts";
import { L16Decoder, L16Encoder } from "./l16.ts";
import { OpusDecoder, OpusEncoder, type OpusEncoderOptions } from "./opus.ts";

/** What a stream's negotiation decided about its codec. */
export interface CodecOptions {
  /** PCM rate wanted where the codec leaves a choice (opus, L16). */
  readonly sampleRate?: SampleRate;
  /** What only an Opus encoder knows. */
  readonly opus?: Omit<OpusEncoderOptions, "sampleRate">;
}

/** A new encoder. Await {@link loadOpus} once before the first one for opus, else its first frames are lost. Throws RangeError for a codec this room has no encoder for. */
export function createEncoder(codec: CodecName, options: CodecOptions = {}): AudioEncoder {
  switch (codec) {
    case "PCMU":
    case "PCMA":
      return new G711Encoder(codec);
    case "L16":
      return new L16Encoder(options.sampleRate);
    case "G722":
      return new G722Encoder();
    case "opus":
      return new OpusEncoder({ ...options.opus, sampleRate: options.sampleRate });
    default:
      throw new RangeError(`no encoder for ${codec}`);
  }
}

/** A new decoder. Throws RangeError for a codec this room has no decoder for. */
export function createDecoder(codec: CodecName, options: CodecOptions = {}): AudioDecoder {
  switch (codec) {
    case "PCMU":
    case "PCMA":
      return new G711Decoder(codec);
    case "L16":
      return new L16Decoder(options.sampleRate);
    case "G722":
      return new G722Decoder();
    case "opus":
      return new OpusDecoder(options.sampleRate);
    default:
      throw new RangeError(`no decoder for ${codec}`);
  }
}

export { loadOpus } from "./opus.ts";
