/** What other rooms import of audio. */
export type { AudioDecoder, AudioEncoder, CodecInfo, CodecName } from "./codec.ts";
export { codecInfo, findCodec } from "./codec.ts";
export { type CodecOptions, createDecoder, createEncoder, loadOpus } from "./codecs.ts";
export { ComfortNoise, describeNoise } from "./comfort-noise.ts";
export { clamp16, FRAME_MS, frameSamples, levelDb, MAX_PACKET_MS, type SampleRate, sampleRates, samplesIn } from "./format.ts";
export { Gain, gainOf } from "./gain.ts";
export { EncoderPool, type MixStream } from "./mix/encoder-pool.ts";
export type { MemberOptions, MixMember } from "./mix/member.ts";
export { type MixEvent, MixRoom, type RoomOptions } from "./mix/room.ts";
export type { OpusEncoderOptions } from "./opus.ts";
export { AudioReceiver, type FrameKind, type ReceiverOptions, type ReceiverStats } from "./receive/receiver.ts";
export type { AudioPacket } from "./receive/timeline.ts";
export { Resampler } from "./resampler.ts";
export { readWav, WAV_HEADER_BYTES, type WavSound, WavWriter, wavHeader, writeWav } from "./wav.ts";
